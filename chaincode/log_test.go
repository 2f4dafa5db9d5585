package chaincode_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
)

func logRequest(change func(*record.LogRequest)) record.LogRequest {
	req := record.LogRequest{Version: 1, Region: "us", Collection: "us-a"}
	change(&req)
	return req
}

// log reads a whole log, and how many pages it took.
func (w *world) log(change func(*record.LogRequest)) (all []record.LogEntry, pages int) {
	w.t.Helper()
	for req := logRequest(change); ; {
		var p record.LogPage
		w.mustRead(record.RoleAuditor, record.OpLog, req, &p)
		all = append(all, p.Entries...)
		pages++
		if p.Next == "" {
			return all, pages
		}
		if p.Next <= req.After {
			w.t.Fatalf("next %q after %q", p.Next, req.After)
		}
		req.After = p.Next
	}
}

func everything(*record.LogRequest) {}

func ops(list []record.LogEntry) (out []string) {
	for _, e := range list {
		out = append(out, e.Op)
	}
	slices.Sort(out)
	return out
}

// What every act has left in the log can be listed, of all collections of the holder.
func TestLog_lists_who_did_what_on_which_authority(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	id, who := w.put("us-a2", encounter("1999-12-31", "ETH")), tokens(1)
	before, _ := w.log(everything)
	hold := holdRequest(func(r *record.HoldRequest) {
		r.Collection, r.IDs, r.Subjects, r.For = "us-a2", []string{id}, who, "UsHospital/first"
	})
	w.submit(act(theOfficer, record.OpHold, hold))
	w.submit(act(otherOfficer, record.OpRelease, holdRequest(func(r *record.HoldRequest) { r.Collection, r.IDs, r.Subjects = "us-a2", []string{id}, who })))
	w.submit(queryHold(record.OpHold, record.Query{Types: []string{"Basic"}}))
	w.submit(factsCall(record.RoleWriter, who[0], record.Fact{Kind: record.FactBirth, Date: "1980"}))
	w.submit(act(theOfficer, record.OpLimit, limitRequest(false, who...)))
	w.submit(act(otherOfficer, record.OpLimit, limitRequest(true, who...)))
	w.submit(act(theOfficer, record.OpCase, caseRequest(record.CaseOpen, who...)))
	w.submit(act(otherOfficer, record.OpCase, caseRequest(record.CaseApprove)))
	w.submit(act(theOfficer, record.OpCase, caseRequest(record.CaseClose)))
	w.submit(amendCall(theOfficer, "us-a2", record.AmendRecord{ID: id, Accept: true, Reason: "r"}))
	w.submit(pauseCall(true))
	w.submit(pauseCall(false))

	all, pages := w.log(func(r *record.LogRequest) { r.Limit = 2 })
	if pages < 7 {
		t.Errorf("%d entries in %d pages of two", len(all), pages)
	}
	want := append(ops(before), record.OpHold, record.OpRelease, record.OpHold, record.OpFacts, record.OpLimit, record.LogLift,
		record.LogCaseOpen, record.LogCaseApprove, record.LogCaseClose, record.OpAmend, record.OpPause, record.LogResume)
	slices.Sort(want)
	if got := ops(all); !slices.Equal(got, want) {
		t.Errorf("the log has %q, want %q", got, want)
	}
	if !slices.IsSortedFunc(all, func(a, b record.LogEntry) int { return strings.Compare(a.At, b.At) }) {
		t.Error("the entries are not in the order of their times")
	}
	holds, _ := w.log(func(r *record.LogRequest) { r.Ops = []string{record.OpHold, record.OpRelease} })
	if got := ops(holds); !slices.Equal(got, []string{record.OpHold, record.OpHold, record.OpRelease}) {
		t.Fatalf("of holds the log has %q", got)
	}
	people := map[string]bool{}
	for _, e := range holds {
		people[e.By] = true
		if e.Matter != "m" || e.Authority != "a" || e.Reason != "r" || e.At == "" || e.Tx == "" {
			t.Errorf("%+v", e)
		}
		switch {
		case e.Query != nil:
			if e.Collection != "us-a" || len(e.Query.Types) != 1 {
				t.Errorf("%+v", e)
			}
		case e.Collection != "us-a2" || !slices.Equal(e.IDs, []string{id}) || !slices.Equal(e.Subjects, who), (e.Op == record.OpHold) != (e.For != ""):
			t.Errorf("%+v", e)
		}
	}
	if len(people) != 2 {
		t.Errorf("set and released by %d persons", len(people))
	}
}

