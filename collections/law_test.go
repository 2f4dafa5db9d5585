package collections

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"domicile/fhir"
)

// law builds one-region cases for tests of single sentences.
type law struct {
	t      *testing.T
	region Region
	part   Private
}

// newLaw reads retention rows in YAML, each confirmed.
func newLaw(t *testing.T, rows string) *law {
	t.Helper()
	l := &law{t: t, part: Private{Custodian: Custodian{Jurisdictions: []string{"US-AZ"}}}}
	text := mustEdit(t, base, "    transfers:", indent(rows)+"    transfers:")
	us, _ := parse(t, text).Region("us")
	l.region = *us
	l.region.Retention = slices.DeleteFunc(slices.Clone(us.Retention), func(r Row) bool { return r.Name == "care" })
	l.confirm()
	return l
}

func indent(rows string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.Trim(rows, "\n") + "\n") {
		b.WriteString("      " + strings.TrimPrefix(line, "\t\t"))
	}
	return b.String()
}

func (l *law) confirm() {
	l.part.Confirmations = nil
	for _, row := range l.region.Retention {
		l.part.Confirmations = append(l.part.Confirmations, Confirmation{Region: "us", Row: row.Name, SHA256: RowDigest("us", row)})
	}
}

// assess takes facts as kind, date, kind, date; the kind end is the resource's end.
func (l *law) assess(facts ...string) Assessment {
	l.t.Helper()
	return Assess(l.of(facts...))
}

func (l *law) of(facts ...string) Case {
	l.t.Helper()
	c := Case{Regions: []*Region{&l.region}, Private: &l.part, Type: "Encounter", Facts: Facts{}}
	for i := 0; i < len(facts); i += 2 {
		if facts[i] == TriggerEnd {
			c.End = date(l.t, facts[i+1])
		} else if err := c.Facts.Add(facts[i], facts[i+1]); err != nil {
			l.t.Fatal(err)
		}
	}
	return c
}

func wants(t *testing.T, a Assessment, verdict, due, row string) {
	t.Helper()
	got := ""
	if !a.Due.IsZero() {
		got = a.Due.String()
	}
	if a.Verdict != verdict || got != due || a.Row != row {
		t.Errorf("got %s %s by %q, want %s %s by %q (%s)", a.Verdict, got, a.Row, verdict, due, row, a.Why)
	}
}

const fiveYears = `- {name: five, trigger: last-encounter, keep: 5y, action: purge, authority: a law}`

func TestTheWholeLastDayIsKept(t *testing.T) {
	wants(t, newLaw(t, fiveYears).assess("last-encounter", "2020-03-31"), VerdictDue, "2025-04-01", "five")
}

func TestANewEncounterRestartsTheClock(t *testing.T) {
	l := newLaw(t, fiveYears)
	wants(t, l.assess("last-encounter", "2020-03-31", "last-encounter", "2023-01-05", "last-encounter", "2019-01-01"), VerdictDue, "2028-01-06", "five")
}

func TestARecordOfLaterCareThanTheLastEncounterIsKeptFromItsOwnEnd(t *testing.T) {
	l := newLaw(t, fiveYears)
	wants(t, l.assess("last-encounter", "2015-03-02", "end", "2025-06-01"), VerdictDue, "2030-06-02", "five")
	wants(t, l.assess("last-encounter", "2015-03-02", "end", "2014-06-01"), VerdictDue, "2020-03-03", "five")
	l = newLaw(t, `- {name: file, trigger: treatment-end, keep: 10y, action: purge, authority: a law}`)
	wants(t, l.assess("treatment-end", "2012-01-31", "end", "2025-06-01"), VerdictDue, "2035-06-02", "file")
	// A condition of age asks for the encounter that is on record, and no other.
	l = newLaw(t, `- {name: minor, applies-if: [{fact: birth, under: 18y, at: last-encounter}], trigger: birth, keep: 25y, action: purge, authority: a law}`)
	wants(t, l.assess("birth", "1990-05-05", "last-encounter", "2000-03-02", "end", "2012-01-01"), VerdictDue, "2015-05-06", "minor")
}

