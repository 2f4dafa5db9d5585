package attest_test

import (
	"bytes"
	"compress/gzip"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/syndtr/goleveldb/leveldb"

	"domicile/chaincode/record"
	"domicile/erasure"
	"domicile/erasure/attest"
	"domicile/erasure/certificate"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func random(n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(rand.Uint32())
	}
	return out
}

// purged is a record as a purge leaves it: prints and nothing else.
func purged(t *testing.T, w *attest.Wanted) (value, key []byte) {
	t.Helper()
	salt, nonce := random(record.SaltLen), record.NewID()+record.NewID()
	value = record.EncodeValue(salt, bytes.Repeat([]byte(`{"resourceType":"Observation"} `), 60))
	key = []byte("domicile$us-a-due/2026-01-01/" + nonce)
	must(t, w.Add(record.Ref{Collection: "us-a", ID: record.NewID()}, []record.Print{
		record.PrintOf(salt), record.PrintOf(key[len(key)-record.TailLen:]),
	}))
	return value, key
}

// peerDir is a peer's directory with the three stores that hold plaintext.
func peerDir(t *testing.T, fill func(store string, db *leveldb.DB)) string {
	t.Helper()
	dir := t.TempDir()
	for _, store := range []string{"ledgersData/pvtdataStore", "ledgersData/stateLeveldb", "transientstore"} {
		db, err := leveldb.OpenFile(filepath.Join(dir, "data", store), nil)
		must(t, err)
		fill(store, db)
		must(t, db.Close())
	}
	must(t, os.WriteFile(filepath.Join(dir, "log"), []byte("started"), 0o600))
	return dir
}

func search(t *testing.T, dir string, w *attest.Wanted) (certificate.Node, []attest.Residue) {
	t.Helper()
	n, found, err := attest.Search(t.Context(), attest.Node{Name: "peer0", Kind: "peer", Dirs: []string{dir}, Height: 7}, w, time.Now)
	must(t, err)
	return n, found
}

func storesWith(found []attest.Residue) (out []string) {
	for _, r := range found {
		out = append(out, r.Store)
	}
	slices.Sort(out)
	return out
}

func TestT33_ResidueIsFoundInEveryStoreItLiesInAndNoneIsLeftAfterCompaction(t *testing.T) {
	t.Parallel()
	w := &attest.Wanted{}
	value, key := purged(t, w)
	dir := peerDir(t, func(store string, db *leveldb.DB) {
		for i := range 50 {
			must(t, db.Put([]byte{'a', byte(i)}, random(10), nil))
		}
		must(t, db.Put(key, value, nil))
		must(t, db.Delete(key, nil)) // the purge
	})
	n, found := search(t, dir, w)
	want := []string{"data/ledgersData/pvtdataStore", "data/ledgersData/stateLeveldb", "data/transientstore"}
	if got := storesWith(found); !slices.Equal(got, want) {
		t.Fatalf("found in %v, want %v", got, want)
	}
	for _, s := range n.Stores {
		if slices.Contains(want, s.Name) && (s.Found == 0 || s.Forms[string(erasure.FormJournal)] == 0 || s.Method != "tables, journals" || s.Bytes == 0) {
			t.Errorf("%+v", s)
		}
	}
	if text := found[0].String(); !strings.Contains(text, "peer0") || !strings.Contains(text, "1 records") {
		t.Errorf("says %q", text)
	}
	for _, store := range want {
		must(t, erasure.Compact(t.Context(), filepath.Join(dir, store)))
	}
	if n, found := search(t, dir, w); len(found) > 0 || len(n.Stores) < 4 {
		t.Errorf("after compaction: %v, %d stores", found, len(n.Stores))
	}
}

func TestResidueIsFoundInLogsGzipAndSnapshots(t *testing.T) {
	t.Parallel()
	w := &attest.Wanted{}
	value, key := purged(t, w)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, err := z.Write(value)
	must(t, err)
	must(t, z.Close())
	for name, plant := range map[string][]byte{
		"log": key, "old-log.gz": zipped.Bytes(), "data/snapshots/completed/1/private_state": value, "core": value,
	} {
		dir := peerDir(t, func(string, *leveldb.DB) {})
		path := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, append(random(100), plant...), 0o600))
		if _, found := search(t, dir, w); len(found) != 1 || !strings.HasPrefix(name, found[0].Store) {
			t.Errorf("planted in %s, found %v", name, found)
		}
	}
}

// held keeps a salt where the memory of this process is searched.
var held []byte

func TestResidueIsFoundInMemory(t *testing.T) {
	w := &attest.Wanted{}
	held, _ = purged(t, w)
	n, found, err := attest.Search(t.Context(), attest.Node{Name: "chaincode", Kind: "chaincode", PID: os.Getpid()}, w, time.Now)
	must(t, err)
	if gaps := n.Stores[0].NotCovered; len(gaps) > 0 && len(found) == 0 {
		t.Skipf("SKIPPED: memory cannot be read here: %v", gaps)
	}
	if len(found) != 1 || found[0].Store != "memory" {
		t.Errorf("found %v", found)
	}
}

