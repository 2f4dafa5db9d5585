package ds4p_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"domicile/fhir"
	"domicile/fhir/ds4p"
)

// These tests go through the rules of docs/labels.md, one after the other.

// labels makes a set: "R" is a confidentiality, anything else a v3-ActCode, "R/X"
// rests on policy X.
func labels(codes ...string) []ds4p.Label {
	var out []ds4p.Label
	for _, c := range codes {
		code, basis, has := strings.Cut(c, "/")
		l := ds4p.Label{System: ds4p.SystemActCode, Code: code}
		if ds4p.Rank(code) > 0 {
			l.System = ds4p.SystemConfidentiality
		}
		if has {
			l.Basis = act(basis)
		}
		out = append(out, l)
	}
	return out
}

func read(t testing.TB, resource string) ds4p.Inbound {
	t.Helper()
	r, err := fhir.Parse([]byte(resource))
	if err != nil {
		t.Fatal(err)
	}
	return ds4p.Read(r)
}

// rules lists which rules issues name, each once, warnings in brackets.
func rules(issues []ds4p.Issue) []string {
	var out []string
	for _, i := range issues {
		r := i.Rule
		if i.Severity == ds4p.Warning {
			r = "(" + r + ")"
		}
		if !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out
}

func wantRules(t *testing.T, set []ds4p.Label, in ds4p.Inbound, want ...string) {
	t.Helper()
	issues := ds4p.Standard().AtRest(set, in)
	if got := rules(issues); !slices.Equal(got, want) {
		t.Errorf("breaks %v, want %v", got, want)
	}
	if ds4p.Refused(issues) != slices.ContainsFunc(want, func(r string) bool { return r[0] == 'T' }) {
		t.Error("refused although there are only warnings, or kept although there are errors")
	}
}

func codes(labels []ds4p.Label) string {
	var out []string
	for _, l := range labels {
		s := l.Code
		if l.Basis.Code != "" {
			s += "/" + l.Basis.Code
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

const (
	sec       = `{"resourceType":"Observation","meta":{"security":[`
	confR     = `{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}`
	confN     = `{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"N"}`
	confV     = `{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"V"}`
	actSUD    = `{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"SUD"}`
	actHIV    = `{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"HIV"}`
	inlineURL = `"url":"http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label"`
	inlineV   = `{` + inlineURL + `,"valueCoding":` + confV + `}`
	inlineHIV = `{` + inlineURL + `,"valueCoding":` + actHIV + `}`
)

func TestT1_ExactlyOneConfidentialityCodePerResource(t *testing.T) {
	wantRules(t, labels("N"), ds4p.Inbound{})
	wantRules(t, labels("SUD"), ds4p.Inbound{}, "T1")
	wantRules(t, nil, ds4p.Inbound{}, "T1")
	wantRules(t, labels("N", "R"), ds4p.Inbound{}, "T1")
	wantRules(t, labels("R", "R"), ds4p.Inbound{}, "T1")
	// Lenient inbound: none or several in the resource are no reason to refuse it,
	// as long as there is exactly one at rest.
	wantRules(t, labels("N"), read(t, `{"resourceType":"Observation"}`))
	wantRules(t, labels("R"), read(t, sec+confN+","+confR+`]}}`))
}

func TestT2_TheHighWaterMarkIsTheHighestConfidentialityOfThePartsInlineLabelsIncluded(t *testing.T) {
	order := []string{"V", "R", "N", "M", "L", "U"}
	for i, high := range order {
		if ds4p.Rank(high) != len(order)-i {
			t.Errorf("rank of %s is %d", high, ds4p.Rank(high))
		}
		for _, low := range order[i:] {
			if got := ds4p.Max(low, high); got != high {
				t.Errorf("of %s and %s, %s is the highest", low, high, got)
			}
			if got := codes(ds4p.HighWaterMark(labels(low), nil, labels(high), labels("SUD"))); got != high {
				t.Errorf("%s and %s make %s", low, high, got)
			}
		}
	}
	if ds4p.Rank("SUD") != 0 || ds4p.Rank("") != 0 || ds4p.Rank("r") != 0 || ds4p.Max() != "" || ds4p.MaxConfidentiality(labels("SUD")) != "" {
		t.Error("what is no confidentiality has a rank")
	}
	if got := ds4p.HighWaterMark(labels("SUD"), nil); len(got) != 0 {
		t.Errorf("no confidentiality makes %s", codes(got))
	}
	tests := map[string]string{
		"an inline label":                     `{"resourceType":"Patient","meta":{"security":[` + confN + `]},"_gender":{"extension":[` + inlineV + `]}}`,
		"a contained resource":                `{"resourceType":"Patient","contained":[` + sec + confV + `]}}]}`,
		"an entry of a Bundle":                `{"resourceType":"Bundle","entry":[{"resource":` + sec + confN + `]}}},{"resource":` + sec + confV + `]}}}]}`,
		"the document of a DocumentReference": `{"resourceType":"DocumentReference","securityLabel":[{"coding":[` + confV + `]}]}`,
		"the document that a Composition is":  `{"resourceType":"Composition","confidentiality":"V"}`,
	}
	for name, resource := range tests {
		t.Run(name, func(t *testing.T) {
			in := read(t, resource)
			if in.MaxConfidentiality() != "V" {
				t.Errorf("the highest is %q", in.MaxConfidentiality())
			}
			handling := labels("PROCESSINLINELABEL")
			wantRules(t, append(labels("V"), handling...), in)
			wantRules(t, append(labels("R"), handling...), in, "T2")
		})
	}
}

func TestT3_PrivacyRevealingObligationsAndRefrainsAreNotInTheHighWaterMark(t *testing.T) {
	got := ds4p.HighWaterMark(
		labels("R/42CFRPart2", "SUD/42CFRPart2", "42CFRPart2/42CFRPart2", "MASK", "NODSCLCD", "NORDSCLCD/42CFRPart2", "RedisclosureProhibitionMark", "CPLYCD", "REDACT"),
		labels("N", "HIV", "NOREUSE", "ENCRYPTR", "PROCESSINLINELABEL", "ENCRYPTR"),
	)
	if want := "R ENCRYPTR NOREUSE PROCESSINLINELABEL"; codes(got) != want {
		t.Errorf("got %s, want %s", codes(got), want)
	}
	// Everything but what suits any record counts as revealing.
	v, kept := ds4p.Standard(), 0
	for _, set := range ds4p.TagSets() {
		for _, c := range v.Codes(set) {
			if set == ds4p.Confidentiality {
				continue
			}
			mark := ds4p.HighWaterMark([]ds4p.Label{{System: c.System, Code: c.Code}})
			kept += len(mark)
			if len(mark) > 0 && set != ds4p.Obligation && set != ds4p.Refrain {
				t.Errorf("%s of %s is in the mark", c.Code, set)
			}
		}
	}
	if kept != 15 {
		t.Errorf("%d codes may be in the mark", kept)
	}
	wantRules(t, labels("N", "MASK"), read(t, `{"resourceType":"Bundle","meta":{"security":[`+confN+`,{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"MASK"}]}}`), "(T3)")
}

func TestT4_AnyInlineLabelNeedsTheObligationToProcessInlineLabels(t *testing.T) {
	in := read(t, `{"resourceType":"Patient","_gender":{"extension":[`+inlineHIV+`]}}`)
	wantRules(t, labels("R"), in, "T4")
	wantRules(t, labels("R", "PROCESSINLINELABEL"), in)
	// Labels on resources inside are no inline labels.
	wantRules(t, labels("R"), read(t, `{"resourceType":"Bundle","entry":[{"resource":`+sec+confR+`]}}}]}`))
}

func TestT5_MoreThanOnePolicyNeedsABasisOnEachLabel(t *testing.T) {
	wantRules(t, labels("R", "42CFRPart2", "SUD"), ds4p.Inbound{})
	wantRules(t, labels("R/42CFRPart2", "42CFRPart2", "SUD"), ds4p.Inbound{})
	wantRules(t, labels("R", "42CFRPart2", "HIPAAConsent"), ds4p.Inbound{}, "T5")
	wantRules(t, labels("R/42CFRPart2", "42CFRPart2/42CFRPart2", "CUI/CUI", "SUD"), ds4p.Inbound{}, "T5")
	wantRules(t, labels("R/42CFRPart2", "42CFRPart2/42CFRPart2", "CUI/CUI", "SUD/42CFRPart2"), ds4p.Inbound{})
	wantRules(t, labels("R/42CFRPart2", "HIV/HIPAAAuth", "SUD"), ds4p.Inbound{}, "T5") // bases speak for policies
	if got := codes(ds4p.Standard().WithBasis(labels("R", "HIPAAConsent", "HIV"))); got != "R/HIPAAConsent HIPAAConsent/HIPAAConsent HIV/HIPAAConsent" {
		t.Errorf("the only policy is the basis, got %s", got)
	}
	if got := codes(ds4p.Standard().WithBasis(labels("R", "HIPAAConsent", "CUI"))); got != "R HIPAAConsent CUI" {
		t.Errorf("nobody can tell which of two policies is the basis, got %s", got)
	}

	basis := func(value string) string {
		return `{"url":"http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-sec-label-basis"` + value + `}`
	}
	part2 := `,"valueCoding":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"42CFRPart2"}`
	withBasis := func(extensions ...string) string {
		return sec + strings.TrimSuffix(confR, "}") + `,"extension":[` + strings.Join(extensions, ",") + `]}]}}`
	}
	in := read(t, withBasis(basis(part2)))
	if codes(in.Labels) != "R/42CFRPart2" || in.Issues != nil {
		t.Errorf("read %s, %v", codes(in.Labels), in.Issues)
	}
	for name, resource := range map[string]string{
		"two bases on one label":  withBasis(basis(part2), basis(part2)),
		"a basis without a code":  withBasis(basis(`,"valueCoding":{"system":"urn:x"}`)),
		"a basis that is no code": withBasis(basis(`,"valueString":"42CFRPart2"`)),
	} {
		if got := rules(read(t, resource).Issues); !slices.Equal(got, []string{"T5"}) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestT6_ARelatedArtifactLeadsToAResourceAUrlOrADocument(t *testing.T) {
	tests := map[string]struct {
		artifact string
		want     []string
	}{
		"a url":                 {`{"type":"justification","url":"http://example.org/Consent/1"}`, nil},
		"a resource":            {`{"type":"documentation","resource":"Provenance/1"}`, nil},
		"a document":            {`{"type":"documentation","document":{"url":"x"}}`, nil},
		"another type":          {`{"type":"citation","url":"x"}`, []string{"(T6)"}},
		"nothing to go to":      {`{"type":"justification","display":"x"}`, []string{"T6"}},
		"an empty url":          {`{"type":"justification","url":""}`, []string{"T6"}},
		"nothing at all":        {`null`, []string{"T6", "(T6)"}},
		"neither type nor goal": {`{}`, []string{"T6", "(T6)"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			in := read(t, sec+strings.TrimSuffix(confR, "}")+`,"extension":[{"url":"http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-sec-label-related-artifact","valueRelatedArtifact":`+tt.artifact+`}]}]}}`)
			if len(in.Labels) != 1 || len(in.Labels[0].Artifacts) != 1 {
				t.Fatal("the artifact is lost")
			}
			wantRules(t, labels("R"), in, tt.want...)
			for _, i := range in.Issues {
				if !strings.HasPrefix(i.Path, "Observation.meta.security[0].extension[0]") {
					t.Errorf("at %s", i.Path)
				}
			}
		})
	}
}

func TestT7_RelabellingChangesTheDigestThatTheHistoryKeeps(t *testing.T) {
	set := labels("R/42CFRPart2", "SUD", "PERSISTLABEL")
	before := ds4p.Digest(set)
	if ds4p.Digest(append(labels("PERSISTLABEL"), set...)) != before {
		t.Error("order or repetition counts")
	}
	for name, other := range map[string][]ds4p.Label{
		"a label more":          append(labels("HIV"), set...),
		"a label less":          set[:2],
		"another basis":         labels("R/HIPAAConsent", "SUD", "PERSISTLABEL"),
		"no basis":              labels("R", "SUD", "PERSISTLABEL"),
		"lower confidentiality": labels("N/42CFRPart2", "SUD", "PERSISTLABEL"),
		"nothing":               nil,
	} {
		if ds4p.Digest(other) == before {
			t.Errorf("%s has the same digest", name)
		}
	}
	if !ds4p.Standard().Downgrade(set, set[:2]) {
		t.Error("the obligation to keep labels can be dropped without a reason")
	}
}

func TestT8_LabelsArePersistedAndCarriedForward(t *testing.T) {
	in := read(t, sec+confN+`,`+actSUD+`,`+actHIV+`]}}`)
	wantRules(t, labels("N", "SUD", "HIV"), in)
	wantRules(t, labels("R", "HIV", "SUD", "STD"), in)
	wantRules(t, labels("R", "OPIOIDUD", "HIV"), in) // a more special label covers SUD
	wantRules(t, labels("R", "SPI", "HIV"), in, "T8")
	wantRules(t, labels("R", "HIV"), in, "T8")
	wantRules(t, labels("M", "SUD", "HIV"), in, "T2", "T8")
	wantRules(t, labels("R"), in, "T8")
}

func TestT9_AnUnknownLabelFailsClosed(t *testing.T) {
	unknown := `{"system":"urn:nobody","code":"X"}`
	in := read(t, sec+confN+`,`+unknown+`]}}`)
	set := append(labels("N"), ds4p.Label{System: "urn:nobody", Code: "X"})
	wantRules(t, set, in, "T9")
	wantRules(t, labels("N"), in, "T8") // dropping it is no way out
	wantRules(t, labels("N", "REPRO"), ds4p.Inbound{}, "T9")
	wantRules(t, append(labels("N"), ds4p.Label{}), ds4p.Inbound{}, "T9")
	wantRules(t, labels("N", "PROCESSINLINELABEL"), read(t, `{"resourceType":"Patient","active":true,"_active":{"extension":[{`+inlineURL+`,"valueCoding":`+unknown+`}]}}`), "T9")
	wantRules(t, labels("N", "PROCESSINLINELABEL"), read(t, `{"resourceType":"Patient","extension":[{`+inlineURL+`}]}`), "T9")
	v, err := ds4p.Standard().With([]ds4p.LocalSystem{{URL: "urn:nobody", Codes: []ds4p.LocalCode{{Code: "X", Set: "sensitivity"}}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := v.AtRest(set, in); got != nil {
		t.Errorf("known by configuration, got %v", got)
	}
}

func TestT10_TheLabelItselfIsSensitiveSoNothingPrintsIt(t *testing.T) {
	in := read(t, `{"resourceType":"Patient","meta":{"security":[`+confN+`,`+actHIV+`,{"code":"SECRET-CODE"}]},"SECRET-NAME":{"extension":[`+inlineV+`]}}`)
	issues := ds4p.Standard().AtRest(labels("OPIOIDUD"), in)
	if len(issues) < 4 {
		t.Fatalf("only %d issues", len(issues))
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "issues", issues)
	asJSON, err := json.Marshal(issues)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range append(in.Labels, in.Inline[0].Label) {
		fmt.Fprintf(&log, "%v %+v %#v %s", l, l, l, l)
	}
	fmt.Fprintf(&log, "%s %v %+v", asJSON, issues, in.Labels)
	for _, word := range []string{"HIV", "OPIOIDUD", "SECRET", `"V"`, "v3-ActCode"} {
		if strings.Contains(log.String(), word) {
			t.Errorf("%s is printed", word)
		}
	}
}

func TestT11_DeleteAfterUseAndNoPersistenceAskForAShortDeadline(t *testing.T) {
	for _, code := range []string{"DELAU", "NOPERSISTP"} {
		if !ds4p.ShortPurge(labels("N", code)) {
			t.Errorf("%s asks for none", code)
		}
	}
	if ds4p.ShortPurge(labels("V", "PERSISTLABEL", "NOREUSE", "NORDSCLCD")) || ds4p.ShortPurge([]ds4p.Label{{System: "urn:x", Code: "DELAU"}}) || ds4p.ShortPurge(nil) {
		t.Error("other labels ask for one")
	}
}
