package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"domicile/chaincode/record"
	"domicile/internal/cli"
	"domicile/purge"
)

// scaleConfig is what the flags of the purges at size say.
type scaleConfig struct {
	on       bool
	only     string
	records  int           // purged in a round of "Pacing"
	naive    int           // records in a put transaction of the naive loop
	window   time.Duration // of undisturbed puts
	patience time.Duration // with a sweep
	share    float64       // of its time that a purge works while others put; 0: the command's default
	due      int           // in a cycle
	stored   sizes
	memory   sizes
}

// sizes is a flag: numbers with commas between them, ascending.
type sizes []int

// String implements [flag.Value].
func (s *sizes) String() string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(*s), " ", ","), "[]")
}

// Set implements [flag.Value].
func (s *sizes) Set(text string) error {
	*s = nil
	for f := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(f)
		if err != nil || n < 1 {
			return errors.New("want numbers above 0 with commas between them")
		}
		*s = append(*s, n)
	}
	if !slices.IsSorted(*s) {
		return errors.New("the numbers must ascend")
	}
	return nil
}

func (c *scaleConfig) flags(f *flag.FlagSet) {
	c.stored, c.memory = sizes{1000, 3000}, sizes{10_000, 100_000}
	f.BoolVar(&c.on, "scale", false, "measure purges at size instead, on the small network")
	f.StringVar(&c.only, "only", "", "only sections whose title contains this `text`")
	f.IntVar(&c.records, "records", 1000, "-scale: records purged in a round; each has 8 keys")
	f.IntVar(&c.naive, "naive", 25, "-scale: records in a put transaction of the naive loop; 0: leave it out")
	f.DurationVar(&c.patience, "patience", 10*time.Minute, "-scale: how `long` a sweep is waited for")
	f.Float64Var(&c.share, "share", 0, "-scale: --share of the purge while others put; 0: its default")
	f.DurationVar(&c.window, "window", 15*time.Second, "-scale: how `long` puts are counted without a purge")
	f.IntVar(&c.due, "due", 1000, "-scale: records due in a cycle")
	f.Var(&c.stored, "stored", "-scale: `numbers` of records stored on the network")
	f.Var(&c.memory, "memory", "-scale: `numbers` of records stored in memory")
}

// shrink makes everything as small as shows that it runs.
func (c *scaleConfig) shrink() {
	c.records, c.naive, c.window, c.due = 30, 12, time.Second, 50
	c.stored, c.memory = sizes{40, 120}, sizes{500, 5000}
}

func (c *scaleConfig) check() error {
	if c.share < 0 || c.share > 1 {
		return errors.New("-share must be above 0 and at most 1")
	}
	if c.records < 1 || c.naive < 0 || c.due < 1 || c.window <= 0 {
		return errors.New("-records, -due and -window must be above 0, -naive not below")
	}
	return nil
}

func (b *bench) scaleParts() []part {
	c := b.scale
	return []part{
		{"Pacing", fmt.Sprintf("%d records of 2 KB, %d keys, put 10 in a transaction and purged by domicile purge run; against the same keys and bytes put %d records in a transaction and purged in one. The sweep is the time that a peer was at it, from its log; the peak is the growth of its private store while purging, plus the data, over the data. The stores are compacted before each side.", c.records, c.records*record.KeysPerRecord, c.naive), b.pacing, false},
		{"Puts during a purge", fmt.Sprintf("%d clients put one record of 2 KB at a time, while domicile purge run purges %d records, and for %s undisturbed, half of it before and half after.", foreground, c.records, c.window), b.disturbed, false},
		{"A cycle on the network", fmt.Sprintf("domicile purge plan and purge run with %d records due, at several numbers of records stored, each on a network of its own whose holder's stores were compacted once. Both run on this machine all the time; rounds are interleaved.", c.due), b.networkCycles, true},
		{"A cycle in memory", fmt.Sprintf("Plan and run of package purge with %d records due, on the real contract and an in-memory ledger in key order, without the garbage collector. Calls are what the ledger was asked for: simulations, keys and entries read, keys written.", c.due), b.memoryCycles, true},
	}
}

// chosen are the parts that the flags ask for.
func (b *bench) chosen() []part {
	list := b.parts()
	if b.scale.on {
		list = b.scaleParts()
	}
	return slices.DeleteFunc(list, func(p part) bool {
		return !strings.Contains(strings.ToLower(p.title), strings.ToLower(b.scale.only))
	})
}

func (b *bench) needsNetwork() bool {
	return slices.ContainsFunc(b.chosen(), func(p part) bool { return !p.local })
}

// loaders is how many clients load records at once.
const loaders = 16

// load puts n records, some in a transaction, with many clients.
func (s *site) load(ctx context.Context, n, perTx int, year string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range loaders {
		wg.Go(func() {
			for ctx.Err() == nil {
				at := int(next.Add(int64(perTx))) - perTx
				if at >= n {
					return
				}
				if _, err := put(ctx, s.users.raw[record.RoleWriter], min(perTx, n-at), year); err != nil && !strings.Contains(err.Error(), falseFailure) {
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// compact has the holder's stores compacted, one peer after the other, so that no side
// pays for what another one left in them. A quick run does it once.
func (b *bench) compact(ctx context.Context, first bool) error {
	if b.quick && !first {
		return nil
	}
	return b.scrub(ctx)
}

// scrub compacts the holder's stores, and returns once the network takes puts again.
func (s *site) scrub(ctx context.Context) error {
	if err := s.command(ctx, nil, "purge", "scrub", "--region", region, "--org", org, "--execute"); err != nil {
		return err
	}
	var err error
	if s.pids, err = pids(ctx, s.n); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		_, err := put(ctx, s.users.raw[record.RoleWriter], 1, "2026")
		if err == nil {
			return nil
		}
		if wait(ctx, 200*time.Millisecond) != nil {
			return fmt.Errorf("no put succeeds after the scrub: %w", err)
		}
	}
}

// purgeRun is what one run of the product did.
type purgeRun struct {
	purged int
	blocks map[uint64]bool // that purge something
	took   time.Duration
}

// runPurge purges everything due in the collection, as an operator does.
func (s *site) runPurge(ctx context.Context, flags ...string) (purgeRun, error) {
	var out, errs bytes.Buffer
	start := time.Now()
	args := []string{"purge", "run", "--dir", s.n.Dir(), "--region", region, "--collection", collection, "--execute"}
	code := cli.Run(ctx, append(args, flags...), nil, &out, &errs)
	r := purgeRun{took: time.Since(start), blocks: map[uint64]bool{}}
	if code != cli.ExitDone {
		return r, fmt.Errorf("purge run ended with status %d: %s", code, errs.String())
	}
	for d := json.NewDecoder(&out); ; {
		var e purge.Event
		if err := d.Decode(&e); errors.Is(err, io.EOF) {
			return r, nil
		} else if err != nil {
			return r, err
		}
		if e.Kind == purge.EventPurged || e.Kind == purge.EventBody {
			r.blocks[e.Block] = true
		}
		if e.Kind == purge.EventPurged {
			r.purged++
		}
	}
}
