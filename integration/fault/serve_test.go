package fault

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"domicile/chaincode/record"
	"domicile/integration/kit"
	"domicile/internal/cli"
	"domicile/purge"
)

// service is a process of purge serve.
type service struct {
	cmd   *exec.Cmd
	url   string
	ended chan error

	mu     sync.Mutex
	words  bytes.Buffer
	events []purge.Event
}

var address = regexp.MustCompile(`metrics and health at (\S+)`)

// serve starts `purge serve` with a configuration and waits for its metrics.
func (c *cluster) serve(ctx context.Context, t *testing.T, config string) *service {
	t.Helper()
	return c.serving(ctx, t, exec.CommandContext(ctx, filepath.Join(c.BinDir(), "domicile"), "--dir", c.dir(), "purge", "serve",
		"--region", usA.region, "--config", c.file(t, "service.yaml", config), "--execute"))
}

// serving starts a service.
func (c *cluster) serving(ctx context.Context, t *testing.T, cmd *exec.Cmd) *service {
	t.Helper()
	s := &service{cmd: cmd, ended: make(chan error, 1)}
	out, err := s.cmd.StdoutPipe()
	c.must(t, err)
	words, err := s.cmd.StderrPipe()
	c.must(t, err)
	c.must(t, s.cmd.Start())
	t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	var both sync.WaitGroup
	both.Go(func() { s.readEvents(out) })
	both.Go(func() { _, _ = io.Copy(s, words) })
	go func() { both.Wait(); s.ended <- s.cmd.Wait() }()
	err = kit.Eventually(ctx, func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		m := address.FindSubmatch(s.words.Bytes())
		if m == nil {
			return fmt.Errorf("no address in %q", s.words.String())
		}
		s.url = "http://" + string(m[1])
		return nil
	})
	c.must(t, err)
	return s
}

// Write takes what the process says on standard error.
func (s *service) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.words.Write(b)
}

func (s *service) readEvents(from io.Reader) {
	for sc := bufio.NewScanner(from); sc.Scan(); {
		var e purge.Event
		if json.Unmarshal(sc.Bytes(), &e) == nil {
			s.mu.Lock()
			s.events = append(s.events, e)
			s.mu.Unlock()
		}
	}
}

// told are the events of a kind so far.
func (s *service) told(kind string) (out []purge.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if e.Kind == kind {
			out = append(out, e)
		}
	}
	return out
}

