package erasure_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/opt"

	"domicile/erasure"
)

// canary is a value no other data contains. Its halves repeat, which makes Snappy break it up.
const canary = "Zebra-Canary-77 Zebra-Canary-78"

func patterns(values ...string) []erasure.Pattern {
	var out []erasure.Pattern
	for i, v := range values {
		out = append(out, erasure.Pattern{Name: fmt.Sprintf("p%d", i), Bytes: []byte(v)})
	}
	return out
}

func scan(t *testing.T, dir string, values ...string) *erasure.Report {
	t.Helper()
	if len(values) == 0 {
		values = []string{canary}
	}
	r, err := erasure.Scan(t.Context(), erasure.Options{Roots: []string{dir}, Patterns: patterns(values...)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// forms returns the number of hits by form.
func forms(r *erasure.Report) map[erasure.Form]int {
	out := map[erasure.Form]int{}
	for _, f := range r.Findings {
		out[f.Form] += f.Count
	}
	return out
}

func write(t *testing.T, dir, name string, data []byte) string {
	t.Helper()
	p := filepath.Join(dir, name)
	must(t, os.MkdirAll(filepath.Dir(p), 0o755))
	must(t, os.WriteFile(p, data, 0o644))
	return p
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// noise is incompressible and the same each time.
func noise(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func open(t *testing.T, dir string) *leveldb.DB {
	t.Helper()
	db, err := leveldb.OpenFile(dir, &opt.Options{})
	must(t, err)
	return db
}

// reopen opens and closes the database, which moves the journal into a table.
func reopen(t *testing.T, dir string) {
	t.Helper()
	must(t, open(t, dir).Close())
}

// grep reports whether any file below dir contains s as it is: the check that compressed tables deceive.
func grep(t *testing.T, dir, s string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	must(t, err)
	for _, f := range files {
		b, err := os.ReadFile(f)
		must(t, err)
		if bytes.Contains(b, []byte(s)) {
			return true
		}
	}
	return false
}

// record is a value in which Snappy hides the canary: everything in it was there before in other words.
func record() []byte {
	return []byte("77 Zebra-Canary- 78 Zebra Canary " + canary + " and Zebra-Canary again")
}
