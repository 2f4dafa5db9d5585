package ds4p

import (
	"slices"
	"strings"
	"sync"

	"domicile/fhir"
)

// status of a code in the table.
type status uint8

const (
	active   status = iota
	abstract        // groups others, cannot be selected
	retired
)

type row struct {
	code, display string
	status        status
	parents       []string // in the same system
}

type system struct {
	url, version string
	rows         []row
}

// concept is a code that a vocabulary has read.
type concept struct {
	coding  fhir.Coding
	display string
	status  status
	parents []int32
	up      []int32 // the concept itself and all it is a kind of, ascending
	sets    []TagSet
}

// Vocabulary knows the codes that labels may use. Its methods never change it.
type Vocabulary struct {
	concepts []concept
	index    map[fhir.Coding]int32
	systems  []System
}

// System is a code system of a vocabulary.
type System struct {
	URL, Version string
	Local        bool // configured, not part of HL7 Terminology
}

// Subsumption is an is-a relation that HL7 Terminology does not have.
type Subsumption struct {
	Code, Of string // both of SystemActCode
	Why      string
}

// subsumptions: docs/labels.md repeats them.
var subsumptions = []Subsumption{
	{"SUD", "ETH", "ETH is alcohol or drug abuse information; IHE PCF treats it as the umbrella of substance use, HL7 puts it beside SUD"},
	{"ETHUD", "ETH", "alcohol use disorder is alcohol abuse information"},
	{"OPIOIDUD", "ETH", "opioid use disorder is drug abuse information"},
}

// Subsumptions returns the is-a relations that every vocabulary has in addition to
// those of HL7 Terminology, with the reason for each.
func Subsumptions() []Subsumption { return slices.Clone(subsumptions) }

var standard = sync.OnceValue(func() *Vocabulary {
	v := &Vocabulary{index: map[fhir.Coding]int32{}}
	for _, s := range table {
		v.systems = append(v.systems, System{URL: s.url, Version: s.version})
		for _, r := range s.rows {
			v.add(concept{coding: fhir.Coding{System: s.url, Code: r.code}, display: r.display, status: r.status})
		}
		for _, r := range s.rows {
			c := v.at(s.url, r.code)
			for _, p := range r.parents {
				c.parents = append(c.parents, v.index[fhir.Coding{System: s.url, Code: p}])
			}
		}
	}
	for _, s := range subsumptions {
		c := v.at(SystemActCode, s.Code)
		c.parents = append(c.parents, v.index[fhir.Coding{System: SystemActCode, Code: s.Of}])
	}
	for n := range v.concepts {
		v.close(int32(n))
	}
	for n := range v.concepts {
		v.concepts[n].sets = v.assign(&v.concepts[n])
	}
	return v
})

// Standard returns the vocabulary of the standard codes ([Source]).
func Standard() *Vocabulary { return standard() }

func (v *Vocabulary) add(c concept) {
	v.index[c.coding] = int32(len(v.concepts))
	v.concepts = append(v.concepts, c)
}

func (v *Vocabulary) at(system, code string) *concept {
	return &v.concepts[v.index[fhir.Coding{System: system, Code: code}]]
}

// close fills in what concept n is a kind of. There are no cycles.
func (v *Vocabulary) close(n int32) []int32 {
	c := &v.concepts[n]
	if c.up == nil {
		up := []int32{n}
		for _, p := range c.parents {
			up = append(up, v.close(p)...)
		}
		slices.Sort(up)
		c.up = slices.Compact(up)
	}
	return c.up
}

// assign returns the tag sets that a standard concept is in. Codes whose name
// begins with "_" group others in HL7's version 3 systems even where the table
// does not call them abstract.
func (v *Vocabulary) assign(c *concept) []TagSet {
	if c.status != active || strings.HasPrefix(c.coding.Code, "_") {
		return nil
	}
	var sets []TagSet
	for _, d := range definitions {
		if d.system == c.coding.System && slices.Contains(d.list, c.coding.Code) {
			sets = append(sets, d.set)
		}
	}
	if sets != nil {
		return sets
	}
	return v.rooted(c.up)
}

// rooted returns the sets whose root is among up, what a concept is a kind of.
// Policy is the remainder: only what is in no other set.
func (v *Vocabulary) rooted(up []int32) (sets []TagSet) {
	policy := false
	for _, d := range definitions {
		if d.root == "" || !slices.Contains(up, v.index[fhir.Coding{System: d.system, Code: d.root}]) {
			continue
		}
		if d.set == Policy {
			policy = true
			continue
		}
		sets = append(sets, d.set)
	}
	if sets == nil && policy {
		return []TagSet{Policy}
	}
	return sets
}

// find returns the concept of c, nil if there is none.
func (v *Vocabulary) find(c fhir.Coding) *concept {
	if n, ok := v.index[c]; ok {
		return &v.concepts[n]
	}
	return nil
}

// Sets returns the tag sets that c is in, nil if it may not be used as a label:
// because it is unknown, retired, groups others, or is in no value set of the
// guide. Codes are compared exactly, case included.
func (v *Vocabulary) Sets(c fhir.Coding) []TagSet {
	if f := v.find(c); f != nil {
		return slices.Clone(f.sets)
	}
	return nil
}

// In tells whether c is in the set.
func (v *Vocabulary) In(c fhir.Coding, set TagSet) bool {
	f := v.find(c)
	return f != nil && slices.Contains(f.sets, set)
}

// Known tells whether c may be used as a label: whether it is in any tag set.
func (v *Vocabulary) Known(c fhir.Coding) bool {
	f := v.find(c)
	return f != nil && len(f.sets) > 0
}

// IsA tells whether c is ancestor or a kind of it. Ancestors may be codes that
// cannot be labels, such as the root of a value set. Every code, known or not, is
// itself, except the zero one.
func (v *Vocabulary) IsA(c, ancestor fhir.Coding) bool {
	if c == ancestor {
		return c != fhir.Coding{}
	}
	n, ok := v.index[c]
	if !ok {
		return false
	}
	a, ok := v.index[ancestor]
	return ok && slices.Contains(v.concepts[n].up, a)
}

// Display returns the name that the code system gives c, "" if c is unknown.
func (v *Vocabulary) Display(c fhir.Coding) string {
	if f := v.find(c); f != nil {
		return f.display
	}
	return ""
}

// Systems returns the code systems with their versions, the standard ones first.
func (v *Vocabulary) Systems() []System { return slices.Clone(v.systems) }

// Codes returns the codes of the set in the order of their systems.
func (v *Vocabulary) Codes(set TagSet) []fhir.Coding {
	var codes []fhir.Coding
	for i := range v.concepts {
		if slices.Contains(v.concepts[i].sets, set) {
			codes = append(codes, v.concepts[i].coding)
		}
	}
	return codes
}
