package labeling_test

import (
	"slices"
	"strings"
	"testing"

	"domicile/fhir/ds4p"
	"domicile/fhir/labeling"
)

const (
	opioid  = `{"resourceType":"Condition","subject":{"reference":"Patient/1"},"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"F11.20"}]}}`
	asthma  = `{"resourceType":"Condition","subject":{"reference":"Patient/1"},"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"J45.909"}]}}`
	minimal = "42CFRPart2 CPLYCD NORDSCLCD PERSISTLABEL R RedisclosureProhibitionMark"
)

// with returns the minimal set together with other codes.
func with(codes ...string) string {
	all := append(strings.Fields(minimal), codes...)
	slices.Sort(all)
	return strings.Join(all, " ")
}

// 42 CFR 2.12(d)(2): a diagnosis that somebody else made is no Part 2 record.
func TestPart2IsNeverInferredFromACode(t *testing.T) {
	t.Parallel()
	for _, f := range labeling.ShippedFiles() {
		if strings.Contains(string(f.Data), "Part2") {
			t.Errorf("%s gives a Part 2 label", f.Name)
		}
	}
	for id, c := range ruleCases {
		for system, list := range c.yes {
			for _, code := range list {
				r := resource(t, `{"resourceType":"Condition","subject":{"reference":"Patient/1"},"code":{"coding":[{"system":"`+system+`","code":"`+code+`"}]}}`)
				for _, p := range []labeling.Posture{labeling.PostureUnset, labeling.PostureNone, labeling.PostureDeclared} {
					out := labeling.Shipped().Label(r, labeling.Options{Part2: p}, labeling.Source{})
					if get(out.Labels, "42CFRPart2").Code != "" {
						t.Errorf("rule %s: %s makes a Part 2 record, posture %q", id, code, p)
					}
				}
			}
		}
	}
}

func TestASourceFactGivesTheMinimalPart2Set(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text    string
		options labeling.Options
		source  labeling.Source
		want    string
		origin  string
	}{
		"posture of the policy":                    {opioid, labeling.Options{Part2: labeling.PostureProgram}, labeling.Source{}, with("SUD", "OPIOIDUD"), ds4p.OriginPosture},
		"posture of the source":                    {opioid, labeling.Options{}, labeling.Source{Posture: true}, with("SUD", "OPIOIDUD"), ds4p.OriginPosture},
		"posture reaches every record of a person": {asthma, labeling.Options{Part2: labeling.PostureProgram}, labeling.Source{}, with("SUD"), ds4p.OriginPosture},
		"posture reaches the Patient":              {`{"resourceType":"Patient"}`, labeling.Options{Part2: labeling.PostureProgram}, labeling.Source{}, with("SUD"), ds4p.OriginPosture},
		"posture leaves a Practitioner alone":      {`{"resourceType":"Practitioner"}`, labeling.Options{Part2: labeling.PostureProgram}, labeling.Source{}, "N", ""},
		"posture reaches a Device of a patient":    {`{"resourceType":"Device","patient":{"reference":"Patient/1"}}`, labeling.Options{Part2: labeling.PostureProgram}, labeling.Source{}, with("SUD"), ds4p.OriginPosture},
		"posture reaches one named by identifier":  {`{"resourceType":"Device","patient":{"identifier":{"value":"1"}}}`, labeling.Options{Part2: labeling.PostureProgram}, labeling.Source{}, with("SUD"), ds4p.OriginPosture},
		"posture none is no fact":                  {opioid, labeling.Options{Part2: labeling.PostureNone}, labeling.Source{}, "OPIOIDUD R SUD", ""},
		"posture declared alone is no fact":        {opioid, labeling.Options{Part2: labeling.PostureDeclared}, labeling.Source{}, "OPIOIDUD R SUD", ""},
		"declared with the import":                 {asthma, labeling.Options{Part2: labeling.PostureDeclared}, labeling.Source{Declared: true}, with("SUD"), ds4p.OriginDeclared},
		"a consent reaches substance use":          {opioid, labeling.Options{}, labeling.Source{Consent: true}, with("SUD", "OPIOIDUD"), ds4p.OriginConsent},
		"a consent does not reach asthma":          {asthma, labeling.Options{}, labeling.Source{Consent: true}, "N", ""},
		"an inbound label brings its handling":     {labelled(act + `42CFRPart2"}`), labeling.Options{}, labeling.Source{}, with("SUD"), ds4p.OriginInbound},
		"an inbound alcohol label is no opioid":    {labelled(act+`42CFRPart2"}`, act+`ETHUD"}`), labeling.Options{}, labeling.Source{}, with("ETHUD"), ds4p.OriginInbound},
		"ETH is of the family":                     {labelled(act + `ETH"}`), labeling.Options{}, labeling.Source{Consent: true}, with("ETH"), ds4p.OriginConsent},
		"a consent in a Bundle kept whole": {
			`{"resourceType":"Bundle","type":"document","entry":[{"resource":` + opioid + `},{"resource":{"resourceType":"Consent","status":"active","category":[{"coding":[` + act + `42CFRPart2CD"}]}]}}]}`,
			labeling.Options{},
			labeling.Source{},
			with("SUD", "OPIOIDUD"), ds4p.OriginConsent,
		},
		"a contained consent": {
			`{"resourceType":"Observation","contained":[{"resourceType":"Consent","status":"active","policyRule":{"coding":[` + act + `42CFRPart2"}]}}]}`,
			labeling.Options{},
			labeling.Source{},
			with("SUD"), ds4p.OriginConsent,
		},
		"a contained consent that is over": {
			`{"resourceType":"Observation","contained":[{"resourceType":"Consent","status":"inactive","policyRule":{"coding":[` + act + `42CFRPart2"}]}}]}`,
			labeling.Options{},
			labeling.Source{},
			"N", "",
		},
		"the consent itself": {
			`{"resourceType":"Consent","status":"active","category":[{"coding":[` + act + `42CFRPart2CD"}]}]}`,
			labeling.Options{},
			labeling.Source{},
			with("SUD"), ds4p.OriginConsent,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := labeling.Shipped().Label(resource(t, c.text), c.options, c.source)
			if got := words(out.Labels); got != c.want || ds4p.Refused(out.Issues) {
				t.Errorf("labels %s, want %s; %v", got, c.want, out.Issues)
			}
			l := get(out.Labels, "42CFRPart2")
			if l.Origin != c.origin {
				t.Errorf("42CFRPart2 has origin %q, want %q", l.Origin, c.origin)
			}
			if l.Code != "" && get(out.Labels, "R").Basis != ds4p.Part2 {
				t.Error("the confidentiality does not rest on 42CFRPart2")
			}
		})
	}
}

