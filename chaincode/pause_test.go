package chaincode_test

import (
	"testing"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
)

func pauseCall(on bool, except ...record.Ground) chaincodetest.Call {
	return chaincodetest.Write(usHospital(record.RoleOfficer), record.OpPause, record.PauseRequest{
		Version: 1, Region: "us", Collection: "us-a", Seed: chaincodetest.Random(record.SeedLen),
		Paused: on, Except: except, Authority: "compliance office", Reason: "a retention row is in doubt",
	}, atHospital)
}

func (w *world) paused() *record.Pause {
	w.t.Helper()
	var p record.Paused
	w.mustRead(record.RoleReader, record.OpPaused, record.PausedRequest{Version: 1, Region: "us", Collection: "us-a2"}, &p)
	return p.Pause
}

func TestAPauseStopsPurgesOfEveryCollectionOfTheHolderUntilItIsResumed(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	a, b := w.put("us-a", encounter("2001-01-31")), w.put("us-a2", encounter("2001-01-31", "ETH"))
	if w.paused() != nil {
		t.Fatal("paused from the start")
	}
	w.submit(pauseCall(true))
	w.submit(pauseCall(true)) // again: nothing changes
	if p := w.paused(); p == nil || p.Authority != "compliance office" || p.SetBy == "" || p.SetAt == "" {
		t.Fatalf("pause %+v", p)
	}
	w.refuses(purgeCall("us-a", a), record.CodePaused)
	w.refuses(purgeCall("us-a2", b), record.CodePaused)
	rest := purgeRequest("us-a", a)
	rest.Part = record.PartRest
	w.refuses(chaincodetest.Write(usHospital(record.RolePurger), record.OpPurge, rest, atHospital), record.CodePaused)
	for _, g := range []record.Ground{record.GroundMoved, record.GroundForced} { // no way around it
		rest.Ground = g
		w.submit(pauseCall(true, record.GroundForced))
		w.refuses(chaincodetest.Write(usHospital(record.RolePurger), record.OpPurge, rest, atHospital), record.CodePaused)
	}
	w.submit(pauseCall(false))
	w.submit(pauseCall(false))
	w.submit(purgeCall("us-a", a))
	w.submit(purgeCall("us-a2", b))
}

func TestAPurgeEndorsedBeforeAPauseAndOrderedAfterItIsInvalid(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	for _, on := range []bool{true, false} {
		id := w.put("us-a", encounter("2001-01-31"))
		if !on {
			w.submit(pauseCall(false))
		}
		rs, err := w.SubmitTogether(t.Context(), []chaincodetest.Call{pauseCall(true), purgeCall("us-a", id)})
		if err != nil {
			t.Fatal(err)
		}
		if rs[0].Code != chaincodetest.Valid || rs[1].Code != "MVCC_READ_CONFLICT" {
			t.Errorf("receipts %+v", rs)
		}
		if s := w.state("us-a", id); s.State != record.InsidePresent {
			t.Errorf("the record is %s", s.State)
		}
	}
}

func TestAPauseLetsThroughWhatLosesNoRecord(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	w.submit(pauseCall(true))
	failed := purgeRequest("us-a")
	failed.Ground, failed.Keys, failed.Authority, failed.Reason = record.GroundFailed, []string{"pad/0123456789abcdef0123456789abcdef"}, "a", "r"
	w.submit(chaincodetest.Write(usHospital(record.RolePurger), record.OpPurge, failed, atHospital))
	p := w.paused()
	for g, stops := range map[record.Ground]bool{
		record.GroundDue: true, record.GroundWithdrawn: true, record.GroundForced: true, record.GroundMoved: false, record.GroundFailed: false,
	} {
		if p.Stops(g) != stops {
			t.Errorf("ground %s: stops %t", g, !stops)
		}
	}
	w.submit(pauseCall(true, record.GroundForced))
	if p := w.paused(); p.Stops(record.GroundForced) || !p.Stops(record.GroundDue) {
		t.Errorf("with forced excepted: %+v", p)
	}
}

func TestAPauseAsksForAnOfficerWithAReasonAndOnlyExceptsForced(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	c := pauseCall(true)
	c.As = usHospital(record.RolePurger)
	w.refuses(c, record.CodeForbidden)
	w.refuses(pauseCall(true, record.GroundDue), record.CodeBadRequest)
	w.refuses(pauseCall(false, record.GroundForced), record.CodeBadRequest)
	r := record.PauseRequest{Version: 1, Region: "us", Collection: "us-a", Seed: chaincodetest.Random(record.SeedLen), Paused: true, Authority: "a"}
	w.refuses(chaincodetest.Write(usHospital(record.RoleOfficer), record.OpPause, r, atHospital), record.CodeBadRequest)
	r.Reason, r.Seed = "r", nil
	w.refuses(chaincodetest.Write(usHospital(record.RoleOfficer), record.OpPause, r, atHospital), record.CodeBadRequest)
}
