package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
	"domicile/collections"
	"domicile/fhir"
	"domicile/fhir/labeling"
	"domicile/gateway"
	"domicile/gateway/gatewaytest"
)

const (
	icd = "http://hl7.org/fhir/sid/icd-10-cm"
	act = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
)

// condition is a Condition about Patient p1 with an ICD-10-CM code.
func condition(id, code, end string) string {
	return fmt.Sprintf(`{"resourceType":"Condition","id":%q,"subject":{"reference":"Patient/p1"},"code":{"coding":[{"system":%q,"code":%q}]},"onsetDateTime":%q,"abatementDateTime":%q}`, id, icd, code, end, end)
}

const (
	patient   = `{"resourceType":"Patient","id":"p1","birthDate":"1980-02-03","identifier":[{"system":"urn:mrn","value":"77"}]}`
	encounter = `{"resourceType":"Encounter","id":"e1","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/p1"},"period":{"start":"2001-01-01","end":"2001-01-02"}}`
)

func ndjson(resources ...string) string { return strings.Join(resources, "\n") }

// put imports and fails the test at the first error.
func put(t testing.TB, c *gateway.Client, in string, o gateway.ImportOptions) []gateway.Receipt {
	t.Helper()
	var out []gateway.Receipt
	for r, err := range c.Import(t.Context(), strings.NewReader(in), o) {
		if err != nil {
			t.Fatalf("%s: %v", r.ID, err)
		}
		out = append(out, r)
	}
	return out
}

// shipped puts the shipped rules and their local codes into force.
func shipped(p *collections.Private) {
	p.Labels.Rules = labeling.Shipped().SHA256()
	local := labeling.LocalSystem()
	sys := collections.LocalSystem{URL: local.URL, Version: local.Version}
	for _, c := range local.Codes {
		code := collections.LocalCode{Code: c.Code, Display: c.Display, Set: c.Set}
		for _, up := range c.Parents {
			code.Parents = append(code.Parents, collections.Label{System: up.System, Code: up.Code})
		}
		sys.Codes = append(sys.Codes, code)
	}
	p.Labels.Local = []collections.LocalSystem{sys}
}

func noRules(p *collections.Private) { p.Labels.Rules = "" }

// metaOf reads a record's metadata as the officer.
func metaOf(t testing.TB, n *gatewaytest.Network, collection, id string) *record.Meta {
	t.Helper()
	e := explanationOf(t, n, collection, id)
	if e.Meta == nil {
		t.Fatalf("%s in %s has no metadata", id, collection)
	}
	return e.Meta
}

func explanationOf(t testing.TB, n *gatewaytest.Network, collection, id string) record.Explanation {
	t.Helper()
	list, err := n.Open("UsHospital", "officer").Explain(t.Context(), collection, []string{id})
	if err != nil {
		t.Fatal(err)
	}
	return list[0]
}

func has(labels []record.Label, code, origin string) bool {
	return slices.ContainsFunc(labels, func(l record.Label) bool { return l.Code == code && (origin == "" || l.Origin == origin) })
}

func TestAnImportLabelsByTheRulesInForceAndRoutesByTypeAndLabels(t *testing.T) {
	n := gatewaytest.Start(t, chaincodetest.Options{})
	n.SetPrivate("us-a-log", shipped)
	notes := `{"resourceType":"DocumentReference","id":"n1","status":"current","meta":{"security":[{"system":"` + act + `","code":"PSYTHPN"}]},"subject":{"reference":"Patient/p1"},"content":[{"attachment":{"title":"x"}}]}`
	place := `{"resourceType":"Location","id":"l1"}`
	rs := put(t, n.Open("UsHospital", "writer"), ndjson(patient, condition("c1", "F11.20", "2001-01-01"), condition("c2", "J06.9", "2001-01-01"), notes, place), gateway.ImportOptions{})
	for i, want := range []string{"us-a", "us-a2", "us-a", "us-a3", "us-a3"} {
		if rs[i].Collection != want {
			t.Errorf("record %d went to %s, want %s", i, rs[i].Collection, want)
		}
	}
	m := metaOf(t, n, "us-a2", rs[1].ID)
	if m.Rules != labeling.Shipped().SHA256() || !has(m.Labels, "OPIOIDUD", record.OriginRule) || !has(m.Labels, "R", "") || has(m.Labels, "42CFRPart2", "") {
		t.Errorf("labels %+v by rules %.8s", m.Labels, m.Rules)
	}
	if m := metaOf(t, n, "us-a", rs[2].ID); !has(m.Labels, "N", record.OriginDefault) || len(m.Labels) != 1 {
		t.Errorf("an ordinary condition has %+v", m.Labels)
	}
	if m := metaOf(t, n, "us-a3", rs[3].ID); !has(m.Labels, "PSYTHPN", record.OriginInbound) {
		t.Errorf("the notes have %+v", m.Labels)
	}
}

