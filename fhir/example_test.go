package fhir_test

import (
	"fmt"
	"strings"

	"domicile/fhir"
)

func ExampleParse() {
	r, err := fhir.Parse([]byte(`{
	  "resourceType": "Encounter",
	  "meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]},
	  "subject": {"reference": "Patient/1"},
	  "period": {"start": "2019-05-16", "end": "2019-05"}
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	end, ok := r.EndDate()
	fmt.Println(r.Type, r.Security()[0].Code, r.Subjects(), end, ok)
	fmt.Println(end.AddPeriod(fhir.Period{N: 6, Unit: 'y'}))

	_, err = fhir.Parse([]byte(`{"resourceType": "Patient", "meta": {}, "META": {}}`))
	fmt.Println(err)
	// Output:
	// Encounter R [Patient/1] 2019-05-31 true
	// 2025-05-31
	// fhir: two names in one object that differ only in case at META (line 1, column 41, byte 40)
}

func ExampleSplit() {
	const bundle = `{"resourceType": "Bundle", "type": "transaction", "entry": [
	  {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Patient", "id": "p"}},
	  {"resource": {"resourceType": "Flag", "subject": {"reference": "urn:uuid:1"}}},
	  {"request": {"method": "DELETE", "url": "Patient/2"}}
	]}`
	sum, err := fhir.Inspect(strings.NewReader(bundle), fhir.SplitOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(sum.Records, "records in a", sum.BundleType)
	for e, err := range fhir.Split(strings.NewReader(bundle), sum) {
		if err != nil {
			fmt.Println(err)
			return
		}
		if e.Skipped != "" {
			fmt.Println(e.Ordinal, "skipped:", e.Skipped)
			continue
		}
		for _, ref := range e.Resource.Subjects() {
			fmt.Println(e.Ordinal, "is about", fhir.Resolve(sum, ref))
		}
	}
	// Output:
	// 2 records in a transaction
	// 1 is about Patient/p
	// 2 skipped: no resource (DELETE)
}
