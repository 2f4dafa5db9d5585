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
