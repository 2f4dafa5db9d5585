package chaincode

import (
	"fmt"
	"slices"
	"strings"

	"domicile/chaincode/record"
	"domicile/chaincode/record/atrest"
	"domicile/collections"
	"domicile/fhir"
	"domicile/fhir/ds4p"
	"domicile/fhir/labeling"
)

// Bounds of what is kept about the labels of one record.
const (
	maxLabels  = 256 // of one record, inline ones included
	maxHistory = 64  // older sets; a change too many is refused, none is forgotten
	maxRuleLen = 512 // bytes of a rule's canonical URL
)

// labelSet is a set of labels on its way to rest.
type labelSet struct {
	labels      []ds4p.Label
	asked       []fhir.Coding // as they ask for a collection: before a quarantine raises them
	quarantined bool
	inline      bool // elements of the resource have inline labels; known at put
}

// settle checks a set of labels by the strict rules for labels at rest; in is what
// the resource itself carries. id names the record in errors.
func (c *call) settle(id string, labels []ds4p.Label, in ds4p.Inbound) (labelSet, error) {
	s := labelSet{labels: labels, asked: ds4p.Codings(labels)}
	var broken []string
	for _, issue := range c.part.Vocabulary().AtRest(labels, in) {
		switch {
		case issue.Severity != ds4p.Error:
		case issue.Rule == ruleUnknown:
			s.quarantined = true
		case !slices.Contains(broken, issue.Rule):
			broken = append(broken, issue.Rule)
		}
	}
	if len(c.part.Vocabulary().Missing(c.inside(in), labels)) > 0 && !slices.Contains(broken, ruleLost) {
		broken = append(broken, ruleLost)
	}
	if len(broken) > 0 {
		slices.Sort(broken)
		return s, record.Fail(record.CodeBadLabels, id+" "+strings.Join(broken, " "))
	}
	if !s.quarantined {
		return s, nil
	}
	if c.part.Setting(c.coll.Name).Unknown != collections.UnknownQuarantine {
		return s, record.Fail(record.CodeUnknownLabel, id)
	}
	s.labels = raise(labels, "R")
	return s, nil
}

// The rules that inline labels are to be processed, that no label of the resource is
// missing, and that every label is known; and those about 42 CFR Part 2 (docs/labels.md), named so that no error shows a label.
const (
	ruleInline  = "T4"
	ruleLost    = "T8"
	ruleUnknown = "T9"
	ruleSource  = "P1" // the policy label follows from a source fact
	rulePosture = "P2" // a record about a person has it where the holder's posture says so
)

// inside are the labels of parts of a resource, unknown ones too, confidentiality apart:
// the whole is kept, routed and held as its parts ask.
func (c *call) inside(in ds4p.Inbound) []ds4p.Label {
	var out []ds4p.Label
	for _, l := range in.Inline {
		grade := l.System == ds4p.SystemConfidentiality && ds4p.Rank(l.Code) > 0
		if !grade && !slices.ContainsFunc(out, func(o ds4p.Label) bool { return o.Coding() == l.Coding() && o.Basis == l.Basis }) {
			label := l.Label
			label.Origin, label.Artifacts = ds4p.OriginInline, nil
			out = append(out, label)
		}
	}
	return out
}

// stillUnknown keeps a record quarantined for a label of a part of the resource, which
// may not be among those at rest. The key it reads is one whose hash every amendment reads.
func (c *call) stillUnknown(id string, set *labelSet) error {
	body, err := c.read(c.coll.Name, record.RecordKey(id))
	if err != nil {
		return err
	}
	res, err := fhir.Parse(body)
	if err != nil {
		return badResource(err, id)
	}
	words := c.part.Vocabulary()
	if slices.ContainsFunc(ds4p.Read(res).Inline, func(l ds4p.Inline) bool { return !words.Known(l.Coding()) }) {
		set.quarantined, set.labels = true, raise(set.labels, "R")
	}
	return nil
}

