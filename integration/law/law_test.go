package law

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"domicile/chaincode/record"
	"domicile/collections"
	"domicile/gateway"
	"domicile/integration/kit"
)

// lawTopology holds the regions of the reference policy that lie within each other.
const lawTopology = `schema: 1
consensus: raft
batchInterval: 80ms
regions:
  - {name: us, octet: 10, orderers: 1, organizations: [{name: UsHospital, peers: 2}, {name: UsPayer, peers: 2}]}
  - {name: us-wa, octet: 20, orderers: 0, organizations: [{name: WaClinic, peers: 2}]}
  - {name: ca, octet: 30, orderers: 0, organizations: [{name: CaHospital, peers: 2}]}
  - {name: ca-bc, octet: 40, orderers: 0, organizations: [{name: BcClinic, peers: 2}]}
`

// lawPolicy is the reference policy for that topology, with a collection of copies.
func lawPolicy(t *testing.T) *collections.Policy {
	t.Helper()
	p, err := collections.Parse(collections.ReferenceYAML(), "reference.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p.Name = "law"
	p.Regions = slices.DeleteFunc(p.Regions, func(r collections.Region) bool {
		return !slices.Contains([]string{"us", "us-wa", "ca", "ca-bc"}, r.Name)
	})
	us, _ := p.Region("us")
	members := []string{"UsHospital", "UsPayer"}
	all := []string{record.RoleWriter, record.RoleReader, record.RoleOfficer, record.RolePurger, record.RoleAuditor}
	us.Collections = append(us.Collections,
		collections.Collection{Name: "us-ab", Members: members, Log: "us-ab-log", RequiredPeerCount: 1, MaxPeerCount: 2, Roles: map[string][]string{"UsHospital": all, "UsPayer": all}},
		collections.Collection{Name: "us-ab-log", Members: members, RequiredPeerCount: 1, MaxPeerCount: 2})
	for i := range us.Retention { // so that confirming makes due, and not confirming needs review
		if r := &us.Retention[i]; r.Kind != collections.KindCeiling {
			r.Action = collections.ActionPurge
		}
	}
	return p
}

// lawParts are the private parts of its holders: a hospital and a payer in Arizona, a
// clinic in Washington, a hospital in Ontario, a physician in British Columbia.
func lawParts() map[string]*collections.Private {
	az := collections.Custodian{Jurisdictions: []string{"US-AZ"}, Zone: "America/Phoenix", Classes: []string{"hospital"}, Part2: collections.Part2None}
	hospital := collections.DemoPrivate("us-a-log")
	hospital.Custodian, hospital.Confirmations = az, nil
	hospital.Settings = map[string]collections.Setting{
		"us-a":  {Validation: collections.ValidationEnforce},
		"us-a2": {Validation: collections.ValidationWarn},
		"us-a3": {Unknown: collections.UnknownQuarantine},
	}
	out := map[string]*collections.Private{"us-a-log": hospital}
	for log, c := range map[string]collections.Custodian{
		"us-b-log": az, "us-ab-log": az,
		"us-wa-a-log": {Jurisdictions: []string{"US-WA"}, Zone: "America/Los_Angeles", Part2: collections.Part2None},
		"ca-a-log":    {Jurisdictions: []string{"CA-ON"}, Zone: "America/Toronto", Classes: []string{"physician"}},
		"ca-bc-a-log": {Jurisdictions: []string{"CA-BC"}, Zone: "America/Vancouver", Classes: []string{"physician", "maternity"}},
	} {
		out[log] = &collections.Private{Version: 1, Log: log, Default: strings.TrimSuffix(log, "-log"), Custodian: c}
	}
	out["us-b-log"].Settings = map[string]collections.Setting{"us-b": {Unknown: collections.UnknownQuarantine}}
	return out
}

// newLawNet brings a network of nested regions up under rows of law.
func newLawNet(ctx context.Context, t *testing.T) *clinic {
	t.Helper()
	c := bare(ctx, t)
	topology := filepath.Join(filepath.Dir(c.file), "topology.yaml")
	c.write(topology, []byte(lawTopology))
	c.write(c.file, bytes.ReplaceAll(lawPolicy(t).Public(), []byte(`"appliesIf"`), []byte(`"applies-if"`))) // as files spell it
	c.parts(lawParts())
	c.up(topology)
	return c
}

func (c *clinic) write(path string, b []byte) {
	c.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// parts writes private parts beside the policy.
func (c *clinic) parts(list map[string]*collections.Private) {
	c.t.Helper()
	for log, part := range list {
		c.write(filepath.Join(filepath.Dir(c.file), "private", log+".yaml"), part.JSON())
	}
}

// put puts one resource and returns its receipt.
func (c *clinic) put(region, org string, body []byte, more ...string) gateway.Receipt {
	c.t.Helper()
	args := append([]string{"record", "put", "--region", region, "--org", org, "--validator", filepath.Join(binDir, "fhir-r4check"), "-"}, more...)
	list := kit.Receipts(c.t, c.ok(body, args...))
	if len(list) != 1 {
		c.t.Fatalf("%d records of one resource", len(list))
	}
	return list[0]
}

// putRefused wants one resource refused with a code.
func (c *clinic) putRefused(code record.Code, region, org string, body []byte, more ...string) kit.Answer {
	c.t.Helper()
	args := append([]string{"record", "put", "--region", region, "--org", org, "--validator", filepath.Join(binDir, "fhir-r4check"), "-"}, more...)
	a := c.run(body, args...)
	if a.Status == 0 || !strings.Contains(a.Out+a.Words, string(code)) {
		c.t.Fatalf("domicile %s: status %d, want %s\n%s%s", strings.Join(args, " "), a.Status, code, a.Out, a.Words)
	}
	return a
}

// someone is a person without an age, as a Patient.
func someone(id string) []byte {
	return fmt.Appendf(nil, `{"resourceType":"Patient","id":%q}`, id)
}

// visit is an encounter of a person that ended on a day, with labels of ActCode.
func visit(id, end string, labels ...string) []byte {
	meta := ""
	for _, l := range labels {
		meta += fmt.Sprintf(`,{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":%q}`, l)
	}
	if meta != "" {
		meta = `"meta":{"security":[` + meta[1:] + `]},`
	}
	return fmt.Appendf(nil, `{"resourceType":"Encounter",%s"status":"finished",`+
		`"class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"},"subject":{"reference":"Patient/%s"},"period":{"start":%q,"end":%q}}`,
		meta, id, end, end)
}

// The rows of law as they ship, on a network of nested regions, by the command alone.
func TestTheLawByTheCommandAlone(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := newLawNet(ctx, t)
	for _, s := range []struct {
		name string
		test func(*clinic)
	}{
		{"a collection checks FHIR R4 off, warn or enforce", validationByCollection},
		{"an unknown label is rejected or quarantined, as the collection says", unknownLabels},
		{"a parser difference loses no label", parserTraps},
		{"a downgrade needs the officer role and a reason", downgrades},
		{"an unset posture is refused by policy apply and network up", unsetPosture},
		{"an unconfirmed row keeps until an officer approves", reviewed},
		{"a row confirmed by a person with date and source makes due", confirmed},
		{"the law of the outer region binds the inner one", nested},
		{"consumer health data alone goes under the My Health My Data Act, by two officers", consumerHealth},
		{"a copy goes when its terms have ended", withdrawn},
		{"an erasure leaves what is also about others, and names those owed notice", others},
		{"a hold and a purge at the same time never purge what is held", holdAgainstPurge},
	} {
		t.Run(s.name, func(t *testing.T) {
			d := *c
			d.t = t
			s.test(&d)
		})
	}
}

func validationByCollection(c *clinic) {
	bad := func(label string) []byte { // an Observation without its code
		return fmt.Appendf(nil, `{"resourceType":"Observation",%s"status":"final","effectiveDateTime":"2020-01-01"}`, label)
	}
	a := c.putRefused(record.CodeInvalidFHIR, "us", "UsHospital", bad(""))
	c.has(a, "code")
	r := c.put("us", "UsHospital", bad(`"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"HIV"}]},`))
	if r.Collection != "us-a2" || len(r.Warnings) == 0 {
		c.t.Errorf("warn: %+v", r)
	}
	if r = c.put("us", "UsPayer", bad("")); r.Collection != "us-b" || slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.Contains(w, "R4") }) {
		c.t.Errorf("off: %+v", r)
	}
	if r = c.put("us", "UsHospital", visit("valid", farOff)); r.Collection != "us-a" {
		c.t.Errorf("a valid resource: %+v", r)
	}
}

