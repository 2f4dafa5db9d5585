package main

import (
	"context"
	"fmt"
	"maps"
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
