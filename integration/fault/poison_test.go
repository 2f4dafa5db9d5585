package fault

import (
	"bytes"
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/syndtr/goleveldb/leveldb"

	"domicile/chaincode/record"
	"domicile/internal/cli"
	"domicile/purge"
)

// TestARecordThatCannotBeReadKeepsNoOtherWaiting damages the metadata of one due record in
// the state of every peer. The others are purged past it, in their batches; it is counted,
// met again by the next run, and purged once it is repaired.
func TestARecordThatCannotBeReadKeepsNoOtherWaiting(t *testing.T) {
	ctx := patience(t, 2*time.Minute)
	c := start(ctx, t, topologyTwo)
	var list []*job
	for range 25 {
		list = append(list, newJob(usA, longAgo, 0))
	}
	c.mustPut(ctx, t, list)
	poison := list[dice(t).IntN(len(list))].id
	c.damage(ctx, t, poison, '{', '#')
	for run, want := range []int{len(list) - 1, 0} {
		a := c.ends(ctx, t, cli.ExitRefused, "purge", "run", "--region", usA.region, "--execute")
		s := &service{}
		s.readEvents(strings.NewReader(a.out))
		purged, failed := s.told(purge.EventPurged), s.told(purge.EventFailed)
		if len(purged) != want || slices.ContainsFunc(purged, func(e purge.Event) bool { return e.ID == poison }) {
			t.Errorf("run %d purges %d records, want %d", run, len(purged), want)
		}
		if len(failed) != 1 || failed[0].ID != poison || failed[0].Code != record.CodeInternal || !strings.Contains(a.words, "1 records are in the way") {
			t.Errorf("run %d: %+v\n%s", run, failed, a.words)
		}
	}
	c.damage(ctx, t, poison, '#', '{')
	a := c.ends(ctx, t, cli.ExitDone, "purge", "run", "--region", usA.region, "--execute")
	if !strings.Contains(a.words, "1 records were purged") {
		t.Errorf("after the repair: %s", a.words)
	}
}

// damage replaces the first byte of a record's metadata in the state of every peer that
// holds it, one peer after the other.
func (c *cluster) damage(ctx context.Context, t *testing.T, id string, from, to byte) {
	t.Helper()
	for _, p := range c.peersOf(usA.org) {
		dir := filepath.Join(c.dataDir(ctx, t, p.Name), "ledgersData", "stateLeveldb")
		c.must(t, c.StopNode(ctx, p.Name))
		if n := rewrite(t, dir, record.MetaKey(id), from, to); n != 1 {
			t.Fatalf("%s holds the metadata %d times", p.Name, n)
		}
		c.must(t, c.StartNode(ctx, p.Name))
		c.must(t, c.WaitDiscovered(ctx))
	}
}

// rewrite changes the first such byte of the values under keys with an end.
func rewrite(t *testing.T, dir, end string, from, to byte) (n int) {
	t.Helper()
	db, err := leveldb.OpenFile(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	it := db.NewIterator(nil, nil)
	defer it.Release()
	for it.Next() {
		value := bytes.Clone(it.Value())
		at := bytes.Index(value, []byte{from, '"', 'v', '"'})
		if !bytes.HasSuffix(it.Key(), []byte(end)) || at < 0 {
			continue
		}
		value[at] = to
		n++
		if err := db.Put(bytes.Clone(it.Key()), value, nil); err != nil {
			t.Fatal(err)
		}
	}
	return n
}
