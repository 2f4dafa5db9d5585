package erasure_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/util"

	"domicile/erasure"
)

func TestGrepPassesWronglyWhereTheTableReaderFinds(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir)
	must(t, db.Put([]byte("r/1"), record(), nil))
	must(t, db.CompactRange(util.Range{}))
	must(t, db.Close())
	reopen(t, dir)
	if grep(t, dir, canary) {
		t.Fatal("the fixture does not hide the canary from grep")
	}
	r := scan(t, dir)
	if got := forms(r); got[erasure.FormTable] != 1 || got[erasure.FormRaw] != 0 {
		t.Fatalf("found %v, want it in the table only", got)
	}
	if len(r.NotCovered) > 0 {
		t.Fatalf("not covered: %v", r.NotCovered)
	}
}

func TestTableEntriesAreFoundInEveryState(t *testing.T) {
	key := []byte("r/" + canary)
	for _, c := range []struct {
		name string
		do   func(db *leveldb.DB) error
	}{
		{"as a value", func(db *leveldb.DB) error { return db.Put([]byte("k"), record(), nil) }},
		{"as a key", func(db *leveldb.DB) error { return db.Put(key, []byte("v"), nil) }},
		{"as a key that shares its beginning", func(db *leveldb.DB) error {
			return errors.Join(db.Put([]byte("r/Zebra-Canary-77 Zebra-Canary"), nil, nil), db.Put(key, nil, nil))
		}},
		{"shadowed by a newer version", func(db *leveldb.DB) error {
			return errors.Join(db.Put([]byte("k"), record(), nil), db.Put([]byte("k"), []byte("v"), nil))
		}},
		{"deleted", func(db *leveldb.DB) error {
			return errors.Join(db.Put([]byte("k"), record(), nil), db.Delete([]byte("k"), nil))
		}},
		{"deleted key", func(db *leveldb.DB) error { return db.Delete(key, nil) }},
		{"among many, far behind", func(db *leveldb.DB) error {
			for i := range 5000 {
				if err := db.Put(fmt.Appendf(nil, "a%05d", i), noise(100), nil); err != nil {
					return err
				}
			}
			return db.Put([]byte("k"), record(), nil)
		}},
		{"compressed in a value", func(db *leveldb.DB) error { return db.Put([]byte("k"), gz(t, record()), nil) }},
		{"as base64 in a value", func(db *leveldb.DB) error {
			return db.Put([]byte("k"), []byte("WmVicmEtQ2FuYXJ5LTc3IFplYnJhLUNhbmFyeS03OA=="), nil)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			db := open(t, dir)
			must(t, c.do(db))
			must(t, db.Close())
			reopen(t, dir) // journal → table, nothing merged
			r := scan(t, dir)
			got := forms(r)
			if got[erasure.FormTable]+got["table/base64"]+got["table/gzip"] == 0 || len(r.NotCovered) > 0 {
				t.Fatalf("found %v, not covered %v", got, r.NotCovered)
			}
		})
	}
}

func TestObsoleteTablesAreSearched(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir)
	must(t, db.Put([]byte("k"), record(), nil))
	must(t, db.Close())
	reopen(t, dir)
	tables, _ := filepath.Glob(filepath.Join(dir, "*.ldb"))
	old, err := os.ReadFile(tables[0])
	must(t, err)
	db = open(t, dir)
	must(t, db.Delete([]byte("k"), nil))
	must(t, db.Close())
	must(t, erasure.Compact(t.Context(), dir))
	if r := scan(t, dir); !r.Clean() {
		t.Fatalf("after compaction: %+v", r)
	}
	// As if the old table had never been unlinked, or been copied aside under another name.
	write(t, dir, "009999.ldb", old)
	write(t, dir, "backup.bin", old)
	if got := forms(scan(t, dir)); got[erasure.FormTable] != 2 {
		t.Fatalf("found %v, want it in both tables", got)
	}
}

func TestADamagedTableIsNeverPassedSilently(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir)
	for i := range 3000 {
		must(t, db.Put(fmt.Appendf(nil, "k%05d", i), noise(50), nil))
	}
	must(t, db.Put([]byte("z"), record(), nil))
	must(t, db.CompactRange(util.Range{}))
	must(t, db.Close())
	reopen(t, dir)
	tables, _ := filepath.Glob(filepath.Join(dir, "*.ldb"))
	whole, err := os.ReadFile(tables[0])
	must(t, err)
	for _, at := range []int{100, len(whole) / 2, len(whole) - 60, len(whole) - 40, len(whole) - 4} {
		bad := append([]byte{}, whole...)
		bad[at] ^= 0xff
		must(t, os.WriteFile(tables[0], bad, 0o644))
		r := scan(t, dir)
		if r.Clean() || at != len(whole)-40 && len(r.NotCovered) == 0 {
			t.Errorf("byte %d of %d changed: %+v", at, len(whole), r)
		}
		if at < len(whole)/2+1 && forms(r)[erasure.FormTable] != 1 {
			t.Errorf("byte %d changed: the intact blocks were not searched", at)
		}
	}
	must(t, os.WriteFile(tables[0], whole[:len(whole)-100], 0o644))
	if r := scan(t, dir); len(r.NotCovered) != 1 {
		t.Errorf("cut table: %+v", r)
	}
}

