package ds4p_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"domicile/fhir"
	"domicile/fhir/ds4p"
)

// summary writes what was read: "R SUD" and "path=code/where" for the inner ones;
// a label that cannot be read is "?".
func summary(in ds4p.Inbound) (own string, inner []string) {
	code := func(l ds4p.Label) string {
		if l.Code == "" {
			return "?"
		}
		return l.Code
	}
	var out []string
	for _, l := range in.Labels {
		out = append(out, code(l))
	}
	for _, l := range in.Inline {
		inner = append(inner, l.Path+"="+code(l.Label)+" "+string(l.Where))
	}
	return strings.Join(out, " "), inner
}

func TestReadLosesNoLabelWhateverTheJSONLooksLike(t *testing.T) {
	patient := func(rest string) string { return `{"resourceType":"Patient",` + rest + `}` }
	tests := map[string]struct {
		resource string
		own      string
		inner    []string
	}{
		"no meta":                              {patient(`"active":true`), "", nil},
		"no labels":                            {patient(`"meta":{"security":[]}`), "", nil},
		"null for labels":                      {patient(`"meta":{"security":null},"_active":null`), "", nil},
		"null for meta":                        {patient(`"meta":null,"text":"security"`), "", nil},
		"two labels":                           {patient(`"meta":{"security":[` + confR + `,` + actSUD + `]}`), "R SUD", nil},
		"the same label twice":                 {patient(`"meta":{"security":[` + confR + `,` + confR + `]}`), "R R", nil},
		"one object instead of a list":         {patient(`"meta":{"security":` + confR + `}`), "R", nil},
		"a text instead of a list":             {patient(`"meta":{"security":"R"}`), "?", nil},
		"texts and numbers for labels":         {patient(`"meta":{"security":["R",1,null,true,` + confN + `]}`), "? ? ? ? N", nil},
		"a list in a list":                     {patient(`"meta":{"security":[[` + confR + `,` + actSUD + `]]}`), "? R SUD", nil},
		"an empty object":                      {patient(`"meta":{"security":[{}]}`), "?", nil},
		"a code that is no text":               {patient(`"meta":{"security":[{"system":"x","code":["R"]}]}`), "?", nil},
		"a list for meta":                      {patient(`"meta":[{"security":[` + confR + `]},{"security":` + actSUD + `}]`), "? R SUD", nil},
		"a text for meta":                      {patient(`"meta":"security"`), "?", nil},
		"a text for meta without the word":     {patient(`"meta":"R"`), "?", nil},
		"the sibling of a primitive":           {patient(`"meta":{"_security":[null,` + confR + `]}`), "? R", nil},
		"labels and sibling":                   {patient(`"meta":{"security":[` + confN + `],"_security":` + confR + `}`), "N R", nil},
		"meta in another case":                 {patient(`"Meta":{"security":[` + confR + `]}`), "? R", nil},
		"security in another case":             {patient(`"meta":{"SECURITY":[` + confR + `]}`), "R", nil},
		"an old s that readers fold":           {patient(`"meta":{"ſecurity":[` + confR + `]}`), "R", nil},
		"the sibling of meta":                  {patient(`"_meta":{"security":[` + confR + `]}`), "? R", nil},
		"names written as escapes":             {patient(`"\u006deta":{"\u0073ecurity":[` + confR + `]}`), "R", nil},
		"words written as escapes":             {patient(`"meta":{"s\u0065curity":[{"system":"http:\/\/terminology.hl7.org\/CodeSystem\/v3-ActCode","c\u006fde":"HI\u0056"}]}`), "HIV", nil},
		"security elsewhere is no label":       {`{"resourceType":"CapabilityStatement","rest":[{"security":{"cors":true}}]}`, "", nil},
		"a consent's securityLabel is content": {`{"resourceType":"Consent","provision":{"securityLabel":[` + confR + `]}}`, "", nil},

		"an inline label": {
			patient(`"identifier":[{"value":"1"},{"value":"2","extension":[` + inlineV + `]}]`), "",
			[]string{"Patient.identifier[1]=V element"},
		},
		"several on one element": {
			patient(`"address":[{"extension":[` + inlineV + `,` + inlineHIV + `]}]`), "",
			[]string{"Patient.address[0]=V element", "Patient.address[0]=HIV element"},
		},
		"on a primitive": {
			patient(`"birthDate":"2000","_birthDate":{"extension":[` + inlineV + `]}`), "",
			[]string{"Patient._birthDate=V element"},
		},
		"on a primitive in a list": {
			patient(`"name":[{"given":["A","B"],"_given":[null,{"extension":[` + inlineV + `]}]}]`), "",
			[]string{"Patient.name[0]._given[1]=V element"},
		},
		"on the resource itself": {
			patient(`"extension":[` + inlineV + `]`), "",
			[]string{"Patient=V element"},
		},
		"on an extension in an extension": {
			patient(`"extension":[{"url":"x","extension":[{"url":"y","valueString":"z","_valueString":{"extension":[` + inlineV + `]}}]}]`), "",
			[]string{"Patient.extension[0].extension[0]._valueString=V element"},
		},
		"as a single extension": {
			patient(`"_gender":{"extension":` + inlineV + `}`), "",
			[]string{"Patient._gender=V element"},
		},
		"as a modifier extension": {
			patient(`"contact":[{"modifierExtension":[` + inlineV + `]}]`), "",
			[]string{"Patient.contact[0]=V element"},
		},
		"on a label": {
			patient(`"meta":{"security":[{"system":"s","code":"c","extension":[` + inlineV + `]}]}`), "c",
			[]string{"Patient.meta.security[0]=V element"},
		},
		"without a coding": {
			patient(`"_gender":{"extension":[{` + inlineURL + `,"valueString":"V"}]}`), "",
			[]string{"Patient._gender=? element"},
		},
		"with a text for a coding": {
			patient(`"_gender":{"extension":[{` + inlineURL + `,"valueCoding":"V"}]}`), "",
			[]string{"Patient._gender=? element"},
		},
		"with a list of codings": {
			patient(`"_gender":{"extension":[{` + inlineURL + `,"valueCoding":[` + confV + `,` + actHIV + `]}]}`), "",
			[]string{"Patient._gender=V element", "Patient._gender=HIV element"},
		},
		"under another address": {
			patient(`"_gender":{"extension":[{"url":"https:\/\/hl7.org/x/extension-inline-sec-label|1.0.0","valueCoding":` + confV + `}]}`), "",
			[]string{"Patient._gender=V element"},
		},
		"under an address written as escapes": {
			patient(`"_gender":{"extension":[{"url":"inline-\u0073ec-label","valueCoding":` + confV + `}]}`), "",
			[]string{"Patient._gender=V element"},
		},
		"under an address in another case": {
			patient(`"_gender":{"extension":[{"url":"HTTP://HL7.ORG/x/Extension-Inline-Sec-Label","valueCoding":` + confV + `}]}`), "",
			[]string{"Patient._gender=V element"},
		},
		"with its address under another case of the name": {
			patient(`"_gender":{"extension":[{"URL":"inline-sec-label","valueCoding":` + confV + `}]}`), "",
			[]string{"Patient._gender=V element"},
		},
		"with a coding under another case of the name": {
			patient(`"_gender":{"extension":[{` + inlineURL + `,"ValueCoding":` + confV + `}]}`), "",
			[]string{"Patient._gender=? element"},
		},
		"a resource whose type and meta are in another case": {
			patient(`"contained":[{"ResourceType":"Condition","Meta":{"security":[` + actSUD + `]}}]`), "",
			[]string{"Patient.contained[0]=? resource", "Patient.contained[0]=SUD resource"},
		},
		"a meta in another case without a type": {
			patient(`"contained":[{"Meta":{"security":[` + actSUD + `]}}]`), "",
			[]string{"Patient.contained[0]=? resource", "Patient.contained[0]=SUD resource"},
		},
		"a contained resource": {
			patient(`"contained":[{"resourceType":"Condition","meta":{"security":[` + actSUD + `]}}]`), "",
			[]string{"Patient.contained[0]=SUD resource"},
		},
		"a contained resource without a type": {
			patient(`"contained":[{"meta":{"security":` + actSUD + `}}]`), "",
			[]string{"Patient.contained[0]=SUD resource"},
		},
		"a contained resource with a text for meta": {
			patient(`"contained":[{"resourceType":"Condition","meta":"security"}]`), "",
			[]string{"Patient.contained[0]=? resource"},
		},
		"entries of a Bundle, each with its own": {
			`{"resourceType":"Bundle","meta":{"security":[` + confN + `]},"entry":[{"resource":` + sec + confR + `]}}},{"resource":{"resourceType":"Bundle","entry":[{"resource":` + sec + actSUD + `]}}}]}}]}`, "N",
			[]string{"Bundle.entry[0].resource=R resource", "Bundle.entry[1].resource.entry[0].resource=SUD resource"},
		},
		"parameters": {
			`{"resourceType":"Parameters","parameter":[{"resource":` + sec + actSUD + `]}}},{"part":[{"name":"m","valueMeta":{"security":[` + confR + `]}}]}]}`, "",
			[]string{"Parameters.parameter[0].resource=SUD resource", "Parameters.parameter[1].part[0]=R resource"},
		},
		"the document of a DocumentReference": {
			`{"resourceType":"DocumentReference","securityLabel":[{"coding":[` + confV + `,` + actHIV + `]},{"text":"secret"},"V"]}`, "",
			[]string{"DocumentReference=V document", "DocumentReference=HIV document", "DocumentReference=? document", "DocumentReference=? document"},
		},
		"a Composition in a Bundle": {
			`{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Composition","confidentiality":"R"}}]}`, "",
			[]string{"Bundle.entry[0].resource=R document"},
		},
		"a Composition that says it in another shape": {
			`{"resourceType":"Composition","confidentiality":{"code":"R"}}`, "",
			[]string{"Composition=? document"},
		},
		"a document whose labels stand under another case of the name": {
			`{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"DocumentReference","SecurityLabel":[{"coding":[` + confV + `]}]}},
				{"resource":{"resourceType":"DocumentReference","_securityLabel":{"Coding":` + confV + `}}},
				{"resource":{"resourceType":"Composition","Confidentiality":"V"}}]}`, "",
			[]string{"Bundle.entry[0].resource=V document", "Bundle.entry[1].resource=? document", "Bundle.entry[2].resource=V document"},
		},
		"what an AuditEvent tells of its entity": {
			`{"resourceType":"AuditEvent","entity":[{"securityLabel":[` + confR + `,` + actHIV + `]},{"what":{}}]}`, "",
			[]string{"AuditEvent.entity[0]=R document", "AuditEvent.entity[0]=HIV document"},
		},
		"the terms of a Contract": {
			`{"resourceType":"Contract","term":[{"securityLabel":[{"classification":` + confR + `,"category":[` + actSUD + `],"control":[` + actHIV + `]}]}]}`, "",
			[]string{"Contract.term[0]=R document", "Contract.term[0]=SUD document", "Contract.term[0]=HIV document"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			in := read(t, tt.resource)
			own, inner := summary(in)
			if own != tt.own || !slices.Equal(inner, tt.inner) {
				t.Errorf("got %q %q, want %q %q", own, inner, tt.own, tt.inner)
			}
			for _, l := range in.Labels {
				if l.Origin != ds4p.OriginInbound {
					t.Errorf("origin %q", l.Origin)
				}
			}
			for _, l := range in.Inline {
				if l.Origin != ds4p.OriginInline {
					t.Errorf("origin %q", l.Origin)
				}
			}
			atLeastSecurity(t, tt.resource, in)
		})
	}
}

