package fault

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"domicile/chaincode/record"
	"domicile/internal/cli"
	"domicile/network"
	"domicile/purge"
)

// crash ends a node's process as a power cut would. Unlike [network.Network.Kill] it
// leaves the traces of one that nobody meant to end.
func (c *cluster) crash(ctx context.Context, name string) error {
	nodes, err := c.Status(ctx)
	if err != nil {
		return err
	}
	for _, x := range nodes {
		if x.Name == name && x.PID != 0 {
			return syscall.Kill(x.PID, syscall.SIGKILL)
		}
	}
	return fmt.Errorf("%s does not run", name)
}

// observe reads from random peers until the function that it returns is called, so that
// the history has what clients saw meanwhile.
func (c *cluster) observe(ctx context.Context, d *rand.Rand, peers []network.PeerEndpoint, h home, ids []string) (stop func()) {
	reading := rand.New(rand.NewPCG(d.Uint64(), 1))
	ctx, cancel := context.WithCancel(ctx)
	over := make(chan struct{})
	go func() {
		defer close(over)
		for ctx.Err() == nil && len(ids) > 0 {
			short, end := context.WithTimeout(ctx, 2*time.Second)
			_, _ = c.read(short, h, peers[reading.IntN(len(peers))].Name, ids[reading.IntN(len(ids))])
			end()
		}
	}()
	return func() { cancel(); <-over }
}

func idsOf(list []*job) []string {
	var out []string
	for _, j := range list {
		if j.id != "" {
			out = append(out, j.id)
		}
	}
	return out
}

// TestT25_AMemberPeerIsKilled kills a member peer with SIGKILL in the middle of puts, of
// a purge, of a sweep and of a scrub, and lets the doctor heal it each time. That it was
// in the middle is not left to chance: see [cluster.catch].
func TestT25_AMemberPeerIsKilled(t *testing.T) {
	ctx := patience(t, 4*time.Minute)
	d := dice(t)
	c := start(ctx, t, topologyThree)
	members := c.peersOf(usA.org)
	for round := range *rounds {
		list := c.killedDuringPuts(ctx, t, d, members)

		held, matter := list[0].id, fmt.Sprintf("matter-%d", round)
		c.must(t, c.hold(ctx, usA, matter, held))
		stop := c.observe(ctx, d, members, usA, idsOf(list))
		c.killedDuringPurge(ctx, t, d, members[d.IntN(len(members))].Name)
		stop()

		// The first peer is the one that the service asks: it would not go on.
		c.killedDuringSweep(ctx, t, members[1+d.IntN(len(members)-1)].Name)
		c.killedDuringScrub(ctx, t, d, members)
		c.must(t, c.release(ctx, usA, matter, held))
		c.judge(ctx, t, round, usA)
	}
}

// killedDuringPuts kills a peer between the endorsement of a put and its way to the
// orderers, or while the peer commits a block of puts.
func (c *cluster) killedDuringPuts(ctx context.Context, t *testing.T, d *rand.Rand, members []network.PeerEndpoint) []*job {
	t.Helper()
	list := jobs(usA, 24)
	victim := members[d.IntN(len(members))].Name
	var n int
	if d.IntN(2) == 0 {
		after := 1 + d.IntN(len(list)-6)
		err := errors.New("it was not reached")
		c.beforeSubmit(func(op string) error {
			if op != record.OpPut {
				return nil
			}
			if after--; after == 0 {
				err = c.crash(ctx, victim)
			}
			return nil
		})
		n = c.putAll(ctx, t, list)
		c.beforeSubmit(nil)
		c.must(t, err)
		t.Logf("%s was killed with a put endorsed and not yet sent; %d of %d acknowledged", victim, n, len(list))
	} else {
		before, _ := c.history.Count(Put)
		least := before + 1 + d.IntN(12)
		var acked, open int
		end := c.hunt(ctx, victim, committing, func(uint64) bool {
			acked, open = c.history.Count(Put)
			return acked >= least && open > 0
		})
		n = c.putAll(ctx, t, list)
		got, ok, err := end()
		c.must(t, err)
		if !ok {
			t.Fatalf("%s committed no block in the middle of %d puts", victim, len(list))
		}
		t.Logf("%v, with %d puts acknowledged and %d under way; %d of %d acknowledged in the end", got, acked-before, open, n, len(list))
	}
	c.heal(ctx, t)
	c.resume(ctx, t)
	return list
}

