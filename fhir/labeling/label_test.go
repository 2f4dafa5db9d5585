package labeling_test

import (
	"strings"
	"testing"

	"domicile/fhir"
	"domicile/fhir/ds4p"
	"domicile/fhir/labeling"
)

const (
	conf = `{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"`
	act  = `{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"`
)

func basis(code string) string {
	return `,"extension":[{"url":"http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-sec-label-basis","valueCoding":` + act + code + `"}}]`
}

// labelled is an Observation with labels.
func labelled(labels ...string) string {
	return `{"resourceType":"Observation","meta":{"security":[` + strings.Join(labels, ",") + `]},"subject":{"reference":"Patient/1"},"status":"final","code":{"text":"x"}}`
}

func TestExactlyOneConfidentialityIsLeftAndItIsTheHighest(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text    string
		options labeling.Options
		want    string
	}{
		"none said":                 {labelled(), labeling.Options{}, "N"},
		"the holder's default":      {labelled(), labeling.Options{Default: "R"}, "R"},
		"a default that is no code": {labelled(), labeling.Options{Default: "X"}, "N"},
		"inbound below the default": {labelled(conf + `M"}`), labeling.Options{Default: "R"}, "M"},
		"two inbound":               {labelled(conf+`N"}`, conf+`V"}`, conf+`R"}`), labeling.Options{}, "V"},
		"two inbound, high first":   {labelled(conf+`R"}`, conf+`U"}`), labeling.Options{}, "R"},
		"a label asks for more":     {labelled(conf+`N"}`, act+`HIV"}`), labeling.Options{}, "HIV R"},
		"a label asks for less":     {labelled(conf+`V"}`, act+`HIV"}`), labeling.Options{}, "HIV V"},
		"a map of the holder": {labelled(act + `HIV"}`), labeling.Options{Confidentiality: []labeling.Conf{
			{Label: fhir.Coding{System: ds4p.SystemActCode, Code: "HIV"}, Is: "V"},
		}}, "HIV V"},
		"an entry for a wider label": {labelled(act + `OPIOIDUD"}`), labeling.Options{Confidentiality: []labeling.Conf{
			{Label: fhir.Coding{System: ds4p.SystemActCode, Code: "SUD"}, Is: "V"},
		}}, "OPIOIDUD V"},
		"an entry without a system": {labelled(act + `OPIOIDUD"}`), labeling.Options{Confidentiality: []labeling.Conf{
			{Label: fhir.Coding{Code: "SUD"}, Is: "V"},
		}}, "OPIOIDUD V"},
		"a map without entries": {labelled(act + `HIV"}`), labeling.Options{Confidentiality: []labeling.Conf{}}, "HIV N"},
		"inline above": {`{"resourceType":"Patient","_gender":{"extension":[{"url":"http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label",
			"valueCoding":` + conf + `R"}}]}}`, labeling.Options{}, "PROCESSINLINELABEL R"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := (*labeling.RuleSet)(nil).Label(resource(t, c.text), c.options, labeling.Source{})
			if got := words(out.Labels); got != c.want || ds4p.Refused(out.Issues) {
				t.Errorf("labels %s, want %s; issues %v", got, c.want, out.Issues)
			}
		})
	}
}

func TestInboundLabelsComeFirstInTheirOrder(t *testing.T) {
	t.Parallel()
	r := resource(t, `{"resourceType":"Condition","meta":{"security":[`+act+`STD"},`+conf+`R"},`+act+`HIV"}]},"code":{"coding":[{"system":"`+icd10+`","code":"F32.1"}]}}`)
	var got []string
	for _, l := range labeling.Shipped().Label(r, labeling.Options{}, labeling.Source{}).Labels {
		got = append(got, l.Code+" "+l.Origin)
	}
	if s := strings.Join(got, ", "); s != "STD inbound, R inbound, HIV inbound, MH rule" {
		t.Error(s)
	}
}

func TestTheSecondLabelsBasisIsKept(t *testing.T) {
	t.Parallel()
	r := resource(t, labelled(act+`SUD"`+basis("42CFRPart2")+`}`, act+`SUD"`+basis("HIPAAROA")+`}`, act+`SUD"`+basis("HIPAAROA")+`}`, conf+`R"`+basis("HIPAAROA")+`}`))
	out := labeling.Shipped().Label(r, labeling.Options{}, labeling.Source{})
	var got []string
	for _, l := range out.Labels {
		if l.Code == "SUD" {
			got = append(got, l.Basis.Code)
		}
	}
	if strings.Join(got, " ") != "42CFRPart2 HIPAAROA" || ds4p.Refused(out.Issues) {
		t.Errorf("SUD rests on %v; %v", got, out.Issues)
	}
}

