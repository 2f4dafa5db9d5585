package chaincode_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
)

var otherOfficer = usHospital(chaincodetest.SecondOfficer)

// act makes an officer's call of a write on us-a.
func act(as chaincodetest.Identity, op string, req any) chaincodetest.Call {
	return chaincodetest.Write(as, op, req, atHospital)
}

func holdRequest(change func(*record.HoldRequest)) record.HoldRequest {
	req := record.HoldRequest{Version: 1, Region: "us", Collection: "us-a", Seed: chaincodetest.Random(32), Matter: "m", Authority: "a", Reason: "r"}
	change(&req)
	return req
}

func queryHold(op string, q record.Query) chaincodetest.Call {
	return act(officer(op), op, holdRequest(func(r *record.HoldRequest) { r.Query = &q }))
}

func subjectHold(op, matter string, subjects ...string) chaincodetest.Call {
	return act(officer(op), op, holdRequest(func(r *record.HoldRequest) { r.Matter, r.Subjects = matter, subjects }))
}

func factsRequest(subject string, list ...record.Fact) record.FactsRequest {
	return record.FactsRequest{
		Version: 1, Region: "us", Collection: "us-a", Seed: chaincodetest.Random(32),
		Subjects: []record.SubjectFacts{{Subject: subject, Facts: list}},
	}
}

func factsCall(role, subject string, list ...record.Fact) chaincodetest.Call {
	return act(usHospital(role), record.OpFacts, factsRequest(subject, list...))
}

func limitRequest(lift bool, subjects ...string) record.LimitRequest {
	return record.LimitRequest{
		Version: 1, Region: "us", Collection: "us-a", Seed: chaincodetest.Random(32),
		Subjects: subjects, Lift: lift, Reference: "c1", Authority: "a", Reason: "r",
	}
}

func caseRequest(action string, subjects ...string) record.CaseRequest {
	req := record.CaseRequest{
		Version: 1, Region: "us", Collection: "us-a", Seed: chaincodetest.Random(32),
		Case: "c1", Action: action, Authority: "a", Reason: "r",
	}
	if action == record.CaseOpen {
		req.Law, req.Subjects, req.Received, req.Deadline = record.LawGDPR, subjects, "2026-01-02", "2026-02-02"
	}
	return req
}

// I2: nobody outside can tell a hold from a fact, a restriction or a case.
func TestI2_T06_hold_release_fact_restriction_and_case_have_one_public_shape(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	person, id := tokens(1)[0], w.put("us-a", encounter("1999-12-31"))
	officer1 := usHospital(record.RoleOfficer)
	acts := []struct {
		name string
		call chaincodetest.Call
	}{
		{"a hold on a record", holdCall(record.OpHold, id)},
		{"the same hold again", holdCall(record.OpHold, id)},
		{"a hold on a subject", subjectHold(record.OpHold, "m", person)},
		{"a hold by query", queryHold(record.OpHold, record.Query{Types: []string{"Claim"}})},
		{"the same query again", queryHold(record.OpHold, record.Query{Types: []string{"Claim"}})},
		{"a release of a record", holdCall(record.OpRelease, id)},
		{"a release of a subject", subjectHold(record.OpRelease, "m", person)},
		{"a release by query", queryHold(record.OpRelease, record.Query{Types: []string{"Claim"}})},
		{"a fact", factsCall(record.RoleWriter, person, record.Fact{Kind: record.FactBirth, Date: "1980"})},
		{"the same fact again", factsCall(record.RoleWriter, person, record.Fact{Kind: record.FactBirth, Date: "1980"})},
		{"a fact taken back", factsCall(record.RoleOfficer, person, record.Fact{Kind: record.FactBirth, Date: "1980", Withdrawn: true, Reason: "typing error"})},
		{"a restriction", act(officer1, record.OpLimit, limitRequest(false, person))},
		{"a restriction lifted", act(otherOfficer, record.OpLimit, limitRequest(true, person))},
		{"a case opened", act(officer1, record.OpCase, caseRequest(record.CaseOpen, tokens(5)...))},
		{"a case approved", act(otherOfficer, record.OpCase, caseRequest(record.CaseApprove))},
		{"a case closed", act(officer1, record.OpCase, caseRequest(record.CaseClose))},
	}
	want := ""
	for _, a := range acts {
		tx, err := w.Endorsed(a.call)
		if err != nil {
			t.Fatalf("%s: %v", a.name, err)
		}
		if want == "" {
			want = tx.Shape()
		}
		if got := tx.Shape(); got != want {
			t.Errorf("%s shows %s\nthe first one shows %s", a.name, got, want)
		}
		for _, mark := range []string{person, id, "typing error", "Claim", "gdpr-17"} {
			if strings.Contains(string(tx.Public()), mark) {
				t.Errorf("%s shows %q", a.name, mark)
			}
		}
		w.submit(a.call)
	}
}

