package fhir

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func objectPaths(t *testing.T, in string) []string {
	t.Helper()
	r, err := Parse([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	if err := r.Objects(func(o Object) error {
		paths = append(paths, o.Path())
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return paths
}

func TestObjectsSeesEveryObjectAtEveryDepth(t *testing.T) {
	tests := map[string]struct {
		in   string
		want []string
	}{
		"an empty resource": {`{"resourceType":"Basic"}`, []string{"Basic"}},
		"elements in arrays": {
			` {"a":1, "resourceType" : "Observation" , "code" : { "coding":[{},"x",{"code":"]}"}] } } `,
			[]string{"Observation", "Observation.code", "Observation.code.coding[0]", "Observation.code.coding[2]"},
		},
		"objects of primitive elements": {
			`{"resourceType":"Patient","birthDate":"2000","_birthDate":{"extension":[{"valueCoding":{}}]},"name":[{"given":["A",null],"_given":[null,{"id":"x"}]}]}`,
			[]string{
				"Patient", "Patient._birthDate", "Patient._birthDate.extension[0]", "Patient._birthDate.extension[0].valueCoding",
				"Patient.name[0]", "Patient.name[0]._given[1]",
			},
		},
		"contained resources and entries": {
			`{"resourceType":"Bundle","contained":[{"resourceType":"Patient","name":[[{}]]}],"entry":[{"resource":{"meta":{}}}]}`,
			[]string{
				"Bundle", "Bundle.contained[0]", "Bundle.contained[0].name[0][0]",
				"Bundle.entry[0]", "Bundle.entry[0].resource", "Bundle.entry[0].resource.meta",
			},
		},
		"names that R4 does not know": {`{"resourceType":"Patient","John Smith":{"code":{}}}`, []string{"Patient", "Patient.?", "Patient.?.code"}},
		"a byte order mark":           {"\ufeff{\"resourceType\":\"Patient\",\"meta\":{}}", []string{"Patient", "Patient.meta"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := objectPaths(t, tt.in); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestObjectReadsItsMembers(t *testing.T) {
	r, err := Parse([]byte(`{"resourceType":"Observation","cod\u0065":{"coding":[{"system":"s\/t","code":"c"}, null, "x"],"text":null},"issued":1.00}`))
	if err != nil {
		t.Fatal(err)
	}
	root := r.Root()
	code := root.Member("code")
	if !root.IsRoot() || code.IsRoot() || !code.IsObject() || code.Name() != "code" || !code.Parent().IsRoot() {
		t.Error("root and code are not told apart")
	}
	var kinds []string
	for o := range code.Each("coding") {
		s, isText := o.Value()
		kinds = append(kinds, o.Path())
		switch {
		case o.IsObject():
			system, _ := o.Text("system")
			if system != "s/t" || string(o.Bytes("system")) != "s/t" || string(o.Bytes("code")) != "c" || string(o.Raw("code")) != `"c"` {
				t.Errorf("system %q", system)
			}
			if o.Name() != "coding" || o.Parent().Path() != "Observation.code" {
				t.Errorf("name %q parent %q", o.Name(), o.Parent().Path())
			}
		case isText && s != "x":
			t.Errorf("text %q", s)
		}
	}
	if want := []string{"Observation.code.coding[0]", "Observation.code.coding[1]", "Observation.code.coding[2]"}; !slices.Equal(kinds, want) {
		t.Errorf("got %q", kinds)
	}
	if _, ok := code.Text("text"); ok || code.Raw("text") != nil || code.Member("none").Exists() || !root.Member("issued").Exists() {
		t.Error("null or absence is taken for a value")
	}
	if string(root.Raw("issued")) != "1.00" {
		t.Error("a number does not keep its lexeme")
	}
	var names []string
	for name := range root.Members() {
		names = append(names, name)
	}
	if !slices.Equal(names, []string{"resourceType", "code", "issued"}) {
		t.Errorf("names %q", names)
	}
	var none Object
	for range none.Each("x") {
		t.Error("an absent object has elements")
	}
	if none.Path() != "" || none.IsObject() || none.Member("x").Exists() || none.Parent().Exists() || none.Name() != "" || none.Bytes("x") != nil {
		t.Error("an absent object has content")
	}
}

func TestObjectsStopsAtTheFirstError(t *testing.T) {
	r, err := Parse([]byte(`{"resourceType":"Patient","a":{},"b":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	stop, n := errors.New("stop"), 0
	if err := r.Objects(func(Object) error {
		if n++; n == 2 {
			return stop
		}
		return nil
	}); err != stop || n != 2 {
		t.Errorf("%v after %d", err, n)
	}
}

// sameAsDecoded compares what an Object reads with what the standard library does.
func sameAsDecoded(t *testing.T, r *Resource) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(r.doc))
	d.UseNumber()
	var want any
	if err := d.Decode(&want); err != nil {
		t.Fatal(err)
	}
	if got := decoded(r.Root()); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	n := 0
	_ = r.Objects(func(o Object) error {
		n++
		if o.IsRoot() != (n == 1) || !strings.HasPrefix(o.Path(), r.Type) {
			t.Errorf("object %d at %s", n, o.Path())
		}
		return nil
	})
	if want := countObjects(want); n != want {
		t.Errorf("%d objects, want %d", n, want)
	}
}

func decoded(o Object) any {
	raw := o.raw()
	switch raw[0] {
	case '{':
		m := map[string]any{}
		for name, v := range o.Members() {
			m[name] = decoded(v)
		}
		return m
	case '[':
		a := []any{}
		for v := range o.elements {
			a = append(a, decoded(v))
		}
		return a
	case '"':
		s, _ := o.Value()
		return s
	case 't', 'f':
		return raw[0] == 't'
	case 'n':
		return nil
	}
	return json.Number(raw)
}

func countObjects(v any) (n int) {
	switch v := v.(type) {
	case map[string]any:
		n = 1
		for _, e := range v {
			n += countObjects(e)
		}
	case []any:
		for _, e := range v {
			n += countObjects(e)
		}
	}
	return n
}

func TestObjectsReadsRealFilesAsTheStandardLibraryDoes(t *testing.T) {
	dataFiles(t, func(_ string, b []byte) {
		if r, err := Parse(b); err == nil && len(b) < 1<<20 {
			sameAsDecoded(t, r)
		}
	})
}

func FuzzObjects(f *testing.F) {
	f.Add([]byte(`{"resourceType":"Patient","name":[{"given":["A",null],"_given":[null,{"id":"x"}]}],"a\u0062":[[],{},[{}]]}`))
	f.Add([]byte(` {"resourceType":"A","x":[1.00,-0,true,null,"\ud83d\ude00"]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Parse(b)
		if err != nil {
			return
		}
		for _, m := range []string{"resourceType", "id", "x"} {
			if got, want := r.Root().Raw(m), lookup(r.doc, m); !bytes.Equal(got, want) {
				t.Errorf("%s: %q, want %q", m, got, want)
			}
		}
		sameAsDecoded(t, r)
	})
}

// BenchmarkObjects visits every object of a Synthea patient's records and reads
// the two members that labelling reads; it reports resources for each second.
func BenchmarkObjects(b *testing.B) {
	resources := benchResources(b)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		r := resources[n%len(resources)]
		n++
		_ = r.Objects(func(o Object) error {
			if o.Bytes("code") != nil {
				_ = o.Bytes("system")
			}
			return nil
		})
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "resources/s")
}

func benchResources(b *testing.B) []*Resource {
	files, _ := filepath.Glob(filepath.Join("..", "..", "shared", "data", "fhir", "synthea", "*.json"))
	var out []*Resource
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		sum, err := Inspect(bytes.NewReader(raw), SplitOptions{})
		if err != nil {
			continue
		}
		for e, err := range Split(bytes.NewReader(raw), sum) {
			if err == nil && e.Resource != nil {
				out = append(out, e.Resource)
			}
		}
	}
	if len(out) == 0 {
		b.Skip("SKIPPED: no real resources in ../../shared/data")
	}
	return out
}

func TestMemberFoldFindsANameInAnyCase(t *testing.T) {
	r := mustParse(t, `{"resourceType":"Basic","a":{"Code":1},"b":{"c\u006fDE":2},"c":{"ſystem":3},"d":{"kode":4},"e":{"code":null},"f":{"co":5,"codes":6}}`)
	got := ""
	for _, m := range []struct{ on, name string }{{"a", "code"}, {"b", "code"}, {"c", "system"}, {"d", "code"}, {"e", "code"}, {"f", "code"}, {"g", "code"}} {
		got += r.Root().Member(m.on).MemberFold(m.name).Name() + " "
	}
	if got != "Code coDE ſystem     " {
		t.Errorf("found %q", got)
	}
	if _, ok := r.Root().Member("a").MemberFold("code").Number(); !ok {
		t.Error("a number is none")
	}
}
