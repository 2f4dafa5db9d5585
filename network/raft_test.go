package network

import (
	"encoding/json"
	"slices"
	"testing"
)

func TestARaftNetworkComesUpWhileItsOrderersStillElectALeader(t *testing.T) {
	ctx, o := testContext(t), testOptions(t)
	o.Topology.Consensus = Raft
	for i := range o.Topology.Regions {
		o.Topology.Regions[i].Orderers = 1
	}
	n, err := Up(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	statusOf(ctx, t, n)
	putWithPeerCLI(ctx, t, n, "eu-a", "k", "v")
}

func TestTheStateOfANodeHasTheAgreedKeys(t *testing.T) {
	b, err := json.Marshal(Node{})
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	want := []string{"name", "kind", "org", "region", "pid", "address", "dataDir", "logFile", "state", "height"}
	for key := range m {
		if !slices.Contains(want, key) {
			t.Errorf("unexpected key %q", key)
		}
	}
	if len(m) != len(want) {
		t.Errorf("got %d keys, want %v", len(m), want)
	}
}
