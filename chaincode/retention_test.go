package chaincode_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
	"domicile/collections"
	"domicile/fhir"
)

// minors are rows that keep records of children until well after their majority.
func minors() []collections.Row {
	return []collections.Row{
		{Name: "adult", Until: years(collections.TriggerEnd, 6)},
		{Name: "minor", Until: years(collections.FactBirth, 21), AppliesIf: []collections.Condition{
			{Fact: collections.FactBirth, Under: fhir.Period{N: 18, Unit: 'y'}, At: collections.TriggerEnd},
		}},
	}
}

func of(person string, facts ...record.Fact) func(*record.PutRecord) {
	return func(r *record.PutRecord) { r.Subjects, r.Facts = []string{person}, facts }
}

func birth(date string) record.Fact { return record.Fact{Kind: record.FactBirth, Date: date} }

func TestRetention_a_record_that_waits_for_a_fact_is_listed_and_never_due(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	w.law(minors()...)
	person := tokens(1)[0]
	id := w.put("us-a", encounter("1990-06-01"), of(person))
	w.refuses(purgeCall("us-a", id), record.CodeNotDue)
	e := w.explain("us-a", id)
	if e.Code != record.CodeNotDue || e.Due != "" || e.Meta.Due != "" || !strings.Contains(string(e.Assessment), `"missing":["birth"]`) {
		t.Errorf("%+v: %s", e, e.Assessment)
	}
	var p record.Page
	w.mustRead(record.RoleOfficer, record.OpDue, record.DueRequest{Version: 1, Region: "us", Collection: "us-a", Before: record.UndatedDue}, &p)
	if len(p.Entries) != 1 || p.Entries[0].ID != id || p.Entries[0].Date != record.UndatedDue {
		t.Errorf("the due index: %+v", p.Entries)
	}
	// The fact comes later; a person still has to accept the date.
	w.submit(factsCall(record.RoleWriter, person, birth("1950-01-01")))
	w.refuses(purgeCall("us-a", id), record.CodeNotDue)
	if e = w.explain("us-a", id); e.Due != "" || len(e.Facts) != 1 || !strings.Contains(string(e.Assessment), `"due":"1996-06-02"`) {
		t.Errorf("with the fact: %+v: %s", e, e.Assessment)
	}
	w.submit(amendCall(writer, "us-a", record.AmendRecord{ID: id, Facts: e.Facts}))
	w.refuses(purgeCall("us-a", id), record.CodeNotDue)
	w.submit(amendCall(theOfficer, "us-a", record.AmendRecord{ID: id, Facts: e.Facts, Accept: true, Reason: "born in 1950"}))
	if e = w.explain("us-a", id); e.Due != "1996-06-02" || e.Code != "" {
		t.Errorf("accepted: %+v", e)
	}
	w.submit(purgeCall("us-a", id))
}

func TestRetention_a_new_fact_lengthens_at_once_and_shortens_nothing_by_itself(t *testing.T) {
	now := time.Date(2020, 1, 1, 12, 0, 0, 0, time.UTC)
	w := newWorld(t, chaincodetest.Options{Now: func() time.Time { return now }})
	w.law(minors()...)
	person := tokens(1)[0]
	old := w.put("us-a", encounter("2013-06-01"), of(person, birth("1950")))
	if s := w.state("us-a", old); s.DueDate != "" {
		t.Errorf("before the fact is on the ledger it is due %s", s.DueDate)
	}
	w.submit(factsCall(record.RoleWriter, person, birth("1950")))
	if s := w.state("us-a", old); s.DueDate != "2019-06-02" || !s.IsDue || s.Code != "" {
		t.Errorf("with the fact: %+v", s)
	}
	// Another statement about the same birth: the person may have been a child.
	w.submit(factsCall(record.RoleWriter, person, birth("2000-05-05")))
	if s := w.state("us-a", old); s.DueDate != "2021-05-06" || s.IsDue || s.Code != record.CodeNotDue {
		t.Errorf("with another birth: %+v", s)
	}
	w.refuses(purgeCall("us-a", old), record.CodeNotDue)
	e := w.explain("us-a", old)
	w.submit(amendCall(writer, "us-a", record.AmendRecord{ID: old, Facts: e.Facts}))
	if e = w.explain("us-a", old); e.Meta.Due != "2021-05-06" {
		t.Errorf("a later date is taken over: %+v", e.Meta)
	}
	gone := birth("2000-05-05")
	gone.Withdrawn, gone.Reason = true, "another patient's"
	w.submit(factsCall(record.RoleOfficer, person, gone))
	e = w.explain("us-a", old)
	if e.Due != "2021-05-06" || !strings.Contains(string(e.Assessment), `"due":"2019-06-02"`) || len(e.Facts) != 1 {
		t.Errorf("after it was taken back: %+v", e)
	}
	w.submit(amendCall(writer, "us-a", record.AmendRecord{ID: old, Facts: e.Facts}))
	w.refuses(purgeCall("us-a", old), record.CodeNotDue)
	w.refuses(amendCall(writer, "us-a", record.AmendRecord{ID: old, Facts: e.Facts, Accept: true, Reason: "r"}), record.CodeForbidden)
	w.refuses(amendCall(theOfficer, "us-a", record.AmendRecord{ID: old, Facts: e.Facts, Accept: true}), record.CodeBadRequest)
	w.submit(amendCall(theOfficer, "us-a", record.AmendRecord{ID: old, Facts: e.Facts, Accept: true, Reason: "another patient's"}))
	w.submit(purgeCall("us-a", old))
}

