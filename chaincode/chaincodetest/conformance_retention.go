package chaincodetest

import (
	"encoding/json"
	"slices"

	"domicile/chaincode/record"
	"domicile/collections"
)

func notDue(d *desk) {
	rec, old := d.put(farOff), d.put(longAgo)
	e := d.refused(d.purgeCall(record.PartAll, old.ID, rec.ID), record.CodeNotDue)
	if e.Detail != rec.ID {
		d.t.Errorf("the error names %q, want the one that is not due", e.Detail)
	}
	d.wantState(rec.ID, record.InsidePresent)
	d.wantState(old.ID, record.InsidePresent)
	if s := d.state(old.ID); !s.IsDue || s.DueDate == "" || s.Authority == "" {
		d.t.Errorf("the old one: %+v", s)
	}
	d.submit(d.purgeCall(record.PartAll, old.ID))
	d.refused(d.purgeCall(record.PartAll, record.NewID()), record.CodeAbsent)
}

func neverDue(d *desk) {
	rec := newPut()
	d.submit(d.putCall(rec, []byte(`{"resourceType":"Patient","birthDate":"1900-01-01"}`)))
	d.refused(d.purgeCall(record.PartAll, rec.ID), record.CodeNotDue)
	if s := d.state(rec.ID); s.DueDate != "" || s.IsDue {
		d.t.Errorf("a resource without an end is due: %+v", s)
	}
}

func heldPurge(d *desk) {
	person := token()
	rec := d.put(longAgo, person)
	byRecord := []string{rec.ID}
	d.submit(d.holdCall(record.OpHold, "m1", byRecord, nil))
	d.submit(d.holdCall(record.OpHold, "m2", byRecord, nil))
	d.submit(d.holdCall(record.OpHold, "m3", nil, []string{person}))
	for _, release := range []Call{
		d.holdCall(record.OpRelease, "m1", byRecord, nil),
		d.holdCall(record.OpRelease, "m2", byRecord, nil),
		d.holdCall(record.OpRelease, "m3", nil, []string{person}),
	} {
		if e := d.refused(d.purgeCall(record.PartAll, rec.ID), record.CodeHeld); e.Detail != rec.ID {
			d.t.Errorf("the error names %q", e.Detail)
		}
		d.refused(d.purgeCall(record.PartBody, rec.ID), record.CodeHeld)
		if !d.state(rec.ID).Held {
			d.t.Error("the record does not say that it is held")
		}
		d.submit(release)
	}
	var holds []record.Hold
	d.read(record.RoleAuditor, record.OpHolds, record.HoldsRequest{
		Version: record.Version, Region: d.region, Collection: d.coll, IDs: byRecord, Subjects: []string{person},
	}, &holds)
	if len(holds) != 2 || len(holds[0].Matters)+len(holds[1].Matters) != 0 {
		d.t.Errorf("after all releases: %+v", holds)
	}
	d.submit(d.purgeCall(record.PartAll, rec.ID))
}

func holdRaces(d *desk) {
	rec := d.put(longAgo)
	hold := d.holdCall(record.OpHold, "m1", []string{rec.ID}, nil)
	d.together([]Call{hold, d.purgeCall(record.PartAll, rec.ID)}, Valid, "MVCC_READ_CONFLICT")
	d.wantState(rec.ID, record.InsidePresent)

	// The other order: the hold reads no key of the record, so it stands, on a
	// record that was gone before it.
	rec = d.put(longAgo)
	hold = d.holdCall(record.OpHold, "m1", []string{rec.ID}, nil)
	d.together([]Call{d.purgeCall(record.PartAll, rec.ID), hold}, Valid, Valid)
	d.wantState(rec.ID, record.InsideGone)
}

func subjectHoldRaces(d *desk) {
	person := token()
	rec := d.put(longAgo, token(), token(), token(), token(), person) // beyond the indexed ones
	hold := d.holdCall(record.OpHold, "m1", nil, []string{person})
	d.together([]Call{hold, d.purgeCall(record.PartAll, rec.ID)}, Valid, "MVCC_READ_CONFLICT")
	d.wantState(rec.ID, record.InsidePresent)
	d.refused(d.purgeCall(record.PartAll, rec.ID), record.CodeHeld)

	release := d.holdCall(record.OpRelease, "m1", nil, []string{person})
	d.submit(release)
	hold = d.holdCall(record.OpHold, "m1", nil, []string{person})
	d.together([]Call{d.purgeCall(record.PartAll, rec.ID), hold}, Valid, Valid)
	d.wantState(rec.ID, record.InsideGone)
}

func liveResidue(d *desk) {
	rec := d.put(longAgo)
	d.refused(d.failedCall(record.PadKey("00"), record.RecordKey(rec.ID)), record.CodeLive)
	d.refused(d.failedCall(record.MetaKey(rec.ID)), record.CodeLive)
	for _, k := range []string{record.KeyPrivate, record.KeySecret, record.GoneKey("us-a", rec.ID), record.HoldKey(token()), "r/", ""} {
		d.refused(d.failedCall(k), record.CodeBadRequest)
	}
	d.wantState(rec.ID, record.InsidePresent)
}

