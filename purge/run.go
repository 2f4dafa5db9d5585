package purge

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"domicile/chaincode/record"
)

// Options says what to purge and how.
type Options struct {
	// Collections to work on, in this order. Required.
	Collections []string
	// Before is the last due date to work on, YYYY-MM-DD: today, or an earlier
	// day to let records rest between the day they become due and their purge.
	// Required. Records that the ledger does not consider due yet are skipped.
	Before string
	// HoldBack is how many days a record may wait, after Before has reached its
	// due date, for others to fill up its batch. Default 0: the last batch of a
	// collection is sent however small it is.
	HoldBack int
	// Limit is the most records to purge; finishing what earlier runs left
	// does not count. 0, the default, means no limit.
	Limit int
	// BatchRecords is how many records a purge names, 1 to
	// [record.MaxRecords]. Default [DefaultBatchRecords].
	BatchRecords int
	// SweepBytes bounds the write sets that one purge touches, in bytes.
	// Default [DefaultSweepBytes].
	SweepBytes int64
	// Attempts is how often a step is tried while the ledger is out of reach
	// or in conflict. Default 3.
	Attempts int
	// Backoff is the pause before the second attempt; it doubles after that.
	// Default 500 ms.
	Backoff time.Duration
	// Peers, if set, are asked after each batch whether they have processed it;
	// the next one waits for that. Default: the next batch follows the commit.
	Peers Peers
	// SweepWait is how long a batch is waited for, SweepPoll how often is asked.
	// Defaults 30 s, 100 ms.
	SweepWait, SweepPoll time.Duration
	// Share is the share of its time that a run works, above 0 and at most 1: with
	// Peers it rests before a batch in proportion to what it did since the last
	// rest, [MaxRest] at most, so that others get the channel and the peers'
	// processors; the first [HeadStart] of work is free. Default [DefaultShare].
	Share float64
	// Canary, if set, stores a record about nobody in a collection, due by the day
	// before, and returns it. One is purged with each batch, beyond BatchRecords
	// unless that is [record.MaxRecords], and others may look for its bytes; a
	// large body goes without. After an error the rest of the collection does, too.
	Canary func(ctx context.Context, collection, before string) (Item, error)
	// Random decides the order. Default: seeded from crypto/rand.
	Random *rand.Rand
	// Progress, if set, is called after each thing that happened, from the
	// goroutine of Run.
	Progress func(Event)
}

func (o Options) withDefaults() Options {
	if o.BatchRecords <= 0 {
		o.BatchRecords = DefaultBatchRecords
	}
	o.BatchRecords = min(o.BatchRecords, record.MaxRecords)
	if o.Canary != nil {
		o.BatchRecords = min(o.BatchRecords, record.MaxRecords-1)
	}
	if o.SweepBytes <= 0 {
		o.SweepBytes = DefaultSweepBytes
	}
	if o.Attempts <= 0 {
		o.Attempts = 3
	}
	if o.Backoff <= 0 {
		o.Backoff = 500 * time.Millisecond
	}
	if o.SweepWait <= 0 {
		o.SweepWait = 30 * time.Second
	}
	if o.SweepPoll <= 0 {
		o.SweepPoll = 100 * time.Millisecond
	}
	if !(o.Share > 0 && o.Share <= 1) {
		o.Share = DefaultShare
	}
	if o.Random == nil {
		var seed [32]byte
		crand.Read(seed[:]) //nolint:errcheck // never fails
		o.Random = rand.New(rand.NewChaCha8(seed))
	}
	if o.Progress == nil {
		o.Progress = func(Event) {}
	}
	return o
}

// Run purges what is due. It returns a Result in every case, and an error that
// joins everything that went wrong; a record in the way never stops the others. Only
// a refusal of the caller (such as FORBIDDEN, or PAUSED) and a ledger that stays out
// of reach stop it. When ctx ends, the batch in hand is finished, its tombstones
// included, and the error is ctx's.
//
// After any error the thing to do is to call Run again.
func Run(ctx context.Context, l Ledger, o Options) (*Result, error) {
	r := &runner{
		Options: o.withDefaults(), ledger: l, waiting: map[string]int{}, headStart: HeadStart,
		result: Result{Skipped: map[record.Code]int{}, Failures: map[record.Code]int{}},
	}
	for _, c := range o.Collections {
		if err := r.collection(ctx, c); err != nil {
			r.errs = append(r.errs, fmt.Errorf("collection %s: %w", c, err))
			switch code := record.CodeOf(err); {
			case r.result.Cut != "" || ctx.Err() != nil:
			case outage(code):
				r.result.Cut = CutOutage
			case callerRefused(code):
				r.result.Cut, r.stopped = CutRefused, true
			}
		}
		if ctx.Err() != nil || r.stopped {
			break
		}
	}
	return r.finish(ctx), errors.Join(r.errs...)
}

// maxErrors bounds the errors kept, so that a broken ledger does not fill memory;
// the rest are counted in Result.Failed.
const maxErrors = 100

// maxOutages is how many deliveries in a row may fail for want of a ledger.
const maxOutages = 3

