package ds4p_test

import (
	"slices"
	"strings"
	"testing"

	"domicile/fhir"
	"domicile/fhir/ds4p"
)

const localURL = "https://labels.example/reproductive"

func local(code string) fhir.Coding { return fhir.Coding{System: localURL, Code: code} }

func TestLocalCodesTakePartLikeStandardOnes(t *testing.T) {
	v, err := ds4p.Standard().With([]ds4p.LocalSystem{
		{URL: localURL, Version: "1", Codes: []ds4p.LocalCode{
			{Code: "MIFEPRISTONE", Parents: []fhir.Coding{local("ABORTION")}}, // a parent after it
			{Code: "ABORTION", Display: "abortion", Set: "sensitivity", Parents: []fhir.Coding{act("SEX")}},
			{Code: "GENDER_AFFIRMING_CARE", Set: "sensitivity"},
			{Code: "ANY", Parents: []fhir.Coding{act("_InformationSensitivityPolicy")}},
		}},
		{URL: "urn:other", Codes: []ds4p.LocalCode{{Code: "CLINIC", Set: "compartment", Parents: []fhir.Coding{local("ABORTION")}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range []string{"ABORTION", "MIFEPRISTONE", "GENDER_AFFIRMING_CARE", "ANY"} {
		if got := v.Sets(local(code)); !slices.Equal(got, []ds4p.TagSet{ds4p.Sensitivity}) {
			t.Errorf("%s is in %v", code, got)
		}
	}
	if !v.IsA(local("MIFEPRISTONE"), act("SEX")) || !v.IsA(local("ANY"), act("_InformationSensitivityPolicy")) || v.IsA(local("GENDER_AFFIRMING_CARE"), act("SEX")) {
		t.Error("parents across systems do not count")
	}
	clinic := fhir.Coding{System: "urn:other", Code: "CLINIC"}
	if got := v.Sets(clinic); !slices.Equal(got, []ds4p.TagSet{ds4p.Sensitivity, ds4p.Compartment}) {
		t.Errorf("CLINIC is in %v", got)
	}
	if v.Display(local("ABORTION")) != "abortion" || !v.Known(act("SUD")) || len(v.Codes(ds4p.Sensitivity)) != 49 {
		t.Error("displays or standard codes are missing")
	}
	systems := v.Systems()
	if last := systems[len(systems)-2]; last != (ds4p.System{URL: localURL, Version: "1", Local: true}) {
		t.Errorf("got %v", last)
	}
	if ds4p.Standard().Known(local("ABORTION")) || ds4p.Standard().IsA(local("ABORTION"), act("SEX")) {
		t.Error("the standard vocabulary has changed")
	}
}

func TestLocalSystemsThatCannotBeAreRefused(t *testing.T) {
	tests := map[string]struct {
		system ds4p.LocalSystem
		want   string
	}{
		"no url":                        {ds4p.LocalSystem{Codes: []ds4p.LocalCode{{Code: "A", Set: "mark"}}}, "must be a URI"},
		"a url with a space":            {ds4p.LocalSystem{URL: "urn: x"}, "must be a URI"},
		"a standard system":             {ds4p.LocalSystem{URL: ds4p.SystemActCode}, "has it already"},
		"a code without a name":         {ds4p.LocalSystem{URL: "urn:x", Codes: []ds4p.LocalCode{{Set: "mark"}}}, "is empty"},
		"a code with a space around it": {ds4p.LocalSystem{URL: "urn:x", Codes: []ds4p.LocalCode{{Code: "A ", Set: "mark"}}}, "spaces around"},
		"a code that is there twice":    {ds4p.LocalSystem{URL: "urn:x", Codes: []ds4p.LocalCode{{Code: "A", Set: "mark"}, {Code: "A", Set: "mark"}}}, "twice"},
		"a set that is none":            {ds4p.LocalSystem{URL: "urn:x", Codes: []ds4p.LocalCode{{Code: "A", Set: "secret"}}}, `"secret" is unknown`},
		"a confidentiality":             {ds4p.LocalSystem{URL: "urn:x", Codes: []ds4p.LocalCode{{Code: "A", Set: "confidentiality"}}}, "fixed order"},
		"a kind of confidentiality":     {ds4p.LocalSystem{URL: "urn:x", Codes: []ds4p.LocalCode{{Code: "A", Parents: []fhir.Coding{conf("R")}}}}, "six codes"},
		"no set and no parent":          {ds4p.LocalSystem{URL: "urn:x", Codes: []ds4p.LocalCode{{Code: "A"}}}, "no tag set"},
		"a parent that is retired":      {ds4p.LocalSystem{URL: "urn:x", Codes: []ds4p.LocalCode{{Code: "A", Parents: []fhir.Coding{act("SICKLE")}}}}, ""},
		"a parent that is unknown":      {ds4p.LocalSystem{URL: "urn:x", Codes: []ds4p.LocalCode{{Code: "A", Set: "mark", Parents: []fhir.Coding{act("REPRO")}}}}, "in no system"},
		"codes that are kinds of each other": {ds4p.LocalSystem{URL: "urn:x", Codes: []ds4p.LocalCode{
			{Code: "A", Set: "mark", Parents: []fhir.Coding{{System: "urn:x", Code: "B"}}},
			{Code: "B", Set: "mark", Parents: []fhir.Coding{{System: "urn:x", Code: "A"}}},
		}}, "a kind of itself"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			v, err := ds4p.Standard().With([]ds4p.LocalSystem{tt.system})
			if tt.want == "" {
				// SICKLE is retired, but what is new below it is a sensitivity.
				if err != nil || !v.Known(fhir.Coding{System: "urn:x", Code: "A"}) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
