package sample

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
)

// DefaultPatients is the default of [HealthOptions].Patients: every story, old and
// recent.
const DefaultPatients = 2 * Stories

// Stories is the number of different stories that [WriteHealth] tells, in this
// order, again and again: opioid use disorder, alcohol use disorder, HIV,
// depression, and high blood pressure.
const Stories = 5

// HealthOptions say what [WriteHealth] generates.
type HealthOptions struct {
	// Seed chooses identifiers, dates and values; not the stories.
	Seed uint64
	// Patients is the number of people, at least 1. Default [DefaultPatients].
	Patients int
	// Year is the year of the newest records. The first five people's records are
	// 13 to 18 years older, the next five's are of that year and the one before, and
	// so on. Default [DefaultYear].
	Year int
}

const (
	actCode  = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
	icd10    = "http://hl7.org/fhir/sid/icd-10-cm"
	rxnorm   = "http://www.nlm.nih.gov/research/umls/rxnorm"
	loinc    = "http://loinc.org"
	hcpcs    = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
	ucum     = "http://unitsofmeasure.org"
	v3Reason = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
)

// story is what happens to one person, in codes.
type story struct {
	condition, drug, test [2]string // code and name: ICD-10-CM, RxNorm, LOINC
	unit                  string    // of the test, UCUM
	service               string    // HCPCS, "" for none
	substance             bool      // treated by a Part 2 programme, with a consent
	notes                 bool      // has psychotherapy notes
}

var stories = [Stories]story{
	{
		condition: [2]string{"F11.20", "Opioid dependence, uncomplicated"}, drug: [2]string{"1819", "buprenorphine"},
		test: [2]string{"3879-4", "Opiates [Presence] in Urine"}, service: "H0020", substance: true,
	},
	{
		condition: [2]string{"F10.20", "Alcohol dependence, uncomplicated"}, drug: [2]string{"82819", "acamprosate"},
		test: [2]string{"75626-2", "Total score [AUDIT-C]"}, unit: "{score}", service: "H0015", substance: true,
	},
	{
		condition: [2]string{"B20", "Human immunodeficiency virus [HIV] disease"}, drug: [2]string{"1433868", "dolutegravir"},
		test: [2]string{"25836-8", "HIV 1 RNA [#/volume] (viral load)"}, unit: "{copies}/mL",
	},
	{
		condition: [2]string{"F32.1", "Major depressive disorder, single episode, moderate"}, drug: [2]string{"36437", "sertraline"},
		test: [2]string{"44261-6", "Patient Health Questionnaire 9 item (PHQ-9) total score"}, unit: "{score}", notes: true,
	},
	{
		condition: [2]string{"I10", "Essential (primary) hypertension"}, drug: [2]string{"29046", "lisinopril"},
		test: [2]string{"8480-6", "Systolic blood pressure"}, unit: "mm[Hg]",
	},
}

// WriteHealth generates a Bundle of type transaction about people with conditions
// that labelling rules know: for each a Patient with a birth date, an EpisodeOfCare,
// an Encounter, a Condition, a MedicationRequest, an Observation; a Procedure and a
// Consent under 42 CFR Part 2 for substance use; a labelled psychotherapy note for
// depression. Nothing else carries a label: giving them is what it is for. The recent
// patient with depression is a minor, the old one with alcohol use disorder has died.
func WriteHealth(w io.Writer, o HealthOptions) error {
	if o.Patients == 0 {
		o.Patients = DefaultPatients
	}
	if o.Year == 0 {
		o.Year = DefaultYear
	}
	if o.Patients < 1 || o.Year < 1900 || o.Year > 9000 {
		return errors.New("sample: patients must be at least 1, year 1900 to 9000")
	}
	var seed [32]byte
	copy(seed[:], fmt.Sprintf("domicile health %016x", o.Seed))
	h := &health{o: o, generator: generator{random: rand.New(rand.NewChaCha8(seed)), w: bufio.NewWriter(w)}}
	h.print("{\n  \"resourceType\": \"Bundle\",\n  \"type\": \"transaction\",\n  \"entry\": [")
	for i := range o.Patients {
		h.person(i)
	}
	h.print("\n  ]\n}\n")
	return h.w.Flush()
}

type health struct {
	generator
	o        HealthOptions
	entries  int
	subject  string // reference
	year     int    // of the person's records
	from, to string // days of the treatment
}

