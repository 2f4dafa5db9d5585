package chaincodetest

import (
	"encoding/json"
	"slices"
	"strings"

	"domicile/chaincode/record"
)

func anchored(d *desk) {
	rec := d.put(longAgo)
	hash := d.state(rec.ID).Hash
	if p := d.proof("EuHospital", rec.ID); p.State != record.StateUnanchored || p.Hash != hash || p.Collection != d.coll {
		d.t.Errorf("before the anchor: %+v", p)
	}
	r := d.submit(d.anchorCall(hash, rec.ID))
	for _, org := range []string{"UsHospital", "EuSponsor", "UkTrust", "AuHealth"} {
		p := d.proof(org, rec.ID)
		if p.State != record.StateActive || p.Hash != hash || p.TxID != r.TxID || p.Region != d.region || p.AnchoredAt == "" {
			d.t.Errorf("at %s: %+v", org, p)
		}
		if v := d.verify(org, rec.ID, hash); !v.Match || v.PeerHash != hash {
			d.t.Errorf("at %s the right hash: %+v", org, v)
		}
		if v := d.verify(org, rec.ID, strings.Repeat("0", 64)); v.Match {
			d.t.Errorf("at %s a wrong hash matches", org)
		}
	}
	if p := d.proof("UkTrust", record.NewID()); p.State != record.StateUnknown {
		d.t.Errorf("an id that never was: %+v", p)
	}
}

func (d *desk) verify(org, id, hash string) record.Verdict {
	d.t.Helper()
	c := Public(Identity{Org: org}, record.FuncVerify, record.VerifyRequest{Version: record.Version, ID: id, Hash: hash})
	b, err := d.n.Evaluate(d.ctx, c)
	if err != nil {
		d.t.Fatalf("verify at %s: %v", org, err)
	}
	var v record.Verdict
	if err := json.Unmarshal(b, &v); err != nil {
		d.t.Fatal(err)
	}
	return v
}

func oneRegionAnchor(d *desk) {
	rec := d.put(longAgo)
	c := d.anchorCall(d.state(rec.ID).Hash, rec.ID)
	c.Endorsers = []string{"UsHospital", "UsPayer"} // two organisations, one region
	d.together([]Call{c}, "ENDORSEMENT_POLICY_FAILURE")
	if p := d.proof("UkTrust", rec.ID); p.State != record.StateUnanchored {
		d.t.Errorf("the record is %s", p.State)
	}
}

func wrongAnchor(d *desk) {
	rec := d.put(longAgo)
	if e := d.refused(d.anchorCall(strings.Repeat("0", 64), rec.ID), record.CodeMismatch); !strings.Contains(e.Detail, rec.ID) {
		d.t.Errorf("the error %q does not name the record", e)
	}
	absent := record.NewID()
	if e := d.refused(d.anchorCall(d.state(rec.ID).Hash, absent), record.CodeAbsent); !strings.Contains(e.Detail, absent) {
		d.t.Errorf("the error %q does not name the record", e)
	}
}

func foreignAnchor(d *desk) {
	rec := d.put(longAgo)
	c := d.anchorCall(d.state(rec.ID).Hash, rec.ID)
	c.As = Identity{"EuHospital", record.RoleWriter}
	d.refused(c, record.CodeForbidden)
	c = d.tombstoneCall(rec.ID)
	c.As = Identity{"EuHospital", record.RolePurger}
	d.refused(c, record.CodeForbidden)
}

func gone(d *desk) {
	rec := d.put(longAgo)
	hash := d.state(rec.ID).Hash
	r := d.submit(d.purgeCall(record.PartAll, rec.ID))
	s := d.state(rec.ID)
	if s.State != record.InsideGone || s.Hash != hash || s.PurgeTx != r.TxID || s.Ground != string(record.GroundDue) {
		d.t.Errorf("after the purge: %+v", s)
	}
	_, err := d.n.Evaluate(d.ctx, d.getCall(rec.ID))
	d.code(err, record.CodeGone)
	d.refused(d.purgeCall(record.PartAll, rec.ID), record.CodeGone)
	again := newPut()
	again.ID = rec.ID
	d.refused(d.putCall(again, resource(longAgo, "plain")), record.CodeGone)
	d.at("us", "us-a2", "UsHospital").refused(
		d.at("us", "us-a2", "UsHospital").putCall(again, []byte(`{"resourceType":"Observation","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"ETH"}]}}`)), record.CodeGone)
	d.refused(d.anchorCall(hash, rec.ID), record.CodeAbsent)
	d.submit(d.tombstoneCall(rec.ID))
	d.refused(d.anchorCall(hash, rec.ID), record.CodeGone)
}

func twoSteps(d *desk) {
	rec := d.put(longAgo, token())
	d.refused(d.purgeCall(record.PartRest, rec.ID), record.CodeLive)
	d.submit(d.purgeCall(record.PartBody, rec.ID))
	d.wantState(rec.ID, record.InsidePartial)
	_, err := d.n.Evaluate(d.ctx, d.getCall(rec.ID))
	d.code(err, record.CodeGone)
	d.submit(d.tombstoneCall(rec.ID)) // the body is what it testifies to
	if p := d.proof("AuHealth", rec.ID); p.State != record.StatePurged || p.Left != record.LeftMetadata {
		d.t.Errorf("after the first step: %+v", p)
	}
	d.submit(d.purgeCall(record.PartRest, rec.ID))
	if p := d.proof("AuHealth", rec.ID); p.State != record.StatePurged || p.Left != "" {
		d.t.Errorf("after the second step: %+v", p)
	}
	d.wantState(rec.ID, record.InsideGone)
	d.refused(d.purgeCall(record.PartRest, rec.ID), record.CodeGone)
}

