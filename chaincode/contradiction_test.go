package chaincode_test

import (
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
