package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
	"domicile/internal/cli"
	"domicile/purge"
	"domicile/purge/purgetest"
)

// cycled is one round of plan and run.
type cycled struct {
	plan, run float64 // s
	cpu       float64 // s of the network's processes
	calls     float64 // to the in-memory ledger
}

func (c cycled) whole() float64 { return c.plan + c.run }

// networkCycles measures plan and run at several numbers of stored records: each on a
// network of its own, so that rounds of the sides are interleaved.
func (b *bench) networkCycles(ctx context.Context, s *Section) (err error) {
	if err := b.prepare(ctx); err != nil {
		return err
	}
	sizes := b.scale.stored
	sites := make([]*site, len(sizes))
	defer func() {
		for _, at := range sites {
			if at != nil {
				err = errors.Join(err, at.close(), os.RemoveAll(at.n.Dir()))
			}
		}
	}()
	for i, size := range sizes {
		n, err := b.bringUp(ctx, fmt.Sprintf("size%d", i))
		if err != nil {
			return err
		}
		sites[i] = &site{n: n}
		if err := b.store(ctx, sites[i], size); err != nil {
			return err
		}
	}
	rounds := make([][]cycled, len(sizes))
	more := b.untilBudget()
	for r := 0; r < b.rounds && more(r); r++ {
		for i := range sites {
			at := (i + r) % len(sites)
			got, err := sites[at].cycle(ctx, b.scale.due)
			if err != nil {
				return fmt.Errorf("%d stored, round %d: %w", sizes[at], r+1, err)
			}
			rounds[at] = append(rounds[at], got)
		}
		b.say("  round %d of %d, load average %.1f", r+1, b.rounds, loadAverage())
	}
	s.networkCycles(sizes, rounds)
	return nil
}

// store stores records that are not due on a new network, and compacts the holder's stores.
func (b *bench) store(ctx context.Context, at *site, size int) error {
	start := time.Now()
	if err := at.open(ctx); err != nil {
		return err
	}
	if err := at.load(ctx, size, record.BatchRecords, "2026"); err != nil {
		return err
	}
	if err := at.scrub(ctx); err != nil {
		return err
	}
	b.say("  %d records stored and compacted in %.0f s", size, time.Since(start).Seconds())
	return nil
}

// networkCycles adds what was measured at each size.
func (s *Section) networkCycles(sizes []int, rounds [][]cycled) {
	var whole, cpu []Series
	for i, size := range sizes {
		name := fmt.Sprintf("%d stored", size)
		whole = append(whole, column(name+", plan and run", "s", rounds[i], cycled.whole))
		cpu = append(cpu, column(name+", network CPU", "s", rounds[i], func(c cycled) float64 { return c.cpu }))
		s.add(whole[i], column(name+", plan alone", "s", rounds[i], func(c cycled) float64 { return c.plan }), cpu[i])
	}
	last := len(sizes) - 1
	if last == 0 {
		return
	}
	name := fmt.Sprintf("%d stored over %d", sizes[last], sizes[0])
	s.rate(
		ratio(name+", plan and run", whole[last], whole[0], atMost(1.2, "")),
		ratio(name+", network CPU", cpu[last], cpu[0], atMost(1.2, "")),
	)
}

// cycle plans and purges so many records that are due.
func (s *site) cycle(ctx context.Context, due int) (cycled, error) {
	if err := s.load(ctx, due, record.BatchRecords, "1990"); err != nil {
		return cycled{}, err
	}
	before, err := cpuOf(s.pids)
	if err != nil {
		return cycled{}, err
	}
	start := time.Now()
	if code := cli.Run(ctx, []string{"purge", "plan", "--dir", s.n.Dir(), "--region", region, "--collection", collection, "--json"}, nil, io.Discard, os.Stderr); code != cli.ExitDone {
		return cycled{}, fmt.Errorf("purge plan ended with status %d", code)
	}
	plan := time.Since(start)
	r, err := s.runPurge(ctx)
	if err == nil && r.purged < due {
		err = fmt.Errorf("%d of %d records were purged", r.purged, due)
	}
	if err != nil {
		return cycled{}, err
	}
	after, err := cpuOf(s.pids)
	return cycled{plan: plan.Seconds(), run: r.took.Seconds(), cpu: (after - before).Seconds()}, err
}

// Ends of care of records in memory: long due, and not for years.
const (
	longDue = "1990-01-31"
	notDue  = "2190-01-31"
)

// memoryCycles measures plan and run on ledgers that no network could hold.
func (b *bench) memoryCycles(ctx context.Context, s *Section) error {
	ledgers := make([]*purgetest.Ledger, len(b.scale.memory))
	out := make([][]cycled, len(ledgers))
	defer debug.SetGCPercent(debug.SetGCPercent(50)) // a million records are 5 GB
	for i, size := range b.scale.memory {
		start := time.Now()
		var err error
		if ledgers[i], err = purgetest.New(chaincodetest.Options{Lean: true}); err != nil {
			return err
		}
		if err := ledgers[i].Load(ctx, size, notDue); err != nil {
			return err
		}
		b.say("  %d records loaded in %.0f s", size, time.Since(start).Seconds())
	}
	more := b.untilBudget()
	for r := range b.rounds {
		if !more(r) {
			break
		}
		for i := range ledgers {
			at := (i + r) % len(ledgers)
			got, err := memoryCycle(ctx, ledgers[at], b.scale.due)
			if err != nil {
				return fmt.Errorf("%d stored, round %d: %w", b.scale.memory[at], r+1, err)
			}
			out[at] = append(out[at], got)
		}
	}
	var whole, calls []Series
	for i, size := range b.scale.memory {
		name := fmt.Sprintf("%d stored", size)
		whole = append(whole, column(name+", plan and run", "ms", out[i], func(c cycled) float64 { return 1000 * c.whole() }))
		calls = append(calls, column(name+", calls", "calls", out[i], func(c cycled) float64 { return c.calls }))
		s.add(whole[i], calls[i])
	}
	for i := 1; i < len(ledgers); i++ {
		name := fmt.Sprintf("%d stored over %d", b.scale.memory[i], b.scale.memory[0])
		s.rate(
			ratio(name+", plan and run", whole[i], whole[0], atMost(1.2, "")),
			ratio(name+", calls", calls[i], calls[0], atMost(1.2, "")),
		)
	}
	return nil
}

func memoryCycle(ctx context.Context, l *purgetest.Ledger, due int) (cycled, error) {
	if err := l.Load(ctx, due, longDue); err != nil {
		return cycled{}, err
	}
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	today := time.Now().UTC().Format(time.DateOnly)
	where := []string{purgetest.Collection}
	before, start := l.Counts(), time.Now()
	p, err := purge.MakePlan(ctx, l, purge.PlanOptions{Collections: where, Before: today})
	if err != nil {
		return cycled{}, err
	}
	planned := time.Now()
	r, err := purge.Run(ctx, l, purge.Options{Collections: where, Before: today})
	if err == nil && (p.Totals.DueNow != due || r.Purged != due || r.Tombstoned != due) {
		err = errors.New("not all that was due was planned and purged")
	}
	return cycled{
		plan: planned.Sub(start).Seconds(), run: time.Since(planned).Seconds(),
		calls: float64(l.Counts().Minus(before).Sum()),
	}, err
}
