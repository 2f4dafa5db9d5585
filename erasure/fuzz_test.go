package erasure

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/journal"
	"google.golang.org/protobuf/proto"
)

const seedCanary = "canary-of-the-fuzz-tests"

func seedMatcher(tb testing.TB) *matcher {
	tb.Helper()
	m, err := newMatcher([]Pattern{{Name: "p", Bytes: []byte(seedCanary)}})
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// seedFiles returns the files of a small database: tables, a journal and a manifest.
func seedFiles(tb testing.TB) map[string][]byte {
	tb.Helper()
	dir := tb.TempDir()
	for range 3 {
		db, err := leveldb.OpenFile(dir, nil)
		if err != nil {
			tb.Fatal(err)
		}
		for i := range 50 {
			if err := db.Put(fmt.Appendf(nil, "key-%d", i), bytes.Repeat([]byte(seedCanary), i), nil); err != nil {
				tb.Fatal(err)
			}
		}
		if err := db.Close(); err != nil {
			tb.Fatal(err)
		}
	}
	out := map[string][]byte{}
	list, err := os.ReadDir(dir)
	if err != nil {
		tb.Fatal(err)
	}
	for _, e := range list {
		if tableName.MatchString(e.Name()) || journalName.MatchString(e.Name()) {
			b, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				tb.Fatal(err)
			}
			out[e.Name()] = b
		}
	}
	return out
}

// FuzzFile searches garbage under the names of every container: no panic, no more hits than bytes, damage is named.
func FuzzFile(f *testing.F) {
	for _, b := range seedFiles(f) {
		f.Add(b)
	}
	f.Add([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"))
	m := seedMatcher(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<18 {
			t.Skip("larger than what fits the time of one run")
		}
		for _, name := range []string{"000001.ldb", "000001.log", "plain"} {
			s := &files{m: m, maxInflate: 1 << 20}
			if err := s.file(t.Context(), &tally{}, name, bytes.NewReader(b), int64(len(b))); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// FuzzJournal compares with LevelDB's own reader: every record it can read, the scanner searched.
func FuzzJournal(f *testing.F) {
	f.Add([]byte(seedCanary), uint16(100), uint8(3))
	f.Add(bytes.Repeat([]byte(seedCanary), 2000), uint16(32<<10-30), uint8(9))
	m := seedMatcher(f)
	f.Fuzz(func(t *testing.T, value []byte, pad uint16, records uint8) {
		var file bytes.Buffer
		w := journal.NewWriter(&file)
		want := 0
		for i := range int(records%20) + 1 {
			rec := append(bytes.Repeat([]byte{'-'}, int(pad)*i%70_000), value...)
			want += countOverlapping(rec, []byte(seedCanary))
			j, err := w.Next()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := j.Write(rec); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		tl := &tally{}
		s := &files{m: m}
		if err := s.journal(context.Background(), tl, "x", bytes.NewReader(file.Bytes()), int64(file.Len())); err != nil {
			t.Fatal(err)
		}
		got := 0
		if h := tl.found[tallyKey{"x", FormJournal, "p"}]; h != nil {
			got = h.Count
		}
		damaged := strings.Contains(strings.Join(tl.gaps, " "), "damaged")
		if got != want || damaged {
			t.Fatalf("%d hits, want %d; gaps %v", got, want, tl.gaps)
		}
	})
}

func countOverlapping(b, sub []byte) (n int) {
	for i := bytes.Index(b, sub); i >= 0; i = bytes.Index(b, sub) {
		n++
		b = b[i+1:]
	}
	return n
}

// FuzzMatcher compares with bytes.Index, for any needle and any division into pieces.
func FuzzMatcher(f *testing.F) {
	f.Add([]byte("xxabcdefgabcdefgh"), []byte("abcdef"), []byte("defgab"), uint16(3))
	f.Add(bytes.Repeat([]byte{0}, 300), bytes.Repeat([]byte{0}, 6), bytes.Repeat([]byte{0}, 40), uint16(1))
	f.Fuzz(func(t *testing.T, text, a, b []byte, piece uint16) {
		if len(a) < MinPattern || len(b) < MinPattern || len(a) > 1000 || len(b) > 1000 {
			t.Skip("not a pattern")
		}
		m, err := newMatcher([]Pattern{{"a", a}, {"b", b}})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]int{}
		st := m.stream(func(n *needle, at int64) {
			if n.form == FormRaw {
				got[n.pattern]++
			}
		})
		for rest := text; len(rest) > 0; {
			n := min(len(rest), int(piece)+1)
			_, _ = st.Write(rest[:n])
			rest = rest[n:]
		}
		st.Close()
		want := map[string]int{}
		for name, p := range map[string][]byte{"a": a, "b": b} {
			if n := countOverlapping(text, p); n > 0 {
				want[name] = n
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
	})
}

// FuzzDecodeBlock takes anything apart without panic; what decodes from the storage format encodes to the same bytes.
func FuzzDecodeBlock(f *testing.F) {
	b, err := proto.Marshal(&common.Block{Header: &common.BlockHeader{Number: 7}, Data: &common.BlockData{Data: [][]byte{{0x0a, 0}}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{0, 0, 0, 1, 2, 0x0a, 0, 0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) > 1<<18 {
			t.Skip("larger than what fits the time of one run")
		}
		block, err := DecodeBlock(raw)
		if err != nil {
			return
		}
		for _, field := range BlockFields(block) {
			if len(field.Bytes) == 0 || field.Path == "" {
				t.Fatalf("empty field %q", field.Path)
			}
		}
	})
}

// FuzzBlockFile reads garbage as a block file: no panic, no endless loop, at most one error.
func FuzzBlockFile(f *testing.F) {
	f.Add(append(binary.AppendUvarint(nil, 8), 0, 0, 0, 1, 2, 0x0a, 0, 0))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, raw []byte) {
		sub, err := os.MkdirTemp(dir, "")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(sub)
		if err := os.WriteFile(filepath.Join(sub, "blockfile_000000"), raw, 0o600); err != nil {
			t.Fatal(err)
		}
		blocks, errs := 0, 0
		for _, err := range Blocks(sub) {
			if err != nil {
				errs++
			} else {
				blocks++
			}
		}
		if blocks > len(raw) || errs > 1 {
			t.Fatalf("%d blocks and %d errors from %d bytes", blocks, errs, len(raw))
		}
	})
}
