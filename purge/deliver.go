package purge

import (
	"context"
	"errors"
	"slices"
	"time"

	"domicile/chaincode/record"
)

// job is one kind of write and what its outcomes mean.
type job struct {
	send func(context.Context, []Item) (Receipt, error)
	// done is told each record of a request that took effect.
	done func(Item, Receipt)
	// refused is told a record that a refusal named. False: try it again.
	refused func(Item, record.Code) bool
	// settle finds out, after an error that leaves the outcome open, which
	// records still need the write; it has dealt with the others.
	settle func(context.Context, []Item) ([]Item, error)
}

// deliver sends a batch until every record of it is done, refused or given up. A
// refusal that names records splits the batch; one that names none halves it; an
// error that leaves the outcome open is cleared up by reading. Writes and the reads
// that clear them up run to their end even when ctx has ended.
func (r *runner) deliver(ctx context.Context, j job, batch []Item) {
	hand := context.WithoutCancel(ctx)
	for attempt := 1; len(batch) > 0; attempt++ {
		receipt, err := j.send(hand, batch)
		if err == nil {
			r.outages = 0
			for _, it := range batch {
				j.done(it, receipt)
			}
			return
		}
		code := record.CodeOf(err)
		if callerRefused(code) {
			r.fail(batch, err)
			r.stopped = true
			return
		}
		named, others := namedIn(err, batch)
		switch {
		case len(named) > 0 && perRecord(code):
			r.outages = 0
			r.deliver(ctx, j, others)
			batch = slices.DeleteFunc(named, func(it Item) bool { return j.refused(it, code) })
		default:
			rest, settleErr := j.settle(hand, batch)
			if settleErr != nil {
				r.giveUp(batch, errors.Join(err, settleErr))
				return
			}
			batch = rest
			if !mayRetry(code) && len(batch) > 1 {
				r.deliver(ctx, j, batch[:len(batch)/2])
				r.deliver(ctx, j, batch[len(batch)/2:])
				return
			}
		}
		if len(batch) == 0 {
			return
		}
		final := !mayRetry(code) && len(named) == 0
		if final || attempt >= r.Attempts || r.pause(ctx, attempt) != nil {
			r.giveUp(batch, err)
			return
		}
	}
}

// giveUp leaves records to the next run, and ends this one when the ledger has been
// out of reach several times in a row.
func (r *runner) giveUp(batch []Item, err error) {
	r.fail(batch, err)
	if mayRetry(record.CodeOf(err)) {
		if r.outages++; r.outages >= maxOutages {
			r.stopped = true
		}
	}
}

