package collections

import (
	"time"

	"domicile/fhir"
)

// truth is the answer to a condition. Its order is that of certainty against: of
// several conditions that must all hold, the lowest answer counts.
type truth int

const (
	no      truth = iota // certainly not
	unknown              // a fact is not on record
	maybe                // dates are partial or differ: it can be either
	yes                  // certainly
)

func (t truth) not() truth {
	switch t {
	case yes:
		return no
	case no:
		return yes
	}
	return t
}

// all returns the answer to conditions that must all hold, and the kinds of facts
// that were missing.
func all(conditions []Condition, c *Case) (truth, []string) {
	out := yes
	var missing []string
	for _, k := range conditions {
		t, lack := k.ask(c)
		out = min(out, t)
		missing = append(missing, lack...)
	}
	if out != unknown {
		missing = nil
	}
	return out, missing
}

// ask answers one condition.
func (k Condition) ask(c *Case) (t truth, missing []string) {
	switch {
	case k.Known != nil:
		t = no
		if _, on := c.span(k.Fact); on == *k.Known {
			t = yes
		}
	case k.Under != fhir.Period{}:
		t, missing = c.less(k.Fact, k.At, k.Under)
	default:
		t, missing = c.less(k.Of, k.Fact, k.Within)
	}
	if k.Not {
		t = t.not()
	}
	return t, missing
}

// less asks whether the event until came less than a period after the event since.
func (c *Case) less(since, until string, period fhir.Period) (truth, []string) {
	var missing []string
	from, ok := c.whole(since)
	if !ok {
		missing = append(missing, since)
	}
	to, ok := c.whole(until)
	if !ok {
		missing = append(missing, until)
	}
	switch {
	case missing != nil:
		return unknown, missing
	case to.Last.Compare(from.First.AddPeriod(period)) < 0:
		return yes, nil
	case to.First.Compare(from.Last.AddPeriod(period)) >= 0:
		return no, nil
	}
	return maybe, nil
}

// span returns when the event that a trigger names was: the clinical end of the
// resource, or the latest fact of the kind.
func (c *Case) span(trigger string) (Span, bool) {
	if trigger == TriggerEnd {
		return endSpan(c.End), !c.End.IsZero()
	}
	return c.Facts.latest(trigger)
}

// start returns the day from which a floor counts. A record that tells of care later than
// the last encounter or end of treatment on record shows itself that care went on: its own
// end counts then. A treatment that has not ended has no end, whatever ended before it.
func (c *Case) start(trigger string) (fhir.Date, bool) {
	from, ok := c.span(trigger)
	switch trigger {
	case FactLastEncounter:
		return later(from.Last, c.End), ok
	case FactTreatmentEnd:
		open := c.Type == "EpisodeOfCare" && c.End.IsZero()
		return later(from.Last, c.End), ok && !open
	}
	return from.Last, ok
}

// whole is span with every statement of a birth or a death taken into account, for
// asking what is certain. All but a birth may have come with a time of day, which counts
// as the latest of its day in several zones: the day before is possible, too. Who was
// seen on the evening before a birthday was not of that age.
func (c *Case) whole(trigger string) (Span, bool) {
	switch trigger {
	case FactBirth:
		return c.Facts.hull(trigger)
	case FactDeath:
		s, ok := c.Facts.hull(trigger)
		return s.dayEarlier(), ok
	}
	s, ok := c.span(trigger)
	return s.dayEarlier(), ok
}

// dayEarlier is the span with the day before it.
func (s Span) dayEarlier() Span {
	d := s.First
	return Span{fhir.DateOf(time.Date(d.Year, d.Month, d.Day-1, 0, 0, 0, 0, time.UTC)), s.Last}
}
