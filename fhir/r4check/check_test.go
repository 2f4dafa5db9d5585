package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"
)

func TestEveryRuleIsNamedWithItsPlace(t *testing.T) {
	c, err := newChecker()
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		in   string
		want []string
	}{
		"a good patient":                     {`{"resourceType":"Patient","gender":"male","birthDate":"1980-02","name":[{"given":["A",null],"_given":[null,{"id":"x"}]}]}`, nil},
		"no object":                          {`[]`, []string{" r4:json"}},
		"no JSON":                            {`{"resourceType":"Patient",}`, []string{" r4:json"}},
		"no resource type":                   {`{"id":"x"}`, []string{"resourceType r4:required"}},
		"an unknown type":                    {`{"resourceType":"Secret"}`, []string{" r4:resource-type"}},
		"an unknown type in an entry":        {`{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Secret"}}]}`, []string{"Bundle.entry[0].resource r4:resource-type"}},
		"an unknown element":                 {`{"resourceType":"Patient","secret":1}`, []string{"Patient r4:unknown-element"}},
		"an element of another type":         {`{"resourceType":"Patient","name":[{"status":"x"}]}`, []string{"Patient.name[0] r4:unknown-element"}},
		"no array where there must be one":   {`{"resourceType":"Patient","name":{"family":"x"}}`, []string{"Patient.name r4:array"}},
		"an array where there must be none":  {`{"resourceType":"Patient","maritalStatus":[{"text":"x"}]}`, []string{"Patient.maritalStatus r4:object"}},
		"a required element missing":         {`{"resourceType":"Observation","status":"final"}`, []string{"Observation.code r4:required"}},
		"a required element in an entry":     {`{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Observation","status":"final"}}]}`, []string{"Bundle.entry[0].resource.code r4:required"}},
		"a required element contained":       {`{"resourceType":"Patient","contained":[{"resourceType":"Observation","code":{}}]}`, []string{"Patient.contained[0].status r4:required"}},
		"a code that R4 does not know":       {`{"resourceType":"Patient","gender":"secret"}`, []string{"Patient.gender r4:code"}},
		"a code in another case":             {`{"resourceType":"Patient","gender":"Male"}`, []string{"Patient.gender r4:code-case"}},
		"base64 with an escaped solidus":     {`{"resourceType":"Binary","contentType":"a/b","data":"ab\/d"}`, nil},
		"two values of one choice":           {`{"resourceType":"Patient","deceasedBoolean":true,"deceasedDateTime":"2019"}`, nil}, // either may be named first
		"a date that is none":                {`{"resourceType":"Patient","birthDate":"1980-13"}`, []string{"Patient.birthDate r4:date"}},
		"a string for a boolean":             {`{"resourceType":"Patient","active":"true"}`, []string{"Patient.active r4:boolean"}},
		"an id that is too long":             {`{"resourceType":"Patient","id":"` + strings.Repeat("a", 65) + `"}`, []string{"Patient.id r4:id"}},
		"a reference to a wrong type":        {`{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Organization/1"}}`, []string{"Observation.subject r4:reference-type"}},
		"a resource in parameters":           {`{"resourceType":"Parameters","parameter":[{"name":"a","resource":{"resourceType":"Patient","active":true}}]}`, nil},
		"a bad resource in parameters":       {`{"resourceType":"Parameters","parameter":[{"name":"a","part":[{"name":"b","resource":{"resourceType":"Patient","gender":"x"}}]}]}`, []string{"Parameters.parameter[0].part[0].resource.gender r4:code"}},
		"an unknown resource in parameters":  {`{"resourceType":"Parameters","parameter":[{"name":"a","resource":{"resourceType":"Secret"}}]}`, []string{"Parameters.parameter[0].resource r4:resource-type"}},
		"arrays of different length":         {`{"resourceType":"Patient","name":[{"given":["A"],"_given":[null,{"id":"x"}]}]}`, []string{}},
		"a number where an object should be": {`{"resourceType":"Patient","maritalStatus":1}`, []string{"Patient.maritalStatus r4:object"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			v := c.check([]byte(tt.in))
			if v.Failed != "" {
				t.Fatal(v.Failed)
			}
			switch name {
			case "two values of one choice":
				if len(v.Issues) != 1 || v.Issues[0] != (issue{"Patient", "r4:choice"}) {
					t.Errorf("%+v", v)
				}
				return
			case "arrays of different length":
				if len(v.Issues) != 1 || v.Issues[0].Rule != "r4:array-length" {
					t.Errorf("%+v", v)
				}
				return
			}
			var got []string
			for _, i := range v.Issues {
				got = append(got, i.Path+" "+i.Rule)
			}
			if !slices.Equal(got, tt.want) || v.Valid != (len(tt.want) == 0) {
				t.Errorf("got %q (valid %t), want %q", got, v.Valid, tt.want)
			}
		})
	}
}

