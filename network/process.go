package network

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// How long a node may take to end after SIGTERM before it is killed, and how
// often its end is looked for.
const (
	stopDeadline = 15 * time.Second
	pollInterval = 25 * time.Millisecond
)

// process is a running or past process. The start time tells it from another
// one that was given the same pid later.
type process struct {
	pid   int
	start uint64 // clock ticks since boot, /proc/PID/stat field 22 (proc(5))
}

var errNoProcess = errors.New("no such process")

// procStat is the state letter and the start time of a process.
func procStat(pid int) (state byte, start uint64, err error) {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, 0, errNoProcess
	}
	return parseStat(b)
}

// parseStat reads fields 3 and 22 of a stat line. The second field is the
// program's name in parentheses and may itself hold spaces and parentheses.
func parseStat(b []byte) (state byte, start uint64, err error) {
	end := bytes.LastIndexByte(b, ')')
	if end < 0 {
		return 0, 0, errors.New("malformed stat line: no program name")
	}
	fields := strings.Fields(string(b[end+1:]))
	if len(fields) < 20 {
		return 0, 0, fmt.Errorf("malformed stat line: %d fields", len(fields))
	}
	start, err = strconv.ParseUint(fields[19], 10, 64)
	if err != nil {
		return 0, 0, fmt.Errorf("malformed stat line: start time: %w", err)
	}
	return fields[0][0], start, nil
}

// alive reports whether this very process runs; one that has ended and waits
// to be reaped does not. A killed process shows as a zombie while its other
// threads still end; until the last one has, its files and ports stay open.
func (p process) alive() bool {
	state, start, err := procStat(p.pid)
	if err != nil || start != p.start || state == 'X' {
		return false
	}
	return state != 'Z' || p.threads() > 1
}

func (p process) threads() int {
	list, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(p.pid), "task"))
	if err != nil {
		return 0
	}
	return len(list)
}

// signal sends sig unless the process is gone or the pid is another's.
func (p process) signal(sig syscall.Signal) error {
	if !p.alive() {
		return errNoProcess
	}
	err := syscall.Kill(p.pid, sig)
	if errors.Is(err, syscall.ESRCH) {
		return errNoProcess
	}
	return err
}

// readPid reads a pid file, "pid start-time". ok is false if there is none.
func readPid(path string) (p process, ok bool, err error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return process{}, false, nil
	}
	if err != nil {
		return process{}, false, err
	}
	if p, err = parsePid(string(b)); err != nil {
		return process{}, false, fmt.Errorf("pid file %s: %w; remove it if the node is not running", path, err)
	}
	return p, true, nil
}

func parsePid(s string) (process, error) {
	fields := strings.Fields(s)
	if len(fields) != 2 {
		return process{}, fmt.Errorf("want a pid and a start time, have %d fields", len(fields))
	}
	pid, err := strconv.Atoi(fields[0])
	if err != nil || pid < 2 {
		return process{}, fmt.Errorf("bad pid %q", fields[0])
	}
	start, err := strconv.ParseUint(fields[1], 10, 64)
	if err != nil {
		return process{}, fmt.Errorf("bad start time %q", fields[1])
	}
	return process{pid, start}, nil
}

// running is the node's process if it is alive.
func (s spec) running() (process, bool) {
	p, ok, err := readPid(s.pidFile())
	return p, err == nil && ok && p.alive()
}

// start runs the command in a session of its own, output to the log file, and
// records it in the pid file. The caller has checked that it is not running.
func (s spec) start(c command) (process, error) {
	if err := os.MkdirAll(s.dataDir(), 0o700); err != nil {
		return process{}, fmt.Errorf("start %s: %w", s.name, err)
	}
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return process{}, fmt.Errorf("start %s: %w", s.name, err)
	}
	defer log.Close()
	cmd := exec.Command(c.path, c.args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = c.env, s.dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return process{}, fmt.Errorf("start %s: %w", s.name, err)
	}
	_, start, err := procStat(cmd.Process.Pid)
	p := process{cmd.Process.Pid, start}
	if err == nil {
		err = writePid(s.pidFile(), p)
	}
	if err != nil {
		return process{}, errors.Join(fmt.Errorf("start %s: %w", s.name, err), cmd.Process.Kill(), cmd.Wait())
	}
	// Reaps the process when it ends while this program still runs.
	go func() { _ = cmd.Wait() }()
	return p, nil
}

func writePid(path string, p process) error {
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, fmt.Appendf(nil, "%d %d\n", p.pid, p.start), 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// stop ends the node's process: first sends sig, then waits, then kills. The
// pid file is removed when the process is gone. A node that is not running is
// no error.
func (s spec) stop(ctx context.Context, sig syscall.Signal) error {
	p, ok, err := readPid(s.pidFile())
	if err != nil {
		return fmt.Errorf("stop %s: %w", s.name, err)
	}
	if !ok {
		return nil
	}
	if err := p.end(ctx, sig); err != nil {
		return fmt.Errorf("stop %s (pid %d): %w", s.name, p.pid, err)
	}
	if err := os.Remove(s.pidFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("stop %s: %w", s.name, err)
	}
	return nil
}

func (p process) end(ctx context.Context, sig syscall.Signal) error {
	// A stopped process does not see SIGTERM until it is continued.
	_ = p.signal(syscall.SIGCONT)
	if err := p.signal(sig); err != nil && !errors.Is(err, errNoProcess) {
		return err
	}
	deadline := time.Now().Add(stopDeadline)
	for killed := sig == syscall.SIGKILL; p.alive(); {
		if !killed && (time.Now().After(deadline) || ctx.Err() != nil) {
			if err := p.signal(syscall.SIGKILL); err != nil && !errors.Is(err, errNoProcess) {
				return err
			}
			killed = true
			deadline = time.Now().Add(stopDeadline)
		}
		if killed && time.Now().After(deadline) {
			return errors.New("it does not end, not even by SIGKILL")
		}
		time.Sleep(pollInterval)
	}
	return nil
}

// logTail is the line of the last 16 KiB of the node's log that most likely
// says why it ended: the last one that reports an error, else the last one.
// Logs at level info hold no private data.
func (s spec) logTail() string {
	f, err := os.Open(s.logFile())
	if err != nil {
		return ""
	}
	defer f.Close()
	const tail = 16 << 10
	if info, err := f.Stat(); err == nil && info.Size() > tail {
		_, _ = f.Seek(-tail, io.SeekEnd)
	}
	b, err := io.ReadAll(f)
	if err != nil {
		return ""
	}
	lines := bytes.Split(b, []byte("\n"))
	for _, line := range slices.Backward(lines) {
		if errorLine.Match(line) {
			return lastLine(line)
		}
	}
	return lastLine(b)
}

var errorLine = regexp.MustCompile(`\b(PANI|FATA|ERRO)\b|^panic:|^fatal error:|^Error:`)
