package fhir

import (
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

func TestEndDate(t *testing.T) {
	tests := map[string]struct {
		in    string
		want  string // "" for no end
		typed bool
	}{
		"an encounter ends with its period": {
			`{"resourceType":"Encounter","status":"finished","class":{},"period":{"start":"2018-01-01","end":"2019-05-17T10:00:00Z"}}`, "2019-05-17", true,
		},
		"an open period is no end":        {`{"resourceType":"Encounter","status":"in-progress","class":{},"period":{"start":"2018-01-01"}}`, "", false},
		"an empty period is no end":       {`{"resourceType":"Encounter","period":{}}`, "", false},
		"no period is no end":             {`{"resourceType":"Encounter","status":"finished","class":{}}`, "", false},
		"an unreadable date is no end":    {`{"resourceType":"Encounter","period":{"end":"soon"}}`, "", false},
		"a date that is a number is none": {`{"resourceType":"Encounter","period":{"end":2019}}`, "", false},
		"an observation at a time": {
			`{"resourceType":"Observation","status":"final","code":{},"effectiveDateTime":"2019-05"}`, "2019-05-31", true,
		},
		"an observation at an instant": {
			`{"resourceType":"Observation","status":"final","code":{},"effectiveInstant":"2019-12-31T23:30:00-05:00"}`, "2020-01-01", true,
		},
		"an observation over a period": {
			`{"resourceType":"Observation","status":"final","code":{},"effectivePeriod":{"end":"2019"}}`, "2019-12-31", true,
		},
		"an observation at several times ends with the last": {
			`{"resourceType":"Observation","status":"final","code":{},"effectiveTiming":{"event":["2019-03-01","2019-05-17","2019-04-01"]}}`, "2019-05-17", true,
		},
		"a timing ends with its bounds": {
			`{"resourceType":"ServiceRequest","status":"active","intent":"order","subject":{},"occurrenceTiming":{"event":["2019-01-01"],"repeat":{"boundsPeriod":{"end":"2020-02-02"}}}}`, "2020-02-02", true,
		},
		"a timing that repeats without bounds is open": {
			`{"resourceType":"ServiceRequest","authoredOn":"2019-01-01","occurrenceTiming":{"event":["2019-01-01"],"repeat":{"frequency":1}}}`, "", false,
		},
		"an empty timing is no end": {`{"resourceType":"Observation","effectiveTiming":{}}`, "", false},
		"two values of a choice: the later": {
			`{"resourceType":"Observation","status":"final","code":{},"effectiveDateTime":"2019-05-17","effectivePeriod":{"end":"2021-01-01"}}`, "2021-01-01", true,
		},
		"two values of a choice, one open": {
			`{"resourceType":"Observation","effectiveDateTime":"2019-05-17","effectivePeriod":{"start":"2021-01-01"}}`, "", false,
		},
		"a code that samply does not know leaves the date readable": {
			`{"resourceType":"Observation","status":"our-own","code":{},"effectiveDateTime":"2019-05-17"}`, "2019-05-17", false,
		},
		"a number that samply refuses leaves the date readable": {
			`{"resourceType":"Immunization","status":"completed","vaccineCode":{},"patient":{},"occurrenceDateTime":"2019-05-17","protocolApplied":[{"doseNumberPositiveInt":1.0}]}`, "2019-05-17", false,
		},
		"an element in other case is not the element": {
			`{"resourceType":"Encounter","status":"finished","class":{},"Period":{"end":"2019"}}`, "", false,
		},
		"a name spelt with an escape is the element": {
			`{"resourceType":"Encounter","status":"finished","class":{},"peri\u006fd":{"end":"2019"}}`, "2019-12-31", true,
		},
		"null is absent": {
			`{"resourceType":"DocumentReference","status":"current","content":[],"context":{"period":null},"date":"2019-05-17T00:00:00Z"}`, "2019-05-17", true,
		},
		"a document reference ends with what it documents": {
			`{"resourceType":"DocumentReference","status":"current","content":[],"context":{"period":{"end":"2018-01-01"}},"date":"2019-05-17T00:00:00Z"}`, "2018-01-01", true,
		},
		"a prescription ends with its validity": {
			`{"resourceType":"MedicationRequest","status":"active","intent":"order","subject":{},"authoredOn":"2019-01-01","dispenseRequest":{"validityPeriod":{"end":"2019-07-01"}}}`, "2019-07-01", true,
		},
		"a prescription of open validity has no end": {
			`{"resourceType":"MedicationRequest","authoredOn":"2019-01-01","dispenseRequest":{"validityPeriod":{"start":"2019-07-01"}}}`, "", false,
		},
		"a prescription without validity counts from its signing": {
			`{"resourceType":"MedicationRequest","status":"active","intent":"order","subject":{},"authoredOn":"2019-01-01"}`, "2019-01-01", true,
		},
		"a medication given": {
			`{"resourceType":"MedicationAdministration","status":"completed","subject":{},"effectiveDateTime":"2019-05-17"}`, "2019-05-17", true,
		},
		"a condition that has abated": {
			`{"resourceType":"Condition","subject":{},"onsetDateTime":"2001","abatementDateTime":"2019-05-17"}`, "2019-05-17", true,
		},
		"an active condition has no end":       {`{"resourceType":"Condition","subject":{},"onsetDateTime":"2001","recordedDate":"2001"}`, "", false},
		"an age at abatement is no date":       {`{"resourceType":"Condition","subject":{},"abatementAge":{"value":40}}`, "", false},
		"a procedure told in words is no date": {`{"resourceType":"Procedure","performedString":"2019"}`, "", false},
		"a communication ends when received": {
			`{"resourceType":"Communication","status":"completed","sent":"2019-05-17T10:00:00Z","received":"2019-05-20T10:00:00Z"}`, "2019-05-20", true,
		},
		"a consent ends with its provision": {
			`{"resourceType":"Consent","status":"active","scope":{},"category":[],"provision":{"period":{"end":"2019-05-17"},"provision":[{"period":{"end":"2022"}}]}}`, "2019-05-17", true,
		},
		"a specimen": {
			`{"resourceType":"Specimen","receivedTime":"2020-01-01T00:00:00Z","collection":{"collectedDateTime":"2019-05-17"}}`, "2019-05-17", true,
		},
		"an allergy lasts":  {`{"resourceType":"AllergyIntolerance","patient":{},"lastOccurrence":"2019-05-17"}`, "", false},
		"a patient lasts":   {`{"resourceType":"Patient","birthDate":"1970-01-01","deceasedDateTime":"2019-05-17"}`, "", false},
		"an unknown type":   {`{"resourceType":"Thing","period":{"end":"2019"}}`, "", false},
		"a Bundle has none": {`{"resourceType":"Bundle","type":"document","timestamp":"2019-05-17T00:00:00Z"}`, "", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := Parse([]byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			end, ok := r.End()
			got := ""
			if ok {
				got = end.Date.String()
			}
			if got != tt.want || ok && end.Typed != tt.typed {
				t.Errorf("got %q (typed %t), want %q (typed %t)", got, end.Typed, tt.want, tt.typed)
			}
		})
	}
}

// The paths of the table are text; samply's models know the elements of R4.
func TestTheTableNamesOnlyElementsOfR4(t *testing.T) {
	for name, rule := range endRules {
		if rule.model.Name() != name {
			t.Errorf("%s is read with the model %s", name, rule.model.Name())
		}
		for _, path := range strings.Fields(strings.Join(rule.groups, " ")) {
			typ := rule.model
			for element := range strings.SplitSeq(path, ".") {
				i, ok := fieldOf(typ, element)
				if !ok {
					t.Errorf("%s has no element %s", name, path)
					break
				}
				for typ = typ.Field(i).Type; typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice; {
					typ = typ.Elem()
				}
			}
			suffix := ""
			if typ.Kind() == reflect.Struct {
				suffix = typ.Name() // Period or Timing
			} else if typ.Kind() != reflect.String {
				t.Errorf("%s.%s is a %v", name, path, typ)
			}
			if !strings.HasSuffix(strings.ToLower(path), strings.ToLower(suffix)) ||
				suffix == "" && regexp.MustCompile(`eriod$|Timing$`).MatchString(path) {
				t.Errorf("%s.%s is read by its name, but is a %v", name, path, typ)
			}
		}
	}
}

func TestEveryRuleIsDocumented(t *testing.T) {
	src, err := os.ReadFile("enddate.go")
	if err != nil {
		t.Fatal(err)
	}
	for name := range endRules {
		if !regexp.MustCompile(`//\t.*\b` + name + `\b`).Match(src) {
			t.Errorf("the comment of EndDate does not list %s", name)
		}
	}
}

// Every rule reads one made-up resource alike through both readers.
func TestBothReadersAgree(t *testing.T) {
	for name, rule := range endRules {
		for _, group := range rule.groups {
			for path := range strings.FieldsSeq(group) {
				var v any = "2019-05-17"
				if strings.HasSuffix(path, "Timing") {
					v = map[string]any{"event": []any{v}}
				} else if strings.HasSuffix(path, "eriod") {
					v = map[string]any{"end": v}
				}
				parts := strings.Split(path, ".")
				for i := len(parts) - 1; i >= 0; i-- {
					v = map[string]any{parts[i]: v}
				}
				v.(map[string]any)["resourceType"] = name
				b, err := json.Marshal(v)
				if err != nil {
					t.Fatal(err)
				}
				r, err := Parse(b)
				if err != nil {
					t.Fatal(err)
				}
				want := End{Date{2019, 5, 17}, []string{path}, true}
				if got, ok := r.End(); !ok || !reflect.DeepEqual(got, want) {
					t.Errorf("%s: got %+v %t", b, got, ok)
				}
			}
		}
	}
}
