package labeling_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"domicile/fhir"
	"domicile/fhir/ds4p"
	"domicile/fhir/labeling"
)

// label labels with the shipped rules and the zero options.
func label(t *testing.T, text string) labeling.Outcome {
	t.Helper()
	return labeling.Shipped().Label(resource(t, text), labeling.Options{}, labeling.Source{})
}

// Each of these is a place or spelling in which labelling services are known to miss
// a code.
func TestACodeIsFoundWhereverItStandsAndHoweverItIsSpelled(t *testing.T) {
	t.Parallel()
	coding := func(system, code string) string {
		return fmt.Sprintf(`{"resourceType":"Condition","code":{"coding":[{"system":%q,"code":%q}]}}`, system, code)
	}
	for name, c := range map[string]struct{ text, path string }{
		"the FHIR name of ICD-10-CM":        {coding("http://hl7.org/fhir/sid/icd-10-cm", "F11.20"), "Condition.code.coding[0]"},
		"the OID of ICD-10-CM":              {coding("urn:oid:2.16.840.1.113883.6.90", "F11.20"), "Condition.code.coding[0]"},
		"the bare OID":                      {coding("2.16.840.1.113883.6.90", "F11.20"), ""},
		"ICD-10 of the WHO":                 {coding("http://hl7.org/fhir/sid/icd-10", "F11.2"), ""},
		"the German edition":                {coding("http://fhir.de/CodeSystem/bfarm/icd-10-gm", "F11.2 G"), ""},
		"https for http":                    {coding("https://hl7.org/fhir/sid/icd-10-cm", "F11.20"), ""},
		"a slash at the end":                {coding("http://hl7.org/fhir/sid/icd-10-cm/", "F11.20"), ""},
		"a version behind the system":       {coding("http://hl7.org/fhir/sid/icd-10-cm|2026", "F11.20"), ""},
		"the system in capitals":            {coding("HTTP://HL7.ORG/FHIR/SID/ICD-10-CM", "F11.20"), ""},
		"spaces around the system":          {coding(" http://hl7.org/fhir/sid/icd-10-cm ", "F11.20"), ""},
		"F1120 without its dot":             {coding(icd10, "F1120"), ""},
		"f11.20 in small letters":           {coding(icd10, "f11.20"), ""},
		"a dagger behind the code":          {coding(icd10, "F11.2†"), ""},
		"a tab before the code":             {coding(icd10, "\tF11.20"), ""},
		"a line feed behind a LOINC code":   {coding("http://loinc.org", "82667-7\n"), ""},
		"a space without a break":           {coding(icd10, "\u00a0F11.20"), ""},
		"a mark of no width":                {coding(rxnorm, "1819\u200b"), ""},
		"a line feed before the system":     {coding("\nhttp://hl7.org/fhir/sid/icd-10-cm", "F11.20"), ""},
		"names in another case":             {strings.NewReplacer(`"system"`, `"System"`, `"code":"`, `"CODE":"`).Replace(coding(icd10, "F11.20")), ""},
		"escapes in system and code":        {strings.NewReplacer("F11", `F\u0031\u0031`, "://", `:\/\/`).Replace(coding(icd10, "F11.20")), ""},
		"an escaped member name":            {strings.Replace(coding(icd10, "F11.20"), `"system"`, `"s\u0079stem"`, 1), ""},
		"a bare Coding as Encounter.class":  {`{"resourceType":"Encounter","class":{"system":"` + icd10 + `","code":"F11.20"}}`, "Encounter.class"},
		"a bare Coding in an array":         {`{"resourceType":"Encounter","type":[{"text":"x"},{"system":"` + icd10 + `","code":"F11.20"}]}`, "Encounter.type[1]"},
		"an extension's valueCoding":        {`{"resourceType":"Patient","extension":[{"url":"urn:x","valueCoding":{"system":"` + icd10 + `","code":"F11.20"}}]}`, "Patient.extension[0].valueCoding"},
		"an extension of a primitive":       {`{"resourceType":"Patient","_gender":{"extension":[{"url":"urn:x","valueCoding":{"system":"` + icd10 + `","code":"F11.20"}}]}}`, "Patient._gender.extension[0].valueCoding"},
		"a contained resource":              {`{"resourceType":"Observation","contained":[` + coding(icd10, "F11.20") + `]}`, "Observation.contained[0].code.coding[0]"},
		"an entry of a Bundle":              {`{"resourceType":"Bundle","type":"document","entry":[{"resource":` + coding(icd10, "F11.20") + `}]}`, "Bundle.entry[0].resource.code.coding[0]"},
		"an element that R4 does not know":  {`{"resourceType":"Observation","reasonV6":{"system":"` + icd10 + `","code":"F11.20"}}`, ""},
		"an array of codes":                 {`{"resourceType":"Basic","code":{"system":"` + icd10 + `","code":["I10","F11.20"]}}`, ""},
		"a number for a code":               {`{"resourceType":"Observation","code":{"coding":[{"system":"` + rxnorm + `","code":6813}]}}`, ""},
		"a medication's ingredient":         {`{"resourceType":"MedicationRequest","medicationCodeableConcept":{"coding":[{"system":"` + rxnorm + `","code":"1819"}]}}`, ""},
		"the OID of RxNorm":                 {coding("urn:oid:2.16.840.1.113883.6.88", "1819"), ""},
		"the OID of SNOMED CT":              {coding("urn:oid:2.16.840.1.113883.6.96", "66214007"), ""},
		"the US edition of SNOMED CT":       {coding("http://snomed.info/sct/731000124108", "66214007"), ""},
		"a dated edition of SNOMED CT":      {coding("http://snomed.info/sct/731000124108/version/20250901", "66214007"), ""},
		"an expression of SNOMED CT":        {coding(snomed, "64572001|Disease|:246075003=66214007"), ""},
		"LOINC with a slash":                {coding("http://loinc.org/", "82667-7"), ""},
		"the OID of LOINC":                  {coding("urn:oid:2.16.840.1.113883.6.1", "82667-7"), ""},
		"HCPCS as the Blue Button has it":   {coding("https://bluebutton.cms.gov/resources/codesystem/hcpcs", "H0015"), ""},
		"the OID of HCPCS":                  {coding("urn:oid:2.16.840.1.113883.6.285", "H0015"), ""},
		"HCPCS at terminology.hl7.org":      {coding("http://terminology.hl7.org/CodeSystem/HCPCS-all-codes", "H0015"), ""},
		"a Quantity whose system has rules": {`{"resourceType":"Observation","valueQuantity":{"value":1,"system":"` + snomed + `","code":"66214007"}}`, "Observation.valueQuantity"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := label(t, c.text)
			found := slices.ContainsFunc(out.Findings, func(f labeling.Finding) bool {
				return f.Label.Code == "SUD" && f.Rule != "" && f.Code != "" && (c.path == "" || f.Path == c.path)
			})
			if !found || !slices.Contains(codes(out.Labels), "SUD") || !slices.Contains(codes(out.Labels), "R") {
				t.Errorf("labels %s, findings %+v", words(out.Labels), out.Findings)
			}
		})
	}
}

