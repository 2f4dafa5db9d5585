package labeling_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"domicile/fhir/ds4p"
	"domicile/fhir/labeling"
)

const (
	icd10  = "http://hl7.org/fhir/sid/icd-10-cm"
	icd9   = "http://hl7.org/fhir/sid/icd-9-cm"
	pcs    = "http://www.cms.gov/Medicare/Coding/ICD10"
	loinc  = "http://loinc.org"
	rxnorm = "http://www.nlm.nih.gov/research/umls/rxnorm"
	hcpcs  = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
	snomed = "http://snomed.info/sct"
)

// ruleCases are codes that each shipped rule must match, and codes close by that it
// must not.
var ruleCases = map[string]struct{ yes, no map[string][]string }{
	"sud": {
		yes: map[string][]string{
			icd10: {"F11.20", "F12", "F13.1", "F14.10", "F15.9", "F16.10", "F18.10", "F19.20", "T40.5X1A", "T40.711A", "T43.621A", "O99.321", "Z71.51"},
			icd9:  {"304.01", "305.60", "292.0"}, pcs: {"HZ2ZZZZ", "HZ30ZZZ"}, loinc: {"82667-7", "19359-9"}, hcpcs: {"H0001", "H0015", "G2067", "h0050"},
		},
		no: map[string][]string{
			icd10: {"F10.20", "F17.210", "F20.0", "T40.5X5A", "T40.7X6A", "Z79.891", "Z81.3", "T43.631A"}, icd9: {"305.1", "305.00", "303.9"},
			pcs: {"HZ80ZZZ", "HZ90ZZZ", "GZ10ZZZ"}, hcpcs: {"H0002", "H0031", "G2066", "G2081"}, loinc: {"8480-6"},
		},
	},
	"sud-medication": {
		yes: map[string][]string{rxnorm: {"1819", "6813", "7243", "352364"}, hcpcs: {"Q9991", "J0571"}},
		no:  map[string][]string{rxnorm: {"7242", "29046", "18190", "181"}, hcpcs: {"J1230"}},
	},
	"alcohol": {
		yes: map[string][]string{
			icd10: {"F10", "F10.20", "K70.30", "G62.1", "I42.6", "T51.0X1A", "Q86.0", "Z71.41"}, icd9: {"303.90", "571.2"}, loinc: {"75626-2"},
			rxnorm: {"3554", "82819"}, hcpcs: {"G0442"},
		},
		no: map[string][]string{icd10: {"F11.1", "K71", "G62.0", "T51.1", "E52"}, icd9: {"571.5"}, loinc: {"8480-6"}},
	},
	"opioid": {
		yes: map[string][]string{icd10: {"F11.20", "T40.1X1A", "T40.2X1A", "T40.411A", "T40.601A", "R78.1"}, icd9: {"304.00", "965.01"}, hcpcs: {"H0020", "G2080"}},
		no:  map[string][]string{icd10: {"F12.1", "T40.2X5A", "T40.2X6A", "T40.415A", "T40.605A", "T40.5X1A", "Z79.891"}, icd9: {"304.20"}},
	},
	"hiv": {
		yes: map[string][]string{icd10: {"B20", "B24", "Z21", "R75", "O98.711", "B97.35", "Z11.4", "Z20.6"}, icd9: {"042", "V08"}, loinc: {"80203-3", "55277-8", "25836-8"}},
		no:  map[string][]string{icd10: {"B19", "B25", "B97.3", "Z22", "O98.5"}, icd9: {"041", "043"}, loinc: {"24467-3"}},
	},
	"hiv-medication": {
		yes: map[string][]string{rxnorm: {"1433868", "68244", "1747692"}},
		no:  map[string][]string{rxnorm: {"85762", "4450", "29046"}},
	},
	"mental-health": {
		yes: map[string][]string{
			icd10: {"F20.0", "F32.1", "F43.10", "F60.5", "F84.0", "F99", "R45.851", "X71.0XXA", "T14.91XA", "Z13.31"}, icd9: {"296.20", "311", "E950.0"},
			pcs: {"GZ10ZZZ"}, loinc: {"44261-6", "89204-2", "70274-6", "11510-5"}, hcpcs: {"H0031", "H0035"},
		},
		no: map[string][]string{icd10: {"F03.90", "F10.10", "F19.1", "F64.0", "G30", "X92"}, icd9: {"290.0", "303.9", "317"}, loinc: {"11506-3"}, hcpcs: {"H0001"}},
	},
	"mental-health-medication": {
		yes: map[string][]string{rxnorm: {"36437", "4493", "51272", "6448"}, hcpcs: {"J2794"}},
		no:  map[string][]string{rxnorm: {"704", "72625", "42347", "28439"}},
	},
	"abortion": {
		yes: map[string][]string{icd10: {"O00.00", "O03.9", "O04.5", "Z33.2", "Z64.0"}, icd9: {"635.90", "632"}, pcs: {"10A07ZZ"}, rxnorm: {"6916"}, hcpcs: {"S0199"}},
		no:  map[string][]string{icd10: {"O09.0", "O80", "Z33.1"}, icd9: {"640"}, pcs: {"10E0XZZ"}},
	},
	"contraception": {
		yes: map[string][]string{icd10: {"Z30.09", "Z97.5", "Z79.3"}, icd9: {"V25.1"}, hcpcs: {"J7298"}},
		no:  map[string][]string{icd10: {"Z31.41", "Z79.4", "N92.6"}, hcpcs: {"J7308"}},
	},
	"reproductive-health": {
		yes: map[string][]string{icd10: {"N97.9", "N46.11", "Z31.41", "N96"}, hcpcs: {"S4011"}},
		no:  map[string][]string{icd10: {"N92.6", "N95", "Z30", "O26.1"}},
	},
	"gender-affirming-care": {
		yes: map[string][]string{icd10: {"F64.0", "Z87.890"}, loinc: {"76691-5"}},
		no:  map[string][]string{icd10: {"F63", "F65", "Z87.891"}, loinc: {"76690-7"}},
	},
	"sexual-health": {
		yes: map[string][]string{icd10: {"F52.0", "Z70.1", "Z72.51"}, loinc: {"76690-7"}},
		no:  map[string][]string{icd10: {"F51", "Z72.0"}, loinc: {"72166-2"}},
	},
	"std": {
		yes: map[string][]string{icd10: {"A50.9", "A56.2", "A64", "Z11.3"}, icd9: {"098.0", "V74.5"}},
		no:  map[string][]string{icd10: {"A49", "A65", "B20"}, icd9: {"089", "100"}},
	},
	"sexual-domestic-violence": {
		yes: map[string][]string{icd10: {"T74.11XA", "T76.21XA", "Z69.11", "Y07.01", "Z04.41", "Z62.810"}, icd9: {"995.81", "E960.1"}, loinc: {"28245-9"}},
		no:  map[string][]string{icd10: {"T75", "T73", "Z63.0", "Y08"}, icd9: {"995.86", "E960.0"}},
	},
	"violence": {
		yes: map[string][]string{icd10: {"X85", "X92.0", "X99.1XXA", "Y04.0XXA", "Y09"}, icd9: {"E965.0"}},
		no:  map[string][]string{icd10: {"X84", "Y10", "X78"}, icd9: {"E970"}},
	},
	"snomed-test-sud":                 {yes: map[string][]string{snomed: {"55680006", "66214007"}}, no: map[string][]string{snomed: {"8517006", "449868002"}}},
	"snomed-test-opioid":              {yes: map[string][]string{snomed: {"5602001"}}, no: map[string][]string{snomed: {"56020010"}}},
	"snomed-test-alcohol":             {yes: map[string][]string{snomed: {"7200002", "15167005"}}, no: map[string][]string{snomed: {"160573003"}}},
	"snomed-test-hiv":                 {yes: map[string][]string{snomed: {"86406008", "165816005"}}, no: map[string][]string{snomed: {"165815009"}}},
	"snomed-test-mental-health":       {yes: map[string][]string{snomed: {"370143000", "36923009"}}, no: map[string][]string{snomed: {"38341003"}}},
	"snomed-test-psychotherapy-notes": {yes: map[string][]string{snomed: {"444175001"}}, no: map[string][]string{snomed: {"444175002"}}},
}

