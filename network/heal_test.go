package network

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hyperledger/fabric-gateway/pkg/client"

	"domicile/erasure"
)

func TestThePeersLogTellsWhetherPrivateDataIsMissing(t *testing.T) {
	t.Parallel()
	const (
		start   = "2026-01-01 INFO [nodeCmd] Starting peer: Version 3.1.1"
		missing = "WARN [gossip.privdata] Could not fetch (or mark to reconcile later) 1 eligible collection private write sets for block [7] 0. Will commit block with missing private write sets:[x]"
		failed  = "ERROR [gossip.privdata] Failed to reconcile missing private info, error: none"
		fetched = "INFO [gossip.privdata] Reconciliation cycle finished successfully. reconciled 1 private data keys from blocks range [7 - 7]"
	)
	for _, c := range []struct {
		lines []string
		want  privateLog
	}{
		{[]string{start}, privateLog{}},
		{[]string{start, missing}, privateLog{missing: true}},
		{[]string{start, missing, failed}, privateLog{missing: true, stuck: true}},
		{[]string{start, missing, failed, fetched}, privateLog{}},
		{[]string{missing, failed, start}, privateLog{missing: true}},
		{[]string{missing, start, fetched}, privateLog{}},
		{[]string{missing, failed, forgotten, start}, privateLog{}},
	} {
		var p privateLog
		for _, l := range c.lines {
			p.read(l)
		}
		if p != c.want {
			t.Errorf("%q gives %+v, want %+v", c.lines, p, c.want)
		}
	}
}

func TestThePeersLogTellsWhetherItsLedgerIsBroken(t *testing.T) {
	t.Parallel()
	const (
		start  = "2026-01-01 INFO [nodeCmd] Starting peer: Version 3.1.1"
		load   = "2026-01-01 ERRO [nodeCmd] Failed to load ledger global, error: x"
		commit = "panic: Cannot commit block to the ledger due to hash of pvt data for collection [domicile:us-a] does not match with the corresponding hash in the public data."
		other  = "panic: Cannot commit block to the ledger due to no space left on device"
	)
	for _, c := range []struct {
		lines []string
		want  bool
	}{
		{[]string{start}, false},
		{[]string{start, load}, true},
		{[]string{start, commit}, true},
		{[]string{start, commit, start}, false},
		{[]string{start, other}, false},
	} {
		got := false
		for _, l := range c.lines {
			got = breaksLedger(l, got)
		}
		if got != c.want {
			t.Errorf("%q gives %t", c.lines, got)
		}
	}
}

// restoredBackup puts a value, backs a peer up, purges the value, restores the
// backup, and looks for the value in every file before and after.
func restoredBackup(ctx context.Context, t *testing.T, n *Network) {
	const name, value = "peer1.EuHospital", "A-value-to-purge-0815"
	putWithPeerCLI(ctx, t, n, "eu-a", "k7", value)
	backup := filepath.Join(t.TempDir(), "backup")
	if err := n.Backup(ctx, name, backup); err != nil {
		t.Fatal(err)
	}
	if err := n.Backup(ctx, name, backup); err == nil {
		t.Error("a backup overwrites another")
	}
	if err := n.WaitDiscovered(ctx); err != nil {
		t.Fatal(err)
	}
	if got := findings(ctx, t, backup, value); got == 0 {
		t.Fatal("the backup does not hold the value, so the test would prove nothing")
	}
	contract := connect(ctx, t, n, "EuHospital", RolePurger).GetContract(Chaincode)
	_, err := contract.SubmitWithContext(ctx, "purge", client.WithArguments("eu-a"), client.WithEndorsingOrganizations("EuHospital"),
		client.WithTransient(map[string][]byte{"key": []byte("k7")}))
	if err != nil {
		t.Fatal(err)
	}
	putWithPeerCLI(ctx, t, n, "eu-a", "k8", "v8")
	if err := n.Restore(ctx, name, backup); err != nil {
		t.Fatal(err)
	}
	if got := findings(ctx, t, n.mustNode(t, name).dataDir(), value); got != 0 {
		t.Errorf("the restored peer serves with %d findings of the purged value in its files", got)
	}
	if err := n.WaitDiscovered(ctx); err != nil {
		t.Fatal(err)
	}
	putWithPeerCLI(ctx, t, n, "eu-a", "k9", "v9")
	if err := n.Restore(ctx, name, t.TempDir()); err == nil || !strings.Contains(err.Error(), "is no backup") {
		t.Errorf("restoring an empty folder: %v", err)
	}
	nodes, err := n.Status(ctx)
	if err != nil || !slices.ContainsFunc(nodes, func(x Node) bool { return x.Name == name && x.State == StateRunning }) {
		t.Errorf("after a refused restore: %v, %v", nodes, err)
	}
}

func findings(ctx context.Context, t *testing.T, dir, value string) int {
	t.Helper()
	r, err := erasure.Scan(ctx, erasure.Options{Roots: []string{dir}, Patterns: []erasure.Pattern{{Name: "value", Bytes: []byte(value)}}})
	if err != nil {
		t.Fatal(err)
	}
	return len(r.Findings)
}

func TestTheDoctorLooksAtTransientStores(t *testing.T) {
	t.Parallel()
	s := spec{name: "p", kind: KindPeer, dir: t.TempDir()}
	store := filepath.Join(s.dataDir(), "transientstore")
	if err := os.MkdirAll(store, 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(store, "000001.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if got := transient(s, info.ModTime()); got.Severity != OK {
		t.Errorf("an empty store: %+v", got)
	}
	if err := f.Truncate(1); err != nil {
		t.Fatal(err)
	}
	if got := transient(s, info.ModTime().Add(2*transientIdle)); got.Severity != Warn || !strings.Contains(got.Message, "no block") {
		t.Errorf("an idle channel: %+v", got)
	}
	if err := f.Truncate(transientBytes + 1); err != nil { // sparse
		t.Fatal(err)
	}
	if got := transient(s, info.ModTime()); got.Severity != Warn || !strings.Contains(got.Message, "MiB") {
		t.Errorf("a large store: %+v", got)
	}
}