func TestATreatmentThatHasNotEndedIsNotDueByTheEndOfAnotherOne(t *testing.T) {
	l := newLaw(t, `- {name: file, trigger: treatment-end, keep: 10y, action: purge, authority: a law}`)
	c := l.of("treatment-end", "2012-01-31")
	c.Type = "EpisodeOfCare"
	wants(t, Assess(c), VerdictNever, "", "file")
	c.End = date(t, "2012-01-31")
	wants(t, Assess(c), VerdictDue, "2022-02-01", "file")
}

func TestNoMatchingFloorIsNeverDue(t *testing.T) {
	l := newLaw(t, `- {name: claims, when: {types: [Claim]}, trigger: end, keep: 5y, action: purge, authority: a law}`)
	wants(t, l.assess("end", "1990-01-01"), VerdictNever, "", "")
}

func TestAFloorWhoseTriggerIsUnknownIsNeverDue(t *testing.T) {
	l := newLaw(t, fiveYears+"\n\t\t- {name: end, trigger: end, keep: 1y, action: purge, authority: a law}")
	a := l.assess("end", "1990-01-01")
	wants(t, a, VerdictNever, "", "five")
	if !slices.Equal(a.Missing, []string{"last-encounter"}) {
		t.Errorf("waits for %v", a.Missing)
	}
}

func TestAnUnsetJurisdictionIsNeverDue(t *testing.T) {
	l := newLaw(t, fiveYears)
	l.part.Custodian.Jurisdictions = nil
	wants(t, l.assess("last-encounter", "1990-01-01"), VerdictNever, "", "")
	c := l.of("last-encounter", "1990-01-01")
	c.Private = nil
	wants(t, Assess(c), VerdictNever, "", "")
}

const ages = `- name: adult
		  applies-if: [{fact: birth, under: 18y, at: last-encounter, not: true}]
		  trigger: last-encounter
		  keep: 6y
		  action: purge
		  authority: a law
		- name: child
		  applies-if: [{fact: birth, under: 18y, at: last-encounter}]
		  until: [{trigger: birth, keep: 18y, then: 3y}, {trigger: last-encounter, keep: 6y}]
		  combine: max
		  action: purge
		  authority: a law`

func TestAnUnknownBirthDateIsNeverDueWhereMajorityMatters(t *testing.T) {
	a := newLaw(t, ages).assess("last-encounter", "1990-01-01")
	wants(t, a, VerdictNever, "", "adult")
	if !slices.Equal(a.Missing, []string{"birth"}) {
		t.Errorf("waits for %v", a.Missing)
	}
}

func TestAChildIsKeptUntilYearsAfterMajorityAndAnAdultIsNot(t *testing.T) {
	l := newLaw(t, ages)
	for _, c := range []struct{ name, birth, last, due, row string }{
		{"a child", "2010-05-17", "2012-01-01", "2031-05-18", "child"},
		{"a child seen late", "2003-05-17", "2021-05-16", "2027-05-17", "child"},
		{"an adult the day after the birthday", "2003-05-17", "2021-05-18", "2027-05-19", "adult"},
		{"born on a leap day and seen the day before", "2004-02-29", "2022-02-28", "2028-02-29", "child"},
		{"born on a leap day and seen on 2 March", "2004-02-29", "2022-03-02", "2028-03-03", "adult"},
	} {
		t.Run(c.name, func(t *testing.T) {
			wants(t, l.assess("birth", c.birth, "last-encounter", c.last), VerdictDue, c.due, c.row)
		})
	}
}

