package gateway

import (
	"context"
	"errors"
	"iter"
	"slices"

	"domicile/chaincode/record"
	"domicile/chaincode/record/atrest"
	"domicile/collections"
	"domicile/fhir"
	"domicile/fhir/ds4p"
)

// What relabelling does with a record.
const (
	RelabelStamp     = "stamp"     // the same labels, under the rules in force
	RelabelUpgrade   = "upgrade"   // more or stricter labels
	RelabelDowngrade = "downgrade" // a label would go: only a person may do that
	RelabelMove      = "move"      // the labels ask for another collection
)

// Relabeling is one record whose labels are not those that the rules in force give
// it, or that its labels ask to lie elsewhere.
type Relabeling struct {
	ID         string `json:"id"`
	Collection string `json:"collection"`
	Action     string `json:"action"` // one of the Relabel constants
	// To and NewID are the collection and id of the copy, with RelabelMove.
	To    string `json:"to,omitempty"`
	NewID string `json:"newId,omitempty"`
	// Rules are the rule set that the labels come from now, by SHA-256.
	Rules string `json:"rules,omitempty"`
	// Adds and Lacks are labels that the new set has and the old one has not, and
	// the other way round: as private as the record.
	Adds  []record.Label `json:"adds,omitempty"`
	Lacks []record.Label `json:"lacks,omitempty"`
	Size  int            `json:"size,omitempty"` // bytes of the resource
	// Done is set by [Client.RunLabels].
	Done bool `json:"done,omitempty"`
	// Code says why nothing was done with it, if so.
	Code record.Code `json:"code,omitempty"`

	labels []record.Label
	meta   *record.Meta
	facts  []record.Fact
	// matters are those of all holds that bind the record.
	matters []string
}

// RelabelOptions say which records to look at, and who does what.
type RelabelOptions struct {
	// Collections default to all that the organisation holds and may write to.
	Collections []string
	// All looks at records of the rules in force, too: what else the private part says of
	// labels (the posture, the map of confidentiality, local codes) has changed.
	All bool
	// Officer carries holds to moved records and reads what is closed to others;
	// Purger destroys what was moved. They default to the client itself, whose
	// role may not allow it: then those steps are left for a later run.
	Officer, Purger *Client
}

func (o RelabelOptions) officer(c *Client) *Client {
	if o.Officer != nil {
		return o.Officer
	}
	return c
}

func (o RelabelOptions) purger(c *Client) *Client {
	if o.Purger != nil {
		return o.Purger
	}
	return c
}

// PlanLabels yields the records whose labels were made by other rules than those in
// force, with [RelabelOptions].All those too that the private part would label otherwise
// now, or whose labels ask for another collection. It changes nothing and holds
// one page of the index at a time. The role is writer.
//
// A record keeps every label that a person, a declaration or a consent gave it, as
// the input that said so is not there any more.
func (c *Client) PlanLabels(ctx context.Context, o RelabelOptions) iter.Seq2[Relabeling, error] {
	return func(yield func(Relabeling, error) bool) {
		names, err := c.writable(ctx, o.Collections)
		if err != nil {
			yield(Relabeling{}, err)
			return
		}
		for _, name := range names {
			p, err := c.newRelabeler(ctx, name, o)
			if err != nil {
				yield(Relabeling{}, err)
				return
			}
			for e, err := range c.ExplainAll(ctx, name) {
				if err != nil {
					yield(Relabeling{}, err)
					return
				}
				r, err := p.judge(ctx, e.Explanation)
				if err != nil {
					yield(Relabeling{}, err)
					return
				}
				if r != nil && !yield(*r, nil) {
					return
				}
			}
		}
	}
}

// writable returns the collections that the organisation may write to.
func (c *Client) writable(ctx context.Context, names []string) ([]string, error) {
	all, err := c.Collections(ctx)
	if err != nil {
		return nil, err
	}
	if len(names) > 0 {
		all = names
	}
	var out []string
	for _, name := range all {
		col, err := c.holding(ctx, name)
		if err != nil {
			return nil, err
		}
		if len(names) > 0 || col.Allows(c.settings.Org, record.RoleWriter) {
			out = append(out, name)
		}
	}
	return out, nil
}

// relabeler judges the records of one collection.
type relabeler struct {
	c       *Client
	officer *Client
	col     *collections.Collection
	labels  *labeler
	key     []byte
	all     bool
}

