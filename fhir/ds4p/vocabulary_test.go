package ds4p_test

import (
	"slices"
	"strings"
	"testing"

	"domicile/fhir"
	"domicile/fhir/ds4p"
)

func act(code string) fhir.Coding { return fhir.Coding{System: ds4p.SystemActCode, Code: code} }

func conf(code string) fhir.Coding {
	return fhir.Coding{System: ds4p.SystemConfidentiality, Code: code}
}

func TestEachTagSetHasTheCodesOfItsValueSet(t *testing.T) {
	v := ds4p.Standard()
	// The numbers of codes that may be selected. COMPT, ObligationPolicy and
	// RefrainPolicy are the roots of their sets and may be selected themselves, so
	// each of the three counts one more than what is below it.
	want := map[ds4p.TagSet]int{
		ds4p.Confidentiality: 6, ds4p.Sensitivity: 44, ds4p.Compartment: 10, ds4p.Obligation: 33,
		ds4p.Refrain: 18, ds4p.Mark: 6, ds4p.Authorization: 13, ds4p.Policy: 79, ds4p.Integrity: 35,
		ds4p.Provenance: 18, ds4p.Trust: 36, ds4p.Purpose: 62,
	}
	for _, set := range ds4p.TagSets() {
		codes := v.Codes(set)
		if len(codes) != want[set] {
			t.Errorf("%s has %d codes, want %d: %v", set, len(codes), want[set], codes)
		}
		for _, c := range codes {
			if !v.In(c, set) || !v.Known(c) || !slices.Contains(v.Sets(c), set) || v.Display(c) == "" {
				t.Errorf("%s: %v does not know its set", set, c)
			}
			if strings.HasPrefix(c.Code, "_") {
				t.Errorf("%s: %v groups others", set, c)
			}
		}
		if back, err := ds4p.ParseTagSet(set.String()); err != nil || back != set || set.ValueSet() == "" {
			t.Errorf("%s does not read back", set)
		}
	}
}

func TestACodeThatIsNoLabelIsNotKnown(t *testing.T) {
	v := ds4p.Standard()
	tests := map[string]fhir.Coding{
		"NOREDISCLOSE never existed":                            act("NOREDISCLOSE"),
		"NOREDISCLOSEWOCON never existed":                       act("NOREDISCLOSEWOCON"),
		"REPRO never existed":                                   act("REPRO"),
		"TPO is three purposes and no code":                     {System: ds4p.SystemActReason, Code: "TPO"},
		"TPO is no act code either":                             act("TPO"),
		"BHDS never existed":                                    act("BHDS"),
		"hipaa-self-pay is no code of v3-ActCode":               act("hipaa-self-pay"),
		"NORDSLCD is the retired misspelling of NORDSCLCD":      act("NORDSLCD"),
		"SICKLE is retired":                                     act("SICKLE"),
		"a) HIPAAConsent is a retired slip":                     act("a) HIPAAConsent"),
		"MENCAT is a category, not a sensitivity":               act("MENCAT"),
		"SOCIAL is an insurance programme, not a sensitivity":   act("SOCIAL"),
		"DISEASE is an insurance product, not a sensitivity":    act("DISEASE"),
		"DIS is an insurance product, not a sensitivity":        act("DIS"),
		"HTEST is a purpose of v3-ActReason, not of v3-ActCode": act("HTEST"),
		"the retired confidentiality ETH":                       conf("ETH"),
		"the retired confidentiality B":                         conf("B"),
		"the root of confidentiality":                           conf("_Confidentiality"),
		"the root of sensitivity, abstract":                     act("_InformationSensitivityPolicy"),
		"a group that the table does not call abstract":         act("_ActUSPrivacyLaw"),
		"the mark's abstract parent":                            act("SecurityLabelMark"),
		"a code in another case":                                act("sud"),
		"a code without its system":                             {Code: "R"},
		"a code under the system of an older version of FHIR":   {System: "http://hl7.org/fhir/v3/Confidentiality", Code: "R"},
		"a confidentiality under the wrong system":              act("R"),
		"nothing": {},
	}
	for name, c := range tests {
		if v.Known(c) || v.Sets(c) != nil {
			t.Errorf("%s: known, in %v", name, v.Sets(c))
		}
	}
	if !v.In(fhir.Coding{System: ds4p.SystemActReason, Code: "HTEST"}, ds4p.Purpose) {
		t.Error("HTEST is no purpose")
	}
}

