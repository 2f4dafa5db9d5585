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

// gone is the register's entry of a purged record.
func (w *world) gone(coll, id string) record.Gone {
	w.t.Helper()
	v, err := w.read(record.RoleAuditor, record.OpRegister, record.RegisterRequest{Version: 1, Region: "us", Collection: coll, ID: id})
	if err != nil {
		w.t.Fatal(err)
	}
	_, doc, err := record.DecodeValue(v)
	if err != nil {
		w.t.Fatal(err)
	}
	var gone record.Gone
	if err := json.Unmarshal(doc, &gone); err != nil {
		w.t.Fatal(err)
	}
	return gone
}

// Without it nobody could say later why a record is gone.
func TestI10_the_register_names_the_authority_of_every_ground(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	person := tokens(1)[0]
	purged := func(ground record.Ground, coll, id, authority string, c chaincodetest.Call) {
		t.Helper()
		r := w.submit(c)
		g := w.gone(coll, id)
		if g.Ground != ground || g.Authority != authority || g.Collection != coll || g.By == "" || g.At == "" || g.Tx != r.TxID {
			t.Errorf("%s: %+v, want authority %q", ground, g, authority)
		}
	}
	due := w.put("us-a", encounter("1999-12-31"))
	purged(record.GroundDue, "us-a", due, "DEMO, not law: a period like those of US state record rules", purgeCall("us-a", due))

	m := w.relocation()
	m.arrive()
	m.anchor()
	purged(record.GroundMoved, "us-a", m.from, "the same bytes are anchored in another collection of the holder", m.purge())

	copied := w.copyOf(&record.Terms{Until: "2020-12-31", Authority: "agreement 7"}, person)
	purged(record.GroundWithdrawn, "us-ab", copied, "agreement 7", withdrawCall(copied))

	demanded := w.put("us-a", encounter("1999-12-31"), of(person))
	w.submit(act(theOfficer, record.OpCase, caseRequest(record.CaseOpen, person)))
	w.submit(act(otherOfficer, record.OpCase, caseRequest(record.CaseApprove)))
	purged(record.GroundForced, "us-a", demanded, record.LawGDPR+": a", forcedCall(demanded))

	test := canaryRequest("us-a")
	w.submit(canaryCall(test))
	purged(record.GroundCanary, "us-a", test.ID, record.CanaryAuthority, purgeCall("us-a", test.ID))
}