func TestRetention_the_whole_last_day_is_kept_in_the_custodians_time_zone(t *testing.T) {
	now := time.Date(2026, 12, 31, 14, 0, 0, 0, time.UTC) // midnight in Brisbane
	w := newWorld(t, chaincodetest.Options{Now: func() time.Time { return now }})
	w.law(collections.Row{Name: "rest", Until: years(collections.TriggerEnd, 7)})
	w.change(func(p *collections.Private) { p.Custodian.Zone = "Australia/Brisbane" })
	id := w.put("us-a", encounter("2019-12-31T23:30:00Z")) // the first of January there
	if s := w.state("us-a", id); s.DueDate != "2027-01-02" {
		t.Errorf("due %s", s.DueDate)
	}
	w.refuses(purgeCall("us-a", id), record.CodeNotDue)
	now = now.Add(24*time.Hour - time.Second)
	w.refuses(purgeCall("us-a", id), record.CodeNotDue)
	now = now.Add(time.Second)
	w.submit(purgeCall("us-a", id))
}

func TestRetention_a_fact_and_a_purge_in_one_block_are_safe(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	w.law(minors()...)
	person := tokens(1)[0]
	w.submit(factsCall(record.RoleWriter, person, birth("1950")))
	id := w.put("us-a", encounter("2001-06-01"), of(person, birth("1950")))
	got, err := w.SubmitTogether(context.Background(), []chaincodetest.Call{
		factsCall(record.RoleWriter, person, birth("2000")), purgeCall("us-a", id),
	})
	if err != nil || got[0].Code != chaincodetest.Valid || got[1].Code != "MVCC_READ_CONFLICT" {
		t.Fatalf("%+v (%v)", got, err)
	}
}

func TestRetention_what_needs_a_review_goes_only_after_one(t *testing.T) {
	for name, row := range map[string]collections.Row{
		"an unconfirmed row can only keep": {Name: "kept", Until: years(collections.TriggerEnd, 6), Confidence: "S"},
		"a row that asks for review":       {Name: "kept", Until: years(collections.TriggerEnd, 6), Action: collections.ActionReview},
		"a row that asks for an archive":   {Name: "kept", Until: years(collections.TriggerEnd, 6), Action: collections.ActionArchive},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, chaincodetest.Options{})
			w.law(row)
			id, young := w.put("us-a", encounter("1999-12-31")), w.put("us-a", encounter("2199-12-31"))
			w.refuses(purgeCall("us-a", young), record.CodeNotDue)
			if e := w.refuses(purgeCall("us-a", id), record.CodeNeedsReview); e.Detail != id {
				t.Errorf("the error names %q", e.Detail)
			}
			if s := w.state("us-a", id); s.Code != record.CodeNeedsReview || !s.IsDue || s.DueDate != "2006-01-01" {
				t.Errorf("state %+v", s)
			}
			review := record.AmendRecord{ID: id, Review: true, Authority: "archivist", Reason: "nothing of lasting value"}
			w.refuses(amendCall(writer, "us-a", review), record.CodeForbidden)
			without := review
			without.Authority = ""
			w.refuses(amendCall(theOfficer, "us-a", without), record.CodeBadRequest)
			w.submit(amendCall(theOfficer, "us-a", review))
			m := w.explain("us-a", id).Meta
			if m.Review == nil || m.Review.Due != "2006-01-01" || m.Review.By == "" || m.Review.Authority != "archivist" {
				t.Errorf("review %+v", m.Review)
			}
			w.submit(purgeCall("us-a", id))
		})
	}
}

