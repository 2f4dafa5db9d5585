package fault

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"domicile/internal/cli"
	"domicile/network"
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

// chaos crashes one of the peers some time after it is called, and reads from random
// peers of theirs until stop is called, which says how it went.
func (c *cluster) chaos(ctx context.Context, d *rand.Rand, within time.Duration, peers []network.PeerEndpoint, h home, ids []string) (stop func() error) {
	victim := peers[d.IntN(len(peers))].Name
	timer := time.NewTimer(time.Duration(d.Int64N(int64(within))))
	reading := rand.New(rand.NewPCG(d.Uint64(), 1))
	over, crashed := make(chan struct{}), make(chan error, 1)
	var done atomic.Bool
	go func() {
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-over: // what it was to disturb has ended: disturb what follows
		}
		crashed <- c.crash(ctx, victim)
	}()
	read := make(chan struct{})
	go func() {
		defer close(read)
		for !done.Load() && ctx.Err() == nil && len(ids) > 0 {
			short, cancel := context.WithTimeout(ctx, 2*time.Second)
			_, _ = c.read(short, h, peers[reading.IntN(len(peers))].Name, ids[reading.IntN(len(ids))])
			cancel()
		}
	}()
	return func() error {
		close(over)
		err := <-crashed
		done.Store(true)
		<-read
		if err != nil {
			return fmt.Errorf("crash %s: %w", victim, err)
		}
		return nil
	}
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

// TestAMemberPeerIsKilled kills a member peer with SIGKILL at random moments of puts, of
// a purge, right after it (while it sweeps) and of a scrub, and lets the doctor heal it
// each time.
func TestAMemberPeerIsKilled(t *testing.T) {
	ctx := patience(t, 3*time.Minute)
	d := dice(t)
	c := start(ctx, t, topologyThree)
	members := c.peersOf(usA.org)
	for round := range *rounds {
		list := jobs(usA, 24)
		stop := c.chaos(ctx, d, 2*time.Second, members, usA, nil)
		n := c.putAll(ctx, t, list)
		c.must(t, stop())
		t.Logf("round %d: %d of %d puts acknowledged while a peer was killed", round+1, n, len(list))
		c.heal(ctx, t)
		c.resume(ctx, t)

		held, matter := list[0].id, fmt.Sprintf("matter-%d", round)
		c.must(t, c.hold(ctx, usA, matter, held))
		stop = c.chaos(ctx, d, 1500*time.Millisecond, members, usA, idsOf(list))
		r, err := c.purgeProcess(ctx, usA, end{})
		c.must(t, err)
		c.must(t, stop())
		t.Logf("round %d: %d purges told while a peer was killed, in %.1f s; the service ended with: %v",
			round+1, r.purged, r.took.Seconds(), r.err)
		c.heal(ctx, t)

		c.mustPut(ctx, t, jobs(usA, 12))
		c.purgeAll(ctx, t, usA)
		c.must(t, c.crash(ctx, members[d.IntN(len(members))].Name)) // sweeping
		c.heal(ctx, t)

		c.scrubUnderFire(ctx, t, d, members, round == *rounds-1)
		c.must(t, c.release(ctx, usA, matter, held))
		c.judge(ctx, t, round, usA)
	}
}

func (c *cluster) must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// scrubUnderFire kills the scrubbing command, and then a peer while the scrub goes on.
// Once more, on a healed network, it must go through.
func (c *cluster) scrubUnderFire(ctx context.Context, t *testing.T, d *rand.Rand, members []network.PeerEndpoint, more bool) {
	t.Helper()
	args := []string{"purge", "scrub", "--region", usA.region, "--org", usA.org, "--execute"}
	cmd := exec.CommandContext(ctx, filepath.Join(c.BinDir(), "domicile"), append([]string{"--dir", c.dir()}, args...)...)
	c.must(t, cmd.Start())
	kill := time.AfterFunc(time.Duration(d.Int64N(int64(6*time.Second))), func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	kill.Stop()
	t.Logf("the scrub that was killed: %v", err)
	// It may have left a peer stopped, on purpose: the next one goes on with it.
	stop := c.chaos(ctx, d, 6*time.Second, members[:1], usA, nil)
	a := c.domicile(ctx, args...)
	if err := stop(); err != nil {
		t.Log(err) // it was stopped at that moment
	}
	t.Logf("the scrub in which a peer was killed: status %d", a.status)
	c.heal(ctx, t)
	if !more {
		return
	}
	if a := c.domicile(ctx, args...); a.status != cli.ExitDone {
		t.Fatalf("purge scrub on a healed network: status %d\n%s", a.status, a.words)
	}
	c.must(t, c.WaitDiscovered(ctx))
}