func unknownLabels(c *clinic) {
	odd := visit("odd", farOff, "NOREDISCLOSE")
	c.putRefused(record.CodeUnknownLabel, "us", "UsHospital", odd)
	r := c.put("us", "UsPayer", odd)
	at := []string{"--region", "us", "--org", "UsPayer"}
	get := append([]string{"record", "get"}, at...)
	c.refused(record.CodeQuarantined, nil, append(get, r.ID)...)
	if a := c.ok(nil, append(get, "--as", "officer@UsPayer", r.ID)...); a.Out != string(odd) {
		c.t.Errorf("an officer reads %q", a.Out)
	}
	// It is kept like any other: explained, held, and never released to readers but
	// by an officer's word.
	c.has(c.ok(nil, append(append([]string{"label", "explain"}, at...), r.ID)...), "NOREDISCLOSE", "R")
	c.has(c.ok(nil, append(append([]string{"retention", "explain"}, at...), r.ID)...), "az-adult")
	hold := append(append([]string{"record", "hold"}, at...), "--matter", "q1", "--authority", "court", "--reason", "pending", r.ID)
	c.ok(nil, hold...)
	hold[1] = "release"
	c.ok(nil, hold...)
	set := append(append([]string{"label", "set"}, at...), "--labels", "R,NORDSCLW", "--reason", "the sender meant NORDSCLW", r.ID)
	c.has(c.ok(nil, set...), "Nothing was changed")
	c.ok(nil, append(set, "--execute")...)
	if a := c.ok(nil, append(get, r.ID)...); a.Out != string(odd) {
		c.t.Errorf("a reader gets %q", a.Out)
	}
}

