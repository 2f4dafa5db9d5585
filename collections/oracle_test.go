package collections

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"domicile/fhir"
)

// The oracle is a second implementation of retention that shares nothing with the
// first but the types: it counts days on its fingers, knows no partial dates and
// no unknown answers. It judges one world at a time, in which each statement has
// turned out to be one day.

// world is the truth: the day of each kind of event, and of the resource's end.
type world map[string]fhir.Date

// drawn is a case with what its end date was rounded from.
type drawn struct {
	Case
	end Span
}

func leap(y int) bool { return y%4 == 0 && (y%100 != 0 || y%400 == 0) }

func monthDays(y, m int) int {
	return []int{31, 28 + map[bool]int{true: 1}[leap(y)], 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}[m-1]
}

func nextDay(d fhir.Date) fhir.Date {
	d.Day++
	if d.Day > monthDays(d.Year, int(d.Month)) {
		d.Day = 1
		d.Month++
	}
	if d.Month > 12 {
		d.Month = 1
		d.Year++
	}
	return d
}

func dayBefore(d fhir.Date) fhir.Date {
	if d.Day--; d.Day == 0 {
		if d.Month--; d.Month == 0 {
			d.Year, d.Month = d.Year-1, 12
		}
		d.Day = monthDays(d.Year, int(d.Month))
	}
	return d
}

// plus adds a period; a day that is not there is the first of the next month.
func plus(d fhir.Date, p fhir.Period) fhir.Date {
	months := map[byte]int{'y': 12, 'm': 1}[p.Unit] * p.N
	for range months {
		d.Month++
		if d.Month > 12 {
			d.Month = 1
			d.Year++
		}
	}
	if d.Day > monthDays(d.Year, int(d.Month)) {
		d.Day = monthDays(d.Year, int(d.Month))
		d = nextDay(d)
	}
	if p.Unit == 'd' {
		for range p.N {
			d = nextDay(d)
		}
	}
	return d
}

func before(a, b fhir.Date) bool { return a.String() < b.String() }

// applies tells whether all conditions hold in the world; all facts are there but
// those that known asks for.
func (w world) applies(row *Row) bool {
	for _, k := range row.AppliesIf {
		var holds bool
		switch {
		case k.Known != nil:
			_, on := w[k.Fact]
			holds = on == *k.Known
		case k.Under.Unit != 0:
			holds = before(w[k.At], plus(w[k.Fact], k.Under))
		default:
			holds = before(w[k.Fact], plus(w[k.Of], k.Within))
		}
		if holds == k.Not {
			return false
		}
	}
	return true
}

// free returns the first day on which the record may go under a floor.
func (w world) free(row *Row) fhir.Date {
	var out fhir.Date
	for _, u := range row.Until {
		d, ok := w[u.Trigger]
		if !ok {
			continue // a minimum without this part is later still
		}
		if care := u.Trigger == FactLastEncounter || u.Trigger == FactTreatmentEnd; care && before(d, w[TriggerEnd]) {
			d = w[TriggerEnd] // the record itself is of later care
		}
		d = plus(plus(d, u.Keep), u.Then)
		if out.IsZero() || (row.Combine == CombineMin) == before(d, out) {
			out = d
		}
	}
	if out.IsZero() {
		return out
	}
	return nextDay(out)
}

// needs returns the events that a floor cannot be computed without.
func needs(row *Row) (out []string) {
	for _, k := range row.AppliesIf {
		switch {
		case k.Known != nil:
		case k.Under.Unit != 0:
			out = append(out, k.Fact, k.At)
		default:
			out = append(out, k.Fact, k.Of)
		}
	}
	if row.Combine != CombineMin {
		for _, u := range row.Until {
			out = append(out, u.Trigger)
		}
	}
	return out
}

// dice draws cases.
type dice struct{ *rand.Rand }

func pick[T any](d dice, list ...T) T { return list[d.IntN(len(list))] }

func (d dice) period(low, high int) fhir.Period {
	switch d.IntN(6) {
	case 0:
		return fhir.Period{N: 12 * (low + d.IntN(high-low+1)), Unit: 'm'}
	case 1:
		return fhir.Period{N: 20*low + d.IntN(60), Unit: 'd'}
	}
	return fhir.Period{N: low + d.IntN(high-low+1), Unit: 'y'}
}

func (d dice) day(low, high int) string {
	y := low + d.IntN(high-low+1)
	m := pick(d, 1, 2, 2, 2, 3, 12, 1+d.IntN(12))
	day := pick(d, 1, monthDays(y, m), 1+d.IntN(monthDays(y, m)))
	full := fmt.Sprintf("%04d-%02d-%02d", y, m, day)
	return pick(d, full, full, full, full[:7], full[:4])
}

func (d dice) condition() Condition {
	k := Condition{Fact: FactBirth, Under: d.period(16, 19), At: pick(d, FactLastEncounter, TriggerEnd), Not: d.IntN(2) == 0}
	if d.IntN(3) == 0 {
		k = Condition{Fact: FactDeath, Within: d.period(5, 10), Of: pick(d, FactLastEncounter, FactTreatmentEnd), Not: d.IntN(2) == 0}
	}
	return k
}