func TestOnceTwoPoliciesSpeakEveryLabelHasItsBasis(t *testing.T) {
	t.Parallel()
	r := resource(t, `{"resourceType":"Condition","meta":{"security":[`+act+`HIPAAROA"},`+act+`42CFRPart2"},`+act+`STD"},`+act+`PSYTHPN"},`+act+`HIPAAPsyNotes"}]},
		"code":{"coding":[{"system":"`+icd10+`","code":"F11.2"}]}}`)
	out := labeling.Shipped().Label(r, labeling.Options{}, labeling.Source{})
	want := map[string]string{
		"HIPAAROA": "HIPAAROA", "42CFRPart2": "42CFRPart2", "STD": "HIPAAROA", "PSYTHPN": "HIPAAPsyNotes", "HIPAAPsyNotes": "HIPAAPsyNotes",
		"SUD": "42CFRPart2", "OPIOIDUD": "42CFRPart2", "NORDSCLCD": "42CFRPart2", "R": "42CFRPart2",
	}
	for code, b := range want {
		if got := get(out.Labels, code); got.Basis.Code != b {
			t.Errorf("%s rests on %q, want %s", code, got.Basis.Code, b)
		}
	}
	if ds4p.Refused(out.Issues) {
		t.Error(out.Issues)
	}
}

func TestLabelsInsideTheResourceJoinTheSet(t *testing.T) {
	t.Parallel()
	r := resource(t, `{"resourceType":"Patient","contained":[{"resourceType":"Observation","meta":{"security":[`+act+`PSYTHPN"}]}}],
		"_gender":{"extension":[{"url":"http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label","valueCoding":`+act+`HIV"}}]}}`)
	out := labeling.Shipped().Label(r, labeling.Options{}, labeling.Source{})
	if got := words(out.Labels); got != "HIV PROCESSINLINELABEL PSYTHPN R" || ds4p.Refused(out.Issues) {
		t.Errorf("labels %s, %v", got, out.Issues)
	}
	if get(out.Labels, "HIV").Origin != ds4p.OriginInline {
		t.Error("the origin is not inline")
	}
}

func TestALabelInsideTheResourceThatNobodyKnowsJoinsTheSetAndIsRefused(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a code of nobody's system": `{"system":"urn:nobody","code":"Q"}`,
		"a text":                    `{"display":"secret"}`,
	} {
		r := resource(t, `{"resourceType":"Patient","contained":[{"resourceType":"Observation","meta":{"security":[`+text+`]}}]}`)
		out := labeling.Shipped().Label(r, labeling.Options{}, labeling.Source{})
		if len(out.Labels) != 2 || !ds4p.Refused(out.Issues) {
			t.Errorf("%s: labels %s, %v", name, words(out.Labels), out.Issues)
		}
	}
}

// Two decoders that read one text differently are how a label gets lost.
func TestParserTrapsLoseNoLabel(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"security twice":               `{"resourceType":"Basic","meta":{"security":[` + conf + `R"}],"security":[` + conf + `U"}]}}`,
		"Security in capitals":         `{"resourceType":"Basic","meta":{"security":[` + conf + `R"}],"Security":[` + conf + `U"}]}}`,
		"META without labels":          `{"resourceType":"Basic","meta":{"security":[` + conf + `R"}]},"META":{"security":[]}}`,
		"META alone":                   `{"resourceType":"Basic","META":{"security":[` + conf + `R"}]}}`,
		"an escaped name":              `{"resourceType":"Basic","m\u0065ta":{"s\u0065curity":[` + conf + `R"}]}}`,
		"an object for the array":      `{"resourceType":"Basic","meta":{"security":` + conf + `R"}}}`,
		"an array of meta":             `{"resourceType":"Basic","meta":[{"security":[` + conf + `R"}]}]}`,
		"a label as text":              `{"resourceType":"Basic","meta":{"security":["R"]}}`,
		"a code in another case":       `{"resourceType":"Basic","meta":{"security":[` + conf + `r"}]}}`,
		"a system in another spelling": `{"resourceType":"Basic","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality/","code":"R"}]}}`,
		"a code without system":        `{"resourceType":"Basic","meta":{"security":[{"code":"R"}]}}`,
		"a label beside null":          `{"resourceType":"Basic","meta":{"security":[null,` + conf + `R"}]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := fhir.Parse([]byte(text))
			if err != nil {
				return // refused: nothing is stored
			}
			out := labeling.Shipped().Label(r, labeling.Options{}, labeling.Source{})
			if get(out.Labels, "R").Code == "" && !ds4p.Refused(out.Issues) {
				t.Errorf("stored as %s", words(out.Labels))
			}
		})
	}
}

func TestAnUnknownInboundLabelStaysAndIsRefused(t *testing.T) {
	t.Parallel()
	out := labeling.Shipped().Label(resource(t, labelled(act+`NOREDISCLOSE"}`, `{"system":"urn:other","code":"X"}`)), labeling.Options{}, labeling.Source{})
	if got := words(out.Labels); got != "N NOREDISCLOSE X" || !ds4p.Refused(out.Issues) {
		t.Errorf("labels %s, %v", got, out.Issues)
	}
}
