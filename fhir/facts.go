package fhir

import "time"

// Kinds of events, spelled as the ledger's facts about a person are.
const (
	EventBirth         = "birth"
	EventDeath         = "death"
	EventLastEncounter = "last-encounter"
	EventTreatmentEnd  = "treatment-end"
	EventTrialEnd      = "trial-end"
	EventConsentEnd    = "consent-end"
)

// Event is a dated event in a person's life or care, from which laws count how
// long records are kept.
type Event struct {
	Kind string // one of the Event constants
	// Date has the precision of the resource: YYYY, YYYY-MM or YYYY-MM-DD.
	Date string
}

// Facts returns the events that the resource states about its subject, nil if
// none. A date that cannot be read is none, and so is an end of a resource whose
// status says that the thing has not ended or never was:
//
//	Patient          birthDate is a birth, deceasedDateTime a death
//	Encounter        period.end, if finished, is a last encounter; of one that has begun
//	                 and has no end, period.start is
//	EpisodeOfCare    period.end, if finished, is the end of a treatment
//	ResearchSubject  period.end is the end of a trial
//	Consent          provision.period.end, if active or inactive, and dateTime, if
//	                 inactive, are ends of a consent
//
// Only the resource itself is read, not those contained in it nor the entries of a
// Bundle, because they may be about somebody else. Of a time with an offset the
// later of its day there and its day in UTC counts, as with [ParseDate].
func (r *Resource) Facts() []Event { return r.FactsIn(nil) }

// FactsIn is Facts on the calendar of a zone, see [ParseDateIn].
func (r *Resource) FactsIn(zone *time.Location) []Event {
	f := facts{doc: r.doc, zone: zone}
	status := lookupText(r.doc, "status")
	switch r.Type {
	case "Patient":
		f.add(EventBirth, "birthDate")
		f.add(EventDeath, "deceasedDateTime")
	case "Encounter":
		f.encounter(status)
	case "EpisodeOfCare":
		if status == "finished" {
			f.add(EventTreatmentEnd, "period", "end")
		}
	case "ResearchSubject":
		f.add(EventTrialEnd, "period", "end")
	case "Consent":
		if status == "active" || status == "inactive" {
			f.add(EventConsentEnd, "provision", "period", "end")
		}
		if status == "inactive" {
			f.add(EventConsentEnd, "dateTime")
		}
	}
	return f.events
}

type facts struct {
	doc    []byte
	zone   *time.Location // nil for UTC
	events []Event
}

// encounter takes in when the person was last seen: at the end of a finished encounter,
// or at least at its beginning, so that a person in care is not taken for one who was
// last seen long ago.
func (f *facts) encounter(status string) {
	switch status {
	case "finished":
		if f.add(EventLastEncounter, "period", "end") {
			return
		}
	case "arrived", "triaged", "in-progress", "onleave", "unknown":
	default:
		return // planned, cancelled, entered in error
	}
	f.add(EventLastEncounter, "period", "start")
}

// add takes in the date under a path of names, and tells whether there is one.
func (f *facts) add(kind string, path ...string) bool {
	v := f.doc
	for _, name := range path {
		v = lookup(v, name)
	}
	s, _ := text(v)
	d, err := ParseDateIn(s, f.zone)
	if err != nil {
		return false
	}
	if len(s) >= len("YYYY-MM-DD") {
		s = d.String()
	}
	f.events = append(f.events, Event{kind, s})
	return true
}