func TestACanaryIsFoundInAnyEncoding(t *testing.T) {
	t.Parallel()
	draw, err := record.NewDrawer(random(record.SeedLen))
	must(t, err)
	c := record.CanaryBytes{Salt: draw.Salt("r"), Body: record.CanaryBody(draw)}
	w := &attest.Wanted{}
	w.AddCanary(record.Ref{Collection: "us-a", ID: record.NewID()}, c)
	dir := peerDir(t, func(string, *leveldb.DB) {})
	if _, found := search(t, dir, w); len(found) > 0 {
		t.Errorf("found %v where it never was", found)
	}
	must(t, os.WriteFile(filepath.Join(dir, "log"), []byte("hex "+strings.ToUpper(hexOf(c.Salt))), 0o600))
	if _, found := search(t, dir, w); len(found) != 1 || found[0].Store != "log" {
		t.Errorf("found %v", found)
	}
}

func hexOf(b []byte) string {
	const digits = "0123456789abcdef"
	var out strings.Builder
	for _, c := range b {
		out.WriteByte(digits[c>>4])
		out.WriteByte(digits[c&15])
	}
	return out.String()
}

func TestADirectoryThatIsNotThereIsAnErrorAndNotClean(t *testing.T) {
	t.Parallel()
	w := &attest.Wanted{}
	purged(t, w)
	_, _, err := attest.Search(t.Context(), attest.Node{Name: "peer0", Dirs: []string{filepath.Join(t.TempDir(), "no")}}, w, time.Now)
	if err == nil {
		t.Error("no error")
	}
}

// gapsOf counts what was not covered, by store.
func gapsOf(n certificate.Node) map[string]int {
	out := map[string]int{}
	for _, s := range n.Stores {
		if len(s.NotCovered) > 0 {
			out[s.Name] += len(s.NotCovered)
		}
	}
	return out
}

// A store on another disk, linked into the peer's directory, is not clean because nobody
// looked; it is searched when it is named as well.
func TestT33_AStoreThatIsALinkIsNamedAsNotSearched(t *testing.T) {
	t.Parallel()
	for _, at := range []string{".", "data", "data/ledgersData"} {
		w := &attest.Wanted{}
		value, _ := purged(t, w)
		dir, elsewhere := peerDir(t, func(string, *leveldb.DB) {}), filepath.Join(t.TempDir(), "disk2")
		db, err := leveldb.OpenFile(elsewhere, nil)
		must(t, err)
		must(t, db.Put([]byte("k"), value, nil))
		must(t, db.Close())
		must(t, os.RemoveAll(filepath.Join(dir, "data/ledgersData/pvtdataStore")))
		must(t, os.Symlink(elsewhere, filepath.Join(dir, at, "pvtdataStore")))
		name := filepath.Join(at, "pvtdataStore")
		node, found := search(t, dir, w)
		if got := gapsOf(node); len(got) != 1 || got[name] != 1 || len(found) > 0 {
			t.Errorf("link in %s: not covered %v, found %v", at, got, found)
		}
		if attest.Gaps(&certificate.Statement{Nodes: []certificate.Node{node}}) != 1 {
			t.Errorf("link in %s: no gap of the statement", at)
		}
		node, found, err = attest.Search(t.Context(), attest.Node{Name: "peer0", Kind: "peer", Dirs: []string{dir, elsewhere}, Height: 7}, w, time.Now)
		if got := gapsOf(node); err != nil || len(got) > 0 || len(found) != 1 {
			t.Errorf("link in %s to a directory that is named, too: %v, not covered %v, found %v", at, err, got, found)
		}
	}
}

// Directories that are not a peer's, such as its logs alone or the mount point of a disk
// that is not mounted, must not make a clean search.
func TestASearchOfDirectoriesThatAreNotAPeersIsNotClean(t *testing.T) {
	t.Parallel()
	w := &attest.Wanted{}
	purged(t, w)
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "peer.log"), []byte("started"), 0o600))
	node, _ := search(t, dir, w)
	if got := gapsOf(node); len(got) != 3 || attest.Whole(node) {
		t.Errorf("the logs alone: not covered %v", got)
	}
	whole := peerDir(t, func(string, *leveldb.DB) {})
	if node, _ = search(t, whole, w); len(gapsOf(node)) > 0 || !attest.Whole(node) {
		t.Errorf("a peer's directory: %+v", node.Stores)
	}
	node, _ = search(t, filepath.Join(whole, "data", "ledgersData"), w)
	if got := gapsOf(node); len(got) != 1 || got["transientstore"] != 1 {
		t.Errorf("its ledgers alone: not covered %v", got)
	}
}