func TestWhatIsNoCodeOfARuleIsNotLabelled(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a unit":                 `{"resourceType":"Observation","valueQuantity":{"value":1,"system":"http://unitsofmeasure.org","code":"1819"}}`,
		"an identifier":          `{"resourceType":"Patient","identifier":[{"system":"` + icd10 + `","value":"F11.20"}]}`,
		"text":                   `{"resourceType":"Condition","code":{"text":"F11.20"}}`,
		"another code system":    `{"resourceType":"Observation","code":{"coding":[{"system":"http://hl7.org/fhir/sid/cvx","code":"1819"}]}}`,
		"RxNorm's 1819 in LOINC": `{"resourceType":"Observation","code":{"coding":[{"system":"http://loinc.org","code":"1819"}]}}`,
		"Encounter.class AMB":    `{"resourceType":"Encounter","class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := label(t, text)
			if words(out.Labels) != "N" || out.Unlabelled != 0 {
				t.Errorf("labels %s, %d unlabelled", words(out.Labels), out.Unlabelled)
			}
		})
	}
}

func TestACodeOfTheRulesUnderAMissingOrUnknownSystemIsReportedAndCounted(t *testing.T) {
	t.Parallel()
	out := label(t, `{"resourceType":"Condition","code":{"coding":[{"code":"F11.20"},{"system":"urn:hospital:codes","code":"82667-7"},
		{"system":"","code":"h0015"},{"system":"urn:hospital:codes","code":"OK"},{"system":null,"code":"I10"}]}}`)
	if out.Unlabelled != 3 {
		t.Errorf("%d codes counted, want 3: %+v", out.Unlabelled, out.Findings)
	}
	if out := label(t, `{"resourceType":"Condition","code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-xx","code":"F11.20"}]}}`); out.Unlabelled != 1 {
		t.Error("an edition of ICD that is not known is passed over in silence")
	}
	n := 0
	for _, i := range out.Issues {
		if i.Rule == labeling.IssueUnlabelled && i.Severity == ds4p.Warning && strings.HasPrefix(i.Path, "Condition.code.coding[") {
			n++
			if strings.Contains(i.Text+i.Path, "F11") {
				t.Error("an issue holds a value of the resource")
			}
		}
	}
	if n != 3 || words(out.Labels) != "N" || ds4p.Refused(out.Issues) {
		t.Errorf("%d issues, labels %s", n, words(out.Labels))
	}
	vs := label(t, `{"resourceType":"ValueSet","compose":{"include":[{"concept":[{"code":"F11.20"}]}]}}`)
	if vs.Unlabelled != 0 {
		t.Error("the codes that a ValueSet defines count as missed")
	}
}

func TestAFindingNamesRuleCodePathAndReason(t *testing.T) {
	t.Parallel()
	out := label(t, `{"resourceType":"Condition","code":{"coding":[{"system":"urn:oid:2.16.840.1.113883.6.90","code":"f10.20"}]}}`)
	want := labeling.Finding{
		Rule: "urn:domicile:rules:alcohol|1.0.0", Label: fhir.Coding{System: ds4p.SystemActCode, Code: "ETHUD"},
		System: "urn:oid:2.16.840.1.113883.6.90", Code: "f10.20", Path: "Condition.code.coding[0]", Why: labeling.WhyPrefix,
	}
	if !slices.Contains(out.Findings, want) {
		t.Errorf("%+v", out.Findings)
	}
	if l := get(out.Labels, "ETHUD"); l.Origin != ds4p.OriginRule || l.Rule != want.Rule {
		t.Errorf("%#v", l)
	}
	if l := get(out.Labels, "R"); l.Origin != ds4p.OriginMap {
		t.Error("the confidentiality does not come from the map")
	}
}

func TestLabelsDoNotDependOnTheOrderOfCodes(t *testing.T) {
	t.Parallel()
	list := []string{`{"system":"` + icd10 + `","code":"F11.20"}`, `{"system":"` + loinc + `","code":"82667-7"}`, `{"system":"` + icd10 + `","code":"B20"}`, `{"system":"` + rxnorm + `","code":"1819"}`}
	var want []ds4p.Label
	for i := range list {
		turned := append(slices.Clone(list[i:]), list[:i]...)
		out := label(t, `{"resourceType":"Condition","code":{"coding":[`+strings.Join(turned, ",")+`]}}`)
		if i == 0 {
			want = out.Labels
		}
		if fmt.Sprintf("%#v", codes(out.Labels)) != fmt.Sprintf("%#v", codes(want)) || get(out.Labels, "SUD").Rule != get(want, "SUD").Rule {
			t.Errorf("turned by %d: %s, not %s", i, words(out.Labels), words(want))
		}
	}
}

func TestOneCodeGivesEveryLabelOfItsRules(t *testing.T) {
	t.Parallel()
	out := label(t, `{"resourceType":"Condition","code":{"coding":[{"system":"`+icd10+`","code":"O04.5"}]}}`)
	if got := words(out.Labels); got != "ABORTION R SEX" {
		t.Errorf("labels %s", got)
	}
	out = label(t, `{"resourceType":"Condition","code":{"coding":[{"system":"`+icd10+`","code":"F11.2"}]}}`)
	if got := words(out.Labels); got != "OPIOIDUD R SUD" {
		t.Errorf("labels %s", got)
	}
}

func TestALabelThatTheVocabularyLacksIsReportedAndNotGiven(t *testing.T) {
	t.Parallel()
	r := resource(t, `{"resourceType":"Condition","code":{"coding":[{"system":"`+icd10+`","code":"Z33.2"}]}}`)
	out := labeling.Shipped().Label(r, labeling.Options{Vocabulary: ds4p.Standard()}, labeling.Source{})
	if words(out.Labels) != "R SEX" || !slices.ContainsFunc(out.Issues, func(i ds4p.Issue) bool { return i.Rule == labeling.IssueUnknownLabel }) {
		t.Errorf("labels %s, issues %v", words(out.Labels), out.Issues)
	}
}

func TestOneCodeOverAndOverIsNotedAHundredTimes(t *testing.T) {
	t.Parallel()
	known := strings.Repeat(`,{"system":"`+icd10+`","code":"F10.20"}`, 100_000)
	stray := strings.Repeat(`,{"code":"F10.20"}`, 100_000)
	out := label(t, `{"resourceType":"Condition","code":{"coding":[`+known[1:]+stray+`]}}`)
	if len(out.Findings) != 2*labeling.MaxFindings+1 || out.Unlabelled != 100_000 || words(out.Labels) != "ETHUD R" {
		t.Errorf("%d findings, %d counted, labels %s", len(out.Findings), out.Unlabelled, words(out.Labels))
	}
}