func TestPart2RaisesALowerConfidentialityButNotAHigherOne(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"N": "R", "V": "V"} {
		out := labeling.Shipped().Label(resource(t, labelled(conf+in+`"}`, act+`42CFRPart2"}`)), labeling.Options{}, labeling.Source{})
		if get(out.Labels, want).Code == "" || ds4p.Refused(out.Issues) {
			t.Errorf("%s becomes %s", in, words(out.Labels))
		}
	}
}

func TestOnlyAnActiveConsentThatNamesPart2IsAPart2Consent(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`{"resourceType":"Consent","status":"active","category":[{"coding":[` + act + `42CFRPart2CD"}]}]}`:                                       true,
		`{"resourceType":"Consent","status":"active","policyRule":{"coding":[` + act + `42CFRPart2"}]}}`:                                         true,
		`{"resourceType":"Consent","status":"active","meta":{"security":[` + act + `MDHHS-5515"}]}}`:                                             true,
		`{"resourceType":"Consent","status":"active","policy":[{"uri":"https://www.ecfr.gov/current/title-42/chapter-I/subchapter-A/part-2"}]}`:  true,
		`{"resourceType":"Consent","status":"active","policy":[{"uri":"https://www.ecfr.gov/current/title-42/chapter-I/subchapter-A/part-21"}]}`: false,
		`{"resourceType":"Consent","status":"inactive","category":[{"coding":[` + act + `42CFRPart2CD"}]}]}`:                                     false,
		`{"resourceType":"Consent","status":"proposed","policyRule":{"coding":[` + act + `42CFRPart2"}]}}`:                                       false,
		`{"resourceType":"Consent","status":"active","category":[{"coding":[` + act + `HIPAAConsentCD"}]}]}`:                                     false,
		`{"resourceType":"Consent","status":"active","provision":{"securityLabel":[` + act + `42CFRPart2"}]}}`:                                   false,
		`{"resourceType":"Contract","status":"active","policyRule":{"coding":[` + act + `42CFRPart2"}]}}`:                                        false,
	} {
		if got := labeling.Part2Consent(resource(t, text)); got != want {
			t.Errorf("%t for %s", got, text)
		}
	}
}