// raise returns labels with at least a confidentiality.
func raise(labels []ds4p.Label, to string) []ds4p.Label {
	if ds4p.Rank(ds4p.MaxConfidentiality(labels)) >= ds4p.Rank(to) {
		return labels
	}
	out := slices.Clone(labels)
	for i := range out {
		if out[i].System == ds4p.SystemConfidentiality && ds4p.Rank(out[i].Code) > 0 {
			out[i].Code, out[i].Origin, out[i].Rule = to, ds4p.OriginPolicy, ""
		}
	}
	return out
}

// plainLabels is the set at rest of a record for which the client gave none: what the
// labelling service gives it without any rule.
func (c *call) plainLabels(res *fhir.Resource) []ds4p.Label {
	var none *labeling.RuleSet
	return c.part.Vocabulary().WithBasis(none.Label(res, c.part.LabelOptions(), labeling.Source{}).Labels)
}

// programme refuses a record about a person without the label that the posture of the
// holder gives it. A copy of a record that has it no more is what an officer made of it.
func (c *call) programme(res *fhir.Resource, labels []ds4p.Label, origin *record.Meta, id string) error {
	if c.part.Custodian.Part2 != collections.Part2Program || !labeling.AboutPerson(res) || carries(ds4p.Inbound{Labels: labels}) {
		return nil
	}
	if origin != nil && origin.SHA256 == digestOf(res) && !carries(ds4p.Inbound{Labels: atrest.Labels(origin.Labels)}) {
		return nil
	}
	return record.Fail(record.CodeBadLabels, id+" "+rulePosture)
}

// checkLabels checks the form of labels in a request.
func checkLabels(list []record.Label, at string) error {
	if len(list) > maxLabels {
		return record.Fail(record.CodeTooLarge, fmt.Sprintf("%s has more than %d labels", at, maxLabels))
	}
	for i, l := range list {
		if max(len(l.System), len(l.Code), len(l.BasisSystem), len(l.BasisCode)) > maxCodeLen || len(l.Rule) > maxRuleLen || !origins[l.Origin] {
			return record.Fail(record.CodeBadRequest, fmt.Sprintf("%s[%d] is too long or of no known origin", at, i))
		}
	}
	return nil
}

var origins = map[string]bool{
	"": true, record.OriginInbound: true, record.OriginInline: true, record.OriginBundle: true, record.OriginReplaced: true, record.OriginRule: true, record.OriginDefault: true,
	record.OriginMap: true, record.OriginPosture: true, record.OriginConsent: true, record.OriginDeclared: true,
	record.OriginPolicy: true, record.OriginOfficer: true,
}

// sourced refuses the label 42CFRPart2 from nowhere: it follows from who made or
// held the record, never from its codes. carried tells whether the resource, or the
// record before, carries it; decided, whether a person decides it now.
func (c *call) sourced(id string, labels []ds4p.Label, carried, decided bool) error {
	for _, l := range labels {
		if l.Coding() != ds4p.Part2 {
			continue
		}
		ok := false
		switch l.Origin {
		case ds4p.OriginConsent, ds4p.OriginBundle, ds4p.OriginReplaced:
			ok = true
		case ds4p.OriginDeclared:
			p := c.part.Custodian.Part2
			ok = carried || p == collections.Part2Declared || p == collections.Part2Program
		case ds4p.OriginPosture:
			// What came from the posture of its day keeps its label.
			ok = decided || carried || c.part.Custodian.Part2 == collections.Part2Program
		case ds4p.OriginOfficer:
			ok = decided || carried
		case ds4p.OriginInbound, ds4p.OriginInline:
			ok = carried
		}
		if !ok {
			return record.Fail(record.CodeBadLabels, id+" "+ruleSource)
		}
	}
	return nil
}

// carries tells whether a resource has the label 42CFRPart2, anywhere in it.
func carries(in ds4p.Inbound) bool {
	return slices.ContainsFunc(in.Labels, func(l ds4p.Label) bool { return l.Coding() == ds4p.Part2 }) ||
		slices.ContainsFunc(in.Inline, func(l ds4p.Inline) bool { return l.Coding() == ds4p.Part2 })
}
