package collections

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestAnErasureAgainstAFloorIsRefusedUnderTheExceptionThatTheLawNames(t *testing.T) {
	l := newLaw(t, fiveYears)
	c := l.of("last-encounter", "2020-03-31")
	e := Erase(c, LawGDPR, date(t, "2024-05-10"), date(t, "2024-05-20"))
	if e.Allowed || e.Row != "five" || e.LimitUntil.String() != "2025-04-01" || !strings.Contains(e.Exception, "17(3)(b)") || e.Authority != "a law" {
		t.Errorf("%+v", e)
	}
	if e.ReplyBy.String() != "2024-06-10" || e.ExtendedTo.String() != "2024-08-10" || e.Overdue {
		t.Errorf("the reply is owed by %s, put off to %s", e.ReplyBy, e.ExtendedTo)
	}
	l.part.Confirmations = nil // whether confirmed or not
	if e = Erase(c, LawGDPR, date(t, "2024-05-10"), date(t, "2025-03-31")); e.Allowed || !e.Overdue {
		t.Errorf("on the last day of the floor: %+v", e)
	}
	if e = Erase(c, LawGDPR, date(t, "2024-05-10"), date(t, "2025-04-01")); !e.Allowed || e.Exception != "" || !e.LimitUntil.IsZero() {
		t.Errorf("after the floor: %+v", e)
	}
}

func TestAnErasureIsRefusedWhileAFloorCannotBeComputed(t *testing.T) {
	l := newLaw(t, ages)
	e := Erase(l.of("last-encounter", "1990-03-31"), LawGDPR, date(t, "2024-05-10"), date(t, "2024-05-20"))
	if e.Allowed || e.Row != "adult" || !e.LimitUntil.IsZero() || len(e.Missing) != 1 || e.Exception == "" {
		t.Errorf("%+v", e)
	}
	l.part.Custodian.Jurisdictions = nil
	if e = Erase(l.of("last-encounter", "1990-03-31", "birth", "1950"), LawGDPR, date(t, "2024-05-10"), date(t, "2024-05-20")); e.Allowed {
		t.Errorf("allowed where nobody knows whose law applies: %+v", e)
	}
}

func TestAnErasureIsRefusedUntilALaterDateThatWasAccepted(t *testing.T) {
	l := newLaw(t, fiveYears)
	c := l.of("last-encounter", "2020-03-31")
	c.Accepted = Accepted{Due: date(t, "2026-04-01"), Row: "six"}
	for day, until := range map[string]string{"2024-05-10": "2026-04-01", "2025-04-01": "2026-04-01", "2026-03-31": "2026-04-01", "2026-04-01": ""} {
		e := Erase(c, LawGDPR, date(t, "2024-05-10"), date(t, day))
		if e.Allowed != (until == "") || e.LimitUntil.String() != until && until != "" {
			t.Errorf("on %s: %+v", day, e)
		}
		if day == "2025-04-01" && (e.Row != "six" || e.Authority != `the policy at put, row "six"` || e.Exception == "") {
			t.Errorf("refused by %+v", e)
		}
	}
	c.Accepted.Due = date(t, "2021-01-01") // earlier than the floor
	if e := Erase(c, LawGDPR, date(t, "2024-05-10"), date(t, "2024-05-20")); e.LimitUntil.String() != "2025-04-01" {
		t.Errorf("%+v", e)
	}
}

func TestAnErasureThatNoFloorForbidsIsAllowed(t *testing.T) {
	l := newLaw(t, `- {name: claims, when: {types: [Claim]}, trigger: end, keep: 99y, authority: a law}`)
	e := Erase(l.of(), LawGDPR, date(t, "2024-05-10"), date(t, "2024-05-10"))
	if !e.Allowed || e.Row != "" || e.ReplyBy.IsZero() {
		t.Errorf("%+v", e)
	}
}