func failedResidue(d *desk) {
	both := d.at("us", "us-ab", "UsHospital", "UsPayer")
	rec := newPut()
	c := both.putCall(rec, resource(longAgo, "plain"))
	c.Endorsers = []string{"UsHospital"} // one of two: the validators refuse
	both.together([]Call{c}, "ENDORSEMENT_POLICY_FAILURE")
	both.wantState(rec.ID, record.InsideAbsent)
	both.submit(both.failedCall(record.RecordKey(rec.ID), record.MetaKey(rec.ID)))
	both.submit(both.putCall(rec, resource(longAgo, "plain"))) // it never was a record
}

func disclosedCopy(d *desk) {
	both := d.at("us", "us-ab", "UsHospital", "UsPayer")
	rec := newPut()
	rec.Custody = record.Disclosed
	both.submit(both.putCall(rec, resource(longAgo, "plain")))
	payer := d.at("us", "us-ab", "UsPayer", "UsHospital")
	payer.wantState(rec.ID, record.InsidePresent)
	rec = newPut()
	rec.Custody = record.Custodial
	both.refused(both.putCall(rec, resource(longAgo, "plain")), record.CodeBadRequest)
}

func listing(d *desk) {
	person := token()
	want := map[string]bool{}
	for range 5 {
		want[d.put(longAgo, person).ID] = true
	}
	d.put(longAgo, token())
	var got []string
	after := ""
	for range 4 {
		var p record.Page
		d.read(record.RoleReader, record.OpList, record.ListRequest{
			Version: record.Version, Region: d.region, Collection: d.coll, Subject: person, Limit: 2, After: after,
		}, &p)
		for _, e := range p.Entries {
			got = append(got, e.ID)
		}
		if after = p.Next; after == "" {
			break
		}
	}
	slices.Sort(got)
	if got = slices.Compact(got); len(got) != len(want) {
		d.t.Errorf("%d ids, want %d", len(got), len(want))
	}
	for _, id := range got {
		if !want[id] {
			d.t.Error("the list names a record of somebody else")
		}
	}
	d.submit(d.purgeCall(record.PartAll, got[0]))
	var p record.Page
	d.read(record.RoleReader, record.OpList, record.ListRequest{
		Version: record.Version, Region: d.region, Collection: d.coll, Subject: person,
	}, &p)
	if len(p.Entries) != 4 || p.Next != "" {
		d.t.Errorf("after a purge: %d entries, next %q", len(p.Entries), p.Next)
	}
}

func dueIndex(d *desk) {
	rec, later := d.put(longAgo), d.put(farOff)
	due := d.state(rec.ID).DueDate
	found := d.dueEntries(due)
	if e := found[rec.ID]; e.Date != due || e.Size != len(resource(longAgo, "plain")) {
		d.t.Errorf("the due record: %+v, want date %s", e, due)
	}
	if _, ok := found[later.ID]; ok {
		d.t.Error("a record that is not due by then is listed")
	}
}

// dueEntries is the due index up to a day, by record.
func (d *desk) dueEntries(before string) map[string]record.Entry {
	d.t.Helper()
	found := map[string]record.Entry{}
	for after, more := "", true; more; more = after != "" {
		var p record.Page
		d.read(record.RolePurger, record.OpDue, record.DueRequest{
			Version: record.Version, Region: d.region, Collection: d.coll, Before: before, After: after,
		}, &p)
		for _, e := range p.Entries {
			found[e.ID] = e
		}
		after = p.Next
	}
	return found
}

func readBack(d *desk) {
	b, err := d.n.Evaluate(d.ctx, Call{As: d.as(""), Function: record.FuncPolicy})
	if err != nil {
		d.t.Fatal(err)
	}
	p, err := collections.ParsePublic(b)
	if err != nil {
		d.t.Fatalf("the policy on the ledger: %v", err)
	}
	b, err = d.n.Evaluate(d.ctx, Call{As: Identity{Org: "UkTrust"}, Function: record.FuncPolicyStatus})
	var s record.PolicyStatus
	if err != nil || json.Unmarshal(b, &s) != nil || s.Committed != p.Digest() {
		d.t.Errorf("status %+v (%v), want the digest %s", s, err, p.Digest())
	}
	var raw []byte
	req := record.GetPrivateRequest{Version: record.Version, Region: d.region, Collection: "us-a-log"}
	d.read(record.RoleWriter, record.OpGetPrivate, req, &raw)
	part, err := collections.ParsePrivate(raw)
	if err != nil || part.Log != "us-a-log" {
		d.t.Errorf("the private part does not come back: %v", err)
	}
	d.read(Admin, record.OpGetPrivate, req, &raw)
	c := Read(d.as(""), record.OpGetPrivate, req, d.org)
	_, err = d.n.Evaluate(d.ctx, c)
	d.code(err, record.CodeForbidden)
}