// parserTraps are resources that lenient parsers read with fewer labels than they have.
func parserTraps(c *clinic) {
	const restricted = `[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"},{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"HIV"}]`
	put := func(name, meta string) kit.Answer {
		body := []byte(`{"resourceType":"Basic","code":{"text":"x"},` + meta + `}`)
		return c.run(body, "record", "put", "--region", "us", "--org", "UsHospital", "--validator", filepath.Join(binDir, "fhir-r4check"), "--import", name, "-")
	}
	for name, meta := range map[string]string{
		"security twice":           `"meta":{"security":` + restricted + `,"security":[]}`,
		"Security in another case": `"meta":{"security":` + restricted + `,"Security":[]}`,
		"meta twice":               `"meta":{"security":` + restricted + `},"meta":{"security":[]}`,
		"META in another case":     `"meta":{"security":` + restricted + `},"META":{"security":[]}`,
		"security by an escape":    `"meta":{"security":` + restricted + `,"secur\u0069ty":[]}`,
		"a label of invalid UTF-8": `"meta":{"security":[{"code":"` + "\xff" + `"}]}`,
		"bytes after the end":      `"meta":{"security":` + restricted + `}} {"resourceType":"Basic"`,
	} {
		if a := put(name, meta); a.Status == 0 {
			c.t.Errorf("%s was put:\n%s%s", name, a.Out, a.Words)
		}
	}
	// What stands where a label should could be any: it is kept most apart, and is
	// quarantined there.
	for name, meta := range map[string]string{
		"security that is no list":     `"meta":{"security":{"code":"HIV"}}`,
		"a label that is no object":    `"meta":{"security":["HIV"]}`,
		"a label without system, code": `"meta":{"security":[{"display":"HIV"}]}`,
	} {
		a := put(name, meta)
		if a.Status == 0 && (!strings.Contains(a.Out, "us-a3") || !strings.Contains(a.Out, "quarantined")) {
			c.t.Errorf("%s is no label:\n%s%s", name, a.Out, a.Words)
		}
	}
}

