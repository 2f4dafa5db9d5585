package collections

import (
	"slices"

	"domicile/fhir"
)

// isA tells whether a label of a resource is the wanted one.
func isA(_ *Private, c fhir.Coding, wanted Label) bool {
	return wanted.Code == c.Code && (wanted.System == "" || wanted.System == c.System)
}

// matches tells whether a label of a resource is the one meant. A label that has no
// code could mean any: it is taken for each of its system, or of every system if it
// has none, so that a record with an unreadable label is kept apart and kept long.
func (p *Private) matches(wanted Label, c fhir.Coding) bool {
	if c.Code == "" {
		return c.System == "" || wanted.System == "" || wanted.System == c.System
	}
	return isA(p, c, wanted)
}

func (p *Private) anyMatch(wanted []Label, labels []fhir.Coding) bool {
	return slices.ContainsFunc(wanted, func(l Label) bool {
		return slices.ContainsFunc(labels, func(c fhir.Coding) bool { return p.matches(l, c) })
	})
}

// chooses tells whether a selector chooses a resource of a type with these labels.
func (p *Private) chooses(s Selector, rtype string, labels []fhir.Coding) bool {
	if len(s.Types) > 0 && !slices.Contains(s.Types, rtype) {
		return false
	}
	return len(s.Labels) == 0 || p.anyMatch(s.Labels, labels)
}