// A time of day counts as the latest of its days in several zones. Who was seen on the
// evening before the birthday, in Phoenix, was seen on the birthday in UTC, and was a
// child all the same.
func TestOnTheBirthdayItselfThePersonWasPerhapsSeenTheEveningBefore(t *testing.T) {
	l := newLaw(t, `
		- {name: adult, applies-if: [{fact: birth, under: 18y, at: last-encounter, not: true}], trigger: last-encounter, keep: 2y, action: purge, authority: a law}
		- {name: child, applies-if: [{fact: birth, under: 18y, at: last-encounter}], trigger: birth, keep: 25y, action: purge, authority: a law}
		- {name: scan, applies-if: [{fact: birth, under: 18y, at: end}], trigger: birth, keep: 28y, action: purge, authority: a law}`)
	for at, want := range map[string]string{
		"2021-05-16T19:30:00-07:00": "2031-05-18", // the seventeenth in UTC
		"2021-05-17T19:30:00-07:00": "2023-05-19",
	} {
		r, err := fhir.Parse([]byte(`{"resourceType":"Encounter","status":"finished","period":{"end":"` + at + `"}}`))
		if err != nil {
			t.Fatal(err)
		}
		facts := []string{"birth", "2003-05-17"}
		for _, e := range r.Facts() {
			facts = append(facts, e.Kind, e.Date)
		}
		c := l.of(facts...)
		c.End, _ = r.EndDate()
		if want == "2031-05-18" {
			wants(t, Assess(c), VerdictReview, "2031-05-18", "scan")
		} else {
			wants(t, Assess(c), VerdictDue, want, "adult")
		}
	}
}

func TestTheLaterOfTwoPeriodsWaitsForBoth(t *testing.T) {
	l := newLaw(t, `- {name: both, until: [{trigger: birth, keep: 18y}, {trigger: last-encounter, keep: 6y}], combine: max, action: purge, authority: a law}`)
	wants(t, l.assess("birth", "1990-05-05", "last-encounter", "2000-03-03"), VerdictDue, "2008-05-06", "both")
	a := l.assess("last-encounter", "2000-03-03")
	wants(t, a, VerdictNever, "", "both")
	if !slices.Equal(a.Missing, []string{"birth"}) {
		t.Errorf("waits for %v", a.Missing)
	}
}

func TestLeapDayBirthdaysRoundTowardsKeeping(t *testing.T) {
	for keep, due := range map[string]string{
		"{trigger: birth, keep: 19y}":           "2023-03-02", // 19 on 1 March
		"{trigger: birth, keep: 19y, then: 5y}": "2028-03-02", // five years after that day
		"{trigger: birth, keep: 24y}":           "2028-03-01", // 24 on 29 February
		"{trigger: birth, keep: 228m}":          "2023-03-02",
	} {
		l := newLaw(t, "- {name: born, until: ["+keep+"], action: purge, authority: a law}")
		wants(t, l.assess("birth", "2004-02-29"), VerdictDue, due, "born")
	}
}

func TestPartialDatesRoundTowardsKeeping(t *testing.T) {
	l := newLaw(t, ages)
	for _, c := range []struct{ name, birth, last, verdict, due, row string }{
		{"a year of birth is its last day", "2010", "2012-01-01", VerdictDue, "2032-01-01", "child"},
		{"a month of birth is its last day", "2010-02", "2012-01-01", VerdictDue, "2031-03-01", "child"},
		{"a year of care is its last day", "1970-01-01", "2012", VerdictDue, "2019-01-01", "adult"},
		{"perhaps a child: the longer floor, and a person looks", "1994", "2012-06-01", VerdictReview, "2018-06-02", "adult"},
		{"perhaps seen as a child: the longer floor, and a person looks", "1994-06-01", "2012", VerdictReview, "2019-01-01", "adult"},
		{"two dates of birth: the younger", "2010-05-17", "2012-01-01", VerdictDue, "2031-05-18", "child"},
	} {
		t.Run(c.name, func(t *testing.T) {
			wants(t, l.assess("birth", c.birth, "last-encounter", c.last), c.verdict, c.due, c.row)
		})
	}
	wants(t, l.assess("birth", "2000-01-01", "birth", "2001-01-01", "last-encounter", "2003-01-01"), VerdictDue, "2022-01-02", "child")
	wants(t, l.assess("birth", "1970-01-01", "birth", "2001-01-01", "last-encounter", "2003-01-01"), VerdictReview, "2022-01-02", "child")
}

