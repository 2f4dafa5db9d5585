package labeling

import (
	"domicile/fhir"
	"domicile/fhir/ds4p"
)

// Shell is what a Bundle that is split says about its entries, which would be lost with
// it. An entry without a label of its own gets every label of the Bundle. One that has
// labels gets those that no entry has: a Bundle bears the high-water mark of its parts,
// and what one of them explains says nothing of the others. What the Bundle says of one
// entry, beside its resource, that entry gets.
//
// The nil Shell says nothing.
type Shell struct {
	own    []ds4p.Label // of the Bundle
	spread []ds4p.Label // those of them that no entry has
}

// NewShell reads a Bundle without its entries ([fhir.Summary].Shell), nil for none.
func NewShell(bundle *fhir.Resource) *Shell {
	s := &Shell{own: around(bundle)}
	s.spread = s.own
	return s
}

// Meet tells the shell of an entry. All of them are met before the first is labelled.
func (s *Shell) Meet(r *fhir.Resource) {
	if s == nil || len(s.spread) == 0 || r == nil {
		return
	}
	in := ds4p.Read(r)
	has := in.Labels
	for _, l := range in.Inline {
		has = append(has, l.Label)
	}
	s.spread = vocabulary().Missing(s.spread, has)
}

// Of returns the labels that come to an entry from around it.
func (s *Shell) Of(e fhir.Entry) []ds4p.Label {
	if s == nil || e.Resource == nil {
		return nil
	}
	labels := around(e.Shell())
	switch {
	case len(s.own) == 0:
		return labels
	case len(ds4p.Read(e.Resource).Labels) == 0:
		return append(labels, s.own...)
	}
	return append(labels, s.spread...)
}

// around returns every label of a shell but the duty to process its own inline labels,
// which stay behind with what they are on.
func around(shell *fhir.Resource) []ds4p.Label {
	if shell == nil {
		return nil
	}
	var out []ds4p.Label
	add := func(l ds4p.Label) {
		if l.Coding() != ds4p.ProcessInline {
			l.Origin, l.Artifacts = ds4p.OriginBundle, nil
			out = append(out, l)
		}
	}
	in := ds4p.Read(shell)
	for _, l := range in.Labels {
		add(l)
	}
	for _, l := range in.Inline {
		add(l.Label)
	}
	return out
}
