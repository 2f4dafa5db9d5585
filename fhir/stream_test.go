package fhir

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
)

// generated is a Bundle of n entries that is never in memory as a whole.
func generated(n int) io.Reader {
	pad := strings.Repeat("x", 4000)
	return io.MultiReader(
		strings.NewReader(`{"resourceType":"Bundle","type":"collection","entry":[{}`),
		&repeater{n: n, make: func(i int) string {
			return fmt.Sprintf(`,{"fullUrl":"urn:uuid:%036d","resource":{"resourceType":"Basic","id":"b%d","x":%q}}`, i, i, pad)
		}},
		strings.NewReader(`]}`))
}

type repeater struct {
	i, n int
	make func(int) string
	rest string
}

func (r *repeater) Read(p []byte) (int, error) {
	if r.rest == "" {
		if r.i == r.n {
			return 0, io.EOF
		}
		r.rest = r.make(r.i)
		r.i++
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func TestMemoryIsBoundedByOneEntryAndAnIndex(t *testing.T) {
	const n = 20_000 / scale // 4 KB each
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	sum, err := Inspect(generated(n), SplitOptions{})
	if err != nil || sum.Records != n || sum.Skipped != 1 {
		t.Fatalf("%+v, %v", sum, err)
	}
	if kept := heap() - before; kept > n*250 {
		t.Errorf("the summary of %d entries keeps %d bytes", n, kept)
	}
	count, peak := 0, uint64(0)
	for e, err := range Split(generated(n), sum) {
		if err != nil {
			t.Fatal(err)
		}
		if count++; count%(n/4) == 0 {
			peak = max(peak, heap()-before)
		}
		_ = e
	}
	if count != n+1 || peak > n*250+1<<20 {
		t.Errorf("%d entries, %d bytes in use", count, peak)
	}
}

func FuzzSplit(f *testing.F) {
	for _, s := range []string{
		`{"resourceType":"Bundle","type":"batch","entry":` + twoEntries + `}`, "{\"resourceType\":\"Basic\"}\n\n{\"resourceType\":\"Basic\"}",
		`{"entry":[{"item":1}],"resourceType":"List"}`, ` {"resourceType":"Bundle","type":"document","entry":[{"resource":{}}]}`, `[1]`,
	} {
		f.Add([]byte(s), byte(3))
	}
	f.Fuzz(func(t *testing.T, in []byte, chunk byte) {
		sum, entries, err := records(t, in, SplitOptions{})
		sum2, err2 := Inspect(&chunked{in, int(chunk)%7 + 1}, SplitOptions{})
		if fmt.Sprint(err) != fmt.Sprint(err2) || fmt.Sprint(sum) != fmt.Sprint(sum2) {
			t.Fatalf("the size of reads matters: %v, %v", err, err2)
		}
		whole, perr := Parse(in)
		reason, _ := ReasonOf(perr)
		if err != nil {
			ireason, ok := ReasonOf(err)
			if !ok {
				t.Fatalf("no reason in %v", err)
			}
			if perr == nil && (whole.Type != "Bundle" || ireason != BadBundle && ireason != NoResourceType) {
				t.Fatalf("Parse accepts what Inspect refuses: %v", err)
			}
			return
		}
		if sum.Kind == KindNDJSON != (reason == TrailingData) || perr != nil && reason != TrailingData && reason != TooDeep {
			t.Fatalf("Inspect says %s, Parse %v", sum.Kind, perr)
		}
		i := 0
		for e, err := range Split(&chunked{in, int(chunk)%7 + 1}, sum2) {
			if err != nil || !bytes.Equal(e.Raw, entries[i].Raw) || e.Skipped != entries[i].Skipped {
				t.Fatalf("entry %d differs with the size of reads: %v", i, err)
			}
			i++
		}
		if sum.Kind == KindBundle && !sum.Whole {
			var second map[string]json.RawMessage // a map keeps the case of names
			var items []json.RawMessage
			if json.Unmarshal(in, &second) != nil || second["entry"] != nil && json.Unmarshal(second["entry"], &items) != nil ||
				len(items) != len(entries) {
				t.Fatalf("%d entries, a second decoder finds %d", len(entries), len(items))
			}
		}
	})
}

// chunked reads at most n bytes at a time.
type chunked struct {
	b []byte
	n int
}

func (c *chunked) Read(p []byte) (int, error) {
	if len(c.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(c.n, len(p))], c.b)
	c.b = c.b[n:]
	return n, nil
}

func BenchmarkSplit(b *testing.B) {
	in, err := io.ReadAll(generated(1000))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		sum, err := Inspect(bytes.NewReader(in), SplitOptions{})
		if err != nil {
			b.Fatal(err)
		}
		for _, err := range Split(bytes.NewReader(in), sum) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
