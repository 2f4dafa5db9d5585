package chaincode

import (
	"fmt"
	"slices"
	"strings"

	"domicile/chaincode/record"
	"domicile/collections"
	"domicile/fhir"
	"domicile/fhir/ds4p"
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

// The rules that no label of the resource is missing, and that every label is known.
const (
	ruleLost    = "T8"
	ruleUnknown = "T9"
)

// inside are the known labels of parts of a resource, confidentiality apart: the whole
// is kept, routed and held as its parts ask.
func (c *call) inside(in ds4p.Inbound) []ds4p.Label {
	var out []ds4p.Label
	for _, l := range in.Inline {
		known := l.Code != "" && l.System != ds4p.SystemConfidentiality && c.part.Vocabulary().Known(l.Coding())
		if known && !slices.ContainsFunc(out, func(o ds4p.Label) bool { return o.Coding() == l.Coding() && o.Basis == l.Basis }) {
			label := l.Label
			label.Origin, label.Artifacts = ds4p.OriginInline, nil
			out = append(out, label)
		}
	}
	return out
}

// stillUnknown keeps a record quarantined for a label of a part of the resource, which
// is not among those at rest. The key it reads is one whose hash every amendment reads.
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

// plainLabels is the set at rest of a record for which the client gave none: the
// resource's own labels with one confidentiality, at least the holder's default
// and what the holder gives its labels.
func (c *call) plainLabels(in ds4p.Inbound) []ds4p.Label {
	words := c.part.Vocabulary()
	level, origin := in.MaxConfidentiality(), ds4p.OriginInbound
	if level == "" {
		level, origin = c.part.DefaultConfidentiality(), ds4p.OriginDefault
	}
	var out []ds4p.Label
	var basis fhir.Coding
	for _, l := range slices.Concat(in.Labels, c.inside(in)) {
		if l.System == ds4p.SystemConfidentiality && ds4p.Rank(l.Code) > 0 {
			if l.Code == level {
				basis = l.Basis
			}
			continue
		}
		for _, m := range c.part.Labels.Confidentiality {
			named := fhir.Coding{System: m.Label.System, Code: m.Label.Code}
			same := words.IsA(l.Coding(), named) || m.Label.System == "" && l.Code == m.Label.Code
			if same && ds4p.Rank(m.Is) > ds4p.Rank(level) {
				level, origin, basis = m.Is, ds4p.OriginMap, fhir.Coding{}
			}
		}
		out = append(out, l)
	}
	out = append(out, ds4p.Label{System: ds4p.SystemConfidentiality, Code: level, Basis: basis, Origin: origin})
	inline := slices.ContainsFunc(in.Inline, func(l ds4p.Inline) bool { return l.Where == ds4p.WhereElement })
	has := slices.ContainsFunc(out, func(l ds4p.Label) bool { return l.Coding() == ds4p.ProcessInline })
	if inline && !has {
		out = append(out, ds4p.Label{System: ds4p.ProcessInline.System, Code: ds4p.ProcessInline.Code, Origin: ds4p.OriginPolicy})
	}
	return words.WithBasis(out)
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
	"": true, record.OriginInbound: true, record.OriginInline: true, record.OriginRule: true, record.OriginDefault: true,
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
		case ds4p.OriginConsent:
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
			return record.Fail(record.CodeBadLabels, id+" has 42CFRPart2 without a source fact")
		}
	}
	return nil
}

// carries tells whether a resource has the label 42CFRPart2, anywhere in it.
func carries(in ds4p.Inbound) bool {
	return slices.ContainsFunc(in.Labels, func(l ds4p.Label) bool { return l.Coding() == ds4p.Part2 }) ||
		slices.ContainsFunc(in.Inline, func(l ds4p.Inline) bool { return l.Coding() == ds4p.Part2 })
}