func TestTheWashingtonActReachesConsumerHealthDataOnly(t *testing.T) {
	l := newLaw(t, `
		- {name: claims, when: {types: [Claim]}, trigger: end, keep: 99y, authority: a law}
		- {name: cap, class: consumer-health-data, kind: ceiling, trigger: erasure-request, keep: 45d, authority: RCW}`)
	c := l.of("erasure-request", "2020-01-01")
	e := Erase(c, LawMHMDA, date(t, "2024-01-31"), date(t, "2024-02-01"))
	if e.Allowed || !e.Beyond || e.Exception != "" || e.ReplyBy.String() != "2024-03-16" {
		t.Errorf("a record of no class: %+v", e)
	}
	c.Declared = []string{"consumer-health-data"}
	e = Erase(c, LawMHMDA, date(t, "2024-01-31"), date(t, "2024-02-01"))
	if !e.Allowed || e.ReplyBy.String() != "2024-03-16" || e.ExtendedTo.String() != "2024-04-30" {
		t.Errorf("%+v", e)
	}
	if e.Ceiling.String() != "2024-03-16" || e.CeilingRow != "cap" {
		t.Errorf("the ceiling counts from this demand: %s %s", e.Ceiling, e.CeilingRow)
	}
	l.part.Confirmations = nil
	if e = Erase(c, LawMHMDA, date(t, "2024-01-31"), date(t, "2024-02-01")); !e.Ceiling.IsZero() {
		t.Error("an unconfirmed ceiling gives a day")
	}
}

func TestALawThatNobodyKnowsErasesNothing(t *testing.T) {
	if e := Erase(newLaw(t, fiveYears).of(), "gdpr", date(t, "2024-01-31"), date(t, "2024-02-01")); e.Allowed || e.Why == "" || !e.ReplyBy.IsZero() {
		t.Errorf("%+v", e)
	}
}

func TestAReplyIsOwedWithinACalendarMonth(t *testing.T) {
	for received, by := range map[string]string{
		"2024-03-05": "2024-04-05",
		"2024-01-31": "2024-02-29", // the last day of a month that has no 31st
		"2023-01-31": "2023-02-28",
		"2024-02-29": "2024-03-29",
		"2024-08-31": "2024-09-30",
		"2024-12-31": "2025-01-31",
	} {
		e := Erase(newLaw(t, fiveYears).of(), LawGDPR, date(t, received), date(t, by))
		if e.ReplyBy.String() != by || e.Overdue {
			t.Errorf("received %s: by %s, want %s", received, e.ReplyBy, by)
		}
	}
	e := Erase(newLaw(t, fiveYears).of(), LawGDPR, date(t, "2024-11-30"), date(t, "2024-12-31"))
	if e.ExtendedTo.String() != "2025-02-28" || !e.Overdue {
		t.Errorf("put off to %s", e.ExtendedTo)
	}
}

func TestTheLawsOfErasureShipAsData(t *testing.T) {
	list := Laws()
	if len(list) != 2 || list[0].Law != LawGDPR || list[1].Law != LawMHMDA || list[1].Class != "consumer-health-data" {
		t.Fatalf("%+v", list)
	}
	for _, bad := range []string{
		"version: 2\nlaws: []",
		"version: 1\nlaws: [{law: x}]",
		"version: 1\nlaws: [{law: x, reply: 1 month, exception: e, authority: a, confidence: V}]",
		"version: 1\nlaws: [{law: x, reply: 1m, exception: e, authority: a, confidence: sure}]",
		"version: 1\nlaw: []",
	} {
		if _, err := parseLaws([]byte(bad), "laws.yaml"); err == nil || !strings.HasPrefix(err.Error(), "laws.yaml:") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestAnErasureIsJSONWithoutTheRecord(t *testing.T) {
	c := newLaw(t, fiveYears).of("last-encounter", "2020-03-31")
	b, err := json.Marshal(Erase(c, LawGDPR, date(t, "2024-05-10"), date(t, "2024-05-20")))
	if err != nil || strings.Contains(string(b), "0000") || strings.Contains(string(b), "Encounter\"") {
		t.Errorf("%s %v", b, err)
	}
}

func FuzzParseLaws(f *testing.F) {
	f.Add(embedded("policies/laws.yaml"))
	f.Add([]byte("version: 1\nlaws: [{law: x, reply: 1m, exception: e, authority: a, confidence: V}]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := parseLaws(b, "fuzz.yaml")
		for _, l := range list {
			if err == nil && (l.Reply.N == 0 || l.Authority == "") {
				t.Fatalf("%+v", l)
			}
		}
	})
}
