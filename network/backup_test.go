package network

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/syndtr/goleveldb/leveldb"
)

// backupWorld is a network of two peers that do not run.
func backupWorld(t *testing.T) (n *Network, us, eu spec) {
	t.Helper()
	dir := t.TempDir()
	peer := func(name, org string) spec {
		return spec{name: name, kind: KindPeer, org: org, ip: "127.0.0.1", dir: filepath.Join(dir, "nodes", name)}
	}
	us, eu = peer("peer0.UsHospital", "UsHospital"), peer("peer0.EuHospital", "EuHospital")
	n = &Network{dir: dir, state: &state{Phase: phaseReady}, nodes: []spec{us, eu}}
	for _, f := range []string{genesisPath(dir), filepath.Join(us.dataDir(), "kept"), filepath.Join(eu.dataDir(), "kept")} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(f), 0o700), os.WriteFile(f, []byte("x"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return n, us, eu
}

// backedUp makes a finished backup of a peer.
func backedUp(t *testing.T, n *Network, s spec) string {
	t.Helper()
	dir := t.TempDir()
	own, err := n.identity(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.MkdirAll(filepath.Join(dir, "ledgersData"), 0o700), writeNote(filepath.Join(dir, backupNote), own)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Plaintext of one organization must never come to another's disk by a backup.
func TestI1_a_backup_of_another_organization_is_refused(t *testing.T) {
	t.Parallel()
	n, us, eu := backupWorld(t)
	unfinished := backedUp(t, n, us)
	if err := os.Remove(filepath.Join(unfinished, backupNote)); err != nil {
		t.Fatal(err)
	}
	other, otherUS, _ := backupWorld(t)
	if err := os.WriteFile(genesisPath(other.dir), []byte("another channel"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, from := range map[string]string{
		"another organization's": backedUp(t, n, eu), "one that was not finished": unfinished, "another channel's": backedUp(t, other, otherUS),
	} {
		if err := n.Restore(t.Context(), us.name, from); !errors.Is(err, ErrBackup) {
			t.Errorf("%s: %v", name, err)
		}
		if err := n.CheckRestore(us.name, from); !errors.Is(err, ErrBackup) {
			t.Errorf("%s, before anything is done: %v", name, err)
		}
	}
	if _, err := os.Stat(filepath.Join(us.dataDir(), "kept")); err != nil {
		t.Error("a refused backup cost the peer's data:", err)
	}
	if err := n.checkBackup(us, backedUp(t, n, us)); err != nil {
		t.Error("the peer's own:", err)
	}
}

// The peer would serve what was purged since the backup.
func TestI10_a_restore_that_was_interrupted_leaves_a_peer_that_nothing_else_starts(t *testing.T) {
	t.Parallel()
	n, us, eu := backupWorld(t)
	from := backedUp(t, n, us)
	// Nothing runs, so the restored peer could not catch up.
	if err := n.Restore(t.Context(), us.name, from); err == nil {
		t.Fatal("restored without any orderer")
	}
	if _, err := os.Stat(filepath.Join(us.dataDir(), "kept")); err != nil || us.quarantined() {
		t.Fatalf("a restore that could not end cost the peer's data: %v", err)
	}
	// As far as a restore that was killed may have come.
	if err := errors.Join(os.WriteFile(us.quarantineFile(), nil, 0o600), os.RemoveAll(us.dataDir()), copyBackup(us.dataDir(), from)); err != nil {
		t.Fatal(err)
	}
	if err := n.replaceable(t.Context(), us); err != nil {
		t.Errorf("restored again: %v", err)
	}
	if err := n.StartNode(t.Context(), us.name); !errors.Is(err, ErrQuarantine) {
		t.Errorf("start: %v", err)
	}
	if err := n.startAll([]spec{us}); !errors.Is(err, ErrQuarantine) {
		t.Errorf("start of all: %v", err)
	}
	if err := n.Backup(t.Context(), us.name, filepath.Join(t.TempDir(), "b")); !errors.Is(err, ErrQuarantine) {
		t.Errorf("backup: %v", err)
	}
	var said []string
	wanted := n.wanted(Options{Progress: func(s string) { said = append(said, s) }})
	if len(wanted) != 1 || wanted[0].name != eu.name || !strings.Contains(strings.Join(said, ""), us.name) {
		t.Errorf("up wants %v and says %q", wanted, said)
	}
	if _, err := os.Stat(filepath.Join(us.dataDir(), backupNote)); err == nil {
		t.Error("the backup's note is among the peer's data")
	}
}

// What is marked and not swept is in the private data store in clear, and compaction keeps it.
func TestI10_a_restored_peer_has_swept_what_blocks_purged(t *testing.T) {
	t.Parallel()
	_, us, _ := backupWorld(t)
	db, err := leveldb.OpenFile(filepath.Join(us.dataDir(), "ledgersData", "pvtdataStore"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	mark := []byte(Channel + "\x00c purged")
	if err := errors.Join(db.Put([]byte(Channel+"\x00\x01"), []byte{6}, nil), db.Put(mark, []byte{1}, nil)); err != nil {
		t.Fatal(err)
	}
	if err := us.swept(t.Context(), 7); err == nil || !strings.Contains(err.Error(), "not swept 1 purged keys") {
		t.Errorf("with a mark: %v", err)
	}
	if err := db.Delete(mark, nil); err != nil {
		t.Fatal(err)
	}
	if err := us.swept(t.Context(), 8); err == nil || !strings.Contains(err.Error(), "7 blocks of 8") {
		t.Errorf("without the last block: %v", err)
	}
	if err := us.swept(t.Context(), 7); err != nil {
		t.Errorf("swept: %v", err)
	}
}

// It holds the key for the chaincode server of the peer that was backed up, and a peer in
// quarantine would connect to that server.
func TestABackupBringsNoConnectionToAChaincodeServer(t *testing.T) {
	t.Parallel()
	n, us, _ := backupWorld(t)
	from := backedUp(t, n, us)
	build := filepath.Join("externalbuilder", "builds", "domicile", "release", "connection.json")
	if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(from, build)), 0o700), os.WriteFile(filepath.Join(from, build), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "data")
	if err := copyBackup(to, from); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(to, "ledgersData")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(to, build)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: %v", build, err)
	}
}

func TestI1_nobody_else_may_read_a_backup(t *testing.T) {
	t.Parallel()
	n, us, _ := backupWorld(t)
	to := filepath.Join(t.TempDir(), "backup")
	// The peer has no programs and does not come back; its data is copied all the same.
	if err := n.Backup(t.Context(), us.name, to); err == nil {
		t.Fatal("a peer without programs started")
	}
	info, err := os.Stat(to)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Fatalf("%v, %v", info, err)
	}
	if _, err := os.Stat(filepath.Join(to, backupNote)); err != nil {
		t.Error(err)
	}
	if err := n.Backup(t.Context(), us.name, to); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("over another backup: %v", err)
	}
}
