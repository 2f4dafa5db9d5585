package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
	"domicile/collections"
	"domicile/fhir"
	"domicile/fhir/labeling"
	"domicile/gateway"
	"domicile/gateway/gatewaytest"
)

// shop runs the command against a network in memory.
type shop struct {
	t *testing.T
	n *gatewaytest.Network
}

func open(t *testing.T) shop { return shop{t, gatewaytest.Start(t, chaincodetest.Options{})} }

// run runs a command as a user of an organisation and returns what it printed.
func (s shop) run(org, user, stdin string, args ...string) (out, words string, status int) {
	s.t.Helper()
	var o, e bytes.Buffer
	status = Run(s.t.Context(), append([]string{"--settings", s.n.Settings(org, user)}, args...), strings.NewReader(stdin), &o, &e)
	return o.String(), e.String(), status
}

// ok is run for a command that must succeed.
func (s shop) ok(org, user, stdin string, args ...string) string {
	s.t.Helper()
	out, words, status := s.run(org, user, stdin, args...)
	if status != ExitDone {
		s.t.Fatalf("%s: status %d\n%s%s", strings.Join(args, " "), status, words, out)
	}
	return out + words
}

// refused wants a command to be refused with a code.
func (s shop) refused(code record.Code, org, user, stdin string, args ...string) {
	s.t.Helper()
	out, words, status := s.run(org, user, stdin, args...)
	if status != ExitRefused || !strings.Contains(words+out, string(code)) {
		s.t.Fatalf("%s: status %d, want %s\n%s%s", strings.Join(args, " "), status, code, words, out)
	}
}

// put puts resources and returns the receipts.
func (s shop) put(org, in string, args ...string) []gateway.Receipt {
	s.t.Helper()
	out, words, status := s.run(org, "writer", in, append([]string{"record", "put", "--region", s.region(org), "-"}, args...)...)
	if status != ExitDone {
		s.t.Fatalf("put: %s", words)
	}
	return decodeLines[gateway.Receipt](s.t, out)
}

func (s shop) region(org string) string {
	return map[string]string{"UsHospital": "us", "EuHospital": "eu"}[org]
}

func decodeLines[T any](t *testing.T, out string) []T {
	t.Helper()
	var list []T
	for line := range strings.Lines(out) {
		var x T
		if err := json.Unmarshal([]byte(line), &x); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		list = append(list, x)
	}
	return list
}

func (s shop) rules() {
	s.t.Helper()
	s.n.SetPrivate("us-a-log", func(p *collections.Private) { p.Labels.Rules = labeling.Shipped().SHA256() })
}

func diagnosis(id, code, end string) string {
	return fmt.Sprintf(`{"resourceType":"Condition","id":%q,"subject":{"reference":"Patient/p1"},"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":%q}]},"onsetDateTime":%q,"abatementDateTime":%q}`+"\n", id, code, end, end)
}

const person = `{"reference": "Patient/p1"}`

func TestLabelExplainSaysWhichRuleWhichCodeAndWhichPath(t *testing.T) {
	s := open(t)
	s.rules()
	in := diagnosis("c1", "F11.20", "2001-01-01")
	id := s.put("UsHospital", in)[0].ID
	for name, out := range map[string]string{
		"record": s.ok("UsHospital", "writer", "", "label", "explain", "--region", "us", id),
		"file":   s.ok("UsHospital", "writer", in, "label", "explain", "-"),
	} {
		for _, want := range []string{"OPIOIDUD", "urn:domicile:rules:opioid", "F11.20", "code.coding[0]"} {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %s in\n%s", name, want, out)
			}
		}
	}
}

