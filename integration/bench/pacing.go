package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"domicile/chaincode/record"
)

// paced is one round of a side of "Pacing".
type paced struct {
	sweep float64 // s per 1,000 keys that a peer swept
	whole float64 // s per 1,000 keys from the first transaction to the end of the sweeps
	peak  float64 // × data: what the store grew by while purging, plus the data
	store float64 // largest size of the store × its size before
	cpu   float64 // ms of all the network's processes for a record
}

// pacing compares the product with the loop that one would write first.
func (b *bench) pacing(ctx context.Context, s *Section) error {
	names := []string{"domicile purge run", "naive loop"}
	sides := []func(context.Context) (paced, error){b.pacedRound, b.naiveRound}
	if b.scale.naive == 0 {
		names, sides = names[:1], sides[:1]
	}
	out := make([][]paced, len(sides))
	more := b.untilBudget()
	for r := range b.rounds {
		if !more(r) {
			break
		}
		for i := range sides {
			at := (i + r) % len(sides)
			if err := b.compact(ctx, r+i == 0); err != nil {
				return err
			}
			got, err := sides[at](ctx)
			if err != nil {
				return fmt.Errorf("%s, round %d: %w", names[at], r+1, err)
			}
			out[at] = append(out[at], got)
			b.say("  %s: swept %.2f s per 1,000 keys, whole %.2f, peak %.2f × data", names[at], got.sweep, got.whole, got.peak)
		}
		b.say("  round %d of %d, load average %.1f", r+1, b.rounds, loadAverage())
	}
	var sweep, peak [2]Series
	for i, name := range names {
		sweep[i] = column(name+", sweep", "s/1,000 keys", out[i], func(x paced) float64 { return x.sweep })
		peak[i] = column(name+", peak of the private store", "× data", out[i], func(x paced) float64 { return x.peak })
		s.add(sweep[i], column(name+", from the first transaction to the last sweep", "s/1,000 keys", out[i], func(x paced) float64 { return x.whole }), peak[i],
			column(name+", largest size of the private store", "× before", out[i], func(x paced) float64 { return x.store }),
			column(name+", network CPU", "ms/record", out[i], func(x paced) float64 { return x.cpu }))
	}
	s.rate(figure(peak[0], atMost(3, " × data")))
	if b.scale.naive > 0 {
		s.rate(
			ratio("sweep, naive loop over domicile", sweep[1], sweep[0], atLeast(20)),
			ratio("peak, naive loop over domicile", peak[1], peak[0], aim{}),
		)
	}
	return nil
}

// column makes a series of one figure of each round.
func column[T any](name, unit string, rounds []T, figure func(T) float64) Series {
	v := make([]float64, len(rounds))
	for i, x := range rounds {
		v[i] = figure(x)
	}
	return series(name, unit, v)
}

// pacedRound purges with the product.
func (b *bench) pacedRound(ctx context.Context) (paced, error) {
	n := b.scale.records
	if err := b.load(ctx, n, record.BatchRecords, "1990"); err != nil {
		return paced{}, err
	}
	return b.swept(ctx, n, func(ctx context.Context) (map[uint64]bool, error) {
		r, err := b.runPurge(ctx, "--share", "1")
		if err == nil && r.purged < n {
			err = fmt.Errorf("%d of %d records were purged", r.purged, n)
		}
		return r.blocks, err
	})
}

// naiveRound puts the same keys in large transactions and purges all in one.
func (b *bench) naiveRound(ctx context.Context) (paced, error) {
	all := map[string][]byte{}
	for left := b.scale.records; left > 0; left -= b.scale.naive {
		fields := map[string][]byte{}
		for range min(left, b.scale.naive) {
			maps.Copy(fields, bareFields(true))
		}
		if err := submit(ctx, b.users.raw[record.RoleWriter], "Bare", fields, collection); err != nil {
			return paced{}, err
		}
		for k := range fields {
			all[k] = nil
		}
	}
	return b.swept(ctx, b.scale.records, func(ctx context.Context) (map[uint64]bool, error) {
		return nil, submit(ctx, b.users.raw[record.RolePurger], "BarePurge", all, collection)
	})
}

// swept times a purge of n records up to the end of the sweep on all peers of the
// holder.
func (b *bench) swept(ctx context.Context, n int, purge func(context.Context) (map[uint64]bool, error)) (paced, error) {
	keys := n * record.KeysPerRecord
	logs, store, err := b.holders(ctx)
	if err != nil {
		return paced{}, err
	}
	cpu, err := cpuOf(b.pids)
	if err != nil {
		return paced{}, err
	}
	before, peak := sizeOf(store), watchPeak(store)
	start := time.Now()
	blocks, err := purge(ctx)
	for i := 0; i < len(logs) && err == nil; i++ {
		logs[i].patience = b.scale.patience
		err = logs[i].purged(ctx, keys)
	}
	whole := time.Since(start)
	most := peak()
	if err != nil {
		return paced{}, err
	}
	used, err := cpuOf(b.pids)
	if err != nil {
		return paced{}, err
	}
	busy, err := logs[0].busy(blocks)
	if err != nil {
		return paced{}, err
	}
	data := float64(n * recordBytes())
	thousand := float64(keys) / 1000
	return paced{
		sweep: busy.Seconds() / thousand, whole: whole.Seconds() / thousand,
		peak: (data + float64(most-before)) / data, store: float64(most) / float64(before),
		cpu: ms(used-cpu) / float64(n),
	}, nil
}

// recordBytes is about what the keys and values of one record take.
func recordBytes() int {
	n := 0
	for k, v := range bareFields(true) {
		n += len(k) + len(v)
	}
	return n
}

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
	size, peak := sizeOf(store), watchPeak(store)
	var run purgeRun
	during, err := b.puts(ctx, func(ctx context.Context) (err error) { run, err = b.runPurge(ctx); return err })
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
