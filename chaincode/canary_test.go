package chaincode_test

import (
	"bytes"
	"testing"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
	"domicile/fhir"
)

func canaryRequest(coll string) record.CanaryRequest {
	return record.CanaryRequest{Version: 1, Region: "us", Collection: coll, Seed: chaincodetest.Random(record.SeedLen), ID: record.NewID(), Due: "2001-01-31"}
}

func canaryCall(r record.CanaryRequest) chaincodetest.Call {
	return chaincodetest.Write(usHospital(record.RolePurger), record.OpCanary, r, atHospital)
}

func TestA_canary_is_put_by_the_purger_and_purged_with_what_is_due(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	for _, coll := range []string{"us-a", "us-a2"} { // whatever the routing says of its label
		r := canaryRequest(coll)
		w.submit(canaryCall(r))
		if s := w.state(coll, r.ID); !s.Canary || !s.IsDue || s.Code != "" || s.Authority != record.CanaryAuthority {
			t.Errorf("in %s: %+v", coll, s)
		}
		w.submit(leaving(purgeCall(coll, r.ID)))
		if s := w.state(coll, r.ID); s.State != record.InsideGone || s.Ground != string(record.GroundCanary) {
			t.Errorf("after the purge in %s: %+v", coll, s)
		}
		draw, err := record.NewDrawer(r.Seed)
		if err != nil {
			t.Fatal(err)
		}
		e, err := record.OpenEvidence(evidenceCipher, w.evidence(coll, "", 0).Entries[0].Box, record.Ref{Collection: coll, ID: r.ID})
		if err != nil || e.Canary == nil || !bytes.Equal(e.Canary.Salt, draw.Salt("r")) || !bytes.Equal(e.Canary.Body, record.CanaryBody(draw)) {
			t.Errorf("the evidence (%v) has not the canary's bytes: %+v", err, e.Canary)
		}
		w.refuses(canaryCall(r), record.CodeGone)
	}
}

func TestA_canary_is_a_valid_resource_that_says_it_is_a_test(t *testing.T) {
	draw, _ := record.NewDrawer(chaincodetest.Random(record.SeedLen))
	res, err := fhir.Parse(record.CanaryBody(draw))
	if err != nil || res.Type != "Basic" || len(res.Subjects()) > 0 || len(res.Security()) != 1 || res.Security()[0].Code != "HTEST" {
		t.Errorf("%v %v", res, err)
	}
}

// Only the contract makes canaries: a resource that says it is one is a record like
// any other.
func TestI9_a_record_that_looks_like_a_canary_is_not_purged_as_one(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	draw, _ := record.NewDrawer(chaincodetest.Random(record.SeedLen))
	id := w.put("us-a", record.CanaryBody(draw))
	w.refuses(purgeCall("us-a", id), record.CodeNotDue)
	if w.state("us-a", id).Canary {
		t.Error("it counts as a canary")
	}
	r := purgeRequest("us-a", id)
	r.Ground = record.GroundCanary
	w.refuses(chaincodetest.Write(usHospital(record.RolePurger), record.OpPurge, r, atHospital), record.CodeBadRequest)
}

func TestI9_a_hold_binds_a_canary_too(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	r := canaryRequest("us-a")
	w.submit(canaryCall(r))
	w.submit(chaincodetest.Write(officer(record.OpHold), record.OpHold, record.HoldRequest{
		Version: 1, Region: "us", Collection: "us-a", Seed: chaincodetest.Random(record.SeedLen),
		IDs: []string{r.ID}, Matter: "m", Authority: "court", Reason: "pending",
	}, atHospital))
	w.refuses(purgeCall("us-a", r.ID), record.CodeHeld)
}

func TestA_canary_that_a_hold_by_query_would_bind_is_not_stored(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	w.submit(chaincodetest.Write(officer(record.OpHold), record.OpHold, record.HoldRequest{
		Version: 1, Region: "us", Collection: "us-a", Seed: chaincodetest.Random(record.SeedLen),
		Query: &record.Query{From: "2019-01-01", To: "2020-12-31"}, Matter: "m", Authority: "court", Reason: "pending",
	}, atHospital))
	w.refuses(canaryCall(canaryRequest("us-a")), record.CodeHeld)
	w.submit(canaryCall(canaryRequest("us-a2"))) // the query is about the other collection
}

