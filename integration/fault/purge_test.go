package fault

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
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
		if e.Kind != purge.EventPurged {
			continue
		}
		purged++
		c.history.Begin(Op{Kind: Purge, IDs: []string{e.ID}}).End(OK, func(op *Op) {
			if e.Size <= record.BatchBytes { // else this transaction took the rest, after its body
				op.Tx = e.TxID
			}
			op.Block = e.Block
		})
	}
	return purged
}

// end says how a purge process is to end: after so many lines, after a time, or, with
// neither, by itself.
type end struct {
	lines int
	after time.Duration
}

// run is one process of the purge service.
type run struct {
	killed bool
	lines  int
	purged int
	took   time.Duration
	err    error // how it ended, when nobody killed it
	words  string
}

// serveConfig makes runs of many small steps, so that there is much to interrupt.
const serveConfig = "version: 1\nbatch: 3\nlisten: 127.0.0.1:0\n"

// purgeProcess runs `purge serve --once` and kills it with SIGKILL when its end has
// come.
func (c *cluster) purgeProcess(ctx context.Context, h home, e end) (run, error) {
	file := filepath.Join(c.tmp, "serve.yaml")
	if err := os.WriteFile(file, []byte(serveConfig), 0o600); err != nil {
		return run{}, err
	}
	var words strings.Builder
	cmd := exec.CommandContext(ctx, filepath.Join(c.BinDir(), "domicile"), "--dir", c.dir(),
		"purge", "serve", "--region", h.region, "--org", h.org, "--config", file, "--once", "--execute")
	cmd.Stderr = &words
	out, err := cmd.StdoutPipe()
	if err != nil {
		return run{}, err
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return run{}, err
	}
	if e.after > 0 {
		defer time.AfterFunc(e.after, func() { _ = cmd.Process.Kill() }).Stop()
	}
	r := run{}
	printed := read(out, func() {
		if r.lines++; r.lines == e.lines {
			_ = cmd.Process.Kill()
		}
	})
	r.err = cmd.Wait()
	r.took, r.words, r.purged = time.Since(began), words.String(), c.noteEvents(printed)
	if r.err != nil && cmd.ProcessState.ExitCode() < 0 && ctx.Err() == nil {
		r.killed, r.err = true, nil
	}
	return r, nil
}

// read collects lines and calls f after each.
func read(from io.Reader, f func()) string {
	var b strings.Builder
	for s := bufio.NewScanner(from); s.Scan(); {
		b.Write(s.Bytes())
		b.WriteByte('\n')
		f()
	}
	return b.String()
}

// TestThePurgeServiceIsKilledAtEveryStep kills the service after its n-th line for
// n = 1, 2, …, each time a new one, and then at random moments, which are between the
// lines: while it reads, endorses, orders, waits. A large record is purged in two steps.
// Held records stay. Nothing is left half done, and nothing is done twice.
func TestThePurgeServiceIsKilledAtEveryStep(t *testing.T) {
	ctx := patience(t, 2*time.Minute)
	d := dice(t)
	c := start(ctx, t, topologyTwo)
	for round := range *rounds {
		held, matter := newJob(usA, longAgo, 0), fmt.Sprintf("matter-%d", round)
		c.mustPut(ctx, t, []*job{held, newJob(usA, longAgo, 600<<10)})
		if err := c.hold(ctx, usA, matter, held.id); err != nil {
			t.Fatal(err)
		}
		kills, purged := 0, 0
		longest := time.Second
		for n := 1; n <= 8; n++ {
			c.mustPut(ctx, t, jobs(usA, 6))
			e := end{lines: n}
			if n%2 == 0 {
				e = end{after: longest/8 + time.Duration(d.Int64N(int64(longest)))}
			}
			r := c.mustRun(ctx, t, usA, e)
			purged += r.purged
			if r.killed {
				kills++
			} else {
				longest = r.took
			}
		}
		t.Logf("round %d: killed %d times, %d purges told", round+1, kills, purged)
		if kills < 4 {
			t.Errorf("only %d runs were killed", kills)
		}
		c.mustRun(ctx, t, usA, end{})
		if err := c.release(ctx, usA, matter, held.id); err != nil {
			t.Fatal(err)
		}
		c.judge(ctx, t, round, usA)
	}
}

// mustRun wants a run to end well or by our hand.
func (c *cluster) mustRun(ctx context.Context, t *testing.T, h home, e end) run {
	t.Helper()
	r, err := c.purgeProcess(ctx, h, e)
	if err == nil {
		err = r.err
	}
	if err != nil {
		t.Fatalf("purge serve --once: %v\n%s", err, r.words)
	}
	return r
}

// TestTwoPurgeServicesHaveOneEffect starts two at the same moment, and kills one of them
// in every other round.
func TestTwoPurgeServicesHaveOneEffect(t *testing.T) {
	ctx := patience(t, time.Minute)
	d := dice(t)
	c := start(ctx, t, topologyTwo)
	for round := range *rounds {
		c.mustPut(ctx, t, jobs(usA, 24))
		runs := make([]run, 2)
		var g errgroup.Group
		for i := range runs {
			e := end{}
			if i == 0 && round%2 == 1 {
				e.lines = 1 + d.IntN(12)
			}
			g.Go(func() (err error) {
				runs[i], err = c.purgeProcess(ctx, usA, e)
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
