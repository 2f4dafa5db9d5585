package erasure

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/syndtr/goleveldb/leveldb"
)

// manyPrints is as many prints as wait to be searched for at once: those of 10,000
// records with ten each. DOMICILE_PRINTS asks for another number.
const manyPrints = 100_000

// heapLimit is what a search for so many may need, in bytes.
const heapLimit = 200 << 20

// randomPrints are prints of n random strings, of salts and of tails in turn, and the
// strings of the first few.
func randomPrints(n int) (list []Fingerprint, some [][]byte) {
	random := rand.NewChaCha8([32]byte{1})
	list = make([]Fingerprint, 0, n)
	for i := range n {
		b := make([]byte, 32-i%2*16)
		_, _ = random.Read(b) // never fails
		if i < 10 {
			some = append(some, b)
		}
		list = append(list, FingerprintOf(strconv.Itoa(i/10), b))
	}
	return list, some
}

// peakHeap is the most of the heap that was in use while f ran, over what was before.
func peakHeap(f func()) uint64 {
	var peak uint64
	look := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	runtime.GC()
	before := look()
	stop, done := make(chan struct{}), sync.WaitGroup{}
	done.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
				peak = max(peak, look())
			}
		}
	})
	f()
	close(stop)
	done.Wait()
	return max(peak, look(), before) - before
}

// Not parallel: it measures the heap of the whole process.
func TestASearchForAHundredThousandPrintsFindsEachInBoundedMemory(t *testing.T) {
	count := manyPrints
	if s := os.Getenv("DOMICILE_PRINTS"); s != "" {
		var err error
		if count, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	list, some := randomPrints(10)
	dir := t.TempDir()
	for _, store := range []string{"pvtdataStore", "stateLeveldb"} {
		db, err := leveldb.OpenFile(filepath.Join(dir, store), nil)
		if err != nil {
			t.Fatal(err)
		}
		random := rand.NewChaCha8([32]byte{2})
		for i := range 3000 {
			value := bytes.Repeat([]byte(benchText), 16)
			_, _ = random.Read(value[:32])
			copy(value[40:], some[i%10])
			if i >= 10 {
				copy(value[40:], make([]byte, 32))
			}
			if err := db.Put(fmt.Appendf(nil, "k%05d", i), value, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var report *Report
	start := time.Now()
	heap := peakHeap(func() {
		list, _ = randomPrints(count)
		w, err := NewWanted(nil, list...)
		if err != nil {
			t.Fatal(err)
		}
		if report, err = Scan(t.Context(), Options{Roots: []string{dir}, Wanted: w}); err != nil {
			t.Fatal(err)
		}
	})
	t.Logf("%d prints, %d MB of databases: %d MB of heap at most, %s", count, report.Bytes>>20, heap>>20, time.Since(start).Round(time.Millisecond))
	found := map[string]int{}
	for _, f := range report.Findings {
		found[f.Pattern] += f.Count
	}
	if found["0"] < 20 || len(found) != 1 || len(report.NotCovered) > 0 {
		t.Errorf("found %v, not covered %v", found, report.NotCovered)
	}
	if heap > heapLimit {
		t.Errorf("%d MB of heap, allowed are %d", heap>>20, heapLimit>>20)
	}
	runtime.KeepAlive(list)
}
