package chaincodetest

import (
	"slices"
	"strings"

	"domicile/chaincode/record"
	"domicile/fhir/ds4p"
)

// act makes an officer's write at the desk.
func (d *desk) act(as, op string, req any) Call { return Write(d.as(as), op, req, d.members) }

func (d *desk) factsCall(as, person string, list ...record.Fact) Call {
	return d.act(as, record.OpFacts, record.FactsRequest{
		Version: record.Version, Region: d.region, Collection: d.coll, Seed: Random(record.SeedLen),
		Subjects: []record.SubjectFacts{{Subject: person, Facts: list}},
	})
}

func (d *desk) limitCall(as, reference string, lift bool, person string) Call {
	return d.act(as, record.OpLimit, record.LimitRequest{
		Version: record.Version, Region: d.region, Collection: d.coll, Seed: Random(record.SeedLen),
		Subjects: []string{person}, Lift: lift, Reference: reference, Authority: "GDPR 18(1)(a)", Reason: "accuracy contested",
	})
}

func (d *desk) caseCall(as, reference, action string, people ...string) Call {
	req := record.CaseRequest{
		Version: record.Version, Region: d.region, Collection: d.coll, Seed: Random(record.SeedLen),
		Case: reference, Action: action, Authority: "the person's request", Reason: "requested",
	}
	if action == record.CaseOpen {
		req.Law, req.Subjects, req.Received, req.Deadline = record.LawGDPR, people, "2020-01-02", "2020-02-02"
	}
	return d.act(as, record.OpCase, req)
}

func (d *desk) queryCall(op, matter string, q record.Query) Call {
	return d.act(officer(op), op, record.HoldRequest{
		Version: record.Version, Region: d.region, Collection: d.coll, Seed: Random(record.SeedLen),
		Query: &q, Matter: matter, Authority: "court", Reason: "pending",
	})
}

func (d *desk) amendCall(as string, records ...record.AmendRecord) Call {
	return d.act(as, record.OpAmend, record.AmendRequest{
		Version: record.Version, Region: d.region, Collection: d.coll, Seed: Random(record.SeedLen), Records: records,
	})
}

// groundCall is a purge on any ground, with what only some grounds take.
func (d *desk) groundCall(g record.Ground, change func(*record.PurgeRequest), ids ...string) Call {
	req := record.PurgeRequest{
		Version: record.Version, Region: d.region, Collection: d.coll, Seed: Random(record.SeedLen), Ground: g, IDs: ids,
	}
	change(&req)
	return d.act(record.RolePurger, record.OpPurge, req)
}

func (d *desk) explain(id string) record.Explanation {
	d.t.Helper()
	var out []record.Explanation
	d.read(record.RoleOfficer, record.OpExplain, record.ExplainRequest{
		Version: record.Version, Region: d.region, Collection: d.coll, IDs: []string{id},
	}, &out)
	return out[0]
}

func (d *desk) wantGet(role, id string, want record.Code) {
	d.t.Helper()
	c := d.getCall(id)
	c.As = d.as(role)
	_, err := d.n.Evaluate(d.ctx, c)
	if want != "" {
		d.code(err, want)
	} else if err != nil {
		d.t.Errorf("get as %s: %v", role, err)
	}
}

func level(code string) record.Label {
	return record.Label{System: ds4p.SystemConfidentiality, Code: code, Origin: record.OriginRule}
}

func label(code string) record.Label {
	return record.Label{System: ds4p.SystemActCode, Code: code, Origin: record.OriginRule}
}

// silentActs looks at the blocks of every act about people.
func silentActs(d *desk) {
	m, person := mark(), token()
	rec := d.put(longAgo, person)
	for _, c := range []Call{
		d.factsCall(record.RoleWriter, person, record.Fact{Kind: record.FactBirth, Date: "1931-02-03", Source: m}),
		d.factsCall(record.RoleOfficer, person, record.Fact{Kind: record.FactErasure, Date: "2031-02-03", Source: m}),
		d.limitCall(record.RoleOfficer, m, false, person),
		d.limitCall(SecondOfficer, m, true, person),
		d.caseCall(record.RoleOfficer, m, record.CaseOpen, person),
		d.caseCall(SecondOfficer, m, record.CaseApprove),
		d.caseCall(SecondOfficer, m, record.CaseClose),
		d.amendCall(record.RoleOfficer, record.AmendRecord{ID: rec.ID, Relabel: true, Labels: []record.Label{level("M")}, Reason: m}),
		d.holdCall(record.OpHold, m, []string{rec.ID}, []string{person}),
		d.holdCall(record.OpRelease, m, []string{rec.ID}, []string{person}),
	} {
		r := d.submit(c)
		d.absentFrom(r.Block, m, person, rec.ID, "1931-02", "2031-02", record.LawGDPR, "v3-Confidentiality", "GDPR 18")
	}
}

