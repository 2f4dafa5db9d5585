package ds4p_test

import (
	"strings"
	"testing"

	"domicile/fhir"
	"domicile/fhir/ds4p"
)

// typical is an Observation of about 2 kB.
func typical(meta string) string {
	return `{"resourceType":"Observation","id":"o1",` + meta + `"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">` +
		strings.Repeat("A line of narrative. ", 40) + `</div>"},"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],` +
		`"code":{"coding":[{"system":"http://loinc.org","code":"600-7","display":"Bacteria identified in Blood by Culture"}]},"subject":{"reference":"Patient/P001"},` +
		`"component":[` + strings.TrimSuffix(strings.Repeat(`{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":107.00,"unit":"mmHg"}},`, 6), ",") + `]}`
}

func BenchmarkRead(b *testing.B) {
	for name, meta := range map[string]string{
		"unlabelled": ``,
		"labelled":   `"meta":{"security":[` + confR + `,` + actSUD + `]},`,
		"escaped":    `"language":"\u0065n",`,
	} {
		b.Run(name, func(b *testing.B) {
			r, err := fhir.Parse([]byte(typical(meta)))
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(r.Raw)))
			b.ReportAllocs()
			for b.Loop() {
				ds4p.Read(r)
			}
		})
	}
}

func BenchmarkAtRest(b *testing.B) {
	set := ds4p.MinimalPart2(ds4p.OriginPosture, act("OPIOIDUD"))
	in := ds4p.Inbound{Labels: set}
	v := ds4p.Standard()
	b.ReportAllocs()
	for b.Loop() {
		if v.AtRest(set, in) != nil {
			b.Fatal("refused")
		}
	}
}

func BenchmarkDigest(b *testing.B) {
	set := ds4p.MinimalPart2(ds4p.OriginPosture, act("OPIOIDUD"))
	b.ReportAllocs()
	for b.Loop() {
		ds4p.Digest(set)
	}
}
