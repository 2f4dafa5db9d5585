package chaincodetest

import "domicile/chaincode/record"

// movedAway is one record, its copy under labels that ask for another collection, and
// the purge of the record on that ground.
func movedAway(d *desk) {
	to := d.at("us", "us-a2", "UsHospital")
	person := token()
	rec := d.put(farOff, person)
	copied := newPut()
	move := func() Call {
		return d.groundCall(record.GroundMoved, func(r *record.PurgeRequest) {
			r.Targets = []record.Target{{ID: rec.ID, Collection: "us-a2", To: copied.ID}}
		}, rec.ID)
	}
	d.refused(move(), record.CodeNotMoved)
	old := d.explain(rec.ID).Meta
	copied.Subjects, copied.Labels = []string{person}, []record.Label{level("R"), label("HIV")}
	copied.MovedFrom = &record.Ref{Collection: "us-a", ID: rec.ID}
	copied.History = []record.Relabel{{Labels: old.Labels, Digest: old.LabelDigest}}
	to.submit(to.putCall(copied, resource(farOff, "plain")))
	d.refused(move(), record.CodeNotMoved) // not anchored
	to.submit(to.anchorCall(to.state(copied.ID).Hash, copied.ID))

	d.submit(d.holdCall(record.OpHold, "m1", []string{rec.ID}, nil))
	d.refused(move(), record.CodeNotMoved) // its hold is not carried
	to.submit(to.holdCall(record.OpHold, "m1", []string{copied.ID}, nil))
	hold := d.holdCall(record.OpHold, "m2", []string{rec.ID}, nil)
	d.together([]Call{hold, move()}, Valid, "MVCC_READ_CONFLICT")
	to.submit(to.holdCall(record.OpHold, "m2", []string{copied.ID}, nil))
	d.submit(move())
	if s := d.state(rec.ID); s.State != record.InsideGone || s.Ground != string(record.GroundMoved) {
		d.t.Errorf("the record: %+v", s)
	}
	d.submit(d.tombstoneCall(rec.ID))
	if p, q := d.proof("EuHospital", rec.ID), to.proof("EuHospital", copied.ID); p.State != record.StatePurged || q.State != record.StateActive {
		d.t.Errorf("the record is %s, its copy %s", p.State, q.State)
	}
	if s := to.state(copied.ID); !s.Held || s.MovedFrom == nil || s.MovedFrom.ID != rec.ID {
		d.t.Errorf("the copy: %+v", s)
	}
	again := newPut()
	again.ID = rec.ID
	d.refused(d.putCall(again, resource(longAgo, "plain")), record.CodeGone)
}

func movedOtherBytes(d *desk) {
	to := d.at("us", "us-a2", "UsHospital")
	rec, copied := d.put(farOff), newPut()
	copied.Labels, copied.MovedFrom = []record.Label{level("R"), label("HIV")}, &record.Ref{Collection: "us-a", ID: rec.ID}
	old := d.explain(rec.ID).Meta
	copied.History = []record.Relabel{{Labels: old.Labels, Digest: old.LabelDigest}}
	to.submit(to.putCall(copied, append(resource(farOff, "plain"), '\n')))
	to.submit(to.anchorCall(to.state(copied.ID).Hash, copied.ID))
	d.refused(d.groundCall(record.GroundMoved, func(r *record.PurgeRequest) {
		r.Targets = []record.Target{{ID: rec.ID, Collection: "us-a2", To: copied.ID}}
	}, rec.ID), record.CodeNotMoved)
	d.wantState(rec.ID, record.InsidePresent)
}

func noChange(*record.PurgeRequest) {}

