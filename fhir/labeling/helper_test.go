package labeling_test

import (
	"slices"
	"strings"
	"testing"

	"domicile/fhir"
	"domicile/fhir/ds4p"
)

func resource(tb testing.TB, text string) *fhir.Resource {
	tb.Helper()
	r, err := fhir.Parse([]byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// codes lists the codes of labels, sorted.
func codes(labels []ds4p.Label) []string {
	var out []string
	for _, l := range labels {
		out = append(out, l.Code)
	}
	slices.Sort(out)
	return out
}

func words(labels []ds4p.Label) string { return strings.Join(codes(labels), " ") }

func get(labels []ds4p.Label, code string) ds4p.Label {
	for _, l := range labels {
		if l.Code == code {
			return l
		}
	}
	return ds4p.Label{}
}