// killedDuringPurge kills a peer while it commits a block of a purge.
func (c *cluster) killedDuringPurge(ctx context.Context, t *testing.T, d *rand.Rand, victim string) {
	t.Helper()
	least := int64(d.IntN(8))
	var told atomic.Int64
	end := c.hunt(ctx, victim, committing, func(uint64) bool { return told.Load() >= least })
	r, err := c.purgeProcess(ctx, usA, options{event: func(purge.Event) { told.Add(1) }})
	c.must(t, err)
	at, ok, err := end()
	c.must(t, err)
	if !ok {
		t.Fatalf("%s committed no block in the middle of a purge; %d told", victim, told.Load())
	}
	t.Logf("%v, %d events or more into a purge: %d purges told, in %.1f s; the service ended with: %v",
		at, least, r.purged, r.took.Seconds(), r.err)
	c.heal(ctx, t)
}

// killedDuringSweep kills a peer while it sweeps a block that purged: begun, not ended,
// both seen in its log while it stood still.
func (c *cluster) killedDuringSweep(ctx context.Context, t *testing.T, victim string) {
	t.Helper()
	for try := 1; ; try++ {
		var list []*job
		for range 6 { // so large that a sweep takes a while
			list = append(list, newJob(usA, longAgo, 200<<10))
		}
		c.mustPut(ctx, t, list)
		c.mustBeLevel(ctx, t) // a peer that still fetches blocks would sweep these when nobody looks any more
		c.tellSweeps(ctx, t, victim)
		blocks := newSet[uint64]()
		end := c.hunt(ctx, victim, sweeping, func(block uint64) bool {
			// The other peers go on meanwhile, so the purge is told if it is one.
			return blocks.soon(ctx, block, time.Second)
		})
		r, err := c.purgeProcess(ctx, usA, options{event: func(e purge.Event) {
			if e.Kind == purge.EventPurged {
				blocks.add(e.Block)
			}
		}})
		c.must(t, err)
		at, ok, err := end()
		c.must(t, err)
		if ok {
			t.Logf("%v, in which records were purged (attempt %d); the service told %d purges and ended with: %v", at, try, r.purged, r.err)
			c.heal(ctx, t)
			return
		}
		if try == 5 {
			t.Fatalf("%s could not be caught sweeping", victim)
		}
		c.must(t, c.Restart(ctx, victim)) // at its level of logging
		c.heal(ctx, t)
	}
}

func (c *cluster) must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// killedDuringScrub kills the scrubbing command at a step of one peer that the dice
// choose, and then, while another one goes on where it stopped, a peer that is not
// being scrubbed.
func (c *cluster) killedDuringScrub(ctx context.Context, t *testing.T, d *rand.Rand, members []network.PeerEndpoint) {
	t.Helper()
	step := []string{"stopping", "compacting", "starting"}[d.IntN(3)]
	victim := members[d.IntN(len(members)-1)].Name // after it there is one more to go on with
	at, err := c.scrubProcess(ctx, func(p *os.Process, line string) bool {
		return line == victim+": "+step && p.Kill() == nil
	})
	if at == "" {
		t.Fatalf("the scrub never said %s: %s; it ended with %v", victim, step, err)
	}
	t.Logf("the scrub was killed at %q", at)

	other := members[len(members)-1].Name
	at, err = c.scrubProcess(ctx, func(_ *os.Process, line string) bool {
		return strings.HasSuffix(line, ": "+step) && !strings.HasPrefix(line, other) && c.crash(ctx, other) == nil
	})
	if at == "" {
		t.Fatalf("the scrub that goes on never said %s; it ended with %v", step, err)
	}
	t.Logf("%s was killed while the scrub was at %q; it ended with: %v", other, at, err)
	c.heal(ctx, t)
	c.scrub(ctx, t, usA.org)
}

// scrub scrubs an organisation's peers to the end.
func (c *cluster) scrub(ctx context.Context, t *testing.T, org string) {
	t.Helper()
	if a := c.domicile(ctx, "purge", "scrub", "--region", "us", "--org", org, "--execute"); a.status != cli.ExitDone {
		t.Fatalf("purge scrub: status %d\n%s", a.status, a.words)
	}
}

// scrubProcess runs a scrub and tells f each line, until f has acted; at is the line then.
func (c *cluster) scrubProcess(ctx context.Context, f func(p *os.Process, line string) bool) (at string, err error) {
	p := exec.CommandContext(ctx, filepath.Join(c.BinDir(), "domicile"), "--dir", c.dir(),
		"purge", "scrub", "--region", usA.region, "--org", usA.org, "--execute")
	said, err := p.StderrPipe()
	if err != nil {
		return "", err
	}
	if err := p.Start(); err != nil {
		return "", err
	}
	var words strings.Builder
	read(said, func(line []byte) {
		fmt.Fprintf(&words, "\n%s", line)
		if at == "" && f(p.Process, string(line)) {
			at = string(line)
		}
	})
	if err = p.Wait(); err != nil {
		err = fmt.Errorf("%w%s", err, words.String())
	}
	return at, err
}
