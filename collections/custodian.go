package collections

import (
	"slices"
	"time"
	_ "time/tzdata" // the zones of custodians, on machines that have none

	"domicile/fhir"
)

// Custodian says whose law binds the holder of a log's collections. What is not
// set keeps: without Jurisdictions nothing is ever due.
type Custodian struct {
	// Jurisdictions are the places whose law binds the holder, ISO 3166 codes such
	// as US-AZ. A part stands for the whole as well: US-AZ is bound by rows of US.
	Jurisdictions []string `json:"jurisdictions,omitempty"`
	// Zone is the time zone of the holder's calendar, a name of the IANA database
	// such as America/Phoenix. Defaults to UTC.
	Zone string `json:"zone,omitempty"`
	// Classes are those of every record here, such as hospital.
	Classes []string `json:"classes,omitempty"`
	// Part2 is the holder's posture under 42 CFR Part 2: Part2Program, Part2None or
	// Part2Declared. Empty: nobody has decided, which domicile policy check refuses
	// for a holder in the United States.
	Part2 string `json:"part2,omitempty"`
}

// Location is the time zone of the holder's calendar, looked up in the database of
// the machine or else in the program's own; UTC when Zone is empty or unknown there.
func (c Custodian) Location() *time.Location {
	zone, err := time.LoadLocation(c.Zone)
	if err != nil {
		return time.UTC
	}
	return zone
}

// Values of [Custodian].Part2.
const (
	Part2Program  = "program"  // every record about a person is a record of a Part 2 programme
	Part2None     = "none"     // the holder is no Part 2 programme
	Part2Declared = "declared" // some records are; each import says which
)

var postures = []string{Part2Program, Part2None, Part2Declared}

// Labels are the holder's choices for security labels.
type Labels struct {
	// Default is the confidentiality of a record when nothing says another.
	// Defaults to N.
	Default string `json:"default,omitempty"`
	// Rules is the lower-case hex SHA-256 of the labelling rules in force; empty:
	// none are.
	Rules string `json:"rules,omitempty"`
	// Confidentiality gives records with a label at least a confidentiality.
	Confidentiality []Confidentiality `json:"confidentiality,omitempty"`
	Local           []LocalSystem     `json:"local,omitempty"` // code systems of the holder's own
}

// Confidentiality gives records with a label at least a confidentiality.
type Confidentiality struct {
	Label Label  `json:"label"`
	Is    string `json:"is"` // U, L, M, N, R or V
}

// LocalSystem is a code system of labels that HL7 does not define.
type LocalSystem struct {
	URL     string      `json:"url"`
	Version string      `json:"version,omitempty"`
	Codes   []LocalCode `json:"codes"`
}

// LocalCode is one code of a [LocalSystem].
type LocalCode struct {
	Code    string `json:"code"`
	Display string `json:"display,omitempty"`
	// Set is the tag set it belongs to, such as sensitivity. Empty: that of its
	// parents.
	Set     string  `json:"set,omitempty"`
	Parents []Label `json:"parents,omitempty"` // codes of any system above it
}

// Setting is the choices for one record collection.
type Setting struct {
	// Validation is ValidationOff, ValidationWarn or ValidationEnforce: whether
	// resources are checked against the structure of FHIR R4 before a put. Defaults
	// to ValidationOff.
	Validation string `json:"validation,omitempty"`
	// Unknown is UnknownReject or UnknownQuarantine: what happens to a record with
	// a label that nobody here knows. Defaults to UnknownReject.
	Unknown string `json:"unknown,omitempty"`
}

// Values of a [Setting].
const (
	ValidationOff     = "off"
	ValidationWarn    = "warn"
	ValidationEnforce = "enforce"

	UnknownReject     = "reject"
	UnknownQuarantine = "quarantine"
)

var (
	validations = []string{ValidationOff, ValidationWarn, ValidationEnforce}
	unknowns    = []string{UnknownReject, UnknownQuarantine}
	grades      = []string{"U", "L", "M", "N", "R", "V"}
)

// Class puts records into a class of retention, by type and label, for rows that
// name the class.
type Class struct {
	Class string   `json:"class"`
	When  Selector `json:"when"`
}

// Setting returns the choices for a record collection, defaults filled in.
func (p *Private) Setting(collection string) Setting {
	s := p.Settings[collection]
	if s.Validation == "" {
		s.Validation = ValidationOff
	}
	if s.Unknown == "" {
		s.Unknown = UnknownReject
	}
	return s
}

// DefaultConfidentiality returns Labels.Default, N when it is not set.
func (p *Private) DefaultConfidentiality() string {
	if p.Labels.Default == "" {
		return "N"
	}
	return p.Labels.Default
}

// classes returns the classes of a record: the custodian's, those the private part
// gives it and those declared with it.
func (c *Case) classes(labels []fhir.Coding) []string {
	out := slices.Clone(c.Declared)
	if c.Private == nil {
		return out
	}
	out = append(out, c.Private.Custodian.Classes...)
	for _, k := range c.Private.Classes {
		if c.Private.chooses(k.When, c.Type, labels) {
			out = append(out, k.Class)
		}
	}
	return out
}
