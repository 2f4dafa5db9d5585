package chaincode_test

import (
	"slices"
	"testing"
	"time"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
	"domicile/collections"
)

func TestRetention_an_approval_does_not_outlive_the_rows_it_was_given_under(t *testing.T) {
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	w := newWorld(t, chaincodetest.Options{Now: func() time.Time { return now }})
	w.law(collections.Row{Name: "a", Until: years(collections.TriggerEnd, 10), Action: "review"})
	id := w.put("us-a", encounter("2015-01-01"))
	w.submit(amendCall(theOfficer, "us-a", record.AmendRecord{ID: id, Review: true, Authority: "x", Reason: "y"}))
	w.law(collections.Row{Name: "a", Until: years(collections.TriggerEnd, 10), Action: "review"}, collections.Row{Name: "litigation", Until: years(collections.TriggerEnd, 9), Action: "archive"})
	w.refuses(purgeCall("us-a", id), record.CodeNeedsReview)
}

// around puts the us into the uk, whose rows then bind it, too.
func (w *world) around(rows ...collections.Row) func(*collections.Policy) {
	return func(p *collections.Policy) {
		uk, _ := p.Region("uk")
		was := uk.Retention
		for i := range p.Regions {
			switch r := &p.Regions[i]; r.Name {
			case "uk":
				r.Retention = slices.Concat(was, rows)
			case "us":
				r.Within = "uk"
			}
		}
	}
}

func TestRetention_the_rows_of_the_region_around_bind_a_record_too(t *testing.T) {
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	w := newWorld(t, chaincodetest.Options{Now: func() time.Time { return now }})
	id := w.put("us-a", encounter("1999-12-31"))
	top := collections.Row{Name: "top", Kind: collections.KindFloor, Until: years(collections.TriggerEnd, 40), Action: collections.ActionPurge, Authority: "test"}
	w.adopt(w.around(top))
	if s := w.state("us-a", id); s.DueDate != "2040-01-01" {
		t.Errorf("due %s", s.DueDate)
	}
	w.refuses(purgeCall("us-a", id), record.CodeNotDue)
}

func TestRetention_an_approval_does_not_outlive_the_rows_of_the_region_around(t *testing.T) {
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	w := newWorld(t, chaincodetest.Options{Now: func() time.Time { return now }})
	row := collections.Row{Name: "top", Kind: collections.KindFloor, Until: years(collections.TriggerEnd, 10), Action: collections.ActionReview, Authority: "test"}
	w.adopt(w.around(row))
	first, second := w.put("us-a", encounter("2010-01-01")), w.put("us-a", encounter("2010-01-01"))
	for _, id := range []string{first, second} {
		w.refuses(purgeCall("us-a", id), record.CodeNeedsReview)
		w.submit(amendCall(theOfficer, "us-a", record.AmendRecord{ID: id, Review: true, Authority: "x", Reason: "y"}))
	}
	w.submit(purgeCall("us-a", first))
	row.Authority = "the same, amended"
	w.adopt(w.around(row))
	w.refuses(purgeCall("us-a", second), record.CodeNeedsReview)
}

func TestRetention_an_approval_does_not_reach_a_date_that_a_later_fact_gives(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	w.law(collections.Row{Name: "kept", Until: years(collections.FactLastEncounter, 6), Action: collections.ActionReview})
	p := tokens(1)[0]
	seen := record.Fact{Kind: record.FactLastEncounter, Date: "1990-01-01"}
	w.submit(factsCall(record.RoleWriter, p, seen))
	id := w.put("us-a", encounter("1990-01-01"), of(p, seen))
	w.submit(amendCall(theOfficer, "us-a", record.AmendRecord{ID: id, Review: true, Authority: "a", Reason: "r"}))
	if s := w.state("us-a", id); s.Code != "" {
		t.Fatalf("approved, and yet %s", s.Code)
	}
	w.submit(factsCall(record.RoleWriter, p, record.Fact{Kind: record.FactLastEncounter, Date: "1999-01-01"}))
	if s := w.state("us-a", id); s.DueDate != "2005-01-02" {
		t.Errorf("due %s", s.DueDate)
	}
	w.refuses(purgeCall("us-a", id), record.CodeNeedsReview)
}

func TestWithdrawn_only_the_end_of_a_consent_that_has_passed_ends_a_copy(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	w := newWorld(t, chaincodetest.Options{Now: func() time.Time { return now }})
	person := tokens(1)[0]
	id := w.copyOf(&record.Terms{Authority: "agreement 7"}, person)
	say := func(kind, date string) {
		facts := factsRequest(person, record.Fact{Kind: kind, Date: date})
		facts.Collection = "us-ab"
		w.submit(both(writer, record.OpFacts, facts))
	}
	say(record.FactLastEncounter, "2026-05-01")
	say(record.FactDeath, "2026-05-01")
	w.refuses(withdrawCall(id), record.CodeNotDue)
	say(record.FactConsentEnd, "2026-06-01")
	w.refuses(withdrawCall(id), record.CodeNotDue) // the consent holds to the end of this day
	now = now.AddDate(0, 0, 1)
	w.submit(withdrawCall(id))
}

func TestWithdrawn_a_consent_that_ended_before_the_copy_was_made_is_not_its_own(t *testing.T) {
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	w := newWorld(t, chaincodetest.Options{Now: func() time.Time { return now }})
	person := tokens(1)[0]
	facts := factsRequest(person, record.Fact{Kind: record.FactConsentEnd, Date: "2010-03"})
	facts.Collection = "us-ab"
	w.submit(both(writer, record.OpFacts, facts))
	now = now.Add(time.Minute)
	id := w.copyOf(&record.Terms{Until: "2199-03-31", Authority: "agreement 7"}, person)
	w.refuses(withdrawCall(id), record.CodeNotDue)
	now = now.Add(time.Minute)
	facts = factsRequest(person, record.Fact{Kind: record.FactConsentEnd, Date: "2011"})
	facts.Collection = "us-ab"
	w.submit(both(writer, record.OpFacts, facts))
	w.submit(withdrawCall(id))
}

func TestRetention_care_long_after_a_death_asks_for_review(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	row := collections.Row{Name: "ct", Until: []collections.Until{years(collections.FactLastEncounter, 7)[0], years(collections.FactDeath, 3)[0]}, Combine: "min"}
	w.law(row)
	p := tokens(1)[0]
	f := []record.Fact{{Kind: "last-encounter", Date: "2026-01-01"}, {Kind: "death", Date: "1990-01-01"}}
	w.submit(factsCall(record.RoleWriter, p, f...))
	id := w.put("us-a", encounter("2026-01-01"), of(p, f...))
	w.refuses(purgeCall("us-a", id), record.CodeNeedsReview)
}

func TestRetention_a_death_on_record_later_shortens_nothing_by_itself(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	row := collections.Row{Name: "ct", Until: []collections.Until{years(collections.FactLastEncounter, 7)[0], years(collections.FactDeath, 3)[0]}, Combine: "min"}
	w.law(row)
	p := tokens(1)[0]
	f := []record.Fact{{Kind: "last-encounter", Date: "2026-01-01"}}
	w.submit(factsCall(record.RoleWriter, p, f...))
	id := w.put("us-a", encounter("2026-01-01"), of(p, f...))
	d := record.Fact{Kind: "death", Date: "1990-01-01"}
	w.submit(factsCall(record.RoleWriter, p, d))
	w.submit(amendCall(writer, "us-a", record.AmendRecord{ID: id, Facts: append(f, d)}))
	w.refuses(purgeCall("us-a", id), record.CodeNotDue)
}
