package gateway_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
	"domicile/collections"
	"domicile/fhir/ds4p"
	"domicile/fhir/labeling"
	"domicile/gateway"
	"domicile/gateway/gatewaytest"
)

// staff are the clients of one organisation that relabelling needs.
type staff struct {
	writer *gateway.Client
	o      gateway.RelabelOptions
}

func hire(n *gatewaytest.Network) staff {
	return staff{n.Open("UsHospital", "writer"), gateway.RelabelOptions{
		Collections: []string{"us-a", "us-a2", "us-a3"},
		Officer:     n.Open("UsHospital", "officer"), Purger: n.Open("UsHospital", "purger"),
	}}
}

func (s staff) plan(t testing.TB) []gateway.Relabeling {
	t.Helper()
	var out []gateway.Relabeling
	for r, err := range s.writer.PlanLabels(t.Context(), s.o) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

func (s staff) run(t testing.TB) (out []gateway.Relabeling, failed error) {
	t.Helper()
	for r, err := range s.writer.RunLabels(t.Context(), s.o) {
		if err != nil {
			return out, err
		}
		out = append(out, r)
	}
	return out, nil
}

// unlabelled puts records before there are rules, and then brings the rules into
// force: an opioid diagnosis that has to move, one that stays, and others.
func unlabelled(t testing.TB, n *gatewaytest.Network, more int) (rs []gateway.Receipt, in string) {
	t.Helper()
	n.SetPrivate("us-a-log", noRules)
	list := []string{condition("c1", "F11.20", "2001-01-01"), condition("c2", "J06.9", "2001-01-01")}
	for i := range more {
		list = append(list, condition(fmt.Sprintf("m%d", i), "I10", "2001-01-01"))
	}
	in = ndjson(list...)
	rs = put(t, n.Open("UsHospital", "writer"), in, gateway.ImportOptions{})
	n.SetPrivate("us-a-log", shipped)
	return rs, in
}

// What a run of purges left behind is about nobody: rules neither label nor move it.
func TestACanaryIsNeitherRelabelledNorReassessed(t *testing.T) {
	n := gatewaytest.Start(t, chaincodetest.Options{})
	s := hire(n)
	for _, c := range []string{"us-a", "us-a2"} {
		if _, err := s.o.Purger.Canary(t.Context(), c, "2020-01-01"); err != nil {
			t.Fatal(err)
		}
	}
	n.SetPrivate("us-a-log", shipped)
	if list := s.plan(t); len(list) > 0 {
		t.Errorf("planned: %+v", list)
	}
	for r, err := range s.o.Officer.PlanDue(t.Context(), nil) {
		t.Errorf("reassessed: %+v, %v", r, err)
	}
}

func TestNewerRulesStampUpgradeAndMoveRecords(t *testing.T) {
	n := gatewaytest.Start(t, chaincodetest.Options{})
	rs, in := unlabelled(t, n, 3)
	s := hire(n)
	actions := map[string]int{}
	for _, r := range s.plan(t) {
		actions[r.Action]++
		if r.Action == gateway.RelabelMove && (r.ID != rs[0].ID || r.To != "us-a2" || len(r.Adds) == 0) {
			t.Errorf("move %+v", r)
		}
	}
	if actions[gateway.RelabelMove] != 1 || actions[gateway.RelabelStamp] != 4 {
		t.Fatalf("plan %v", actions)
	}
	done, err := s.run(t)
	if err != nil || len(done) != 5 || slices.ContainsFunc(done, func(r gateway.Relabeling) bool { return !r.Done }) {
		t.Fatalf("%s, %v", brief(done), err)
	}
	if left := s.plan(t); len(left) > 0 {
		t.Errorf("after the run the plan has %+v", left)
	}
	i := slices.IndexFunc(done, func(r gateway.Relabeling) bool { return r.Action == gateway.RelabelMove })
	moved := done[i]
	m := metaOf(t, n, "us-a2", moved.NewID)
	if m.MovedFrom == nil || m.MovedFrom.ID != rs[0].ID || !has(m.Labels, "OPIOIDUD", record.OriginRule) || m.Rules != labeling.Shipped().SHA256() || len(m.History) != 1 {
		t.Errorf("the copy %+v", m)
	}
	wantMoved(t, n, rs[0].ID, moved.NewID)

	// A second run of the import finds all of its records where they are now.
	again := put(t, n.Open("UsHospital", "writer"), in, gateway.ImportOptions{})
	for i, r := range again {
		if !r.Already || r.Gone {
			t.Errorf("record %d: %+v", i, r)
		}
	}
	if again[0].ID != moved.NewID || again[0].MovedFrom != rs[0].ID || again[0].Collection != "us-a2" {
		t.Errorf("the moved record: %+v", again[0])
	}
}

// wantMoved wants the original gone on ground moved with a public tombstone, and the
// copy anchored.
func wantMoved(t testing.TB, n *gatewaytest.Network, old, copied string) {
	t.Helper()
	c := n.Open("UsHospital", "officer")
	states, err := c.Inspect(t.Context(), "us-a", []string{old})
	if err != nil || states[0].State != record.InsideGone || states[0].Ground != string(record.GroundMoved) {
		t.Errorf("the original: %+v %v", states, err)
	}
	proofs, err := c.Proof(t.Context(), []string{old, copied})
	if err != nil || proofs[0].State != record.StatePurged || proofs[1].State != record.StateActive {
		t.Errorf("proofs %+v %v", proofs, err)
	}
}

func TestAMoveCarriesTheHoldsOfTheRecordAlong(t *testing.T) {
	n := gatewaytest.Start(t, chaincodetest.Options{})
	rs, _ := unlabelled(t, n, 0)
	s := hire(n)
	order := gateway.HoldOrder{IDs: []string{rs[0].ID}, Matter: "case-1", Authority: "court", Reason: "pending"}
	if _, err := s.o.Officer.HoldAll(t.Context(), order); err != nil {
		t.Fatal(err)
	}
	query := gateway.HoldOrder{
		Collection: "us-a", Query: &record.Query{Types: []string{"Condition"}}, Matter: "case-2", Authority: "court", Reason: "pending",
	}
	if _, err := s.o.Officer.Hold(t.Context(), query); err != nil {
		t.Fatal(err)
	}
	done, err := s.run(t)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(done, func(r gateway.Relabeling) bool { return r.Action == gateway.RelabelMove })
	holds, err := s.o.Officer.Holds(t.Context(), gateway.HoldsQuery{Collection: "us-a2", IDs: []string{done[i].NewID}})
	if err != nil || len(holds[0].Matters) != 2 || holds[0].Matters[0].Matter != "case-1" || holds[0].Matters[1].Matter != "case-2" {
		t.Errorf("holds on the copy: %+v %v", holds, err)
	}
	wantMoved(t, n, rs[0].ID, done[i].NewID)
}

func TestAMoveDoesNotLetWhoSetAHoldReleaseIt(t *testing.T) {
	n := gatewaytest.Start(t, chaincodetest.Options{})
	rs, _ := unlabelled(t, n, 0)
	s := hire(n)
	setter := n.Open("UsHospital", "officer2")
	order := gateway.HoldOrder{IDs: []string{rs[0].ID}, Matter: "case-1", Authority: "court", Reason: "pending"}
	if _, err := setter.HoldAll(t.Context(), order); err != nil {
		t.Fatal(err)
	}
	done, err := s.run(t)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(done, func(r gateway.Relabeling) bool { return r.Action == gateway.RelabelMove })
	wantMoved(t, n, rs[0].ID, done[i].NewID)
	order.IDs = []string{done[i].NewID}
	for who, c := range map[string]*gateway.Client{"who set it": setter, "who carried it along": s.o.Officer} {
		if _, err := c.ReleaseAll(t.Context(), order); !errors.Is(err, gateway.ErrSamePerson) {
			t.Errorf("%s releases it: %v", who, err)
		}
	}
	if _, err := n.Open("UsHospital", "officer3").ReleaseAll(t.Context(), order); err != nil {
		t.Error(err)
	}
}

func TestAMoveDoesNotLetWhoHoldsByQueryReleaseIt(t *testing.T) {
	n := gatewaytest.Start(t, chaincodetest.Options{})
	rs, _ := unlabelled(t, n, 0)
	s := hire(n)
	setter := n.Open("UsHospital", "officer2")
	query := gateway.HoldOrder{
		Collection: "us-a", Query: &record.Query{Types: []string{"Condition"}}, Matter: "case-2", Authority: "court", Reason: "pending",
	}
	if _, err := setter.Hold(t.Context(), query); err != nil {
		t.Fatal(err)
	}
	done, err := s.run(t)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(done, func(r gateway.Relabeling) bool { return r.Action == gateway.RelabelMove })
	wantMoved(t, n, rs[0].ID, done[i].NewID)
	order := gateway.HoldOrder{IDs: []string{done[i].NewID}, Matter: "case-2", Authority: "court", Reason: "over"}
	if _, err := setter.ReleaseAll(t.Context(), order); !errors.Is(err, gateway.ErrSamePerson) {
		t.Errorf("who set it releases it: %v", err)
	}
	if _, err := n.Open("UsHospital", "officer3").ReleaseAll(t.Context(), order); err != nil {
		t.Error(err)
	}
}

func TestAMoveKilledAtAnyStepIsFinishedByTheNextRun(t *testing.T) {
	for stop := range 12 {
		t.Run(fmt.Sprint(stop), func(t *testing.T) {
			n := gatewaytest.Start(t, chaincodetest.Options{})
			rs, _ := unlabelled(t, n, 0)
			s := hire(n)
			order := gateway.HoldOrder{IDs: []string{rs[0].ID}, Matter: "case-1", Authority: "court", Reason: "pending"}
			if _, err := s.o.Officer.HoldAll(t.Context(), order); err != nil {
				t.Fatal(err)
			}
			sent := 0
			n.Before(func(c gatewaytest.Call) error {
				if c.Method == "Endorse" {
					if sent++; sent > stop {
						return status.Error(codes.PermissionDenied, "access denied: killed here")
					}
				}
				return nil
			})
			_, _ = s.run(t)
			n.Before(nil)
			done, err := s.run(t)
			if err != nil {
				t.Fatal(err)
			}
			if left := s.plan(t); len(left) > 0 {
				t.Fatalf("%d left, the first %s %s; %d done", len(left), left[0].Action, left[0].Code, len(done))
			}
			wantMoved(t, n, rs[0].ID, put(t, s.writer, ndjson(condition("c1", "F11.20", "2001-01-01"), condition("c2", "J06.9", "2001-01-01")), gateway.ImportOptions{})[0].ID)
		})
	}
}

func TestAHalfMovedRecordIsFoundByTheImportWhereItLies(t *testing.T) {
	n := gatewaytest.Start(t, chaincodetest.Options{})
	rs, in := unlabelled(t, n, 0)
	again := put(t, n.Open("UsHospital", "writer"), in, gateway.ImportOptions{})
	if !again[0].Already || again[0].Collection != "us-a" || again[0].ID != rs[0].ID || len(again[0].Warnings) == 0 {
		t.Errorf("%+v", again[0])
	}
}

func TestALabelRunNeverTakesALabelAway(t *testing.T) {
	n := gatewaytest.Start(t, chaincodetest.Options{})
	n.SetPrivate("us-a-log", shipped)
	s := hire(n)
	rs := put(t, s.writer, condition("c1", "F11.20", "2001-01-01"), gateway.ImportOptions{})
	n.SetPrivate("us-a-log", noRules)
	s = hire(n)
	done, err := s.run(t)
	if err != nil || len(done) != 1 || done[0].Action != gateway.RelabelDowngrade || done[0].Code != record.CodeDowngrade || done[0].Done || len(done[0].Lacks) == 0 {
		t.Fatalf("%s, %v", brief(done), err)
	}
	if m := metaOf(t, n, "us-a2", rs[0].ID); !has(m.Labels, "OPIOIDUD", "") {
		t.Errorf("labels %+v", m.Labels)
	}
}

func TestAnOfficerDowngradesWithAReasonAndTheHistoryIsKept(t *testing.T) {
	n := gatewaytest.Start(t, chaincodetest.Options{})
	n.SetPrivate("us-a-log", shipped)
	s := hire(n)
	id := put(t, s.writer, condition("c1", "B20", "2001-01-01"), gateway.ImportOptions{})[0].ID
	set := []record.Label{{System: "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", Code: "N"}}
	if _, err := s.writer.SetLabels(t.Context(), "us-a2", id, set, "no"); !errors.Is(err, gateway.ErrDowngrade) {
		t.Fatalf("a writer: %v", err)
	}
	if _, err := s.o.Officer.SetLabels(t.Context(), "us-a2", id, set, ""); !errors.Is(err, gateway.ErrDowngrade) {
		t.Fatalf("without a reason: %v", err)
	}
	if _, err := s.o.Officer.SetLabels(t.Context(), "us-a2", id, set, "a test order, no result"); err != nil {
		t.Fatal(err)
	}
	m := metaOf(t, n, "us-a2", id)
	if len(m.History) != 1 || m.History[0].Reason != "a test order, no result" || !has(m.History[0].Labels, "HIV", "") || has(m.Labels, "HIV", "") {
		t.Errorf("%+v", m)
	}
	// Its labels ask for us-a now: the next run moves it, with its history.
	done, err := s.run(t)
	if err != nil || len(done) != 1 || done[0].To != "us-a" || !done[0].Done {
		t.Fatalf("%s, %v", brief(done), err)
	}
	copied := metaOf(t, n, "us-a", done[0].NewID)
	if len(copied.History) == 0 {
		t.Errorf("the copy has lost the history: %+v", copied)
	}
}

func TestAnAmendmentAlwaysNamesAsManyRecordsAsThereAre(t *testing.T) {
	n := gatewaytest.Start(t, chaincodetest.Options{})
	rs, _ := unlabelled(t, n, 20)
	s := hire(n)
	before := n.Height()
	if _, err := s.o.Officer.Approve(t.Context(), "us-a", rs[5].ID, "committee", "no claim"); err != nil {
		t.Fatal(err)
	}
	blocks := n.Blocks(before)
	one := blocks[len(blocks)-1].Txs[0].Shape()
	if _, err := s.run(t); err != nil {
		t.Fatal(err)
	}
	if m := metaOf(t, n, "us-a", rs[5].ID); m.Review == nil {
		t.Errorf("the approval is lost")
	}
	same := 0
	for _, b := range n.Blocks(before + 1) {
		if b.Txs[0].Shape() == one {
			same++
		}
	}
	if same < 2 {
		t.Errorf("%d amendments of the run have the shape of the approval", same)
	}
}

// brief shows what was done without the labels.
func brief(list []gateway.Relabeling) (s string) {
	for _, r := range list {
		s += fmt.Sprintf("[%s %s→%s done=%t %s]", r.Action, r.Collection, r.To, r.Done, r.Code)
	}
	return s
}

func TestAMoveNeverMakesARecordDueEarlier(t *testing.T) {
	n := gatewaytest.Start(t, chaincodetest.Options{})
	n.SetPrivate("us-a-log", shipped)
	s := hire(n)
	// As long as it is about substance use, a row keeps it seven years and not six.
	id := put(t, s.writer, condition("c1", "F11.20", "2018-01-01"), gateway.ImportOptions{})[0].ID
	set := []record.Label{{System: "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", Code: "N"}}
	if _, err := s.o.Officer.SetLabels(t.Context(), "us-a2", id, set, "coded by mistake"); err != nil {
		t.Fatal(err)
	}
	before := metaOf(t, n, "us-a2", id)
	done, err := s.run(t)
	if err != nil || len(done) != 1 || !done[0].Done {
		t.Fatalf("%s, %v", brief(done), err)
	}
	if m := metaOf(t, n, "us-a", done[0].NewID); m.Due != "2025-01-02" || m.Due != before.Due || m.Row != before.Row {
		t.Errorf("due %s by row %s, before the move %s by row %s", m.Due, m.Row, before.Due, before.Row)
	}
}

// The posture, the map of confidentiality and local codes change no rule set. What a
// person decided under the same rules stands.
func TestRecordsAreLabelledAnewAfterAChangeOfThePrivatePartIfAsked(t *testing.T) {
	n := gatewaytest.Start(t, chaincodetest.Options{})
	n.SetPrivate("us-a-log", shipped)
	rs := put(t, n.Open("UsHospital", "writer"), ndjson(condition("c1", "J06.9", "2001-01-01"), condition("c2", "F11.20", "2001-01-01"), condition("c3", "J06.9", "2001-01-01")), gateway.ImportOptions{})
	s := hire(n)
	level := record.Label{System: ds4p.SystemConfidentiality, Code: "M"}
	if _, err := s.o.Officer.SetLabels(t.Context(), "us-a", rs[2].ID, []record.Label{level}, "released by the patient"); err != nil {
		t.Fatal(err)
	}
	n.SetPrivate("us-a-log", func(p *collections.Private) {
		shipped(p)
		p.Custodian.Part2 = collections.Part2Program
	})
	s = hire(n)
	if got := s.plan(t); len(got) != 1 || got[0].ID != rs[2].ID { // M asks for us-a2
		t.Errorf("without being asked: %s", brief(got))
	}
	s.o.All = true
	done, err := s.run(t)
	if err != nil || len(done) != 3 {
		t.Fatalf("%s, %v", brief(done), err)
	}
	for _, r := range done {
		id := r.ID
		if r.Action == gateway.RelabelMove {
			id = r.NewID
		}
		if m := metaOf(t, n, "us-a2", id); has(m.Labels, "42CFRPart2", record.OriginPosture) != (r.ID != rs[2].ID) {
			t.Errorf("%s: %+v", r.Action, m.Labels)
		}
	}
	if left := s.plan(t); len(left) > 0 {
		t.Errorf("after the run the plan has %s", brief(left))
	}
}

// T8: what a person, or the input, said of a record is carried forward to the one that
// replaces it, whose bytes do not say it.
func TestAReplacementCarriesForwardTheLabelsThatAPersonGave(t *testing.T) {
	n := gatewaytest.Start(t, chaincodetest.Options{})
	n.SetPrivate("us-a-log", noRules)
	w := n.Open("UsHospital", "writer")
	old := put(t, w, condition("c1", "J06.9", "2001-01-01"), gateway.ImportOptions{})[0]
	s := hire(n)
	label := func(code string) record.Label { return record.Label{System: ds4p.SystemActCode, Code: code} }
	if _, err := s.o.Officer.SetLabels(t.Context(), "us-a", old.ID, []record.Label{{System: ds4p.SystemConfidentiality, Code: "V"}, label("HIV"), label("42CFRPart2")}, "told by the physician"); err != nil {
		t.Fatal(err)
	}
	next := put(t, w, condition("c1", "J06.9", "2001-01-02"), gateway.ImportOptions{Replaces: old.ID})[0]
	if next.Collection != "us-a2" {
		t.Errorf("the replacement went to %s", next.Collection)
	}
	m := metaOf(t, n, "us-a2", next.ID)
	for _, code := range []string{"HIV", "V", "42CFRPart2"} {
		if !has(m.Labels, code, record.OriginReplaced) {
			t.Errorf("no %s in %+v", code, m.Labels)
		}
	}
	third := put(t, w, condition("c1", "J06.9", "2001-01-03"), gateway.ImportOptions{Replaces: next.ID})[0]
	if m := metaOf(t, n, "us-a2", third.ID); !has(m.Labels, "HIV", record.OriginReplaced) || m.Replaces != next.ID {
		t.Errorf("the next one has %+v", m.Labels)
	}
	n.SetPrivate("us-a-log", shipped)
	if _, err := s.run(t); err != nil {
		t.Fatal(err)
	}
	if m := metaOf(t, n, "us-a2", third.ID); !has(m.Labels, "HIV", record.OriginReplaced) {
		t.Errorf("after newer rules: %+v", m.Labels)
	}
	if first := put(t, n.Open("UsHospital", "writer"), condition("c9", "J06.9", "2001-01-03"), gateway.ImportOptions{Replaces: record.NewID()})[0]; first.Collection != "us-a" {
		t.Errorf("one that replaces nothing here went to %s", first.Collection)
	}
}

// Two runs that take the same tombstones off the list of what is to do are none of each
// other's business: what is off is off.
func TestTombstonesThatAnotherRunTookOffTheListAreDone(t *testing.T) {
	n := gatewaytest.Start(t, chaincodetest.Options{})
	n.SetPrivate("us-a-log", noRules)
	id := put(t, n.Open("UsHospital", "writer"), condition("c1", "J06.9", "2001-01-01"), gateway.ImportOptions{})[0].ID
	if _, err := n.Open("UsHospital", "purger").Purge(t.Context(), record.PurgeRequest{Collection: "us-a", Ground: record.GroundDue, IDs: []string{id}}); err != nil {
		t.Fatal(err)
	}
	first, second := hire(n), hire(n)
	met := false
	n.Before(func(c gatewaytest.Call) error {
		if c.Method != "Endorse" || c.Op != record.OpPurge || met {
			return nil
		}
		met = true
		_, err := second.run(t)
		return err
	})
	if _, err := first.run(t); err != nil || !met {
		t.Errorf("met %t: %v", met, err)
	}
}

// The same holds for the keys of a record whose body went before.
func TestTheRestThatAnotherRunPurgedIsDone(t *testing.T) {
	n := gatewaytest.Start(t, chaincodetest.Options{})
	n.SetPrivate("us-a-log", noRules)
	id := put(t, n.Open("UsHospital", "writer"), condition("c1", "J06.9", "2001-01-01"), gateway.ImportOptions{})[0].ID
	body := record.PurgeRequest{Collection: "us-a", Ground: record.GroundDue, Part: record.PartBody, IDs: []string{id}}
	if _, err := n.Open("UsHospital", "purger").Purge(t.Context(), body); err != nil {
		t.Fatal(err)
	}
	first, second := hire(n), hire(n)
	met := false
	n.Before(func(c gatewaytest.Call) error {
		if c.Method != "Endorse" || c.Op != record.OpPurge || met {
			return nil
		}
		met = true
		_, err := second.run(t)
		return err
	})
	if _, err := first.run(t); err != nil || !met {
		t.Errorf("met %t: %v", met, err)
	}
	if s, err := first.writer.Inspect(t.Context(), "us-a", []string{id}); err != nil || s[0].State != record.InsideGone {
		t.Errorf("%+v, %v", s, err)
	}
}