// Else a person who set a hold could have another extend it, and then release all.
func TestHolds_the_setter_of_a_matter_releases_no_extension_of_it_by_another(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	people := tokens(2)
	hold := func(as chaincodetest.Identity, op string, subjects ...string) chaincodetest.Call {
		return act(as, op, holdRequest(func(r *record.HoldRequest) { r.Matter, r.IDs, r.Subjects = "m", nil, subjects }))
	}
	w.submit(hold(theOfficer, record.OpHold, people[0]))
	w.submit(hold(otherOfficer, record.OpHold, people...))
	w.refuses(hold(theOfficer, record.OpRelease, people[0]), record.CodeSamePerson)
	w.refuses(hold(theOfficer, record.OpRelease, people[1]), record.CodeSamePerson)
	w.refuses(hold(otherOfficer, record.OpRelease, people[1]), record.CodeSamePerson)
	w.submit(hold(otherOfficer, record.OpRelease, people[0]))
}

func TestHolds_several_matters_stand_at_once_and_nobody_releases_his_own(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	id := w.put("us-a", encounter("1999-12-31"))
	w.submit(holdCall(record.OpHold, id))
	own := holdCall(record.OpRelease, id)
	own.As = usHospital(record.RoleOfficer)
	if e := w.refuses(own, record.CodeSamePerson); e.Detail != id {
		t.Errorf("the error names %q", e.Detail)
	}
	w.refuses(purgeCall("us-a", id), record.CodeHeld)
	w.submit(holdCall(record.OpRelease, id))
	w.submit(purgeCall("us-a", id))

	person := tokens(1)[0]
	id = w.put("us-a", encounter("1999-12-31"), func(r *record.PutRecord) { r.Subjects = []string{person} })
	for i := range 100 {
		w.submit(subjectHold(record.OpHold, fmt.Sprint("m", i), person))
	}
	w.refuses(subjectHold(record.OpHold, "one more", person), record.CodeTooLarge)
	w.submit(subjectHold(record.OpHold, "m99", person)) // set already
	w.refuses(subjectHold(record.OpRelease, "unknown", person), record.CodeNotHeld)
	for i := range 100 {
		w.refuses(purgeCall("us-a", id), record.CodeHeld)
		w.submit(subjectHold(record.OpRelease, fmt.Sprint("m", i), person))
	}
	w.submit(purgeCall("us-a", id))
}