// pause waits before the next attempt, or until ctx ends.
func (r *runner) pause(ctx context.Context, attempt int) error {
	t := time.NewTimer(r.Backoff << (attempt - 1))
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// purgeJob purges one part of records. partial collects the records whose body alone
// is gone, so that the tombstone step hands them on to the rest step.
func (r *runner) purgeJob(part record.Part, partial map[string]bool) job {
	done := func(it Item, rc Receipt) {
		switch part {
		case record.PartBody:
			partial[it.ID] = true
			r.tombs = append(r.tombs, it)
			r.Progress(Event{Kind: EventBody, Item: it, Receipt: rc})
		case record.PartRest:
			delete(partial, it.ID)
			r.purged(it, rc)
		default:
			r.tombs = append(r.tombs, it)
			r.purged(it, rc)
		}
	}
	return job{
		send: func(ctx context.Context, batch []Item) (Receipt, error) {
			return r.ledger.Purge(ctx, record.PurgeRequest{
				Version: record.Version, Collection: batch[0].Collection, Seed: newSeed(),
				Ground: record.GroundDue, Part: part, IDs: ids(batch),
			})
		},
		done: done,
		refused: func(it Item, c record.Code) bool {
			switch {
			case part == record.PartRest && (c == record.CodeGone || c == record.CodeAbsent):
				done(it, Receipt{}) // somebody else finished it
			case c == record.CodeGone:
				r.tombs = append(r.tombs, it)
				r.skip(it, c)
			default:
				r.skip(it, c)
			}
			return true
		},
		settle: func(ctx context.Context, batch []Item) ([]Item, error) {
			return r.settlePurge(ctx, part, done, batch)
		},
	}
}

// settlePurge reads what became of a purge whose answer was lost.
func (r *runner) settlePurge(ctx context.Context, part record.Part, done func(Item, Receipt), batch []Item) ([]Item, error) {
	byID := map[string]Item{}
	for _, it := range batch {
		byID[it.ID] = it
	}
	states, err := retrying{r.ledger, r}.Inspect(ctx, batch[0].Collection, ids(batch))
	if err != nil {
		return nil, err
	}
	var remain []Item
	for _, s := range states {
		it := byID[s.ID]
		f := classify(it.Collection, s, true)
		switch {
		case f.step == stepTombstone, part == record.PartBody && f.step == stepRest:
			done(it, Receipt{TxID: s.PurgeTx})
		case f.step == stepPurge && part != record.PartRest, f.step == stepRest && part == record.PartRest:
			remain = append(remain, it)
		default: // held since, or in another run's hands
			r.skip(it, f.skip)
		}
	}
	return remain, nil
}

// tombstoneJob publishes purges. An endorser that has not processed the purge yet
// refuses with LIVE or ABSENT: that is tried again, and left to the next run after
// the last attempt.
func (r *runner) tombstoneJob(partial map[string]bool) job {
	return job{
		send: func(ctx context.Context, batch []Item) (Receipt, error) {
			refs := make([]record.Ref, len(batch))
			for i, it := range batch {
				refs[i] = record.Ref{Collection: it.Collection, ID: it.ID}
			}
			return r.ledger.Tombstone(ctx, refs)
		},
		done: func(it Item, rc Receipt) {
			r.result.Tombstoned++
			r.Progress(Event{Kind: EventTombstoned, Item: it, Receipt: rc})
			if partial[it.ID] {
				r.rests = append(r.rests, it)
			}
		},
		refused: func(Item, record.Code) bool { return false },
		settle:  func(_ context.Context, batch []Item) ([]Item, error) { return batch, nil },
	}
}

// retrying is a Ledger whose reads are repeated while the ledger is out of reach.
type retrying struct {
	Ledger
	r *runner
}

func (t retrying) Due(ctx context.Context, collection, before, after string) (record.Page, error) {
	return again(ctx, t.r, func() (record.Page, error) { return t.Ledger.Due(ctx, collection, before, after) })
}

func (t retrying) Inspect(ctx context.Context, collection string, ids []string) ([]record.State, error) {
	return again(ctx, t.r, func() ([]record.State, error) { return t.Ledger.Inspect(ctx, collection, ids) })
}

func again[T any](ctx context.Context, r *runner, f func() (T, error)) (T, error) {
	for attempt := 1; ; attempt++ {
		v, err := f()
		if err == nil || attempt >= r.Attempts || !mayRetry(record.CodeOf(err)) {
			return v, err
		}
		if r.pause(ctx, attempt) != nil {
			return v, err
		}
	}
}

// mayRetry reports whether the same request may succeed later. An error without a
// code comes from somewhere below and says nothing, so it may.
func mayRetry(c record.Code) bool {
	info, known := record.Explain(c)
	return !known || info.Retry
}

// callerRefused reports whether a refusal is of the caller and not of a record, so
// that nothing else would fare better.
func callerRefused(c record.Code) bool {
	switch c {
	case record.CodeForbidden, record.CodeWrongPeer, record.CodeNoPolicy, record.CodeVersion,
		record.CodeBadFunction, record.CodeBadRequest, record.CodeNoKey, record.CodeSettings:
		return true
	}
	return false
}

// perRecord reports whether a refusal with this code concerns the records it names.
func perRecord(c record.Code) bool {
	switch c {
	case record.CodeNotDue, record.CodeHeld, record.CodeGone, record.CodeAbsent, record.CodeLive, record.CodeMissingData:
		return true
	}
	return false
}

func ids(items []Item) []string {
	out := make([]string, len(items))
	for i, it := range items {
		out[i] = it.ID
	}
	return out
}

// namedIn splits a batch into the records that the error's detail names and the
// others.
func namedIn(err error, batch []Item) (named, others []Item) {
	words := map[string]bool{}
	var e *record.Error
	if errors.As(err, &e) {
		for _, w := range wordsOf(e.Detail) {
			words[w] = true
		}
	}
	for _, it := range batch {
		if words[it.ID] {
			named = append(named, it)
		} else {
			others = append(others, it)
		}
	}
	return named, others
}

// wordsOf cuts a text at everything that no id contains.
func wordsOf(text string) []string {
	var out []string
	start := -1
	for i := 0; i <= len(text); i++ {
		inID := i < len(text) && (text[i] >= 'a' && text[i] <= 'z' || text[i] >= '2' && text[i] <= '7')
		switch {
		case inID && start < 0:
			start = i
		case !inID && start >= 0:
			out = append(out, text[start:i])
			start = -1
		}
	}
	return out
}
