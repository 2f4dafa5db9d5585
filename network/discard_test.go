package network

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The program that makes a network may be killed at any point; what it started then
// belongs to nobody but the directory.
func TestDiscardEndsWhatAnInterruptedStartLeft(t *testing.T) {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip("no program to stand for a node")
	}
	dir := filepath.Join(t.TempDir(), "net")
	if found, err := Discard(t.Context(), dir); found || err != nil {
		t.Fatalf("in no directory: %v, %v", found, err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Error("looking made the directory")
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	st := &state{Schema: stateSchema, Topology: SmallTopology(), Instance: 1, Phase: phaseCreating}
	if err := st.write(dir); err != nil {
		t.Fatal(err)
	}
	node := open(dir, st).nodes[0]
	p, err := node.start(command{path: sleep, args: []string{"60"}})
	if err != nil {
		t.Fatal(err)
	}
	if found, err := Discard(t.Context(), dir); !found || err != nil {
		t.Fatalf("got %v, %v", found, err)
	}
	if p.alive() {
		t.Error("a process still runs")
	}
	if _, err := readState(dir); !errors.Is(err, ErrNoNetwork) {
		t.Errorf("after it: %v", err)
	}

	st.Phase = phaseReady
	if err := st.write(dir); err != nil {
		t.Fatal(err)
	}
	if found, err := Discard(t.Context(), dir); found || err != nil {
		t.Errorf("of a whole network: %v, %v", found, err)
	}
	if _, err := Open(dir); err != nil {
		t.Errorf("the whole network is gone: %v", err)
	}
}
