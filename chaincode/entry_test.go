package chaincode_test

import (
	"encoding/json"
	"testing"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
)

// The register's entry is what a holder adds to a certificate of destruction.
func TestI10_the_registers_entry_is_for_officers_and_auditors_of_the_holder(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	id := w.put("us-a", encounter("2001-01-31"))
	ask := record.RegisterRequest{Version: 1, Region: "us", Collection: "us-a", ID: id}
	refusedAs := func(role string, req record.RegisterRequest, want record.Code) {
		t.Helper()
		_, err := w.read(role, record.OpRegister, req)
		if err == nil {
			t.Fatalf("%s is answered", role)
		}
		if e, ok := record.ParseError(err.Error()); !ok || e.Code != want {
			t.Errorf("%s: %v, want %s", role, err, want)
		}
	}
	refusedAs(record.RoleAuditor, ask, record.CodeAbsent)
	w.submit(purgeCall("us-a", id))
	for _, role := range []string{record.RoleAuditor, record.RoleOfficer} {
		v, err := w.read(role, record.OpRegister, ask)
		if err != nil {
			t.Fatal(err)
		}
		_, doc, err := record.DecodeValue(v)
		if err != nil {
			t.Fatal(err)
		}
		var gone record.Gone
		if err := json.Unmarshal(doc, &gone); err != nil || gone.Collection != "us-a" || gone.Ground != record.GroundDue || gone.Authority == "" {
			t.Errorf("%+v %v", gone, err)
		}
	}
	for _, role := range []string{record.RoleReader, record.RoleWriter, record.RolePurger} {
		refusedAs(role, ask, record.CodeForbidden)
	}
	sibling := ask
	sibling.Collection = "us-a2"
	refusedAs(record.RoleAuditor, sibling, record.CodeAbsent)
	bad := ask
	bad.ID = "x"
	refusedAs(record.RoleAuditor, bad, record.CodeBadRequest)
}