func downgrades(c *clinic) {
	r := c.put("us", "UsHospital", visit("down", farOff, "HIV"))
	set := []string{"label", "set", "--region", "us", "--labels", "N", "--execute", r.ID}
	if a := c.run(nil, set...); a.Status != 2 { // no reason: not even asked
		c.t.Errorf("without a reason: status %d\n%s", a.Status, a.Words)
	}
	set = append(set, "--reason", "a test order")
	c.refused(record.CodeDowngrade, nil, append(set, "--as", "writer@UsHospital")...)
	if a := c.run(nil, append(set, "--as", "reader@UsHospital")...); a.Status != 1 {
		c.t.Errorf("as a reader: status %d\n%s", a.Status, a.Words)
	}
}

func unsetPosture(c *clinic) {
	parts := lawParts()
	part := parts["us-a-log"]
	part.Custodian.Part2 = ""
	c.parts(map[string]*collections.Private{"us-a-log": part})
	defer c.parts(map[string]*collections.Private{"us-a-log": lawParts()["us-a-log"]})
	for _, args := range [][]string{
		{"policy", "check", c.file},
		{"policy", "apply", c.file},
		{"policy", "approve", "--org", "UsHospital", c.file},
		{"policy", "commit", c.file},
		{"network", "up", "--policy", c.file},
	} {
		a := c.run(nil, args...)
		if a.Status != 1 {
			c.t.Errorf("domicile %s: status %d", strings.Join(args, " "), a.Status)
		}
		c.has(a, "custodian.part2")
	}
}

// reviewed takes a record past its date under rows that nobody has confirmed.
func reviewed(c *clinic) {
	r := c.put("us", "UsHospital", visit("old", longAgo, "HIV"))
	c.fact("us", "UsHospital", "old", "birth=1950-03-04", "last-encounter="+longAgo)
	c.reassessed("us", "UsHospital")
	c.has(c.ok(nil, "retention", "explain", "--region", "us", r.ID), "1991-06-16", "az-adult", "ARS 12-2297", "cms-hospital", string(record.CodeNeedsReview))
	c.has(c.ok(nil, "retention", "due", "--region", "us"), r.ID, string(record.CodeNeedsReview), "that a person must approve first")
	c.has(c.ok(nil, "purge", "run", "--region", "us", "--execute"), "0 records were purged", "left alone: NEEDS_REVIEW")
	approve := []string{"retention", "approve", "--region", "us", "--authority", "records committee", "--reason", "no claim pending", r.ID}
	c.has(c.ok(nil, approve...), "Nothing was changed")
	c.refused(record.CodeForbidden, nil, append(approve, "--execute", "--as", "writer@UsHospital")...)
	c.ok(nil, append(approve, "--execute")...)
	c.has(c.ok(nil, "purge", "run", "--region", "us", "--execute"), "1 records were purged", "ARS 12-2297")
	c.has(c.ok(nil, "proof", "show", r.ID), "purged")
}

// fact records facts about a person.
func (c *clinic) fact(region, org, person string, facts ...string) {
	c.t.Helper()
	args := []string{"retention", "fact", "--region", region, "--org", org, "--subject", "-", "--source", "register 7"}
	for _, f := range facts {
		args = append(args, "--fact", f)
	}
	c.ok(someone(person), args...)
}

// reassessed has an officer accept the dates that facts gave.
func (c *clinic) reassessed(region, org string) {
	c.t.Helper()
	c.ok(nil, "purge", "reassess", "--region", region, "--org", org, "--reason", "facts of register 7", "--execute")
}

func confirmed(c *clinic) {
	r := c.put("us", "UsHospital", visit("older", longAgo, "HIV"))
	file := fmt.Sprintf(`{"reference":"Patient/older","kind":"birth","date":"1950-03-04","source":"register 8"}
{"reference":"Patient/older","kind":"last-encounter","date":%q}
`, longAgo)
	c.has(c.ok([]byte(file), "retention", "fact", "--region", "us", "--source", "register 7", "--from", "-"), "2 facts about 1")
	c.has(c.ok(someone("older"), "retention", "fact", "--region", "us", "--subject", "-"), "1950-03-04", "register 8")
	c.reassessed("us", "UsHospital")
	confirm := []string{"retention", "confirm", "--log", "us-a-log", c.file, "az-adult", "cms-hospital"}
	if a := c.run(nil, confirm...); a.Status != 2 {
		c.t.Errorf("nobody confirms: status %d", a.Status)
	}
	c.ok(nil, append(confirm, "--by", "A. Counsel", "--source", "ARS 12-2297, read 2021-05-04", "--date", "2021-05-04")...)
	c.has(c.ok(nil, "retention", "due", "--region", "us", "--next", "30d"), r.ID, string(record.CodeNeedsReview)) // not in force yet
	c.ok(nil, "policy", "apply", c.file)
	c.has(c.ok(nil, "retention", "confirm", "--log", "us-a-log", c.file), "A. Counsel, 2021-05-04")
	c.has(c.ok(nil, "retention", "due", "--region", "us"), r.ID, "due by confirmed rows")
	c.has(c.ok(nil, "purge", "run", "--region", "us", "--execute"), "1 records were purged", "ARS 12-2297")
}