func TestRolesOfCodesThatAreOftenMixedUp(t *testing.T) {
	v := ds4p.Standard()
	for c, want := range map[fhir.Coding]ds4p.TagSet{
		act("NORDSCLCD"): ds4p.Refrain, act("HIPAASelfPay"): ds4p.Policy, act("42CFRPart2"): ds4p.Policy,
		act("42CFRPart2CD"): ds4p.Policy, act("PSYTHPN"): ds4p.Sensitivity, act("CPLYCD"): ds4p.Obligation,
		act("PROCESSINLINELABEL"): ds4p.Obligation, act("RedisclosureProhibitionMark"): ds4p.Mark,
		act("CUI"): ds4p.Policy, act("INFOMASK"): ds4p.Authorization, act("B"): ds4p.Sensitivity, conf("R"): ds4p.Confidentiality,
	} {
		if got := v.Sets(c); !slices.Equal(got, []ds4p.TagSet{want}) {
			t.Errorf("%v is in %v, want %v", c, got, want)
		}
	}
	patrpt := fhir.Coding{System: ds4p.SystemObservationValue, Code: "PATRPT"}
	if got := v.Sets(patrpt); !slices.Equal(got, []ds4p.TagSet{ds4p.Integrity, ds4p.Provenance}) {
		t.Errorf("PATRPT is in %v", got)
	}
}

func TestIsAFollowsTheHierarchy(t *testing.T) {
	v := ds4p.Standard()
	tests := []struct {
		c, ancestor string
		want        bool
	}{
		{"OPIOIDUD", "OPIOIDUD", true},
		{"OPIOIDUD", "SUD", true},
		{"OPIOIDUD", "SPI", true},
		{"OPIOIDUD", "_InformationSensitivityPolicy", true},
		{"SUD", "OPIOIDUD", false},
		{"ETHUD", "OPIOIDUD", false},
		{"COGN", "BH", true},
		{"HIV", "STD", false},
		{"ENCRYPTR", "ENCRYPT", true},
		{"SUD", "ObligationPolicy", false},
		{"not-a-code", "not-a-code", true},
		{"not-a-code", "SUD", false},
		{"SUD", "not-a-code", false},
	}
	for _, tt := range tests {
		if got := v.IsA(act(tt.c), act(tt.ancestor)); got != tt.want {
			t.Errorf("%s is a %s: %v", tt.c, tt.ancestor, got)
		}
	}
	if v.IsA(fhir.Coding{}, fhir.Coding{}) {
		t.Error("nothing is a kind of itself")
	}
	if v.IsA(conf("R"), conf("N")) {
		t.Error("confidentiality is an order, not a hierarchy")
	}
}

func TestAlcoholOrDrugAbuseIncludesSubstanceUseDisordersByTheLocalMap(t *testing.T) {
	v := ds4p.Standard()
	var got []string
	for _, s := range ds4p.Subsumptions() {
		got = append(got, s.Code+" "+s.Of)
		if s.Why == "" || !v.IsA(act(s.Code), act(s.Of)) {
			t.Errorf("%s is not a kind of %s, or nobody says why", s.Code, s.Of)
		}
	}
	if want := []string{"SUD ETH", "ETHUD ETH", "OPIOIDUD ETH"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, c := range v.Codes(ds4p.Sensitivity) {
		want := slices.Contains([]string{"ETH", "SUD", "ETHUD", "OPIOIDUD"}, c.Code)
		if v.IsA(c, act("ETH")) != want {
			t.Errorf("%v is a kind of ETH: %v", c, !want)
		}
	}
	if v.IsA(act("ETH"), act("SUD")) || v.IsA(act("ETH"), act("SPI")) {
		t.Error("the map works in the other direction too")
	}
}

func TestSystemsNameTheirVersions(t *testing.T) {
	var got []string
	for _, s := range ds4p.Standard().Systems() {
		if s.Local {
			t.Errorf("%s is local", s.URL)
		}
		got = append(got, s.URL[strings.LastIndex(s.URL, "/")+1:]+" "+s.Version)
	}
	if want := []string{"v3-Confidentiality 5.0.0", "v3-ActCode 11.0.0", "v3-ActReason 4.0.0", "v3-ObservationValue 6.0.0"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if ds4p.Source != "HL7 Terminology (THO) 7.3.0, CC0-1.0" {
		t.Error(ds4p.Source)
	}
}