func TestEveryShippedRuleMatchesItsCodesAndNotTheirNeighbours(t *testing.T) {
	t.Parallel()
	rs := labeling.Shipped()
	for _, name := range rs.Names() {
		id := strings.TrimSuffix(strings.TrimPrefix(name, "urn:domicile:rules:"), "|1.0.0")
		c, ok := ruleCases[id]
		if !ok {
			t.Errorf("rule %s has no cases", id)
			continue
		}
		if strings.HasPrefix(id, "snomed-test") != rs.ForTests(name) {
			t.Errorf("rule %s: marked for tests is %t", id, rs.ForTests(name))
		}
		check := func(all map[string][]string, want bool) {
			for system, list := range all {
				for _, code := range list {
					if got := matched(t, rs, system, code, name); got != want {
						t.Errorf("rule %s: %s matches: %t, want %t", id, code, got, want)
					}
				}
			}
		}
		check(c.yes, true)
		check(c.no, false)
	}
	if len(ruleCases) != len(rs.Names()) {
		t.Errorf("%d rules, %d cases", len(rs.Names()), len(ruleCases))
	}
}

// matched tells whether the rule finds the code.
func matched(t *testing.T, rs *labeling.RuleSet, system, code, rule string) bool {
	t.Helper()
	r := resource(t, fmt.Sprintf(`{"resourceType":"Basic","code":{"coding":[{"system":%q,"code":%q}]}}`, system, code))
	out := rs.Label(r, labeling.Options{}, labeling.Source{})
	return slices.ContainsFunc(out.Findings, func(f labeling.Finding) bool { return f.Rule == rule && f.Code == code })
}

