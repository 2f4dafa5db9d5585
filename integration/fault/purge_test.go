package fault

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"domicile/chaincode/record"
	"domicile/purge"
)

// noteEvents puts what purge run printed into the history: each line says of one record
// that its purge took effect, or that it got its tombstone.
func (c *cluster) noteEvents(out string) (purged int) {
	for line := range strings.Lines(out) {
		var e purge.Event
		if json.Unmarshal([]byte(line), &e) != nil {
			continue // cut short by a kill
		}
		if c.noteEvent(e) {
			purged++
		}
	}
	return purged
}

// noteEvent puts a purge into the history; false for other events.
func (c *cluster) noteEvent(e purge.Event) bool {
	if e.Kind != purge.EventPurged {
		return false
	}
	c.history.Begin(Op{Kind: Purge, IDs: []string{e.ID}}).End(OK, func(op *Op) {
		if e.Size <= record.BatchBytes { // else this transaction took the rest, after its body
			op.Tx = e.TxID
		}
		op.Block = e.Block
	})
	return true
}

// TestT30_ThePurgeServiceIsKilledAtEveryStep kills what purges after its n-th line for
// n = 1, 3, …, each time a new one, and in between at random moments, which are between
// the lines: while it reads, endorses, orders, waits. It is `purge run`, `purge serve
// --once` and the loop of `purge serve` in turn. A large record is purged in two steps.
// Held records stay. The last one finishes: nothing is left half done or without its
// tombstone, and nothing is done twice.
func TestT30_ThePurgeServiceIsKilledAtEveryStep(t *testing.T) {
	ctx := patience(t, 3*time.Minute)
	d := dice(t)
	c := start(ctx, t, topologyTwo)
	for round := range *rounds {
		held, matter := newJob(usA, longAgo, 0), fmt.Sprintf("matter-%d", round)
		c.mustPut(ctx, t, []*job{held, newJob(usA, longAgo, 600<<10)})
		c.must(t, c.hold(ctx, usA, matter, held.id))
		kills, purged := map[form]int{}, 0
		longest := map[form]time.Duration{}
		for n := 1; n <= 9; n++ {
			c.mustPut(ctx, t, jobs(usA, 6))
			o := options{form: forms[(n+round)%len(forms)], lines: n}
			if n%2 == 0 {
				if longest[o.form] == 0 {
					longest[o.form] = time.Second
				}
				o.lines, o.after = 0, longest[o.form]/8+time.Duration(d.Int64N(int64(longest[o.form])))
			}
			r := c.mustRun(ctx, t, usA, o)
			purged += r.purged
			if r.killed {
				kills[o.form]++
			} else {
				longest[o.form] = r.took
			}
		}
		t.Logf("round %d: killed %v, %d purges told", round+1, kills, purged)
		for _, f := range forms {
			if kills[f] == 0 {
				t.Errorf("%s was never killed", f)
			}
		}
		c.mustRun(ctx, t, usA, options{form: forms[d.IntN(len(forms))]})
		c.must(t, c.release(ctx, usA, matter, held.id))
		c.judge(ctx, t, round, usA)
	}
}

// mustRun wants a run to end well or by our hand.
func (c *cluster) mustRun(ctx context.Context, t *testing.T, h home, o options) run {
	t.Helper()
	r, err := c.purgeProcess(ctx, h, o)
	if err == nil {
		err = r.err
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", o.form, err, r.words)
	}
	return r
}

// TestT30_TwoPurgeServicesHaveOneEffect starts two at the same moment, and kills one of them
// in every other round.
func TestT30_TwoPurgeServicesHaveOneEffect(t *testing.T) {
	ctx := patience(t, time.Minute)
	d := dice(t)
	c := start(ctx, t, topologyTwo)
	for round := range *rounds {
		c.mustPut(ctx, t, jobs(usA, 24))
		runs := make([]run, 2)
		var g errgroup.Group
		for i := range runs {
			o := options{form: forms[(i+round)%len(forms)]}
			if i == 0 && round%2 == 1 {
				o.lines = 1 + d.IntN(12)
			}
			g.Go(func() (err error) {
				runs[i], err = c.purgeProcess(ctx, usA, o)
				return err
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		for i, r := range runs {
			if r.err != nil {
				t.Errorf("service %d: %v\n%s", i, r.err, r.words)
			}
			t.Logf("round %d: service %d told %d purges in %.1f s, killed: %t", round+1, i, r.purged, r.took.Seconds(), r.killed)
		}
		c.judge(ctx, t, round, usA)
	}
}
