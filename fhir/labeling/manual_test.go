package labeling_test

import (
	"os"
	"regexp"
	"testing"

	"domicile/collections"
	"domicile/fhir"
	"domicile/fhir/ds4p"
	"domicile/fhir/labeling"
)

func manual(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../docs/labelling.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestTheLocalSystemOfTheManualIsThatOfTheRules(t *testing.T) {
	t.Parallel()
	labels := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(manual(t))
	part, err := os.ReadFile("../../collections/policies/private/uk-a-log.yaml")
	if err != nil || labels == nil {
		t.Fatal("no private part or no YAML to read:", err)
	}
	p, err := collections.ParsePrivateYAML(append(append(part, 10), labels[1]...), "manual")
	if err != nil {
		t.Fatal(err)
	}
	v := p.Vocabulary()
	sex := fhir.Coding{System: ds4p.SystemActCode, Code: "SEX"}
	for _, c := range labeling.LocalSystem().Codes {
		if l := (fhir.Coding{System: labeling.LocalURL, Code: c.Code}); !v.In(l, ds4p.Sensitivity) || !v.IsA(l, sex) {
			t.Errorf("%s is no sensitivity below SEX", c.Code)
		}
	}
	for _, l := range labeling.Shipped().Labels() {
		if !v.Known(l) {
			t.Errorf("%s is not known", l.Code)
		}
	}
}

func TestTheRuleOfTheManualIsOne(t *testing.T) {
	t.Parallel()
	text := regexp.MustCompile("(?s)```json\n(.*?)```").FindStringSubmatch(manual(t))
	if text == nil {
		t.Fatal("the manual has no rule")
	}
	formulary := labeling.File{Name: "formulary.json", Data: []byte(`{"resourceType":"ValueSet","url":"https://clinic.example/labels/formulary","version":"2026-10",
		"status":"active","compose":{"include":[{"system":"http://www.nlm.nih.gov/research/umls/rxnorm","concept":[{"code":"1819"}]}]}}`)}
	rs, err := labeling.Parse([]labeling.File{{Name: "manual.json", Data: []byte(text[1])}, formulary})
	if err != nil {
		t.Fatal(err)
	}
	for code, want := range map[string]string{"F11.1": "OPIOIDUD R", "F11.90": "N"} {
		r := resource(t, `{"resourceType":"Condition","code":{"coding":[{"system":"`+icd10+`","code":"`+code+`"}]}}`)
		if got := words(rs.Label(r, labeling.Options{}, labeling.Source{}).Labels); got != want {
			t.Errorf("%s is labelled %s, want %s", code, got, want)
		}
	}
}