func TestHolds_by_query_take_what_they_choose_and_end_as_they_were_set(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	encounters := record.Query{Types: []string{"Encounter", "Procedure"}, From: "1998-01-01", To: "1999-12-31"}
	old, hit := w.put("us-a", encounter("1997-12-31")), w.put("us-a", encounter("1999-12-31"))
	other := w.put("us-a", []byte(`{"resourceType":"Procedure","status":"completed","performedPeriod":{"end":"1990"}}`))
	w.submit(queryHold(record.OpHold, encounters))
	w.submit(purgeCall("us-a", old))
	w.submit(purgeCall("us-a", other))
	if e := w.refuses(purgeCall("us-a", hit), record.CodeHeld); e.Detail != hit {
		t.Errorf("the error names %q", e.Detail)
	}
	if !w.state("us-a", hit).Held {
		t.Error("the record does not say that it is held")
	}
	var list []record.Hold
	w.mustRead(record.RoleAuditor, record.OpHolds, record.HoldsRequest{Version: 1, Region: "us", Collection: "us-a", Queries: true}, &list)
	if len(list) != 1 || list[0].Query == nil || len(list[0].Matters) != 1 || list[0].Query.Query.From != "1998-01-01" {
		t.Errorf("holds by query: %+v", list)
	}
	w.mustRead(record.RoleAuditor, record.OpHolds, record.HoldsRequest{Version: 1, Region: "us", Collection: "us-a2", Queries: true}, &list)
	if len(list) != 0 {
		t.Errorf("holds by query of the sibling: %+v", list)
	}
	w.refuses(queryHold(record.OpRelease, record.Query{Types: []string{"Encounter"}}), record.CodeNotHeld)
	own := queryHold(record.OpRelease, encounters)
	own.As = usHospital(record.RoleOfficer)
	w.refuses(own, record.CodeSamePerson)
	slices.Reverse(encounters.Types)
	w.submit(queryHold(record.OpRelease, encounters))
	w.submit(purgeCall("us-a", hit))
}

// A year or a month on record is any of its days, and a time of day may be of the day
// before: a hold in doubt holds.
func TestHolds_by_query_take_every_record_that_may_have_ended_in_their_days(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	year, month, day := w.put("us-a", encounter("1999")), w.put("us-a", encounter("1999-06")), w.put("us-a", encounter("1999-06-15T23:30:00-05:00"))
	after := w.put("us-a", encounter("1999-06-17"))
	w.submit(queryHold(record.OpHold, record.Query{From: "1999-06-10", To: "1999-06-15"}))
	for _, id := range []string{year, month, day} {
		w.refuses(purgeCall("us-a", id), record.CodeHeld)
	}
	w.submit(purgeCall("us-a", after))
}

// A label of a query without a system stands for any, and takes what is a kind of it.
func TestHolds_by_query_without_a_system_take_more_special_codes_too(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	q := record.Query{Labels: []record.Label{{Code: "SUD"}}}
	hold := func(as chaincodetest.Identity, op string) chaincodetest.Call {
		return act(as, op, holdRequest(func(r *record.HoldRequest) { r.Query, r.Collection = &q, "us-a2" }))
	}
	id := w.put("us-a2", encounter("1999-12-31"), withLabels(confidentiality("R"), actCode("OPIOIDUD")))
	w.submit(hold(theOfficer, record.OpHold))
	w.refuses(purgeCall("us-a2", id), record.CodeHeld)
	w.submit(hold(otherOfficer, record.OpRelease))
	w.submit(purgeCall("us-a2", id))
}

func TestHolds_by_query_are_bounded(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	for i := range record.MaxQueries {
		w.submit(queryHold(record.OpHold, record.Query{From: fmt.Sprintf("%d-01-01", 2100+i)}))
	}
	w.refuses(queryHold(record.OpHold, record.Query{From: "2300-01-01"}), record.CodeTooLarge)
	w.submit(queryHold(record.OpHold, record.Query{From: "2100-01-01"})) // set already
}

func TestI9_a_hold_by_query_and_a_purge_in_one_block_never_purge_a_held_record(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	q := record.Query{Types: []string{"Encounter"}}
	id := w.put("us-a", encounter("1999-12-31"))
	got, err := w.SubmitTogether(context.Background(), []chaincodetest.Call{queryHold(record.OpHold, q), purgeCall("us-a", id)})
	if err != nil || got[0].Code != chaincodetest.Valid || got[1].Code != "MVCC_READ_CONFLICT" {
		t.Fatalf("hold first: %+v (%v)", got, err)
	}
	w.refuses(purgeCall("us-a", id), record.CodeHeld)
	w.submit(queryHold(record.OpRelease, q))
	got, err = w.SubmitTogether(context.Background(), []chaincodetest.Call{purgeCall("us-a", id), queryHold(record.OpHold, q)})
	if err != nil || got[0].Code != chaincodetest.Valid || got[1].Code != chaincodetest.Valid {
		t.Fatalf("purge first: %+v (%v)", got, err)
	}
	if s := w.state("us-a", id); s.State != record.InsideGone {
		t.Errorf("the record is %s", s.State)
	}
}