type runner struct {
	Options
	ledger  Ledger
	result  Result
	errs    []error
	done    int            // records counted against Limit
	outages int            // deliveries in a row that found no ledger
	stopped bool           // the run ends after the batch in hand
	block   uint64         // of the last purge or tombstone
	swept   uint64         // block that was waited for last
	began   time.Time      // of the work since the last rest
	waiting map[string]int // due date -> records found that could be purged, and were not yet

	headStart time.Duration // work that needs no rest, left

	// Of the collection in work.
	planted   map[string]bool // canaries that were stored or found
	spare     []Item          // of them, those that no batch has yet
	barren    bool            // no canary could be stored
	short     []Item          // too few for a batch: the next page may fill it up
	partial   map[string]bool // body purged, metadata not
	inherited map[string]bool // of them, those an earlier run began
	tombs     []Item          // purged, or body purged: tombstone next
	rests     []Item          // body purged and tombstone there: rest next
	published queue           // purged and tombstone there: settle when they are many
}

// finish completes the result.
func (r *runner) finish(ctx context.Context) *Result {
	res := &r.result
	for date, n := range r.waiting {
		if n > 0 {
			res.Left += n
			if date != "" && (res.Oldest == "" || date < res.Oldest) {
				res.Oldest = date
			}
		}
	}
	res.Block = r.block
	switch {
	case res.Cut != "":
	case ctx.Err() != nil:
		res.Cut = CutStopped
	case r.stopped:
		res.Cut = CutRefused
	case r.full(0):
		res.Cut = CutLimit
	}
	return res
}

// full reports whether Limit is reached, with what waits and so many more.
func (r *runner) full(more int) bool { return r.Limit > 0 && r.done+len(r.short)+more >= r.Limit }

// collection works through one collection page by page.
func (r *runner) collection(ctx context.Context, name string) error {
	r.short, r.tombs, r.rests, r.published, r.spare, r.barren = nil, nil, nil, queue{}, nil, false
	r.partial, r.inherited, r.planted = map[string]bool{}, map[string]bool{}, map[string]bool{}
	err := eachPage(ctx, retrying{r.ledger, r}, name, r.Before, func(found []finding, more bool) error {
		r.page(ctx, found, more)
		if r.stopped || (r.full(0) && more) {
			return errStop
		}
		return ctx.Err()
	})
	r.settle(ctx, name, 1)
	return err
}

// page brings every record of one page as far as it will go: large bodies first,
// each alone, then batches. What does not fill a batch waits for the next page.
func (r *runner) page(ctx context.Context, found []finding, more bool) {
	big := r.sort(found)
	more = more && !r.full(len(big))
	for _, it := range big {
		r.batch(ctx, record.PartBody, []Item{it}, asItIs)
	}
	for _, b := range r.cut(more) {
		r.batch(ctx, record.PartAll, b, r.plant)
		if len(r.tombs) >= record.MaxRecords {
			r.tombstones(ctx)
			r.settle(ctx, b[0].Collection, record.MaxRecords)
		}
	}
	for !more && len(r.spare) > 0 {
		r.batch(ctx, record.PartAll, r.spares(r.BatchRecords), asItIs)
	}
	r.tombstones(ctx)
	r.finishRests(ctx)
}

// sort puts the findings where they are worked on, and returns the large records.
func (r *runner) sort(found []finding) (big []Item) {
	for _, f := range found {
		it := f.item
		switch f.step {
		case stepPurge:
			if it.Canary {
				r.keep(it)
				continue
			}
			r.waiting[it.DueDate]++
			if r.full(len(big)) {
				continue
			}
			if large(it) {
				big = append(big, it)
			} else {
				r.short = append(r.short, it)
			}
		case stepRest:
			r.waiting[it.DueDate]++
			r.partial[it.ID], r.inherited[it.ID] = true, true
			r.tombs = append(r.tombs, it)
		case stepTombstone:
			if !r.planted[it.ID] { // this run purged it since, and has it on its list
				r.tombs = append(r.tombs, it)
			}
		case stepFailed:
			if !it.Canary {
				r.waiting[it.DueDate]++
			}
			r.fail([]Item{it}, f.err)
		default:
			r.skip(it, f.skip)
		}
	}
	return big
}

// carried bounds the records that wait for the next page to fill up their batches.
const carried = record.MaxRecords

// keep has a canary wait for a batch; one of this run is listed on a later page.
func (r *runner) keep(it Item) {
	if !r.planted[it.ID] {
		it.Canary, r.planted[it.ID] = true, true
		r.spare = append(r.spare, it)
	}
}

// plant adds a canary to a batch: one that an earlier run left, or a new one.
func (r *runner) plant(ctx context.Context, batch []Item) []Item {
	if r.Canary != nil && !r.barren && len(r.spare) == 0 && ctx.Err() == nil && !r.stopped {
		it, err := r.Canary(ctx, batch[0].Collection, r.Before)
		if err != nil {
			r.barren = true
			r.result.CanaryFailures++
		} else {
			r.keep(it)
		}
	}
	batch = append(batch, r.spares(min(1, record.MaxRecords-len(batch)))...)
	r.Random.Shuffle(len(batch), func(i, j int) { batch[i], batch[j] = batch[j], batch[i] })
	return batch
}

