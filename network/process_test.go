package network

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// sleeper is a node that runs a program which does nothing.
func sleeper(t *testing.T, script string) spec {
	t.Helper()
	s := spec{name: "sleeper", dir: t.TempDir()}
	if _, err := s.start(command{path: "/bin/sh", args: []string{"-c", script}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.stop(context.Background(), syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestAProcessIsStartedInItsOwnSessionAndStopped(t *testing.T) {
	s := sleeper(t, "echo hello; exec sleep 60")
	p, ok := s.running()
	if !ok {
		t.Fatal("it does not run")
	}
	if sid, err := sessionOf(p.pid); err != nil || sid != p.pid {
		t.Errorf("session %d, want its own (%d): %v", sid, p.pid, err)
	}
	waitLog(t, s, "hello")
	if err := s.stop(t.Context(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.running(); ok || p.alive() {
		t.Error("it still runs")
	}
	if err := s.stop(t.Context(), syscall.SIGTERM); err != nil {
		t.Error("a second stop:", err)
	}
}

// waitLog waits until the node's log ends with the line.
func waitLog(t *testing.T, s spec, line string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := until(ctx, func() error {
		if got := s.logTail(); got != line {
			return fmt.Errorf("the log ends with %q, want %q", got, line)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func sessionOf(pid int) (int, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	var state string
	var ppid, pgrp, session int
	rest := string(b[strings.LastIndexByte(string(b), ')')+1:])
	_, err = fmt.Sscan(rest, &state, &ppid, &pgrp, &session)
	return session, err
}

func TestAProcessThatIgnoresSigtermIsKilledWhenTheContextEnds(t *testing.T) {
	s := sleeper(t, "trap '' TERM; echo ready; while :; do sleep 0.1; done")
	waitLog(t, s, "ready")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := s.stop(ctx, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.running(); ok {
		t.Error("it still runs")
	}
}

func TestAFrozenProcessCanBeStopped(t *testing.T) {
	s := sleeper(t, "exec sleep 60")
	p, _ := s.running()
	if err := p.signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := s.stop(t.Context(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

func TestAPidThatWasGivenToAnotherProcessIsNoticedAndSpared(t *testing.T) {
	other := sleeper(t, "exec sleep 60")
	p, _ := other.running()
	s := spec{name: "stale", dir: t.TempDir()}
	if err := writePid(s.pidFile(), process{p.pid, p.start - 1}); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.running(); ok {
		t.Error("the other process passes for the node")
	}
	if err := s.stop(t.Context(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if _, ok := other.running(); !ok {
		t.Error("the other process was killed")
	}
	if _, err := os.Stat(s.pidFile()); err == nil {
		t.Error("the stale pid file is still there")
	}
}

func TestMalformedPidFilesAndStatLinesAreErrors(t *testing.T) {
	for _, text := range []string{"", "1 2", "x 2", "12", "12 x", "12 3 4", "-5 3"} {
		if p, err := parsePid(text); err == nil {
			t.Errorf("pid file %q gives %+v", text, p)
		}
	}
	state, start, err := parseStat([]byte("7 (a ) b) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0"))
	if err != nil || state != 'S' || start != 4711 {
		t.Errorf("got %c %d %v", state, start, err)
	}
	for _, text := range []string{"", "7 (a", "7 (a) S 1", "7 (a) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 x 0"} {
		if _, _, err := parseStat([]byte(text)); err == nil {
			t.Errorf("stat line %q is accepted", text)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("7 (a ) b) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0"))
	f.Fuzz(func(_ *testing.T, b []byte) { _, _, _ = parseStat(b) })
}

func FuzzParsePid(f *testing.F) {
	f.Add("12 4711")
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := parsePid(s); err == nil && p.pid < 2 {
			t.Errorf("pid %d", p.pid)
		}
	})
}

func TestTheProgramThatHoldsAnAddressIsFound(t *testing.T) {
	for _, bind := range []string{"127.77.1.1:0", "0.0.0.0:0"} {
		l, err := net.Listen("tcp4", bind)
		if err != nil {
			t.Fatal(err)
		}
		_, port, err := net.SplitHostPort(l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if got := holder("127.77.1.1:" + port); got != os.Getpid() {
			t.Errorf("%s: pid %d, want %d", bind, got, os.Getpid())
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if got := holder("127.77.1.1:" + port); got != 0 {
			t.Errorf("%s: pid %d holds a free address", bind, got)
		}
	}
}

func TestLinesOfTheSocketTableAreReadByKindAddressAndPort(t *testing.T) {
	line := func(local, state string) string {
		return "   0: " + local + " 00000000:0000 " + state + " 00000000:00000000 00:00000000 00000000  1000 0 4242 1 0 100 0 0 10 0"
	}
	for name, c := range map[string]struct {
		line string
		want bool
	}{
		"the address":                  {line("0B010A7F:1B8B", "0A"), true},
		"every address":                {line("00000000:1B8B", "0A"), true},
		"every IPv6 address":           {line("00000000000000000000000000000000:1B8B", "0A"), true},
		"the address, mapped to IPv6":  {line("0000000000000000FFFF00000B010A7F:1B8B", "0A"), true},
		"another port":                 {line("0B010A7F:1B8C", "0A"), false},
		"another address":              {line("0C010A7F:1B8B", "0A"), false},
		"a connection, not a listener": {line("0B010A7F:1B8B", "01"), false},
		"the heading":                  {"  sl  local_address rem_address   st tx_queue", false},
	} {
		inode, got := listenerInode(c.line, "127.10.1.11:7051")
		if got != c.want || got && inode != "4242" {
			t.Errorf("%s: %v (inode %s), want %v", name, got, inode, c.want)
		}
	}
}

func FuzzListenerInode(f *testing.F) {
	f.Add("   0: 0B010A7F:1B8B 00000000:0000 0A 0:0 00:0 0 1000 0 4242", "127.10.1.11:7051")
	f.Fuzz(func(_ *testing.T, line, addr string) { listenerInode(line, addr) })
}

func TestDirectoriesAreMadeWhileAnotherRemovesThem(t *testing.T) {
	parent := filepath.Join(t.TempDir(), "a")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			os.Remove(parent)
		}
	}()
	for range 2000 {
		dir := filepath.Join(parent, "b")
		if err := makeDirs(dir); err != nil {
			t.Error(err)
			break
		}
		os.Remove(dir)
	}
	cancel()
	<-ended
}

func TestADirectoryIsLockedByOneAtATimeAndLeftAsItWas(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	first, err := lockDir(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 60*time.Millisecond)
	defer cancel()
	if _, err := lockDir(short, dir); err == nil || !strings.Contains(err.Error(), "another program") {
		t.Errorf("a second lock: %v", err)
	}
	got := make(chan error, 1)
	go func() {
		second, err := lockDir(t.Context(), dir)
		if err == nil {
			second.discard()
		}
		got <- err
	}()
	first.discard()
	if err := <-got; err != nil {
		t.Fatal(err)
	}
	// The one that waited found the directories there, so they need not be its to
	// remove; one that made them takes them away.
	if err := os.RemoveAll(filepath.Dir(dir)); err != nil {
		t.Fatal(err)
	}
	third, err := lockDir(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	third.discard()
	if _, err := os.Stat(filepath.Dir(dir)); err == nil {
		t.Error("the directories made for the lock are still there")
	}
}