// atLeastSecurity checks that in has what [fhir.Resource.Security] finds.
func atLeastSecurity(t *testing.T, resource string, in ds4p.Inbound) {
	t.Helper()
	r, err := fhir.Parse([]byte(resource))
	if err != nil {
		t.Fatal(err)
	}
	left := slices.Clone(in.Labels)
	for _, c := range r.Security() {
		i := slices.IndexFunc(left, func(l ds4p.Label) bool { return l.Coding() == c })
		if i < 0 {
			t.Fatalf("meta.security has a label that was not read")
		}
		left = slices.Delete(left, i, i+1)
	}
}

func TestExamplesOfTheGuideReadAsTheGuideExplainsThem(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "data", "fhir", "ds4p-ig")
	want := map[string]struct {
		own   string
		inner []string
		rest  []string // rules that the labels would break if kept as they are
	}{
		"extension-display-observation.json":                {"", nil, []string{"T1"}},
		"extension-inline-sec-label-patient.json":           {"PROCESSINLINELABEL", []string{"Patient.identifier[0]=R element"}, []string{"T1", "T2"}},
		"extension-sec-label-basis.json":                    {"R", nil, nil},
		"extension-sec-label-related-artifact-consent.json": {"R", nil, nil},
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("SKIPPED: the guide's examples are not at %s", dir)
	}
	for name, tt := range want {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		in := read(t, string(b))
		own, inner := summary(in)
		if own != tt.own || !slices.Equal(inner, tt.inner) || in.Issues != nil {
			t.Errorf("%s: %q %q %v", name, own, inner, in.Issues)
		}
		if got := rules(ds4p.Standard().AtRest(in.Labels, in)); !slices.Equal(got, tt.rest) {
			t.Errorf("%s breaks %v", name, got)
		}
		if strings.Contains(name, "artifact") && (len(in.Labels[0].Artifacts) != 1 || in.Labels[0].Artifacts[0] != ds4p.Artifact{Type: "justification", Target: true}) {
			t.Error("the consent is lost")
		}
	}
}

func TestRealResourcesKeepTheirLabels(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join("..", "..", "..", "shared", "data", "fhir", "*", "*.json"))
	if len(files) == 0 {
		t.Skip("SKIPPED: no real resources in ../shared/data")
	}
	n, labelled := 0, 0
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		r, err := fhir.Parse(b)
		if err != nil {
			continue
		}
		in := ds4p.Read(r)
		atLeastSecurity(t, string(b), in)
		if n++; len(in.Labels)+len(in.Inline) > 0 {
			labelled++
		}
	}
	t.Logf("%d resources read, %d of them carry labels", n, labelled)
}
