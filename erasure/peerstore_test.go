package erasure

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/util"
)

// storeKey is a key of a channel in a peer's private data store.
func storeKey(channel string, prefix byte, rest string) []byte {
	return append(append([]byte(channel), 0, prefix), rest...)
}

func putAll(t *testing.T, db *leveldb.DB, keys ...[]byte) {
	t.Helper()
	for _, k := range keys {
		if err := db.Put(k, []byte{1}, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// putMissing enters that data of so many transactions of a block is missing.
func putMissing(t *testing.T, db *leveldb.DB, key []byte, transactions ...int) {
	t.Helper()
	length := slices.Max(transactions) + 1
	set := make([]byte, setHeader+(length+63)/64*8)
	binary.BigEndian.PutUint64(set, uint64(length))
	for _, n := range transactions {
		set[setHeader+n/64*8+7-n%64/8] |= 1 << (n % 8)
	}
	if err := db.Put(key, set, nil); err != nil {
		t.Fatal(err)
	}
}

func openPrivateStore(t *testing.T) (dataDir string, db *leveldb.DB) {
	t.Helper()
	dataDir = t.TempDir()
	db, err := leveldb.OpenFile(filepath.Join(dataDir, "ledgersData", "pvtdataStore"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return dataDir, db
}

func readPrivate(t *testing.T, dataDir string) PrivateStore {
	t.Helper()
	s, err := ReadPrivateStore(t.Context(), dataDir, "")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestThePrivateStoreOfAPeerThatRunsSaysWhatIsNotSweptAndWhatIsMissing(t *testing.T) {
	t.Parallel()
	dir, db := openPrivateStore(t)
	for channel, height := range map[string]uint64{"global": 41, "other": 7} {
		if err := db.Put(storeKey(channel, storeLastBlock, ""), binary.AppendUvarint(nil, height), nil); err != nil {
			t.Fatal(err)
		}
	}
	putAll(t, db, storeKey("global", 2, "data"), storeKey("global", 'b', "index"), storeKey("global", 'd', "coll"), storeKey("global", 'e', "old mark"))
	if got := readPrivate(t, dir); got != (PrivateStore{Blocks: 42}) {
		t.Errorf("nothing purged: %+v", got)
	}
	putAll(t, db, storeKey("global", 'c', "one"), storeKey("other", 'c', "two"))
	putMissing(t, db, storeKey("global", 4, "a"), 0, 70)
	putMissing(t, db, storeKey("global", 8, "b"), 3)
	want := PrivateStore{Blocks: 42, Unswept: 2, Missing: 3}
	if got := readPrivate(t, dir); got != want {
		t.Errorf("in the journal: %+v", got)
	}
	if err := db.CompactRange(util.Range{}); err != nil {
		t.Fatal(err)
	}
	if got := readPrivate(t, dir); got != want {
		t.Errorf("in tables: %+v", got)
	}
	if got, err := ReadPrivateStore(t.Context(), dir, "other"); err != nil || got != (PrivateStore{Blocks: 8, Unswept: 1}) {
		t.Errorf("one channel: %+v, %v", got, err)
	}
	for _, k := range [][]byte{storeKey("global", 'c', "one"), storeKey("other", 'c', "two")} {
		if err := db.Delete(k, nil); err != nil {
			t.Fatal(err)
		}
	}
	if got := readPrivate(t, dir); got.Unswept != 0 {
		t.Errorf("after the sweep: %+v", got)
	}
}

func TestThePrivateStoreIsReadWhileThePeerReplacesItsFiles(t *testing.T) {
	t.Parallel()
	dir, db := openPrivateStore(t)
	putAll(t, db, storeKey("global", 'c', "one"))
	done := make(chan error)
	stop, cancel := context.WithCancel(t.Context())
	go func() {
		var err error
		for i := 0; stop.Err() == nil && err == nil; i++ {
			key := storeKey("global", 2, fmt.Sprintf("%06d", i%500))
			err = errors.Join(db.Put(key, make([]byte, 4000), nil), db.Delete(key, nil))
			if i%200 == 0 {
				err = errors.Join(err, db.CompactRange(util.Range{}))
			}
		}
		done <- err
	}()
	for range 20 {
		if got := readPrivate(t, dir); got.Unswept != 1 {
			t.Errorf("%+v", got)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestADirectoryWithoutPrivateStoreIsAnError(t *testing.T) {
	t.Parallel()
	if _, err := ReadPrivateStore(t.Context(), t.TempDir(), ""); !errors.Is(err, ErrNotLevelDB) {
		t.Errorf("error %v", err)
	}
}
