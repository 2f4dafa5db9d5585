// Package sample generates FHIR R4 Bundles that look like Synthea's and are about
// nobody: every name is a made-up word with digits, every identifier a random
// number. The same options give the same bytes on every machine.
package sample

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
)

// Defaults of [Options].
const (
	DefaultEntries    = 1000
	DefaultEntryBytes = 4000
	DefaultYear       = 2026
)

// Options say what to generate.
type Options struct {
	// Seed chooses the content.
	Seed uint64
	// Entries is the number of resources, at least 1. Default
	// [DefaultEntries].
	Entries int
	// EntryBytes is roughly how long each entry is, in bytes; below about
	// 1,000 it has no effect. Default [DefaultEntryBytes], so that the
	// default Bundle has 4 MB.
	EntryBytes int
	// Year is the year of the newest records; old ones are 13 to 18 years
	// older, which every retention of six or seven years has ended for.
	// Default [DefaultYear].
	Year int
}

// perPatient is the number of entries about one patient: the Patient itself, an
// Encounter for every four others, a Condition or Observation for each.
const perPatient = 40

// Write generates a Bundle of type transaction.
func Write(w io.Writer, o Options) error {
	if o.Entries == 0 {
		o.Entries = DefaultEntries
	}
	if o.EntryBytes == 0 {
		o.EntryBytes = DefaultEntryBytes
	}
	if o.Year == 0 {
		o.Year = DefaultYear
	}
	if o.Entries < 1 || o.EntryBytes < 0 || o.Year < 1900 || o.Year > 9000 {
		return errors.New("sample: entries must be at least 1, bytes not negative, year 1900 to 9000")
	}
	var seed [32]byte
	copy(seed[:], fmt.Sprintf("domicile sample %016x", o.Seed))
	g := &generator{Options: o, random: rand.New(rand.NewChaCha8(seed)), w: bufio.NewWriter(w)}
	g.bundle()
	return g.w.Flush()
}

type generator struct {
	Options
	random    *rand.Rand
	w         *bufio.Writer
	patient   string // uuid
	encounter string // uuid
	old       bool   // the current patient's records are old
}

func (g *generator) bundle() {
	g.print("{\n  \"resourceType\": \"Bundle\",\n  \"type\": \"transaction\",\n  \"entry\": [")
	for i := range g.Entries {
		if i > 0 {
			g.print(",")
		}
		id := g.uuid()
		kind, body := g.resource(i%perPatient, id)
		g.print("\n    {\"fullUrl\": \"urn:uuid:", id, "\", \"resource\": ", g.padded(kind, id, body),
			", \"request\": {\"method\": \"POST\", \"url\": \"", kind, "\"}}")
	}
	g.print("\n  ]\n}\n")
}

func (g *generator) print(parts ...string) {
	for _, p := range parts {
		g.w.WriteString(p) //nolint:errcheck // sticky, returned by Flush
	}
}

// resource returns the type and the members, after id and meta, of the n-th
// resource of a patient.
func (g *generator) resource(n int, id string) (kind, members string) {
	switch {
	case n == 0:
		g.patient, g.old = id, g.random.IntN(2) == 0
		return "Patient", g.person()
	case n%5 == 1:
		g.encounter = id
		return "Encounter", g.visit()
	case n%5 == 2:
		return "Condition", g.illness()
	default:
		return "Observation", g.measurement()
	}
}

// day returns a date of the current patient's time.
func (g *generator) day() string {
	year := g.Year - g.random.IntN(2)
	if g.old {
		year = g.Year - 13 - g.random.IntN(6)
	}
	return fmt.Sprintf("%04d-%02d-%02d", year, 1+g.random.IntN(12), 1+g.random.IntN(28))
}

func (g *generator) person() string {
	number := func(format string) string {
		return fmt.Sprintf(format, g.random.IntN(1_000_000_000))
	}
	var ids []string
	for _, x := range []struct{ code, system, value string }{
		{"", "https://example.org/synthetic", g.uuid()},
		{"MR", "https://hospital.example.org/mrn", g.uuid()},
		{"SS", "https://example.org/social-security", number("999-%09d")},
		{"DL", "https://example.org/drivers-licence", number("S%09d")},
		{"PPN", "https://example.org/passport", number("X%09dX")},
	} {
		kind := ""
		if x.code != "" {
			kind = fmt.Sprintf(`"type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": %q}]}, `, x.code)
		}
		ids = append(ids, fmt.Sprintf(`{%s"system": %q, "value": %q}`, kind, x.system, x.value))
	}
	return fmt.Sprintf(`"identifier": [%s], "name": [{"use": "official", "family": "Synthetic%03d", "given": ["Example%03d"]}], `+
		`"gender": %q, "birthDate": "%04d-%02d-%02d"`,
		strings.Join(ids, ", "), g.random.IntN(1000), g.random.IntN(1000), pick(g.random, "female", "male", "other", "unknown"),
		g.Year-20-g.random.IntN(70), 1+g.random.IntN(12), 1+g.random.IntN(28))
}

