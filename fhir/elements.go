package fhir

import (
	_ "embed"
	"strings"
	"sync"
	"unicode/utf8"
)

// elementList holds the names of all elements of FHIR R4, one a line, as the
// models of samply/golang-fhir-models v0.3.2 have them in their JSON tags.
//
//go:embed elements.txt
var elementList string

var elementNames = sync.OnceValue(func() map[string]bool {
	names := make(map[string]bool)
	for name := range strings.Lines(elementList) {
		names[strings.ToLower(strings.TrimSpace(name))] = true
	}
	return names
})

// safeName returns the name if R4 has an element of it, in whatever case, else "?":
// any other name may be data, such as the name of a person.
func safeName(name []byte) string {
	for _, c := range name {
		if c >= utf8.RuneSelf {
			return "?" // a letter that only folds into one of ours
		}
	}
	if elementNames()[strings.ToLower(strings.TrimPrefix(string(name), "_"))] {
		return string(name)
	}
	return "?"
}
