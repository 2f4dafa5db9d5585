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
	// Before is the last due date to look at, YYYY-MM-DD: today. Required.
	// Records that the ledger does not consider due yet are skipped.
	Before string
	// Limit is the most records to begin with; finishing what earlier runs
	// left does not count. 0, the default, means no limit.
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
	if o.SweepBytes <= 0 {
		o.SweepBytes = DefaultSweepBytes
	}
	if o.Attempts <= 0 {
		o.Attempts = 3
	}
	if o.Backoff <= 0 {
		o.Backoff = 500 * time.Millisecond
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

// What an [Event] says.
const (
	EventBody       = "body"       // the body of a large record was purged
	EventPurged     = "purged"     // all that belongs to the record was purged
	EventTombstoned = "tombstoned" // other regions confirmed it
	EventSkipped    = "skipped"    // it stays, for the reason in Code
	EventFailed     = "failed"     // an error in the way; run again
)

// Event is one thing that happened to one record.
type Event struct {
	Kind string `json:"event"`
	Item
	Receipt
	Code record.Code `json:"code,omitempty"`
}

// Result counts what a run did.
type Result struct {
	Purged     int                 `json:"purged"`     // records of which nothing is left
	Bytes      int64               `json:"bytes"`      // of their resources
	Tombstoned int                 `json:"tombstoned"` // records confirmed by other regions
	Skipped    map[record.Code]int `json:"skipped,omitempty"`
	Failed     int                 `json:"failed"` // records on which a step failed
}

// Run purges what is due. It returns a Result in every case, and an error that
// joins everything that went wrong; a record in the way never stops the others. Only
// a refusal of the caller (such as FORBIDDEN) and a ledger that stays out of reach
// stop it. When ctx ends, the batch in hand is finished, its tombstones included,
// and the error is ctx's.
//
// After any error the thing to do is to call Run again.
func Run(ctx context.Context, l Ledger, o Options) (*Result, error) {
	r := &runner{Options: o.withDefaults(), ledger: l, result: Result{Skipped: map[record.Code]int{}}}
	for _, c := range o.Collections {
		err := r.collection(ctx, c)
		if err != nil && !errors.Is(err, errStop) {
			r.errs = append(r.errs, fmt.Errorf("collection %s: %w", c, err))
		}
		if ctx.Err() != nil || r.stopped {
			break
		}
	}
	return &r.result, errors.Join(r.errs...)
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
	begun   int  // records counted against Limit
	outages int  // deliveries in a row that found no ledger
	stopped bool // the run ends after the batch in hand

	tombs []Item // purged, or body purged: tombstone next
	rests []Item // body purged and tombstone there: rest next
}

// collection works through one collection page by page.
func (r *runner) collection(ctx context.Context, name string) error {
	reading := retrying{r.ledger, r}
	return eachPage(ctx, reading, name, r.Before, func(found []finding) error {
		r.page(ctx, found)
		if r.stopped || (r.Limit > 0 && r.begun >= r.Limit) {
			return errStop
		}
		return ctx.Err()
	})
}

// page brings every record of one page as far as it will go.
func (r *runner) page(ctx context.Context, found []finding) {
	var small, big []Item
	partial := map[string]bool{}
	for _, f := range found {
		switch f.step {
		case stepPurge:
			if r.Limit > 0 && r.begun >= r.Limit {
				continue
			}
			r.begun++
			if large(f.item) {
				big = append(big, f.item)
			} else {
				small = append(small, f.item)
			}
		case stepRest:
			partial[f.item.ID] = true
			r.tombs = append(r.tombs, f.item)
		case stepTombstone:
			r.tombs = append(r.tombs, f.item)
		default:
			r.skip(f.item, f.skip)
		}
	}
	for _, b := range batches(small, r.BatchRecords, r.SweepBytes, r.Random) {
		if ctx.Err() != nil || r.stopped {
			break
		}
		r.deliver(ctx, r.purgeJob(record.PartAll, partial), b)
		if len(r.tombs) >= record.MaxRecords {
			r.tombstones(ctx, partial)
		}
	}
	for _, it := range big {
		if ctx.Err() != nil || r.stopped {
			break
		}
		r.deliver(ctx, r.purgeJob(record.PartBody, partial), []Item{it})
	}
	r.tombstones(ctx, partial)
	r.finishRests(ctx, partial)
}

// tombstones publishes what waits for it. It runs even when ctx has ended: it
// belongs to the batch in hand. If the process dies before, the gone register (and,
// for a partial record, the due index) still names the records.
func (r *runner) tombstones(ctx context.Context, partial map[string]bool) {
	waiting := r.tombs
	r.tombs = nil
	for len(waiting) > 0 {
		n := min(len(waiting), record.MaxRecords)
		r.deliver(ctx, r.tombstoneJob(partial), waiting[:n])
		waiting = waiting[n:]
	}
}

// finishRests purges metadata and index keys of records whose body went in an
// earlier block. Their tombstones are out, so at least one block lies in between.
func (r *runner) finishRests(ctx context.Context, partial map[string]bool) {
	waiting := r.rests
	r.rests = nil
	for len(waiting) > 0 && ctx.Err() == nil && !r.stopped {
		n := min(len(waiting), r.BatchRecords)
		r.deliver(ctx, r.purgeJob(record.PartRest, partial), waiting[:n])
		waiting = waiting[n:]
	}
}

func (r *runner) skip(it Item, c record.Code) {
	r.result.Skipped[c]++
	r.Progress(Event{Kind: EventSkipped, Item: it, Code: c})
}

func (r *runner) purged(it Item, rc Receipt) {
	r.result.Purged++
	r.result.Bytes += int64(it.Size)
	r.Progress(Event{Kind: EventPurged, Item: it, Receipt: rc})
}

func (r *runner) fail(items []Item, err error) {
	code := record.CodeOf(err)
	for _, it := range items {
		r.result.Failed++
		r.Progress(Event{Kind: EventFailed, Item: it, Code: code})
	}
	if len(r.errs) < maxErrors {
		r.errs = append(r.errs, fmt.Errorf("%d records of %s, the first %s: %w",
			len(items), items[0].Collection, items[0].ID, err))
	}
}
