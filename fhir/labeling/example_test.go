package labeling_test

import (
	"fmt"

	"domicile/fhir"
	"domicile/fhir/labeling"
)

func ExampleRuleSet_Label() {
	r, err := fhir.Parse([]byte(`{"resourceType": "Condition", "subject": {"reference": "Patient/1"},
		"code": {"coding": [{"system": "urn:oid:2.16.840.1.113883.6.90", "code": "F1120"}]}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	out := labeling.Shipped().Label(r, labeling.Options{Part2: labeling.PostureNone}, labeling.Source{})
	for _, l := range out.Labels {
		fmt.Println(l.Code, "from", l.Origin)
	}
	for _, f := range out.Findings {
		fmt.Println(f.Label.Code, "at", f.Path+":", f.Why)
	}
	// Output:
	// OPIOIDUD from rule
	// SUD from rule
	// R from map
	// OPIOIDUD at Condition.code.coding[0]: the rule names a category that this code is in
	// SUD at Condition.code.coding[0]: the rule names a category that this code is in
	// R at Condition: a label of the record asks for this confidentiality
}
