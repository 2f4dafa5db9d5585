package purge

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"domicile/chaincode/record"
)

// due makes records that are due: perTx of each of txs put transactions, which hold
// 10 records of size bytes each. known says whether their sizes are on the ledger.
func due(txs, perTx, size int, known bool) []Item {
	var out []Item
	for tx := range txs {
		for i := range perTx {
			it := Item{ID: fmt.Sprint(tx, "-", i), PutTx: fmt.Sprint("tx", tx), Size: size}
			if known {
				it.PutCount, it.PutBytes = record.BatchRecords, record.BatchRecords*size
			}
			out = append(out, it)
		}
	}
	return out
}

// cuts are what batches do to the peers' stores.
type cuts struct {
	batches, short int
	rewrites       map[string]int // put transaction -> batches that touch it
	fewest         int            // put transactions in a full batch
}

// check fails when a batch is too large, or a record is not in exactly one.
func check(t *testing.T, items []Item, list [][]Item, limit int, sweep int64) cuts {
	t.Helper()
	seen, known := map[string]int{}, map[string]Item{}
	for _, it := range items {
		known[it.ID] = it
	}
	c := cuts{batches: len(list), rewrites: map[string]int{}, fewest: limit}
	for _, b := range list {
		if len(b) == 0 || len(b) > limit {
			t.Fatalf("a batch of %d, want 1 to %d", len(b), limit)
		}
		txs := map[string]int64{}
		for _, it := range b {
			if it != known[it.ID] {
				t.Fatalf("%s was altered", it.ID)
			}
			seen[it.ID]++
			tx := it.PutTx
			if tx == "" {
				tx = "of " + it.ID
			}
			txs[tx] = max(txs[tx], cost(it))
		}
		var touched int64
		for tx, n := range txs {
			touched += n
			c.rewrites[tx]++
		}
		if touched > sweep && len(txs) > 1 {
			t.Fatalf("a batch touches %d bytes of %d write sets", touched, len(txs))
		}
		if len(b) < limit {
			c.short++
		} else {
			c.fewest = min(c.fewest, len(txs))
		}
	}
	for id, n := range seen {
		if n != 1 {
			t.Fatalf("%s is in %d batches", id, n)
		}
	}
	if len(seen) != len(items) {
		t.Fatalf("%d of %d records are in a batch", len(seen), len(items))
	}
	return c
}

func TestBatchesHaveAFixedSizeAndMixTransactions(t *testing.T) {
	for name, c := range map[string]struct {
		items         []Item
		limit         int
		short, fewest int
		sum           int // of rewrites, at most
		most          int // of one transaction
	}{
		"whole transactions fill batches and are rewritten once": {due(100, 10, 2000, true), 50, 0, 5, 100, 1},
		"that their sizes are not known makes no difference":     {due(100, 10, 2000, false), 50, 0, 5, 100, 1},
		"nor do the sizes": {due(100, 10, 51_000, true), 50, 0, 5, 100, 1},
		"a batch that they do not fill cuts one, and the next takes it":   {due(100, 7, 2000, true), 50, 0, 8, 100 + 14, 2},
		"a batch as small as one of them is still of two":                 {due(100, 10, 2000, true), 10, 0, 2, 200, 2},
		"a small batch of an odd size cuts more, and never beyond that":   {due(100, 10, 2000, true), 9, 1, 2, 300 + 112, 6},
		"one record each of many makes full batches where they are small": {due(500, 1, 2000, true), 50, 0, 50, 500, 1},
		"and small ones where nobody knows":                               {due(60, 1, 2000, false), 50, 10, 0, 60, 1},
		"a last one may be of a single transaction":                       {due(1, 10, 2000, true), 10, 0, 1, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			got := check(t, c.items, batches(c.items, c.limit, DefaultSweepBytes, rand.New(rand.NewPCG(3, 4))), c.limit, DefaultSweepBytes)
			sum, most := 0, 0
			for _, n := range got.rewrites {
				sum, most = sum+n, max(most, n)
			}
			if got.short > c.short || sum > c.sum || most > c.most || got.fewest < c.fewest && got.short < got.batches {
				t.Errorf("%d batches, %d short, %d rewrites, %d of one transaction, %d transactions in a full batch at least; want %+v",
					got.batches, got.short, sum, most, got.fewest, []int{c.short, c.sum, c.most, c.fewest})
			}
		})
	}
}

// What outsiders see of a batch must not depend on what they cannot see.
func TestTheSizesOfRecordsDoNotShowInBatchesOfWholeTransactions(t *testing.T) {
	draw := func(size int) (out [][]string) {
		for _, b := range batches(due(40, 10, size, true), DefaultBatchRecords, DefaultSweepBytes, rand.New(rand.NewPCG(5, 6))) {
			out = append(out, ids(b))
		}
		return out
	}
	want := draw(1)
	for _, size := range []int{2000, 30_000, record.BatchBytes / record.BatchRecords} {
		if !slices.EqualFunc(draw(size), want, slices.Equal) {
			t.Errorf("records of %d bytes make other batches than records of one", size)
		}
	}
}

func TestDrawsDifferEachTime(t *testing.T) {
	items := due(20, 10, 2000, true)
	first := func(seed uint64) []string {
		return ids(batches(items, 50, DefaultSweepBytes, rand.New(rand.NewPCG(seed, 0)))[0])
	}
	if slices.Equal(first(1), first(2)) {
		t.Error("two draws are alike")
	}
	if b := first(3); slices.IsSorted(b) {
		t.Errorf("the records of a batch stand in order: %v", b)
	}
}

func FuzzBatches(f *testing.F) {
	f.Add(uint64(1), 30, 10, 1000, 10)
	f.Add(uint64(2), 600, 50, 50_000, 60)
	f.Add(uint64(3), 99, 1, 1<<24, 3)
	f.Add(uint64(4), 100, 100, 500_000, 0)
	f.Fuzz(func(t *testing.T, seed uint64, n, limit, size, txs int) {
		n, limit, txs = min(max(n, 0), 600), min(max(limit, 1), 100), min(max(txs, 0), 600)
		r := rand.New(rand.NewPCG(seed, 0))
		var items []Item
		for i := range n {
			it := Item{ID: fmt.Sprint(i), Size: min(max(size, 0), 1<<24) / (1 + r.IntN(9))}
			if tx := r.IntN(txs + 1); tx > 0 { // 0: not known
				it.PutTx = fmt.Sprint(tx)
				if tx%2 == 0 {
					it.PutCount, it.PutBytes = 1+tx%10, min(max(size, 0), 1<<24)/(1+tx%7)
				}
			}
			items = append(items, it)
		}
		got := check(t, items, batches(items, limit, DefaultSweepBytes, r), limit, DefaultSweepBytes)
		of := map[string]int{}
		for _, it := range items {
			of[it.PutTx]++
		}
		share := max(1, limit/2)
		for tx, n := range got.rewrites {
			if k := of[tx]; k > 0 && n > 2*((k+share-1)/share) {
				t.Fatalf("%d due records of one transaction are in %d batches of %d", k, n, limit)
			}
		}
	})
}