func TestTheEarlierOfTwoPeriodsCountsWhereTheLawSaysOr(t *testing.T) {
	l := newLaw(t, `- {name: or, until: [{trigger: last-encounter, keep: 7y}, {trigger: death, keep: 3y}], combine: min, action: purge, authority: a law}`)
	wants(t, l.assess("last-encounter", "2020-01-01"), VerdictDue, "2027-01-02", "or")
	wants(t, l.assess("last-encounter", "2020-01-01", "death", "2021-01-01"), VerdictDue, "2024-01-02", "or")
	wants(t, l.assess("death", "2021-01-01"), VerdictDue, "2024-01-02", "or")
	wants(t, l.assess(), VerdictNever, "", "or")
}

func TestDeathWithinYearsOfTheLastVisitIsAskedToTheDay(t *testing.T) {
	l := newLaw(t, `
		- {name: died, applies-if: [{fact: death, within: 10y, of: last-encounter}], trigger: death, keep: 10y, action: purge, authority: a law}
		- {name: rest, trigger: last-encounter, keep: 1y, action: purge, authority: a law}`)
	wants(t, l.assess("last-encounter", "2000-03-01", "death", "2010-02-28"), VerdictDue, "2020-02-29", "died")
	wants(t, l.assess("last-encounter", "2000-03-01", "death", "2010-03-01"), VerdictDue, "2020-03-02", "died") // perhaps died the evening before
	wants(t, l.assess("last-encounter", "2000-03-01", "death", "2010-03-02"), VerdictDue, "2001-03-02", "rest")
	wants(t, l.assess("last-encounter", "2000-03-01"), VerdictNever, "", "died")
}

func TestCareLongAfterTheDeathOnRecordNeedsAPerson(t *testing.T) {
	l := newLaw(t, fiveYears)
	wants(t, l.assess("last-encounter", "2020-03-31", "death", "2020-02-29"), VerdictDue, "2025-04-01", "five") // the 31st day
	wants(t, l.assess("last-encounter", "2020-04-01", "death", "2020-02-29"), VerdictReview, "2025-04-02", "five")
	wants(t, l.assess("last-encounter", "2019-01-01", "treatment-end", "2020-04-01", "death", "2020-02-29"), VerdictReview, "2024-01-02", "five")
	wants(t, l.assess("last-encounter", "2020-04-01", "death", "2020-02-29", "death", "2020-03-10"), VerdictReview, "2025-04-02", "five")
}

func TestWhetherAFactIsKnownIsNeverUnknown(t *testing.T) {
	l := newLaw(t, `
		- {name: alive, applies-if: [{fact: death, known: false}], trigger: last-encounter, keep: 9y, action: purge, authority: a law}
		- {name: dead, applies-if: [{fact: death, known: true}], trigger: death, keep: 1y, action: purge, authority: a law}`)
	wants(t, l.assess("last-encounter", "2000-03-01"), VerdictDue, "2009-03-02", "alive")
	wants(t, l.assess("last-encounter", "2000-03-01", "death", "2000-03-02"), VerdictDue, "2001-03-03", "dead")
}

func TestAnUnconfirmedFloorMakesItsRecordsNeedsReview(t *testing.T) {
	l := newLaw(t, fiveYears+"\n\t\t- {name: short, trigger: last-encounter, keep: 1y, action: purge, authority: a law}")
	l.part.Confirmations = l.part.Confirmations[:1]
	a := l.assess("last-encounter", "2020-03-31")
	wants(t, a, VerdictReview, "2025-04-01", "five")
	for _, k := range a.Considered {
		if k.Confirmed != (k.Row == "five") {
			t.Errorf("%+v", k)
		}
	}
}

func TestAnUnconfirmedFloorCountsIntoTheDate(t *testing.T) {
	l := newLaw(t, fiveYears)
	l.part.Confirmations = nil
	wants(t, l.assess("last-encounter", "2020-03-31"), VerdictReview, "2025-04-01", "five")
}

