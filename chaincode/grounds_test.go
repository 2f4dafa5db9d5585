package chaincode_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
	"domicile/collections"
	"domicile/fhir/ds4p"
)

// relocation is a record and its copy in the collection that new labels ask for.
type relocation struct {
	w        *world
	body     []byte
	from, to string // ids in us-a and us-a2
	subjects []string
}

func (w *world) relocation() *relocation {
	w.t.Helper()
	m := &relocation{w: w, body: encounter("2199-12-31"), subjects: tokens(2)}
	m.from = w.put("us-a", m.body, func(r *record.PutRecord) { r.Subjects = m.subjects })
	return m
}

// arrive puts the copy, with a change.
func (m *relocation) arrive(change ...func(*record.PutRecord)) {
	m.w.t.Helper()
	old := m.w.explain("us-a", m.from).Meta
	past := append(slices.Clone(old.History), record.Relabel{Labels: old.Labels, Digest: old.LabelDigest})
	m.to = m.w.put("us-a2", m.body, append([]func(*record.PutRecord){func(r *record.PutRecord) {
		r.Subjects, r.Labels = m.subjects, []record.Label{confidentiality("R"), actCode("HIV")}
		r.MovedFrom, r.History = &record.Ref{Collection: "us-a", ID: m.from}, past
		r.Due, r.Row, r.Classes = old.Due, old.Row, old.Classes
	}}, change...)...)
}

func (m *relocation) anchor() {
	m.w.t.Helper()
	m.w.submit(chaincodetest.Public(writer, record.FuncAnchor, record.AnchorRequest{
		Version: 1, Region: "us", Records: []record.AnchorRef{{Ref: record.Ref{Collection: "us-a2", ID: m.to}, Hash: m.w.state("us-a2", m.to).Hash}},
	}))
}

func (m *relocation) purge() chaincodetest.Call {
	req := purgeRequest("us-a", m.from)
	req.Ground, req.Targets = record.GroundMoved, []record.Target{{ID: m.from, Collection: "us-a2", To: m.to}}
	return act(usHospital(record.RolePurger), record.OpPurge, req)
}

func (m *relocation) holdCopy(matter string) chaincodetest.Call {
	return act(theOfficer, record.OpHold, holdRequest(func(r *record.HoldRequest) { r.Collection, r.Matter, r.IDs = "us-a2", matter, []string{m.to} }))
}

func TestMoved_a_record_goes_once_its_bytes_are_anchored_elsewhere_and_both_are_proved(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	m := w.relocation()
	m.arrive()
	w.refuses(m.purge(), record.CodeNotMoved) // not anchored
	m.anchor()
	w.submit(m.purge()) // not due until 2206, and needs not be
	s := w.state("us-a", m.from)
	if s.State != record.InsideGone || s.Ground != string(record.GroundMoved) {
		t.Errorf("the record: %+v", s)
	}
	if c := w.state("us-a2", m.to); c.State != record.InsidePresent || c.MovedFrom == nil || c.MovedFrom.ID != m.from || c.SHA256 == "" {
		t.Errorf("the copy: %+v", c)
	}
	if past := w.explain("us-a2", m.to).Meta.History; len(past) != 1 || past[0].By == "" || past[0].At == "" || past[0].Tx == "" {
		t.Errorf("the copy's history: %+v", past)
	}
	w.submit(chaincodetest.Public(usHospital(record.RolePurger), record.FuncTombstone, record.TombstoneRequest{
		Version: 1, Region: "us", Records: []record.Ref{{Collection: "us-a", ID: m.from}},
	}))
	b, err := w.Evaluate(context.Background(), chaincodetest.Public(usHospital(""), record.FuncProof, record.ProofRequest{Version: 1, IDs: []string{m.from, m.to}}))
	var proofs []record.Proof
	if err != nil || json.Unmarshal(b, &proofs) != nil || len(proofs) != 2 || proofs[0].State != record.StatePurged || proofs[1].State != record.StateActive {
		t.Errorf("proofs %s (%v)", b, err)
	}
	w.refuses(m.purge(), record.CodeGone)
	again := newRecord()
	again.ID = m.from
	w.refuses(putCall("us-a", again, m.body), record.CodeGone)
}