func TestFacts_are_added_and_never_overwritten(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	person := tokens(1)[0]
	birth := record.Fact{Kind: record.FactBirth, Date: "1980-02", Source: "import"}
	get := func() []record.Fact {
		t.Helper()
		var out []record.SubjectFacts
		w.mustRead(record.RoleReader, record.OpFactsOf, record.FactsOfRequest{Version: 1, Region: "us", Collection: "us-a2", Subjects: []string{person}}, &out)
		if len(out) != 1 || out[0].Subject != person {
			t.Fatalf("%+v", out)
		}
		return out[0].Facts
	}
	w.submit(factsCall(record.RoleWriter, person, birth, record.Fact{Kind: record.FactBirth, Date: "1981"}))
	w.submit(factsCall(record.RoleWriter, person, birth))
	if got := get(); len(got) != 2 || got[0].Date != "1980-02" || got[0].Source != "import" || got[0].By == "" || got[0].At == "" || got[0].Tx == "" {
		t.Fatalf("%+v", got)
	}
	gone := birth
	gone.Withdrawn, gone.Reason = true, "typing error"
	w.refuses(factsCall(record.RoleWriter, person, gone), record.CodeForbidden)
	w.submit(factsCall(record.RoleOfficer, person, gone))
	w.submit(factsCall(record.RoleOfficer, person, gone))
	if got := get(); len(got) != 3 || !got[2].Withdrawn || got[2].Reason == "" {
		t.Fatalf("after it was taken back: %+v", got)
	}
	w.submit(factsCall(record.RoleWriter, person, birth)) // the next import
	if got := get(); len(got) != 3 {
		t.Fatalf("an import undid an officer's word: %+v", got)
	}
	w.submit(factsCall(record.RoleOfficer, person, birth))
	if got := get(); len(got) != 4 || got[3].Withdrawn {
		t.Fatalf("an officer's second thought: %+v", got)
	}
	many := make([]record.Fact, record.MaxFacts-3)
	for i := range many {
		many[i] = record.Fact{Kind: record.FactLastEncounter, Date: fmt.Sprintf("%04d", 1000+i)}
	}
	for i := range many {
		many[i].Kind = record.FactConsentEnd // each one counts
	}
	w.refuses(factsCall(record.RoleWriter, person, many...), record.CodeTooLarge)
	w.submit(factsCall(record.RoleWriter, person, many[1:]...))
	if got := get(); len(got) != record.MaxFacts {
		t.Errorf("%d facts", len(got))
	}
}

