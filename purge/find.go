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
	stepFailed         // cannot be read
)

// finding is one record of the due index after it was read again.
type finding struct {
	item Item
	step step
	skip record.Code // with stepNone: why it stays
	err  error       // with stepFailed
}

// upcoming reports whether a record that is not yet due will be until before.
func (f finding) upcoming(before string) bool {
	return f.skip == record.CodeNotDue && f.item.DueDate != "" && f.item.DueDate <= before
}

// errStop ends [eachPage] early without an error.
var errStop = errors.New("stop")

// recent remembers the ids seen last, at least half of seenMost and never more than
// all of it. The due index may name a record twice; to work on it again would do no
// harm, so it need not remember all.
type recent struct{ now, before map[string]bool }

const seenMost = 16 * record.MaxPage

// add reports whether the id is new.
func (r *recent) add(id string) bool {
	if r.now[id] || r.before[id] {
		return false
	}
	if r.now == nil || len(r.now) >= seenMost/2 {
		r.now, r.before = map[string]bool{}, r.now
	}
	r.now[id] = true
	return true
}

// eachPage pages through what is due in a collection, reads every record again and
// hands the findings of each page to f, with whether there are more pages. It keeps
// one page in memory.
func eachPage(ctx context.Context, l Ledger, collection, before string, f func(found []finding, more bool) error) error {
	var seen recent
	for after := ""; ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		page, err := onePage(ctx, l, collection, before, after)
		if err != nil {
			return err
		}
		found, err := reread(ctx, l, collection, before, page.Entries, &seen)
		if err != nil {
			return err
		}
		if err := f(found, page.Next != ""); errors.Is(err, errStop) {
			return nil
		} else if err != nil {
			return err
		}
		if page.Next == "" {
			return nil
		}
		after = page.Next
	}
}

// onePage reads one page of the due index and refuses what cannot be one: a peer
// cuts a range without a word at its query limit (ledger.state.totalQueryLimit), so
// an answer that is not paged may lack its end.
func onePage(ctx context.Context, l Ledger, collection, before, after string) (record.Page, error) {
	page, err := l.Due(ctx, collection, before, after)
	switch {
	case err != nil:
		return page, err
	case len(page.Entries) > record.MaxPage:
		return page, record.Fail(record.CodeInternal, "the due index of "+collection+" came unpaged, so the peer may have cut it")
	case page.Next != "" && page.Next <= after:
		return page, record.Fail(record.CodeInternal, "the due index of "+collection+" does not advance")
	}
	return page, nil
}

// reread inspects the entries and classifies them, in the order of the index.
func reread(ctx context.Context, l Ledger, collection, before string, entries []record.Entry, seen *recent) ([]finding, error) {
	var ids []string
	indexed := map[string]record.Entry{}
	for _, e := range entries {
		if e.ID == "" || !seen.add(e.ID) {
			continue
		}
		indexed[e.ID] = e
		ids = append(ids, e.ID)
	}
	var out []finding
	for chunk := range slices.Chunk(ids, record.MaxRecords) {
		err := inspect(ctx, l, collection, chunk, func(s record.State) {
			out = append(out, classify(collection, before, s, indexed[s.ID].Gone))
		}, func(id string, err error) {
			e := indexed[id]
			out = append(out, finding{item: Item{ID: id, Collection: collection, DueDate: e.Date, Size: e.Size, Canary: e.Canary}, step: stepFailed, err: err})
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// inspect reads records, and when that fails for a reason that may lie in one of
// them, halves them until it is alone: one record that nobody can read must not hide
// the others. What says nothing about a record (no ledger, no right) is returned.
func inspect(ctx context.Context, l Ledger, collection string, ids []string, state func(record.State), bad func(string, error)) error {
	states, err := l.Inspect(ctx, collection, ids)
	switch code := record.CodeOf(err); {
	case err == nil:
		for _, s := range states {
			state(s)
		}
		return nil
	case ctx.Err() != nil || outage(code) || callerRefused(code):
		return err
	case len(ids) == 1:
		bad(ids[0], err)
		return nil
	}
	for _, half := range [][]string{ids[:len(ids)/2], ids[len(ids)/2:]} {
		if err := inspect(ctx, l, collection, half, state, bad); err != nil {
			return err
		}
	}
	return nil
}

// classify turns a state into the next step. before is the last due date to work
// on; orphan says that the gone register named the record, so that its tombstone is
// known to be missing.
func classify(collection, before string, s record.State, orphan bool) finding {
	f := finding{item: Item{
		ID: s.ID, Collection: collection, DueDate: s.DueDate, DueNow: s.IsDue,
		Ground: record.GroundDue, Authority: s.Authority, Size: s.Size, PutTx: s.PutTx, PutBytes: s.PutBytes, PutCount: s.PutCount, Canary: s.Canary || s.Ground == string(record.GroundCanary),
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
	case !s.IsDue || s.DueDate > before:
		f.skip = record.CodeNotDue
	case s.Held:
		f.skip = record.CodeHeld
	case s.Code != "":
		f.skip = s.Code
	default:
		f.step = stepPurge
	}
	return f
}