func TestMoved_is_refused_when(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	for name, change := range map[string]func(*record.PutRecord){
		"the copy says nothing of the record": func(r *record.PutRecord) { r.MovedFrom, r.History, r.Due, r.Row = nil, nil, "", "" },
		"the copy is of another record":       func(r *record.PutRecord) { r.MovedFrom.ID = w.put("us-a", encounter("2199-12-31")) },
		"a person is missing":                 func(r *record.PutRecord) { r.Subjects = r.Subjects[:1] },
		"the label history is missing":        func(r *record.PutRecord) { r.History = nil },
		"the label history is another one": func(r *record.PutRecord) {
			r.History[0].Labels = []record.Label{confidentiality("U")}
			r.History[0].Digest = ds4p.Digest([]ds4p.Label{{System: ds4p.SystemConfidentiality, Code: "U"}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := (&world{w.Memory, t}).relocation()
			m.arrive(change)
			m.anchor()
			if e := m.w.refuses(m.purge(), record.CodeNotMoved); e.Detail != m.from {
				t.Errorf("the error names %q", e.Detail)
			}
		})
	}
	t.Run("the bytes differ", func(t *testing.T) {
		m := (&world{w.Memory, t}).relocation()
		m.body = append(m.body, ' ')
		m.arrive()
		m.anchor()
		m.w.refuses(m.purge(), record.CodeNotMoved)
	})
	t.Run("there is no copy", func(t *testing.T) {
		m := (&world{w.Memory, t}).relocation()
		m.to = record.NewID()
		m.w.refuses(m.purge(), record.CodeNotMoved)
	})
	t.Run("the copy was purged", func(t *testing.T) {
		for _, part := range []record.Part{record.PartAll, record.PartBody} {
			w := &world{w.Memory, t}
			m := &relocation{w: w, body: encounter("1999-12-31"), subjects: tokens(2)}
			m.from = w.put("us-a", m.body, func(r *record.PutRecord) { r.Subjects = m.subjects })
			m.arrive()
			m.anchor()
			if _, err := w.Endorsed(m.purge()); err != nil {
				t.Fatalf("before the purge of the copy: %v", err)
			}
			req := purgeRequest("us-a2", m.to)
			req.Part = part
			w.submit(act(usHospital(record.RolePurger), record.OpPurge, req))
			w.refuses(m.purge(), record.CodeNotMoved)
		}
	})
	t.Run("it would lose a label", func(t *testing.T) {
		m := (&world{w.Memory, t}).relocation()
		m.w.submit(amendCall(writer, "us-a", relabelTo(m.from, "", confidentiality("V"), actCode("SUD"))))
		m.arrive()
		m.anchor()
		m.w.refuses(m.purge(), record.CodeDowngrade)
		m.w.submit(amendCall(theOfficer, "us-a", relabelTo(m.from, "wrong patient's code", confidentiality("R"), actCode("HIV"))))
		m.w.submit(m.purge())
	})
}

// I9: nothing is shortened silently, by a move neither.
func TestMoved_makes_no_due_date_earlier(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	long := []collections.Row{
		{Name: "rest", Until: years(collections.TriggerEnd, 60)},
		{Name: "trial", Class: "trial", Until: years(collections.TriggerEnd, 90)},
	}
	short := []collections.Row{{Name: "rest", Until: years(collections.TriggerEnd, 6)}, long[1]}
	for name, c := range map[string]struct {
		body    string // end of the encounter, "" for none
		classes []string
		change  func(*record.PutRecord)
		want    record.Code // "" for moved
	}{
		"the copy keeps the date accepted":            {"1999-12-31", nil, func(*record.PutRecord) {}, ""},
		"the copy has a later date":                   {"1999-12-31", nil, func(r *record.PutRecord) { r.Due = "2300-01-01" }, ""},
		"the copy has the date of a shorter policy":   {"1999-12-31", nil, func(r *record.PutRecord) { r.Due = "2006-01-01" }, record.CodeNotMoved},
		"the copy lacks a class that was declared":    {"1999-12-31", []string{"trial"}, func(r *record.PutRecord) { r.Classes = nil }, record.CodeNotMoved},
		"the copy keeps the class that was declared":  {"1999-12-31", []string{"trial"}, func(*record.PutRecord) {}, ""},
		"the copy is dated where nobody accepted one": {"", nil, func(r *record.PutRecord) { r.Due = "2020-01-01" }, record.CodeNotMoved},
		"the copy is as undated as the record":        {"", nil, func(*record.PutRecord) {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{w.Memory, t}
			w.law(long...)
			m := &relocation{w: w, body: encounter(c.body), subjects: tokens(2)}
			if c.body == "" {
				m.body = []byte(`{"resourceType":"Patient"}`)
			}
			m.from = w.put("us-a", m.body, func(r *record.PutRecord) { r.Subjects, r.Classes = m.subjects, c.classes })
			w.law(short...)
			m.arrive(c.change)
			m.anchor()
			if c.want != "" {
				w.refuses(m.purge(), c.want)
				return
			}
			w.submit(m.purge())
		})
	}
}

func TestMoved_carries_holds_along(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	m := w.relocation()
	w.submit(subjectHold(record.OpHold, "s1", m.subjects[0])) // goes with the person
	w.submit(holdCall(record.OpHold, m.from))
	w.submit(queryHold(record.OpHold, record.Query{Types: []string{"Encounter"}, From: "2199-01-01"}))
	w.submit(act(theOfficer, record.OpHold, holdRequest(func(r *record.HoldRequest) {
		r.Matter, r.Query = "q", &record.Query{From: "2199-01-01"}
	})))
	m.arrive()
	m.anchor()
	w.refuses(m.purge(), record.CodeNotMoved)
	w.submit(m.holdCopy("m"))
	w.refuses(m.purge(), record.CodeNotMoved) // of the query q nothing is known there
	w.submit(m.holdCopy("q"))

	// A hold on the record in the same block stops the move.
	got, err := w.SubmitTogether(context.Background(), []chaincodetest.Call{
		act(theOfficer, record.OpHold, holdRequest(func(r *record.HoldRequest) { r.Matter, r.IDs = "new", []string{m.from} })), m.purge(),
	})
	if err != nil || got[0].Code != chaincodetest.Valid || got[1].Code != "MVCC_READ_CONFLICT" {
		t.Fatalf("%+v (%v)", got, err)
	}
	w.refuses(m.purge(), record.CodeNotMoved)
	w.submit(m.holdCopy("new"))
	w.submit(m.purge())
	if e := w.explain("us-a2", m.to); e.Code != record.CodeHeld || !slices.Equal(e.Matters, []string{"m", "q", "new", "s1"}) {
		t.Errorf("the copy is held by %q", e.Matters)
	}
}

// copyOf puts a disclosed copy into us-ab.
func (w *world) copyOf(terms *record.Terms, person string) string {
	w.t.Helper()
	rec := newRecord()
	rec.Terms, rec.Subjects = terms, []string{person}
	w.submit(chaincodetest.Write(writer, record.OpPut, putRequest("us-ab", rec), []string{"UsHospital", "UsPayer"}, encounter("2199-12-31")))
	return rec.ID
}

func both(as chaincodetest.Identity, op string, req any) chaincodetest.Call {
	return chaincodetest.Write(as, op, req, []string{"UsHospital", "UsPayer"})
}

func withdrawCall(ids ...string) chaincodetest.Call {
	req := purgeRequest("us-ab", ids...)
	req.Ground = record.GroundWithdrawn
	return both(usHospital(record.RolePurger), record.OpPurge, req)
}

func TestWithdrawn_a_disclosed_copy_goes_when_its_terms_have_ended(t *testing.T) {
	now := time.Date(2026, 4, 1, 3, 59, 0, 0, time.UTC) // the last minute of March in New York
	w := newWorld(t, chaincodetest.Options{Now: func() time.Time { return now }})
	person := tokens(1)[0]
	id := w.copyOf(&record.Terms{Until: "2026-03-31", Authority: "agreement 7"}, person)
	none := w.copyOf(nil, person)
	open := w.copyOf(&record.Terms{Authority: "agreement 8"}, person)
	w.refuses(withdrawCall(id), record.CodeNotDue)
	now = now.Add(time.Minute)
	hold := holdRequest(func(r *record.HoldRequest) { r.Collection, r.IDs = "us-ab", []string{id} })
	w.submit(both(theOfficer, record.OpHold, hold))
	w.refuses(withdrawCall(id), record.CodeHeld)
	hold.Seed = chaincodetest.Random(32)
	w.submit(both(otherOfficer, record.OpRelease, hold))
	w.submit(withdrawCall(id))
	if s := w.state("us-ab", id); s.State != record.InsideGone || s.Ground != string(record.GroundWithdrawn) {
		t.Errorf("%+v", s)
	}
	w.refuses(withdrawCall(open), record.CodeNotDue)
	facts := factsRequest(person, record.Fact{Kind: record.FactConsentEnd, Date: "2026-03"})
	facts.Collection = "us-ab"
	w.submit(both(writer, record.OpFacts, facts))
	w.submit(withdrawCall(open))
	w.refuses(withdrawCall(none), record.CodeNotDue)

	own := w.put("us-a", encounter("1999-12-31"))
	req := purgeRequest("us-a", own)
	req.Ground = record.GroundWithdrawn
	w.refuses(act(usHospital(record.RolePurger), record.OpPurge, req), record.CodeNotDue)
}

func forcedCall(ids ...string) chaincodetest.Call {
	req := purgeRequest("us-a", ids...)
	req.Ground, req.Case = record.GroundForced, "c1"
	return act(usHospital(record.RolePurger), record.OpPurge, req)
}

func TestForced_a_record_goes_under_an_approved_case_that_covers_it(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	w.law(collections.Row{Name: "claims", When: collections.Selector{Types: []string{"Claim"}}, Until: years(collections.TriggerEnd, 6)})
	people := tokens(2)
	id, other := w.put("us-a", encounter("1999-12-31"), of(people[0])), w.put("us-a", encounter("1999-12-31"), of(people[1]))
	w.refuses(purgeCall("us-a", id), record.CodeNotDue)
	w.refuses(forcedCall(id), record.CodeNoCase)
	w.submit(act(theOfficer, record.OpCase, caseRequest(record.CaseOpen, people[0])))
	w.refuses(forcedCall(id), record.CodeNoCase)
	w.submit(act(otherOfficer, record.OpCase, caseRequest(record.CaseApprove)))
	if e := w.refuses(forcedCall(other), record.CodeNoCase); e.Detail != other {
		t.Errorf("the error names %q", e.Detail)
	}
	w.submit(holdCall(record.OpHold, id))
	w.refuses(forcedCall(id), record.CodeHeld)
	w.submit(holdCall(record.OpRelease, id))
	w.submit(forcedCall(id))
	if s := w.state("us-a", id); s.State != record.InsideGone || s.Ground != string(record.GroundForced) {
		t.Errorf("%+v", s)
	}
	w.submit(act(theOfficer, record.OpCase, caseRequest(record.CaseClose)))
	w.refuses(forcedCall(other), record.CodeNoCase)
}

func TestForced_is_refused_against_a_floor_until_it_ends(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	person := tokens(1)[0]
	young := w.put("us-a", encounter("2199-12-31"), of(person))
	undated := w.put("us-a", []byte(`{"resourceType":"Patient"}`), of(person))
	old := w.put("us-a", encounter("1999-12-31"), of(person))
	w.submit(act(theOfficer, record.OpCase, caseRequest(record.CaseOpen, person)))
	w.submit(act(otherOfficer, record.OpCase, caseRequest(record.CaseApprove)))
	w.refuses(forcedCall(young), record.CodeRetained)
	w.refuses(forcedCall(undated), record.CodeRetained)
	w.submit(forcedCall(old))
	// What was promised at put outlives a shorter policy.
	w.law(collections.Row{Name: "claims", When: collections.Selector{Types: []string{"Claim"}}, Until: years(collections.TriggerEnd, 6)})
	w.refuses(forcedCall(young), record.CodeRetained)
}

func TestForced_under_mhmda_takes_consumer_health_data_only(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	w.law(collections.Row{Name: "claims", When: collections.Selector{Types: []string{"Claim"}}, Until: years(collections.TriggerEnd, 6)})
	person := tokens(1)[0]
	plain := w.put("us-a", encounter("1999-12-31"), of(person))
	consumer := w.put("us-a", encounter("1999-12-31"), func(r *record.PutRecord) {
		r.Subjects, r.Classes = []string{person}, []string{"consumer-health-data"}
	})
	open := caseRequest(record.CaseOpen, person)
	open.Law = record.LawMHMDA
	w.submit(act(theOfficer, record.OpCase, open))
	w.submit(act(otherOfficer, record.OpCase, caseRequest(record.CaseApprove)))
	w.refuses(forcedCall(plain), record.CodeRetained)
	w.submit(forcedCall(consumer))
}

func TestI9_no_ground_purges_a_record_held_in_the_same_block_in_either_order(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	person := tokens(1)[0]
	w.submit(act(theOfficer, record.OpCase, caseRequest(record.CaseOpen, person)))
	w.submit(act(otherOfficer, record.OpCase, caseRequest(record.CaseApprove)))
	grounds := map[string]struct {
		coll  string
		put   func() string
		purge func(ids ...string) chaincodetest.Call
	}{
		"due":       {"us-a", func() string { return w.put("us-a", encounter("1999-12-31"), of(person)) }, func(ids ...string) chaincodetest.Call { return purgeCall("us-a", ids...) }},
		"withdrawn": {"us-ab", func() string { return w.copyOf(&record.Terms{Until: "2020-01-01", Authority: "a"}, person) }, withdrawCall},
		"forced":    {"us-a", func() string { return w.put("us-a", encounter("1999-12-31"), of(person)) }, forcedCall},
	}
	targets := map[string]func(r *record.HoldRequest, id string){
		"record":  func(r *record.HoldRequest, id string) { r.IDs = []string{id} },
		"subject": func(r *record.HoldRequest, _ string) { r.Subjects = []string{person} },
		"query":   func(r *record.HoldRequest, _ string) { r.Query = &record.Query{Types: []string{"Encounter"}} },
	}
	n := 0
	for ground, g := range grounds {
		for what, aim := range targets {
			n++
			order := func(op, id string) chaincodetest.Call {
				req := holdRequest(func(r *record.HoldRequest) { r.Collection, r.Matter = g.coll, fmt.Sprint("m", n); aim(r, id) })
				c := both(officer(op), op, req)
				if g.coll == "us-a" {
					c.Endorsers = atHospital
				}
				return c
			}
			id := g.put()
			got, err := w.SubmitTogether(context.Background(), []chaincodetest.Call{order(record.OpHold, id), g.purge(id)})
			if err != nil || got[0].Code != chaincodetest.Valid || got[1].Code != "MVCC_READ_CONFLICT" {
				t.Fatalf("%s, hold on %s first: %+v (%v)", ground, what, got, err)
			}
			w.refuses(g.purge(id), record.CodeHeld)
			w.submit(order(record.OpRelease, id))
			got, err = w.SubmitTogether(context.Background(), []chaincodetest.Call{g.purge(id), order(record.OpHold, id)})
			if err != nil || got[0].Code != chaincodetest.Valid || got[1].Code != chaincodetest.Valid {
				t.Fatalf("%s, purge before hold on %s: %+v (%v)", ground, what, got, err)
			}
			if s := w.state(g.coll, id); s.State != record.InsideGone {
				t.Errorf("%s, purge before hold on %s: the record is %s", ground, what, s.State)
			}
			w.submit(order(record.OpRelease, id))
		}
	}
}

// How many keys a purge reads must not tell what stands about the record.
func TestI2_T07_a_purge_has_one_public_shape_whatever_stands_in_the_register(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	person := tokens(1)[0]
	w.submit(factsCall(record.RoleWriter, person, birth("1950")))
	w.submit(act(theOfficer, record.OpLimit, limitRequest(false, person)))
	held := w.put("us-a", encounter("1999-12-31"))
	w.submit(holdCall(record.OpHold, held))
	w.submit(holdCall(record.OpRelease, held))
	plain, known := w.put("us-a", encounter("1999-12-31")), w.put("us-a", encounter("1999-12-31"), of(person, birth("1950")))
	amended := w.put("us-a", encounter("1999-12-31"))
	w.submit(amendCall(writer, "us-a", relabelTo(amended, "", confidentiality("R"), actCode("HIV"))))
	var shapes []string
	for _, id := range []string{plain, held, known, amended} {
		tx, err := w.Endorsed(purgeCall("us-a", id))
		if err != nil {
			t.Fatal(err)
		}
		shapes = append(shapes, tx.Shape())
	}
	if len(slices.Compact(shapes)) != 1 {
		t.Errorf("purges differ: %q", shapes)
	}
}
