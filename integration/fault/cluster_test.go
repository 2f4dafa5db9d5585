package fault

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"domicile/gateway"
	"domicile/integration/kit"
	"domicile/internal/cli"
	"domicile/network"
)

// The topologies of the tests: the smallest in which the consensus is that of the
// default one and the organisation under attack has three peers, as it should.
const (
	topologyThree = `schema: 1
consensus: bft
batchInterval: 80ms
regions:
  - {name: us, octet: 10, orderers: 2, organizations: [{name: UsHospital, peers: 3}]}
  - {name: eu, octet: 20, orderers: 2, organizations: [{name: EuHospital, peers: 2}]}
`
	topologyTwo = `schema: 1
consensus: bft
batchInterval: 80ms
regions:
  - {name: us, octet: 10, orderers: 2, organizations: [{name: UsHospital, peers: 2}]}
  - {name: eu, octet: 20, orderers: 2, organizations: [{name: EuHospital, peers: 2}]}
`
)

// cluster is the network of one test, and all that was asked of it.
type cluster struct {
	*network.Network
	tmp     string
	history *History
	mark    int // operations before the round

	mu      sync.Mutex
	clients map[string]*gateway.Client
	tried   map[string]bool // records of which a put was sent to the orderers
	blocks  map[string]uint64
	again   []*job // puts to be repeated until they are acknowledged

	hookMu sync.Mutex
	hook   func(op string) error // see beforeSubmit
}

// start brings a network up and takes it down with the test.
func start(ctx context.Context, t *testing.T, topology string, policy ...string) *cluster {
	t.Helper()
	kit.NeedPrograms(t, binDir, *required)
	tmp, err := os.MkdirTemp("", "domicile-fault-")
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{tmp: tmp, history: &History{}, clients: map[string]*gateway.Client{}, tried: map[string]bool{}, blocks: map[string]uint64{}}
	t.Cleanup(func() { c.end(t) })
	bin, err := filepath.Abs(binDir)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(tmp, "topology.yaml")
	if err := os.WriteFile(file, []byte(topology), 0o600); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	args := []string{"network", "up", "--topology", file, "--bin", bin}
	if len(policy) == 0 {
		args = append(args, "--rules", "none") // these tests write without the client, too
	}
	for _, p := range policy {
		args = append(args, "--policy", p)
	}
	if a := c.domicile(ctx, args...); a.status != cli.ExitDone {
		t.Fatalf("network up: status %d\n%s", a.status, a.words)
	}
	if c.Network, err = network.Open(c.dir()); err != nil {
		t.Fatal(err)
	}
	t.Logf("network up in %.1f s", time.Since(began).Seconds())
	return c
}

func (c *cluster) dir() string { return filepath.Join(c.tmp, "net") }

// end stops everything and, if the test failed, shows what nodes said last.
func (c *cluster) end(t *testing.T) {
	for _, x := range c.clients {
		x.Close()
	}
	n, err := network.Open(c.dir())
	if err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if t.Failed() {
			printLogs(ctx, t, n)
		}
		if err := n.Down(ctx); err != nil {
			t.Error("taking the network down:", err)
		}
	}
	if *keep {
		t.Log("kept:", c.tmp)
	} else if err := os.RemoveAll(c.tmp); err != nil {
		t.Error(err)
	}
}

// trouble is what ends a node or should have.
var trouble = regexp.MustCompile(`\b(PANI|FATA)\b|(?m)^panic:|(?m)^fatal error:|Failed to load ledger`)

func printLogs(ctx context.Context, t *testing.T, n *network.Network) {
	nodes, err := n.Status(ctx)
	if err != nil {
		t.Log(err)
	}
	for _, x := range nodes {
		t.Logf("%s: %s, height %d", x.Name, x.State, x.Height)
		b, err := os.ReadFile(x.LogFile)
		if err != nil || x.State == network.StateRunning && !trouble.Match(b) {
			continue
		}
		lines := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
		t.Logf("--- %s\n%s", x.LogFile, bytes.Join(lines[max(0, len(lines)-30):], []byte("\n")))
	}
}

