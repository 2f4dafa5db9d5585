package collections

import (
	"fmt"
	"slices"
	"strings"

	"domicile/fhir"
)

// Kinds of facts about a person that start or bound periods, spelled as in package
// chaincode/record.
const (
	FactLastEncounter = "last-encounter"
	FactBirth         = "birth"
	FactDeath         = "death"
	FactTreatmentEnd  = "treatment-end"
	FactTrialEnd      = "trial-end"
	FactConsentEnd    = "consent-end"
	FactDiscontinued  = "programme-discontinued"
	FactErasure       = "erasure-request"
)

var factKinds = []string{
	FactLastEncounter, FactBirth, FactDeath, FactTreatmentEnd, FactTrialEnd, FactConsentEnd, FactDiscontinued, FactErasure,
}

// FactKinds returns every kind of fact.
func FactKinds() []string { return slices.Clone(factKinds) }

// Span is the days that a date can mean: both ends are the same for a whole date,
// a month or a year apart for a partial one.
type Span struct{ First, Last fhir.Date }

// Facts are what is known about the people of a record, by kind. Several dates of
// one kind are several events, or several statements about one.
type Facts map[string][]Span

// Add notes a fact. date is a FHIR date: YYYY, YYYY-MM or YYYY-MM-DD. An unknown
// kind and every other form of date are errors.
func (f Facts) Add(kind, date string) error {
	if !slices.Contains(factKinds, kind) {
		return fmt.Errorf("policy: not a kind of fact; known: %s", strings.Join(factKinds, ", "))
	}
	if len(date) > len("2006-01-02") {
		return fhir.ErrDate
	}
	last, err := fhir.ParseDate(date)
	if err != nil {
		return err
	}
	s := Span{last, last}
	switch len(date) {
	case len("2006"):
		s.First.Month, s.First.Day = 1, 1
	case len("2006-01"):
		s.First.Day = 1
	}
	f[kind] = append(f[kind], s)
	return nil
}

// latest returns the days on which the latest event of a kind can have been, false
// when there is none. For a birth, of which statements differ, that is the youngest
// the person can be.
func (f Facts) latest(kind string) (Span, bool) {
	list := f[kind]
	if len(list) == 0 {
		return Span{}, false
	}
	out := list[0]
	for _, s := range list[1:] {
		out.First, out.Last = later(out.First, s.First), later(out.Last, s.Last)
	}
	return out, true
}

// hull returns all days that the statements of a kind can mean.
func (f Facts) hull(kind string) (Span, bool) {
	out, ok := f.latest(kind)
	for _, s := range f[kind] {
		if s.First.Compare(out.First) < 0 {
			out.First = s.First
		}
	}
	return out, ok
}

// earliest returns the days on which the first event of a kind can have been.
func (f Facts) earliest(kind string) (Span, bool) {
	list := f[kind]
	if len(list) == 0 {
		return Span{}, false
	}
	out := list[0]
	for _, s := range list[1:] {
		out.First, out.Last = sooner(out.First, s.First), sooner(out.Last, s.Last)
	}
	return out, true
}

func later(a, b fhir.Date) fhir.Date {
	if b.Compare(a) > 0 {
		return b
	}
	return a
}

func sooner(a, b fhir.Date) fhir.Date {
	if b.Compare(a) < 0 {
		return b
	}
	return a
}

// EndSpan returns all days on which care can have ended whose clinical end date is on
// record as end: it may be a rounded month or year, or a time of day of the day before.
func EndSpan(end fhir.Date) Span { return endSpan(end).dayEarlier() }

// endSpan returns the days that a clinical end date can mean. It comes rounded to
// its last day, so the last day of a month may stand for the month and the last of
// a year for the year.
func endSpan(end fhir.Date) Span {
	s := Span{end, end}
	if next := end.AddPeriod(fhir.Period{N: 1, Unit: 'd'}); next.Day == 1 || next == end {
		s.First.Day = 1
		if end.Month == 12 {
			s.First.Month = 1
		}
	}
	return s
}