// What a person decided is on the record, and no rule of today: the one is not shown for
// the other.
func TestLabelExplainOfARecordShowsTheLabelsItHasAndNotThoseOfTheRules(t *testing.T) {
	s := open(t)
	s.rules()
	id := s.put("UsHospital", diagnosis("c1", "F11.20", "2001-01-01"))[0].ID
	set := []string{"label", "set", "--region", "us", "--labels", "R,CPLYCD", "--reason", "a rule-out", "--execute", id}
	s.ok("UsHospital", "officer", "", set...)
	out := s.ok("UsHospital", "writer", "", "label", "explain", "--region", "us", id)
	for _, want := range []string{
		"routed to us-a\n", "a person decided it", "the rules in force give, and the record has not: OPIOIDUD SUD\n",
		"the record has, and the rules in force do not give: CPLYCD\n", "OPIOIDUD SUD R (a rule-out)",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	table, _, _ := strings.Cut(out, "the rules in force give")
	if strings.Contains(table, "SUD") {
		t.Errorf("the table shows a label that the record has not:\n%s", out)
	}
	var r gateway.LabelReport
	if err := json.Unmarshal([]byte(s.ok("UsHospital", "writer", "", "label", "explain", "--region", "us", "--json", id)), &r); err != nil || r.Route != "us-a" || len(r.Stored) != 2 {
		t.Errorf("%+v (%v)", r, err)
	}
}

func TestLabelExplainShowsTheHighWaterMarkOfABundleWithoutWhatTellsOfItsContent(t *testing.T) {
	s := open(t)
	const in = `{"resourceType":"Bundle","type":"document","entry":[{"resource":{"resourceType":"Observation","meta":{"security":[
		{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"V"},{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"MASK"},
		{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"NODSCLCD"},{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"HIV"},
		{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"PERSISTLABEL"}]}}}]}`
	if out := s.ok("UsHospital", "writer", in, "label", "explain", "-"); !strings.Contains(out, "high-water mark, which tells nothing of the content: V PERSISTLABEL\n") {
		t.Errorf("%s", out)
	}
}

// Adding a label takes no other one away, nor what it rests on.
func TestLabelSetKeepsWhatTheLabelsRestOn(t *testing.T) {
	s := open(t)
	s.rules()
	s.n.SetPrivate("us-a-log", func(p *collections.Private) { p.Custodian.Part2 = collections.Part2Program })
	id := s.put("UsHospital", diagnosis("c1", "J06.9", "2001-01-01"))[0].ID
	const part2 = "R,42CFRPart2,CPLYCD,NORDSCLCD,PERSISTLABEL,RedisclosureProhibitionMark,SUD"
	set := func(labels string, more ...string) []string {
		return append([]string{"label", "set", "--region", "us", "--labels", labels, "--reason", "heard of it", id}, more...)
	}
	if out := s.ok("UsHospital", "officer", "", set(part2+",HIV", "--execute")...); strings.Contains(out, "downgrade") {
		t.Errorf("%s", out)
	}
	// Two policies: then each label says which one it rests on.
	s.refused(record.CodeBadLabels, "UsHospital", "officer", "", set(part2+",HIV,PSYTHPN,HIPAAPsyNotes", "--execute")...)
	s.ok("UsHospital", "officer", "", set(part2+",HIV@42CFRPart2,PSYTHPN@HIPAAPsyNotes,HIPAAPsyNotes@http://terminology.hl7.org/CodeSystem/v3-ActCode|HIPAAPsyNotes", "--execute")...)
	e, err := s.n.Open("UsHospital", "officer").Explain(t.Context(), "us-a2", []string{id})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range e[0].Meta.Labels {
		if want := map[string]string{"PSYTHPN": "HIPAAPsyNotes", "HIPAAPsyNotes": "HIPAAPsyNotes"}[l.Code]; l.BasisCode != cmp.Or(want, "42CFRPart2") {
			t.Errorf("%s rests on %q", l.Code, l.BasisCode)
		}
	}
	if _, words, status := s.run("UsHospital", "officer", "", set("R@x")...); status != ExitUsage || !strings.Contains(words, "behind @") {
		t.Errorf("status %d: %s", status, words)
	}
}

// Labels on elements are processed as long as they are there, whatever a person decides on
// for the whole, and newer rules leave it so.
func TestLabelSetKeepsTheObligationToProcessInlineLabels(t *testing.T) {
	s := open(t)
	body := strings.Replace(diagnosis("c1", "J06.9", "2001-01-01"), `"resourceType":"Condition",`,
		`"resourceType":"Condition","_recordedDate":{"extension":[{"url":"http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label","valueCoding":{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"N"}}]},`, 1)
	id := s.put("UsHospital", body)[0].ID
	set := []string{"label", "set", "--region", "us", "--labels", "N,CPLYCD", "--reason", "reviewed", id}
	for range 2 { // shown as it will be, and done
		if out := s.ok("UsHospital", "officer", "", set...); !strings.Contains(out, "after:  N CPLYCD PROCESSINLINELABEL\n") || strings.Contains(out, "PROCESSINLINELABEL would be lost") {
			t.Errorf("%s", out)
		}
		set = append(set, "--execute")
	}
	want := func() {
		t.Helper()
		e, err := s.n.Open("UsHospital", "officer").Explain(t.Context(), "us-a", []string{id})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Fields(codes(e[0].Meta.Labels)); !slices.Contains(got, "PROCESSINLINELABEL") || !slices.Contains(got, "CPLYCD") {
			t.Errorf("the record has %q", got)
		}
	}
	want()
	s.rules()
	s.ok("UsHospital", "writer", "", "label", "run", "--region", "us", "--execute")
	want()
}

func TestRetentionExplainNamesEveryRowAndTheOneThatWon(t *testing.T) {
	s := open(t)
	id := s.put("UsHospital", diagnosis("c1", "J06.9", "2001-01-01"))[0].ID
	out := s.ok("UsHospital", "officer", "", "retention", "explain", "--region", "us", id)
	for _, want := range []string{`row "care" of us`, "from 2007-01-02 on", "claims", "marked", "rest", "DEMO, not law"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestRetentionExplainShowsAFactOnceHoweverManyNamesAPersonHas(t *testing.T) {
	s := open(t)
	const patient = `{"resourceType":"Patient","id":"p1","birthDate":"1950-01-01","identifier":[{"system":"urn:a","value":"1"},{"system":"urn:b","value":"2"}]}`
	id := s.put("UsHospital", patient)[0].ID
	if out := s.ok("UsHospital", "officer", "", "retention", "explain", "--region", "us", id); strings.Count(out, "fact: birth 1950-01-01") != 1 {
		t.Error(out)
	}
}

// promised puts a record whose accepted date, of row marked, is still to come while all
// rows that apply to it now have passed, and returns its id and that date.
func promised(s shop) (id, due string) {
	s.t.Helper()
	s.rules()
	end := fhir.DateOf(time.Now().AddDate(-6, -6, 0))
	id = s.put("UsHospital", diagnosis("c1", "F11.20", end.String()))[0].ID
	s.ok("UsHospital", "officer", "", "label", "set", "--region", "us", "--labels", "N", "--reason", "a rule-out", "--execute", id)
	return id, end.AddPeriod(fhir.Period{N: 7, Unit: 'y'}).AddPeriod(fhir.Period{N: 1, Unit: 'd'}).String()
}

func TestRetentionExplainNamesTheRowOfTheDateThatIsEnforced(t *testing.T) {
	s := open(t)
	id, due := promised(s)
	out := s.ok("UsHospital", "officer", "", "retention", "explain", "--region", "us", id)
	for _, want := range []string{"from " + due + " on: the date accepted before is later", `row "marked" of us`, `row "care" of us: every floor`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if out := s.ok("UsHospital", "officer", "", "retention", "due", "--region", "us", "--next", "1y", "--json"); !strings.Contains(out, `"row":"marked"`) {
		t.Errorf("due: %s", out)
	}
}

// An approval is for the date that holds. What is earlier is planned and executed apart.
func TestAnApprovalShortensNothing(t *testing.T) {
	s := open(t)
	id, due := promised(s)
	out := s.ok("UsHospital", "officer", "", "retention", "approve", "--region", "us", "--authority", "a", "--reason", "r", "--execute", id)
	if !strings.Contains(out, "due "+due) {
		t.Errorf("approve: %s", out)
	}
	if out := s.ok("UsHospital", "officer", "", "retention", "explain", "--region", "us", id); !strings.Contains(out, "from "+due+" on") || !strings.Contains(out, "NOT_DUE") {
		t.Errorf("explain: %s", out)
	}
	never := s.put("UsHospital", `{"resourceType":"Organization"}`)[0].ID
	if out := s.ok("UsHospital", "officer", "", "retention", "approve", "--region", "us", "--authority", "a", "--reason", "r", never); !strings.Contains(out, "due never") {
		t.Errorf("approve: %s", out)
	}
}

// What the plan promises a person is what the purge then does.
func TestAnErasureIsRefusedUntilTheDateThatWasAccepted(t *testing.T) {
	s := open(t)
	id, due := promised(s)
	demand := []string{"retention", "erasure", "--region", "us", "--subject", "-", "--law", "gdpr", "--received", "2026-01-02", "--case", "DSR-1"}
	out := s.ok("UsHospital", "officer", person, append(demand, "--execute")...)
	for _, want := range []string{"0 may go, 1 refused", "kept until " + due, "marked", "access to what concerns the person is restricted"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	s.ok("UsHospital", "officer2", "", "retention", "case", "approve", "--region", "us", "--case", "DSR-1", "--authority", "DPO", "--reason", "checked")
	out = s.ok("UsHospital", "purger", "", "purge", "run", "--region", "us", "--case", "DSR-1", "--officer", s.n.Settings("UsHospital", "officer"), "--execute")
	if !strings.Contains(out, "1 left alone: RETAINED") || !strings.Contains(out, id) {
		t.Errorf("purge: %s", out)
	}
}

// A law that is not about a record refuses nothing, and restricts no access to it.
func TestALawThatIsNotAboutARecordLeavesItAsItIs(t *testing.T) {
	s := open(t)
	id := s.put("UsHospital", diagnosis("c1", "J06.9", "2001-01-01"))[0].ID
	out := s.ok("UsHospital", "officer", person, "retention", "erasure", "--region", "us", "--subject", "-", "--law", "mhmda", "--received", "2026-01-02", "--case", "DSR-1", "--execute")
	for _, want := range []string{"0 may go, 0 refused", "1 are not under this law", "1 records are not of the kind that this law is about"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	for _, never := range []string{"may not erase", "restricted"} {
		if strings.Contains(out, never) {
			t.Errorf("%q in\n%s", never, out)
		}
	}
	s.ok("UsHospital", "reader", "", "record", "get", "--region", "us", id)
}

func TestTheAssessmentOfImpactShowsEachPeriodWhole(t *testing.T) {
	s := open(t)
	file := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(file, collections.ReferenceYAML(), 0o600); err != nil {
		t.Fatal(err)
	}
	out := s.ok("UsHospital", "officer", "", "policy", "dpia", file)
	for _, want := range []string{"the later of birth + 19y + 5y, last-encounter + 5y |", "| birth + 18y + 10y |", "the earlier of last-encounter + 7y, death + 3y |"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestAHoldIsReleasedByAnotherPersonOnly(t *testing.T) {
	s := open(t)
	s.put("UsHospital", diagnosis("c1", "J06.9", "2001-01-01"))
	order := []string{"--region", "us", "--matter", "case-1", "--authority", "court", "--reason", "pending", "--subject", "-"}
	s.ok("UsHospital", "officer", person, append([]string{"record", "hold"}, order...)...)
	if out := s.ok("UsHospital", "purger", "", "purge", "run", "--region", "us", "--execute"); !strings.Contains(out, "HELD") || !strings.Contains(out, "0 records were purged") {
		t.Errorf("purge: %s", out)
	}
	for _, again := range []string{"c1", "c2"} { // there before the hold, and put after it
		out := s.ok("UsHospital", "writer", diagnosis(again, "J06.9", "2001-01-01"), "record", "put", "--region", "us", "-")
		if !strings.Contains(out, `"held":true`) || !strings.Contains(out, "1 records are under a legal hold") || strings.Contains(out, "case-1") || strings.Contains(out, "due for purge at once") {
			t.Errorf("put: %s", out)
		}
	}
	if out := s.ok("UsHospital", "officer", "", "hold", "list", "--region", "us"); !strings.Contains(out, "case-1") || !strings.Contains(out, "subject") {
		t.Errorf("list: %s", out)
	}
	if out := s.ok("UsHospital", "officer", "", "hold", "report", "--region", "us"); !strings.Contains(out, "case-1,court,pending,") {
		t.Errorf("report: %s", out)
	}
	s.refused(record.CodeSamePerson, "UsHospital", "officer", person, append([]string{"record", "release"}, order...)...)
	s.ok("UsHospital", "officer2", person, append([]string{"record", "release"}, order...)...)
	if out := s.ok("UsHospital", "purger", "", "purge", "run", "--region", "us", "--execute"); !strings.Contains(out, "2 records were purged") {
		t.Errorf("purge: %s", out)
	}
}

// When a hold has ended, the log still says who set it, who released it, when and why.
func TestTheHistoryOfAHoldIsKeptWhenItHasEnded(t *testing.T) {
	s := open(t)
	rs := s.put("UsHospital", diagnosis("c1", "J06.9", "2001-01-01")+diagnosis("c2", "J06.9", "2001-01-01"))
	order := func(act, user, matter string, more ...string) {
		s.ok("UsHospital", user, person, append([]string{"record", act, "--region", "us", "--matter", matter, "--authority", "court of " + user, "--reason", "reason to " + act}, more...)...)
	}
	order("hold", "officer", "case-1", rs[0].ID, rs[1].ID)
	order("hold", "officer", "case-2", "--query-type", "Condition", "--collection", "us-a")
	order("release", "officer2", "case-1", rs[0].ID, rs[1].ID)
	order("hold", "officer", "case-3", "--subject", "-", "--collection", "us-a")
	history := func(user string, more ...string) string {
		return s.ok("UsHospital", user, "", append([]string{"hold", "report", "--region", "us", "--history"}, more...)...)
	}
	out := history("auditor")
	for _, want := range []string{"case-1", "set", "released", "court of officer2", "reason to release", "2 records", "query on us-a: type Condition", "1 index tokens of people"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	var list []matterHistory
	if err := json.Unmarshal([]byte(history("officer", "--json", "--matter", "case-1")), &list); err != nil || len(list) != 1 || len(list[0].Acts) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	set, released := list[0].Acts[0], list[0].Acts[1]
	if set.Act != "set" || released.Act != "released" || set.By == released.By || set.Records != 2 || set.Authority != "court of officer" || released.At < set.At || !slices.Contains(released.IDs, rs[1].ID) {
		t.Errorf("%+v\n%+v", set, released)
	}
	tomorrow := time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly)
	if out := history("officer", "--from", tomorrow); !strings.Contains(out, "no order") {
		t.Error(out)
	}
	if out := history("officer", "--to", tomorrow, "--from", "2020-01-01", "--matter", "case-3"); strings.Contains(out, "case-1") || !strings.Contains(out, "case-3") {
		t.Error(out)
	}
	for _, args := range [][]string{{"--matter", "case-1"}, {"--history", "--from", "2026-05"}, {"--history", "--from", "2026-05-02", "--to", "2026-05-01"}} {
		if _, words, status := s.run("UsHospital", "officer", "", append([]string{"hold", "report", "--region", "us"}, args...)...); status != ExitUsage {
			t.Errorf("%v: status %d: %s", args, status, words)
		}
	}
	s.refused(record.CodeForbidden, "UsHospital", "writer", "", "hold", "report", "--region", "us", "--history")
}

// A Patient by whom nothing can be found holds nobody, and is no way to see everybody's.
func TestAPersonWithoutIdAndIdentifierIsRefusedEverywhere(t *testing.T) {
	s := open(t)
	s.put("UsHospital", diagnosis("c1", "J06.9", "2001-01-01"))
	act := []string{"--matter", "m", "--authority", "a", "--reason", "r"}
	for _, args := range [][]string{
		append([]string{"record", "hold"}, act...), append([]string{"record", "release"}, act...),
		{"record", "list"},
		{"retention", "fact", "--fact", "birth=1980"},
		{"retention", "erasure", "--law", "gdpr", "--received", "2026-05-02"},
	} {
		args = append(args, "--region", "us", "--subject", "-")
		for name, in := range map[string]string{
			"nobody":       `{"resourceType":"Patient","name":[{"family":"Jane"}]}`,
			"a key twice":  `{"reference":"Patient/p1","reference":"Patient/jane"}`,
			"another case": `{"Reference":"Patient/jane"}`,
		} {
			out, words, status := s.run("UsHospital", "officer", in, args...)
			if status != ExitRefused || out != "" || !strings.Contains(words, "INPUT") || strings.Contains(strings.ToLower(words), "jane") {
				t.Errorf("%v of %s: %d %s%s", args, name, status, out, words)
			}
		}
	}
}

func TestAHoldByQueryTakesRecordsPutLater(t *testing.T) {
	s := open(t)
	s.rules()
	order := []string{"--region", "us", "--matter", "case-2", "--authority", "court", "--reason", "pending", "--query-label", "SUD", "--query-type", "Condition"}
	s.ok("UsHospital", "officer", "", append([]string{"record", "hold"}, order...)...)
	rs := s.put("UsHospital", diagnosis("c1", "F11.20", "2001-01-01")+diagnosis("c2", "J06.9", "2001-01-01"))
	if !rs[0].Held || rs[1].Held {
		t.Errorf("%+v", rs)
	}
	out := s.ok("UsHospital", "purger", "", "purge", "run", "--region", "us", "--execute")
	if !strings.Contains(out, "1 records were purged") || !strings.Contains(out, "1 left alone: HELD") {
		t.Errorf("purge: %s", out)
	}
	if out := s.ok("UsHospital", "officer", "", "retention", "explain", "--region", "us", rs[0].ID); !strings.Contains(out, "held by: case-2") {
		t.Errorf("explain: %s", out)
	}
	s.refused(record.CodeSamePerson, "UsHospital", "officer", "", append([]string{"record", "release"}, order...)...)
	s.ok("UsHospital", "officer2", "", append([]string{"record", "release"}, order...)...)
	if out := s.ok("UsHospital", "purger", "", "purge", "run", "--region", "us", "--execute"); !strings.Contains(out, "1 records were purged") {
		t.Errorf("purge: %s", out)
	}
}

func TestAnUnconfirmedRowMakesItsRecordsNeedReviewUntilAnOfficerApproves(t *testing.T) {
	s := open(t)
	s.n.SetPrivate("us-a-log", func(p *collections.Private) { p.Confirmations = nil })
	id := s.put("UsHospital", diagnosis("c1", "J06.9", "2001-01-01"))[0].ID
	if out := s.ok("UsHospital", "purger", "", "purge", "run", "--region", "us", "--execute"); !strings.Contains(out, "NEEDS_REVIEW") {
		t.Errorf("purge: %s", out)
	}
	if out := s.ok("UsHospital", "officer", "", "retention", "due", "--region", "us"); !strings.Contains(out, "1 that a person must approve first") || !strings.Contains(out, "not confirmed") {
		t.Errorf("due: %s", out)
	}
	approve := []string{"retention", "approve", "--region", "us", "--authority", "committee", "--reason", "no claim", id}
	if out := s.ok("UsHospital", "officer", "", approve...); !strings.Contains(out, "Nothing was changed") {
		t.Errorf("dry run: %s", out)
	}
	s.ok("UsHospital", "officer", "", append(approve, "--execute")...)
	if out := s.ok("UsHospital", "purger", "", "purge", "run", "--region", "us", "--execute"); !strings.Contains(out, "1 records were purged") {
		t.Errorf("purge: %s", out)
	}
}

func TestRetentionDueListsWhatIsNeverDue(t *testing.T) {
	s := open(t)
	s.put("UsHospital", `{"resourceType":"Basic","id":"undated"}`)
	out := s.ok("UsHospital", "officer", "", "retention", "due", "--region", "us")
	if !strings.Contains(out, "1 that are never due") || !strings.Contains(out, "end") {
		t.Errorf("due: %s", out)
	}
	future := s.ok("UsHospital", "officer", "", "retention", "due", "--region", "us", "--next", "30d", "--json")
	if !strings.Contains(future, `"verdict":"never"`) {
		t.Errorf("due: %s", future)
	}
}

func TestNothingIsShortenedSilentlyAPersonExecutesThePlan(t *testing.T) {
	s := open(t)
	s.rules()
	rs := s.put("UsHospital", diagnosis("c1", "F11.20", "2018-01-01")) // row "marked" keeps it a year longer than "care"
	s.ok("UsHospital", "officer", "", "label", "set", "--region", "us", "--labels", "N", "--reason", "coded by mistake", "--execute", rs[0].ID)
	plan := s.ok("UsHospital", "officer", "", "purge", "reassess", "--region", "us")
	if !strings.Contains(plan, "earlier") || !strings.Contains(plan, "2025-01-02") || !strings.Contains(plan, "2024-01-02") || !strings.Contains(plan, "Nothing was changed") {
		t.Errorf("plan: %s", plan)
	}
	if out := s.ok("UsHospital", "officer", "", "retention", "explain", "--region", "us", rs[0].ID); !strings.Contains(out, "from 2025-01-02 on") {
		t.Errorf("before anybody executes: %s", out)
	}
	if _, _, status := s.run("UsHospital", "officer", "", "purge", "reassess", "--region", "us", "--execute"); status != ExitUsage {
		t.Errorf("without a reason: status %d", status)
	}
	s.ok("UsHospital", "officer", "", "purge", "reassess", "--region", "us", "--execute", "--reason", "reviewed")
	if out := s.ok("UsHospital", "officer", "", "retention", "explain", "--region", "us", rs[0].ID); !strings.Contains(out, "from 2024-01-02 on") {
		t.Errorf("after: %s", out)
	}
}

func TestFactsAreRecordedFromAFileAndListed(t *testing.T) {
	s := open(t)
	s.ok("UsHospital", "officer", person, "retention", "fact", "--region", "us", "--subject", "-", "--fact", "birth=1980", "--fact", "erasure-request=2026-05-02", "--source", "registry 7")
	out := s.ok("UsHospital", "officer", person, "retention", "fact", "--region", "us", "--subject", "-")
	if !strings.Contains(out, "1980") || !strings.Contains(out, "registry 7") {
		t.Errorf("facts: %s", out)
	}
	s.ok("UsHospital", "officer", person, "retention", "fact", "--region", "us", "--subject", "-", "--withdraw", "birth=1980", "--reason", "another person")
	_, words, status := s.run("UsHospital", "officer", person, "retention", "fact", "--region", "us", "--subject", "-", "--fact", "jane roe=1980")
	if status != ExitUsage || strings.Contains(words, "jane") {
		t.Errorf("a mistyped fact: %d %s", status, words)
	}
}

func TestFactsAboutManyPeopleComeFromAFileAndAWrongLineStopsAll(t *testing.T) {
	s := open(t)
	from := []string{"retention", "fact", "--region", "us", "--source", "register 7", "--from", "-"}
	const good = `{"reference":"Patient/jane","kind":"death","date":"2020-11"}` + "\n" + `{"system":"urn:mrn","value":"4711","kind":"birth","date":"1950"}` + "\n\n"
	for name, line := range map[string]string{
		"an unknown kind":   `{"reference":"Patient/jane","kind":"jane","date":"2020"}`,
		"no date":           `{"reference":"Patient/jane","kind":"birth"}`,
		"two people":        `{"reference":"Patient/jane","value":"jane","kind":"birth","date":"2020"}`,
		"nobody":            `{"kind":"birth","date":"2020"}`,
		"an unknown key":    `{"name":"jane","kind":"birth","date":"2020"}`,
		"a key twice":       `{"reference":"Patient/x","reference":"Patient/jane","kind":"birth","date":"2020"}`,
		"two spellings":     `{"reference":"Patient/x","kind":"birth","date":"2020","Date":"1920"}`,
		"another spelling":  `{"reference":"Patient/jane","kind":"birth","DATE":"1920"}`,
		"no JSON":           `jane`,
		"two on one line":   `{"reference":"Patient/jane","kind":"birth","date":"2020"} {}`,
		"a day of no month": `{"reference":"Patient/jane","kind":"birth","date":"2020-02-30"}`,
	} {
		out, words, status := s.run("UsHospital", "officer", good+line, from...)
		if status != ExitRefused || out != "" || !strings.Contains(words, "line 4") || strings.Contains(strings.ToLower(words), "jane") {
			t.Errorf("%s: %d %s%s", name, status, out, words)
		}
	}
	s.refused(record.CodeInput, "UsHospital", "officer", "\n", from...)
	if out := s.ok("UsHospital", "officer", good+good, from...); !strings.Contains(out, "2 facts about 2") {
		t.Error(out)
	}
	out := s.ok("UsHospital", "officer", `{"reference":"Patient/jane"}`, "retention", "fact", "--region", "us", "--subject", "-")
	if !strings.Contains(out, "2020-11") || !strings.Contains(out, "register 7") {
		t.Error(out)
	}
	if _, _, status := s.run("UsHospital", "officer", good, append(from, "--subject", "x")...); status != ExitUsage {
		t.Errorf("with --subject: status %d", status)
	}
}

// Restrictions are on people: what another record brought closes this one, too.
func TestARestrictionOfAccessSaysThatItReachesRecordsTheLawIsNotAbout(t *testing.T) {
	s := open(t)
	s.put("UsHospital", diagnosis("c1", "J06.9", "2001-01-01"))
	s.ok("UsHospital", "writer", diagnosis("c2", "J06.9", "2026-01-01"), "record", "put", "--region", "us", "--class", "consumer-health-data", "-")
	out := s.ok("UsHospital", "officer", person, "retention", "erasure", "--region", "us", "--subject", "-", "--law", "mhmda", "--received", "2026-01-02", "--case", "DSR-1", "--execute")
	if !strings.Contains(out, "1 refused") || !strings.Contains(out, "that includes 1 records that the law is not about") {
		t.Errorf("erasure: %s", out)
	}
}

func TestADemandForErasureOfADayToComeIsAMistake(t *testing.T) {
	s := open(t)
	day := time.Now().AddDate(0, 0, 3).Format(time.DateOnly)
	_, words, status := s.run("EuHospital", "officer", person, "retention", "erasure", "--region", "eu", "--subject", "-", "--law", "gdpr", "--received", day)
	if status != ExitUsage || !strings.Contains(words, "--received") {
		t.Errorf("status %d: %s", status, words)
	}
}

func TestAForcedErasureNeedsTwoPersonsAndAFloorRefusesIt(t *testing.T) {
	s := open(t)
	rs := s.put("EuHospital", diagnosis("c1", "J06.9", "2001-01-01")+diagnosis("c2", "J06.9", "2024-01-01"))
	demand := []string{"retention", "erasure", "--region", "eu", "--subject", "-", "--law", "gdpr", "--received", "2026-05-02"}
	out := s.ok("EuHospital", "officer", person, demand...)
	for _, want := range []string{"1 may go, 1 refused", "answered by 2026-06-02", "17(3)(b): a legal obligation to keep)", "12(4)", "Nothing was changed"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	s.ok("EuHospital", "officer", person, append(demand, "--case", "DSR-1", "--execute")...)
	s.refused(record.CodeLimited, "EuHospital", "reader", "", "record", "get", "--region", "eu", rs[1].ID)
	purge := []string{"purge", "run", "--region", "eu", "--case", "DSR-1", "--officer", s.n.Settings("EuHospital", "officer")}
	s.refused(record.CodeNoCase, "EuHospital", "purger", "", append(purge, "--execute")...)
	approve := []string{"retention", "case", "approve", "--region", "eu", "--case", "DSR-1", "--authority", "DPO", "--reason", "checked"}
	s.refused(record.CodeSamePerson, "EuHospital", "officer", "", approve...)
	if out, _, _ := s.run("EuHospital", "officer", "", approve...); out != "" {
		t.Errorf("a refused approval prints %s", out)
	}
	s.ok("EuHospital", "officer2", "", approve...)
	if out := s.ok("EuHospital", "purger", "", purge...); !strings.Contains(out, "1 may go, 1 refused") || !strings.Contains(out, "Nothing was changed") {
		t.Errorf("dry run: %s", out)
	}
	out = s.ok("EuHospital", "purger", "", append(purge, "--execute")...)
	if !strings.Contains(out, "1 records were purged") || !strings.Contains(out, "1 left alone: RETAINED") {
		t.Errorf("purge: %s", out)
	}
	if out := s.ok("EuHospital", "reader", "", "proof", "show", rs[0].ID); !strings.Contains(out, "purged") {
		t.Errorf("proof: %s", out)
	}
	s.ok("EuHospital", "officer2", "", "retention", "case", "close", "--lift", "--region", "eu", "--case", "DSR-1", "--authority", "DPO", "--reason", "answered")
	s.ok("EuHospital", "reader", "", "record", "get", "--region", "eu", rs[1].ID)
}

func TestRecordsAreMovedByLabelRunAfterTheRulesChange(t *testing.T) {
	s := open(t)
	s.n.SetPrivate("us-a-log", func(p *collections.Private) { p.Labels.Rules = "" })
	s.put("UsHospital", diagnosis("c1", "F11.20", "2001-01-01")+diagnosis("c2", "J06.9", "2001-01-01"))
	s.rules()
	if out := s.ok("UsHospital", "writer", "", "label", "run", "--region", "us"); !strings.Contains(out, "1 to do: move") || !strings.Contains(out, "Nothing was changed") {
		t.Errorf("dry run: %s", out)
	}
	_, out, status := s.run("UsHospital", "writer", "", "label", "run", "--region", "us", "--execute")
	if status != 1 || !strings.Contains(out, "1 done: stamp") || !strings.Contains(out, "1 left alone: FORBIDDEN") {
		t.Errorf("a writer alone does what it may: status %d, %s", status, out)
	}
	out = s.ok("UsHospital", "writer", "", "label", "run", "--region", "us", "--execute",
		"--officer", s.n.Settings("UsHospital", "officer"), "--purger", s.n.Settings("UsHospital", "purger"))
	if !strings.Contains(out, "1 done: move") {
		t.Errorf("with officer and purger: %s", out)
	}
	if out := s.ok("UsHospital", "writer", "", "label", "plan", "--region", "us"); !strings.Contains(out, "every record has the labels") {
		t.Errorf("plan: %s", out)
	}
}

func TestLabelRulesComeFromADirectory(t *testing.T) {
	s := open(t)
	dir := t.TempDir()
	for _, f := range labeling.ShippedFiles()[:3] {
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(f.Name)), f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.rules()
	in := diagnosis("c1", "F11.20", "2001-01-01")
	s.refused(record.CodeRules, "UsHospital", "writer", in, "record", "put", "--region", "us", "--rules", dir, "-")
	rules, err := loadRules(dir)
	if err != nil {
		t.Fatal(err)
	}
	s.n.SetPrivate("us-a-log", func(p *collections.Private) { p.Labels.Rules = rules.SHA256() })
	s.ok("UsHospital", "writer", in, "record", "put", "--region", "us", "--rules", dir, "-")
}

func TestQuarantinedRecordsAreListed(t *testing.T) {
	s := open(t)
	s.n.SetPrivate("us-a-log", func(p *collections.Private) {
		p.Settings = map[string]collections.Setting{"us-a": {Unknown: collections.UnknownQuarantine}}
	})
	rs := s.put("UsHospital", `{"resourceType":"Basic","id":"x","meta":{"security":[{"system":"urn:nobody","code":"Q"}]}}`+"\n"+`{"resourceType":"Basic","id":"y"}`)
	out := s.ok("UsHospital", "officer", "", "record", "list", "--region", "us", "--quarantined", "--json")
	if !strings.Contains(out, rs[0].ID) || strings.Contains(out, rs[1].ID) {
		t.Errorf("list: %s", out)
	}
}
