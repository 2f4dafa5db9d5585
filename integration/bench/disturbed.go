package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"domicile/chaincode/record"
)

// foreground is how many clients put while a purge runs.
const foreground = 4

// shared is one round of "Puts during a purge".
type shared struct {
	quiet, during float64 // tx/s
	median, tail  [2]float64
	purged        float64    // records/s
	took          float64    // s, of the purge
	cpu           [2]float64 // ms of all the network's processes in a second
	peak          float64    // × data, what was put meanwhile included
}

// disturbed compares the rate of puts during a purge with that right before and after
// it.
func (b *bench) disturbed(ctx context.Context, s *Section) error {
	var out []shared
	more := b.untilBudget()
	for r := range b.rounds {
		if !more(r) {
			break
		}
		got, err := b.disturbedRound(ctx, r == 0)
		if err != nil {
			return fmt.Errorf("round %d: %w", r+1, err)
		}
		out = append(out, got)
		b.say("  %.1f tx/s without, %.1f with a purge of %.0f s; peak %.2f × data", got.quiet, got.during, got.took, got.peak)
		b.say("  round %d of %d, load average %.1f", r+1, b.rounds, loadAverage())
	}
	without := column("puts without a purge", "tx/s", out, func(x shared) float64 { return x.quiet })
	with := column("puts during a purge", "tx/s", out, func(x shared) float64 { return x.during })
	peak := column("peak of the private store, over records stored and put meanwhile", "× data", out, func(x shared) float64 { return x.peak })
	s.add(without, with)
	for i, when := range []string{"without a purge", "during a purge"} {
		s.add(
			column("one put "+when+", p50", "ms", out, func(x shared) float64 { return x.median[i] }),
			column("one put "+when+", p95", "ms", out, func(x shared) float64 { return x.tail[i] }),
			column("network CPU "+when, "ms/s", out, func(x shared) float64 { return x.cpu[i] }))
	}
	s.add(
		column("purged meanwhile", "records/s", out, func(x shared) float64 { return x.purged }),
		column("the purge", "s", out, func(x shared) float64 { return x.took }), peak)
	s.rate(ratio("puts during a purge over puts without", with, without, atLeast(0.8)), figure(peak, atMost(3, " × data")))
	return nil
}

// disturbedRound counts puts for half of the window, during a purge, and for the other
// half.
func (b *bench) disturbedRound(ctx context.Context, first bool) (shared, error) {
	var out shared
	if err := b.compact(ctx, first); err != nil {
		return out, err
	}
	if err := b.load(ctx, b.scale.records, record.BatchRecords, "1990"); err != nil {
		return out, err
	}
	_, store, err := b.holders(ctx)
	if err != nil {
		return out, err
	}
	half := func(ctx context.Context) error { return wait(ctx, b.scale.window/2) }
	before, err := b.puts(ctx, half)
	if err != nil {
		return out, err
	}
	var flags []string
	if b.scale.share > 0 {
		flags = []string{"--share", fmt.Sprint(b.scale.share)}
	}
	size, peak := sizeOf(store), watchPeak(store)
	var run purgeRun
	during, err := b.puts(ctx, func(ctx context.Context) (err error) { run, err = b.runPurge(ctx, flags...); return err })
	most := peak()
	if err != nil {
		return out, err
	}
	after, err := b.puts(ctx, half)
	if err != nil {
		return out, err
	}
	quiet := burst{append(before.times, after.times...), before.took + after.took, before.cpu + after.cpu}
	data := float64((b.scale.records + len(during.times)) * recordBytes())
	out = shared{
		quiet: quiet.perSecond(), during: during.perSecond(),
		purged: float64(run.purged) / run.took.Seconds(), took: run.took.Seconds(),
		peak: (float64(b.scale.records*recordBytes()) + float64(most-size)) / data,
	}
	for i, x := range []burst{quiet, during} {
		slices.Sort(x.times)
		out.median[i], out.tail[i] = quantile(x.times, 0.5), quantile(x.times, 0.95)
		out.cpu[i] = ms(x.cpu) / x.took.Seconds()
	}
	if run.purged < b.scale.records {
		return out, fmt.Errorf("%d of %d records were purged", run.purged, b.scale.records)
	}
	return out, nil
}

// burst is what the foreground put: how long each put took, in ms, and all together.
type burst struct {
	times []float64
	took  time.Duration
	cpu   time.Duration // of all the network's processes
}

func (b burst) perSecond() float64 { return float64(len(b.times)) / b.took.Seconds() }

// puts lets the foreground put while something else runs. Puts that end later do not
// count.
func (b *bench) puts(ctx context.Context, meanwhile func(context.Context) error) (burst, error) {
	var out burst
	cpu, err := cpuOf(b.pids)
	if err != nil {
		return out, err
	}
	running, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var mu sync.Mutex
	over := false
	var wg sync.WaitGroup
	start := time.Now()
	for range foreground {
		wg.Go(func() {
			for running.Err() == nil {
				began := time.Now()
				_, err := put(running, b.users.raw[record.RoleWriter], 1, "2026")
				if err != nil && !strings.Contains(err.Error(), falseFailure) {
					stop(err)
				}
				mu.Lock()
				if over {
					mu.Unlock()
					return
				}
				out.times = append(out.times, ms(time.Since(began)))
				mu.Unlock()
			}
		})
	}
	err = meanwhile(running)
	mu.Lock()
	over, out.took = true, time.Since(start)
	mu.Unlock()
	used, usedErr := cpuOf(b.pids)
	out.cpu = used - cpu
	wg.Wait() // the last put of each client ends by itself
	if cause := context.Cause(running); cause != nil {
		err = cause
	}
	return out, errors.Join(err, usedErr)
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