func TestAnEditedRowLosesItsConfirmation(t *testing.T) {
	for name, edit := range map[string]func(*Row){
		"its period":       func(r *Row) { r.Until = []Until{{Trigger: "last-encounter", Keep: fhir.Period{N: 1, Unit: 'y'}}} },
		"its authority":    func(r *Row) { r.Authority = "another law" },
		"its action":       func(r *Row) { r.Action = ActionReview },
		"its kind":         func(r *Row) { r.Kind = KindCeiling },
		"its types":        func(r *Row) { r.When.Types = []string{"Encounter"} },
		"its labels":       func(r *Row) { r.When.Labels = []Label{{Code: "X"}} },
		"its jurisdiction": func(r *Row) { r.Jurisdiction = "US" },
		"its class":        func(r *Row) { r.Class = "hospital" },
		"its conditions":   func(r *Row) { r.AppliesIf = []Condition{{Fact: FactDeath, Known: new(bool)}} },
		"its confidence":   func(r *Row) { r.Confidence = "V" },
	} {
		l := newLaw(t, fiveYears)
		row := &l.region.Retention[0]
		edit(row)
		if l.part.Confirmed("us", *row) {
			t.Errorf("a row is still confirmed after an edit of %s", name)
		}
	}
	l := newLaw(t, fiveYears)
	if l.part.Confirmed("eu", l.region.Retention[0]) {
		t.Error("a row of one region is confirmed for another")
	}
}

func TestAnUnconfirmedCeilingDoesNothing(t *testing.T) {
	l := newLaw(t, fiveYears+"\n\t\t- {name: cap, kind: ceiling, trigger: erasure-request, keep: 1m, authority: a law}")
	facts := []string{"last-encounter", "2020-03-31", "erasure-request", "2021-01-31", "erasure-request", "2022-01-01"}
	if a := l.assess(facts...); a.CeilingRow != "cap" || a.Ceiling.String() != "2021-02-28" || a.CeilingAuthority != "a law" {
		t.Errorf("a confirmed ceiling: %s %s", a.Ceiling, a.CeilingRow)
	}
	l.part.Confirmations = slices.DeleteFunc(l.part.Confirmations, func(c Confirmation) bool { return c.Row == "cap" })
	a := l.assess(facts...)
	wants(t, a, VerdictDue, "2025-04-01", "five")
	if a.CeilingRow != "" || !a.Ceiling.IsZero() {
		t.Errorf("an unconfirmed ceiling acts: %+v", a)
	}
}

func TestACeilingThatOnlyPerhapsAppliesDoesNothing(t *testing.T) {
	l := newLaw(t, fiveYears+"\n\t\t- {name: cap, kind: ceiling, applies-if: [{fact: birth, under: 18y, at: last-encounter}], when: {labels: [{code: X}]}, trigger: erasure-request, keep: 1m, authority: a law}")
	c := l.of("last-encounter", "2020-03-31", "erasure-request", "2021-01-31", "birth", "2010-01-01")
	c.Labels = []fhir.Coding{{System: "s", Code: "X"}}
	if a := Assess(c); a.CeilingRow != "cap" {
		t.Errorf("%+v", a)
	}
	c.Labels = []fhir.Coding{{}}
	if a := Assess(c); a.CeilingRow != "" {
		t.Error("an unreadable label brings a record under a ceiling")
	}
	c = l.of("last-encounter", "2020-03-31", "erasure-request", "2021-01-31", "birth", "2002")
	c.Labels = []fhir.Coding{{System: "s", Code: "X"}}
	if a := Assess(c); a.CeilingRow != "" {
		t.Error("someone who perhaps was a child comes under a ceiling of children")
	}
}

func TestTheEarliestConfirmedCeilingCounts(t *testing.T) {
	l := newLaw(t, fiveYears+`
		- {name: cap-a, kind: ceiling, trigger: last-encounter, keep: 9y, authority: a law}
		- {name: cap-b, kind: ceiling, trigger: last-encounter, keep: 8y, authority: b law}`)
	if a := l.assess("last-encounter", "2020-03-31"); a.CeilingRow != "cap-b" || a.Ceiling.String() != "2028-03-31" {
		t.Errorf("%s %s", a.Ceiling, a.CeilingRow)
	}
}