func (h *health) person(n int) {
	s := stories[n%Stories]
	old := n/Stories%2 == 0
	h.year = h.o.Year - h.random.IntN(2)
	if old {
		h.year = h.o.Year - 13 - h.random.IntN(6)
	}
	month, day := 1+h.random.IntN(6), 1+h.random.IntN(28)
	h.from, h.to = fmt.Sprintf("%04d-%02d-%02d", h.year, month, day), fmt.Sprintf("%04d-%02d-%02d", h.year, month+5, day)
	h.subject = ""
	h.subject = "urn:uuid:" + h.put("Patient", h.patient(s, old))
	episode := h.put("EpisodeOfCare", `"status": "finished", `+h.about("patient")+`, `+h.period())
	encounter := h.put("Encounter", `"status": "finished", "class": {"system": "`+actCode+`", "code": "AMB"}, `+h.about("subject")+
		`, "episodeOfCare": [{"reference": "urn:uuid:`+episode+`"}], `+h.period())
	during := `"encounter": {"reference": "urn:uuid:` + encounter + `"}, `
	h.put("Condition", `"clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "resolved"}]}, `+
		`"code": `+concept(icd10, s.condition)+`, `+h.about("subject")+`, `+during+`"onsetDateTime": "`+h.from+`", "abatementDateTime": "`+h.to+`"`)
	h.put("MedicationRequest", `"status": "completed", "intent": "order", "medicationCodeableConcept": `+concept(rxnorm, s.drug)+`, `+
		h.about("subject")+`, `+during+`"authoredOn": "`+h.from+`"`)
	h.put("Observation", h.observation(s, during))
	if s.service != "" {
		h.put("Procedure", `"status": "completed", "code": `+concept(hcpcs, [2]string{s.service, "Alcohol and/or drug services"})+`, `+
			h.about("subject")+`, `+during+`"performedPeriod": {"start": "`+h.from+`", "end": "`+h.to+`"}`)
	}
	if s.substance {
		h.put("Consent", h.consent())
	}
	if s.notes {
		h.put("DocumentReference", h.note())
	}
}

// put writes one entry and returns its id.
func (h *health) put(kind, members string) string {
	if h.entries++; h.entries > 1 {
		h.print(",")
	}
	id := h.uuid()
	h.print("\n    {\"fullUrl\": \"urn:uuid:", id, "\", \"resource\": {\"resourceType\": \"", kind, "\", \"id\": \"", id, "\", ", members,
		"}, \"request\": {\"method\": \"POST\", \"url\": \"", kind, "\"}}")
	return id
}

func (h *health) about(element string) string {
	return fmt.Sprintf(`%q: {"reference": %q}`, element, h.subject)
}

func (h *health) period() string {
	return fmt.Sprintf(`"period": {"start": "%sT09:00:00Z", "end": "%sT16:30:00Z"}`, h.from, h.to)
}

func concept(system string, code [2]string) string {
	return fmt.Sprintf(`{"coding": [{"system": %q, "code": %q, "display": %q}]}`, system, code[0], code[1])
}

func (h *health) patient(s story, old bool) string {
	born := h.year - 30 - h.random.IntN(40)
	if s.notes && !old {
		born = h.o.Year - 12
	}
	died := ""
	if s.substance && old && s.unit != "" {
		died = fmt.Sprintf(`, "deceasedDateTime": "%04d-11-05"`, h.year+1)
	}
	return fmt.Sprintf(`"identifier": [{"system": "https://hospital.example.org/mrn", "value": %q}], `+
		`"name": [{"family": "Synthetic%03d", "given": ["Example%03d"]}], "gender": %q, "birthDate": "%04d-%02d-%02d"%s`,
		h.uuid(), h.random.IntN(1000), h.random.IntN(1000), pick(h.random, "female", "male"),
		born, 1+h.random.IntN(12), 1+h.random.IntN(28), died)
}

func (h *health) observation(s story, during string) string {
	value := `"valueCodeableConcept": {"text": "Positive"}`
	if s.unit != "" {
		value = fmt.Sprintf(`"valueQuantity": {"value": %d, "unit": %q, "system": %q, "code": %q}`, 8+h.random.IntN(150), s.unit, ucum, s.unit)
	}
	return `"status": "final", "code": ` + concept(loinc, s.test) + `, ` + h.about("subject") + `, ` + during +
		`"effectiveDateTime": "` + h.from + `T10:15:00Z", ` + value
}

// consent is one under 42 CFR Part 2 to disclose for treatment, payment and health
// care operations, with a date on which it ends (42 CFR 2.31(a)).
func (h *health) consent() string {
	purposes := make([]string, 0, 3)
	for _, p := range []string{"TREAT", "HPAYMT", "HOPERAT"} {
		purposes = append(purposes, fmt.Sprintf(`{"system": %q, "code": %q}`, v3Reason, p))
	}
	return `"status": "active", "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]}, ` +
		`"category": [{"coding": [{"system": "` + loinc + `", "code": "59284-0"}]}, {"coding": [{"system": "` + actCode + `", "code": "42CFRPart2CD"}]}], ` +
		h.about("patient") + `, "dateTime": "` + h.from + `", "policyRule": {"coding": [{"system": "` + actCode + `", "code": "42CFRPart2"}]}, ` +
		`"provision": {"type": "permit", "period": {"start": "` + h.from + `", "end": "` + fmt.Sprint(h.year+1) + h.to[4:] + `"}, ` +
		`"purpose": [` + strings.Join(purposes, ", ") + `]}`
}

// note is a psychotherapy note, labelled where it is written: no code tells that a
// note is kept apart (45 CFR 164.501).
func (h *health) note() string {
	return `"meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}, ` +
		`{"system": "` + actCode + `", "code": "PSYTHPN"}, {"system": "` + actCode + `", "code": "HIPAAPsyNotes"}]}, ` +
		`"status": "current", "type": ` + concept(loinc, [2]string{"11510-5", "Psychology Progress note"}) + `, ` + h.about("subject") +
		`, "date": "` + h.from + `T11:00:00Z", "content": [{"attachment": {"contentType": "text/plain", "data": "TWFkZSB1cCwgYWJvdXQgbm9ib2R5Lg=="}}]`
}