func (d dice) row(name string) Row {
	triggers := []string{TriggerEnd, FactLastEncounter, FactBirth, FactDeath, FactTreatmentEnd}
	row := Row{Name: name, Kind: KindFloor, Action: pick(d, ActionPurge, ActionPurge, ActionReview, ActionArchive), Authority: "a law"}
	if d.IntN(4) == 0 {
		row.Kind, row.Action = KindCeiling, ""
		triggers = append(triggers, FactErasure)
	}
	for range 1 + d.IntN(3)/2 {
		u := Until{Trigger: pick(d, triggers...), Keep: d.period(1, 30)}
		if d.IntN(3) == 0 {
			u.Then = d.period(1, 5)
		}
		row.Until = append(row.Until, u)
	}
	if len(row.Until) > 1 {
		row.Combine = pick(d, CombineMax, CombineMin)
	}
	for range d.IntN(3) {
		row.AppliesIf = append(row.AppliesIf, d.condition())
	}
	if d.IntN(5) == 0 {
		row.Jurisdiction = pick(d, "US", "US-AZ", "US-NY")
	}
	if d.IntN(5) == 0 {
		row.Class = pick(d, "hospital", "other")
	}
	return row
}

// draw makes a case. Some rows are confirmed.
func (d dice) draw() drawn {
	r := &Region{Name: "us", Jurisdictions: []string{"US"}}
	p := &Private{Custodian: Custodian{Jurisdictions: []string{"US-AZ"}, Classes: []string{"hospital"}}}
	for i := range 1 + d.IntN(5) {
		row := d.row(fmt.Sprint("row", i))
		r.Retention = append(r.Retention, row)
		if d.IntN(3) > 0 {
			p.Confirmations = append(p.Confirmations, Confirmation{Region: "us", Row: row.Name, SHA256: RowDigest("us", row)})
		}
	}
	c := drawn{Case: Case{Regions: []*Region{r}, Private: p, Type: "Encounter", Facts: Facts{}}}
	if d.IntN(5) > 0 {
		f := Facts{}
		if err := f.Add(FactDeath, d.day(2000, 2012)); err != nil {
			panic(err)
		}
		c.end, c.End = f[FactDeath][0], f[FactDeath][0].Last
	}
	for _, kind := range []string{FactLastEncounter, FactBirth, FactDeath, FactTreatmentEnd, FactErasure} {
		low, high := 2000, 2012
		switch kind {
		case FactBirth:
			low, high = 1980, 2000
		case FactDeath:
			low, high = 2013, 2020 // after all care: what contradicts itself asks for review
		}
		for range pick(d, 0, 1, 1, 1, 1, 2, 3) {
			if err := c.Facts.Add(kind, d.day(low, high)); err != nil {
				panic(err)
			}
		}
	}
	return c
}

// worlds returns truths that the facts allow: the corners and some inside. In rounded
// ones a day of anything but a birth was the day before: a time of day on it was rounded.
func (d dice) worlds(c drawn, n int, rounded bool) []world {
	var out []world
	shift := func(kind string, day fhir.Date) fhir.Date {
		if rounded && kind != FactBirth && d.IntN(2) == 0 {
			return dayBefore(day)
		}
		return day
	}
	for range n {
		w := world{}
		if !c.End.IsZero() {
			w[TriggerEnd] = shift(TriggerEnd, d.inside(c.end))
		}
		for kind, list := range c.Facts {
			for _, s := range list {
				day := shift(kind, d.inside(s))
				one := kind == FactBirth || kind == FactDeath // differing statements of one event
				if old, ok := w[kind]; !ok || one && d.IntN(2) == 0 || !one && before(old, day) {
					w[kind] = day
				}
			}
		}
		out = append(out, w)
	}
	return out
}

func (d dice) inside(s Span) fhir.Date {
	switch d.IntN(3) {
	case 0:
		return s.First
	case 1:
		return s.Last
	}
	day := s.First
	for n := d.IntN(366); n > 0 && before(day, s.Last); n-- {
		day = nextDay(day)
	}
	return day
}

// binds tells whether a row is about the case at all: the custodian is in Arizona
// and the records are a hospital's.
func binds(row *Row) bool {
	return row.Jurisdiction != "US-NY" && row.Class != "other"
}

// tellsOfLaterCare tells whether the end of the record is later than what is known of the
// person's care.
func (c *Case) tellsOfLaterCare() bool {
	for _, kind := range []string{FactLastEncounter, FactTreatmentEnd} {
		if last, ok := c.Facts.latest(kind); ok && c.End.Compare(last.Last) > 0 {
			return true
		}
	}
	return false
}

// noSooner fails if a record is destroyable earlier, or with less ado, than it was.
func noSooner(t *testing.T, what string, c Case, was, after Assessment) {
	t.Helper()
	if after.Verdict == VerdictNever {
		return
	}
	if was.Verdict == VerdictNever || after.Due.Compare(was.Due) < 0 || was.Verdict == VerdictReview && after.Verdict == VerdictDue {
		t.Fatalf("%s makes a record destroyable earlier\nwas   %+v\nnow   %+v\ncase  %+v\nrows  %+v", what, was, after, c, c.Regions[0].Retention)
	}
}