// answer is what the command printed and how it ended.
type answer struct {
	out, words string
	status     int
}

// domicile runs the command in this process.
func (c *cluster) domicile(ctx context.Context, args ...string) answer {
	var out, words bytes.Buffer
	status := cli.Run(ctx, append([]string{"--dir", c.dir()}, args...), strings.NewReader(""), &out, &words)
	return answer{out.String(), words.String(), status}
}

// client is the product's client for a user. With a peer it talks to that one alone.
func (c *cluster) client(ctx context.Context, org, role, peer string) (*gateway.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := org + "/" + role + "/" + peer
	if x := c.clients[key]; x != nil {
		return x, nil
	}
	s, err := gateway.LoadSettings(filepath.Join(c.dir(), "settings", org+"."+role+".yaml"))
	if err != nil {
		return nil, err
	}
	// An endorser gives a peer that has just died 10 s to take private data (pushAckTimeout);
	// its answer, after which the client asks another, must not come too late.
	s.Timeouts = gateway.Timeouts{Evaluate: 10 * time.Second, Endorse: 20 * time.Second, Submit: 10 * time.Second, Commit: 10 * time.Second}
	if peer != "" {
		s.ProofPeers = nil
		for _, p := range s.Peers {
			if p.Name == peer {
				s.Peers = []gateway.Peer{p}
			}
		}
		if len(s.Peers) != 1 {
			return nil, fmt.Errorf("%s is no peer of %s", peer, org)
		}
	}
	x, err := gateway.Open(ctx, s, gateway.WithBeforeSubmit(c.submitting))
	if err == nil {
		c.clients[key] = x
	}
	return x, err
}

// submitting notes what reaches the orderers: after that an error leaves the outcome
// open.
func (c *cluster) submitting(_ context.Context, a gateway.Attempt) error {
	if err := c.callHook(a.Op); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range a.IDs {
		c.tried[a.Op+" "+id] = true
	}
	return nil
}

func (c *cluster) callHook(op string) error {
	c.hookMu.Lock()
	defer c.hookMu.Unlock()
	if c.hook == nil {
		return nil
	}
	return c.hook(op)
}

// beforeSubmit has f called, once at a time, with the operation of each transaction that
// is endorsed and about to be sent to the orderers; an error keeps it from that. nil ends
// it.
func (c *cluster) beforeSubmit(f func(op string) error) {
	c.hookMu.Lock()
	defer c.hookMu.Unlock()
	c.hook = f
}

func (c *cluster) wasSubmitted(op, id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tried[op+" "+id]
}

// peersOf names the peers of organisations, all if none is given.
func (c *cluster) peersOf(orgs ...string) []network.PeerEndpoint {
	var out []network.PeerEndpoint
	for _, p := range c.Peers() {
		for _, o := range orgs {
			if p.Org == o {
				out = append(out, p)
			}
		}
		if len(orgs) == 0 {
			out = append(out, p)
		}
	}
	return out
}

// heal does what an operator does after a fault, until the doctor is content.
func (c *cluster) heal(ctx context.Context, t *testing.T) {
	t.Helper()
	began := time.Now()
	var did strings.Builder
	err := kit.Eventually(ctx, func() error {
		a := c.domicile(ctx, "network", "doctor", "--heal")
		did.WriteString(a.words)
		if a.status != cli.ExitDone {
			return fmt.Errorf("network doctor --heal: status %d\n%s%s", a.status, a.out, a.words)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.WaitDiscovered(ctx); err != nil {
		t.Fatal(err)
	}
	t.Logf("healed in %.1f s: %s", time.Since(began).Seconds(), strings.ReplaceAll(strings.TrimSpace(did.String()), "\n", "; "))
}
