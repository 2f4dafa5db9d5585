package tablegen_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"domicile/fhir/ds4p/internal/tablegen"
)

func TestTheTableIsWhatTheTerminologyMakes(t *testing.T) {
	file := filepath.Join("..", "..", "..", "..", "..", "shared", "data", "terminology", "ds4p-codes.json")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Skipf("SKIPPED: the terminology is not at %s", file)
	}
	want, err := tablegen.Generate(data)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join("..", "..", "table.go"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("table.go differs from what the generator makes; run go generate ./fhir/ds4p")
	}
}

func TestGenerateWritesStatusAndParents(t *testing.T) {
	got, err := tablegen.Generate([]byte(`{"source":"` + tablegen.Source + `; codes only","systems":[{"url":"urn:x","version":"1","codes":[
		{"code":"_A","display":"a","parents":["outside"],"status":"active","abstract":true},
		{"code":"B","display":"b \"b\"","parents":["_A"],"status":"retired","abstract":true},
		{"code":"C","display":"c","parents":["_A","B"],"status":"active","abstract":false}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`{"urn:x", "1", []row{`, `{"_A", "a", abstract, []string{}},`, `{"B", "b \"b\"", retired, []string{"_A"}},`, `{"C", "c", active, []string{"_A", "B"}},`,
	} {
		if !strings.Contains(string(got), line) {
			t.Errorf("no %s", line)
		}
	}
}

func TestGenerateRefusesWhatItDoesNotUnderstand(t *testing.T) {
	for name, in := range map[string]string{
		"no JSON":           `x`,
		"another source":    `{"source":"elsewhere","systems":[]}`,
		"an unknown member": `{"source":"` + tablegen.Source + `","codes":[]}`,
		"an unknown status": `{"source":"` + tablegen.Source + `","systems":[{"codes":[{"code":"A","status":"draft"}]}]}`,
	} {
		if _, err := tablegen.Generate([]byte(in)); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
