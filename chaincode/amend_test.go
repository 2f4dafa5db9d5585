package chaincode_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
)

// A batch is filled up with records that stay as they are, so nobody outside can
// tell which one was meant, or what was done.
func TestI2_T06_amendments_have_one_public_shape_whatever_they_change(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	dated := func() string {
		return w.put("us-a", encounter("1999-12-31"), func(r *record.PutRecord) { r.Subjects = tokens(3) })
	}
	undated := w.put("us-a", []byte(`{"resourceType":"Organization"}`))
	want := ""
	for name, c := range map[string]struct {
		as  chaincodetest.Identity
		rec record.AmendRecord
	}{
		"nothing":            {writer, record.AmendRecord{ID: dated()}},
		"nothing of undated": {writer, record.AmendRecord{ID: undated}},
		"a fact":             {writer, record.AmendRecord{ID: dated(), Facts: []record.Fact{birth("1980")}}},
		"labels":             {writer, relabelTo(dated(), "", confidentiality("R"), actCode("HIV"))},
		"the same labels":    {writer, relabelTo(dated(), "", confidentiality("N"))},
		"a downgrade":        {theOfficer, relabelTo(dated(), "released", confidentiality("M"))},
		"an acceptance":      {theOfficer, record.AmendRecord{ID: dated(), Accept: true, Reason: "r"}},
		"a review":           {theOfficer, record.AmendRecord{ID: dated(), Review: true, Authority: "a", Reason: "r"}},
	} {
		tx, err := w.Endorsed(amendCall(c.as, "us-a", c.rec))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if want == "" {
			want = tx.Shape()
		}
		if got := tx.Shape(); got != want {
			t.Errorf("%s shows %s\nanother shows %s", name, got, want)
		}
	}
	if !strings.Contains(want, "us-a:reads=2,params=0,writes=map[del=false,purge=false:2 del=true,purge=true:1]") {
		t.Errorf("an amendment shows %s", want)
	}
}

func TestT21_a_downgrade_is_refused_without_authority_and_the_history_is_kept(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	id := w.put("us-a2", encounter("1999-12-31", "ETH"), withLabels(confidentiality("R"), actCode("SUD")))
	before := w.explain("us-a2", id).Meta
	for name, c := range map[string]struct {
		as     chaincodetest.Identity
		reason string
		labels []record.Label
	}{
		"a label dropped by a writer":       {writer, "r", []record.Label{confidentiality("R")}},
		"a label dropped without a reason":  {theOfficer, "", []record.Label{confidentiality("R")}},
		"a label made wider":                {writer, "", []record.Label{confidentiality("R"), actCode("ETH")}},
		"confidentiality lowered":           {writer, "", []record.Label{confidentiality("N"), actCode("SUD")}},
		"confidentiality lowered, no words": {theOfficer, " ", []record.Label{confidentiality("N"), actCode("SUD")}},
	} {
		e := w.refuses(amendCall(c.as, "us-a2", relabelTo(id, c.reason, c.labels...)), record.CodeDowngrade)
		if e.Detail != id {
			t.Errorf("%s: the error names %q", name, e.Detail)
		}
	}
	w.submit(amendCall(writer, "us-a2", relabelTo(id, "", confidentiality("V"), actCode("OPIOIDUD"))))
	w.submit(amendCall(theOfficer, "us-a2", relabelTo(id, "patient's wish", confidentiality("N"))))
	m := w.explain("us-a2", id).Meta
	if len(m.History) != 2 || m.History[0].Digest != before.LabelDigest || codes(m.History[0].Labels) != codes(before.Labels) ||
		m.History[1].Reason != "patient's wish" || m.History[1].By == m.History[0].By || m.History[1].At == "" || m.History[1].Tx == "" {
		t.Errorf("history %+v", m.History)
	}
	if codes(m.Labels) != "N/rule" {
		t.Errorf("labels %s", codes(m.Labels))
	}
}

func TestLabels_change_by_amendment_under_the_rules_of_a_put(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	id := w.put("us-a", encounter("1999-12-31"))
	part2 := actCode("42CFRPart2")
	for _, c := range []struct {
		origin string
		as     chaincodetest.Identity
		reason string
		want   record.Code
	}{
		{record.OriginRule, writer, "", record.CodeBadLabels},
		{record.OriginInbound, writer, "", record.CodeBadLabels},
		{record.OriginOfficer, writer, "r", record.CodeBadLabels},
		{record.OriginOfficer, theOfficer, "", record.CodeBadLabels},
		{record.OriginOfficer, theOfficer, "programme record", ""},
		{record.OriginInbound, writer, "", ""}, // carried now
	} {
		part2.Origin = c.origin
		call := amendCall(c.as, "us-a", relabelTo(id, c.reason, confidentiality("R"), part2))
		if c.want == "" {
			w.submit(call)
		} else {
			w.refuses(call, c.want)
		}
	}
	w.refuses(amendCall(writer, "us-a", relabelTo(id, "")), record.CodeBadLabels)
	w.refuses(amendCall(writer, "us-a", relabelTo(id, "", confidentiality("V"), part2, actCode("NOREDISCLOSE"))), record.CodeUnknownLabel)
}

