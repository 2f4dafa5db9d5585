package ds4p_test

import (
	"fmt"

	"domicile/fhir"
	"domicile/fhir/ds4p"
)

func Example() {
	r, err := fhir.Parse([]byte(`{"resourceType":"Patient",
		"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"OPIOIDUD"}]},
		"address":[{"extension":[{"url":"` + ds4p.ExtensionInline + `",
			"valueCoding":{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"V"}}]}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	in := ds4p.Read(r)
	fmt.Println(len(in.Labels), "label,", len(in.Inline), "inline at", in.Inline[0].Path)

	v := ds4p.Standard()
	substance := fhir.Coding{System: ds4p.SystemActCode, Code: "SUD"}
	fmt.Println("about substance use:", v.IsA(in.Labels[0].Coding(), substance))
	for _, issue := range v.AtRest(in.Labels, in) {
		fmt.Println(issue.Rule, issue.Text)
	}

	rest := append(in.Labels,
		ds4p.Label{System: ds4p.SystemConfidentiality, Code: "V"},
		ds4p.Label{System: ds4p.ProcessInline.System, Code: ds4p.ProcessInline.Code})
	fmt.Println("refused:", ds4p.Refused(v.AtRest(rest, in)))
	// Output:
	// 1 label, 1 inline at Patient.address[0]
	// about substance use: true
	// T1 exactly one confidentiality is needed
	// T2 the confidentiality is lower than that of a label in the resource
	// T4 the resource has inline labels, so PROCESSINLINELABEL is needed
	// refused: false
}