func releaseByAnother(d *desk) {
	rec := d.put(longAgo)
	d.submit(d.holdCall(record.OpHold, "m1", []string{rec.ID}, nil))
	own := d.holdCall(record.OpRelease, "m1", []string{rec.ID}, nil)
	own.As = d.as(record.RoleOfficer)
	if e := d.refused(own, record.CodeSamePerson); e.Detail != rec.ID {
		d.t.Errorf("the error names %q", e.Detail)
	}
	d.refused(d.purgeCall(record.PartAll, rec.ID), record.CodeHeld)
	d.submit(d.holdCall(record.OpRelease, "m1", []string{rec.ID}, nil))
	d.submit(d.purgeCall(record.PartAll, rec.ID))
}

// endedHold looks for both acts in the log, page by page, once nothing else shows them.
func endedHold(d *desk) {
	rec, person, matter := d.put(longAgo), token(), mark()
	d.submit(d.holdCall(record.OpHold, matter, []string{rec.ID}, []string{person}))
	set := d.holds(rec.ID)
	d.submit(d.holdCall(record.OpRelease, matter, []string{rec.ID}, []string{person}))
	d.submit(d.purgeCall(record.PartAll, rec.ID))
	req := record.LogRequest{
		Version: record.Version, Region: d.region, Collection: d.coll, Ops: []string{record.OpHold, record.OpRelease}, Limit: 7,
	}
	for _, role := range []string{record.RoleWriter, record.RoleReader, record.RolePurger} {
		_, err := d.n.Evaluate(d.ctx, Read(d.as(role), record.OpLog, req, d.org))
		d.code(err, record.CodeForbidden)
	}
	for _, role := range []string{record.RoleAuditor, record.RoleOfficer} {
		var acts []record.LogEntry
		for more := true; more; more = req.After != "" {
			var p record.LogPage
			d.read(role, record.OpLog, req, &p)
			for _, e := range p.Entries {
				if e.Matter == matter {
					acts = append(acts, e)
				}
			}
			req.After = p.Next
		}
		slices.SortFunc(acts, func(a, b record.LogEntry) int { return strings.Compare(a.Op, b.Op) })
		if len(acts) != 2 || acts[0].Op != record.OpHold || acts[1].Op != record.OpRelease || acts[0].By != set[0].SetBy || acts[0].By == acts[1].By {
			d.t.Fatalf("as %s: %+v", role, acts)
		}
		for _, e := range acts {
			if !slices.Equal(e.IDs, []string{rec.ID}) || !slices.Equal(e.Subjects, []string{person}) || e.Authority != "court" || e.Reason != "pending" || e.At == "" {
				d.t.Errorf("as %s: %+v", role, e)
			}
		}
	}
}

// holds are the matters on a record.
func (d *desk) holds(id string) []record.Matter {
	d.t.Helper()
	var out []record.Hold
	d.read(record.RoleAuditor, record.OpHolds, record.HoldsRequest{
		Version: record.Version, Region: d.region, Collection: d.coll, IDs: []string{id},
	}, &out)
	return out[0].Matters
}

// queryHolds works where no other test does: a hold by query conflicts with every put
// of its holder in the same block.
func queryHolds(d *desk) {
	d = d.at("eu", "eu-b", "EuSponsor")
	q := record.Query{Types: []string{"Encounter"}, From: "1985-01-01", To: "1985-12-31"}
	before, other := d.put(longAgo), d.put("1986-01-02") // the day before it may be one of a time of day
	m := mark()
	hold := d.queryCall(record.OpHold, m, q)
	d.together([]Call{hold, d.purgeCall(record.PartAll, before.ID)}, Valid, "MVCC_READ_CONFLICT")
	d.refused(d.purgeCall(record.PartAll, before.ID), record.CodeHeld)
	d.submit(d.purgeCall(record.PartAll, other.ID))
	later := d.put(longAgo)
	d.refused(d.purgeCall(record.PartAll, later.ID), record.CodeHeld)
	if e := d.explain(later.ID); e.Code != record.CodeHeld || !slices.Contains(e.Meta.Held, m) {
		d.t.Errorf("the record put later: %s, held by %q", e.Code, e.Meta.Held)
	}
	own := d.queryCall(record.OpRelease, m, q)
	own.As = d.as(record.RoleOfficer)
	d.refused(own, record.CodeSamePerson)
	d.submit(d.queryCall(record.OpRelease, m, q))
	d.refused(d.queryCall(record.OpRelease, m, q), record.CodeNotHeld)

	rec, n := newPut(), mark()
	d.together([]Call{d.queryCall(record.OpHold, m, q), d.putCall(rec, resource(longAgo, "plain"))}, Valid, "MVCC_READ_CONFLICT")
	d.together([]Call{d.putCall(rec, resource(longAgo, "plain")), d.queryCall(record.OpHold, n, q)}, Valid, Valid)
	d.refused(d.purgeCall(record.PartAll, rec.ID), record.CodeHeld)
	d.submit(d.queryCall(record.OpRelease, m, q))
	d.submit(d.queryCall(record.OpRelease, n, q))
	d.submit(d.purgeCall(record.PartAll, before.ID, later.ID, rec.ID))
}