// spares takes canaries that wait for a batch.
func (r *runner) spares(most int) []Item {
	n := min(most, len(r.spare))
	out := r.spare[:n:n]
	r.spare = r.spare[n:]
	return out
}

// cut makes batches of what waits. Those at the end that are too small wait for the
// next page; without one they are sent, the very last held back while all its
// records may still wait.
func (r *runner) cut(more bool) [][]Item {
	list := batches(r.short, r.BatchRecords, r.SweepBytes, r.Random)
	r.short = nil
	for n := len(list) - 1; n >= 0 && len(list[n]) < r.BatchRecords; n-- {
		last := list[n]
		switch {
		case more && len(r.short)+len(last) <= carried:
			r.short = append(r.short, last...)
		case !more && n == len(list)-1 && r.mayWait(last):
			for _, it := range last {
				r.result.HeldBack++
				r.waiting[it.DueDate]--
			}
		default:
			return list
		}
		list = list[:n]
	}
	return list
}

// mayWait reports whether no record of a batch has waited as long as it may.
func (r *runner) mayWait(batch []Item) bool {
	today, err := time.Parse(time.DateOnly, r.Before)
	if err != nil || r.HoldBack <= 0 {
		return false
	}
	latest := today.AddDate(0, 0, -r.HoldBack).Format(time.DateOnly)
	for _, it := range batch {
		if it.DueDate <= latest {
			return false
		}
	}
	return true
}

// asItIs sends a batch without a canary.
func asItIs(_ context.Context, items []Item) []Item { return items }

// batch rests, completes one batch, purges it and waits for its sweep. A canary is stored
// after the rest: what ends or pauses the run meanwhile must not leave one behind.
func (r *runner) batch(ctx context.Context, part record.Part, items []Item, complete func(context.Context, []Item) []Item) {
	r.rest(ctx)
	if ctx.Err() != nil || r.stopped {
		return
	}
	items = complete(ctx, items)
	before := r.result.Batches
	r.deliver(ctx, r.purgeJob(part), items)
	if n := len(items) - canaries(items); part == record.PartAll && n > 0 && n < r.BatchRecords && r.result.Batches > before {
		r.result.Short++
	}
	r.awaitSweep(ctx)
}

// tombstones publishes what waits for it. It runs even when ctx has ended: it
// belongs to the batch in hand. If the process dies before, the gone register (and,
// for a partial record, the due index) still names the records.
func (r *runner) tombstones(ctx context.Context) {
	waiting := r.tombs
	r.tombs = nil
	for len(waiting) > 0 {
		n := min(len(waiting), record.MaxRecords)
		r.deliver(ctx, r.tombstoneJob(), waiting[:n])
		waiting = waiting[n:]
	}
}

// finishRests purges metadata and index keys of records whose body went in an
// earlier block. Their tombstones are out, so at least one block lies in between.
func (r *runner) finishRests(ctx context.Context) {
	waiting := r.rests
	r.rests = nil
	for len(waiting) > 0 && ctx.Err() == nil && !r.stopped {
		n := min(len(waiting), r.BatchRecords)
		r.batch(ctx, record.PartRest, waiting[:n], asItIs)
		waiting = waiting[n:]
	}
}

// skip notes a record that stays, or that needs nothing.
func (r *runner) skip(it Item, c record.Code) {
	if it.Canary {
		return
	}
	r.result.Skipped[c]++
	r.Progress(Event{Kind: EventSkipped, Item: it, Code: c})
}

// resolved notes a record that was to be purged and need not be, or must not.
func (r *runner) resolved(it Item, c record.Code) {
	switch {
	case !it.Canary:
		r.waiting[it.DueDate]--
	case c != record.CodeGone: // what keeps this one would keep the next
		r.barren = true
	}
	r.skip(it, c)
}

func (r *runner) purged(it Item, rc Receipt) {
	if it.Canary {
		r.result.Canaries++
		return
	}
	r.waiting[it.DueDate]--
	r.result.Purged++
	r.result.Bytes += int64(it.Size)
	r.Progress(Event{Kind: EventPurged, Item: it, Receipt: rc})
	if !r.inherited[it.ID] {
		r.done++
	}
}

func (r *runner) fail(items []Item, err error) {
	code := record.CodeOf(err)
	for _, it := range items {
		if it.Canary {
			r.result.CanaryFailures++
			continue
		}
		r.result.Failed++
		r.result.Failures[code]++
		r.Progress(Event{Kind: EventFailed, Item: it, Code: code})
	}
	if alone := canaries(items) == len(items) && !callerRefused(code); !alone && len(r.errs) < maxErrors {
		r.errs = append(r.errs, fmt.Errorf("%d records of %s, the first %s: %w",
			len(items), items[0].Collection, items[0].ID, err))
	}
}
