package purge

import (
	"context"
	"errors"
	"slices"

	"domicile/chaincode/record"
)

// step is what a record's state asks for next.
type step int

const (
	stepNone      step = iota
	stepPurge          // present, due, not held
	stepRest           // body purged, metadata not
	stepTombstone      // gone
)

// finding is one record of the due index after it was read again.
type finding struct {
	item Item
	step step
	skip record.Code // with stepNone: why it stays
}

// upcoming reports whether a record that is not yet due will be until before.
func (f finding) upcoming(before string) bool {
	return f.skip == record.CodeNotDue && f.item.DueDate != "" && f.item.DueDate <= before
}

// errStop ends [eachPage] early without an error.
var errStop = errors.New("stop")

// eachPage pages through what is due in a collection, reads every record again and
// hands the findings of each page to f. An id comes once, whatever the index says.
func eachPage(ctx context.Context, l Ledger, collection, before string, f func([]finding) error) error {
	seen := map[string]bool{}
	for after := ""; ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		page, err := l.Due(ctx, collection, before, after)
		if err != nil {
			return err
		}
		found, err := reread(ctx, l, collection, page.Entries, seen)
		if err != nil {
			return err
		}
		if err := f(found); errors.Is(err, errStop) {
			return nil
		} else if err != nil {
			return err
		}
		if page.Next == "" {
			return nil
		}
		if page.Next <= after {
			return record.Fail(record.CodeInternal, "the due index of "+collection+" does not advance")
		}
		after = page.Next
	}
}

// reread inspects the entries and classifies them, in the order of the index.
func reread(ctx context.Context, l Ledger, collection string, entries []record.Entry, seen map[string]bool) ([]finding, error) {
	var ids []string
	orphan := map[string]bool{}
	for _, e := range entries {
		if e.ID == "" || seen[e.ID] {
			continue
		}
		seen[e.ID] = true
		orphan[e.ID] = e.Gone
		ids = append(ids, e.ID)
	}
	var out []finding
	for chunk := range slices.Chunk(ids, record.MaxRecords) {
		states, err := l.Inspect(ctx, collection, chunk)
		if err != nil {
			return nil, err
		}
		for _, s := range states {
			out = append(out, classify(collection, s, orphan[s.ID]))
		}
	}
	return out, nil
}

// classify turns a state into the next step. orphan says that the gone register
// named the record, so that its tombstone is known to be missing.
func classify(collection string, s record.State, orphan bool) finding {
	f := finding{item: Item{
		ID: s.ID, Collection: collection, DueDate: s.DueDate, DueNow: s.IsDue,
		Ground: record.GroundDue, Authority: s.Authority, Size: s.Size, PutTx: s.PutTx,
	}}
	if s.Ground != "" {
		f.item.Ground = record.Ground(s.Ground)
	}
	switch {
	case s.State == record.InsidePartial:
		f.step = stepRest
	case s.State == record.InsideGone:
		// An index entry of a record that is gone is stale: it was purged
		// after the page was read, or by a run that may have died since. A
		// tombstone too many costs nothing, a missing one is not noticed.
		f.step = stepTombstone
	case s.State != record.InsidePresent:
		if orphan {
			f.step = stepTombstone
		} else {
			f.skip = record.CodeAbsent
		}
	case !s.IsDue:
		f.skip = record.CodeNotDue
	case s.Held:
		f.skip = record.CodeHeld
	default:
		f.step = stepPurge
	}
	return f
}
