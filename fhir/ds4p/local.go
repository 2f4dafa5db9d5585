package ds4p

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"domicile/fhir"
)

// LocalSystem is a code system that a holder configures, for what HL7 Terminology
// has no codes for (abortion, contraception, gender-affirming care).
type LocalSystem struct {
	// URL identifies the system; labels carry it. None of the standard ones.
	URL string
	// Version is the holder's own, for the record; may be empty.
	Version string
	Codes   []LocalCode
}

// LocalCode is a code of a local system.
type LocalCode struct {
	Code    string
	Display string
	// Set names the tag set ([TagSet.String]); empty takes the sets of the parents.
	// Confidentiality is not possible: its order is fixed.
	Set string
	// Parents are codes that this one is a kind of, of any system of the
	// vocabulary, those after it included.
	Parents []fhir.Coding
}

// With returns a vocabulary that knows the local systems too. It fails if a system
// or code is there already or has no name, a parent is unknown, a code would be in
// no set, or codes are kinds of each other. v stays as it is.
func (v *Vocabulary) With(local []LocalSystem) (*Vocabulary, error) {
	out := &Vocabulary{concepts: slices.Clone(v.concepts), index: maps.Clone(v.index), systems: slices.Clone(v.systems)}
	first := int32(len(out.concepts))
	for _, s := range local {
		if err := out.addSystem(s); err != nil {
			return nil, err
		}
	}
	n := first
	for _, s := range local {
		for _, c := range s.Codes {
			for _, p := range c.Parents {
				at, ok := out.index[p]
				if !ok {
					return nil, fmt.Errorf("local system %s, code %s: its parent %s of %s is in no system of the vocabulary", s.URL, c.Code, p.Code, p.System)
				}
				out.concepts[n].parents = append(out.concepts[n].parents, at)
			}
			n++
		}
	}
	n = first
	for _, s := range local {
		for _, c := range s.Codes {
			if err := out.settle(n, map[int32]bool{}); err != nil {
				return nil, fmt.Errorf("local system %s, code %s: %w", s.URL, c.Code, err)
			}
			n++
		}
	}
	return out, nil
}

// addSystem adds the system's codes with the sets that they name.
func (v *Vocabulary) addSystem(s LocalSystem) error {
	if s.URL == "" || strings.ContainsAny(s.URL, " \t\r\n") || !strings.Contains(s.URL, ":") {
		return fmt.Errorf("local system %q: its url must be a URI", s.URL)
	}
	if slices.ContainsFunc(v.systems, func(o System) bool { return o.URL == s.URL }) {
		return fmt.Errorf("local system %s: the vocabulary has it already; give your codes a url of their own", s.URL)
	}
	v.systems = append(v.systems, System{URL: s.URL, Version: s.Version, Local: true})
	for _, c := range s.Codes {
		coding := fhir.Coding{System: s.URL, Code: c.Code}
		if c.Code == "" || strings.TrimSpace(c.Code) != c.Code {
			return fmt.Errorf("local system %s: code %q is empty or has spaces around it", s.URL, c.Code)
		}
		if _, twice := v.index[coding]; twice {
			return fmt.Errorf("local system %s: code %s is there twice", s.URL, c.Code)
		}
		var sets []TagSet
		if c.Set != "" {
			set, err := ParseTagSet(c.Set)
			if err != nil {
				return fmt.Errorf("local system %s, code %s: %w", s.URL, c.Code, err)
			}
			if set == Confidentiality {
				return fmt.Errorf("local system %s, code %s: confidentiality has six codes in a fixed order; choose another set", s.URL, c.Code)
			}
			sets = []TagSet{set}
		}
		v.add(concept{coding: coding, display: c.Display, sets: sets})
	}
	return nil
}

// settle fills in what the local concept n is a kind of and the sets that it has
// from its parents.
func (v *Vocabulary) settle(n int32, open map[int32]bool) error {
	c := &v.concepts[n]
	if c.up != nil {
		return nil
	}
	if open[n] {
		return fmt.Errorf("it is a kind of itself")
	}
	open[n] = true
	up := []int32{n}
	sets := slices.Clone(c.sets)
	for _, p := range c.parents {
		if err := v.settle(p, open); err != nil {
			return err
		}
		parent := &v.concepts[p]
		up = append(up, parent.up...)
		sets = append(sets, parent.sets...)
	}
	slices.Sort(up)
	c.up = slices.Compact(up)
	sets = append(sets, v.rooted(c.up)...)
	slices.Sort(sets)
	c.sets = slices.Compact(sets)
	if len(c.sets) == 0 {
		return fmt.Errorf("it is in no tag set; name its set")
	}
	if slices.Contains(c.sets, Confidentiality) {
		return fmt.Errorf("it would be a confidentiality, which has six codes in a fixed order")
	}
	return nil
}
