package collections

import (
	"cmp"
	"slices"

	"domicile/fhir"
)

// Case is everything that decides how long one record is kept.
type Case struct {
	// Regions are the region that holds the record and then those around it: the
	// rows of all apply. See [Policy.Around].
	Regions []*Region
	Private *Private // of the record's log collection
	Type    string   // FHIR resource type
	Labels  []fhir.Coding
	// Declared are the classes that the custodian gave the record, besides those
	// of the private part.
	Declared []string
	End      fhir.Date // clinical end date of the resource, zero for none
	Facts    Facts
	// Accepted is the date that was accepted for the record, with the row that gave
	// it; zero for none. [Assess] does not look at it, [Erase] does.
	Accepted Accepted
}

// Accepted is a due date that the ledger promised, at put or when an officer accepted
// it. No policy and no fact makes it earlier.
type Accepted struct {
	Due         fhir.Date
	Row, Region string
}

// Verdicts of an [Assessment].
const (
	VerdictDue    = "due"    // may be destroyed from Due on
	VerdictReview = "review" // may be destroyed from Due on once a person has approved it
	VerdictNever  = "never"  // nobody can say when it may be destroyed
)

// Assessment is the answer of [Assess]. It holds dates and names of rows, and
// nothing else about the record.
type Assessment struct {
	Verdict string `json:"verdict"`
	// Due is the first day on which the record may go: the day after the latest
	// floor. Zero with VerdictNever.
	Due fhir.Date `json:"due,omitzero"`
	// Row is the floor that gave Due, or the one that nobody can compute.
	Row       string `json:"row,omitempty"`
	Region    string `json:"region,omitempty"`
	Authority string `json:"authority,omitempty"`
	// Action is the greatest care that any applying floor asks for.
	Action string `json:"action,omitempty"`
	// Ceiling is the last day on which the record may be there under the earliest
	// confirmed ceiling, zero for none. It destroys nothing by itself; see [Erase].
	Ceiling          fhir.Date `json:"ceiling,omitzero"`
	CeilingRow       string    `json:"ceilingRow,omitempty"`
	CeilingAuthority string    `json:"ceilingAuthority,omitempty"`
	// Missing are the kinds of facts (or TriggerEnd) that a floor waits for.
	Missing    []string     `json:"missing,omitempty"`
	Why        string       `json:"why"` // constant words
	Considered []Considered `json:"considered,omitempty"`
}

// Considered is what became of one row.
type Considered struct {
	Region string `json:"region"`
	Row    string `json:"row"`
	Kind   string `json:"kind"`
	// Applies is yes, no or unknown.
	Applies string `json:"applies"`
	// Date is, for a floor that applies, the first day on which the record may go
	// under it alone; for a ceiling the last day on which it may be there.
	Date       fhir.Date `json:"date,omitzero"`
	Confirmed  bool      `json:"confirmed"`
	Confidence string    `json:"confidence,omitempty"`
	Action     string    `json:"action,omitempty"`
	Authority  string    `json:"authority"`
	Why        string    `json:"why"` // constant words

	missing []string
	sure    bool // its conditions hold for certain
}

// Why of an [Assessment] and of [Considered].
const (
	whyNoJurisdiction = "the custodian's jurisdictions are not set"
	whyNoFloor        = "no floor applies"
	whyUnknown        = "a floor waits for a fact that is not on record"
	whyUnconfirmed    = "a floor that applies is not confirmed"
	whyPerhaps        = "no floor applies for certain: dates are partial or differ"
	whyAction         = "a floor that applies asks for a person's approval"
	whyDue            = "every floor that applies is confirmed and has a date"

	whyElsewhere = "another jurisdiction"
	whyClass     = "another class of records"
	whySelector  = "other types or labels"
	whyCondition = "a condition does not hold"
	whyCeiling   = "a condition holds perhaps, and a ceiling needs certainty"
	whyMissing   = "a fact is not on record"
	whyMaybe     = "dates are partial or differ, and what keeps longer counts"
	whyIdle      = "applies, but does nothing until it is confirmed"
	whyKeeps     = "applies, and asks for review until it is confirmed"
	whyApplies   = "applies"

	whyContradiction = "care is on record long after the death on record: one of the two facts is wrong"
)

