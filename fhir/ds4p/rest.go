package ds4p

import "domicile/fhir"

// ProcessInline is the obligation that a resource with inline labels must carry.
var ProcessInline = fhir.Coding{System: SystemActCode, Code: "PROCESSINLINELABEL"}

// AtRest returns the rules that labels break as the whole set under which a
// resource is kept; in is what the resource itself carries. It is strict:
//
//   - T1: exactly one confidentiality.
//   - T2: it is at least as high as any inside the resource.
//   - T4: PROCESSINLINELABEL is there if elements have inline labels.
//   - T5: each label has its basis once more than one policy speaks.
//   - T8: no label that the resource carries is missing.
//   - T9: every label is known, here and inside the resource.
//
// What [Read] found wrong (T3, T5, T6) is repeated at the end. An empty result
// means that the set may be kept; warnings do not forbid it, see [Refused].
func (v *Vocabulary) AtRest(labels []Label, in Inbound) []Issue {
	s := v.survey(labels)
	var unknown []Issue
	for _, l := range in.Inline {
		if !v.Known(l.Coding()) {
			unknown = append(unknown, Issue{"T9", l.Path, Error, "a label inside the resource is not known"})
		}
	}
	var issues []Issue
	report := func(rule string, broken bool, text string) {
		if broken {
			issues = append(issues, Issue{Rule: rule, Severity: Error, Text: text})
		}
	}
	report("T1", s.confidentialities != 1, "exactly one confidentiality is needed")
	report("T2", Rank(s.highest) < Rank(in.MaxConfidentiality()), "the confidentiality is lower than that of a label in the resource")
	report("T4", in.OnElements() && !s.inline, "the resource has inline labels, so PROCESSINLINELABEL is needed")
	report("T5", len(s.policies) > 1 && s.baseless, "more than one policy speaks, so each label needs the policy it rests on")
	report("T8", len(v.Missing(in.Labels, labels)) > 0, "a label that the resource carries is missing")
	report("T9", s.unknown, "a label is not known")
	return append(append(issues, unknown...), in.Issues...)
}

// survey is what AtRest must know of a set of labels.
type survey struct {
	confidentialities int
	highest           string
	inline            bool          // PROCESSINLINELABEL is there
	policies          []fhir.Coding // labels that are policies, and bases; each once
	baseless          bool          // a label has no basis
	unknown           bool
}

func (v *Vocabulary) survey(labels []Label) survey {
	s := survey{highest: MaxConfidentiality(labels)}
	for _, l := range labels {
		c := l.Coding()
		if l.confidentiality() != "" {
			s.confidentialities++
		}
		s.inline = s.inline || c == ProcessInline
		s.unknown = s.unknown || !v.Known(c)
		if v.In(c, Policy) {
			s.policy(c)
		}
		if l.Basis.Code == "" {
			s.baseless = true
		} else {
			s.policy(l.Basis)
		}
	}
	return s
}

func (s *survey) policy(c fhir.Coding) {
	for _, p := range s.policies {
		if p == c {
			return
		}
	}
	s.policies = append(s.policies, c)
}

// WithBasis returns labels with a basis on each if exactly one policy speaks among
// them; otherwise a copy. While a single policy speaks, the guide lets labels go
// without a basis, and only then is it certain which one is meant: so fill it in
// before a second policy's labels are added.
func (v *Vocabulary) WithBasis(labels []Label) []Label {
	out := append([]Label(nil), labels...)
	s := v.survey(labels)
	if len(s.policies) == 1 {
		for i := range out {
			if out[i].Basis.Code == "" {
				out[i].Basis = s.policies[0]
			}
		}
	}
	return out
}