func TestARowThatAsksForReviewOrArchivingNeedsAPerson(t *testing.T) {
	const later = "\n\t\t- {name: later, trigger: last-encounter, keep: 6y, action: purge, authority: a law}"
	for action, demand := range map[string]string{"": ActionReview, "action: review, ": ActionReview, "action: archive, ": ActionArchive} {
		l := newLaw(t, "- {name: five, trigger: last-encounter, keep: 5y, "+action+"authority: a law}"+later)
		a := l.assess("last-encounter", "2020-03-31")
		wants(t, a, VerdictReview, "2026-04-01", "later") // whichever row gives the date
		if a.Action != demand {
			t.Errorf("action %s, want %s", a.Action, demand)
		}
	}
}

func TestARowIsLawOnlyInItsJurisdiction(t *testing.T) {
	l := newLaw(t, `
		- {name: a-everywhere, trigger: end, keep: 1y, action: purge, authority: a law}
		- {name: b-union, jurisdiction: US, trigger: end, keep: 2y, action: purge, authority: a law}
		- {name: c-state, jurisdiction: US-AZ, trigger: end, keep: 3y, action: purge, authority: a law}
		- {name: d-other, jurisdiction: US-NY, trigger: end, keep: 4y, action: purge, authority: a law}`)
	for custodian, row := range map[string]string{"US-AZ": "c-state", "US": "b-union", "US-CT": "b-union", "US-NY US-AZ": "d-other", "USA": "a-everywhere"} {
		l.part.Custodian.Jurisdictions = strings.Fields(custodian)
		if a := l.assess("end", "2020-01-01"); a.Row != row {
			t.Errorf("%s: %s, want %s", custodian, a.Row, row)
		}
	}
}

func TestARowIsAboutItsClassOnly(t *testing.T) {
	l := newLaw(t, `
		- {name: a-any, trigger: end, keep: 1y, action: purge, authority: a law}
		- {name: b-hospital, class: hospital, trigger: end, keep: 2y, action: purge, authority: a law}
		- {name: c-mental, class: mental-health, trigger: end, keep: 3y, action: purge, authority: a law}
		- {name: d-declared, class: maternity, trigger: end, keep: 4y, action: purge, authority: a law}`)
	c := l.of("end", "2020-01-01")
	is := func(row string) {
		t.Helper()
		if a := Assess(c); a.Row != row {
			t.Errorf("%s, want %s", a.Row, row)
		}
	}
	is("a-any")
	l.part.Custodian.Classes = []string{"hospital"}
	is("b-hospital")
	l.part.Classes = []Class{{"mental-health", Selector{Labels: []Label{{actCode, "MH"}}}}}
	is("b-hospital")
	c.Labels = []fhir.Coding{{System: actCode, Code: "MH"}}
	is("c-mental")
	c.Declared = []string{"maternity"}
	is("d-declared")
}

func TestTheRowsOfTheRegionsAroundApplyToo(t *testing.T) {
	p := parse(t, base)
	inner, outer := p.Regions[2], p.Regions[1]
	if got := p.Around("us-wa"); len(got) != 2 || got[0].Name != "us-wa" || got[1].Name != "us" || p.Around("none") != nil {
		t.Fatalf("around us-wa: %v", got)
	}
	part := confirmed(&inner, &outer)
	part.Custodian.Jurisdictions = []string{"US-WA"}
	c := Case{Regions: p.Around("us-wa"), Private: part, Type: "Encounter", Labels: []fhir.Coding{{Code: "A"}}, End: date(t, "2020-01-01")}
	a := Assess(c)
	if a.Due.String() != "2030-01-02" || a.Region != "us-wa" || len(a.Considered) != 2 {
		t.Errorf("%+v", a)
	}
	c.Regions = p.Around("us")
	if a = Assess(c); a.Due.String() != "2026-01-02" || a.Region != "us" {
		t.Errorf("the rows of an inner region bind outside it: %+v", a)
	}
}