func tombstones(d *desk) {
	rec := d.put(longAgo)
	hash := d.state(rec.ID).Hash
	d.submit(d.anchorCall(hash, rec.ID))
	d.refused(d.tombstoneCall(rec.ID), record.CodeLive)
	d.refused(d.tombstoneCall(record.NewID()), record.CodeAbsent)
	d.submit(d.purgeCall(record.PartAll, rec.ID))
	if v := d.verify("EuHospital", rec.ID, hash); !v.Match || v.PeerHash != "" {
		d.t.Errorf("between purge and tombstone: %+v", v)
	}
	r := d.submit(d.tombstoneCall(rec.ID))
	for _, org := range []string{"UsPayer", "AuHealth"} {
		p := d.proof(org, rec.ID)
		if p.State != record.StatePurged || p.Hash != hash || p.TombstoneTx != r.TxID || p.PurgedAt == "" || p.AnchoredAt == "" {
			d.t.Errorf("at %s: %+v", org, p)
		}
	}
}

func unanchoredTombstone(d *desk) {
	rec := d.put(longAgo)
	d.submit(d.purgeCall(record.PartAll, rec.ID))
	d.submit(d.tombstoneCall(rec.ID))
	if p := d.proof("EuHospital", rec.ID); p.State != record.StatePurged || p.Hash != "" || p.AnchoredAt != "" {
		d.t.Errorf("never anchored, yet %+v", p)
	}
}

func doublePut(d *desk) {
	a, b := newPut(), newPut()
	b.ID = a.ID
	d.together([]Call{d.putCall(a, resource(longAgo, "one")), d.putCall(b, resource(longAgo, "two"))}, Valid, "MVCC_READ_CONFLICT")
	d.wantState(a.ID, record.InsidePresent)
}

func repeated(d *desk) {
	rec := d.put(longAgo)
	hash := d.state(rec.ID).Hash
	first := d.submit(d.anchorCall(hash, rec.ID))
	d.submit(d.anchorCall(hash, rec.ID))
	if p := d.proof("UkTrust", rec.ID); p.TxID != first.TxID {
		d.t.Error("the second anchor replaced the first")
	}
	d.submit(d.holdCall(record.OpHold, "m1", []string{rec.ID}, nil))
	d.submit(d.holdCall(record.OpHold, "m1", []string{rec.ID}, nil))
	d.submit(d.holdCall(record.OpRelease, "m1", []string{rec.ID}, nil))
	d.refused(d.holdCall(record.OpRelease, "m1", []string{rec.ID}, nil), record.CodeNotHeld)
	d.submit(d.purgeCall(record.PartAll, rec.ID))
	grave := d.submit(d.tombstoneCall(rec.ID))
	d.submit(d.tombstoneCall(rec.ID))
	if p := d.proof("UkTrust", rec.ID); p.TombstoneTx != grave.TxID {
		d.t.Error("the second tombstone replaced the first")
	}
}

// settledTwice: of two that take the same tombstones off the list in one block one does,
// and a third is told so, where its transaction would write nothing and be invalid.
func settledTwice(d *desk) {
	first, other := d.put(longAgo), d.put(longAgo)
	d.submit(d.purgeCall(record.PartAll, first.ID, other.ID))
	settle := func(ids ...string) Call {
		return d.groundCall(record.GroundDue, func(r *record.PurgeRequest) { r.Settle = ids })
	}
	d.refused(settle(first.ID), record.CodeAbsent)
	d.submit(d.tombstoneCall(first.ID, other.ID))
	got, err := d.n.SubmitTogether(d.ctx, []Call{settle(first.ID), settle(first.ID)})
	if err != nil {
		d.t.Fatalf("submitting together: %v", err)
	}
	codes := []string{got[0].Code, got[1].Code}
	slices.Sort(codes)
	if !slices.Equal(codes, []string{"MVCC_READ_CONFLICT", Valid}) {
		d.t.Errorf("two that settle in one block: %q", codes)
	}
	if e := d.refused(settle(first.ID), record.CodeSettled); e.Detail != first.ID {
		d.t.Errorf("the error names %q", e.Detail)
	}
	d.submit(settle(first.ID, other.ID))
	d.refused(settle(first.ID, other.ID), record.CodeSettled)
}

func anchorMeetsPurge(d *desk) {
	rec := d.put(longAgo)
	anchor := d.anchorCall(d.state(rec.ID).Hash, rec.ID)
	d.together([]Call{d.purgeCall(record.PartAll, rec.ID), anchor}, Valid, "MVCC_READ_CONFLICT")
	if p := d.proof("UkTrust", rec.ID); p.State != record.StateUnknown {
		d.t.Errorf("the purged record is %s", p.State)
	}
}