func TestLabel_history_is_bounded_and_forgets_nothing(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	id := w.put("us-a", encounter("1999-12-31"))
	for i := range 64 {
		w.submit(amendCall(theOfficer, "us-a", relabelTo(id, fmt.Sprint("change ", i), confidentiality("MR"[i%2:i%2+1]))))
	}
	if e := w.refuses(amendCall(theOfficer, "us-a", relabelTo(id, "one more", confidentiality("V"))), record.CodeTooLarge); e.Detail != id {
		t.Errorf("the error names %q", e.Detail)
	}
	if m := w.explain("us-a", id).Meta; len(m.History) != 64 || m.History[0].Reason != "change 0" {
		t.Errorf("%d entries", len(m.History))
	}
	w.submit(purgeCall("us-a", id))
}

func TestAmend_names_what_is_absent_or_gone(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	gone, half := w.put("us-a", encounter("1999-12-31")), w.put("us-a", encounter("1999-12-31"))
	w.submit(purgeCall("us-a", gone))
	body := purgeRequest("us-a", half)
	body.Part = record.PartBody
	w.submit(act(usHospital(record.RolePurger), record.OpPurge, body))
	w.refuses(amendCall(writer, "us-a", record.AmendRecord{ID: gone}), record.CodeGone)
	w.refuses(amendCall(writer, "us-a", record.AmendRecord{ID: half}), record.CodeGone)
	w.refuses(amendCall(writer, "us-a", record.AmendRecord{ID: record.NewID()}), record.CodeAbsent)
}

func TestAmend_leaves_one_due_entry_that_a_purge_takes(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	before := len(w.PrivateKeys("UsHospital", "us-a"))
	id := w.put("us-a", encounter("1999-12-31"))
	for range 3 {
		w.submit(amendCall(writer, "us-a", record.AmendRecord{ID: id}))
	}
	if n := len(w.PrivateKeys("UsHospital", "us-a")); n != before+record.KeysPerRecord {
		t.Errorf("%d keys, want %d", n-before, record.KeysPerRecord)
	}
	w.submit(purgeCall("us-a", id))
	if n := len(w.PrivateKeys("UsHospital", "us-a")); n != before {
		t.Errorf("%d keys are left", n-before)
	}
}

func TestI9_an_amendment_and_a_purge_in_one_block_are_safe_in_both_orders(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	for _, first := range []string{"amendment", "purge"} {
		id := w.put("us-a", encounter("1999-12-31"))
		calls := []chaincodetest.Call{amendCall(writer, "us-a", record.AmendRecord{ID: id}), purgeCall("us-a", id)}
		want := record.InsidePresent
		if first == "purge" {
			calls[0], calls[1] = calls[1], calls[0]
			want = record.InsideGone
		}
		got, err := w.SubmitTogether(context.Background(), calls)
		if err != nil || got[0].Code != chaincodetest.Valid || got[1].Code != "MVCC_READ_CONFLICT" {
			t.Fatalf("%s first: %+v (%v)", first, got, err)
		}
		if s := w.state("us-a", id); s.State != want {
			t.Errorf("%s first: the record is %s", first, s.State)
		}
	}
}

func TestI9_a_put_and_a_hold_by_query_in_one_block_never_leave_a_record_unheld(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	q := record.Query{Types: []string{"Encounter"}}
	rec := newRecord()
	put := putCall("us-a", rec, encounter("1999-12-31"))
	got, err := w.SubmitTogether(context.Background(), []chaincodetest.Call{queryHold(record.OpHold, q), put})
	if err != nil || got[0].Code != chaincodetest.Valid || got[1].Code != "MVCC_READ_CONFLICT" {
		t.Fatalf("hold first: %+v (%v)", got, err)
	}
	w.submit(put)
	if m := w.explain("us-a", rec.ID).Meta; len(m.Held) != 1 || m.Held[0] != "m" {
		t.Errorf("the record put under the hold notes %q", m.Held)
	}
	w.refuses(purgeCall("us-a", rec.ID), record.CodeHeld)
	w.submit(queryHold(record.OpRelease, q))

	rec = newRecord()
	got, err = w.SubmitTogether(context.Background(), []chaincodetest.Call{putCall("us-a", rec, encounter("1999-12-31")), queryHold(record.OpHold, q)})
	if err != nil || got[0].Code != chaincodetest.Valid || got[1].Code != chaincodetest.Valid {
		t.Fatalf("put first: %+v (%v)", got, err)
	}
	w.refuses(purgeCall("us-a", rec.ID), record.CodeHeld)
}

