package gateway

import (
	"context"
	"encoding/json"
	"iter"

	"domicile/chaincode/record"
	"domicile/collections"
)

// AssessmentOf reads the assessment of an explanation.
func AssessmentOf(e record.Explanation) (collections.Assessment, error) {
	var a collections.Assessment
	if len(e.Assessment) == 0 {
		return a, nil
	}
	if err := json.Unmarshal(e.Assessment, &a); err != nil {
		return a, record.Fail(record.CodeVersion, e.ID+": an assessment that this program does not know")
	}
	return a, nil
}

// What reassessing does with a record's due date.
const (
	DueFirst   = "first"   // there was none that anybody could compute
	DueEarlier = "earlier" // only an officer, with a reason, may accept that
	DueLater   = "later"
	DueNever   = "never" // no date can be told any more
)

// Reassessment is one record whose due date, by law and facts of today, is not the
// one accepted for it.
type Reassessment struct {
	ID         string `json:"id"`
	Collection string `json:"collection"`
	Change     string `json:"change"`             // one of the Due constants
	Accepted   string `json:"accepted,omitempty"` // YYYY-MM-DD
	New        string `json:"new,omitempty"`      // YYYY-MM-DD
	Verdict    string `json:"verdict"`
	Row        string `json:"row,omitempty"`
	Authority  string `json:"authority,omitempty"`
	Why        string `json:"why,omitempty"`
	Done       bool   `json:"done,omitempty"`
	// Code says why nothing was done with it, if so.
	Code record.Code `json:"code,omitempty"`

	facts []record.Fact
}

// PlanDue yields the records whose due date is to be reassessed. It changes nothing
// and holds one page of the index at a time. The role is officer.
func (c *Client) PlanDue(ctx context.Context, names []string) iter.Seq2[Reassessment, error] {
	return func(yield func(Reassessment, error) bool) {
		if len(names) == 0 {
			var err error
			if names, err = c.Collections(ctx); err != nil {
				yield(Reassessment{}, err)
				return
			}
		}
		for _, name := range names {
			for e, err := range c.ExplainAll(ctx, name) {
				if err != nil {
					yield(Reassessment{}, err)
					return
				}
				r, err := reassess(name, e.Explanation)
				if err != nil {
					yield(Reassessment{}, err)
					return
				}
				if r != nil && !yield(*r, nil) {
					return
				}
			}
		}
	}
}

// reassess compares the accepted date with that of the assessment.
func reassess(collection string, e record.Explanation) (*Reassessment, error) {
	a, err := AssessmentOf(e)
	if err != nil {
		return nil, err
	}
	old := e.Meta.Due
	if old == record.UndatedDue {
		old = ""
	}
	now := ""
	if a.Verdict != collections.VerdictNever && !a.Due.IsZero() {
		now = a.Due.String()
	}
	r := &Reassessment{
		ID: e.ID, Collection: collection, Accepted: old, New: now, Verdict: a.Verdict,
		Row: a.Row, Authority: a.Authority, Why: a.Why, facts: Valid(e.Facts),
	}
	switch {
	case old == now:
		return nil, nil
	case old == "":
		r.Change = DueFirst
	case now == "":
		r.Change = DueNever
	case now < old:
		r.Change = DueEarlier
	default:
		r.Change = DueLater
	}
	return r, nil
}

// Reassess makes the dates of a plan those accepted: earlier ones too, which is why
// an officer calls it and gives a reason. It yields each record once it is done. A
// record that became held or was purged meanwhile is left with its code.
func (c *Client) Reassess(ctx context.Context, list iter.Seq2[Reassessment, error], reason string) iter.Seq2[Reassessment, error] {
	return func(yield func(Reassessment, error) bool) {
		var batch []Reassessment
		flush := func() bool {
			for _, r := range c.accept(ctx, batch, reason) {
				if r.Code == "" && !r.Done {
					continue
				}
				if !yield(r, nil) {
					return false
				}
			}
			batch = batch[:0]
			return true
		}
		for r, err := range list {
			if err != nil {
				yield(Reassessment{}, err)
				return
			}
			if r.Change == DueNever {
				continue // the date accepted before stays, and the contract keeps the record
			}
			if n := len(batch); n == record.AmendRecords || n > 0 && batch[0].Collection != r.Collection {
				if !flush() {
					return
				}
			}
			batch = append(batch, r)
		}
		flush()
	}
}

// accept amends one batch; when it is refused, one record at a time.
func (c *Client) accept(ctx context.Context, batch []Reassessment, reason string) []Reassessment {
	if len(batch) == 0 {
		return nil
	}
	changes := make([]record.AmendRecord, len(batch))
	for i, r := range batch {
		changes[i] = record.AmendRecord{ID: r.ID, Facts: r.facts, Accept: true, Reason: reason}
	}
	out := append([]Reassessment(nil), batch...)
	_, err := c.Amend(ctx, batch[0].Collection, changes)
	switch {
	case err == nil:
		for i := range out {
			out[i].Done = true
		}
	case len(batch) == 1:
		if out[0].Code = record.CodeOf(err); out[0].Code == "" {
			out[0].Code = record.CodeInternal
		}
	default:
		out = out[:0]
		for _, r := range batch {
			out = append(out, c.accept(ctx, []Reassessment{r}, reason)...)
		}
	}
	return out
}

// Approve gives a person's approval that a record may be destroyed once it is due,
// where its row asks for that. The role is officer. A first date is accepted with it, and
// a later one; an earlier one is not, which takes [Client.Reassess].
func (c *Client) Approve(ctx context.Context, collection, id, authority, reason string) (TxReceipt, error) {
	why, err := c.Explain(ctx, collection, []string{id})
	if err != nil {
		return TxReceipt{}, err
	}
	if why[0].Meta == nil {
		return TxReceipt{}, record.Fail(record.CodeAbsent, id)
	}
	plan, err := reassess(collection, why[0])
	if err != nil {
		return TxReceipt{}, err
	}
	accept := plan != nil && (plan.Change == DueFirst || plan.Change == DueLater)
	done, err := c.Amend(ctx, collection, []record.AmendRecord{{
		ID: id, Facts: Valid(why[0].Facts), Accept: accept, Review: true, Authority: authority, Reason: reason,
	}})
	if err != nil {
		return TxReceipt{}, err
	}
	return done[0], nil
}
