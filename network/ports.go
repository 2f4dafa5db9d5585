package network

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// chooseInstance finds an instance octet with which no address of the topology
// is taken. The search begins at a value that follows from the directory, so
// that networks which are stopped at the moment rarely get in each other's
// way. The returned listener keeps other searches away until it is closed.
func chooseInstance(t Topology, dir string) (int, net.Listener, error) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(dir))
	first := int(h.Sum32() % instances)
	var last error
	for i := range instances {
		instance := 1 + (first+i)%instances
		r, err := net.Listen("tcp4", net.JoinHostPort(
			fmt.Sprintf("127.%d.%d.%d", t.Regions[0].Octet, instance, hostReservation), strconv.Itoa(portReservation)))
		if err != nil {
			last = err
			continue
		}
		if last = firstBusy(plan(t, instance, dir)); last == nil {
			return instance, r, nil
		}
		r.Close()
	}
	return 0, nil, fmt.Errorf("no free addresses in 127.%d.1 to 127.%d.%d: %w",
		t.Regions[0].Octet, t.Regions[0].Octet, instances, last)
}

// BusyError says that an address of a node is taken by another program.
type BusyError struct {
	Node    string // name of the node that needs the address
	Address string // host:port
	PID     int    // who holds it, 0 if that cannot be read from /proc
	Program string // its command name, "" if unknown
}

// Error implements error.
func (e *BusyError) Error() string {
	who := "another program"
	if e.PID != 0 {
		who = fmt.Sprintf("pid %d (%s)", e.PID, e.Program)
	}
	return fmt.Sprintf("%s cannot listen on %s: the address is in use by %s; end that program and try again", e.Node, e.Address, who)
}

// firstBusy is the first address of the nodes that cannot be bound, as an
// error, or nil.
func firstBusy(nodes []spec) error {
	for _, s := range nodes {
		for _, addr := range s.listens() {
			l, err := net.Listen("tcp4", addr)
			if err == nil {
				l.Close()
				continue
			}
			if !errors.Is(err, syscall.EADDRINUSE) {
				return fmt.Errorf("%s cannot listen on %s: %w", s.name, addr, err)
			}
			pid := holder(addr)
			return &BusyError{Node: s.name, Address: addr, PID: pid, Program: programOf(pid)}
		}
	}
	return nil
}

func programOf(pid int) string {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "comm"))
	if pid == 0 || err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// holder is the pid of the process that listens on a TCP address, 0 if none is
// found or another user's processes may not be read.
func holder(addr string) int {
	inodes := map[string]bool{}
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(file)
		if err != nil {
			continue
		}
		for sc := bufio.NewScanner(f); sc.Scan(); {
			if inode, ok := listenerInode(sc.Text(), addr); ok {
				inodes["socket:["+inode+"]"] = true
			}
		}
		f.Close()
	}
	if len(inodes) == 0 {
		return 0
	}
	fds, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return 0
	}
	for _, fd := range fds {
		if target, err := os.Readlink(fd); err == nil && inodes[target] {
			pid, _ := strconv.Atoi(strings.Split(fd, "/")[2])
			return pid
		}
	}
	return 0
}

// listenerInode reads one line of /proc/net/tcp (proc(5)): whether it is a
// listening socket that would stop addr from being bound, and its inode.
func listenerInode(line, addr string) (string, bool) {
	f := strings.Fields(line)
	if len(f) < 10 || f[3] != "0A" { // 0A = TCP_LISTEN
		return "", false
	}
	local, port, ok := strings.Cut(f[1], ":")
	if !ok {
		return "", false
	}
	host, wantPort, err := net.SplitHostPort(addr)
	if err != nil {
		return "", false
	}
	n, err := strconv.ParseUint(port, 16, 16)
	if err != nil || strconv.FormatUint(n, 10) != wantPort {
		return "", false
	}
	ip, err := hex.DecodeString(local)
	if err != nil || (len(ip) != 4 && len(ip) != 16) {
		return "", false
	}
	for i := 0; i < len(ip); i += 4 { // 32-bit words, least significant byte first
		ip[i], ip[i+1], ip[i+2], ip[i+3] = ip[i+3], ip[i+2], ip[i+1], ip[i]
	}
	got := net.IP(ip)
	return f[9], got.IsUnspecified() || got.Equal(net.ParseIP(host))
}