// What a query took at put stays taken, whatever the labels become.
func TestHolds_by_query_keep_what_they_took_although_its_labels_change(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	q := record.Query{Labels: []record.Label{{System: actCode("").System, Code: "ETH"}}}
	w.submit(chaincodetest.Write(theOfficer, record.OpHold, holdRequest(func(r *record.HoldRequest) { r.Query, r.Collection = &q, "us-a2" }), atHospital))
	id := w.put("us-a2", encounter("1999-12-31"), withLabels(confidentiality("R"), actCode("OPIOIDUD"))) // ETH by is-a
	late := w.put("us-a2", encounter("1999-12-31"), withLabels(confidentiality("R"), actCode("HIV")))
	w.submit(purgeCall("us-a2", w.put("us-a2", encounter("1999-12-31"), withLabels(confidentiality("R"), actCode("HIV")))))
	w.submit(amendCall(theOfficer, "us-a2", relabelTo(id, "wrong", confidentiality("L")), relabelTo(late, "", confidentiality("R"), actCode("HIV"), actCode("ETHUD"))))
	w.submit(amendCall(theOfficer, "us-a2", relabelTo(late, "wrong", confidentiality("R"), actCode("HIV"))))
	w.refuses(purgeCall("us-a2", id), record.CodeHeld)
	w.refuses(purgeCall("us-a2", late), record.CodeHeld)
	w.submit(chaincodetest.Write(otherOfficer, record.OpRelease, holdRequest(func(r *record.HoldRequest) { r.Query, r.Collection = &q, "us-a2" }), atHospital))
	w.submit(purgeCall("us-a2", id, late))
}

// A record that lay there before the hold was set is held by its labels, and no new label
// set frees it: neither a higher confidentiality by a writer nor what an officer takes away.
func TestHolds_by_query_keep_what_was_there_before_although_its_labels_change(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	hold := func(as chaincodetest.Identity, op string, l record.Label) chaincodetest.Call {
		q := record.Query{Labels: []record.Label{{System: l.System, Code: l.Code}}}
		return act(as, op, holdRequest(func(r *record.HoldRequest) { r.Query, r.Matter = &q, "m-"+l.Code }))
	}
	raised := w.put("us-a", encounter("1999-12-31"))
	lowered := w.put("us-a", encounter("1999-12-31"), withLabels(confidentiality("R"), actCode("CPLYCD")))
	w.submit(hold(theOfficer, record.OpHold, confidentiality("N")))
	w.submit(hold(theOfficer, record.OpHold, actCode("CPLYCD")))
	w.submit(amendCall(writer, "us-a", relabelTo(raised, "", confidentiality("R"))))
	w.submit(amendCall(theOfficer, "us-a", relabelTo(lowered, "wrong", confidentiality("M"))))
	w.refuses(purgeCall("us-a", raised), record.CodeHeld)
	w.refuses(purgeCall("us-a", lowered), record.CodeHeld)
	w.submit(hold(otherOfficer, record.OpRelease, confidentiality("N")))
	w.submit(hold(otherOfficer, record.OpRelease, actCode("CPLYCD")))
	w.submit(purgeCall("us-a", raised, lowered))
}

// A put reads no key of a person, so a hold in its block conflicts with nothing, and
// binds the record all the same.
func TestI9_a_put_and_a_hold_on_its_person_in_one_block_leave_it_held_in_both_orders(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	for _, holdFirst := range []bool{true, false} {
		person, rec := tokens(1)[0], newRecord()
		rec.Subjects = []string{person}
		calls := []chaincodetest.Call{subjectHold(record.OpHold, "m", person), putCall("us-a", rec, encounter("1999-12-31"))}
		if !holdFirst {
			calls[0], calls[1] = calls[1], calls[0]
		}
		got, err := w.SubmitTogether(context.Background(), calls)
		if err != nil || got[0].Code != chaincodetest.Valid || got[1].Code != chaincodetest.Valid {
			t.Fatalf("%+v (%v)", got, err)
		}
		w.refuses(purgeCall("us-a", rec.ID), record.CodeHeld)
	}
}

// T06: what a put, an amendment and a purge show is the same under a hold by query and
// without, for a record that it takes and for one that it does not.
func TestI2_T06_a_hold_by_query_shows_in_no_put(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	shape := func(body []byte) string {
		t.Helper()
		tx, err := w.Endorsed(putCall("us-a", newRecord(), body))
		if err != nil {
			t.Fatal(err)
		}
		return tx.Shape()
	}
	before := shape(encounter("1999-12-31"))
	w.submit(queryHold(record.OpHold, record.Query{Types: []string{"Encounter"}}))
	taken, left := shape(encounter("1999-12-31")), shape([]byte(`{"resourceType":"Organization"}`))
	if before != taken || before != left {
		t.Errorf("without a hold %s\ntaken %s\nleft %s", before, taken, left)
	}
}
