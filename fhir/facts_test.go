package fhir_test

import (
	"reflect"
	"testing"

	"domicile/chaincode/record"
	"domicile/fhir"
)

func TestAResourceStatesTheEventsOfItsSubject(t *testing.T) {
	type ev = fhir.Event
	tests := map[string]struct {
		in   string
		want []ev
	}{
		"a birth by the day":            {`{"resourceType":"Patient","birthDate":"1980-02-29"}`, []ev{{"birth", "1980-02-29"}}},
		"a birth by the year":           {`{"resourceType":"Patient","birthDate":"1980"}`, []ev{{"birth", "1980"}}},
		"a death by the month":          {`{"resourceType":"Patient","birthDate":"1980","deceasedDateTime":"2019-12"}`, []ev{{"birth", "1980"}, {"death", "2019-12"}}},
		"a death cut to its day":        {`{"resourceType":"Patient","deceasedDateTime":"2019-12-30T10:00:00+01:00"}`, []ev{{"death", "2019-12-30"}}},
		"the later of two days":         {`{"resourceType":"Patient","deceasedDateTime":"2019-12-30T23:00:00-05:00"}`, []ev{{"death", "2019-12-31"}}},
		"a death without a date":        {`{"resourceType":"Patient","deceasedBoolean":true}`, nil},
		"a date that is none":           {`{"resourceType":"Patient","birthDate":"1980-02-30"}`, nil},
		"a date that is a number":       {`{"resourceType":"Patient","birthDate":1980}`, nil},
		"a finished encounter":          {`{"resourceType":"Encounter","status":"finished","period":{"start":"2019","end":"2019-02-01"}}`, []ev{{"last-encounter", "2019-02-01"}}},
		"an encounter in progress":      {`{"resourceType":"Encounter","status":"in-progress","period":{"start":"2019-01-31","end":"2019-02-01"}}`, []ev{{"last-encounter", "2019-01-31"}}},
		"an encounter to come":          {`{"resourceType":"Encounter","status":"planned","period":{"start":"2019-01-31"}}`, nil},
		"an encounter entered in error": {`{"resourceType":"Encounter","status":"entered-in-error","period":{"end":"2019-02-01"}}`, nil},
		"an open encounter":             {`{"resourceType":"Encounter","status":"finished","period":{"start":"2019"}}`, []ev{{"last-encounter", "2019"}}},
		"a finished episode":            {`{"resourceType":"EpisodeOfCare","status":"finished","period":{"end":"2019"}}`, []ev{{"treatment-end", "2019"}}},
		"the end of a trial":            {`{"resourceType":"ResearchSubject","status":"off-study","period":{"end":"2019"}}`, []ev{{"trial-end", "2019"}}},
		"the period of a consent":       {`{"resourceType":"Consent","status":"active","provision":{"period":{"end":"2024-01-01"}}}`, []ev{{"consent-end", "2024-01-01"}}},
		"an inactive consent":           {`{"resourceType":"Consent","status":"inactive","dateTime":"2022-05-01T00:00:00Z","provision":{"period":{"end":"2024-01-01"}}}`, []ev{{"consent-end", "2024-01-01"}, {"consent-end", "2022-05-01"}}},
		"a rejected consent":            {`{"resourceType":"Consent","status":"rejected","dateTime":"2022","provision":{"period":{"end":"2024"}}}`, nil},
		"somebody contained":            {`{"resourceType":"Observation","contained":[{"resourceType":"Patient","birthDate":"1980"}]}`, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := fhir.Parse([]byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if got := r.Facts(); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestEventsAreSpelledAsTheLedgersFacts(t *testing.T) {
	for got, want := range map[string]string{
		fhir.EventBirth: record.FactBirth, fhir.EventDeath: record.FactDeath, fhir.EventLastEncounter: record.FactLastEncounter,
		fhir.EventTreatmentEnd: record.FactTreatmentEnd, fhir.EventTrialEnd: record.FactTrialEnd, fhir.EventConsentEnd: record.FactConsentEnd,
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
