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

func ExampleResource_Objects() {
	r, err := fhir.Parse([]byte(`{
	  "resourceType": "Observation",
	  "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
	  "_status": {"extension": [{"url": "u", "valueCoding": {"code": "R"}}]}
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	err = r.Objects(func(o fhir.Object) error {
		if code, ok := o.Text("code"); ok {
			fmt.Println(o.Path(), code)
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// Observation.code.coding[0] 8867-4
	// Observation._status.extension[0].valueCoding R
	// <nil>
}

func ExampleResource_Digest() {
	a, _ := fhir.Parse([]byte(`{"resourceType": "Basic", "id": "b", "count": 1.00}`))
	b, _ := fhir.Parse([]byte(`{"id":"\u0062","count":1.00,"resourceType":"Basic"}`))
	c, _ := fhir.Parse([]byte(`{"id":"b","count":1.0,"resourceType":"Basic"}`))
	fmt.Printf("%s\n", a.CanonicalForm())
	fmt.Println(a.Digest())
	fmt.Println(a.Digest() == b.Digest(), a.Digest() == c.Digest())
	// Output:
	// {"count":1.00,"id":"b","resourceType":"Basic"}
	// frc-1/sha256:f8f47ce2db388463c10f262e46fb6cef043d6d208da599b48ad4904b5e152cf0
	// true false
}

func ExampleResource_Structure() {
	r, _ := fhir.Parse([]byte(`{"resourceType": "Patient", "name": [], "Meta": {"tag": [null]}}`))
	for _, issue := range r.Structure() {
		fmt.Println(issue.Path, issue.Rule)
	}
	// Output:
	// Patient.name structure:empty-array
	// Patient.Meta structure:name-case
	// Patient.Meta.tag[0] structure:null
}