// get is one page of the service.
func (s *service) get(ctx context.Context, path string) (status int, body string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	if err != nil {
		return 0, "", err
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	return r.StatusCode, string(b), err
}

// shows waits until each sample of the metrics is within its bounds.
func (s *service) shows(ctx context.Context, t *testing.T, want map[string][2]float64) {
	t.Helper()
	err := kit.Eventually(ctx, func() error {
		status, body, err := s.get(ctx, "/metrics")
		if err != nil || status != http.StatusOK {
			return fmt.Errorf("/metrics: %d %w", status, err)
		}
		have := map[string]float64{}
		for line := range strings.Lines(body) {
			if name, v, ok := strings.Cut(strings.TrimSpace(line), " "); ok && !strings.HasPrefix(line, "#") {
				have[name], _ = strconv.ParseFloat(v, 64)
			}
		}
		var errs []error
		for name, bounds := range want {
			if v, ok := have["domicile_purge_"+name]; !ok || v < bounds[0] || v > bounds[1] {
				errs = append(errs, fmt.Errorf("%s is %v (present: %t), want %v", name, v, ok, bounds))
			}
		}
		return errors.Join(errs...)
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, s.words.String())
	}
}

func (c *cluster) file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(c.tmp, name)
	c.must(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// ends runs a command to an exit status.
func (c *cluster) ends(ctx context.Context, t *testing.T, status int, args ...string) answer {
	t.Helper()
	a := c.domicile(ctx, args...)
	if a.status != status {
		t.Fatalf("domicile %s: status %d, want %d\n%s%s", strings.Join(args, " "), a.status, status, a.out, a.words)
	}
	return a
}

// minutely is a service that starts a run each minute and takes many batches for it.
const minutely = `version: 1
schedule: ["* * * * *"]
jitter: 1s
batch: 1
observe: 1s
heartbeat: {idle: 2s}
listen: 127.0.0.1:0
evidence:
  scrubs: [%q]
  attestations: [%q]
`

// TestThePurgeServiceAsAProcess runs the service as its operators do: it shows what is
// overdue, is paused while a run is under way, shows every metric that was promised, and
// ends with SIGTERM after the batch in hand.
func TestThePurgeServiceAsAProcess(t *testing.T) {
	ctx := patience(t, 2*time.Minute)
	c := start(ctx, t, topologyTwo)
	const much = 1e18
	held := newJob(usA, longAgo, 0)
	list := []*job{held}
	for range 60 {
		list = append(list, newJob(usA, longAgo, 0))
	}
	c.mustPut(ctx, t, list)
	c.must(t, c.hold(ctx, usA, "matter", held.id))
	attested := filepath.Join(c.tmp, "attested.json")

	s := c.serve(ctx, t, fmt.Sprintf(minutely, c.ScrubState(usA.org), attested))
	s.shows(ctx, t, map[string][2]float64{ // before the first run ends
		"overdue_days": {1000, much}, `due_oldest_days{collection="us-a"}`: {1000, much}, `due_records{collection="us-a"}`: {1, 62},
		"ready": {1, 1}, "paused": {0, 0}, "next_run_timestamp_seconds": {1, much},
		`peer_up{peer="peer0.UsHospital"}`: {1, 1}, `peer_lag_blocks{peer="peer1.UsHospital"}`: {0, much},
	})
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, body, err := s.get(ctx, path); status != http.StatusOK {
			t.Errorf("%s: %d %s %v", path, status, body, err)
		}
	}

	// A pause takes effect before the next batch of the run that is under way.
	c.must(t, kit.Eventually(ctx, func() error { return atLeast(s.told(purge.EventPurged), 3) }))
	var paused struct{ Block uint64 }
	a := c.ends(ctx, t, cli.ExitDone, "purge", "pause", "--region", usA.region, "--authority", "test", "--reason", "in doubt")
	c.must(t, json.Unmarshal([]byte(a.out), &paused))
	s.shows(ctx, t, map[string][2]float64{
		`runs_total{outcome="paused"}`: {1, much}, "paused": {1, 1}, `kept_records{code="PAUSED"}`: {1, much}, "overdue_days": {1000, much},
		"purged_records_total": {3, 59}, "purged_bytes_total": {1, much}, "tombstoned_records_total": {3, 59}, "batches_total": {3, much},
		`refused_total{code="HELD"}`: {1, much}, `tombstones_missing{collection="us-a"}`: {0, much}, "left_records": {1, 60}, "heartbeats_total": {1, much},
		`peer_swept{peer="peer0.UsHospital"}`: {1, 1}, `peer_swept{peer="peer1.UsHospital"}`: {1, 1}, `peer_height{peer="peer1.UsHospital"}`: {1, much},
		"last_run_timestamp_seconds": {1, much}, "run_duration_seconds": {0, much}, "running": {0, 0},
	})
	for _, e := range s.told(purge.EventPurged) {
		if e.Block > paused.Block {
			t.Errorf("block %d purges; purges were stopped from block %d on", e.Block, paused.Block)
		}
	}

	// What other commands did to the disks shows.
	c.ends(ctx, t, cli.ExitDone, "purge", "scrub", "--region", usA.region, "--org", usA.org, "--execute")
	c.must(t, c.WaitDiscovered(ctx))
	c.ends(ctx, t, cli.ExitDone, "purge", "attest", "--region", usA.region, "--org", usA.org, "-o", attested)
	s.shows(ctx, t, map[string][2]float64{
		`peer_scrubbed_timestamp_seconds{peer="peer0.UsHospital"}`: {1, much}, `peer_scrubbed_timestamp_seconds{peer="peer1.UsHospital"}`: {1, much},
		`peer_attested_timestamp_seconds{peer="peer0.UsHospital"}`: {1, much}, `peer_attested_timestamp_seconds{peer="peer1.UsHospital"}`: {1, much},
		`peer_residue{peer="peer0.UsHospital"}`: {0, 0},
	})

	// SIGTERM in the middle of the next run.
	before := len(s.told(purge.EventPurged))
	c.ends(ctx, t, cli.ExitDone, "purge", "resume", "--region", usA.region, "--authority", "test", "--reason", "confirmed")
	c.must(t, kit.Eventually(ctx, func() error { return atLeast(s.told(purge.EventPurged), before+2) }))
	c.must(t, s.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case err := <-s.ended:
		if err != nil {
			t.Errorf("ended with: %v\n%s", err, s.words.String())
		}
	case <-ctx.Done():
		t.Fatal("does not end")
	}
	purged, tombs := s.told(purge.EventPurged), s.told(purge.EventTombstoned)
	if len(purged) != len(tombs) || len(purged) >= 60 {
		t.Errorf("ended after %d purges and %d tombstones, of 60 records", len(purged), len(tombs))
	}
	c.once(ctx, t, 60-len(purged))
}

func atLeast(list []purge.Event, n int) error {
	if len(list) < n {
		return fmt.Errorf("%d events", len(list))
	}
	return nil
}

// once makes single runs on the left records: none outside of a window or without a
// schedule, a part when the time is up, and the rest.
func (c *cluster) once(ctx context.Context, t *testing.T, left int) {
	t.Helper()
	now := time.Now().UTC()
	open := fmt.Sprintf("windows: [{from: %q, to: %q}]\n", now.Add(-time.Hour).Format("15:04"), now.Add(time.Hour).Format("15:04"))
	command := "serve"
	run := func(status int, config string, more ...string) []purge.Event {
		t.Helper()
		args := append([]string{"purge", command, "--region", usA.region, "--config", c.file(t, "once.yaml", "version: 1\nbatch: 1\n"+config)}, more...)
		a := c.ends(ctx, t, status, args...)
		s := &service{}
		s.readEvents(strings.NewReader(a.out))
		return s.told(purge.EventPurged)
	}
	if n := len(run(cli.ExitUsage, "", "--execute")); n > 0 {
		t.Errorf("%d purged without a schedule", n)
	}
	if n := len(run(cli.ExitDone, open+"zone: Pacific/Kiritimati\n", "--once", "--execute")); n > 0 { // 14 hours ahead
		t.Errorf("%d purged in a window that is closed in its zone", n)
	}
	if n := len(run(cli.ExitDone, open, "--once")); n > 0 {
		t.Errorf("a dry run purged %d", n)
	}
	n := len(run(cli.ExitDone, "maxDuration: 1s\n", "--once", "--execute"))
	if n >= left {
		t.Errorf("%d of %d purged in one second, in batches of one", n, left)
	}
	command = "run" // the same by another name
	if rest := len(run(cli.ExitDone, open, "--once", "--execute")); n+rest != left {
		t.Errorf("%d and %d purged of %d", n, rest, left)
	}
	a := c.ends(ctx, t, cli.ExitDone, "purge", "plan", "--region", usA.region, "--json")
	var p purge.Plan
	c.must(t, json.Unmarshal([]byte(a.out), &p))
	if p.Totals.Records != 0 || p.Totals.Held != 1 || p.Totals.TombstoneMissing != 0 || record.CheckID(p.Held[0].ID) != nil {
		t.Errorf("in the end: %+v", p.Totals)
	}
}