func TestTheJournalOfAnOpenDatabaseIsSearched(t *testing.T) {
	for _, before := range []int{0, 100, 32<<10 - 40, 32<<10 - 50, 32<<10 - 60, 64<<10 - 70, 100_000} {
		t.Run(fmt.Sprintf("after %d bytes", before), func(t *testing.T) {
			dir := t.TempDir()
			db := open(t, dir)
			defer db.Close()
			must(t, db.Put([]byte("k"), append(noise(before), record()...), nil))
			r := scan(t, dir)
			if got := forms(r); got[erasure.FormJournal] != 1 || len(r.NotCovered) > 0 {
				t.Fatalf("found %v, not covered %v", got, r.NotCovered)
			}
		})
	}
}

func TestARecordSplitBetweenJournalBlocksHidesFromGrep(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir)
	defer db.Close()
	// 7 bytes of chunk header, 12 of batch header, kind, key and lengths come before the value.
	must(t, db.Put([]byte("k"), append(noise(32<<10-7-12-6-10), canary...), nil))
	if grep(t, dir, canary) {
		t.Fatal("the fixture does not split the canary")
	}
	if got := forms(scan(t, dir)); got[erasure.FormJournal] != 1 {
		t.Fatalf("found %v", got)
	}
}

func TestAJournalGoesOnAfterAnUnfinishedRecord(t *testing.T) {
	logOf := func(value []byte) []byte {
		dir := t.TempDir()
		db := open(t, dir)
		defer db.Close()
		must(t, db.Put([]byte("k"), value, nil))
		logs, _ := filepath.Glob(filepath.Join(dir, "*.log"))
		b, err := os.ReadFile(logs[0])
		must(t, err)
		return b
	}
	// The first record would go on in the second block, where another begins instead.
	first := logOf(append([]byte(canary), noise(40_000)...))[:32<<10]
	copy(first[len(first)-6:], "halves")
	second := logOf([]byte(canary))
	dir := t.TempDir()
	write(t, dir, "000001.log", append(first, second...))
	must(t, os.WriteFile(filepath.Join(dir, "000002.log"), second, 0o600))
	r := scan(t, dir, canary)
	var got []string
	for _, f := range r.Findings {
		if f.Form == erasure.FormJournal {
			got = append(got, fmt.Sprintf("%s at %d: %d", filepath.Base(f.Path), f.Offset, f.Count))
		}
	}
	if want := "[000001.log at 0: 2 000002.log at 0: 1]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
	// What ends one record and begins the next is not one text.
	joined := "halves" + string(second[7:13])
	for _, f := range scan(t, dir, joined).Findings {
		if f.Form == erasure.FormJournal {
			t.Errorf("found what spans two records: %+v", f)
		}
	}
}

func TestATornJournalTailIsSearchedAndIsNoGap(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir)
	must(t, db.Put([]byte("k"), append(record(), noise(40_000)...), nil))
	logs, _ := filepath.Glob(filepath.Join(dir, "*.log"))
	whole, err := os.ReadFile(logs[0])
	must(t, err)
	must(t, db.Close())
	for _, n := range []int{200, 5000, 32<<10 - 3, 32 << 10, 32<<10 + 3, 32<<10 + 500, len(whole) - 1} {
		dir := t.TempDir()
		write(t, dir, "000001.log", whole[:n])
		r := scan(t, dir)
		if got := forms(r); got[erasure.FormJournal] != 1 || len(r.NotCovered) > 0 {
			t.Errorf("first %d bytes: found %v, not covered %v", n, got, r.NotCovered)
		}
	}
}

