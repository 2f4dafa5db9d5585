package ds4p_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"domicile/fhir/ds4p"
)

var update = flag.Bool("update", false, "write the tables of docs/labels.md")

func TestThePageOfLabelsShowsTheTagSetsAndRelationsOfTheProgram(t *testing.T) {
	file := filepath.Join("..", "..", "docs", "labels.md")
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := between(t, have, "tag sets", tagSetTable())
	want = between(t, want, "subsumptions", subsumptionTable())
	if bytes.Equal(have, want) {
		return
	}
	if !*update {
		t.Fatal("docs/labels.md is not what the program says; run go test ./fhir/ds4p -update and look at the difference")
	}
	if err := os.WriteFile(file, want, 0o644); err != nil {
		t.Fatal(err)
	}
}

// between replaces what the page has between the marks of a part.
func between(t *testing.T, page []byte, part, text string) []byte {
	t.Helper()
	begin, end := "<!-- begin "+part+" -->\n", "<!-- end "+part+" -->"
	head, rest, ok := strings.Cut(string(page), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("the page has no part %q", part)
	}
	return []byte(head + begin + text + end + tail)
}

func tagSetTable() string {
	says := map[ds4p.TagSet]string{
		ds4p.Confidentiality: "how harmful disclosure would be; exactly one at rest",
		ds4p.Policy:          "which law, rule or consent directive governs it",
		ds4p.Sensitivity:     "what the content reveals",
		ds4p.Compartment:     "which community or project it is restricted to",
		ds4p.Integrity:       "how complete, altered or reliable it is",
		ds4p.Provenance:      "who asserted or reported it",
		ds4p.Trust:           "why the source is trusted",
		ds4p.Purpose:         "what it may be used for",
		ds4p.Obligation:      "what must be done",
		ds4p.Refrain:         "what must not be done",
		ds4p.Mark:            "what to show to whoever sees it",
		ds4p.Authorization:   "which permission controls access",
	}
	var b strings.Builder
	b.WriteString("| tag set | says | codes | system | value set |\n|---|---|---|---|---|\n")
	v := ds4p.Standard()
	for _, set := range ds4p.TagSets() {
		codes := v.Codes(set)
		fmt.Fprintf(&b, "| %s | %s | %d | `%s` | `%s` |\n", set, says[set], len(codes), last(codes[0].System), last(set.ValueSet()))
	}
	b.WriteString("\nVersions:")
	for i, s := range v.Systems() {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, " %s %s", last(s.URL), s.Version)
	}
	b.WriteString(".\n")
	return b.String()
}

func last(url string) string { return url[strings.LastIndex(url, "/")+1:] }

func subsumptionTable() string {
	var b strings.Builder
	b.WriteString("| code | is also a kind of | because |\n|---|---|---|\n")
	for _, s := range ds4p.Subsumptions() {
		fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", s.Code, s.Of, s.Why)
	}
	return b.String()
}
