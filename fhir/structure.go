package fhir

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// Issue is a rule of FHIR that a resource breaks. It holds no value of the
// resource.
type Issue struct {
	// Path leads to the place as [Object.Path] does.
	Path string
	// Rule is one of the Rule constants.
	Rule string
}

// The rules that [Resource.Structure] checks. The values are stable.
const (
	// RuleEmptyArray: an array has no elements (https://hl7.org/fhir/R4/json.html).
	RuleEmptyArray = "structure:empty-array"
	// RuleEmptyObject: an object has no members (the same page, and invariant
	// ele-1).
	RuleEmptyObject = "structure:empty-object"
	// RuleEmptyString: a string has no characters (the same page).
	RuleEmptyString = "structure:empty-string"
	// RuleNull: a null stands elsewhere than in an array of primitives or of their
	// extensions whose counterpart has something in its place (the same page).
	RuleNull = "structure:null"
	// RuleNameCase: the name of an element begins with a capital, as none of R4
	// does.
	RuleNameCase = "structure:name-case"
	// RuleNarrative: the div of a narrative is not one well-formed XML element of
	// that name; only the five entities of XML are known
	// (https://hl7.org/fhir/R4/narrative.html).
	RuleNarrative = "structure:xhtml"
	// RuleExtension: an extension has both a value and extensions (invariant
	// ext-1, https://hl7.org/fhir/R4/extensibility.html).
	RuleExtension = "structure:ext-1"
	// RuleNested: a contained resource contains another (invariant dom-2,
	// https://hl7.org/fhir/R4/domainresource.html).
	RuleNested = "structure:dom-2"
	// RuleContainedVersion: a contained resource has meta.versionId or
	// meta.lastUpdated (invariant dom-4).
	RuleContainedVersion = "structure:dom-4"
	// RuleContainedLabel: a contained resource has a security label of its own
	// (invariant dom-5).
	RuleContainedLabel = "structure:dom-5"
)

// maxIssues bounds the issues of one resource.
const maxIssues = 100

// Structure checks the rules of FHIR that hold for every resource whatever its
// type, need no definitions, and cannot be right one day and wrong the next. It
// returns at most 100 places that break one; nil says nothing about the rules of the
// type.
func (r *Resource) Structure() []Issue {
	s := structure{t: newTree(r.doc, r.Type), names: map[int32]map[string]int32{}}
	for n := range s.t.nodes {
		if len(s.issues) >= maxIssues {
			break
		}
		s.value(int32(n))
	}
	return s.issues
}

type structure struct {
	t      *tree
	issues []Issue
	names  map[int32]map[string]int32 // of objects: their members by name
}

func (s *structure) add(n int32, rule string) {
	s.issues = append(s.issues, Issue{Object{s.t, n}.Path(), rule})
}

func (s *structure) value(n int32) {
	v := &s.t.nodes[n]
	if v.nameEnd > v.name {
		if c := strings.TrimPrefix(string(s.t.b[v.name:v.nameEnd]), "_"); c != "" && c[0] >= 'A' && c[0] <= 'Z' {
			s.add(n, RuleNameCase)
		}
	}
	empty := v.at+2 == v.end
	switch s.t.b[v.at] {
	case '{':
		if s.t.first(n) == 0 {
			s.add(n, RuleEmptyObject)
		}
		s.object(n)
	case '[':
		if s.t.first(n) == 0 {
			s.add(n, RuleEmptyArray)
		}
		s.nulls(n)
	case '"':
		if empty {
			s.add(n, RuleEmptyString)
		}
	case 'n':
		if v.nameEnd > 0 {
			s.add(n, RuleNull) // those in arrays were judged with the array
		}
	}
}

// nulls checks the nulls of an array: each needs something at its index in the
// counterpart, the array under the name with or without "_".
func (s *structure) nulls(array int32) {
	counterpart, sought := int32(0), false
	for n := s.t.first(array); n != 0 && len(s.issues) < maxIssues; n = s.t.nodes[n].next {
		null := s.t.b[s.t.nodes[n].at] == 'n'
		if null && !sought {
			sought, counterpart = true, s.first(s.counterpart(array), s.t.nodes[n].index)
		}
		if null && (counterpart == 0 || s.t.b[s.t.nodes[counterpart].at] == 'n') {
			s.add(n, RuleNull)
		}
		if counterpart != 0 {
			counterpart = s.t.nodes[counterpart].next
		}
	}
}

// first returns the element of the array at the index, 0 if there is none.
func (s *structure) first(array, index int32) int32 {
	if array == 0 || s.t.b[s.t.nodes[array].at] != '[' {
		return 0
	}
	n := s.t.first(array)
	for ; n != 0 && index > 0; index-- {
		n = s.t.nodes[n].next
	}
	return n
}

// counterpart returns the member beside the array that has its name with or without
// "_", 0 if none. The names of an object are indexed once, however many arrays of
// it have nulls.
func (s *structure) counterpart(array int32) int32 {
	v := &s.t.nodes[array]
	if v.nameEnd == 0 {
		return 0
	}
	names, ok := s.names[v.parent]
	if !ok {
		names = map[string]int32{}
		for c := s.t.first(v.parent); c != 0; c = s.t.nodes[c].next {
			names[Object{s.t, c}.Name()] = c
		}
		s.names[v.parent] = names
	}
	name := Object{s.t, array}.Name()
	if plain, ok := strings.CutPrefix(name, "_"); ok {
		return names[plain]
	}
	return names["_"+name]
}

// object checks extensions, narratives and contained resources.
func (s *structure) object(n int32) {
	o := Object{s.t, n}
	switch name := o.Name(); {
	case name == "text":
		if div := o.Member("div"); div.Exists() && o.Member("status").Exists() {
			if text, ok := div.Value(); ok && text != "" && !isDiv(text) {
				s.add(div.n, RuleNarrative)
			}
		}
	case name == "extension" || name == "modifierExtension":
		nested, value := false, false
		for c := s.t.first(n); c != 0; c = s.t.nodes[c].next {
			v := &s.t.nodes[c]
			raw := strings.TrimPrefix(string(s.t.b[v.name:v.nameEnd]), "_")
			nested = nested || raw == "extension"
			value = value || strings.HasPrefix(raw, "value")
		}
		if nested && value {
			s.add(n, RuleExtension)
		}
	case name == "contained":
		if inner := s.t.child(n, "contained"); inner != 0 {
			s.add(inner, RuleNested)
		}
		meta := o.Member("meta")
		if meta.Member("versionId").Exists() || meta.Member("lastUpdated").Exists() {
			s.add(meta.n, RuleContainedVersion)
		}
		if security := meta.Member("security"); security.Exists() {
			s.add(security.n, RuleContainedLabel)
		}
	}
}

// isDiv tells whether text is one well-formed element named div.
func isDiv(text string) bool {
	d := xml.NewDecoder(strings.NewReader(text))
	depth, roots := 0, 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return depth == 0 && roots == 1
		}
		if err != nil {
			return false
		}
		switch token := token.(type) {
		case xml.StartElement:
			if depth == 0 {
				if roots++; token.Name.Local != "div" {
					return false
				}
			}
			depth++
		case xml.EndElement:
			depth--
		case xml.CharData:
			if depth == 0 && strings.TrimSpace(string(token)) != "" {
				return false
			}
		}
	}
}
