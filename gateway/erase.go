package gateway

import (
	"context"
	"slices"
	"time"

	"domicile/chaincode/record"
	"domicile/chaincode/record/atrest"
	"domicile/collections"
	"domicile/fhir"
	"domicile/fhir/ds4p"
)

// ErasurePlan is what a law says about a person's demand that everything about them
// be erased.
type ErasurePlan struct {
	Law      string     `json:"law"`
	Received string     `json:"received"`
	ReplyBy  string     `json:"replyBy"`
	Extended string     `json:"extendedTo,omitempty"`
	Overdue  bool       `json:"overdue,omitempty"`
	Records  []Erasable `json:"records"`
	Allowed  int        `json:"allowed"` // may be destroyed once a case is approved
	Refused  int        `json:"refused"`
	Beyond   int        `json:"beyond"` // the law is not about them: they stay as they are
	Held     int        `json:"held"`   // allowed but for a legal hold
	// Shared counts those that may be destroyed and are also about somebody whom the
	// demand does not name: only a case opened with [CaseOrder].Others takes them.
	Shared int    `json:"shared"`
	Limit  string `json:"limitUntil,omitempty"`
	// Notify lists the organisations that hold copies about the person in collections
	// of several members: they are told of the erasure, or of the restriction (GDPR
	// article 19). Recipients outside the ledger are not known to it.
	Notify   []Recipient `json:"notify"`
	Subjects []string    `json:"-"`

	parts  map[string]*collections.Private // by collection
	around []*collections.Region
}

// Recipient is an organisation that has copies of records.
type Recipient struct {
	Organization string `json:"organization"`
	Collection   string `json:"collection"`
	Records      int    `json:"records"`
}

// notify counts a record towards those who hold it as well.
func (p *ErasurePlan) notify(col *collections.Collection, self string) {
	for _, org := range col.Members {
		if org == self {
			continue
		}
		i := slices.IndexFunc(p.Notify, func(r Recipient) bool { return r.Organization == org && r.Collection == col.Name })
		if i < 0 {
			i = len(p.Notify)
			p.Notify = append(p.Notify, Recipient{Organization: org, Collection: col.Name})
		}
		p.Notify[i].Records++
	}
}

// Erasable is one record of an [ErasurePlan].
type Erasable struct {
	ID         string `json:"id"`
	Collection string `json:"collection"`
	collections.Erasure
	Matters []string `json:"matters,omitempty"`
	// Shared: it is also about a person, or a reference or identifier of the same
	// person, that the demand does not name.
	Shared bool `json:"shared,omitempty"`
}

// PlanErasure decides, for every record about a person, whether a law's demand for
// erasure that was received on a day is refused, by which row and until when. It
// changes nothing. law is [record.LawGDPR] or [record.LawMHMDA]; the role is officer.
func (c *Client) PlanErasure(ctx context.Context, subjects []string, law string, received fhir.Date) (*ErasurePlan, error) {
	if len(subjects) == 0 {
		return nil, record.Fail(record.CodeInput, "the demand names nobody")
	}
	p, err := c.Policy(ctx)
	if err != nil {
		return nil, err
	}
	plan := &ErasurePlan{
		Law: law, Received: received.String(), Records: []Erasable{}, Notify: []Recipient{}, Subjects: subjects,
		parts: map[string]*collections.Private{}, around: p.Around(c.settings.Region),
	}
	none := collections.Erase(collections.Case{Regions: plan.around}, law, received, fhir.DateOf(time.Now()))
	plan.deadlines(none)
	for e, err := range c.List(ctx, ListQuery{Subjects: subjects}) {
		if err != nil {
			return nil, err
		}
		if err := c.planRecord(ctx, plan, e, received); err != nil {
			return nil, err
		}
	}
	return plan, nil
}

// Zone returns the time zone of the calendar by which the records of a collection are
// kept.
func (c *Client) Zone(ctx context.Context, collection string) (*time.Location, error) {
	col, err := c.holding(ctx, collection)
	if err != nil {
		return nil, err
	}
	part, err := c.cachedPrivate(ctx, col.Log)
	if err != nil {
		return nil, err
	}
	return part.Custodian.Location(), nil
}

func (p *ErasurePlan) deadlines(e collections.Erasure) {
	p.ReplyBy, p.Overdue = e.ReplyBy.String(), e.Overdue
	if !e.ExtendedTo.IsZero() {
		p.Extended = e.ExtendedTo.String()
	}
}

func (c *Client) planRecord(ctx context.Context, plan *ErasurePlan, at ListEntry, received fhir.Date) error {
	part := plan.parts[at.Collection]
	col, err := c.holding(ctx, at.Collection)
	if err != nil {
		return err
	}
	if part == nil {
		if part, err = c.cachedPrivate(ctx, col.Log); err != nil {
			return err
		}
		plan.parts[at.Collection] = part
	}
	why, err := c.Explain(ctx, at.Collection, []string{at.ID})
	if err != nil {
		return err
	}
	m := why[0].Meta
	if m == nil {
		return nil // purged meanwhile
	}
	k := collections.Case{
		Regions: plan.around, Private: part, Type: m.Type, Labels: ds4p.Codings(atrest.Labels(m.Labels)),
		Declared: m.Classes, Facts: assessable(why[0].Facts), Accepted: collections.Accepted{Row: m.Row, Region: m.RowRegion},
	}
	if m.Due != "" {
		if k.Accepted.Due, err = fhir.ParseDate(m.Due); err != nil {
			return record.Fail(record.CodeVersion, at.ID+": a stored date that this program does not know")
		}
	}
	if m.End != "" {
		if k.End, err = fhir.ParseDate(m.End); err != nil {
			return record.Fail(record.CodeVersion, at.ID+": a stored date that this program does not know")
		}
	}
	r := Erasable{
		ID: at.ID, Collection: at.Collection, Matters: why[0].Matters,
		Erasure: collections.Erase(k, plan.Law, received, fhir.DayIn(time.Now(), part.Custodian.Location())),
		Shared:  slices.ContainsFunc(m.Subjects, func(s string) bool { return !slices.Contains(plan.Subjects, s) }),
	}
	switch {
	case r.Beyond:
		plan.Beyond++
	case !r.Allowed:
		plan.Refused++
		if until := r.LimitUntil; !until.IsZero() && until.String() > plan.Limit {
			plan.Limit = until.String()
		}
	case len(r.Matters) > 0:
		plan.Held++
	case r.Shared:
		plan.Shared++
	default:
		plan.Allowed++
	}
	plan.notify(col, c.settings.Org)
	plan.Records = append(plan.Records, r)
	return nil
}