func TestShippedFilesSayWhereTheyAreFromAndHowSureTheyAre(t *testing.T) {
	t.Parallel()
	for _, f := range labeling.ShippedFiles() {
		text := string(f.Data)
		root := resource(t, text).Root()
		for _, name := range []string{"title", "version", "date", "description", "copyright", "publisher"} {
			if s, _ := root.Text(name); s == "" {
				t.Errorf("%s has no %s", f.Name, name)
			}
		}
		for system, notice := range map[string]string{loinc: "Regenstrief", rxnorm: "National Library of Medicine", snomed: "SNOMED International"} {
			if strings.Contains(text, `"system": "`+system+`"`) != strings.Contains(text, notice) {
				t.Errorf("%s: the notice of %s is missing or too much", f.Name, notice)
			}
		}
		if strings.Contains(text, "http://www.ama-assn.org/go/cpt") {
			t.Errorf("%s has CPT codes, which need a licence", f.Name)
		}
	}
}

func TestTobaccoIsNoSubstanceUse(t *testing.T) {
	t.Parallel()
	r := resource(t, `{"resourceType":"Condition","code":{"coding":[{"system":"`+icd10+`","code":"F17.210"},{"system":"`+icd9+`","code":"305.1"},{"system":"`+loinc+`","code":"72166-2"}]}}`)
	if got := words(labeling.Shipped().Label(r, labeling.Options{}, labeling.Source{}).Labels); got != "N" {
		t.Errorf("labels %s", got)
	}
}

func TestGenderIncongruenceIsNotLabelledMentalHealth(t *testing.T) {
	t.Parallel()
	r := resource(t, `{"resourceType":"Condition","code":{"coding":[{"system":"`+icd10+`","code":"F64.0"}]}}`)
	if got := words(labeling.Shipped().Label(r, labeling.Options{}, labeling.Source{}).Labels); got != "GENDER_AFFIRMING_CARE R SEX" {
		t.Errorf("labels %s", got)
	}
}

func TestEveryShippedLabelIsRestricted(t *testing.T) {
	t.Parallel()
	v, err := ds4p.Standard().With([]ds4p.LocalSystem{labeling.LocalSystem()})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range labeling.Shipped().Labels() {
		if !slices.ContainsFunc(labeling.DefaultConfidentiality(), func(c labeling.Conf) bool { return v.IsA(l, c.Label) && c.Is == "R" }) {
			t.Errorf("%s is not restricted by default", l.Code)
		}
	}
}
