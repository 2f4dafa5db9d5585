package erasure

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// ScanProcess searches the memory of a running process: every readable mapping, anonymous (heap, stacks) or of a file,
// except devices. Memory swapped out is read back in; pages that were never touched are not read. Finding.Path is "pid N"
// and the mapping's label, Finding.Offset the address.
//
// It needs the right to trace the process: same user and a permissive kernel.yama.ptrace_scope, or CAP_SYS_PTRACE;
// otherwise the error wraps fs.ErrPermission. A process that does not exist, or ends during the scan, gives an error that
// wraps fs.ErrNotExist. Memory changes while it is read: a pattern that moves may be missed, so scan an idle process.
// A process that scans itself finds its own patterns.
func ScanProcess(ctx context.Context, pid int, patterns []Pattern, fingerprints ...Fingerprint) (*Report, error) {
	w, err := NewWanted(patterns, fingerprints...)
	if err != nil {
		return nil, err
	}
	return w.ScanProcess(ctx, pid)
}

// ScanProcess does the same with what was made ready.
func (w *Wanted) ScanProcess(ctx context.Context, pid int) (*Report, error) {
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
	var pagemap io.ReaderAt = strings.NewReader("") // a kernel without it: every page is read
	if f, err := os.Open(dir + "/pagemap"); err == nil {
		defer f.Close()
		pagemap = f
	}
	r, t := &Report{}, &tally{}
	for _, mp := range maps {
		place := strings.TrimSpace(fmt.Sprintf("pid %d %s", pid, mp.label))
		if why := mp.skip(); why != "" {
			if why != skipQuietly {
				t.gap(place, why)
			}
			continue
		}
		if err := scanMapping(ctx, w.m, t, mem, pagemap, mp, place); err != nil {
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

// scanMapping searches the pages of one mapping that are in memory or swapped out; the others are zero or unchanged parts
// of a file. A page that cannot be read (a mapping that was given back) is passed over.
func scanMapping(ctx context.Context, m *matcher, t *tally, mem, pagemap io.ReaderAt, mp mapping, place string) error {
	from := mp.from // the address of the first byte in s
	s := m.stream(func(n *needle, at int64) { t.add(place, n.form.in(FormMemory), n.pattern, int64(from)+at) })
	buf := make([]byte, streamBuffer)
	next := mp.from // the address after the last byte in s
	err := residentRuns(ctx, pagemap, mp, func(lo, hi uint64) error {
		for at := lo; at < hi; {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if at != next {
				s.Close()
				from = at
			}
			n, err := mem.ReadAt(buf[:min(uint64(len(buf)), hi-at)], int64(at))
			_, _ = s.Write(buf[:n])
			t.bytes += int64(n)
			at += uint64(n)
			next = at
			if err != nil || n == 0 {
				if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ESRCH) {
					return err
				}
				at = (at/pageSize + 1) * pageSize
			}
		}
		return nil
	})
	s.Close()
	return err
}

var pageSize = uint64(os.Getpagesize())

// residentRuns visits the runs of pages of a mapping that are present or swapped, by /proc/PID/pagemap (see
// https://docs.kernel.org/admin-guide/mm/pagemap.html), or the whole mapping when that cannot be read.
func residentRuns(ctx context.Context, pagemap io.ReaderAt, mp mapping, visit func(lo, hi uint64) error) error {
	const (
		entry = 8
		batch = 64 << 10        // pages
		held  = uint64(3) << 62 // present or swapped
	)
	flags := make([]byte, entry*min(batch, (mp.to-mp.from)/pageSize))
	for at := mp.from; at < mp.to; {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		pages := min(uint64(len(flags))/entry, (mp.to-at)/pageSize)
		n, _ := pagemap.ReadAt(flags[:pages*entry], int64(at/pageSize*entry))
		if pages = uint64(n) / entry; pages == 0 {
			return visit(at, mp.to)
		}
		for i := uint64(0); i < pages; {
			j := i
			for j < pages && binary.LittleEndian.Uint64(flags[j*entry:])&held != 0 {
				j++
			}
			if j > i {
				if err := visit(at+i*pageSize, at+j*pageSize); err != nil {
					return err
				}
			}
			i = j + 1
		}
		at += pages * pageSize
	}
	return nil
}