func TestCompactErasesWhatARangeCompactionLeaves(t *testing.T) {
	// Five tables with separate ranges of keys, each with a value and its deletion, moved to a lower level as they are.
	build := func() string {
		dir := t.TempDir()
		for i := range 6 {
			db := open(t, dir)
			k := fmt.Appendf(nil, "k%d", i)
			must(t, db.Put(k, record(), nil))
			must(t, db.Delete(k, nil))
			must(t, db.Put(fmt.Appendf(nil, "k%d-live", i), []byte("v"), nil))
			must(t, db.Close())
		}
		reopen(t, dir)
		return dir
	}
	plain := build()
	db := open(t, plain)
	must(t, db.CompactRange(util.Range{}))
	must(t, db.Close())
	reopen(t, plain)
	if scan(t, plain).Clean() {
		t.Log("LevelDB's range compaction alone erases this fixture too: it no longer shows why Compact does more")
	}

	dir := build()
	if scan(t, dir).Clean() {
		t.Fatal("the fixture holds no residue")
	}
	must(t, erasure.Compact(t.Context(), dir))
	if r := scan(t, dir); !r.Clean() {
		t.Fatalf("%+v", r)
	}
	db = open(t, dir)
	defer db.Close()
	n := 0
	for it := db.NewIterator(nil, nil); it.Next(); n++ {
		if !strings.HasSuffix(string(it.Key()), "-live") || string(it.Value()) != "v" {
			t.Errorf("content changed at %q", it.Key())
		}
	}
	if n != 6 {
		t.Errorf("%d live keys, want 6", n)
	}
}

func TestCompactKeepsTheContentOfALargeDatabase(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir)
	for i := range 4000 {
		must(t, db.Put(fmt.Appendf(nil, "k%05d", i%2500), append(noise(2000), record()...), nil))
	}
	for i := range 2500 {
		if i%3 != 0 {
			must(t, db.Delete(fmt.Appendf(nil, "k%05d", i), nil))
		} else {
			must(t, db.Put(fmt.Appendf(nil, "k%05d", i), noise(i), nil))
		}
	}
	must(t, db.Close())
	must(t, erasure.Compact(t.Context(), dir))
	if r := scan(t, dir); !r.Clean() {
		t.Fatalf("%+v", r)
	}
	db = open(t, dir)
	defer db.Close()
	for i := range 2500 {
		v, err := db.Get(fmt.Appendf(nil, "k%05d", i), nil)
		if i%3 != 0 && !errors.Is(err, leveldb.ErrNotFound) || i%3 == 0 && len(v) != i {
			t.Fatalf("key %d: %d bytes, %v", i, len(v), err)
		}
	}
}

func TestCompactRefusesADatabaseInUse(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir)
	defer db.Close()
	err := erasure.Compact(t.Context(), dir)
	if !errors.Is(err, erasure.ErrInUse) || !strings.Contains(err.Error(), "stop the process") {
		t.Fatalf("got %v", err)
	}
}

// TestCompactWaitsForALockThatIsLetGo: a program that the process has just started holds the
// locks of files that are closed already, for some milliseconds.
func TestCompactWaitsForALockThatIsLetGo(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir)
	must(t, db.Put([]byte("k"), []byte("v"), nil))
	must(t, db.Close())
	lock, err := os.OpenFile(filepath.Join(dir, "LOCK"), os.O_RDWR, 0)
	must(t, err)
	must(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB))
	time.AfterFunc(50*time.Millisecond, func() { lock.Close() })
	must(t, erasure.Compact(t.Context(), dir))
}

func TestCompactLeavesOtherDirectoriesAlone(t *testing.T) {
	dir := t.TempDir()
	if err := erasure.Compact(t.Context(), dir); !errors.Is(err, erasure.ErrNotLevelDB) {
		t.Fatalf("got %v", err)
	}
	if list, _ := os.ReadDir(dir); len(list) > 0 {
		t.Fatalf("files were made: %v", list)
	}
}

func TestALiveDatabaseHidesNothingWhileItMovesEntriesToNewFiles(t *testing.T) {
	const steady = "written-once-before-all-else"
	dir := t.TempDir()
	db := open(t, dir)
	must(t, db.Put([]byte("k250-"), []byte(steady), nil))
	written, value := make(chan error, 1), append(noise(4000), record()...)
	go func() {
		var err error
		for i := 0; i < 6000 && err == nil; i++ {
			err = db.Put(fmt.Appendf(nil, "k%d", i%500), value, nil)
		}
		written <- err
	}()
	for busy := true; busy; {
		select {
		case err := <-written:
			must(t, err)
			busy = false
		default:
		}
		r := scan(t, dir, steady)
		if len(r.Findings) == 0 {
			t.Errorf("missed: %+v", r)
		}
		for _, g := range r.NotCovered {
			t.Logf("not covered: %s", g)
		}
	}
	must(t, db.Close())
	if r := scan(t, dir, steady); len(r.NotCovered) > 0 || len(r.Findings) == 0 {
		t.Fatalf("at rest: %+v", r)
	}
}
