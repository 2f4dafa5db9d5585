package collections

import (
	"slices"

	"domicile/fhir"
	"domicile/fhir/ds4p"
)

// Vocabulary returns the codes that labels may use: the standard ones and the
// holder's own.
func (p *Private) Vocabulary() *ds4p.Vocabulary {
	if p == nil || len(p.Labels.Local) == 0 {
		return ds4p.Standard()
	}
	if p.vocabulary != nil {
		return p.vocabulary
	}
	v, err := p.Labels.vocabulary()
	if err != nil { // not read by this package, which refuses it
		return ds4p.Standard()
	}
	return v
}

func (l *Labels) vocabulary() (*ds4p.Vocabulary, error) {
	var local []ds4p.LocalSystem
	for _, s := range l.Local {
		out := ds4p.LocalSystem{URL: s.URL, Version: s.Version}
		for _, c := range s.Codes {
			code := ds4p.LocalCode{Code: c.Code, Display: c.Display, Set: c.Set}
			for _, up := range c.Parents {
				code.Parents = append(code.Parents, fhir.Coding{System: up.System, Code: up.Code})
			}
			out.Codes = append(out.Codes, code)
		}
		local = append(local, out)
	}
	return ds4p.Standard().With(local)
}

// matches tells whether a label of a resource is the one meant or a kind of it. A
// label that has no code could mean any: it is taken for each of its system, or of
// every system if it has none, so that a record with an unreadable label is kept
// apart and kept long.
func matches(v *ds4p.Vocabulary, wanted Label, c fhir.Coding) bool {
	if c.Code == "" {
		return c.System == "" || wanted.System == "" || wanted.System == c.System
	}
	system := wanted.System
	if system == "" {
		system = c.System
	}
	return v.IsA(c, fhir.Coding{System: system, Code: wanted.Code})
}

func (p *Private) anyMatch(wanted []Label, labels []fhir.Coding) bool {
	v := p.Vocabulary()
	return slices.ContainsFunc(wanted, func(l Label) bool {
		return slices.ContainsFunc(labels, func(c fhir.Coding) bool { return matches(v, l, c) })
	})
}

// chooses tells whether a selector chooses a resource of a type with these labels.
func (p *Private) chooses(s Selector, rtype string, labels []fhir.Coding) bool {
	if len(s.Types) > 0 && !slices.Contains(s.Types, rtype) {
		return false
	}
	return len(s.Labels) == 0 || p.anyMatch(s.Labels, labels)
}