func TestRetention_a_review_is_for_its_date_and_no_later_one(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	kept := collections.Row{Name: "kept", Until: years(collections.TriggerEnd, 6), Action: collections.ActionReview}
	w.law(kept)
	id := w.put("us-a", encounter("1999-12-31"))
	w.submit(amendCall(theOfficer, "us-a", record.AmendRecord{ID: id, Review: true, Authority: "a", Reason: "r"}))
	kept.Until = years(collections.TriggerEnd, 7)
	w.law(kept)
	w.refuses(purgeCall("us-a", id), record.CodeNeedsReview)
	undated := w.put("us-a", []byte(`{"resourceType":"Organization"}`))
	w.refuses(amendCall(theOfficer, "us-a", record.AmendRecord{ID: undated, Review: true, Authority: "a", Reason: "r"}), record.CodeNotDue)
}

func TestRetention_without_jurisdiction_or_row_nothing_is_ever_due(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	id := w.put("us-a", encounter("1999-12-31"))
	w.part(func(p *collections.Private) { p.Custodian.Jurisdictions = nil })
	w.refuses(purgeCall("us-a", id), record.CodeNotDue)
	w.law(collections.Row{Name: "claims", When: collections.Selector{Types: []string{"Claim"}}, Until: years(collections.TriggerEnd, 1)})
	w.refuses(purgeCall("us-a", id), record.CodeNotDue)
	if s := w.state("us-a", id); s.DueDate != "" || s.IsDue || s.Code != record.CodeNotDue {
		t.Errorf("%+v", s)
	}
}

func TestExplain_tells_what_decided_and_nothing_of_what_is_gone(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	person := tokens(1)[0]
	id := w.put("us-a", encounter("1999-12-31"), of(person))
	w.submit(subjectHold(record.OpHold, "m1", person))
	w.submit(holdCall(record.OpHold, id))
	w.submit(queryHold(record.OpHold, record.Query{Types: []string{"Encounter"}}))
	w.submit(act(theOfficer, record.OpLimit, limitRequest(false, person)))
	e := w.explain("us-a", id)
	if e.Code != record.CodeHeld || !slices.Equal(e.Matters, []string{"m", "m1"}) || !e.Limited || e.Due != "2006-01-01" {
		t.Errorf("%+v", e)
	}
	var a collections.Assessment
	if err := json.Unmarshal(e.Assessment, &a); err != nil || a.Row != "care" || len(a.Considered) == 0 {
		t.Errorf("assessment %s (%v)", e.Assessment, err)
	}
	if e := w.explain("us-a", record.NewID()); e.Meta != nil || e.Assessment != nil {
		t.Errorf("of no record: %+v", e)
	}
	_, err := w.read(record.RoleReader, record.OpExplain, record.ExplainRequest{Version: 1, Region: "us", Collection: "us-a", IDs: []string{id}})
	wantCode(t, err, record.CodeForbidden)
}

func TestAccess_to_what_concerns_a_person_is_closed_to_readers_and_writers(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	person := tokens(1)[0]
	id := w.put("us-a", encounter("1999-12-31"), of(person))
	other := w.put("us-a", encounter("1999-12-31"), of(tokens(1)[0]))
	w.submit(act(theOfficer, record.OpLimit, limitRequest(false, person)))
	wantCode(t, w.get(record.RoleReader, "us-a", id), record.CodeLimited)
	wantCode(t, w.get(record.RoleWriter, "us-a", id), record.CodeLimited)
	if err := w.get(record.RoleOfficer, "us-a", id); err != nil {
		t.Errorf("an officer is refused: %v", err)
	}
	if err := w.get(record.RoleReader, "us-a", other); err != nil {
		t.Errorf("another person's record: %v", err)
	}
	wantCode(t, w.get(record.RoleOfficer, "us-a", other), record.CodeForbidden)
	w.submit(act(otherOfficer, record.OpLimit, limitRequest(true, person)))
	if err := w.get(record.RoleReader, "us-a", id); err != nil {
		t.Errorf("after it was lifted: %v", err)
	}
}
