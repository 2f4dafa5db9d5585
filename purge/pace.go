package purge

import (
	"context"
	"slices"
	"time"

	"domicile/chaincode/record"
)

// queue holds the records of one collection whose tombstone is public and not yet
// taken off the list of what is to do. It keeps no more than one page: what it drops
// the next run finds and settles.
type queue struct{ ids []string }

func (q *queue) add(ids ...string) {
	for _, id := range ids {
		if !slices.Contains(q.ids, id) { // met again: it is on the list until it is settled
			q.ids = append(q.ids, id)
		}
	}
	if surplus := len(q.ids) - record.MaxPage; surplus > 0 {
		q.ids = q.ids[surplus:]
	}
}

func (q *queue) take(most int) []string {
	n := min(max(most, 0), len(q.ids))
	out := append([]string(nil), q.ids[:n]...)
	q.ids = q.ids[n:]
	return out
}

// settle takes published tombstones off the list of what is to do, while there are at
// least so many. It is a transaction of its own: a purge that also settled would have
// its own entries in the log collection, which are most of what it writes, written
// again by its own sweep.
func (r *runner) settle(ctx context.Context, collection string, least int) {
	hand := context.WithoutCancel(ctx)
	for len(r.published.ids) >= max(1, least) {
		r.settleSome(hand, collection, r.published.take(record.MaxRecords))
	}
}

// settleSome settles so many tombstones. A peer that has not processed a tombstone yet
// refuses with ABSENT; one that stays behind leaves settling to the next run. That
// another run was faster is no failure: SETTLED, or CONFLICT in the same block.
func (r *runner) settleSome(ctx context.Context, collection string, list []string) {
	for attempt := 1; ; attempt++ {
		_, err := r.ledger.Purge(ctx, record.PurgeRequest{
			Version: record.Version, Collection: collection, Seed: newSeed(), Ground: record.GroundDue, Settle: list,
		})
		switch code := record.CodeOf(err); {
		case err == nil:
		case code == record.CodeConflict || code == record.CodeSettled:
			r.result.Conflicts++
		case code == record.CodeAbsent:
			if attempt < r.Attempts && r.pause(ctx, attempt) == nil {
				continue
			}
		default:
			r.published = queue{}
			r.errs = append(r.errs, err)
		}
		return
	}
}

// DefaultShare is the share of its time that a run works: what leaves puts at four
// fifths of their rate where the purge and they compete for the same processors.
const DefaultShare = 0.4

// MaxRest is the longest rest before a batch.
const MaxRest = 10 * time.Second

// HeadStart is how long a run works before it begins to rest: a small purge is over
// before anybody notices it.
const HeadStart = 10 * time.Second

// rest waits before a batch, in proportion to what was done since the last rest:
// reading, purging, waiting for sweeps and publishing.
func (r *runner) rest(ctx context.Context) {
	if r.Peers != nil && !r.began.IsZero() && !r.stopped {
		worked := time.Since(r.began)
		free := min(worked, r.headStart)
		r.headStart -= free
		_ = r.sleep(ctx, min(time.Duration(float64(worked-free)*(1-r.Share)/r.Share), MaxRest)) // the caller looks at ctx
	}
	r.began = time.Now()
}

// awaitSweep waits until every peer that answers has processed the block of the last
// purge, so that two batches never meet in one sweep: a sweep that touches more than
// 4 MB rewrites a write set for every key. A peer that does not answer is not waited
// for; one that answers and stays behind is, for SweepWait.
func (r *runner) awaitSweep(ctx context.Context) {
	if r.Peers == nil || r.block == 0 || r.block == r.swept {
		return
	}
	patience, cancel := context.WithTimeout(ctx, r.SweepWait)
	defer cancel()
	for {
		heights, err := r.Peers.Heights(patience)
		if err == nil && reached(heights, r.block) {
			r.swept = r.block
			return
		}
		if r.sleep(patience, r.SweepPoll) != nil {
			if ctx.Err() == nil {
				r.result.Lagged++
			}
			r.swept = r.block // once per block
			return
		}
	}
}

// reached reports whether all peers that answer have processed a block.
func reached(heights []Height, block uint64) bool {
	for _, h := range heights {
		if h.Err == nil && h.Height <= block {
			return false
		}
	}
	return true
}
