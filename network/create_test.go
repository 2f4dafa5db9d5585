package network

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTwoNetworksRunSideBySide(t *testing.T) {
	ctx, a, b := testContext(t), testOptions(t), testOptions(t)
	a.SkipChaincode, b.SkipChaincode = true, true
	done := make(chan error, 3)
	for _, o := range []Options{a, b, a} { // twice the same at the same time, too
		go func() {
			o.Progress = nil
			_, err := Up(ctx, o)
			done <- err
		}()
	}
	if err := errors.Join(<-done, <-done, <-done); err != nil {
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
	interruptedStartIsRemoved(ctx, t, b)
}

// interruptedStartIsRemoved makes a network look as if the program that made
// it had been killed half-way: its processes run, it is not whole.
func interruptedStartIsRemoved(ctx context.Context, t *testing.T, o Options) {
	t.Helper()
	st, err := readState(o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	st.Phase = phaseCreating
	if err := st.write(o.Dir); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(o.Dir); !errors.Is(err, ErrNoNetwork) {
		t.Errorf("an unfinished network is opened: %v", err)
	}
	old, ok := open(o.Dir, st).nodes[0].running()
	if !ok {
		t.Fatal("the network does not run")
	}
	if _, err := Up(ctx, o); err != nil {
		t.Fatal(err)
	}
	if old.alive() {
		t.Error("the process of the unfinished network still runs")
	}
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
