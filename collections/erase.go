package collections

import (
	"slices"
	"strconv"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"

	"domicile/fhir"
)

// Laws under which a person can demand erasure, spelled as in package
// chaincode/record. Their periods are in policies/laws.yaml.
const (
	LawGDPR  = "gdpr-17"
	LawMHMDA = "mhmda"
)

// Law is a law under which a person can demand erasure.
type Law struct {
	Law string
	// Class is the only class of records that the law is about; empty: any.
	Class      string
	Reply      fhir.Period // from the day the demand was received to the answer
	Extension  fhir.Period // once, with reasons given within Reply
	Exception  string      // under which a floor prevails
	Authority  string
	Confidence string // as [Row].Confidence
}

// Laws returns the laws under which a person can demand erasure.
func Laws() []Law { return slices.Clone(laws()) }

var laws = sync.OnceValue(func() []Law {
	const name = "policies/laws.yaml"
	list, err := parseLaws(embedded(name), name)
	if err != nil {
		panic(err) // tests parse every embedded file
	}
	return list
})

func parseLaws(b []byte, file string) ([]Law, error) {
	r := &reader{report{file: file}}
	root := r.document(b)
	if root == nil {
		return nil, r.err()
	}
	c := checker{report: &r.report}
	m := r.mapping(root, place{}, "version", "laws")
	c.version(r.number(m["version"], place{}.field("version"), 0), place{}.field("version"))
	var out []Law
	in := place{}.field("laws")
	for i, n := range r.items(m["laws"], in) {
		out = append(out, r.law(&c, n, in.index(i)))
	}
	return out, r.err()
}

func (r *reader) law(c *checker, n *yaml.Node, at place) Law {
	m := r.mapping(n, at, "law", "class", "reply", "extension", "exception", "authority", "confidence")
	l := Law{
		Law:        r.text(m["law"], at.field("law")),
		Class:      r.text(m["class"], at.field("class")),
		Reply:      r.period(m["reply"], at.field("reply")),
		Extension:  r.period(m["extension"], at.field("extension")),
		Exception:  r.text(m["exception"], at.field("exception")),
		Authority:  r.text(m["authority"], at.field("authority")),
		Confidence: r.text(m["confidence"], at.field("confidence")),
	}
	c.given(l.Law, at.field("law"), "the name of the law")
	c.given(l.Exception, at.field("exception"), "under which a floor prevails")
	c.given(l.Authority, at.field("authority"), "where the law says so")
	c.oneOf(l.Confidence, confidences, at.field("confidence"))
	if l.Reply.N == 0 {
		c.add(at.field("reply"), "is missing; write the period for the answer")
	}
	return l
}

// Erasure is the answer of [Erase].
type Erasure struct {
	Law     string `json:"law"`
	Allowed bool   `json:"allowed"` // the record may be destroyed now, if an approved case says so
	// Beyond: the law is not about this record, which stays as it is. Nothing refuses
	// the demand, and access is not limited.
	Beyond bool `json:"beyond,omitempty"`
	// ReplyBy is the last day for the answer, and ExtendedTo where the law lets it
	// be put off with reasons given by ReplyBy.
	ReplyBy    fhir.Date `json:"replyBy,omitzero"`
	ExtendedTo fhir.Date `json:"extendedTo,omitzero"`
	Overdue    bool      `json:"overdue,omitempty"` // ReplyBy has passed
	// Ceiling is the last day on which the record may be there, of the earliest
	// confirmed ceiling; zero for none.
	Ceiling    fhir.Date `json:"ceiling,omitzero"`
	CeilingRow string    `json:"ceilingRow,omitempty"`
	// Row is the floor that refuses the erasure, and Exception where the law lets
	// it. Access is limited until LimitUntil, the first day on which no floor
	// refuses; zero: until a fact is known.
	Row        string    `json:"row,omitempty"`
	Region     string    `json:"region,omitempty"`
	Exception  string    `json:"exception,omitempty"`
	LimitUntil fhir.Date `json:"limitUntil,omitzero"`
	Missing    []string  `json:"missing,omitempty"` // as [Assessment].Missing
	Authority  string    `json:"authority,omitempty"`
	Why        string    `json:"why"` // constant words
}