func factsStay(d *desk) {
	person := token()
	birth := record.Fact{Kind: record.FactBirth, Date: "1980-02"}
	taken := birth
	taken.Withdrawn, taken.Reason = true, "another person's"
	d.submit(d.factsCall(record.RoleWriter, person, birth, record.Fact{Kind: record.FactDeath, Date: "2020"}))
	d.submit(d.factsCall(record.RoleWriter, person, birth))
	d.refused(d.factsCall(record.RoleWriter, person, taken), record.CodeForbidden)
	d.refused(d.factsCall(record.RoleWriter, person, record.Fact{Kind: record.FactErasure, Date: "2020"}), record.CodeForbidden)
	ended := record.Fact{Kind: record.FactDiscontinued, Date: "2020"}
	d.refused(d.factsCall(record.RoleWriter, person, ended), record.CodeForbidden)
	d.submit(d.factsCall(record.RoleOfficer, token(), ended))
	d.submit(d.factsCall(record.RoleOfficer, person, taken))
	d.submit(d.factsCall(record.RoleWriter, person, birth))
	var out []record.SubjectFacts
	d.read(record.RoleAuditor, record.OpFactsOf, record.FactsOfRequest{
		Version: record.Version, Region: d.region, Collection: d.coll, Subjects: []string{person},
	}, &out)
	if len(out) != 1 || len(out[0].Facts) != 3 || !out[0].Facts[2].Withdrawn || out[0].Facts[0].By == "" {
		d.t.Errorf("%+v", out)
	}
}

func closedAccess(d *desk) {
	person, reference := token(), mark()
	rec := d.put(longAgo, person)
	d.wantGet(record.RoleOfficer, rec.ID, record.CodeForbidden)
	d.submit(d.limitCall(record.RoleOfficer, reference, false, person))
	d.wantGet(record.RoleReader, rec.ID, record.CodeLimited)
	d.wantGet(record.RoleWriter, rec.ID, record.CodeLimited)
	d.wantGet(record.RoleOfficer, rec.ID, "")
	d.refused(d.limitCall(record.RoleOfficer, reference, true, person), record.CodeSamePerson)
	d.submit(d.limitCall(SecondOfficer, reference, true, person))
	d.wantGet(record.RoleReader, rec.ID, "")
	d.refused(d.limitCall(SecondOfficer, reference, true, person), record.CodeNotHeld)
}

func strictLabels(d *desk) {
	rec := newPut()
	put := func(want record.Code, labels ...record.Label) {
		d.t.Helper()
		rec.Labels = labels
		d.refused(d.putCall(rec, resource(longAgo, "plain")), want)
	}
	put(record.CodeBadLabels, label("CPLYCD"))
	put(record.CodeBadLabels, level("N"), level("R"))
	put(record.CodeBadLabels, level("R"), label("42CFRPart2"))
	put(record.CodeUnknownLabel, level("N"), label("NOREDISCLOSE"))
	put(record.CodeWrongCollection, level("R"), label("HIV"))
	rec.Labels = []record.Label{level("N"), label("CPLYCD")}
	d.submit(d.putCall(rec, resource(longAgo, "plain")))
	if m := d.explain(rec.ID).Meta; len(m.Labels) != 2 || !strings.HasPrefix(m.LabelDigest, "ds4p-1/") || !strings.HasPrefix(m.Content, "frc-1/") {
		d.t.Errorf("metadata %+v", m)
	}
}

