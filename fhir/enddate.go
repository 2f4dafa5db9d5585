package fhir

import (
	"encoding/json"
	"reflect"
	"strings"
	"time"
)

// End tells where the end date of a resource was found.
type End struct {
	// Date is the day, see [ParseDateIn] for how partial dates and times become one.
	Date Date
	// Elements are the elements that were read, for example "period" of an
	// Encounter, of which the latest day counts.
	Elements []string
	// Typed is true if samply's FHIR model of the type read the same day. False
	// means that the model refuses the resource (one code that is not in its list
	// is enough for that) or reads something else than the strict parse, and that
	// the date comes from the strictly parsed bytes alone.
	Typed bool
}

// EndDate returns the day on which the care or business that the resource tells of
// ended, and false if it has not ended or does not say. Retention counts from that
// day; a resource without one is never due.
//
// In doubt it keeps: an open period (one without an end), a date that cannot be
// read, and a type without a rule are all no end; of several dates of one choice
// the latest counts. Which elements count, by type; the first that is present
// decides, and "…" stands for DateTime, Period, Timing, Instant or Date, of which
// any may be there. A period counts by its end; a timing by the latest of its
// events and the end of its bounds.
//
//	Encounter, EpisodeOfCare, CarePlan, CareTeam, Coverage, Flag,
//	  ResearchSubject                          period
//	Observation, DiagnosticReport,
//	  MedicationAdministration,
//	  MedicationStatement                      effective…
//	ClinicalImpression                         effective…, date
//	Procedure                                  performed…
//	Immunization, RiskAssessment, ChargeItem,
//	  SupplyDelivery, GuidanceResponse         occurrence…
//	ServiceRequest, DeviceRequest,
//	  SupplyRequest, CommunicationRequest      occurrence…, authoredOn
//	MedicationRequest                          dispenseRequest.validityPeriod, authoredOn
//	MedicationDispense                         whenHandedOver
//	NutritionOrder                             dateTime
//	VisionPrescription                         dateWritten
//	Condition                                  abatement…
//	Claim, ExplanationOfBenefit                billablePeriod
//	Account                                    servicePeriod
//	ImagingStudy                               started
//	Media                                      created…
//	DocumentReference                          context.period, date
//	Consent                                    provision.period
//	Communication                              received and sent
//	QuestionnaireResponse                      authored
//	Specimen                                   collection.collected…, receivedTime
//	Appointment                                end
//	Task                                       executionPeriod
//	DeviceUseStatement                         timing…
//	DetectedIssue                              identified…
//	AdverseEvent, FamilyMemberHistory,
//	  ImmunizationEvaluation                   date
//
// All other types have no end of their own: Patient, Practitioner, Organization,
// Location and the like describe lasting things, a Goal or an AllergyIntolerance
// holds until somebody says otherwise (its lastOccurrence is no end), a Bundle or
// Composition is as old as what is in it.
//
// The date is read twice, from the strictly parsed bytes and through samply's Go
// model of the type; the former decides. [Resource.End] tells whether both agree.
func (r *Resource) EndDate() (Date, bool) {
	e, ok := r.End()
	return e.Date, ok
}

// EndDateIn is EndDate on the calendar of a zone, see [ParseDateIn].
func (r *Resource) EndDateIn(zone *time.Location) (Date, bool) {
	e, ok := r.end(zone)
	return e.Date, ok
}

// End is EndDate with the elements and the reader it came from.
func (r *Resource) End() (End, bool) { return r.end(nil) }

func (r *Resource) end(zone *time.Location) (End, bool) {
	rule, ok := endRules[r.Type]
	if !ok {
		return End{}, false
	}
	end, ok := rule.read(rawNode(r.doc), zone)
	if !ok {
		return End{}, false
	}
	model := reflect.New(rule.model)
	if json.Unmarshal(r.doc, model.Interface()) == nil {
		typed, ok := rule.read(typedNode{model.Elem()}, zone)
		end.Typed = ok && typed.Date == end.Date
	}
	return end, true
}