func TestAnImportWithOtherRulesThanThePrivatePartNamesSendsNothing(t *testing.T) {
	n := gatewaytest.Start(t, chaincodetest.Options{})
	n.SetPrivate("us-a-log", func(p *collections.Private) { p.Labels.Rules = strings.Repeat("0", 64) })
	c := n.Open("UsHospital", "writer")
	writes := 0
	n.Before(func(c gatewaytest.Call) error {
		if c.Method == "Endorse" {
			writes++
		}
		return nil
	})
	for _, err := range c.Import(t.Context(), strings.NewReader(patient), gateway.ImportOptions{}) {
		if !errors.Is(err, gateway.ErrRules) || !strings.Contains(err.Error(), strings.Repeat("0", 64)) {
			t.Errorf("got %v", err)
		}
	}
	if writes > 0 {
		t.Errorf("%d transactions were sent", writes)
	}
}

func TestFactsOfTheInputAreRecordedOnceAndBeforeTheRecords(t *testing.T) {
	n := gatewaytest.Start(t, chaincodetest.Options{})
	c := n.Open("UsHospital", "writer")
	var order []string
	n.Before(func(c gatewaytest.Call) error {
		if c.Method == "Endorse" && c.Op != "" {
			order = append(order, c.Op)
		}
		return nil
	})
	in := ndjson(condition("c1", "J06.9", "2001-01-01"), patient, encounter)
	put(t, c, in, gateway.ImportOptions{})
	put(t, c, in, gateway.ImportOptions{Name: "again"})
	if n := slices.Index(order, record.OpFacts); n != 0 || slices.Index(order[1:], record.OpFacts) >= 0 {
		t.Errorf("operations %v", order)
	}
	token, err := c.SubjectToken("Patient/p1")
	if err != nil {
		t.Fatal(err)
	}
	people, err := c.FactsOf(t.Context(), "us-a", []string{token})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range people[0].Facts {
		got[f.Kind] = f.Date
	}
	if len(people[0].Facts) != 2 || got[record.FactBirth] != "1980-02-03" || got[record.FactLastEncounter] != "2001-01-02" {
		t.Errorf("facts %+v", people[0].Facts)
	}
}

func TestAPart2LabelNeedsADeclarationOrAConsentOfTheSameInput(t *testing.T) {
	n := gatewaytest.Start(t, chaincodetest.Options{})
	n.SetPrivate("us-a-log", shipped)
	c := n.Open("UsHospital", "writer")
	opioid := condition("c1", "F11.20", "2001-01-01")
	consent := `{"resourceType":"Consent","id":"k1","status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},"category":[{"coding":[{"system":"` + act + `","code":"42CFRPart2"}]}],"patient":{"reference":"Patient/p1"},"policyRule":{"coding":[{"system":"` + act + `","code":"42CFRPart2"}]}}`
	for name, x := range map[string]struct {
		in     string
		o      gateway.ImportOptions
		origin string
	}{
		"neither":     {opioid, gateway.ImportOptions{}, ""},
		"declaration": {opioid, gateway.ImportOptions{Part2: true, Name: "declared"}, record.OriginDeclared},
		"consent":     {ndjson(opioid, consent), gateway.ImportOptions{}, record.OriginConsent},
	} {
		t.Run(name, func(t *testing.T) {
			m := metaOf(t, n, "us-a2", put(t, c, x.in, x.o)[0].ID)
			if x.origin == "" && has(m.Labels, "42CFRPart2", "") || x.origin != "" && !has(m.Labels, "42CFRPart2", x.origin) {
				t.Errorf("labels %+v", m.Labels)
			}
		})
	}
}

// picky refuses resources that hold a word.
type picky struct{ word string }

func (p picky) Validate(_ context.Context, raw []byte) (gateway.Verdict, error) {
	if strings.Contains(string(raw), p.word) {
		return gateway.Verdict{Issues: []fhir.Issue{{Path: "Basic.code", Rule: "r4: required"}}}, nil
	}
	return gateway.Verdict{Valid: true}, nil
}

func (picky) Close() error { return nil }

