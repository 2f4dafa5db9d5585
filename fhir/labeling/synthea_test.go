package labeling_test

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"domicile/fhir"
	"domicile/fhir/ds4p"
	"domicile/fhir/labeling"
	"domicile/internal/sample"
)

// labelsOf counts the labels that the shipped rules give to the resources.
func labelsOf(t *testing.T, all [][]byte) map[string]int {
	t.Helper()
	n := map[string]int{}
	for _, raw := range all {
		r, err := fhir.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		out := labeling.Shipped().Label(r, labeling.Options{}, labeling.Source{})
		if ds4p.Refused(out.Issues) {
			t.Errorf("a %s is refused: %v", r.Type, out.Issues)
		}
		n["unlabelled"] += out.Unlabelled
		for _, l := range out.Labels {
			n[l.Code]++
		}
	}
	return n
}

// The conditions are those that the collection's MANIFEST.md tells of.
func TestPatientsOfSyntheaGetTheLabelsOfTheirConditions(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"Gilberto_Orosco": "OPIOIDUD", // Opioid abuse (disorder)
		"Trey_Leffler":    "ETHUD",    // Alcoholism
		"Trenton_Turner":  "SUD",      // Drug overdose
		"Milan_Beatty":    "MH",       // Major depression disorder; single episode
		"Chet_Thompson":   "HIV",      // HIV status
	}
	sensitive := []string{"OPIOIDUD", "ETHUD", "SUD", "MH", "HIV"}
	for name, b := range synthea(t) {
		all := resources(t, b)
		n := labelsOf(t, all)
		t.Logf("%s: %d resources, %v", name, len(all), n)
		var found string
		for person, label := range want {
			if strings.HasPrefix(name, person) {
				found = label
				if n[label] == 0 {
					t.Errorf("%s: no %s", name, label)
				}
			}
		}
		for _, s := range sensitive {
			if found == "" && n[s] > 0 {
				t.Errorf("%s: %d records are labelled %s", name, n[s], s)
			}
		}
		if n["42CFRPart2"] > 0 {
			t.Errorf("%s: codes made Part 2 records", name)
		}
		if n["N"]+n["R"] != len(all) || n["unlabelled"] > 0 {
			t.Errorf("%s: %d resources, %d N, %d R, %d unlabelled", name, len(all), n["N"], n["R"], n["unlabelled"])
		}
	}
}

func TestTheGeneratedPeopleGetTheLabelsOfTheirStories(t *testing.T) {
	t.Parallel()
	var bundle bytes.Buffer
	if err := sample.WriteHealth(&bundle, sample.HealthOptions{Seed: 1}); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{} // type to labels, of all stories together
	set := map[string]map[string]bool{}
	for _, raw := range resources(t, bundle.Bytes()) {
		r := resource(t, string(raw))
		out := labeling.Shipped().Label(r, labeling.Options{}, labeling.Source{})
		if ds4p.Refused(out.Issues) || out.Unlabelled > 0 {
			t.Errorf("a %s: %v", r.Type, out.Issues)
		}
		if set[r.Type] == nil {
			set[r.Type] = map[string]bool{}
		}
		for _, l := range out.Labels {
			set[r.Type][l.Code] = true
		}
	}
	for kind, labels := range set {
		got[kind] = strings.Join(slices.Sorted(maps.Keys(labels)), " ")
	}
	want := map[string]string{
		"Patient": "N", "EpisodeOfCare": "N", "Encounter": "N",
		"Condition":         "ETHUD HIV MH N OPIOIDUD R SUD",
		"MedicationRequest": "ETHUD HIV MH N R SUD",
		"Observation":       "ETHUD HIV MH N R SUD",
		"Procedure":         "OPIOIDUD R SUD",
		"Consent":           with("SUD"),
		"DocumentReference": "HIPAAPsyNotes MH PSYTHPN R",
	}
	for kind, labels := range want {
		if got[kind] != labels {
			t.Errorf("%s: %s, want %s", kind, got[kind], labels)
		}
	}
}
