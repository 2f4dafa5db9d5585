package labeling_test

import (
	"errors"
	"reflect"
	"testing"

	"domicile/fhir"
	"domicile/fhir/ds4p"
	"domicile/fhir/labeling"
)

func FuzzParse(f *testing.F) {
	for _, file := range labeling.ShippedFiles() {
		f.Add(file.Data)
	}
	f.Add(rule("r", f11).Data)
	f.Add([]byte(`{"resourceType":"ValueSet","url":"urn:a","version":"1","status":"active","compose":{"include":[{"valueSet":["urn:a"]}]}}`))
	f.Add([]byte(`{"resourceType":"ValueSet","url":"urn:a","version":"1","status":"draft","expansion":{"contains":[{"contains":[{"system":"urn:x","code":"1"}]}]}}`))
	r := resource(f, opioid)
	f.Fuzz(func(t *testing.T, b []byte) {
		rs, err := labeling.Parse([]labeling.File{{Name: "f.json", Data: b}})
		if err != nil {
			var re *labeling.RuleError
			if !errors.As(err, &re) || rs != nil {
				t.Fatalf("%v, %v", rs, err)
			}
			return
		}
		if len(rs.Names()) == 0 || len(rs.Labels()) == 0 || len(rs.SHA256()) != 64 {
			t.Fatal("accepted without a name, a label or a digest")
		}
		for _, l := range rs.Labels() {
			if l == ds4p.Part2 || l.System == ds4p.SystemConfidentiality {
				t.Fatalf("a rule gives %s", l.Code)
			}
		}
		rs.Label(r, labeling.Options{}, labeling.Source{})
	})
}

func FuzzLabel(f *testing.F) {
	for _, s := range []string{
		opioid, asthma, labelled(conf + `R"}`), labelled(act+`42CFRPart2"}`, act+`HIPAAROA"}`, conf+`U"}`, conf+`V"}`), labelled(`null`, `"R"`, `{"code":"R"}`),
		`{"resourceType":"Bundle","type":"document","entry":[{"resource":` + opioid + `}]}`,
		`{"resourceType":"Basic","code":[{"system":"http://snomed.info/sct","code":"5602001:66214007=55680006"}]}`,
		`{"resourceType":"Consent","status":"active","category":[{"coding":[` + act + `42CFRPart2CD"}]}]}`,
		`{"resourceType":"Patient","_gender":{"extension":[{"url":"http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label","valueCoding":` + conf + `R"}}]}}`,
		`{"resourceType":"Basic","code":{"system":"","code":["","\u00e9",null,{},1e9]}}`,
	} {
		f.Add([]byte(s), "N", byte(0))
		f.Add([]byte(s), "V", byte(7))
	}
	v := ds4p.Standard()
	postures := []labeling.Posture{labeling.PostureUnset, labeling.PostureProgram, labeling.PostureNone, labeling.PostureDeclared}
	f.Fuzz(func(t *testing.T, b []byte, def string, facts byte) {
		r, err := fhir.Parse(b)
		if err != nil {
			return
		}
		o := labeling.Options{Default: def, Part2: postures[facts>>3&3]}
		s := labeling.Source{Posture: facts&1 > 0, Declared: facts&2 > 0, Consent: facts&4 > 0}
		out := labeling.Shipped().Label(r, o, s)
		n := 0
		for _, l := range out.Labels {
			if l.System == ds4p.SystemConfidentiality && ds4p.Rank(l.Code) > 0 {
				n++
			}
		}
		in := ds4p.Read(r)
		if n != 1 || ds4p.Rank(ds4p.MaxConfidentiality(out.Labels)) < ds4p.Rank(in.MaxConfidentiality()) {
			t.Fatalf("%d confidentialities", n)
		}
		if missing := v.Missing(in.Labels, out.Labels); len(missing) > 0 {
			t.Fatalf("%d inbound labels are lost", len(missing))
		}
		for _, i := range out.Issues {
			if i.Rule == "T1" || i.Rule == "T2" || i.Rule == "T5" || i.Rule == "T8" || i.Rule == "T4" && i.Path == "" {
				t.Fatalf("the set at rest breaks %s: %s", i.Rule, i.Text)
			}
		}
		if again := labeling.Shipped().Label(r, o, s); !reflect.DeepEqual(out, again) {
			t.Fatal("the same resource is labelled differently")
		}
	})
}