func TestA_canary_is_refused_to_others_and_for_days_to_come(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	c := canaryCall(canaryRequest("us-a"))
	c.As = usHospital(record.RoleWriter)
	w.refuses(c, record.CodeForbidden)
	for _, change := range []func(*record.CanaryRequest){
		func(r *record.CanaryRequest) { r.Due = "2999-01-01" },
		func(r *record.CanaryRequest) { r.Due = "" },
		func(r *record.CanaryRequest) { r.ID = "x" },
		func(r *record.CanaryRequest) { r.Seed = nil },
	} {
		r := canaryRequest("us-a")
		change(&r)
		w.refuses(canaryCall(r), record.CodeBadRequest)
	}
}

func TestI2_a_canary_has_the_public_shape_of_a_put(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	tx, err := w.Endorsed(canaryCall(canaryRequest("us-a")))
	if err != nil {
		t.Fatal(err)
	}
	put, err := w.Endorsed(putCall("us-a", newRecord(), encounter("1999-12-31")))
	if err != nil {
		t.Fatal(err)
	}
	if tx.Shape() != put.Shape() {
		t.Errorf("the shapes differ:\n%s\n%s", tx.Shape(), put.Shape())
	}
}

func TestA_canary_goes_with_what_is_withdrawn_or_forced_and_opens_no_other_door(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	people := tokens(3)
	ended, open := w.copyOf(&record.Terms{Until: "2020-12-31", Authority: "agreement 7"}, people[0]), w.copyOf(nil, people[0])
	shared, own := canaryRequest("us-ab"), canaryRequest("us-a")
	w.submit(both(usHospital(record.RolePurger), record.OpCanary, shared))
	w.submit(canaryCall(own))
	withdrawn, forced := shared.ID, own.ID
	w.refuses(withdrawCall(open, withdrawn), record.CodeNotDue)
	w.submit(withdrawCall(ended, withdrawn))

	demanded, second, other := w.put("us-a", encounter("1999-12-31"), of(people[0])), w.put("us-a", encounter("1999-12-31"), of(people[1])), w.put("us-a", encounter("1999-12-31"), of(people[2]))
	w.refuses(forcedCall(forced), record.CodeNoCase)
	w.submit(act(theOfficer, record.OpCase, caseRequest(record.CaseOpen, people[0], people[1])))
	w.submit(act(otherOfficer, record.OpCase, caseRequest(record.CaseApprove)))
	w.refuses(forcedCall(other, forced), record.CodeNoCase)
	w.submit(holdCall(record.OpHold, forced))
	w.refuses(forcedCall(demanded, forced), record.CodeHeld)
	w.submit(holdCall(record.OpRelease, forced))
	with, err := w.Endorsed(forcedCall(demanded, forced))
	if err != nil {
		t.Fatal(err)
	}
	without, err := w.Endorsed(forcedCall(demanded, second))
	if err != nil {
		t.Fatal(err)
	}
	if with.Shape() != without.Shape() {
		t.Errorf("I2: a canary shows in the shape of a purge:\n%s\n%s", with.Shape(), without.Shape())
	}
	w.submit(forcedCall(demanded, forced))

	for id, want := range map[string]record.Ground{ended: record.GroundWithdrawn, withdrawn: record.GroundCanary} {
		if g := w.gone("us-ab", id); g.Ground != want {
			t.Errorf("%s is gone as %s, want %s", id, g.Ground, want)
		}
	}
	for id, want := range map[string]record.Ground{demanded: record.GroundForced, forced: record.GroundCanary} {
		if g := w.gone("us-a", id); g.Ground != want {
			t.Errorf("%s is gone as %s, want %s", id, g.Ground, want)
		}
	}
}
