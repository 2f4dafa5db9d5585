package erasure

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/util"
)

func benchPatterns(n int) []Pattern {
	var patterns []Pattern
	for i := range n {
		patterns = append(patterns, Pattern{Name: fmt.Sprint(i), Bytes: fmt.Appendf(nil, "canary-%d-%016x", i, i*7919)})
	}
	return patterns
}

const benchText = `{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]}}`

// BenchmarkStream is the speed of the search itself, on JSON text.
func BenchmarkStream(b *testing.B) {
	text := []byte(strings.Repeat(benchText, 10_000))
	for _, n := range []int{1, 200, 1000} {
		b.Run(fmt.Sprintf("%d patterns", n), func(b *testing.B) {
			m, err := newMatcher(benchPatterns(n))
			if err != nil {
				b.Fatal(err)
			}
			st := m.stream(func(*needle, int64) {})
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				_, _ = io.Copy(st, bytes.NewReader(text))
			}
		})
	}
}

// BenchmarkScan is the speed of a whole scan with 200 patterns, by bytes on disk, of a database of 2 KB values that
// compress to about half.
func BenchmarkScan(b *testing.B) {
	dir := b.TempDir()
	db, err := leveldb.OpenFile(dir, nil)
	if err != nil {
		b.Fatal(err)
	}
	value := make([]byte, 2048)
	for i := range 20_000 {
		for j := range value {
			if j%128 < 64 {
				value[j] = benchText[j%len(benchText)]
			} else {
				value[j] = byte(i * j >> 3)
			}
		}
		if err := db.Put(fmt.Appendf(nil, "k%d", i), value, nil); err != nil {
			b.Fatal(err)
		}
	}
	if err := db.CompactRange(util.Range{}); err != nil {
		b.Fatal(err)
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		r, err := Scan(b.Context(), Options{Roots: []string{dir}, Patterns: benchPatterns(200)})
		if err != nil || !r.Clean() {
			b.Fatal(err, r)
		}
		b.SetBytes(r.Bytes)
	}
}