func inlineLabels(d *desk) {
	rec := newPut()
	body := []byte(`{"resourceType":"Encounter","status":"finished","_status":{"extension":[{"url":"http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label","valueCoding":{"system":"` + ds4p.SystemConfidentiality + `","code":"R"}}]},"class":{"code":"AMB"},"period":{"end":"` + longAgo + `"}}`)
	rec.Labels = []record.Label{level("R")}
	d.refused(d.putCall(rec, body), record.CodeBadLabels)
	rec.Labels = []record.Label{level("R"), label("PROCESSINLINELABEL")}
	d.submit(d.putCall(rec, body))
	to := func(labels ...record.Label) Call {
		return d.amendCall(record.RoleOfficer, record.AmendRecord{ID: rec.ID, Relabel: true, Labels: labels, Reason: "reviewed"})
	}
	if e := d.refused(to(level("M")), record.CodeBadLabels); e.Detail != rec.ID+" T4" {
		d.t.Errorf("the error says %q", e.Detail)
	}
	d.submit(to(level("M"), label("PROCESSINLINELABEL")))
	d.submit(d.purgeCall(record.PartAll, rec.ID))
}

func downgrade(d *desk) {
	rec := newPut()
	rec.Labels = []record.Label{level("R"), label("CPLYCD")}
	d.submit(d.putCall(rec, resource(longAgo, "plain")))
	to := func(reason string, labels ...record.Label) record.AmendRecord {
		return record.AmendRecord{ID: rec.ID, Relabel: true, Labels: labels, Reason: reason}
	}
	d.refused(d.amendCall(record.RoleWriter, to("r", level("R"))), record.CodeDowngrade)
	d.refused(d.amendCall(record.RoleWriter, to("r", level("N"), label("CPLYCD"))), record.CodeDowngrade)
	d.refused(d.amendCall(record.RoleOfficer, to("", level("R"))), record.CodeDowngrade)
	d.submit(d.amendCall(record.RoleWriter, to("", level("V"), label("CPLYCD"))))
	d.submit(d.amendCall(record.RoleOfficer, to("consent recorded", level("R"))))
	if m := d.explain(rec.ID).Meta; len(m.History) != 2 || len(m.Labels) != 1 || m.History[1].Reason != "consent recorded" {
		d.t.Errorf("labels %d, history %+v", len(m.Labels), m.History)
	}
	d.submit(d.purgeCall(record.PartAll, rec.ID))
}

// amendMeetsPurge takes either order for right, because orderers may swap what
// arrives together: one of the two takes effect, and the record is as that one left it.
func amendMeetsPurge(d *desk) {
	for _, purgeFirst := range []bool{false, true} {
		rec := d.put(longAgo)
		amend, purge := d.amendCall(record.RoleWriter, record.AmendRecord{ID: rec.ID}), d.purgeCall(record.PartAll, rec.ID)
		calls := []Call{amend, purge}
		if purgeFirst {
			calls = []Call{purge, amend}
		}
		got, err := d.n.SubmitTogether(d.ctx, calls)
		if err != nil {
			d.t.Fatalf("submitting together: %v", err)
		}
		codes := []string{got[0].Code, got[1].Code}
		slices.Sort(codes)
		if !slices.Equal(codes, []string{"MVCC_READ_CONFLICT", Valid}) {
			d.t.Errorf("an amendment and a purge in one block: %q", codes)
		}
		if purged := (got[0].Code == Valid) == purgeFirst; !purged {
			d.wantState(rec.ID, record.InsidePresent)
			d.submit(d.purgeCall(record.PartAll, rec.ID))
		}
		d.wantState(rec.ID, record.InsideGone)
		d.refused(d.amendCall(record.RoleWriter, record.AmendRecord{ID: rec.ID}), record.CodeGone)
	}
}

func acceptance(d *desk) {
	rec := d.put(farOff)
	old := d.state(rec.ID).DueDate
	accept := record.AmendRecord{ID: rec.ID, Accept: true, Reason: "r"}
	d.refused(d.amendCall(record.RoleWriter, accept), record.CodeForbidden)
	d.submit(d.amendCall(record.RoleOfficer, accept))
	if s := d.state(rec.ID); s.DueDate != old || s.Code != record.CodeNotDue {
		d.t.Errorf("it was due %s and is %s (%s)", old, s.DueDate, s.Code)
	}
	d.refused(d.amendCall(record.RoleOfficer, record.AmendRecord{ID: rec.ID, Review: true, Reason: "r"}), record.CodeBadRequest)
}
