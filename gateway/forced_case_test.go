package gateway_test

import (
	"errors"
	"testing"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
	"domicile/gateway"
	"domicile/gateway/gatewaytest"
)

func TestForced_an_act_that_was_refused_leaves_no_receipt(t *testing.T) {
	n := gatewaytest.Start(t, chaincodetest.Options{})
	officer := n.Open("UsHospital", "officer")
	o := gateway.CaseOrder{
		Case: "c1", Action: record.CaseOpen, Law: record.LawGDPR, Subjects: []string{record.SubjectToken(make([]byte, record.IndexKeyLen), "Patient/1")},
		Received: "2020-01-02", Deadline: "2020-02-02", Authority: "a", Reason: "r",
	}
	if done, err := officer.Case(t.Context(), o); err != nil || len(done) == 0 || done[0].TxID == "" {
		t.Fatalf("opened: %v, %v", done, err)
	}
	approval := gateway.CaseOrder{Case: "c1", Action: record.CaseApprove, Authority: "a", Reason: "r"}
	if done, err := officer.Case(t.Context(), approval); !errors.Is(err, gateway.ErrSamePerson) || len(done) > 0 {
		t.Errorf("approved by who opened it: %v, %v", done, err)
	}
	lift := gateway.LimitOrder{Subjects: o.Subjects, Lift: true, Reference: "none", Authority: "a", Reason: "r"}
	if done, err := n.Open("UsHospital", "reader").Limit(t.Context(), lift); err == nil || len(done) > 0 {
		t.Errorf("lifted by a reader: %v, %v", done, err)
	}
}

// A canary goes with the batch of a forced erasure, and is told to nobody but those who
// look for what is left.
func TestForced_a_canary_is_purged_with_the_records_of_a_case(t *testing.T) {
	n := gatewaytest.Start(t, chaincodetest.Options{})
	rs := put(t, n.Open("UsHospital", "writer"), condition("c1", "J06.9", "2001-01-01")+"\n"+condition("c2", "J06.9", "2001-01-01"), gateway.ImportOptions{})
	officer, purger := n.Open("UsHospital", "officer"), n.Open("UsHospital", "purger")
	order := gateway.CaseOrder{
		Case: "c1", Action: record.CaseOpen, Law: record.LawGDPR, Subjects: []string{record.SubjectToken(make([]byte, record.IndexKeyLen), "Patient/p1")},
		Received: "2020-01-02", Deadline: "2020-02-02", Authority: "a", Reason: "r",
	}
	if _, err := officer.Case(t.Context(), order); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Open("UsHospital", "officer2").Case(t.Context(), gateway.CaseOrder{Case: "c1", Action: record.CaseApprove, Authority: "a", Reason: "r"}); err != nil {
		t.Fatal(err)
	}
	var gone []gateway.Erased
	for e, err := range purger.PurgeForced(t.Context(), officer, "c1") {
		if err != nil || !e.Done {
			t.Fatal(e, err)
		}
		gone = append(gone, e)
	}
	left, err := purger.Evidence(t.Context(), rs[0].Collection)
	if err != nil || len(gone) != 2 || len(left) != 3 {
		t.Fatalf("%v: %d records, evidence of %d", err, len(gone), len(left))
	}
	canaries := 0
	for _, e := range left {
		if e.Canary != nil {
			canaries++
		}
		if e.Tx != gone[0].TxID {
			t.Errorf("evidence of %s is of transaction %s, want %s", e.ID, e.Tx, gone[0].TxID)
		}
	}
	if canaries != 1 {
		t.Errorf("%d canaries", canaries)
	}
}
