package fhir

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// dataFiles calls f for each JSON and NDJSON file of the shared collection of real
// resources, and skips the test where it is not there.
func dataFiles(t *testing.T, f func(name string, b []byte)) {
	t.Helper()
	root := filepath.Join("..", "..", "shared", "data", "fhir")
	if _, err := os.Stat(root); err != nil {
		t.Skipf("SKIPPED: no real resources in %s; only made-up ones were tested", root)
	}
	n := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "json") {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		n++
		name, err := filepath.Rel(root, path)
		f(name, b)
		return err
	})
	if err != nil || n == 0 {
		t.Fatalf("%d files read: %v", n, err)
	}
}

// expect judges a text by the standard library: "" or the reason for refusing it.
func expect(b []byte) Reason {
	if !json.Valid(b) {
		d := json.NewDecoder(bytes.NewReader(b))
		var first any
		if d.Decode(&first) == nil {
			return TrailingData
		}
		return NotJSON
	}
	if !utf8.Valid(b) {
		return InvalidUTF8
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if r := uniqueNames(d); r != "" {
		return r
	}
	var top map[string]any
	if json.Unmarshal(b, &top) != nil {
		return NoResourceType
	}
	if s, ok := top["resourceType"].(string); !ok || s == "" {
		return NoResourceType
	}
	return ""
}

// uniqueNames reads one value token by token.
func uniqueNames(d *json.Decoder) Reason {
	tok, _ := d.Token()
	open, _ := tok.(json.Delim)
	seen := map[string]string{}
	for open != 0 && d.More() {
		if open == '{' {
			key, _ := d.Token()
			name := key.(string)
			old, ok := seen[strings.ToUpper(name)]
			if ok && old == name {
				return DuplicateKey
			} else if ok {
				return CaseVariantKey
			}
			seen[strings.ToUpper(name)] = name
		}
		if r := uniqueNames(d); r != "" {
			return r
		}
	}
	if open != 0 {
		if _, err := d.Token(); err != nil {
			return NotJSON
		}
	}
	return ""
}

func TestRealFilesParseExactlyWhenTheyShould(t *testing.T) {
	got := map[Reason]int{}
	dataFiles(t, func(name string, b []byte) {
		want := expect(b)
		r, err := Parse(b)
		reason, _ := ReasonOf(err)
		got[reason]++
		if reason != want {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
		if err == nil && !bytes.Equal(r.Raw, b) {
			t.Errorf("%s: Raw differs", name)
		}
	})
	t.Logf("accepted %d, refused %v", got[""], got)
}

func TestRealFilesSplit(t *testing.T) {
	kinds := map[string]int{}
	dataFiles(t, func(name string, b []byte) {
		sum, entries, err := records(t, b, SplitOptions{})
		if err != nil {
			reason, _ := ReasonOf(err)
			kinds["refused "+string(reason)]++
			if _, perr := Parse(b); perr == nil {
				t.Logf("%s parses but cannot be split: %v", name, err)
			}
			return
		}
		kinds[fmt.Sprintf("%s whole=%t", sum.Kind, sum.Whole)]++
		if sum.Whole && !bytes.Equal(entries[0].Raw, b) {
			t.Errorf("%s does not come back byte for byte", name)
		}
		var bundle struct {
			Entry []struct{ Resource json.RawMessage }
		}
		if sum.Kind != KindBundle || sum.Whole {
			return
		}
		if err := json.Unmarshal(b, &bundle); err != nil || len(bundle.Entry) != len(entries) {
			t.Fatalf("%s: %d entries, want %d (%v)", name, len(entries), len(bundle.Entry), err)
		}
		for i, e := range entries {
			if !bytes.Equal(e.Raw, bundle.Entry[i].Resource) {
				t.Errorf("%s: entry %d differs", name, i)
			}
		}
	})
	for _, k := range slices.Sorted(maps.Keys(kinds)) {
		t.Logf("%4d %s", kinds[k], k)
	}
}

func TestRealResourcesHaveReferencesAndEndDates(t *testing.T) {
	type row struct{ all, ended, typed int }
	rows := map[string]*row{}
	dataFiles(t, func(name string, b []byte) {
		if !strings.HasPrefix(name, "synthea") {
			return
		}
		sum, entries, err := records(t, b, SplitOptions{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, e := range entries {
			r := rows[e.Resource.Type]
			if r == nil {
				r = &row{}
				rows[e.Resource.Type] = r
			}
			r.all++
			if end, ok := e.Resource.End(); ok {
				r.ended++
				if end.Typed {
					r.typed++
				}
			}
			for _, ref := range e.Resource.Subjects() {
				if to := Resolve(sum, ref); !strings.HasPrefix(to, "Patient/") {
					t.Errorf("%s: a %s is about %s", name, e.Resource.Type, ref)
				}
			}
		}
	})
	for _, k := range slices.Sorted(maps.Keys(rows)) {
		t.Logf("%-24s %4d, with an end date %4d, of these read by the model %4d", k, rows[k].all, rows[k].ended, rows[k].typed)
	}
	for _, k := range []string{"Encounter", "Observation", "Procedure", "Immunization", "DiagnosticReport", "Claim"} {
		if r := rows[k]; r == nil || r.ended*10 < r.all*9 {
			t.Errorf("%s: fewer than nine in ten have an end date", k)
		}
	}
}
