package ds4p

import "domicile/fhir"

// ProcessInline is the obligation that a resource with inline labels must carry.
var ProcessInline = fhir.Coding{System: SystemActCode, Code: "PROCESSINLINELABEL"}

// AtRest returns the rules that labels break as the whole set of labels under which
// a resource is kept, whose own labels are in. It is strict: exactly one
// confidentiality, as high as the highest inside; no label unknown; none of the
// resource's own lost; PROCESSINLINELABEL where there are inline labels; a basis on
// each label once more than one policy speaks; every related artifact leads
// somewhere. Errors come first.
func (v *Vocabulary) AtRest(labels []Label, in Inbound) []Issue {
	var issues []Issue
	report := func(rule string, broken bool, text string) {
		if broken {
			issues = append(issues, Issue{Rule: rule, Severity: Error, Text: text})
		}
	}
	count, unknown, policies, baseless, inline := 0, false, map[fhir.Coding]bool{}, false, false
	for _, l := range labels {
		c := l.Coding()
		if l.confidentiality() != "" {
			count++
		}
		unknown = unknown || !v.Known(c)
		inline = inline || c == ProcessInline
		if v.In(c, Policy) {
			policies[c] = true
		}
		if l.Basis == (fhir.Coding{}) {
			baseless = true
		} else {
			policies[l.Basis] = true
		}
	}
	report("T1", count != 1, "exactly one confidentiality is needed")
	report("T2", Rank(MaxConfidentiality(labels)) < Rank(in.MaxConfidentiality()), "the confidentiality is lower than that of a label in the resource")
	report("T5", len(policies) > 1 && baseless, "more than one policy speaks, so each label needs the policy it rests on")
	report("T8", len(v.Missing(in.Labels, labels)) > 0, "a label that the resource carries is missing")
	report("T9", unknown, "a label is not known")
	element := false
	for _, l := range in.Inline {
		element = element || l.Where == WhereElement
		if !v.Known(l.Coding()) {
			issues = append(issues, Issue{"T9", l.Path, Error, "a label inside the resource is not known"})
		}
	}
	report("T4", element && !inline, "the resource has inline labels, so PROCESSINLINELABEL is needed")
	return append(issues, in.Issues...)
}