// Why of an [Erasure].
const (
	whyErase     = "no floor requires the record to be kept"
	whyFloor     = "a floor requires the record to be kept"
	whyAccepted  = "a later date than that of the floors was accepted for the record"
	whyWait      = "a floor may require the record to be kept: a fact is not on record"
	whyLaw       = "not a law that this program knows"
	whyOtherLaw  = "the law is about another class of records"
	whyNobodyYet = "the custodian's jurisdictions are not set, so floors may apply"
)

// Erase tells whether a demand for erasure, received on a day, is refused today. A
// floor that still runs refuses it under the exception that the law names, whether
// anybody confirmed the row or not; so does one that nobody can compute, and a later
// date that was accepted for the record. A record that the law is not about is beyond it.
// The answer is owed by ReplyBy either way. Holds are for the caller.
func Erase(c Case, law string, received, today fhir.Date) Erasure {
	out := Erasure{Law: law}
	i := slices.IndexFunc(laws(), func(l Law) bool { return l.Law == law })
	if i < 0 {
		out.Why = whyLaw
		return out
	}
	l := laws()[i]
	out.Authority = l.Authority
	out.ReplyBy = deadline(received, l.Reply)
	out.ExtendedTo = deadline(out.ReplyBy, l.Extension)
	if l.Reply.Unit == l.Extension.Unit { // counted from the demand, not from the first deadline
		out.ExtendedTo = deadline(received, fhir.Period{N: l.Reply.N + l.Extension.N, Unit: l.Reply.Unit})
	}
	out.Overdue = today.Compare(out.ReplyBy) > 0
	if l.Class != "" && !slices.Contains(c.classes(c.readable()), l.Class) {
		out.Why, out.Beyond = whyOtherLaw, true
		return out
	}
	out.judge(c.demanded(received), l, today)
	return out
}

// demanded is the case with one demand for erasure, that of a day.
func (c Case) demanded(received fhir.Date) Case {
	facts := Facts{}
	for kind, list := range c.Facts {
		facts[kind] = list
	}
	facts[FactErasure] = []Span{{received, received}}
	c.Facts = facts
	return c
}

// judge looks for a floor that refuses.
func (e *Erasure) judge(c Case, l Law, today fhir.Date) {
	a := Assess(c)
	e.Ceiling, e.CeilingRow = a.Ceiling, a.CeilingRow
	switch {
	case !c.settled():
		e.Why, e.Exception = whyNobodyYet, l.Exception
	case a.Missing != nil:
		e.Why, e.Exception = whyWait, l.Exception
		e.Row, e.Region, e.Authority, e.Missing = a.Row, a.Region, a.Authority, a.Missing
	case a.Due.Compare(today) > 0:
		e.Why, e.Exception = whyFloor, l.Exception
		e.Row, e.Region, e.Authority, e.LimitUntil = a.Row, a.Region, a.Authority, later(a.Due, c.Accepted.Due)
	case c.Accepted.Due.Compare(today) > 0:
		e.Why, e.Exception = whyAccepted, l.Exception
		e.Row, e.Region, e.LimitUntil = c.Accepted.Row, c.Accepted.Region, c.Accepted.Due
		e.Authority = Authority(c.Regions, e.Region, e.Row)
	default:
		e.Why, e.Allowed = whyErase, true
	}
}

// Authority is that of a row of the regions, also of one that a former policy had: then
// it names the row. Without a region the nearest row of the name is meant.
func Authority(regions []*Region, region, row string) string {
	for _, r := range regions {
		if found, ok := r.Row(row); ok && (region == "" || region == r.Name) {
			return found.Authority
		}
	}
	return "the policy at put, row " + strconv.Quote(row)
}

// deadline returns the last day of a period by which something must be done. Unlike
// what is kept, it is never rounded up: where the month has no such day, the period
// ends on its last (Regulation (EEC, Euratom) 1182/71, article 3(2)(c)).
func deadline(from fhir.Date, p fhir.Period) fhir.Date {
	d := from.AddPeriod(p)
	if p.N != 0 && p.Unit != 'd' && d.Day != from.Day {
		d = fhir.DateOf(time.Date(d.Year, d.Month, 0, 0, 0, 0, 0, time.UTC))
	}
	return d
}