func nested(c *clinic) {
	r := c.put("ca-bc", "BcClinic", visit("child", "2010-02-28"))
	a := c.ok(nil, "retention", "explain", "--region", "ca-bc", r.ID)
	c.has(a, "bc-physician", "cmpa-maternal", "not on record") // rows of ca and of ca-bc
	c.has(c.ok(nil, "retention", "due", "--region", "ca-bc"), r.ID, "never due")
	c.fact("ca-bc", "BcClinic", "child", "birth=2004-02-29", "treatment-end=2010-02-28", "last-encounter=2010-02-28")
	// 29 February 2004 and nineteen years is 1 March 2023, and sixteen more 2 March 2039
	// after the whole last day; nothing of ca is later.
	c.has(c.ok(nil, "retention", "explain", "--region", "ca-bc", r.ID), "2039-03-02", "2039-03-01", "CPSBC bylaw 3-6(2)", "CMPA")
	r = c.put("us-wa", "WaClinic", []byte(`{"resourceType":"Claim","status":"active","type":{"text":"x"},"use":"claim","patient":{"reference":"Patient/w"},"created":"2020-01-01","provider":{"display":"x"},"priority":{"text":"x"},"billablePeriod":{"end":"2020-01-01"},"insurance":[{"sequence":1,"focal":true,"coverage":{"display":"x"}}]}`))
	c.has(c.ok(nil, "retention", "explain", "--region", "us-wa", r.ID), "cms-orders", "2027-01-02", "42 CFR 424.516(f)")
}

func consumerHealth(c *clinic) {
	const day = "2021-10-01"
	put := func(n int, more ...string) string {
		return c.put("us-wa", "WaClinic", fmt.Appendf(nil, `{"resourceType":"Observation","status":"final","code":{"text":"steps"},"subject":{"reference":"Patient/buyer"},"effectiveDateTime":"2021-0%d-01"}`, n), more...).ID
	}
	theirs, ours := put(1, "--class", "consumer-health-data"), put(2)
	demand := []string{"retention", "erasure", "--region", "us-wa", "--subject", "-", "--law", "mhmda", "--received", day}
	c.has(c.ok(someone("buyer"), demand...), "1 may go, 0 refused", "1 are not under this law", "2021-11-15", "another class of records", "Attorney General")
	c.ok(someone("buyer"), append(demand, "--case", "W-1", "--execute")...)
	act := []string{"retention", "case", "approve", "--region", "us-wa", "--case", "W-1", "--authority", "privacy officer", "--reason", "identity checked"}
	run := []string{"purge", "run", "--region", "us-wa", "--case", "W-1", "--execute"}
	c.refused(record.CodeNoCase, nil, run...)
	c.refused(record.CodeSamePerson, nil, append(act, "--as", "officer@WaClinic")...)
	c.ok(nil, act...)
	c.has(c.ok(nil, run...), "1 records were purged on ground \"forced\"", "1 left alone: RETAINED")
	c.has(c.ok(nil, "proof", "show", theirs), "purged")
	c.has(c.ok(nil, "proof", "show", ours), "active")
}