func checkCase(t *testing.T, d dice) {
	t.Helper()
	from := d.draw()
	c := from.Case
	a := Assess(c)
	againstOracle(t, d, from, a)

	ignorant := c
	ignorant.Facts = Facts{}
	forget := pick(d, FactLastEncounter, FactBirth, FactDeath, FactTreatmentEnd, TriggerEnd)
	vague := Facts{}
	for kind, list := range c.Facts {
		if kind != forget {
			ignorant.Facts[kind] = list
		}
		for _, s := range list {
			s.First.Month, s.First.Day, s.Last.Month, s.Last.Day = 1, 1, 12, 31
			vague[kind] = append(vague[kind], s)
		}
	}
	if forget == TriggerEnd {
		ignorant.End = fhir.Date{}
	}
	// What a record says of later care than the facts do is no fact that can be waited for.
	if forget != TriggerEnd || !c.tellsOfLaterCare() {
		noSooner(t, "forgetting "+forget, c, a, Assess(ignorant))
	}
	blurred := c
	blurred.Facts = vague
	if b := Assess(blurred); a.Why != whyNoFloor { // the first floor to apply gives the first date there is
		noSooner(t, "knowing years only", c, a, b)
	} else if b.Verdict == VerdictDue {
		t.Fatalf("due by a floor that perhaps applies: %+v", b)
	}

	more := *c.Regions[0]
	more.Retention = append(slices.Clone(more.Retention), d.row("added"))
	longer := c
	longer.Regions = []*Region{&more}
	if l := Assess(longer); a.Why != whyNoFloor {
		noSooner(t, "adding a row", c, a, l)
	}

	fewer := *c.Private
	fewer.Confirmations = nil
	unconfirmed := c
	unconfirmed.Private = &fewer
	u := Assess(unconfirmed)
	noSooner(t, "taking confirmations back", c, a, u)
	if u.Verdict == VerdictDue || u.CeilingRow != "" {
		t.Fatalf("something acts that nobody confirmed: %+v", u)
	}
	unsettled := c
	unsettled.Private = &Private{Confirmations: c.Private.Confirmations}
	if s := Assess(unsettled); s.Verdict != VerdictNever {
		t.Fatalf("due without jurisdictions: %+v", s)
	}
}

// againstOracle compares an assessment with what the worlds say.
func againstOracle(t *testing.T, d dice, c drawn, a Assessment) {
	t.Helper()
	rows := c.Regions[0].Retention
	precise := !c.End.IsZero() && endSpan(c.End).First == c.End
	for _, list := range c.Facts {
		precise = precise && len(list) == 1 && list[0].First == list[0].Last
	}
	// What perhaps applies counts, so that a date may be later than in any one world.
	precise = precise && !slices.ContainsFunc(a.Considered, func(k Considered) bool { return k.Applies == "yes" && !k.sure })
	for i, w := range append(d.worlds(c, 12, false), d.worlds(c, 8, true)...) {
		var due fhir.Date
		known := true
		for i := range rows {
			row := &rows[i]
			if row.Kind == KindCeiling || !binds(row) {
				continue
			}
			if slices.ContainsFunc(needs(row), func(k string) bool { _, on := w[k]; return !on }) {
				known = false
				continue
			}
			if !w.applies(row) {
				continue
			}
			free := w.free(row)
			known = known && !free.IsZero()
			if before(due, free) {
				due = free
			}
		}
		if a.Verdict == VerdictNever {
			continue
		}
		if a.Due.Compare(due) < 0 {
			t.Fatalf("due %s, and a floor lasts to %s in the world %v\n%+v\nrows %+v", a.Due, due, w, a, rows)
		}
		if precise && known && i < 12 && a.Due != due {
			t.Fatalf("due %s, the oracle says %s in %v\n%+v\nrows %+v", a.Due, due, w, a, rows)
		}
	}
}

func TestDueIsNeverEarlierThanAnyApplyingFloorAndIgnoranceOnlyKeeps(t *testing.T) {
	n := 5_000
	if testing.Short() {
		n = 1_000
	}
	verdicts := map[string]int{}
	for seed := range n {
		d := dice{rand.New(rand.NewPCG(uint64(seed), 1))}
		checkCase(t, d)
		verdicts[Assess(dice{rand.New(rand.NewPCG(uint64(seed), 1))}.draw().Case).Verdict]++
	}
	for _, v := range []string{VerdictDue, VerdictReview, VerdictNever} {
		if verdicts[v] < n/50 {
			t.Errorf("the cases test too little: %v", verdicts)
		}
	}
}

func FuzzAssess(f *testing.F) {
	f.Add(uint64(1), uint64(2))
	f.Fuzz(func(t *testing.T, a, b uint64) { checkCase(t, dice{rand.New(rand.NewPCG(a, b))}) })
}
