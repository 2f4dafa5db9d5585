package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// work is one unit of a side, unlike all others.
type work func(ctx context.Context) error

// took is what one round of a side took.
type took struct {
	perSecond float64 // units finished
	p50       float64 // ms for one
	network   float64 // CPU-ms of all the network's processes for one
	client    float64 // CPU-ms of this process for one
}

// falseFailure is how Fabric's gateway reports envelopes that SmartBFT orderers
// had already (internal/pkg/gateway/submit.go). They are committed, but when is not
// known, so they are left out; a round with many is an error.
const falseFailure = "insufficient number of orderers"

// round runs f count times from conc goroutines.
func (b *bench) round(ctx context.Context, conc, count int, f work) (took, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next, lost atomic.Int64
	times := make([]float64, count)
	cpu, err := cpuOf(b.pids)
	if err != nil {
		return took{}, err
	}
	own, start := ownCPU(), time.Now()
	var wg sync.WaitGroup
	for range conc {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(count) && ctx.Err() == nil; i = next.Add(1) - 1 {
				began := time.Now()
				err := f(ctx)
				switch {
				case err == nil:
					times[i] = ms(time.Since(began))
				case strings.Contains(err.Error(), falseFailure):
					lost.Add(1)
				default:
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	elapsed, own := time.Since(start), ownCPU()-own
	if ctx.Err() != nil {
		return took{}, context.Cause(ctx)
	}
	after, err := cpuOf(b.pids)
	if err != nil {
		return took{}, err
	}
	times = slices.DeleteFunc(times, func(t float64) bool { return t == 0 })
	if int(lost.Load()) > count/5 {
		return took{}, fmt.Errorf("%d of %d transactions were reported as failed: %s", lost.Load(), count, falseFailure)
	}
	slices.Sort(times)
	return took{
		perSecond: float64(count) / elapsed.Seconds(), p50: quantile(times, 0.5),
		network: ms(after-cpu) / float64(count), client: ms(own) / float64(count),
	}, nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// side is one of several things compared.
type side struct {
	name    string
	count   int // units a round
	records int // of a unit, at least 1
	do      work
}

// compare runs all sides in each round, beginning with another one each time, so
// that whatever else happens on the machine happens to all.
func (b *bench) compare(ctx context.Context, conc int, sides ...side) ([][]took, error) {
	out := make([][]took, len(sides))
	more := b.untilBudget()
	for r := range b.rounds {
		if !more(r) {
			break
		}
		for i := range sides {
			at := (i + r) % len(sides)
			s := sides[at]
			t, err := b.round(ctx, conc, s.count, s.do)
			if err != nil {
				return nil, fmt.Errorf("%s, round %d: %w", s.name, r+1, err)
			}
			t.perSecond *= float64(s.records)
			t.network /= float64(s.records)
			out[at] = append(out[at], t)
		}
		b.say("  round %d of %d, load average %.1f", r+1, b.rounds, loadAverage())
	}
	return out, nil
}

// minRounds is the least number of rounds, however long they take.
const minRounds = 3

// untilBudget returns a function that says whether round r may still begin.
func (b *bench) untilBudget() func(r int) bool {
	start := time.Now()
	return func(r int) bool { return r < minRounds || b.budget == 0 || time.Since(start) < b.budget }
}

// of makes a series of one figure of each round.
func of(name, unit string, rounds []took, figure func(took) float64) Series {
	v := make([]float64, len(rounds))
	for i, t := range rounds {
		v[i] = figure(t)
	}
	return series(name, unit, v)
}

func perSecond(t took) float64  { return t.perSecond }
func p50(t took) float64        { return t.p50 }
func networkCPU(t took) float64 { return t.network }
func clientCPU(t took) float64  { return t.client }