func withdrawnCopy(d *desk) {
	d = d.at("us", "us-ab", "UsHospital", "UsPayer")
	person := token()
	of := func(person string, terms *record.Terms) string {
		rec := newPut()
		rec.Subjects, rec.Terms = []string{person}, terms
		d.submit(d.putCall(rec, resource(farOff, "plain")))
		return rec.ID
	}
	copied := func(terms *record.Terms) string { return of(person, terms) }
	withdraw := func(ids ...string) Call { return d.groundCall(record.GroundWithdrawn, noChange, ids...) }
	ended := copied(&record.Terms{Until: "2020-12-31", Authority: "agreement"})
	running := copied(&record.Terms{Until: "2199-12-31", Authority: "agreement"})
	d.refused(withdraw(running), record.CodeNotDue)
	d.refused(withdraw(copied(nil)), record.CodeNotDue)
	d.holdAgainst(ended, withdraw(ended))
	other := copied(&record.Terms{Authority: "agreement"})
	d.refused(withdraw(other), record.CodeNotDue)
	d.submit(d.factsCall(record.RoleWriter, person, record.Fact{Kind: record.FactConsentEnd, Date: "2021-05"}))
	d.withCanary(other, withdraw, of(token(), nil), record.CodeNotDue)
	if s := d.state(other); s.Ground != string(record.GroundWithdrawn) {
		d.t.Errorf("%+v", s)
	}
}

// withCanary purges a record and a canary in one transaction. Another record stays, also
// beside a canary.
func (d *desk) withCanary(id string, purge func(ids ...string) Call, stays string, code record.Code) {
	d.t.Helper()
	canary := d.canary()
	d.refused(purge(stays, canary), code)
	d.submit(purge(id, canary))
	if s := d.state(canary); s.State != record.InsideGone || s.Ground != string(record.GroundCanary) {
		d.t.Errorf("the canary: %+v", s)
	}
}

// holdAgainst wants no purge of a held record in either order in one block.
func (d *desk) holdAgainst(id string, purge Call) {
	d.t.Helper()
	d.together([]Call{d.holdCall(record.OpHold, "m1", []string{id}, nil), purge}, Valid, "MVCC_READ_CONFLICT")
	d.refused(purge, record.CodeHeld)
	d.submit(d.holdCall(record.OpRelease, "m1", []string{id}, nil))
	d.together([]Call{purge, d.holdCall(record.OpHold, "m1", []string{id}, nil)}, Valid, Valid)
	d.wantState(id, record.InsideGone)
}

func forcedErasure(d *desk) {
	person, reference := token(), mark()
	old, young, other := d.put(longAgo, person), d.put(farOff, person), d.put(longAgo, token())
	second := d.put(longAgo, person)
	force := func(ids ...string) Call {
		return d.groundCall(record.GroundForced, func(r *record.PurgeRequest) { r.Case = reference }, ids...)
	}
	d.refused(force(old.ID), record.CodeNoCase)
	d.submit(d.caseCall(record.RoleOfficer, reference, record.CaseOpen, person))
	d.refused(force(old.ID), record.CodeNoCase)
	d.refused(d.caseCall(record.RoleOfficer, reference, record.CaseApprove), record.CodeSamePerson)
	d.submit(d.caseCall(SecondOfficer, reference, record.CaseApprove))
	d.refused(force(other.ID), record.CodeNoCase)
	d.refused(force(young.ID), record.CodeRetained)
	d.holdAgainst(old.ID, force(old.ID))
	if s := d.state(old.ID); s.Ground != string(record.GroundForced) {
		d.t.Errorf("%+v", s)
	}
	d.withCanary(second.ID, force, young.ID, record.CodeRetained)
	var k record.Case
	d.read(record.RoleAuditor, record.OpCases, record.CasesRequest{
		Version: record.Version, Region: d.region, Collection: d.coll, Case: reference,
	}, &k)
	if k.ApprovedBy == "" || k.ApprovedBy == k.OpenedBy {
		d.t.Errorf("%+v", k)
	}
	d.submit(d.caseCall(record.RoleOfficer, reference, record.CaseClose))
	d.refused(force(young.ID), record.CodeNoCase)
}
