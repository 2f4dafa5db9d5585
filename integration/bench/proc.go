package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"domicile/network"
)

// clockTick is the unit of the times in /proc/PID/stat on every Linux Go runs on
// (proc(5), sysconf(_SC_CLK_TCK)).
const clockTick = 10 * time.Millisecond

// Machine is where the figures come from.
type Machine struct {
	CPU      string  `json:"cpu"`
	Cores    int     `json:"cores"`
	MemoryGB float64 `json:"memoryGB"`
	Kernel   string  `json:"kernel"`
	Go       string  `json:"go"`
}

func machine() Machine {
	m := Machine{Cores: runtime.NumCPU(), Go: runtime.Version(), CPU: field("/proc/cpuinfo", "model name")}
	kb, _ := strconv.ParseFloat(strings.TrimSuffix(field("/proc/meminfo", "MemTotal"), " kB"), 64)
	m.MemoryGB = kb / (1 << 20)
	b, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	m.Kernel = strings.TrimSpace(string(b))
	return m
}

// field is the first value of a "name : value" file of /proc, "" if absent.
func field(path, name string) string {
	b, _ := os.ReadFile(path)
	sc := bufio.NewScanner(bytes.NewReader(b))
	for sc.Scan() {
		k, v, _ := strings.Cut(sc.Text(), ":")
		if strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// loadAverage is that of the last minute; more than the cores means that others
// wanted them too.
func loadAverage() float64 {
	b, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(b), " ")
	v, _ := strconv.ParseFloat(first, 64)
	return v
}

// pids are the processes of the network.
func pids(ctx context.Context, n *network.Network) ([]int, error) {
	nodes, err := n.Status(ctx)
	if err != nil {
		return nil, err
	}
	var out []int
	for _, x := range nodes {
		if x.PID == 0 {
			return nil, fmt.Errorf("%s does not run", x.Name)
		}
		out = append(out, x.PID)
	}
	return out, nil
}

// cpuOf is the processor time that processes have used. It does not depend on who
// else uses the machine.
func cpuOf(pids []int) (time.Duration, error) {
	var sum time.Duration
	for _, pid := range pids {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, err
		}
		fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		for _, f := range fields[11:13] { // utime and stime, proc(5)
			ticks, err := strconv.ParseInt(f, 10, 64)
			if err != nil {
				return 0, fmt.Errorf("/proc/%d/stat: %w", pid, err)
			}
			sum += time.Duration(ticks) * clockTick
		}
	}
	return sum, nil
}

// ownCPU is the processor time of this process, which is the client.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// memoryOf is the resident memory of processes in bytes, and their proportional
// share of it, in which pages of a program that several run count once.
func memoryOf(pids []int) (rss, pss float64) {
	kb := func(path, name string) float64 {
		v, _ := strconv.ParseFloat(strings.TrimSuffix(field(path, name), " kB"), 64)
		return v * 1024
	}
	for _, pid := range pids {
		rss += kb(fmt.Sprintf("/proc/%d/status", pid), "VmRSS")
		pss += kb(fmt.Sprintf("/proc/%d/smaps_rollup", pid), "Pss")
	}
	return rss, pss
}

// sizeOf is the size in bytes of all files below dir; files that vanish meanwhile
// do not count.
func sizeOf(dir string) int64 {
	var sum int64
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil //nolint:nilerr // it was compacted away
		}
		if info, err := d.Info(); err == nil {
			sum += info.Size()
		}
		return nil
	})
	return sum
}