func (g *generator) visit() string {
	day := g.day()
	status, end := "finished", fmt.Sprintf(`, "end": "%sT%02d:30:00Z"`, day, 10+g.random.IntN(8))
	if g.random.IntN(12) == 0 {
		status, end = "in-progress", "" // goes on: no end date, never due
	}
	return fmt.Sprintf(`"status": %q, "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}, `+
		`"subject": {"reference": "urn:uuid:%s"}, "period": {"start": "%sT09:00:00Z"%s}`, status, g.patient, day, end)
}

func (g *generator) illness() string {
	abated := ""
	if g.random.IntN(3) > 0 {
		abated = fmt.Sprintf(`, "abatementDateTime": %q`, g.day())
	}
	return fmt.Sprintf(`"code": {"coding": [{"system": "http://snomed.info/sct", "code": %q, "display": "Synthetic finding"}]}, `+
		`"subject": {"reference": "urn:uuid:%s"}, "encounter": {"reference": "urn:uuid:%s"}%s`,
		pick(g.random, "444814009", "195662009", "59621000", "15777000", "271737000"), g.patient, g.encounter, abated)
}

func (g *generator) measurement() string {
	c := pick(g.random, [2]string{"8302-2", "cm"}, [2]string{"29463-7", "kg"}, [2]string{"8867-4", "/min"}, [2]string{"2339-0", "mg/dL"})
	return fmt.Sprintf(`"status": "final", "code": {"coding": [{"system": "http://loinc.org", "code": %q}]}, `+
		`"subject": {"reference": "urn:uuid:%s"}, "encounter": {"reference": "urn:uuid:%s"}, "effectiveDateTime": "%sT%02d:15:00+02:00", `+
		`"valueQuantity": {"value": %d.%d, "unit": %q, "system": "http://unitsofmeasure.org", "code": %q}`,
		c[0], g.patient, g.encounter, g.day(), 8+g.random.IntN(10), 40+g.random.IntN(140), g.random.IntN(10), c[1], c[1])
}

// labels returns meta.security of one resource in seven, else nothing.
func (g *generator) labels() string {
	const (
		act  = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
		conf = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
	)
	if g.random.IntN(7) > 0 {
		return ""
	}
	l := pick(g.random, []string{act, "ETH"}, []string{act, "SUD"}, []string{conf, "R"}, []string{act, "42CFRPart2"}, []string{conf, "R", act, "42CFRPart2"})
	var out []string
	for i := 0; i < len(l); i += 2 {
		out = append(out, fmt.Sprintf(`{"system": %q, "code": %q}`, l[i], l[i+1]))
	}
	return `, "security": [` + strings.Join(out, ", ") + `]`
}

// padded wraps members into a resource with a narrative that fills it up to
// EntryBytes.
func (g *generator) padded(kind, id, members string) string {
	head := fmt.Sprintf(`{"resourceType": %q, "id": %q, "meta": {"versionId": "1"%s}, `, kind, id, g.labels())
	var words strings.Builder
	for words.Len() < g.EntryBytes-len(head)-len(members)-220 {
		words.WriteString(pick(g.random, "lorem", "ipsum", "dolor", "sit", "amet", "elit", "tempor", "labore"))
		fmt.Fprintf(&words, " %05x ", g.random.IntN(1<<20))
	}
	return head + `"text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">Synthetic, about nobody. ` +
		words.String() + `</div>"}, ` + members + "}"
}

// uuid returns a random (version 4) UUID.
func (g *generator) uuid() string {
	var b [16]byte
	for i := range b {
		b[i] = byte(g.random.Uint32())
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	s := hex.EncodeToString(b[:])
	return strings.Join([]string{s[:8], s[8:12], s[12:16], s[16:20], s[20:]}, "-")
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }
