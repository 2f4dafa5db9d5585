package gateway

import (
	"context"
	"errors"
	"io"
	"iter"

	"domicile/chaincode/record"
	"domicile/chaincode/record/atrest"
	"domicile/collections"
	"domicile/fhir"
	"domicile/fhir/ds4p"
	"domicile/fhir/labeling"
)

// LabelReport says which labels a resource gets and why. It is as private as the
// resource: it names codes that stand in it.
type LabelReport struct {
	// Ordinal is the place in the input, from 0; ID and Collection are those of a
	// stored record.
	Ordinal    int    `json:"ordinal"`
	ID         string `json:"id,omitempty"`
	Collection string `json:"collection,omitempty"`
	Type       string `json:"type"`
	// Labels are what the rules in force give it, with what came with it. What a stored
	// record has is in Stored.
	Labels   []record.Label     `json:"labels"`
	Findings []labeling.Finding `json:"findings,omitempty"`
	Issues   []ds4p.Issue       `json:"issues,omitempty"`
	// Mark is the high-water mark of a Bundle that is one record: what it may bear for
	// all to see without telling what is in it.
	Mark []record.Label `json:"mark,omitempty"`
	// Route is the collection that the labels ask for, those Stored if there are, ""
	// when nobody knows.
	Route string `json:"route,omitempty"`
	// Stored, Rules and History are the labels on the ledger, the rule set they
	// came from, and those before them.
	Stored  []record.Label   `json:"stored,omitempty"`
	Rules   string           `json:"rules,omitempty"`
	History []record.Relabel `json:"history,omitempty"`
	// Adds are labels that the rules in force give and the stored record has not, Lacks
	// those that it has from elsewhere: a person decided on the one or the other, or
	// label run has not come by.
	Adds  []record.Label `json:"adds,omitempty"`
	Lacks []record.Label `json:"lacks,omitempty"`
	// Current is false when the stored labels are of another rule set than the one
	// in force.
	Current bool `json:"current,omitempty"`
}

// ExplainLabels says why a stored record carries its labels. The role is writer.
func (c *Client) ExplainLabels(ctx context.Context, id string) (*LabelReport, error) {
	found, err := c.Locate(ctx, []string{id})
	if err != nil {
		return nil, err
	}
	at := found[0]
	if at.State.State != record.InsidePresent {
		code := record.CodeAbsent
		if at.State.State != record.InsideAbsent {
			code = record.CodeGone
		}
		return nil, record.Fail(code, id)
	}
	p, err := c.newRelabeler(ctx, at.Collection, RelabelOptions{})
	if err != nil {
		return nil, err
	}
	why, err := c.Explain(ctx, at.Collection, []string{id})
	if err != nil {
		return nil, err
	}
	m := why[0].Meta
	if m == nil {
		return nil, record.Fail(record.CodeGone, id)
	}
	res, err := p.resource(ctx, id)
	if err != nil {
		return nil, err
	}
	stored := atrest.Labels(m.Labels)
	out := p.labels.label(res, sourceOf(stored))
	r := reportOf(res, out, stored)
	r.ID, r.Collection, r.Stored, r.Rules, r.History = id, at.Collection, m.Labels, m.Rules, m.History
	r.Route, r.Current = p.labels.part.Route(res.Type, ds4p.Codings(stored)), m.Rules == p.labels.digest()
	r.Adds = atrest.Stored(p.labels.words.Missing(out.Labels, stored))
	r.Lacks = atrest.Stored(p.labels.words.Missing(stored, out.Labels))
	return r, nil
}

// reportOf is the report of a resource with labels at rest.
func reportOf(r *fhir.Resource, out labeling.Outcome, rest []ds4p.Label) *LabelReport {
	rep := &LabelReport{Type: r.Type, Labels: atrest.Stored(out.Labels), Findings: out.Findings, Issues: out.Issues}
	if r.Type == "Bundle" {
		rep.Mark = atrest.Stored(ds4p.HighWaterMark(rest))
	}
	return rep
}

// sourceOf reads from stored labels what the input said that the record was in: what made
// it one of Part 2, the labels of its Bundle, and those of the
// record it replaces.
func sourceOf(old []ds4p.Label) labeling.Source {
	s := labeling.Source{}
	for _, l := range old {
		if l.Coding() == ds4p.Part2 {
			s.Declared = s.Declared || l.Origin == ds4p.OriginDeclared
			s.Consent = s.Consent || l.Origin == ds4p.OriginConsent
		}
		if l.Origin == ds4p.OriginBundle || l.Origin == ds4p.OriginReplaced {
			s.Around = append(s.Around, l)
		}
	}
	return s
}

// LabelFile says, without any ledger, which labels the resources of an input would
// get, as an import would read it. part may be nil: then the rules alone decide, with
// the defaults of package labeling. rules may be nil. declared is [ImportOptions].Part2.
func LabelFile(r io.ReadSeeker, part *collections.Private, rules *labeling.RuleSet, declared bool) iter.Seq2[*LabelReport, error] {
	return func(yield func(*LabelReport, error) bool) {
		opts := labelOptions(part)
		sum, err := fhir.Inspect(r, fhir.SplitOptions{})
		if err != nil {
			yield(nil, inputError(err))
			return
		}
		m := &importer{key: make([]byte, record.IndexKeyLen), sum: sum, o: ImportOptions{Part2: declared}, consent: map[string]bool{}, shell: labeling.NewShell(sum.Shell)}
		each := func(f func(fhir.Entry, []string) bool) error {
			if _, err := r.Seek(0, io.SeekStart); err != nil {
				return err
			}
			for e, err := range fhir.Split(r, sum) {
				if err != nil {
					return err
				}
				if e.Resource != nil && !f(e, subjectTokens(m.key, m.resolve, e.Resource, e.FullURL)) {
					return errStopped
				}
			}
			return nil
		}
		err = each(func(e fhir.Entry, tokens []string) bool {
			m.shell.Meet(e.Resource)
			consent := labeling.Part2Consent(e.Resource)
			for _, t := range tokens {
				m.consent[t] = m.consent[t] || consent
			}
			return true
		})
		if err == nil {
			err = each(func(e fhir.Entry, tokens []string) bool {
				out := rules.Label(e.Resource, opts, m.source(e, tokens))
				rep := reportOf(e.Resource, out, out.Labels)
				rep.Ordinal = e.Ordinal
				if part != nil {
					rep.Route = part.Route(e.Resource.Type, ds4p.Codings(out.Labels))
				}
				return yield(rep, nil)
			})
		}
		if err != nil && !errors.Is(err, errStopped) {
			yield(nil, inputError(err))
		}
	}
}

// labelOptions are those of a private part.
func labelOptions(part *collections.Private) labeling.Options {
	if part == nil {
		return labeling.Options{}
	}
	return part.LabelOptions()
}