func TestLog_is_listed_by_day(t *testing.T) {
	now := time.Date(2026, 5, 1, 23, 59, 59, 0, time.UTC)
	w := newWorld(t, chaincodetest.Options{Now: func() time.Time { return now }})
	for _, matter := range []string{"first", "second", "third"} {
		w.submit(subjectHold(record.OpHold, matter, tokens(1)...))
		now = now.Add(24 * time.Hour)
	}
	matters := func(from, to string) string {
		t.Helper()
		list, _ := w.log(func(r *record.LogRequest) { r.Ops, r.From, r.To = []string{record.OpHold}, from, to })
		var out []string
		for _, e := range list {
			out = append(out, e.Matter)
		}
		return strings.Join(out, " ")
	}
	for _, c := range []struct{ from, to, want string }{
		{"", "", "first second third"},
		{"2026-05-02", "", "second third"},
		{"", "2026-05-02", "first second"},
		{"2026-05-02", "2026-05-02", "second"},
		{"2026-05-04", "", ""},
		{"", "2026-04-30", ""},
		{"", "9999-12-31", "first second third"},
	} {
		if got := matters(c.from, c.to); got != c.want {
			t.Errorf("from %q to %q: %q, want %q", c.from, c.to, got, c.want)
		}
	}
}

// A page is bounded in bytes as well, whatever is left out of it.
func TestLog_pages_end_where_their_entries_are_large(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	var list []record.Fact
	for i := range record.MaxFacts {
		day := time.Date(1990, 1, 1+i, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
		list = append(list, record.Fact{Kind: record.FactLastEncounter, Date: day, Source: strings.Repeat("s", 200)})
	}
	const acts = 5
	for range acts {
		req := factsRequest("")
		req.Subjects = nil
		for range 18 {
			req.Subjects = append(req.Subjects, record.SubjectFacts{Subject: record.SubjectToken(chaincodetest.Random(32), "Patient/x"), Facts: list})
		}
		w.submit(act(writer, record.OpFacts, req))
	}
	w.submit(subjectHold(record.OpHold, "m", tokens(1)...))
	if all, pages := w.log(func(r *record.LogRequest) { r.Ops = []string{record.OpFacts} }); len(all) != acts || pages < 2 {
		t.Errorf("%d entries in %d pages", len(all), pages)
	}
	if all, pages := w.log(func(r *record.LogRequest) { r.Ops = []string{record.OpHold} }); len(all) != 1 || pages < 2 {
		t.Errorf("%d holds in %d pages", len(all), pages)
	}
}

func TestLog_that_a_peer_cut_is_not_taken_for_the_whole(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{QueryLimit: 2})
	for range 3 {
		w.submit(subjectHold(record.OpHold, "m", tokens(1)...))
	}
	_, err := w.read(record.RoleAuditor, record.OpLog, logRequest(everything))
	wantCode(t, err, record.CodeInternal)
	if all, _ := w.log(func(r *record.LogRequest) { r.Limit = 1 }); len(all) < 3 {
		t.Errorf("%d entries, one by one", len(all))
	}
}

func TestLog_requests_are_checked(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	key := record.LogKey("2026-05-02T10:00:00Z", strings.Repeat("0", 32))
	for name, c := range map[string]struct {
		change func(*record.LogRequest)
		want   record.Code
	}{
		"an act that is none":       {func(r *record.LogRequest) { r.Ops = []string{"Hold"} }, record.CodeBadRequest},
		"too many acts":             {func(r *record.LogRequest) { r.Ops = slices.Repeat([]string{record.OpHold}, 100) }, record.CodeTooLarge},
		"a month":                   {func(r *record.LogRequest) { r.From = "2026-05" }, record.CodeBadRequest},
		"a time":                    {func(r *record.LogRequest) { r.To = "2026-05-02T10:00:00Z" }, record.CodeBadRequest},
		"a range that ends before":  {func(r *record.LogRequest) { r.From, r.To = "2026-05-02", "2026-05-01" }, record.CodeBadRequest},
		"too large a page":          {func(r *record.LogRequest) { r.Limit = record.MaxPage + 1 }, record.CodeBadRequest},
		"a page that is none":       {func(r *record.LogRequest) { r.Limit = -1 }, record.CodeBadRequest},
		"behind another key":        {func(r *record.LogRequest) { r.After = "private" }, record.CodeBadRequest},
		"behind a key before it":    {func(r *record.LogRequest) { r.After, r.From = key, "2026-05-03" }, record.CodeBadRequest},
		"behind a key after it":     {func(r *record.LogRequest) { r.After, r.To = key, "2026-05-01" }, record.CodeBadRequest},
		"of a log, not its records": {func(r *record.LogRequest) { r.Collection = "us-a-log" }, record.CodeBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.read(record.RoleOfficer, record.OpLog, logRequest(c.change))
			wantCode(t, err, c.want)
		})
	}
	for _, role := range []string{record.RoleWriter, record.RoleReader, record.RolePurger} {
		_, err := w.read(role, record.OpLog, logRequest(everything))
		wantCode(t, err, record.CodeForbidden)
	}
}