// Whoever comes three times a week has more encounters than the register keeps facts.
// Only the latest counts, and the import of the next one must not fail.
func TestFacts_of_a_person_who_comes_often_make_room_for_the_latest(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	person := tokens(1)[0]
	wrong := record.Fact{Kind: record.FactLastEncounter, Date: "1999-01-01"}
	w.submit(factsCall(record.RoleWriter, person, wrong, record.Fact{Kind: record.FactBirth, Date: "1950"}))
	wrong.Withdrawn, wrong.Reason = true, "another patient's"
	w.submit(factsCall(record.RoleOfficer, person, wrong))
	day := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	for range 4 {
		var list []record.Fact
		for range 100 {
			day = day.AddDate(0, 0, 2)
			list = append(list, record.Fact{Kind: record.FactLastEncounter, Date: day.Format(time.DateOnly)})
		}
		w.submit(factsCall(record.RoleWriter, person, list...))
	}
	var out []record.SubjectFacts
	w.mustRead(record.RoleReader, record.OpFactsOf, record.FactsOfRequest{Version: 1, Region: "us", Collection: "us-a", Subjects: []string{person}}, &out)
	has := func(kind, date string, withdrawn bool) bool {
		return slices.ContainsFunc(out[0].Facts, func(f record.Fact) bool { return f.Kind == kind && f.Date == date && f.Withdrawn == withdrawn })
	}
	if n := len(out[0].Facts); n != record.MaxFacts || !has(record.FactLastEncounter, day.Format(time.DateOnly), false) || !has(record.FactBirth, "1950", false) {
		t.Errorf("%d facts", n)
	}
	if !has(record.FactLastEncounter, "1999-01-01", true) || has(record.FactLastEncounter, "2000-01-03", false) {
		t.Error("what was taken back is gone, or what is oldest is not")
	}
	wrong.Withdrawn, wrong.Reason = false, ""
	w.submit(factsCall(record.RoleWriter, person, wrong)) // the next import
	w.mustRead(record.RoleReader, record.OpFactsOf, record.FactsOfRequest{Version: 1, Region: "us", Collection: "us-a", Subjects: []string{person}}, &out)
	if n := len(out[0].Facts); n != record.MaxFacts {
		t.Errorf("an import undid an officer's word: %d facts", n)
	}
}

func TestAccess_is_restricted_by_one_officer_and_released_by_another(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	person := tokens(1)[0]
	w.submit(act(usHospital(record.RoleOfficer), record.OpLimit, limitRequest(false, person)))
	w.refuses(act(usHospital(record.RoleOfficer), record.OpLimit, limitRequest(true, person)), record.CodeSamePerson)
	var list []record.Hold
	ask := record.HoldsRequest{Version: 1, Region: "us", Collection: "us-a", Subjects: []string{person}}
	w.mustRead(record.RoleOfficer, record.OpHolds, ask, &list)
	if len(list) != 1 || len(list[0].Limits) != 1 || list[0].Limits[0].Reference != "c1" || len(list[0].Matters) != 0 {
		t.Errorf("%+v", list)
	}
	w.submit(act(otherOfficer, record.OpLimit, limitRequest(true, person)))
	w.refuses(act(otherOfficer, record.OpLimit, limitRequest(true, person)), record.CodeNotHeld)
}

func TestA_case_is_opened_by_one_officer_and_approved_by_another(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	one, person := usHospital(record.RoleOfficer), tokens(1)[0]
	ask := record.CasesRequest{Version: 1, Region: "us", Collection: "us-a", Case: "c1"}
	_, err := w.read(record.RolePurger, record.OpCases, ask)
	wantCode(t, err, record.CodeNoCase)
	w.refuses(act(one, record.OpCase, caseRequest(record.CaseApprove)), record.CodeNoCase)
	w.submit(act(one, record.OpCase, caseRequest(record.CaseOpen, person)))
	w.submit(act(one, record.OpCase, caseRequest(record.CaseOpen, person)))
	w.refuses(act(one, record.OpCase, caseRequest(record.CaseOpen, tokens(1)...)), record.CodeExists)
	w.refuses(act(one, record.OpCase, caseRequest(record.CaseApprove)), record.CodeSamePerson)
	w.refuses(act(usHospital(chaincodetest.RenewedOfficer), record.OpCase, caseRequest(record.CaseApprove)), record.CodeSamePerson)
	w.submit(act(otherOfficer, record.OpCase, caseRequest(record.CaseApprove)))
	var k record.Case
	w.mustRead(record.RoleAuditor, record.OpCases, ask, &k)
	if k.OpenedBy == "" || k.ApprovedBy == "" || k.OpenedBy == k.ApprovedBy || k.ClosedAt != "" || !slices.Equal(k.Subjects, []string{person}) {
		t.Errorf("%+v", k)
	}
	w.submit(act(one, record.OpCase, caseRequest(record.CaseClose)))
	w.refuses(act(otherOfficer, record.OpCase, caseRequest(record.CaseApprove)), record.CodeNoCase)
	w.refuses(act(one, record.OpCase, caseRequest(record.CaseOpen, person)), record.CodeExists)
}