// endRule says where a type keeps its end.
type endRule struct {
	model  reflect.Type // samply's struct of the type
	groups []string     // each a list of paths; the first group present decides
}

// node is a value inside a resource, however it was read.
type node interface {
	// text returns the value if it is a string.
	text() (string, bool)
	// children returns the values under a name, arrays flattened.
	children(name string) []node
}

// read applies the rule to a resource.
func (rule endRule) read(resource node, zone *time.Location) (End, bool) {
	for _, group := range rule.groups {
		var end End
		open := false
		for path := range strings.FieldsSeq(group) {
			found := descend(resource, path)
			if len(found) > 0 {
				end.Elements = append(end.Elements, path)
			}
			for _, n := range found {
				d, ok := lastDay(n, path, zone)
				open = open || !ok
				if ok && d.Compare(end.Date) > 0 {
					end.Date = d
				}
			}
		}
		if len(end.Elements) > 0 {
			return end, !open
		}
	}
	return End{}, false
}

// descend returns the nodes under a path of names.
func descend(n node, path string) []node {
	nodes := []node{n}
	for name := range strings.SplitSeq(path, ".") {
		var next []node
		for _, n := range nodes {
			next = append(next, n.children(name)...)
		}
		nodes = next
	}
	return nodes
}

// lastDay returns the day a date, period or timing ends, false if it is open or
// cannot be read. What it is shows in its name.
func lastDay(n node, path string, zone *time.Location) (Date, bool) {
	switch {
	case strings.HasSuffix(path, "Timing"):
		return lastOfTiming(n, zone)
	case strings.HasSuffix(path, "eriod"):
		ends := n.children("end")
		if len(ends) != 1 {
			return Date{}, false
		}
		n = ends[0]
	}
	s, ok := n.text()
	if !ok {
		return Date{}, false
	}
	d, err := ParseDateIn(s, zone)
	return d, err == nil
}

func lastOfTiming(n node, zone *time.Location) (latest Date, ok bool) {
	days := n.children("event")
	if len(n.children("repeat")) > 0 {
		ends := descend(n, "repeat.boundsPeriod.end")
		if len(ends) == 0 {
			return Date{}, false
		}
		days = append(days, ends...)
	}
	for _, day := range days {
		d, ok := lastDay(day, "", zone)
		if !ok {
			return Date{}, false
		}
		if d.Compare(latest) > 0 {
			latest = d
		}
	}
	return latest, len(days) > 0
}

// rawNode is a value in strictly parsed bytes.
type rawNode []byte

func (n rawNode) text() (string, bool) { return text(n) }

func (n rawNode) children(name string) (found []node) {
	for e := range elements(lookup(n, name)) {
		found = append(found, rawNode(e))
	}
	return found
}

// typedNode is a value in one of samply's models. Their choice elements are not
// always pointers, so a zero value is taken for an absent one.
type typedNode struct{ v reflect.Value }

func (n typedNode) text() (string, bool) {
	if n.v.Kind() != reflect.String {
		return "", false
	}
	return n.v.String(), true
}

func (n typedNode) children(name string) (found []node) {
	if n.v.Kind() != reflect.Struct {
		return nil
	}
	i, ok := fieldOf(n.v.Type(), name)
	if !ok {
		return nil
	}
	v := n.v.Field(i)
	if v.IsZero() {
		return nil
	}
	if v.Kind() == reflect.Slice {
		for j := range v.Len() {
			found = append(found, typedNode{reflect.Indirect(v.Index(j))})
		}
		return found
	}
	return []node{typedNode{reflect.Indirect(v)}}
}

// fieldOf returns the field of a model that has a JSON name.
func fieldOf(t reflect.Type, name string) (int, bool) {
	for i := range t.NumField() {
		tag, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if tag == name {
			return i, true
		}
	}
	return 0, false
}
