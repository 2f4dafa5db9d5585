package fhir

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestStructureFindsWhatNoResourceMayHave(t *testing.T) {
	tests := map[string]struct {
		in   string
		want []string
	}{
		"nothing wrong":                                {`{"resourceType":"Patient","name":[{"given":["A","B"]}],"contained":[{"resourceType":"Patient","id":"x"}]}`, nil},
		"an array is never empty":                      {`{"resourceType":"Patient","name":[]}`, []string{"Patient.name structure:empty-array"}},
		"an object is never empty":                     {`{"resourceType":"Patient","name":[{}, { }]}`, []string{"Patient.name[0] structure:empty-object", "Patient.name[1] structure:empty-object"}},
		"a string is never empty":                      {`{"resourceType":"Patient","name":[{"family":""}]}`, []string{"Patient.name[0].family structure:empty-string"}},
		"a member is never null":                       {`{"resourceType":"Patient","birthDate":null,"_birthDate":{"id":"x"}}`, []string{"Patient.birthDate structure:null"}},
		"null fills an array of primitives":            {`{"resourceType":"Patient","name":[{"given":[null,"B"],"_given":[{"id":"x"},null]}]}`, nil},
		"null stands not where both have nothing":      {`{"resourceType":"Patient","name":[{"given":["A",null],"_given":[{"id":"x"},null]}]}`, []string{"Patient.name[0].given[1] structure:null", "Patient.name[0]._given[1] structure:null"}},
		"null stands not in an array without partner":  {`{"resourceType":"Patient","name":[{"given":["A",null]},null]}`, []string{"Patient.name[1] structure:null", "Patient.name[0].given[1] structure:null"}},
		"null stands not behind a shorter partner":     {`{"resourceType":"Patient","name":[{"given":["A",null],"_given":[{"id":"x"}]}]}`, []string{"Patient.name[0].given[1] structure:null"}},
		"no name begins with a capital":                {`{"resourceType":"Patient","Meta":{"security":[{"code":"R"}]},"_Active":{"id":"x"}}`, []string{"Patient.Meta structure:name-case", "Patient._Active structure:name-case"}},
		"an extension has a value or extensions":       {`{"resourceType":"Patient","extension":[{"url":"a","valueCode":"b","extension":[{"url":"c","valueCode":"d"}]}]}`, []string{"Patient.extension[0] structure:ext-1"}},
		"the shadow of a value counts as one":          {`{"resourceType":"Patient","extension":[{"url":"a","_valueCode":{"id":"x"},"extension":[{"url":"c","valueCode":"d"}]}]}`, []string{"Patient.extension[0] structure:ext-1"}},
		"a contained resource contains none":           {`{"resourceType":"Patient","contained":[{"resourceType":"Group","contained":[{"resourceType":"Group"}]}]}`, []string{"Patient.contained[0].contained structure:dom-2"}},
		"a contained resource has no version":          {`{"resourceType":"Patient","contained":[{"resourceType":"Group","meta":{"versionId":"1"}}]}`, []string{"Patient.contained[0].meta structure:dom-4"}},
		"a contained resource has no label of its own": {`{"resourceType":"Patient","contained":[{"resourceType":"Group","meta":{"security":[{"code":"R"}]}}]}`, []string{"Patient.contained[0].meta.security structure:dom-5"}},
		"a narrative is well-formed":                   {`{"resourceType":"Patient","text":{"status":"generated","div":" <div xmlns=\"http://www.w3.org/1999/xhtml\">a<br/>&lt;\u00e9 &#174;<!-- b --></div>\n"}}`, nil},
		"a narrative has no entities of HTML":          {`{"resourceType":"Patient","text":{"status":"generated","div":"<div>&reg;</div>"}}`, []string{"Patient.text.div structure:xhtml"}},
		"a narrative closes what it opens":             {`{"resourceType":"Patient","text":{"status":"generated","div":"<div><br></div>"}}`, []string{"Patient.text.div structure:xhtml"}},
		"a narrative is a div":                         {`{"resourceType":"Patient","text":{"status":"generated","div":"<p>a</p>"}}`, []string{"Patient.text.div structure:xhtml"}},
		"a narrative is one div":                       {`{"resourceType":"Patient","text":{"status":"generated","div":"<div>a</div> b"}}`, []string{"Patient.text.div structure:xhtml"}},
		"a narrative is not cut off":                   {`{"resourceType":"Patient","text":{"status":"generated","div":"<div>a"}}`, []string{"Patient.text.div structure:xhtml"}},
		"a text elsewhere is no narrative":             {`{"resourceType":"Patient","maritalStatus":{"text":"<b>"}}`, nil},
		"issues are bounded":                           {`{"resourceType":"Patient","name":[` + strings.Repeat("{},", 200) + `{}]}`, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			issues := mustParse(t, tt.in).Structure()
			if name == "issues are bounded" {
				if len(issues) != maxIssues {
					t.Errorf("%d issues", len(issues))
				}
				return
			}
			var got []string
			for _, i := range issues {
				got = append(got, i.Path+" "+i.Rule)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestLongArraysAreReadInOnePass(t *testing.T) {
	const n = 200_000
	r := mustParse(t, `{"resourceType":"Basic","x":[`+strings.Repeat("null,", n)+`{"id":"a"}],"_x":[`+strings.Repeat(`{"id":"a"},`, n)+`null]}`)
	if issues := r.Structure(); issues != nil {
		t.Errorf("%v", issues)
	}
	last := ""
	_ = r.Objects(func(o Object) error {
		last = o.Path()
		return nil
	})
	if last != "Basic.?[199999]" {
		t.Error(last)
	}
}

func TestManyArraysWithNullsCostLinearTime(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"resourceType":"Basic"`)
	for i := range 100_000 {
		fmt.Fprintf(&b, `,"a%d":[null],"_a%d":[{"id":"x"}]`, i, i)
	}
	b.WriteString("}")
	if issues := mustParse(t, b.String()).Structure(); issues != nil {
		t.Errorf("%v", issues)
	}
}

func TestStructureOfRealFiles(t *testing.T) {
	bad := 0
	dataFiles(t, func(name string, b []byte) {
		r, err := Parse(b)
		if err != nil {
			return
		}
		if issues := r.Structure(); len(issues) > 0 {
			bad++
			t.Logf("%s: %v", name, issues[:min(3, len(issues))])
		}
	})
	t.Logf("%d files break a rule", bad)
}
