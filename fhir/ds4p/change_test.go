package ds4p_test

import (
	"testing"

	"domicile/fhir/ds4p"
)

func TestALabelIsMissingUnlessTheSameOrAMoreSpecialOneIsThere(t *testing.T) {
	v := ds4p.Standard()
	tests := map[string]struct {
		old, new []ds4p.Label
		missing  string
	}{
		"nothing changes":                     {labels("R", "SUD"), labels("SUD", "R"), ""},
		"a label comes in addition":           {labels("R", "SUD"), labels("R", "SUD", "HIV"), ""},
		"confidentiality rises":               {labels("N"), labels("V"), ""},
		"confidentiality falls":               {labels("V"), labels("R"), "V"},
		"confidentiality goes":                {labels("U"), nil, "U"},
		"a label goes":                        {labels("R", "SUD", "HIV"), labels("R", "SUD"), "HIV"},
		"a more special label comes":          {labels("SUD"), labels("OPIOIDUD"), ""},
		"a more special one by the local map": {labels("ETH"), labels("OPIOIDUD"), ""},
		"a more general label comes":          {labels("OPIOIDUD"), labels("SUD"), "OPIOIDUD"},
		"a basis is added":                    {labels("SUD"), labels("SUD/42CFRPart2"), ""},
		"a basis goes":                        {labels("SUD/42CFRPart2"), labels("SUD"), "SUD/42CFRPart2"},
		"a basis changes":                     {labels("SUD/42CFRPart2"), labels("SUD/HIPAAConsent"), "SUD/42CFRPart2"},
		"a basis stays with the special one":  {labels("SUD/42CFRPart2"), labels("OPIOIDUD/42CFRPart2"), ""},
		"an unknown label goes":               {labels("X"), labels("R"), "X"},
		"an unknown label stays":              {labels("X"), labels("R", "X"), ""},
		"an unreadable label goes":            {[]ds4p.Label{{}}, labels("R"), ""},
		"an unreadable label stays":           {[]ds4p.Label{{}}, []ds4p.Label{{}}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			missing := v.Missing(tt.old, tt.new)
			want := tt.missing != "" || name == "an unreadable label goes"
			if codes(missing) != tt.missing || v.Downgrade(tt.old, tt.new) != want || (len(missing) > 0) != want {
				t.Errorf("missing %q (%d), want %q", codes(missing), len(missing), tt.missing)
			}
		})
	}
}