// Assess tells until when a record must be kept, from the rows of its region and
// the regions around it.
//
// A row applies when it is law where the custodian is, is about a class of the
// record, chooses its type and labels, and its conditions hold. Of all floors that
// apply, the latest date counts; the record may go on the day after it: the whole
// last day is kept, on the custodian's calendar. Nothing is ever destroyed out of
// ignorance:
//
//   - no floor applies, a floor waits for a fact that is not on record, or the
//     custodian's jurisdictions are not set: never;
//   - a floor that applies is not confirmed, or asks for review or archiving: the
//     record needs a person's approval;
//   - care is on record more than 31 days after a death: a person looks at it;
//   - partial dates and differing statements count as what keeps longest, both
//     ways of a condition that can be either included; where no floor applies for
//     certain, the record needs a person's approval, too;
//   - a ceiling that is not confirmed, or only perhaps applies, does nothing.
//
// Where the calendar lacks a day, it is the first of the next month (see
// [fhir.Date.AddPeriod]).
func Assess(c Case) Assessment {
	out := Assessment{Verdict: VerdictNever}
	sure := c.readable()
	known := map[string]view{
		KindFloor:   {c.Labels, c.classes(c.Labels)},
		KindCeiling: {sure, c.classes(sure)},
	}
	for _, r := range c.Regions {
		for i := range r.Retention {
			row := &r.Retention[i]
			out.Considered = append(out.Considered, c.consider(r, row, known[row.Kind]))
		}
	}
	out.ceiling()
	switch {
	case !c.settled():
		out.Why = whyNoJurisdiction
	case out.waits():
		out.Why = whyUnknown
	case !out.latest():
		out.Why = whyNoFloor
	default:
		out.decide()
		if out.Verdict == VerdictDue && c.contradicts() {
			out.Verdict, out.Why = VerdictReview, whyContradiction
		}
	}
	return out
}

// afterDeath is how long after a death care may still be on record: examinations,
// certificates and accounts. A choice of this program and no law.
var afterDeath = fhir.Period{N: 31, Unit: 'd'}

// contradicts tells whether the person was certainly in care long after the death on
// record. One of the two is wrong, and a row that counts from a death may shorten what
// it should not: a person looks at it.
func (c *Case) contradicts() bool {
	death, ok := c.Facts.hull(FactDeath)
	if !ok {
		return false
	}
	limit := death.First.AddPeriod(afterDeath) // of differing statements the earliest does the harm
	for _, kind := range []string{FactLastEncounter, FactTreatmentEnd} {
		if last, ok := c.Facts.latest(kind); ok && last.First.Compare(limit) > 0 {
			return true
		}
	}
	return false
}

// settled tells whether it is known whose law applies.
func (c *Case) settled() bool {
	return c.Private != nil && len(c.Private.Custodian.Jurisdictions) > 0
}

// view is what rows of a kind see of a record. A label that cannot be read could
// be any: to a floor it is, to a ceiling it is none.
type view struct {
	labels  []fhir.Coding
	classes []string
}

// readable returns the labels that have a code.
func (c *Case) readable() []fhir.Coding {
	return slices.DeleteFunc(slices.Clone(c.Labels), func(l fhir.Coding) bool { return l.Code == "" })
}

// consider tells what one row says of the record.
func (c *Case) consider(r *Region, row *Row, sees view) Considered {
	out := Considered{
		Region: r.Name, Row: row.Name, Kind: row.Kind, Applies: "no", Confidence: row.Confidence,
		Action: row.Action, Authority: row.Authority, Confirmed: c.Private.Confirmed(r.Name, *row),
	}
	floor := row.Kind != KindCeiling
	switch {
	case !c.bound(row.Jurisdiction):
		out.Why = whyElsewhere
		return out
	case row.Class != "" && !slices.Contains(sees.classes, row.Class):
		out.Why = whyClass
		return out
	case !c.Private.chooses(row.When, c.Type, sees.labels):
		out.Why = whySelector
		return out
	}
	holds, missing := all(row.AppliesIf, c)
	switch {
	case holds == no:
		out.Why = whyCondition
		return out
	case holds == maybe && !floor:
		out.Why = whyCeiling
		return out
	case holds == unknown:
		out.Applies, out.Why, out.missing = "unknown", whyMissing, missing
		return out
	}
	last, missing := row.last(c)
	if missing != nil {
		out.Applies, out.Why, out.missing = "unknown", whyMissing, missing
		return out
	}
	out.Applies, out.Date, out.sure = "yes", last, holds == yes
	if floor {
		out.Date = last.AddPeriod(fhir.Period{N: 1, Unit: 'd'})
	}
	switch {
	case !out.Confirmed && floor:
		out.Why = whyKeeps
	case !out.Confirmed:
		out.Why = whyIdle
	case holds == maybe:
		out.Why = whyMaybe
	default:
		out.Why = whyApplies
	}
	return out
}

