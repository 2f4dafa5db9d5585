package purge

import (
	"context"
	"fmt"
	"strings"

	"domicile/chaincode/record"
)

// DemoPrefix begins every authority of the policy that ships for trying things
// out. It is an invention and no law.
const DemoPrefix = "DEMO, not law"

// PlanOptions says what to plan for.
type PlanOptions struct {
	// Collections to look into, in this order. Required.
	Collections []string
	// Before is the last due date to include, YYYY-MM-DD. Required. A day in
	// the future shows what will become due until then.
	Before string
	// Limit is the most records to plan, of those that can be purged. 0, the
	// default, means no limit.
	Limit int
}

// Plan says what a run would destroy now, and what it would leave alone.
type Plan struct {
	Before string `json:"before"`
	// Items can be purged, or will become so until Before.
	Items []Item `json:"items"`
	// Held are due, but a legal hold forbids their purge.
	Held []Item `json:"held,omitempty"`
	// Partial have lost their body in an earlier run and wait for the rest.
	Partial []Item `json:"partial,omitempty"`
	// TombstoneMissing are purged and wait for the other regions' confirmation.
	TombstoneMissing []Item `json:"tombstoneMissing,omitempty"`
	// Unreadable are in the due index and cannot be read; a run leaves them.
	Unreadable []Item `json:"unreadable,omitempty"`
	// Kept counts what is due and stays for another reason than a hold, such as
	// a review that is not given.
	Kept map[record.Code]int `json:"kept,omitempty"`
	// Truncated says that Limit cut the plan short.
	Truncated bool   `json:"truncated,omitempty"`
	Totals    Totals `json:"totals"`
	// Demo says that the authority of at least one record is a demonstration
	// and no law.
	Demo bool `json:"demo,omitempty"`
}

// Item is one record of a [Plan].
type Item struct {
	ID         string        `json:"id"`
	Collection string        `json:"collection"`
	DueDate    string        `json:"dueDate,omitempty"` // first day it may be purged, YYYY-MM-DD
	DueNow     bool          `json:"dueNow,omitempty"`  // that day has come
	Ground     record.Ground `json:"ground,omitempty"`
	Authority  string        `json:"authority,omitempty"`
	Size       int           `json:"size,omitempty"` // bytes of the resource
	PutTx      string        `json:"-"`              // transaction whose write set holds it
	PutBytes   int           `json:"-"`              // resources put in it
	PutCount   int           `json:"-"`              // records put in it; 0: neither is known
	Canary     bool          `json:"-"`              // about nobody: in no count
}

// Totals counts a [Plan].
type Totals struct {
	Records          int   `json:"records"` // Items
	DueNow           int   `json:"dueNow"`  // of them
	Bytes            int64 `json:"bytes"`   // of resources, Items
	Held             int   `json:"held"`
	Partial          int   `json:"partial"`
	TombstoneMissing int   `json:"tombstoneMissing"`
	Unreadable       int   `json:"unreadable,omitempty"`
}

// MakePlan reads what is due and what stands in the way. It changes nothing. Its
// errors are the Ledger's; the Plan then holds what was read until then.
func MakePlan(ctx context.Context, l Ledger, o PlanOptions) (*Plan, error) {
	p := &Plan{Before: o.Before}
	for _, c := range o.Collections {
		err := eachPage(ctx, l, c, o.Before, func(found []finding, _ bool) error {
			for _, f := range found {
				p.add(f, o)
			}
			if p.Truncated {
				return errStop
			}
			return nil
		})
		if err != nil {
			return p, fmt.Errorf("plan collection %s: %w", c, err)
		}
	}
	return p, nil
}

func (p *Plan) add(f finding, o PlanOptions) {
	it := f.item
	if it.Canary {
		return
	}
	if strings.HasPrefix(it.Authority, DemoPrefix) {
		p.Demo = true
	}
	switch {
	case f.step == stepTombstone:
		p.TombstoneMissing = append(p.TombstoneMissing, it)
		p.Totals.TombstoneMissing++
	case f.step == stepRest:
		p.Partial = append(p.Partial, it)
		p.Totals.Partial++
	case f.step == stepFailed:
		p.Unreadable = append(p.Unreadable, it)
		p.Totals.Unreadable++
	case f.skip == record.CodeHeld:
		p.Held = append(p.Held, it)
		p.Totals.Held++
	case f.step == stepPurge || f.upcoming(o.Before):
		if o.Limit > 0 && len(p.Items) >= o.Limit {
			p.Truncated = true
			return
		}
		p.Items = append(p.Items, it)
		p.Totals.Records++
		p.Totals.Bytes += int64(it.Size)
		if it.DueNow {
			p.Totals.DueNow++
		}
	case f.skip != record.CodeNotDue && f.skip != record.CodeAbsent:
		if p.Kept == nil {
			p.Kept = map[record.Code]int{}
		}
		p.Kept[f.skip]++
	}
}
