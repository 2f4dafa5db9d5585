package chaincode_test

import (
	"testing"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
	"domicile/collections"
)

// closeCall is the transaction that closes UsHospital's log, or opens it.
func closeCall(closed bool) chaincodetest.Call {
	part := collections.DemoPrivate("us-a-log")
	part.Closed = closed
	part.Roles = map[string]map[string]string{"UsHospital": {}}
	for _, role := range record.Roles() {
		part.Roles["UsHospital"][chaincodetest.Code(role)] = role
	}
	return chaincodetest.Write(usHospital(chaincodetest.Admin), record.OpPrivate, record.PrivateRequest{
		Version: 1, Region: "us", Collection: "us-a-log", Seed: chaincodetest.Random(32), Document: part.JSON(),
	}, atHospital)
}

func TestAClosedHolderTakesNoWriteAndAnswersReads(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	live := w.put("us-a", encounter("2001-01-31"))
	w.submit(closeCall(true))
	bare := map[string]any{"v": 1, "region": "us", "collection": "us-a"}
	for op, as := range map[string]string{
		record.OpPut: record.RoleWriter, record.OpAmend: record.RoleWriter, record.OpFacts: record.RoleWriter,
		record.OpPurge: record.RolePurger, record.OpCanary: record.RolePurger, record.OpEvidenceEnd: record.RolePurger,
		record.OpHold: record.RoleOfficer, record.OpRelease: record.RoleOfficer, record.OpLimit: record.RoleOfficer,
		record.OpCase: record.RoleOfficer, record.OpPause: record.RoleOfficer, record.OpAttest: chaincodetest.Operator,
	} {
		w.refuses(chaincodetest.Write(usHospital(as), op, bare, atHospital), record.CodeClosed)
	}
	w.refuses(putCall("us-a2", newRecord(), encounter("2001-01-31", "ETH")), record.CodeClosed) // of the same log
	w.refuses(purgeCall("us-a", live), record.CodeClosed)
	if s := w.state("us-a", live); s.State != record.InsidePresent {
		t.Errorf("the record is %s", s.State)
	}
	w.submit(closeCall(false))
	w.submit(purgeCall("us-a", live))
}

func TestWhatWasEndorsedBeforeAHolderWasClosedIsInvalidAfterIt(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	live := w.put("us-a", encounter("2001-01-31"))
	rs, err := w.SubmitTogether(t.Context(), []chaincodetest.Call{
		closeCall(true), putCall("us-a", newRecord(), encounter("2001-01-31")), purgeCall("us-a", live), holdCall(record.OpHold, live),
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range rs {
		if want := "MVCC_READ_CONFLICT"; i > 0 && r.Code != want || i == 0 && r.Code != chaincodetest.Valid {
			t.Errorf("transaction %d: %s", i, r.Code)
		}
	}
}
