package network

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
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
	checkOnlyTheRightCertificatesAreLetIn(ctx, t, n)
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
	putWithPeerCLI(ctx, t, n, "us-a", "k6", "v6")
	checkFaults(ctx, t, n)
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

// checkOnlyTheRightCertificatesAreLetIn knocks at chaincode servers and
// operations endpoints.
func checkOnlyTheRightCertificatesAreLetIn(ctx context.Context, t *testing.T, n *Network) {
	t.Helper()
	cc, peer := n.mustNode(t, "chaincode.UsHospital"), n.mustNode(t, "peer0.UsHospital")
	foreign := cc
	foreign.org = "EuHospital" // its operator certificate, against the server of UsHospital
	if err := n.chaincodeServes(ctx, cc); err != nil {
		t.Error(err)
	}
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := n.chaincodeServes(short, foreign); err == nil {
		t.Error("a chaincode server lets another organization in")
	}
	foreign = peer
	foreign.org = "EuHospital"
	if _, err := n.logSpec(ctx, foreign); err == nil {
		t.Error("an operations endpoint lets another organization in")
	}
	if status, body, err := n.Operations(ctx, peer.name, "/metrics"); err != nil || status != 200 || !strings.Contains(string(body), "ledger_blockchain_height") {
		t.Errorf("metrics: %d %v", status, err)
	}
	rendered := 0
	walk(t, n.Dir(), func(path string, mode fs.FileMode) {
		if filepath.Base(path) == "connection.json" {
			rendered++
			if mode.Perm() != 0o600 {
				t.Errorf("%s holds a key and has mode %v", path, mode)
			}
		}
	})
	if rendered < len(n.Peers()) {
		t.Errorf("%d connection files, want one for each of %d peers", rendered, len(n.Peers()))
	}
}

// checkFaults kills, freezes and heals an orderer.
func checkFaults(ctx context.Context, t *testing.T, n *Network) {
	t.Helper()
	const name = "orderer1.EuOrderer"
	if err := n.Kill(ctx, name); err != nil {
		t.Fatal(err)
	}
	putWithPeerCLI(ctx, t, n, "us-a", "k7", "v7") // three of four are enough
	if err := n.StartNode(ctx, name); err != nil {
		t.Fatal(err)
	}
	if err := n.Freeze(name); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if state := n.nodeStatus(short, n.mustNode(t, name)).State; state != StateUnready {
		t.Errorf("a frozen node is %s", state)
	}
	if err := n.Thaw(name); err != nil {
		t.Fatal(err)
	}
	if err := n.Restart(ctx, name); err != nil {
		t.Fatal(err)
	}
	statusOf(ctx, t, n)
	if err := n.Kill(ctx, "nobody"); err == nil {
		t.Error("an unknown node was killed")
	}
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