func frame(in string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(in))), in...)
}

func TestTheProgramAnswersInOrder(t *testing.T) {
	var out bytes.Buffer
	in := slices.Concat(frame(`{"resourceType":"Patient"}`), frame(``), frame(`{"resourceType":"Patient","gender":"x"}`))
	if err := serve(bytes.NewReader(in), &out); err != nil {
		t.Fatal(err)
	}
	want := `{"program":"fhir-r4check","protocol":1}
{"valid":true}
{"valid":false,"issues":[{"path":"","rule":"r4:json"}]}
{"valid":false,"issues":[{"path":"Patient.gender","rule":"r4:code"}]}
`
	if out.String() != want {
		t.Errorf("got %s", &out)
	}
}

func TestARequestThatCannotBeReadEndsTheProgram(t *testing.T) {
	for name, in := range map[string][]byte{
		"too large":     {0x01, 0x00, 0x00, 0x01},
		"cut short":     frame(`{"resourceType":"Patient"}`)[:10],
		"half a length": {0, 0},
	} {
		var out bytes.Buffer
		err := serve(bytes.NewReader(in), &out)
		if err == nil || !strings.Contains(out.String(), `"failed"`) {
			t.Errorf("%s: %v, %s", name, err, &out)
		}
	}
}

func TestIssuesAreBounded(t *testing.T) {
	c, err := newChecker()
	if err != nil {
		t.Fatal(err)
	}
	in := `{"resourceType":"Patient","name":[` + strings.Repeat(`{"x":1},`, 500) + `{}]}`
	if v := c.check([]byte(in)); len(v.Issues) != maxIssues || v.Valid {
		t.Errorf("%d issues", len(v.Issues))
	}
}

func TestAWriterThatFailsEndsTheProgram(t *testing.T) {
	r, w := io.Pipe()
	_ = r.Close()
	if err := serve(bytes.NewReader(nil), w); err == nil {
		t.Error("no error")
	}
}

// FuzzCheck gives arbitrary bytes; names and values that contain "Secret" must
// never come back.
func FuzzCheck(f *testing.F) {
	c, err := newChecker()
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{
		`{"resourceType":"Patient","gender":"Secret","Secret":1,"birthDate":"Secret","contained":[{"resourceType":"Secret"}]}`,
		`{"resourceType":"Bundle","type":"Secret","entry":[{"resource":{"resourceType":"Secret","Secret":[]}}]}`,
		`{"resourceType":"Parameters","parameter":[{"name":"Secret","resource":{"resourceType":"Observation","subject":{"reference":"Secret/Secret"}}}]}`,
		`{"resourceType":"Observation","_valueInteger":{"value":1},"effectivePeriod":{"start":"Secret"},"valueTime":"Secret","component":"Secret"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if !json.Valid(b) {
			return
		}
		out, err := json.Marshal(c.check(b))
		if err != nil || bytes.Contains(out, []byte("Secret")) {
			t.Errorf("%v: %s", err, out)
		}
	})
}
