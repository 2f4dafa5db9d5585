package fault

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"domicile/integration/kit"
	"domicile/internal/cli"
	"domicile/purge"
)

// form is a way to run purges.
type form string

// The forms.
const (
	once   form = "purge serve --once"
	loop   form = "purge serve"
	single form = "purge run"
)

var forms = []form{once, loop, single}

// options say what to run and how it is to end: after so many lines or after a time,
// with SIGKILL, or, with neither, by itself.
type options struct {
	form  form // default once
	lines int
	after time.Duration
	event func(purge.Event) // of each line, when it is printed
}

// run is one process that purges.
type run struct {
	killed bool
	lines  int
	purged int
	took   time.Duration
	err    error // how it ended, when nobody killed it
	words  string
}

// serveConfig makes runs of many small steps, so that there is much to interrupt. The
// loop looks at its clock every second.
const serveConfig = "version: 1\nbatch: 3\nlisten: 127.0.0.1:0\nschedule: ['* * * * *']\nobserve: 1s\n"

// purgeProcess runs purges in a process of their own and ends it as o says. The loop is
// ended with SIGTERM after a run, if nothing else has.
func (c *cluster) purgeProcess(ctx context.Context, h home, o options) (run, error) {
	var words lines
	p, clock, err := c.purgeCommand(ctx, h, o.form, serveConfig)
	if err != nil {
		return run{}, err
	}
	began := time.Now()
	kill := func() { _ = p.Process.Kill() }
	var timer *time.Timer
	words.line = func(line string) {
		switch {
		case o.form != loop:
		case strings.Contains(line, "metrics and health at"):
			clock.beforeNextMinute()
			began = time.Now()
			if o.after > 0 {
				timer = time.AfterFunc(o.after, kill)
			}
		case strings.Contains(line, "msg=run "):
			_ = p.Process.Signal(syscall.SIGTERM)
		}
	}
	p.Stderr = &words
	out, err := p.StdoutPipe()
	if err != nil {
		return run{}, err
	}
	if err := p.Start(); err != nil {
		return run{}, err
	}
	if o.after > 0 && o.form != loop {
		timer = time.AfterFunc(o.after, kill)
	}
	r := run{}
	printed := read(out, func(line []byte) {
		if r.lines++; r.lines == o.lines {
			kill()
		}
		var e purge.Event
		if o.event != nil && json.Unmarshal(line, &e) == nil {
			o.event(e)
		}
	})
	r.err = p.Wait()
	if timer != nil {
		timer.Stop()
	}
	r.took, r.words, r.purged = time.Since(began), words.text(), c.noteEvents(printed)
	if r.err != nil && p.ProcessState.ExitCode() < 0 && ctx.Err() == nil {
		r.killed, r.err = true, nil
	}
	return r, nil
}

// purgeCommand prepares a process. The loop is this test program as the command, with a
// clock that can be set.
func (c *cluster) purgeCommand(ctx context.Context, h home, f form, config string) (*exec.Cmd, clock, error) {
	file := filepath.Join(c.tmp, "serve.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, "", err
	}
	where := []string{"--region", h.region, "--org", h.org, "--execute"}
	program := filepath.Join(c.BinDir(), "domicile")
	args := []string{"--dir", c.dir(), "--log-level", "info", "purge"}
	switch f {
	case single:
		return exec.CommandContext(ctx, program, append(append(args, "run", "--batch", "3"), where...)...), "", nil
	case loop:
		self, err := os.Executable()
		if err != nil {
			return nil, "", err
		}
		set, err := os.CreateTemp(c.tmp, "clock-")
		if err != nil {
			return nil, "", errors.Join(err, set.Close())
		}
		p := exec.CommandContext(ctx, self, append(append(args, "serve", "--config", file), where...)...)
		p.Env = append(os.Environ(), clockFile+"="+set.Name())
		return p, clock(set.Name()), set.Close()
	default:
		return exec.CommandContext(ctx, program, append(append(args, "serve", "--once", "--config", file), where...)...), "", nil
	}
}

// clockFile names, in the environment of this program, a file that says in nanoseconds
// how far the clock of the `purge serve` that it is to be is ahead of the machine's.
const clockFile = "DOMICILE_FAULT_CLOCK"

// runByClock is the domicile command with such a clock.
func runByClock(file string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return cli.Run(cli.WithClock(ctx, clock(file).now), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
}

// clock is the file of a clock.
type clock string

func (k clock) now() time.Time {
	b, err := os.ReadFile(string(k))
	ahead, perr := strconv.ParseInt(string(b), 10, 64)
	if err != nil || perr != nil { // not set yet
		ahead = 0
	}
	return time.Now().Add(time.Duration(ahead))
}

// set makes the clock show a time now.
func (k clock) set(t time.Time) {
	aside := string(k) + ".new"
	if err := os.WriteFile(aside, fmt.Append(nil, int64(time.Until(t))), 0o600); err == nil {
		_ = os.Rename(aside, string(k))
	}
}

// beforeNextMinute lets the next start of the schedule come at once.
func (k clock) beforeNextMinute() {
	now := k.now()
	k.set(now.Truncate(time.Minute).Add(time.Minute - 100*time.Millisecond))
}

// lines keeps what is written and tells each line.
type lines struct {
	mu   sync.Mutex
	all  strings.Builder
	rest string
	line func(string)
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all.Write(p)
	l.rest += string(p)
	for {
		line, rest, ok := strings.Cut(l.rest, "\n")
		if !ok {
			return len(p), nil
		}
		l.rest = rest
		l.line(line)
	}
}

// read collects lines and calls f with each.
func read(from io.Reader, f func([]byte)) string {
	var b strings.Builder
	for s := bufio.NewScanner(from); s.Scan(); {
		b.Write(s.Bytes())
		b.WriteByte('\n')
		f(s.Bytes())
	}
	return b.String()
}

// set is a set that may be waited for.
type set[T comparable] struct {
	mu   sync.Mutex
	have map[T]bool
}

func newSet[T comparable]() *set[T] { return &set[T]{have: map[T]bool{}} }

func (s *set[T]) add(x T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.have[x] = true
}

func (s *set[T]) has(x T) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.have[x]
}

// soon reports whether x is, or comes within some time.
func (s *set[T]) soon(ctx context.Context, x T, within time.Duration) bool {
	short, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return kit.Eventually(short, func() error {
		if !s.has(x) {
			return errors.New("not yet")
		}
		return nil
	}) == nil
}
