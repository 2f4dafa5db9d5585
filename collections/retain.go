package collections

import (
	"slices"

	"domicile/fhir"
)

// Retention is the answer of [Region.Retain].
type Retention struct {
	Due       fhir.Date // first day on which the record may go
	Row       string    // name of the row that gave it
	Authority string    // of that row
}

// Retain returns from which day on a record may be purged: a resource of type
// rtype with these labels, whose clinical end date is end. It is false when no
// row matches or there is no end date; such a record is never due.
//
// Of several matching rows the latest date counts; of equal ones, the row first by
// name. A row's date is the day after end + keep: the whole last day is kept. So a
// stay that ended on 2020-03-31 and is kept 6y may go from 2026-04-01 00:00 UTC.
// Where the calendar lacks the day, it is the first of the next month (see
// [fhir.Date.AddPeriod]), and an end date known only to the month or year is its
// last day (see [fhir.ParseDate]): rounding always keeps longer. A day in the past
// is an answer like any other.
func (r *Region) Retain(rtype string, labels []fhir.Coding, end fhir.Date) (Retention, bool) {
	if end.IsZero() {
		return Retention{}, false
	}
	var best Retention
	for _, row := range r.Retention {
		if !row.When.Matches(rtype, labels) {
			continue
		}
		due := end.AddPeriod(row.Keep).AddPeriod(fhir.Period{N: 1, Unit: 'd'})
		if best.Row == "" || due.Compare(best.Due) > 0 {
			best = Retention{Due: due, Row: row.Name, Authority: row.Authority}
		}
	}
	return best, best.Row != ""
}

// Matches tells whether a resource of this type with these labels is chosen.
func (s Selector) Matches(rtype string, labels []fhir.Coding) bool {
	if len(s.Types) > 0 && !slices.Contains(s.Types, rtype) {
		return false
	}
	return len(s.Labels) == 0 || anyMatch(s.Labels, labels)
}
