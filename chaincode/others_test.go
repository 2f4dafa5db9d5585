package chaincode_test

import (
	"testing"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
	"domicile/collections"
)

// A mother's demand does not take her child's record by itself.
func TestForced_takes_a_record_that_is_also_about_others_only_if_the_case_says_so(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	w.law(collections.Row{Name: "claims", When: collections.Selector{Types: []string{"Claim"}}, Until: years(collections.TriggerEnd, 6)})
	people := tokens(2)
	hers, both := w.put("us-a", encounter("1999-12-31"), of(people[0])), w.put("us-a", encounter("1999-12-31"), func(r *record.PutRecord) { r.Subjects = people })
	w.submit(act(theOfficer, record.OpCase, caseRequest(record.CaseOpen, people[0])))
	wider := caseRequest(record.CaseOpen, people[0])
	wider.Others = true
	w.refuses(act(theOfficer, record.OpCase, wider), record.CodeExists)
	late := caseRequest(record.CaseApprove)
	late.Others = true
	w.refuses(act(otherOfficer, record.OpCase, late), record.CodeBadRequest)
	w.submit(act(otherOfficer, record.OpCase, caseRequest(record.CaseApprove)))
	if e := w.refuses(forcedCall(both), record.CodeShared); e.Detail != both {
		t.Errorf("the error names %q", e.Detail)
	}
	w.submit(forcedCall(hers))

	wider.Case = "c2"
	w.submit(act(theOfficer, record.OpCase, wider))
	approve := caseRequest(record.CaseApprove)
	approve.Case = "c2"
	w.submit(act(otherOfficer, record.OpCase, approve))
	req := purgeRequest("us-a", both)
	req.Ground, req.Case = record.GroundForced, "c2"
	w.submit(act(usHospital(record.RolePurger), record.OpPurge, req))
}

// Who holds by query does not end it by having the record moved.
func TestMoved_a_hold_by_query_is_not_released_by_its_setter_where_it_was_carried(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	m := w.relocation()
	w.submit(queryHold(record.OpHold, record.Query{Types: []string{"Encounter"}, From: "2199-01-01"}))
	setter := w.explainQuery().SetBy
	m.arrive()
	m.anchor()
	carry := holdRequest(func(r *record.HoldRequest) { r.Collection, r.IDs = "us-a2", []string{m.to} })
	w.submit(act(otherOfficer, record.OpHold, carry))
	w.refuses(m.purge(), record.CodeNotMoved) // nobody there knows who set it
	carry.For, carry.Seed = setter, chaincodetest.Random(record.SeedLen)
	w.submit(act(otherOfficer, record.OpHold, carry))
	w.submit(m.purge())
	back := holdRequest(func(r *record.HoldRequest) { r.Collection, r.IDs = "us-a2", []string{m.to} })
	w.refuses(act(theOfficer, record.OpRelease, back), record.CodeSamePerson)
	w.refuses(act(otherOfficer, record.OpRelease, back), record.CodeSamePerson)
	carry.Seed = chaincodetest.Random(record.SeedLen)
	w.refuses(act(theOfficer, record.OpRelease, carry), record.CodeBadRequest)
	carry.IDs, carry.Query = nil, &record.Query{Types: []string{"Claim"}}
	w.refuses(act(theOfficer, record.OpHold, carry), record.CodeBadRequest)
}

// explainQuery is the first hold by query on us-a.
func (w *world) explainQuery() record.Matter {
	w.t.Helper()
	var out []record.Hold
	w.mustRead(record.RoleOfficer, record.OpHolds, record.HoldsRequest{Version: 1, Region: "us", Collection: "us-a", Queries: true}, &out)
	if len(out) == 0 || out[0].Query == nil {
		w.t.Fatalf("no hold by query in %+v", out)
	}
	return out[0].Query.Matter
}

// 42CFRPart2 follows from a source fact: that a put claims to continue a record is none.
func TestMoved_42CFRPart2_comes_from_the_record_that_is_continued_and_not_from_saying_so(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	part2 := actCode("42CFRPart2")
	part2.Origin = record.OriginOfficer
	m := w.relocation()
	claim := func(from string) chaincodetest.Call {
		rec := newRecord()
		rec.Subjects, rec.Labels = m.subjects, []record.Label{confidentiality("R"), part2}
		rec.MovedFrom = &record.Ref{Collection: "us-a", ID: from}
		return putCall("us-a2", rec, m.body)
	}
	w.refuses(claim(record.NewID()), record.CodeNotMoved)
	w.refuses(claim(m.from), record.CodeBadLabels)
	w.submit(amendCall(theOfficer, "us-a", relabelTo(m.from, "the programme's own", confidentiality("R"), part2)))
	w.submit(claim(m.from))
}

// us-wa may have a row with the name of one of us.
func TestDue_the_authority_is_that_of_the_region_whose_row_gave_the_date(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	row := collections.Row{Name: "care", Kind: collections.KindFloor, Action: collections.ActionPurge, Until: years(collections.TriggerEnd, 6)}
	adopt := func(inner, outer string, keep int) {
		w.adopt(func(p *collections.Policy) {
			for i := range p.Regions {
				a := row
				switch r := &p.Regions[i]; r.Name {
				case "us":
					r.Within = "uk"
					a.Authority = inner
					r.Retention = []collections.Row{a}
				case "uk":
					a.Authority, a.Until = outer, years(collections.TriggerEnd, keep)
					r.Retention = []collections.Row{a}
				}
			}
		})
	}
	adopt("inner law", "outer law", 8)
	id := w.put("us-a", encounter("1999-12-31"))
	m := w.explain("us-a", id).Meta
	if m.Row != "care" || m.RowRegion != "uk" {
		t.Fatalf("dated by row %q of %q", m.Row, m.RowRegion)
	}
	adopt("inner law", "outer law", 6) // what was accepted outlives the shorter row
	var states []record.State
	w.mustRead(record.RoleOfficer, record.OpInspect, record.InspectRequest{Version: 1, Region: "us", Collection: "us-a", IDs: []string{id}}, &states)
	if states[0].DueDate != m.Due || states[0].Authority != "outer law" {
		t.Errorf("due %s under %q", states[0].DueDate, states[0].Authority)
	}
}
