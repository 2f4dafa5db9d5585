package network

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/syndtr/goleveldb/leveldb"

	"domicile/erasure"
)

func TestThePeersLogTellsWhetherFetchingFails(t *testing.T) {
	t.Parallel()
	const (
		start   = "2026-01-01 INFO [nodeCmd] Starting peer: Version 3.1.1"
		failed  = "ERROR [gossip.privdata] Failed to reconcile missing private info, error: none"
		other   = "WARN [gossip.privdata] failed to reconcile pvtdata chaincode domicile, collection us-a, block num 7, tx num 0 due to hash mismatch"
		fetched = "INFO [gossip.privdata] Reconciliation cycle finished successfully. reconciled 1 private data keys from blocks range [7 - 7]"
	)
	s := spec{name: "p", kind: KindPeer, dir: t.TempDir()}
	long := strings.Repeat("x", 2<<20)
	for _, c := range []struct {
		lines []string
		want  bool
	}{
		{nil, false},
		{[]string{start}, false},
		{[]string{start, failed}, true},
		{[]string{start, other}, true},
		{[]string{failed}, true}, // the log was rotated since the start
		{[]string{start, failed, fetched}, false},
		{[]string{failed, start}, false},
		{[]string{start, long, failed}, true},
		{[]string{start, failed, long}, true},
	} {
		if err := os.WriteFile(s.logFile(), []byte(strings.Join(c.lines, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := fetchFails(s); got != c.want {
			t.Errorf("%.200q gives %t", c.lines, got)
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
	dir := filepath.Join(s.dataDir(), "transientstore")
	look := func(height uint64, now time.Time) Finding { return transient(t.Context(), s, height, now) }
	if got := look(9, time.Now()); got.Severity != Warn || !strings.Contains(got.Message, "cannot be read") {
		t.Errorf("no store: %+v", got)
	}
	db, err := leveldb.OpenFile(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	now := time.Now()
	if got := look(500, now.Add(2*transientIdle)); got.Severity != OK {
		t.Errorf("an empty store on an idle channel: %+v", got)
	}
	if err := db.Put([]byte(Channel+"\x00H\x00\x01\x09\x00tx\x00uuid"), nil, nil); err != nil {
		t.Fatal(err)
	}
	chains := filepath.Join(s.dataDir(), "ledgersData", "chains", "chains", Channel)
	if err := os.MkdirAll(chains, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(chains, "blockfile_000000"), []byte("block"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		height uint64
		now    time.Time
		want   string
		says   string
	}{
		{"what has just come", 10, now, OK, "since height 9"},
		{"what may still be dropped", 9 + 2*transientRetention + 1, now, OK, "since height 9"},
		{"what blocks went by without dropping", 9 + 2*transientRetention + 2, now, Warn, "does not drop"},
		{"an idle channel", 10, now.Add(2 * transientIdle), Warn, "no block for 2h"},
	} {
		if got := look(c.height, c.now); got.Severity != c.want || !strings.Contains(got.Message, c.says) {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
	if err := os.Truncate(filepath.Join(chains, "blockfile_000000"), 0); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, "large"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(transientBytes + 1); err != nil { // sparse
		t.Fatal(err)
	}
	if got := look(10, time.Now()); got.Severity != Warn || !strings.Contains(got.Message, "MiB") {
		t.Errorf("a large store: %+v", got)
	}
}

// The doctor goes by the retention that peers are given.
func TestTheDoctorKnowsTheRetentionOfTransientStores(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("templates/core.yaml.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("transientstoreMaxBlockRetention: %d\n", transientRetention); !strings.Contains(string(b), want) {
		t.Errorf("the peers' settings do not say %s", want)
	}
}

// A peer's private data store says what is missing, whatever became of its log.
func TestWhatIsMissingIsReadFromTheStoreAndNotFromTheLog(t *testing.T) {
	t.Parallel()
	s := spec{name: "peer0.EuHospital", kind: KindPeer, org: "EuHospital", dir: t.TempDir()}
	if p := readPrivate(t.Context(), s, nil); p.err == nil {
		t.Error("a store that is not there was read")
	}
	db, err := leveldb.OpenFile(filepath.Join(s.dataDir(), "ledgersData", "pvtdataStore"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	put := func(key string) {
		t.Helper()
		if err := db.Put([]byte(Channel+"\x00"+key), []byte{7: 1, 15: 1}, nil); err != nil {
			t.Fatal(err)
		}
	}
	put("\x02data")
	held := []string{"eu-a"}
	for _, c := range []struct {
		key, log, want, says string
	}{
		{"", "", OK, "no private data is missing"},
		{"\x05domicile\x00us-a\x00\x07\xf0", "", OK, "no private data is missing"}, // of others
		{"\x05domicile\x00eu-a\x00\x07\xf0", "", Warn, "WILL NOT FETCH THEM: 1 of eu-a"},
		{"\x06\x07\xf0", "", Warn, "has not begun to fetch"},
		{"\x04\x07\xf1domicile\x00eu-a", "", Warn, "misses 1 private write sets and has not fetched"},
		{"\x08\x07\xf2domicile\x00eu-a", "", Warn, "misses 2 private write sets and did not find 1"},
		{"", "Failed to reconcile missing private info", Error, "--heal"},
	} {
		if c.key != "" {
			put(c.key)
		}
		if err := os.WriteFile(s.logFile(), []byte(c.log), 0o600); err != nil {
			t.Fatal(err)
		}
		got := privateData(s.name, readPrivate(t.Context(), s, held))
		if got.Severity != c.want || !strings.Contains(got.Message, c.says) {
			t.Errorf("after %q, with the log %q: %+v", c.key, c.log, got)
		}
	}
	for _, key := range []string{"\x04\x07\xf1domicile\x00eu-a", "\x08\x07\xf2domicile\x00eu-a"} {
		if err := db.Delete([]byte(Channel+"\x00"+key), nil); err != nil {
			t.Fatal(err)
		}
	}
	if p := readPrivate(t.Context(), s, held); p.stuck() {
		t.Error("a peer that misses nothing is stuck, because an old line of its log says so")
	}
}
