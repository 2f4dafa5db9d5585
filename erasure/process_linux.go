package erasure

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// ScanProcess searches the memory of a running process: every readable private mapping, anonymous (heap, stacks) or of a
// file. Memory swapped out is read back in. Finding.Path is "pid N" and the mapping's label, Finding.Offset the address.
//
// It needs the right to trace the process: same user and a permissive kernel.yama.ptrace_scope, or CAP_SYS_PTRACE;
// otherwise the error wraps fs.ErrPermission. A process that does not exist, or ends during the scan, gives an error that
// wraps fs.ErrNotExist. Memory changes while it is read: a pattern that moves may be missed, so scan an idle process.
// A process that scans itself finds its own patterns.
func ScanProcess(ctx context.Context, pid int, patterns []Pattern) (*Report, error) {
	m, err := newMatcher(patterns)
	if err != nil {
		return nil, err
	}
	dir := "/proc/" + strconv.Itoa(pid)
	maps, err := mappings(dir + "/maps")
	if err != nil {
		return nil, processError(pid, err)
	}
	mem, err := os.Open(dir + "/mem")
	if err != nil {
		return nil, processError(pid, err)
	}
	defer mem.Close()
	r, t := &Report{}, &tally{}
	for _, mp := range maps {
		place := strings.TrimSpace(fmt.Sprintf("pid %d %s", pid, mp.label))
		if why := mp.skip(); why != "" {
			if why != skipQuietly {
				t.gap(place, why)
			}
			continue
		}
		if err := scanMapping(ctx, m, t, mem, mp, place); err != nil {
			return nil, processError(pid, err)
		}
		r.Files++
	}
	if _, err := os.Stat(dir); err != nil {
		return nil, processError(pid, err)
	}
	r.merge("", t)
	return r.finish(), nil
}

func processError(pid int, err error) error {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("erasure: process %d: no right to read its memory: run as its user with kernel.yama.ptrace_scope=0, or with CAP_SYS_PTRACE: %w", pid, err)
	case errors.Is(err, syscall.ESRCH):
		return fmt.Errorf("erasure: process %d ended: %w", pid, fs.ErrNotExist)
	default:
		return fmt.Errorf("erasure: process %d: %w", pid, err)
	}
}

// mapping is one line of /proc/PID/maps, see proc_pid_maps(5).
type mapping struct {
	from, to uint64
	perms    string // rwxp or rwxs
	label    string // file, [heap], …; may be empty
}

const skipQuietly = "-"

// skip returns why the mapping is not searched, or "".
func (m mapping) skip() string {
	switch {
	case !strings.HasPrefix(m.perms, "r"):
		if strings.Contains(m.perms, "w") {
			return "mapping is not readable"
		}
		return skipQuietly // reserved address space without content
	case m.label == "[vvar]" || m.label == "[vvar_vclock]" || m.label == "[vsyscall]":
		return skipQuietly // the kernel's own
	case strings.HasSuffix(m.perms, "s"):
		if strings.HasPrefix(m.label, "/dev/") && !strings.HasPrefix(m.label, "/dev/shm/") && m.label != "/dev/zero (deleted)" {
			return "device mapping is not read"
		}
	}
	return ""
}

func mappings(file string) ([]mapping, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []mapping
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if m, ok := parseMapping(lines.Text()); ok {
			out = append(out, m)
		}
	}
	return out, lines.Err()
}

func parseMapping(line string) (m mapping, ok bool) {
	f := strings.Fields(line)
	if len(f) < 5 {
		return m, false
	}
	lo, hi, ok := strings.Cut(f[0], "-")
	if !ok {
		return m, false
	}
	from, err1 := strconv.ParseUint(lo, 16, 64)
	to, err2 := strconv.ParseUint(hi, 16, 64)
	if err1 != nil || err2 != nil || from >= to {
		return m, false
	}
	m = mapping{from: from, to: to, perms: f[1]}
	if len(f) > 5 {
		m.label = strings.Join(f[5:], " ")
	}
	return m, true
}

// scanMapping searches one mapping. A page that cannot be read (a file mapping beyond the file's end, a mapping that was
// given back) is passed over.
func scanMapping(ctx context.Context, m *matcher, t *tally, mem io.ReaderAt, mp mapping, place string) error {
	const page = 4096
	buf := make([]byte, streamBuffer)
	from := mp.from
	s := m.stream(func(n *needle, at int64) { t.add(place, n.form.in(FormMemory), n.pattern, int64(from)+at) })
	for at := mp.from; at < mp.to; {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		n, err := mem.ReadAt(buf[:min(uint64(len(buf)), mp.to-at)], int64(at))
		_, _ = s.Write(buf[:n])
		t.bytes += int64(n)
		at += uint64(n)
		if err != nil || n == 0 {
			if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ESRCH) {
				return err
			}
			s.Close()
			at = (at/page + 1) * page
			from = at
		}
	}
	s.Close()
	return nil
}
