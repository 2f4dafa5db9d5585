package fault

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"domicile/network"
)

// moment is something that a peer's log shows to be under way: a line begins it and
// names the block, and no later line has ended it.
type moment struct {
	name   string
	begins *regexp.Regexp
	ends   string
}

// The moments of Fabric's peer (gossip/privdata/coordinator.go, core/ledger/kvledger/
// kv_ledger.go, core/ledger/pvtdatastorage/store.go). A crash while a peer sweeps what a
// block purged, before its state has the block, leaves its ledger unreadable.
var (
	// committing: the block came, and is not in block store and state yet.
	committing = moment{"commits", regexp.MustCompile(`Received block \[(\d+)\] from buffer`), "] Committed block ["}
	// sweeping: purged keys are being taken out of the private store. Its begin is
	// told at the level of [cluster.tellSweeps] only.
	sweeping = moment{"sweeps", regexp.MustCompile(`Purger started: .* till block number \[(\d+)\]`), "Purger finished"}
)

// now reports whether lines, in their order, leave the moment under way, and in which
// block, 0 if its begin names none.
func (m moment) now(lines []byte) (block uint64, under bool) {
	for line := range bytes.Lines(lines) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break // not written to its end
		}
		if x := m.begins.FindSubmatch(line); x != nil {
			block, _ = strconv.ParseUint(string(x[1]), 10, 64)
			under = true
		} else if bytes.Contains(line, []byte(m.ends)) {
			under = false
		}
	}
	return block, under
}

// caught says at which moment a peer was killed.
type caught struct {
	peer, what string
	block      uint64
}

func (c caught) String() string {
	if c.block == 0 {
		return fmt.Sprintf("%s was killed while it %s", c.peer, c.what)
	}
	return fmt.Sprintf("%s was killed while it %s block %d", c.peer, c.what, c.block)
}

// catch kills a peer in a moment, and is sure of it: it lets the process run in slices
// of a few milliseconds, and while it stands still looks at what it has logged. also,
// if not nil, is asked about the block then and may refuse the moment. It ends without
// a kill, and with ok false, when ctx does; the peer then runs on.
func (c *cluster) catch(ctx context.Context, peer string, m moment, also func(block uint64) bool) (at caught, ok bool, err error) {
	x, err := c.find(ctx, peer)
	if err != nil {
		return at, false, err
	}
	log, err := os.Open(x.LogFile)
	if err != nil {
		return at, false, err
	}
	defer log.Close()
	if _, err := log.Seek(0, io.SeekEnd); err != nil {
		return at, false, err
	}
	defer func() { _ = syscall.Kill(x.PID, syscall.SIGCONT) }()
	var seen []byte
	for ctx.Err() == nil {
		if err := syscall.Kill(x.PID, syscall.SIGSTOP); err != nil {
			return at, false, fmt.Errorf("freeze %s: %w", peer, err)
		}
		more, err := io.ReadAll(log)
		if err != nil {
			return at, false, err
		}
		seen = append(seen, more...)
		if block, under := m.now(seen); under && (also == nil || also(block)) {
			return caught{peer, m.name, block}, true, syscall.Kill(x.PID, syscall.SIGKILL)
		}
		if err := syscall.Kill(x.PID, syscall.SIGCONT); err != nil {
			return at, false, fmt.Errorf("thaw %s: %w", peer, err)
		}
		slice(ctx)
	}
	return at, false, nil
}

// slice waits as long as a process may run unwatched.
func slice(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(2 * time.Millisecond):
	}
}

// hunt runs a catch beside an activity. The function that it returns ends the hunt, and
// says what became of it.
func (c *cluster) hunt(ctx context.Context, peer string, m moment, also func(uint64) bool) func() (caught, bool, error) {
	ctx, cancel := context.WithCancel(ctx)
	type result struct {
		at  caught
		ok  bool
		err error
	}
	out := make(chan result, 1)
	go func() {
		at, ok, err := c.catch(ctx, peer, m, also)
		out <- result{at, ok, err}
	}()
	return func() (caught, bool, error) {
		cancel()
		r := <-out
		return r.at, r.ok, r.err
	}
}

func (c *cluster) find(ctx context.Context, name string) (network.Node, error) {
	nodes, err := c.Status(ctx)
	if err != nil {
		return network.Node{}, err
	}
	for _, x := range nodes {
		if x.Name == name && x.PID != 0 {
			return x, nil
		}
	}
	return network.Node{}, fmt.Errorf("%s does not run", name)
}

// tellSweeps makes a peer log when a sweep begins, until it ends. Only the private
// store's own words are let through, which hold no private data.
func (c *cluster) tellSweeps(ctx context.Context, t *testing.T, peer string) {
	t.Helper()
	x := c.node(ctx, t, peer)
	host, _, err := net.SplitHostPort(x.Address)
	c.must(t, err)
	org := filepath.Join(c.dir(), "orgs", x.Org)
	ca, err := os.ReadFile(filepath.Join(org, "tlsca", "tlsca.pem"))
	c.must(t, err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	user := filepath.Join(org, "users", network.RoleAdmin, "tls")
	cert, err := tls.LoadX509KeyPair(filepath.Join(user, "client.crt"), filepath.Join(user, "client.key"))
	c.must(t, err)
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
	}}
	body := strings.NewReader(`{"spec":"pvtdatastorage=debug:info:grpc,comm.grpc=warn"}`)
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, "https://"+net.JoinHostPort(host, "9443")+"/logspec", body)
	c.must(t, err)
	resp, err := client.Do(req)
	c.must(t, err)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		t.Fatalf("/logspec of %s answers %s", peer, resp.Status)
	}
}
