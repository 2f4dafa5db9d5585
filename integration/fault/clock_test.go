package fault

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"domicile/chaincode/record"
	"domicile/gateway"
	"domicile/purge"
	"domicile/purge/serve"
)

// ledger is a gateway client as the purge service sees it.
type ledger struct{ *gateway.Client }

func (l ledger) Purge(ctx context.Context, q record.PurgeRequest) (purge.Receipt, error) {
	r, err := l.Client.Purge(ctx, q)
	return purge.Receipt(r), err
}

func (l ledger) Tombstone(ctx context.Context, refs []record.Ref) (purge.Receipt, error) {
	r, err := l.Client.Tombstone(ctx, refs)
	return purge.Receipt(r), err
}

// TestT30_TheServicesClockIsStepped runs the service with clocks that are wrong: ten years
// fast and slow, on a leap day, in the hours that the clocks skip and repeat. A fast
// clock asks for what is not due, and the contract, which goes by the transaction's
// time, refuses; a slow one asks for too little. The right one finishes.
func TestT30_TheServicesClockIsStepped(t *testing.T) {
	ctx := patience(t, time.Minute)
	d := dice(t)
	c := start(ctx, t, topologyTwo)
	client, err := c.client(ctx, usA.org, record.RolePurger, "")
	c.must(t, err)
	var clock atomic.Int64 // Unix seconds
	config, err := serve.ParseConfig([]byte("version: 1\nzone: America/New_York\nbatch: 4\n"))
	c.must(t, err)
	s, err := serve.New(config, serve.Backend{
		Ledger: ledger{client}, Collections: client.Collections,
		Now: func() time.Time { return time.Unix(clock.Load(), 0) },
		Event: func(e purge.Event) {
			if e.Kind == purge.EventPurged {
				c.history.Begin(Op{Kind: Purge, IDs: []string{e.ID}}).End(OK, func(op *Op) { op.Tx, op.Block = e.TxID, e.Block })
			}
		},
	})
	c.must(t, err)
	now := time.Now()
	// The demonstration keeps encounters for six years.
	lately, soon := now.AddDate(-7, 0, 0).Format(time.DateOnly), now.AddDate(-3, 0, 0).Format(time.DateOnly)
	for round := range *rounds {
		list := append(jobs(usA, 6), newJob(usA, lately, 0), newJob(usA, soon, 0))
		list[6].erasable = true
		c.mustPut(ctx, t, list)
		steps := []time.Time{
			now.AddDate(10, 0, 0), now.AddDate(-10, 0, 0), now.AddDate(-30, 0, 0),
			time.Date(2028, 2, 29, 12, 0, 0, 0, time.UTC),
			time.Date(2027, 3, 14, 7, 30, 0, 0, time.UTC), time.Date(2027, 11, 7, 5, 30, 0, 0, time.UTC),
			time.Date(2027, 11, 7, 6, 30, 0, 0, time.UTC),
		}
		d.Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })
		for _, at := range append(steps, time.Now()) {
			clock.Store(at.Unix())
			r, err := s.Cycle(ctx)
			if err != nil {
				t.Errorf("at %v: %v", at, err)
			}
			t.Logf("round %d: at %s: %d purged, left: %v", round+1, at.Format(time.DateTime), r.Purged, r.Skipped)
		}
		f := c.judge(ctx, t, round, usA)
		for i, j := range list {
			state := f.Inside["peer0."+usA.org][j.id].State
			if (state == record.InsideGone) != j.erasable {
				t.Errorf("record %d, due: %t, is %s at the end", i, j.erasable, state)
			}
		}
	}
}

// TestT30_TheClockOfTheLoopIsStepped sets the clock of a `purge serve` that runs: forward
// by ten years, back by as many, to the eve of a leap day and of the hour that the clocks
// skip. A step forward starts the run that it skipped, once; one back is noticed, and the
// next start comes by the new time. What is due is purged, and what is not is not.
func TestT30_TheClockOfTheLoopIsStepped(t *testing.T) {
	ctx := patience(t, time.Minute)
	d := dice(t)
	c := start(ctx, t, topologyTwo)
	now := time.Now()
	soon := newJob(usA, now.AddDate(-3, 0, 0).Format(time.DateOnly), 0)
	c.mustPut(ctx, t, []*job{soon})
	l := c.serveByClock(ctx, t, serveConfig+"zone: America/New_York\n")
	for range *rounds {
		eve := 100 * time.Millisecond // before a start of the schedule
		steps := []struct {
			name  string
			at    time.Time
			words string
		}{
			{"ten years fast", now.AddDate(10, 0, 0), "msg=run "},
			{"ten years slow", now.AddDate(-10, 0, 0), "the clock was set back"},
			{"a leap day", time.Date(2028, 2, 29, 5, 0, 0, 0, time.UTC).Add(-eve), "msg=run "},
			{"the hour that is skipped", time.Date(2031, 3, 9, 7, 0, 0, 0, time.UTC).Add(-eve), "msg=run "},
			{"back to where an hour begins anew", time.Date(2029, 11, 4, 6, 0, 0, 0, time.UTC), "the clock was set back"},
			// Starts in that hour were made when it was there first.
			{"the end of that hour", time.Date(2029, 11, 4, 7, 0, 0, 0, time.UTC).Add(-eve), "msg=run outcome=done"},
		}
		// The first two stay in front: the third follows a clock that is slow.
		if d.IntN(2) == 0 {
			steps[2], steps[3] = steps[3], steps[2]
			steps[3].at = steps[3].at.AddDate(4, 0, 0)
		}
		for _, x := range steps {
			list := jobs(usA, 3)
			c.mustPut(ctx, t, list)
			from := len(l.said())
			l.clock.set(x.at)
			l.says(ctx, t, from, x.words)
			t.Logf("%s: %q", x.name, x.words)
		}
	}
	c.endService(ctx, t, l.service)
	f := c.judge(ctx, t, *rounds-1, usA)
	if state := f.Inside["peer0."+usA.org][soon.id].State; state != record.InsidePresent {
		t.Errorf("what is due in three years is %s", state)
	}
}