// bound tells whether a row of a jurisdiction binds the custodian. One whose
// jurisdictions are not set is bound by all.
func (c *Case) bound(jurisdiction string) bool {
	if jurisdiction == "" || !c.settled() {
		return true
	}
	return slices.ContainsFunc(c.Private.Custodian.Jurisdictions, func(j string) bool { return covers(jurisdiction, j) })
}

// last returns the last day of the period, or what is missing for knowing it. Of a
// minimum, those dates count that are known: leaving one out keeps longer.
func (row *Row) last(c *Case) (last fhir.Date, missing []string) {
	found := false
	for _, u := range row.Until {
		day, ok := u.last(c, row.Kind)
		switch {
		case !ok:
			missing = append(missing, u.Trigger)
		case !found:
			last, found = day, true
		case row.Combine == CombineMin:
			last = sooner(last, day)
		default:
			last = later(last, day)
		}
	}
	if found && row.Combine == CombineMin {
		missing = nil
	}
	return last, missing
}

// last returns the last day of one period. The first of several requests for
// erasure starts a ceiling; everything else is counted from the latest event.
func (u Until) last(c *Case, kind string) (fhir.Date, bool) {
	if kind != KindCeiling {
		day, ok := c.start(u.Trigger)
		return day.AddPeriod(u.Keep).AddPeriod(u.Then), ok
	}
	from, ok := c.span(u.Trigger)
	if u.Trigger == FactErasure {
		from, ok = c.Facts.earliest(u.Trigger)
	}
	return deadline(deadline(from.Last, u.Keep), u.Then), ok
}

// waits notes the first floor that cannot be computed, and everything missing.
func (a *Assessment) waits() bool {
	for _, k := range a.Considered {
		if k.Kind == KindCeiling || k.Applies != "unknown" {
			continue
		}
		if a.Row == "" {
			a.name(k)
		}
		for _, m := range k.missing {
			if !slices.Contains(a.Missing, m) {
				a.Missing = append(a.Missing, m)
			}
		}
	}
	slices.Sort(a.Missing)
	return a.Row != ""
}

func (a *Assessment) name(k Considered) {
	a.Row, a.Region, a.Authority = k.Row, k.Region, k.Authority
}

// latest notes the floor with the latest date; of equal ones the first.
func (a *Assessment) latest() bool {
	for _, k := range a.floors() {
		if a.Row == "" || k.Date.Compare(a.Due) > 0 {
			a.Due = k.Date
			a.name(k)
		}
	}
	return a.Row != ""
}

// floors returns the floors that apply.
func (a *Assessment) floors() []Considered {
	return slices.DeleteFunc(slices.Clone(a.Considered), func(k Considered) bool {
		return k.Kind == KindCeiling || k.Applies != "yes"
	})
}

// decide tells whether a person must approve.
func (a *Assessment) decide() {
	a.Verdict, a.Why, a.Action = VerdictDue, whyDue, ActionPurge
	confirmed, sure := true, false
	for _, k := range a.floors() {
		confirmed, sure = confirmed && k.Confirmed, sure || k.sure
		if cmp.Compare(slices.Index(actions, k.Action), slices.Index(actions, a.Action)) > 0 {
			a.Action = k.Action
		}
	}
	switch {
	case !confirmed:
		a.Verdict, a.Why = VerdictReview, whyUnconfirmed
	case !sure:
		a.Verdict, a.Why = VerdictReview, whyPerhaps
	case a.Action != ActionPurge:
		a.Verdict, a.Why = VerdictReview, whyAction
	}
}

// ceiling notes the earliest confirmed ceiling.
func (a *Assessment) ceiling() {
	for _, k := range a.Considered {
		if k.Kind != KindCeiling || k.Applies != "yes" || !k.Confirmed {
			continue
		}
		if a.CeilingRow == "" || k.Date.Compare(a.Ceiling) < 0 {
			a.Ceiling, a.CeilingRow, a.CeilingAuthority = k.Date, k.Row, k.Authority
		}
	}
}

// Around returns a region and then the regions it lies within, the nearest first;
// nil if there is no such region.
func (p *Policy) Around(name string) []*Region {
	var out []*Region
	for range p.Regions { // bounded, as within is no circle
		r, ok := p.Region(name)
		if !ok {
			break
		}
		out = append(out, r)
		name = r.Within
	}
	return out
}