func withdrawn(c *clinic) {
	copyOf := func(person, until string) string {
		return c.put("us", "UsHospital", visit(person, farOff), "--collection", "us-ab", "--terms-authority", "agreement 9", "--terms-until", until).ID
	}
	past, open, bound := copyOf("p1", "2020-12-31"), copyOf("p2", "2199-12-31"), copyOf("p3", "2020-12-31")
	order := []string{"record", "hold", "--region", "us", "--matter", "w1", "--authority", "court", "--reason", "pending", bound}
	c.ok(nil, order...)
	run := []string{"purge", "run", "--region", "us", "--withdrawn"}
	a := c.ok(nil, run...)
	c.has(a, past, bound, "agreement 9", "Nothing was changed")
	if strings.Contains(a.Out, open) {
		c.t.Error("a copy whose terms run is planned")
	}
	a = c.ok(nil, append(run, "--execute")...)
	c.has(a, "1 records were purged on ground \"withdrawn\"", "1 left alone: HELD")
	c.has(c.ok(nil, "proof", "show", past), "purged")
	// A consent that ends now ends a copy made under it.
	c.fact("us", "UsHospital", "p2", "consent-end=2021-01-01")
	order[1] = "release"
	c.ok(nil, order...)
	c.has(c.ok(nil, append(run, "--execute")...), "2 records were purged")
	c.has(c.ok(nil, append(run, "--execute")...), "0 records were purged")
}

func others(c *clinic) {
	hers := c.put("us-wa", "WaClinic", visit("mother", longAgo)).ID
	both := c.put("us-wa", "WaClinic", []byte(`{"resourceType":"Account","status":"active","subject":[{"reference":"Patient/mother"},{"reference":"Patient/child"}],"servicePeriod":{"end":"1985-06-15"}}`)).ID
	demand := []string{"retention", "erasure", "--region", "us-wa", "--subject", "-", "--law", "gdpr", "--received", "2021-11-01"}
	c.has(c.ok(someone("mother"), demand...), "1 may go, 0 refused, 0 held, 1 stay as they are also about others", "no other organisation")
	c.has(c.ok(someone("mother"), append(demand, "--others")...), "2 may go, 0 refused, 0 held, 0 stay")
	erase := func(ref string, more ...string) kit.Answer {
		c.ok(someone("mother"), append(append(demand, "--case", ref, "--execute"), more...)...)
		c.ok(nil, "retention", "case", "approve", "--region", "us-wa", "--case", ref, "--authority", "DPO", "--reason", "weighed")
		return c.ok(nil, "purge", "run", "--region", "us-wa", "--case", ref, "--execute")
	}
	c.has(erase("M-1"), "1 records were purged", "1 left alone: SHARED")
	c.has(c.ok(nil, "proof", "show", hers), "purged")
	c.has(erase("M-2", "--others"), "1 records were purged")
	c.has(c.ok(nil, "proof", "show", both), "purged")

	c.put("us", "UsHospital", visit("mother", farOff), "--collection", "us-ab", "--terms-authority", "agreement 9", "--terms-until", "2199-12-31")
	demand[3] = "us"
	a := c.ok(someone("mother"), demand...)
	c.has(a, "notice is owed to UsPayer, which has copies of 1 records in us-ab", "2021-12-01", "17(3)")
}

// holdAgainstPurge sends both at once. Which comes first is the orderer's choice; what
// may not be is a hold that stands on a record that a later block purged.
func holdAgainstPurge(c *clinic) {
	for i := range 3 {
		r := c.put("us", "UsHospital", visit(fmt.Sprint("race", i), longAgo, "HIV"))
		c.fact("us", "UsHospital", fmt.Sprint("race", i), "birth=1950-03-04", "last-encounter="+longAgo)
		c.reassessed("us", "UsHospital")
		held := make(chan kit.Answer, 1)
		go func() {
			held <- c.run(nil, "record", "hold", "--region", "us", "--matter", "race", "--authority", "court", "--reason", "pending", r.ID)
		}()
		purged := c.run(nil, "purge", "run", "--region", "us", "--execute")
		hold := <-held
		var proof struct{ State string }
		if err := json.Unmarshal([]byte(c.ok(nil, "proof", "show", r.ID).Out), &proof); err != nil {
			c.t.Fatal(err)
		}
		gone := proof.State == record.StatePurged
		warned := strings.Contains(hold.Words, "purged") || hold.Status != 0
		if gone != warned {
			c.t.Errorf("the record is %s, the hold said (%d) %s, the purge %s", proof.State, hold.Status, hold.Words, purged.Words)
		}
	}
}