func TestLabelsMatchByIsA(t *testing.T) {
	l := newLaw(t, `
		- {name: eth, when: {labels: [{system: "http://terminology.hl7.org/CodeSystem/v3-ActCode", code: ETH}]}, trigger: end, keep: 9y, action: purge, authority: a law}
		- {name: any, trigger: end, keep: 1y, action: purge, authority: a law}`)
	c := l.of("end", "2020-01-01")
	for code, row := range map[string]string{"ETH": "eth", "SUD": "eth", "OPIOIDUD": "eth", "HIV": "any", "eth": "any"} {
		c.Labels = []fhir.Coding{{System: actCode, Code: code}}
		if a := Assess(c); a.Row != row {
			t.Errorf("%s: %s, want %s", code, a.Row, row)
		}
	}
	l.part.Labels.Local = []LocalSystem{{URL: "http://example.org/local", Codes: []LocalCode{{Code: "VAPING", Parents: []Label{{actCode, "SUD"}}}}}}
	c.Labels = []fhir.Coding{{System: "http://example.org/local", Code: "VAPING"}}
	if a := Assess(c); a.Row != "eth" {
		t.Errorf("a local code below SUD: %s", a.Row)
	}
}

func TestAnAssessmentNamesEveryRowAndNothingOfTheRecord(t *testing.T) {
	l := newLaw(t, ages+"\n\t\t- {name: cap, kind: ceiling, trigger: erasure-request, keep: 1m, authority: a law}")
	c := l.of("last-encounter", "2020-03-31", "birth", "1970-01-01")
	c.Labels = []fhir.Coding{{System: actCode, Code: "HIV"}}
	c.Declared = []string{"maternity"}
	a := Assess(c)
	b, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"HIV", "maternity", "Encounter", "1970", "2020-03-31"} {
		if strings.Contains(string(b), secret) {
			t.Errorf("%s is in %s", secret, b)
		}
	}
	want := `{"verdict":"due","due":"2026-04-01","row":"adult","region":"us","authority":"a law","action":"purge","why":"every floor that applies is confirmed and has a date","considered":[` +
		`{"region":"us","row":"adult","kind":"floor","applies":"yes","date":"2026-04-01","confirmed":true,"action":"purge","authority":"a law","why":"applies"},` +
		`{"region":"us","row":"cap","kind":"ceiling","applies":"unknown","confirmed":true,"authority":"a law","why":"a fact is not on record"},` +
		`{"region":"us","row":"child","kind":"floor","applies":"no","confirmed":true,"action":"purge","authority":"a law","why":"a condition does not hold"}]}`
	if string(b) != want {
		t.Errorf("got  %s\nwant %s", b, want)
	}
	var again Assessment
	if err := json.Unmarshal(b, &again); err != nil || again.Due != a.Due {
		t.Errorf("does not come back: %v", err)
	}
}

func TestFactsAreReadStrictly(t *testing.T) {
	for _, c := range []struct{ kind, date string }{
		{"birthday", "2000-01-01"},
		{"end", "2000-01-01"},
		{"", "2000-01-01"},
		{"birth", ""},
		{"birth", "2000-13"},
		{"birth", "2001-02-29"},
		{"birth", "2000-01-01T00:00:00Z"},
		{"birth", "00-01-01"},
		{"birth", "2000-1-1"},
	} {
		if err := (Facts{}).Add(c.kind, c.date); err == nil {
			t.Errorf("%q %q is accepted", c.kind, c.date)
		} else if c.date != "" && strings.Contains(err.Error(), c.date) {
			t.Errorf("the error quotes a date of a person: %v", err)
		}
	}
	f := Facts{}
	for _, d := range []string{"2000", "2000-02", "2000-02-29"} {
		if err := f.Add(FactBirth, d); err != nil {
			t.Fatal(err)
		}
	}
	want := []Span{{date(t, "2000-01-01"), date(t, "2000-12-31")}, {date(t, "2000-02-01"), date(t, "2000-02-29")}, {date(t, "2000-02-29"), date(t, "2000-02-29")}}
	if !slices.Equal(f[FactBirth], want) {
		t.Errorf("%v", f)
	}
}