func TestValidationRefusesOneRecordOrWarnsAsTheCollectionAsks(t *testing.T) {
	n := gatewaytest.Start(t, chaincodetest.Options{})
	mode := func(m string) {
		n.SetPrivate("us-a-log", func(p *collections.Private) {
			p.Settings = map[string]collections.Setting{"us-a": {Validation: m}}
		})
	}
	in := ndjson(`{"resourceType":"Basic","id":"good"}`, `{"resourceType":"Basic","id":"bad"}`, `{"resourceType":"Basic","id":"fine"}`)
	mode(collections.ValidationEnforce)
	none := n.Open("UsHospital", "writer")
	for _, err := range none.Import(t.Context(), strings.NewReader(in), gateway.ImportOptions{}) {
		if !errors.Is(err, gateway.ErrSettings) {
			t.Errorf("without a validator: %v", err)
		}
	}
	c := n.Open("UsHospital", "writer", gateway.WithValidator(picky{`"bad"`}))
	var got []string
	for r, err := range c.Import(t.Context(), strings.NewReader(in), gateway.ImportOptions{}) {
		switch {
		case errors.Is(err, gateway.ErrInvalidFHIR) && strings.Contains(err.Error(), "Basic.code"):
			got = append(got, "refused")
		case err != nil:
			t.Fatal(err)
		default:
			got = append(got, r.Collection)
		}
	}
	if !slices.Equal(got, []string{"us-a", "refused", "us-a"}) {
		t.Errorf("enforced: %v", got)
	}
	mode(collections.ValidationWarn)
	warned := n.Open("UsHospital", "writer", gateway.WithValidator(picky{`"bad"`}))
	rs := put(t, warned, in, gateway.ImportOptions{Name: "warn"})
	if len(rs[0].Warnings) != 0 || len(rs[1].Warnings) != 1 || !strings.Contains(rs[1].Warnings[0], "Basic.code") {
		t.Errorf("warned: %+v", rs)
	}
}

func TestAnUnknownLabelIsRefusedOrQuarantinedAsTheCollectionAsks(t *testing.T) {
	n := gatewaytest.Start(t, chaincodetest.Options{})
	in := ndjson(`{"resourceType":"Basic","id":"x","meta":{"security":[{"system":"urn:nobody","code":"Q"}]}}`, `{"resourceType":"Basic","id":"y"}`)
	c := n.Open("UsHospital", "writer")
	var codes []record.Code
	for _, err := range c.Import(t.Context(), strings.NewReader(in), gateway.ImportOptions{}) {
		codes = append(codes, record.CodeOf(err))
	}
	if !slices.Equal(codes, []record.Code{record.CodeUnknownLabel, ""}) {
		t.Fatalf("rejected: %v", codes)
	}
	n.SetPrivate("us-a-log", func(p *collections.Private) {
		p.Settings = map[string]collections.Setting{"us-a": {Unknown: collections.UnknownQuarantine}}
	})
	c = n.Open("UsHospital", "writer")
	rs := put(t, c, in, gateway.ImportOptions{Name: "again"})
	if len(rs[0].Warnings) == 0 || len(rs[1].Warnings) != 0 {
		t.Errorf("%+v", rs)
	}
	if _, err := n.Open("UsHospital", "reader").Get(t.Context(), rs[0].ID); !errors.Is(err, gateway.ErrQuarantined) {
		t.Errorf("a reader gets %v", err)
	}
	again := put(t, c, in, gateway.ImportOptions{Name: "again"})
	if !again[0].Already || !again[1].Already {
		t.Errorf("again: %+v", again)
	}
}

// What a Bundle says of itself is no record, and would be lost when it is split.
func TestTheLabelsOfASplitBundleReachItsRecordsAndOutliveNewerRules(t *testing.T) {
	n := gatewaytest.Start(t, chaincodetest.Options{})
	n.SetPrivate("us-a-log", noRules)
	bundle := func(security string) string {
		return `{"resourceType":"Bundle","type":"collection","entry":[{"resource":` + condition("c1", "J06.9", "2001-01-01") + `}],"meta":{"security":[` + security + `]}}`
	}
	w := n.Open("UsHospital", "writer")
	r := put(t, w, bundle(`{"system":"`+act+`","code":"42CFRPart2"},{"system":"`+act+`","code":"HIV"}`), gateway.ImportOptions{})[0]
	if r.Collection != "us-a2" {
		t.Errorf("the record went to %s", r.Collection)
	}
	m := metaOf(t, n, "us-a2", r.ID)
	if !has(m.Labels, "42CFRPart2", record.OriginBundle) || !has(m.Labels, "HIV", record.OriginBundle) || !has(m.Labels, "NORDSCLCD", record.OriginPolicy) {
		t.Errorf("labels %+v", m.Labels)
	}
	n.SetPrivate("us-a-log", shipped)
	done, err := hire(n).run(t)
	if err != nil || len(done) != 1 || !done[0].Done || done[0].Action != gateway.RelabelStamp {
		t.Errorf("%s, %v", brief(done), err)
	}
	if m := metaOf(t, n, "us-a2", r.ID); !has(m.Labels, "HIV", record.OriginBundle) {
		t.Errorf("labels %+v", m.Labels)
	}
	why, err := w.ExplainLabels(t.Context(), r.ID)
	if err != nil || !slices.ContainsFunc(why.Findings, func(f labeling.Finding) bool { return f.Label.Code == "HIV" && f.Why == labeling.WhyBundle }) {
		t.Errorf("explained as %+v (%v)", why, err)
	}

	for _, err := range n.Open("UsHospital", "writer").Import(t.Context(), strings.NewReader(bundle(`{"system":"`+act+`","code":"NOBODYKNOWS"}`)), gateway.ImportOptions{}) {
		if !errors.Is(err, gateway.ErrUnknownLabel) {
			t.Errorf("a Bundle with a label that nobody knows: %v", err)
		}
	}
}
