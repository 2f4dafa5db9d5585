package network

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// statusOf is the state of all nodes by name; every one must be running.
func statusOf(ctx context.Context, t *testing.T, n *Network) map[string]Node {
	t.Helper()
	nodes, err := n.Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]Node{}
	for _, node := range nodes {
		if node.State != StateRunning {
			t.Errorf("%s is %s, want running; log: %s", node.Name, node.State, node.LogFile)
		}
		out[node.Name] = node
	}
	return out
}

func TestANetworkComesUpIsLeftAloneGoesDownAndResumesWithItsData(t *testing.T) {
	ctx, o := testContext(t), testOptions(t)
	began := time.Now()
	n, err := Up(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("up in %v", time.Since(began))
	putWithPeerCLI(ctx, t, n, "us-a", "k1", "v1")
	before := statusOf(ctx, t, n)

	again, err := Up(ctx, o)
	if err != nil {
		t.Fatal("second up:", err)
	}
	for name, node := range statusOf(ctx, t, again) {
		if node.PID != before[name].PID {
			t.Errorf("a second up replaced %s", name)
		}
	}
	checkDoctor(ctx, t, n)
	checkOneNodeIsBrokenAndHealed(ctx, t, n, o)

	if err := n.Down(ctx); err != nil {
		t.Fatal(err)
	}
	noProcessOf(t, o.Dir)
	began = time.Now()
	o.Topology = Topology{}
	if n, err = Up(ctx, o); err != nil {
		t.Fatal("resume:", err)
	}
	t.Logf("resumed in %v", time.Since(began))
	for name, node := range statusOf(ctx, t, n) {
		if node.Address != before[name].Address || node.Height < before[name].Height {
			t.Errorf("%s resumed at %s height %d, was at %s height %d", name, node.Address, node.Height, before[name].Address, before[name].Height)
		}
	}
	if got := getWithPeerCLI(ctx, t, n, "us-a", "k1"); got != "v1" {
		t.Errorf("after the restart the value is %q, want v1", got)
	}
	if err := n.Destroy(ctx); err != nil {
		t.Fatal(err)
	}
	noProcessOf(t, o.Dir)
	if _, err := os.Stat(o.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the destroyed network left %s", o.Dir)
	}
}

func checkDoctor(ctx context.Context, t *testing.T, n *Network) {
	t.Helper()
	for _, f := range n.Doctor(ctx, []byte(testCollections)).Findings {
		if f.Severity == Error || f.Severity == Warn && f.Check != CheckMemberPeers && f.Check != CheckDisk {
			t.Errorf("doctor on a healthy network: %+v", f)
		}
	}
	other := strings.Replace(testCollections, `"maxPeerCount": 2`, `"maxPeerCount": 1`, 1)
	found := false
	for _, f := range n.Doctor(ctx, []byte(other)).Findings {
		found = found || f.Check == CheckCollections && f.Severity == Error
	}
	if !found {
		t.Error("doctor does not see that the committed collections differ")
	}
}

// checkOneNodeIsBrokenAndHealed kills a peer and a chaincode server; up starts
// just these.
func checkOneNodeIsBrokenAndHealed(ctx context.Context, t *testing.T, n *Network, o Options) {
	t.Helper()
	const peer, cc = "peer1.EuHospital", "chaincode.EuHospital"
	before := statusOf(ctx, t, n)
	p, _, err := readPid(n.mustNode(t, peer).pidFile())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.end(ctx, 9); err != nil { // behind the network's back
		t.Fatal(err)
	}
	if err := n.StopNode(ctx, cc); err != nil {
		t.Fatal(err)
	}
	nodes, err := n.Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range nodes {
		want := map[string]string{peer: StateDead, cc: StateStopped}[node.Name]
		if want != "" && node.State != want {
			t.Errorf("%s is %s, want %s", node.Name, node.State, want)
		}
	}
	severe := 0
	for _, f := range n.Doctor(ctx, nil).Findings {
		if f.Check == CheckProcess && f.Severity == Error {
			severe++
		}
	}
	if severe != 2 {
		t.Errorf("doctor reports %d nodes that do not run, want 2", severe)
	}
	if _, err := Up(ctx, o); err != nil {
		t.Fatal("up of a half-stopped network:", err)
	}
	for name, node := range statusOf(ctx, t, n) {
		restarted := node.PID != before[name].PID
		if restarted != (name == peer || name == cc) {
			t.Errorf("%s: restarted = %v", name, restarted)
		}
	}
	putWithPeerCLI(ctx, t, n, "eu-a", "k2", "v2")
}

func (n *Network) mustNode(t *testing.T, name string) spec {
	t.Helper()
	s, err := n.node(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// peerCLI runs Fabric's own peer program as a user of the collection's holder.
func peerCLI(ctx context.Context, t *testing.T, n *Network, collection string, args ...string) string {
	t.Helper()
	org := map[string]string{"us-a": "UsHospital", "eu-a": "EuHospital"}[collection]
	env, err := n.PeerCLIEnv(org, RoleWriter, "peer0."+org)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(n.BinDir(), "peer"), append([]string{"chaincode"}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("peer %s: %v\n%s", args[0], err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

func putWithPeerCLI(ctx context.Context, t *testing.T, n *Network, collection, key, value string) {
	t.Helper()
	transient, err := json.Marshal(map[string][]byte{"key": []byte(key), "value": []byte(value)})
	if err != nil {
		t.Fatal(err)
	}
	o := n.Orderers()[0]
	peerCLI(ctx, t, n, collection, "invoke", "-C", Channel, "-n", Chaincode, "--waitForEvent",
		"-o", o.Address, "--tls", "--cafile", o.TLSCAPath,
		"--transient", string(transient), "-c", fmt.Sprintf(`{"Args":["put",%q]}`, collection))
	if got := getWithPeerCLI(ctx, t, n, collection, key); got != value {
		t.Errorf("%s in %s is %q, want %q", key, collection, got, value)
	}
}

func getWithPeerCLI(ctx context.Context, t *testing.T, n *Network, collection, key string) string {
	t.Helper()
	transient, err := json.Marshal(map[string][]byte{"key": []byte(key)})
	if err != nil {
		t.Fatal(err)
	}
	return peerCLI(ctx, t, n, collection, "query", "-C", Channel, "-n", Chaincode,
		"--transient", string(transient), "-c", fmt.Sprintf(`{"Args":["get",%q]}`, collection))
}

// noProcessOf fails if a process runs in or below dir.
func noProcessOf(t *testing.T, dir string) {
	t.Helper()
	cwds, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	for _, cwd := range cwds {
		if target, err := os.Readlink(cwd); err == nil && strings.HasPrefix(target, dir+"/") {
			t.Errorf("%s still runs in %s", filepath.Dir(cwd), target)
		}
	}
}

func TestTwoNetworksRunSideBySide(t *testing.T) {
	ctx, a, b := testContext(t), testOptions(t), testOptions(t)
	a.SkipChaincode, b.SkipChaincode = true, true
	done := make(chan error, 2)
	for _, o := range []Options{a, b} {
		go func() {
			o.Progress = nil
			_, err := Up(ctx, o)
			done <- err
		}()
	}
	if err := errors.Join(<-done, <-done); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, o := range []Options{a, b} {
		n, err := Open(o.Dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range n.wanted(o) {
			if seen[s.address()] {
				t.Errorf("%s is used twice", s.address())
			}
			seen[s.address()] = true
			if node := n.nodeStatus(ctx, s); node.State != StateRunning || node.Height == 0 {
				t.Errorf("%s is %s at height %d", s.name, node.State, node.Height)
			}
		}
	}
	busyAddressIsNamed(ctx, t, a)
}

// busyAddressIsNamed takes an address of a stopped network and resumes it.
func busyAddressIsNamed(ctx context.Context, t *testing.T, o Options) {
	t.Helper()
	n, err := Open(o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Down(ctx); err != nil {
		t.Fatal(err)
	}
	s := n.mustNode(t, "peer1.UsHospital")
	l, err := net.Listen("tcp4", s.addr(portOperations))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = Up(ctx, o)
	var busy *BusyError
	if !errors.As(err, &busy) {
		t.Fatalf("up with a busy address: %v", err)
	}
	want := BusyError{Node: s.name, Address: l.Addr().String(), PID: os.Getpid(), Program: programOf(os.Getpid())}
	if *busy != want {
		t.Errorf("got %+v, want %+v", *busy, want)
	}
	noProcessOf(t, o.Dir)
	l.Close()
	if _, err := Up(ctx, o); err != nil {
		t.Fatal("up once the address is free:", err)
	}
}

func TestANetworkThatFailsHalfWayLeavesNothing(t *testing.T) {
	bin := testBin(t)
	interruptAt := func(step string) func(*Options, context.CancelFunc) {
		return func(o *Options, cancel context.CancelFunc) {
			o.Progress = func(s string) {
				if strings.Contains(s, step) {
					cancel()
				}
			}
		}
	}
	for name, spoil := range map[string]func(o *Options, cancel context.CancelFunc){
		"because a program ends at once":    func(o *Options, _ context.CancelFunc) { o.ChaincodeBinary = "/bin/false" },
		"because a program is missing":      func(o *Options, _ context.CancelFunc) { o.ChaincodeBinary = "/nowhere/ccaas" },
		"because a collection has one peer": func(o *Options, _ context.CancelFunc) { o.Topology.Regions[0].Organizations[0].Peers = 1 },
		"because a policy is malformed":     func(o *Options, _ context.CancelFunc) { o.EndorsementPolicy = "nonsense" },
		"interrupted before it starts":      interruptAt("certificates"),
		"interrupted while joining":         interruptAt("joining"),
		"interrupted while approving":       interruptAt("approving"),
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(testContext(t))
			defer cancel()
			dir := filepath.Join(t.TempDir(), "a", "b")
			o := Options{Dir: dir, BinDir: bin, Topology: testTopology(), CollectionsConfig: []byte(testCollections)}
			spoil(&o, cancel)
			n, err := Up(ctx, o)
			if err == nil {
				t.Error("up succeeded")
				if err := n.Destroy(context.Background()); err != nil {
					t.Error(err)
				}
				return
			}
			t.Log(err)
			noProcessOf(t, dir)
			if _, err := os.Stat(filepath.Dir(dir)); !errors.Is(err, os.ErrNotExist) {
				t.Error("the directory is still there")
			}
		})
	}
}