func (c *Client) newRelabeler(ctx context.Context, collection string, o RelabelOptions) (*relabeler, error) {
	key, err := c.needIndexKey()
	if err != nil {
		return nil, err
	}
	col, err := c.holding(ctx, collection)
	if err != nil {
		return nil, err
	}
	part, err := c.Private(ctx, col.Log)
	if err != nil {
		return nil, err
	}
	l, err := c.newLabeler(part)
	if err != nil {
		return nil, err
	}
	return &relabeler{c: c, officer: o.officer(c), col: col, labels: l, key: key, all: o.All}, nil
}

// judge returns what is to be done with a record, nil for nothing.
func (p *relabeler) judge(ctx context.Context, e record.Explanation) (*Relabeling, error) {
	m := e.Meta
	old := atrest.Labels(m.Labels)
	r := &Relabeling{
		ID: e.ID, Collection: p.col.Name, Rules: m.Rules, Size: m.Size,
		labels: m.Labels, meta: m, facts: Valid(e.Facts), matters: e.Matters,
	}
	if m.Rules != p.labels.digest() || p.all && !decided(m) {
		res, err := p.resource(ctx, e.ID)
		if code := record.CodeOf(err); code == record.CodeLimited || code == record.CodeQuarantined || code == record.CodeForbidden {
			r.Action, r.Code = RelabelUpgrade, code
			return r, nil
		}
		if errors.Is(err, ErrGone) || errors.Is(err, ErrAbsent) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		p.relabel(r, old, res)
		if r.Action == RelabelDowngrade {
			return r, nil
		}
	}
	p.route(r)
	if r.Action == "" {
		return nil, nil
	}
	return r, nil
}

// decided tells whether a person, with a reason, was the last to change the labels: under
// the same rules that stands.
func decided(m *record.Meta) bool {
	n := len(m.History)
	return n > 0 && m.History[n-1].Reason != ""
}

// relabel computes the new set and says how it differs from the old one.
func (p *relabeler) relabel(r *Relabeling, old []ds4p.Label, res *fhir.Resource) {
	set := p.labels.label(res, sourceOf(old)).Labels
	set = keepDecided(p.labels.words, old, set)
	r.labels = atrest.Stored(set)
	r.Lacks = atrest.Stored(p.labels.words.Missing(old, set))
	r.Adds = atrest.Stored(p.labels.words.Missing(set, old))
	switch {
	case len(r.Lacks) > 0:
		r.Action = RelabelDowngrade
	case len(r.Adds) > 0:
		r.Action = RelabelUpgrade
	case r.Rules != p.labels.digest():
		r.Action = RelabelStamp
	}
}

// keepDecided adds the labels that a person decided on: no rule takes them away.
func keepDecided(words *ds4p.Vocabulary, old, set []ds4p.Label) []ds4p.Label {
	for _, l := range words.Missing(old, set) {
		if l.Origin != ds4p.OriginOfficer {
			continue
		}
		if l.System == ds4p.SystemConfidentiality {
			set = slices.DeleteFunc(set, func(x ds4p.Label) bool { return x.System == ds4p.SystemConfidentiality })
		}
		set = append(set, l)
	}
	return set
}

// route turns the action into a move when the labels ask for another collection.
func (p *relabeler) route(r *Relabeling) {
	if len(p.col.Members) > 1 {
		return // nobody routes copies held for others
	}
	to := p.labels.part.Route(r.meta.Type, ds4p.Codings(atrest.Labels(r.labels)))
	if to == p.col.Name {
		return
	}
	r.Action, r.To, r.NewID = RelabelMove, to, movedID(p.key, r.ID)
}

// resource reads a record, as the officer where others may not.
func (p *relabeler) resource(ctx context.Context, id string) (*fhir.Resource, error) {
	rec, err := p.c.getFrom(ctx, p.col.Name, id)
	if errors.Is(err, ErrLimited) || errors.Is(err, ErrQuarantined) {
		rec, err = p.officer.getFrom(ctx, p.col.Name, id)
	}
	if err != nil {
		return nil, err
	}
	res, err := fhir.Parse(rec.Bytes)
	if err != nil {
		return nil, record.Fail(record.CodeBadResource, id)
	}
	return res, nil
}
