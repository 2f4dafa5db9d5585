package sample_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"testing"

	"domicile/fhir"
	"domicile/internal/sample"
)

func healthBundle(t *testing.T, o sample.HealthOptions) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := sample.WriteHealth(&b, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTheHealthBundleOfASeedNeverChanges(t *testing.T) {
	sum := sha256.Sum256(healthBundle(t, sample.HealthOptions{Seed: 7}))
	const want = "43138ecedd19c90a3152a8abb890d8cfb62997eea594b28fb1736117eb94f17f"
	if got := hex.EncodeToString(sum[:]); got != want {
		t.Errorf("the Bundle of seed 7 has digest %s, want %s; a change invalidates ids of earlier demo imports", got, want)
	}
	if bytes.Equal(healthBundle(t, sample.HealthOptions{Seed: 1}), healthBundle(t, sample.HealthOptions{Seed: 2})) {
		t.Error("seeds 1 and 2 give the same Bundle")
	}
}

func TestEveryStoryIsToldWithItsFactsOnceOldAndOnceRecent(t *testing.T) {
	b := healthBundle(t, sample.HealthOptions{Seed: 3})
	sum, err := fhir.Inspect(bytes.NewReader(b), fhir.SplitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	types, facts, old := map[string]int{}, map[string]int{}, 0
	for e, err := range fhir.Split(bytes.NewReader(b), sum) {
		if err != nil {
			t.Fatal(err)
		}
		r := e.Resource
		types[r.Type]++
		if labels := r.Security(); (len(labels) > 0) != (r.Type == "DocumentReference") {
			t.Errorf("a %s has %d labels", r.Type, len(labels))
		}
		for _, ref := range r.Subjects() {
			if to := fhir.Resolve(sum, ref); len(to) < 8 || to[:8] != "Patient/" {
				t.Errorf("a %s is about %s", r.Type, to)
			}
		}
		for _, f := range r.Facts() {
			facts[f.Kind]++
		}
		if d, ok := r.EndDate(); ok && d.Year < sample.DefaultYear-7 {
			old++
		}
	}
	want := map[string]int{
		"Patient": 10, "EpisodeOfCare": 10, "Encounter": 10, "Condition": 10, "MedicationRequest": 10, "Observation": 10,
		"Procedure": 4, "Consent": 4, "DocumentReference": 2,
	}
	if fmt.Sprint(types) != fmt.Sprint(want) {
		t.Errorf("types %v, want %v", types, want)
	}
	wantFacts := map[string]int{"birth": 10, "death": 1, "last-encounter": 10, "treatment-end": 10, "consent-end": 4}
	if fmt.Sprint(facts) != fmt.Sprint(wantFacts) {
		t.Errorf("facts %v, want %v", facts, wantFacts)
	}
	if old < 20 {
		t.Errorf("%d records ended long ago", old)
	}
}

func TestHealthOptionsOutOfRangeAreRefused(t *testing.T) {
	for _, o := range []sample.HealthOptions{{Patients: -1}, {Year: 3}} {
		if err := sample.WriteHealth(&bytes.Buffer{}, o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}

func ExampleWriteHealth() {
	if err := sample.WriteHealth(&bytes.Buffer{}, sample.HealthOptions{Seed: 1, Patients: 1}); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	// Output:
}
