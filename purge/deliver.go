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
	purges bool // rather than publishes: not to be begun once the run is stopped
	send   func(context.Context, []Item) (Receipt, error)
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
	for attempt := 1; len(batch) > 0 && !(j.purges && r.stopped); attempt++ {
		receipt, err := j.send(hand, batch)
		if err == nil {
			r.outages = 0
			for _, it := range batch {
				j.done(it, receipt)
			}
			return
		}
		code := record.CodeOf(err)
		if code == record.CodeConflict {
			r.result.Conflicts++
		}
		if r.halted(batch, code, err) {
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
			if splits(code) && len(batch) > 1 {
				r.deliver(ctx, j, batch[:len(batch)/2])
				r.deliver(ctx, j, batch[len(batch)/2:])
				return
			}
		}
		if len(batch) == 0 || (j.purges && r.stopped) {
			return
		}
		final := !mayRetry(code) && len(named) == 0
		if final || attempt >= r.Attempts || r.pause(ctx, attempt) != nil {
			r.giveUp(batch, err)
			return
		}
	}
}

// halted ends the run when an error is of the caller or of the whole ledger and not
// of a record, so that nothing else would fare better.
func (r *runner) halted(batch []Item, code record.Code, err error) bool {
	switch {
	case code == record.CodePaused:
		r.result.Paused = true
		r.result.Skipped[code] += len(batch) - canaries(batch)
		r.errs = append(r.errs, err)
	case callerRefused(code):
		r.fail(batch, err)
	default:
		return false
	}
	r.stopped = true
	return true
}

// giveUp leaves records to the next run, and ends this one when the ledger has been
// out of reach several times in a row. A conflict that goes on is another run's
// doing and no failure.
func (r *runner) giveUp(batch []Item, err error) {
	code := record.CodeOf(err)
	if code == record.CodeConflict {
		for _, it := range batch {
			r.skip(it, code)
		}
		return
	}
	r.fail(batch, err)
	if outage(code) {
		if r.outages++; r.outages >= maxOutages {
			r.stopped = true
			r.result.Cut = CutOutage
		}
	}
}

// pause waits before the next attempt, or until ctx ends. Two runs that met must not
// meet again, so it is not always as long.
func (r *runner) pause(ctx context.Context, attempt int) error {
	d := r.Backoff << (attempt - 1)
	return r.sleep(ctx, d+time.Duration(r.Random.Int64N(int64(d)/2+1)))
}

func (r *runner) sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
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
func (r *runner) purgeJob(part record.Part) job {
	done := func(it Item, rc Receipt) {
		switch part {
		case record.PartBody:
			r.partial[it.ID] = true
			r.tombs = append(r.tombs, it)
			r.Progress(Event{Kind: EventBody, Item: it, Receipt: rc})
		case record.PartRest:
			delete(r.partial, it.ID)
			r.purged(it, rc)
			r.published.add(it.ID)
		default:
			r.tombs = append(r.tombs, it)
			r.purged(it, rc)
		}
	}
	return job{
		purges: true,
		send: func(ctx context.Context, batch []Item) (Receipt, error) {
			rc, err := r.ledger.Purge(ctx, record.PurgeRequest{
				Version: record.Version, Collection: batch[0].Collection, Seed: newSeed(),
				Ground: record.GroundDue, Part: part, IDs: ids(batch),
			})
			if err != nil {
				return rc, err
			}
			r.result.Batches++
			if rc.WithoutEvidence {
				r.result.WithoutEvidence += len(batch) - canaries(batch)
			}
			r.block = max(r.block, rc.Block)
			return rc, nil
		},
		done: done,
		refused: func(it Item, c record.Code) bool {
			switch {
			case part == record.PartRest && (c == record.CodeGone || c == record.CodeAbsent):
				done(it, Receipt{}) // somebody else finished it
			case c == record.CodeGone:
				r.tombs = append(r.tombs, it)
				r.resolved(it, c)
			case c == record.CodeMissingData:
				return false
			default:
				r.resolved(it, c)
			}
			return true
		},
		settle: func(ctx context.Context, batch []Item) ([]Item, error) {
			return r.settlePurge(ctx, part, done, batch)
		},
	}
}

// canaries counts the records about nobody.
func canaries(batch []Item) (n int) {
	for _, it := range batch {
		if it.Canary {
			n++
		}
	}
	return n
}

// settlePurge reads what became of a purge whose answer was lost.
func (r *runner) settlePurge(ctx context.Context, part record.Part, done func(Item, Receipt), batch []Item) ([]Item, error) {
	byID := map[string]Item{}
	for _, it := range batch {
		byID[it.ID] = it
	}
	var remain []Item
	err := inspect(ctx, retrying{r.ledger, r}, batch[0].Collection, ids(batch), func(s record.State) {
		it := byID[s.ID]
		if it.Canary && s.State == record.InsideAbsent {
			remain = append(remain, it) // so new that the peer asked may not have it yet
			return
		}
		f := classify(it.Collection, r.Before, s, true)
		switch {
		case f.step == stepTombstone, part == record.PartBody && f.step == stepRest:
			done(it, Receipt{TxID: s.PurgeTx})
		case f.step == stepPurge && part != record.PartRest, f.step == stepRest && part == record.PartRest:
			remain = append(remain, it)
		case f.step == stepRest: // another run purged the body and will finish
			r.skip(it, record.CodeGone)
		default: // held since, or no longer due
			r.resolved(it, f.skip)
		}
	}, func(id string, err error) { r.fail([]Item{byID[id]}, err) })
	return remain, err
}

// tombstoneJob publishes purges. An endorser that has not processed the purge yet
// refuses with LIVE or ABSENT: that is tried again, and left to the next run after
// the last attempt.
func (r *runner) tombstoneJob() job {
	return job{
		send: func(ctx context.Context, batch []Item) (Receipt, error) {
			refs := make([]record.Ref, len(batch))
			for i, it := range batch {
				refs[i] = record.Ref{Collection: it.Collection, ID: it.ID}
			}
			return r.ledger.Tombstone(ctx, refs)
		},
		done: func(it Item, rc Receipt) {
			if !it.Canary {
				r.result.Tombstoned++
				r.Progress(Event{Kind: EventTombstoned, Item: it, Receipt: rc})
			}
			r.block = max(r.block, rc.Block)
			if r.partial[it.ID] {
				r.rests = append(r.rests, it)
			} else {
				r.published.add(it.ID)
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
		if err == nil || attempt >= r.Attempts || !outage(record.CodeOf(err)) {
			return v, err
		}
		if r.pause(ctx, attempt) != nil {
			return v, err
		}
	}
}
