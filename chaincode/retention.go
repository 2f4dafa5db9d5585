package chaincode

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"domicile/chaincode/record"
	"domicile/chaincode/record/atrest"
	"domicile/collections"
	"domicile/fhir"
	"domicile/fhir/ds4p"
)

// zone is that of the custodian's calendar.
func (c *call) zone() *time.Location {
	zone, _ := parsed(c.policies, "zone", []byte(c.part.Custodian.Zone), func([]byte) (*time.Location, error) {
		return c.part.Custodian.Location(), nil
	})
	return zone
}

// today is the day of the transaction on the custodian's calendar.
func (c *call) today() fhir.Date { return fhir.DayIn(c.now, c.zone()) }

// latestToday is the day of the transaction where days begin first.
func (c *call) latestToday() fhir.Date { return fhir.DayIn(c.now, time.FixedZone("", 14*60*60)) }

// caseOf is what the law is asked about a record.
func (c *call) caseOf(meta *record.Meta, facts []record.Fact) (collections.Case, error) {
	k := collections.Case{
		Regions: c.regions, Private: c.part, Type: meta.Type, Labels: ds4p.Codings(atrest.Labels(meta.Labels)),
		Declared: meta.Classes, Facts: collections.Facts{},
		Accepted: collections.Accepted{Row: meta.Row, Region: meta.RowRegion},
	}
	if meta.End != "" {
		if err := k.End.UnmarshalText([]byte(meta.End)); err != nil {
			return k, internal("reading a stored date")
		}
	}
	var err error
	if k.Accepted.Due, err = storedDue(meta); err != nil {
		return k, err
	}
	for _, f := range facts {
		if err := k.Facts.Add(f.Kind, f.Date); err != nil {
			return k, internal("reading a stored fact")
		}
	}
	return k, nil
}

// judgement is what the ledger says about destroying one record as due.
type judgement struct {
	bearing
	assessment collections.Assessment
	due        fhir.Date // the date that is enforced, zero when it is never due
	row        string    // that gave it
	authority  string
	code       record.Code // of the first obstacle, "" if it may go
}

// judge says from which day on a record may be purged as due: the later of the
// date accepted last, at put or by an amendment, and what the policy in force says
// of the facts on the ledger. Neither a new policy nor a new fact shortens a period
// by itself.
func (c *call) judge(meta *record.Meta, b bearing) (judgement, error) {
	if meta.Canary {
		return c.judgeCanary(meta, b)
	}
	j := judgement{bearing: b}
	k, err := c.caseOf(meta, b.facts)
	if err != nil {
		return j, err
	}
	j.assessment = collections.Assess(k)
	accepted := k.Accepted.Due
	if !accepted.IsZero() && j.assessment.Verdict != collections.VerdictNever {
		j.due, j.row, j.authority = j.assessment.Due, j.assessment.Row, j.assessment.Authority
		if accepted.Compare(j.due) > 0 {
			j.due, j.row, j.authority = accepted, meta.Row, collections.Authority(c.regions, meta.RowRegion, meta.Row)
		}
	}
	switch {
	case len(b.matters) > 0:
		j.code = record.CodeHeld
	case j.due.IsZero() || j.due.Compare(c.today()) > 0:
		j.code = record.CodeNotDue
	case j.assessment.Verdict == collections.VerdictReview && !reviewed(meta, j.due, c.law()):
		j.code = record.CodeNeedsReview
	}
	return j, nil
}

// storedDue is the date accepted last, zero for none.
func storedDue(meta *record.Meta) (fhir.Date, error) {
	var d fhir.Date
	if meta.Due == "" {
		return d, nil
	}
	if err := d.UnmarshalText([]byte(meta.Due)); err != nil {
		return d, internal("reading a stored date")
	}
	return d, nil
}

// law is the digest of every retention row in force, whether it applies or not.
func (c *call) law() string {
	h := sha256.New()
	for _, r := range c.regions {
		for _, row := range r.Retention {
			fmt.Fprintln(h, r.Name, row.Name, collections.RowDigest(r.Name, row))
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// reviewed tells whether a person approved that the record goes on this date, under
// these rows of law.
func reviewed(meta *record.Meta, due fhir.Date, law string) bool {
	if meta.Review == nil || meta.Review.Law != law {
		return false
	}
	var given fhir.Date
	return given.UnmarshalText([]byte(meta.Review.Due)) == nil && due.Compare(given) <= 0
}
