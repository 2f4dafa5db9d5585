package erasure_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unicode/utf16"

	"domicile/erasure"
)

func gz(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(b)
	must(t, err)
	must(t, w.Close())
	return out.Bytes()
}

func wrapped(s string, width int, end string) string {
	var b strings.Builder
	for len(s) > width {
		b.WriteString(s[:width] + end)
		s = s[width:]
	}
	return b.String() + s
}

func TestAKnownLeakIsFoundInEachTextualForm(t *testing.T) {
	const odd = "Müller <\"Zoë\"> & Søn"
	b64 := base64.StdEncoding.EncodeToString
	asJSON, err := json.Marshal(map[string]string{"display": odd})
	must(t, err)
	nested, err := json.Marshal(map[string]string{"body": string(asJSON)})
	must(t, err)
	buffer := []byte(`{"type":"Buffer","data":` + strings.ReplaceAll(fmt.Sprint([]byte(odd)), " ", ",") + `}`)
	var wide []byte
	for _, u := range utf16.Encode([]rune(odd)) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	for _, c := range []struct {
		name string
		data []byte
		form erasure.Form
	}{
		{"plain", []byte("level=info msg=" + odd), erasure.FormRaw},
		{"base64 at alignment 0", []byte("v=" + b64([]byte("abc"+odd+"xyz"))), erasure.FormBase64},
		{"base64 at alignment 1", []byte("v=" + b64([]byte("a"+odd+"yz"))), erasure.FormBase64},
		{"base64 at alignment 2", []byte("v=" + b64([]byte("ab"+odd+"z"))), erasure.FormBase64},
		{"base64 in lines", []byte("-----BEGIN X-----\n" + wrapped(b64([]byte("ab"+odd+"z")), 10, "\n")), erasure.FormBase64},
		{"base64 in lines inside JSON", []byte(wrapped(b64([]byte("ab"+odd+"z")), 10, `\n`)), erasure.FormBase64},
		{"hex", []byte("v=" + hex.EncodeToString([]byte(odd))), erasure.FormHex},
		{"upper case hex in CRLF lines", []byte(wrapped(strings.ToUpper(hex.EncodeToString([]byte(odd))), 16, "\r\n")), erasure.FormHex},
		{"JSON", asJSON, erasure.FormEscaped},
		{"JSON inside JSON", nested, erasure.FormEscaped},
		{"JSON in ASCII", []byte(`M\u00fcller <\"Zo\u00eb\"> & S\u00f8n`), erasure.FormEscaped},
		{"Go's %q", fmt.Appendf(nil, "%q", odd), erasure.FormEscaped},
		{"Go's %+q", fmt.Appendf(nil, "%+q", odd), erasure.FormEscaped},
		{"Go's %v of bytes", fmt.Appendf(nil, "%v", []byte(odd)), erasure.FormDecimal},
		{"Node's Buffer in JSON", buffer, erasure.FormDecimal},
		{"UTF-16", wide, erasure.FormUTF16},
		{"gzip", gz(t, []byte("x "+odd)), erasure.FormGzip},
		{"gzip in the middle", append(noise(1000), gz(t, []byte("x "+odd))...), erasure.FormGzip},
		{"gzip in gzip", gz(t, append([]byte("abc"), gz(t, []byte(odd))...)), erasure.FormGzip},
		{"second gzip member", append(gz(t, noise(100)), gz(t, []byte(odd))...), erasure.FormGzip},
		{"hex in gzip", gz(t, []byte(hex.EncodeToString([]byte(odd)))), "gzip/hex"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "sub/peer.log", c.data)
			r := scan(t, dir, odd)
			if got := forms(r); len(got) != 1 || got[c.form] != 1 {
				t.Fatalf("found %v, want one %s", got, c.form)
			}
			if len(r.NotCovered) > 0 {
				t.Fatalf("not covered: %v", r.NotCovered)
			}
			if clean := scan(t, dir, "something else"); !clean.Clean() {
				t.Fatalf("another pattern gave %+v", clean)
			}
		})
	}
}

func TestHitsAcrossBufferBoundariesAreFoundOnce(t *testing.T) {
	const buffer = 256 << 10
	for _, at := range []int{0, 1, buffer - len(canary), buffer - len(canary) + 1, buffer - 1, buffer, 2*buffer - 7, 3*buffer - 100} {
		dir := t.TempDir()
		data := noise(3 * buffer)
		copy(data[at:], canary)
		write(t, dir, "f", data)
		r := scan(t, dir)
		if len(r.Findings) != 1 || r.Findings[0].Count != 1 || r.Findings[0].Offset != int64(at) {
			t.Errorf("planted at %d: %+v", at, r.Findings)
		}
	}
}

func TestTheLongestFormIsFoundOnceAtEachPlaceOfABoundary(t *testing.T) {
	const buffer = 256 << 10
	long := strings.Trim(strings.ReplaceAll(fmt.Sprint([]byte(canary)), " ", ", "), "[]")
	dir := t.TempDir()
	for at := buffer - len(long) - 2; at <= buffer+2; at++ {
		data := make([]byte, buffer+1000)
		copy(data[at:], long)
		write(t, dir, "f", data)
		r := scan(t, dir)
		if len(r.Findings) != 1 || r.Findings[0].Count != 1 || r.Findings[0].Offset != int64(at) {
			t.Errorf("planted at %d: %+v", at, r.Findings)
		}
	}
}

func TestManyPatternsAreAllFoundAndCounted(t *testing.T) {
	var values []string
	var data []byte
	for i := range 300 {
		v := fmt.Sprintf("canary-%03d-end", i)
		values = append(values, v)
		for range i%3 + 1 {
			data = append(data, v...)
			data = append(data, noise(i)...)
		}
	}
	dir := t.TempDir()
	write(t, dir, "f", data)
	found := map[string]int{}
	for _, f := range scan(t, dir, values...).Findings {
		found[f.Pattern] += f.Count
	}
	for i := range values {
		if found[fmt.Sprintf("p%d", i)] != i%3+1 {
			t.Errorf("pattern %d: %d hits", i, found[fmt.Sprintf("p%d", i)])
		}
	}
}

func TestOverlappingAndNestedPatternsAreAllFound(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "f", []byte("abababababab abcdefgh"))
	r := scan(t, dir, "ababab", "abcdefgh", "cdefgh", "bcdefg")
	got := map[string]int{}
	for _, f := range r.Findings {
		got[f.Pattern] = f.Count
	}
	if want := (map[string]int{"p0": 4, "p1": 1, "p2": 1, "p3": 1}); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

func TestLinksAreNotFollowedAndSpecialFilesSkipped(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	write(t, outside, "secret", []byte(canary))
	write(t, dir, "inside", []byte("nothing"))
	must(t, os.Symlink(filepath.Join(outside, "secret"), filepath.Join(dir, "out")))
	must(t, os.Symlink(outside, filepath.Join(dir, "outdir")))
	must(t, os.Symlink("inside", filepath.Join(dir, "in")))
	must(t, syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	r := scan(t, dir)
	if len(r.Findings) != 0 || r.Files != 1 {
		t.Fatalf("%+v", r)
	}
	if len(r.NotCovered) != 2 || !strings.Contains(r.NotCovered[0], "out of the tree") {
		t.Fatalf("not covered: %v", r.NotCovered)
	}
}

func TestNamesAreSearchedAndNotDisclosed(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "x/"+canary+".json", []byte("nothing"))
	must(t, os.Symlink("to/"+canary, filepath.Join(dir, "link")))
	r := scan(t, dir)
	if got := forms(r); got[erasure.FormName] != 2 {
		t.Fatalf("%+v", r)
	}
	if b, err := json.Marshal(r); err != nil || strings.Contains(string(b), "Zebra") {
		t.Fatalf("report discloses the name: %s %v", b, err)
	}
}

func TestWhatCannotBeSearchedIsNamed(t *testing.T) {
	cut := gz(t, noise(5000))
	var archive bytes.Buffer
	tw := tar.NewWriter(&archive)
	for _, name := range []string{"README", "stateLeveldb/000012.ldb"} {
		must(t, tw.WriteHeader(&tar.Header{Name: name, Size: 5000, Mode: 0o600}))
		_, err := tw.Write(noise(5000))
		must(t, err)
	}
	must(t, tw.Close())
	for _, c := range []struct {
		name, file, want string
		data             []byte
	}{
		{"damaged gzip", "a.gz", "damaged gzip", cut[:2000]},
		{"LevelDB in tar", "a.tar", "LevelDB files inside an archive", archive.Bytes()},
		{"LevelDB in tar in gzip", "a.tgz", "LevelDB files inside an archive", gz(t, archive.Bytes())},
		{"zip", "a.zip", "zip content", []byte("PK\x03\x04....")},
		{"zstd", "a.zst", "zstd content", []byte("\x28\xb5\x2f\xfd....")},
		{"table without footer", "000001.ldb", "damaged table", noise(1000)},
		{"damaged journal", "000001.log", "damaged journal", noise(100_000)},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, c.file, c.data)
			r := scan(t, dir)
			if r.Clean() || len(r.NotCovered) != 1 || !strings.Contains(r.NotCovered[0], c.want) || !strings.Contains(r.NotCovered[0], c.file) {
				t.Fatalf("not covered: %v", r.NotCovered)
			}
		})
	}
}

// A table or journal in a gzip stream hides what only its own reader finds, so it is named
// as not covered instead of passing as clean.
func TestALevelDBFileInGzipIsNamed(t *testing.T) {
	src := t.TempDir()
	db := open(t, src)
	for i := range 2000 { // more than one block of the journal
		must(t, db.Put(fmt.Appendf(nil, "k%04d", i), record(), nil))
	}
	must(t, db.Close())
	packed := map[string]bool{}
	pack := func(pattern string) {
		t.Helper()
		list, err := filepath.Glob(filepath.Join(src, pattern))
		must(t, err)
		for _, path := range list {
			b, err := os.ReadFile(path)
			must(t, err)
			if len(b) == 0 {
				continue
			}
			packed[pattern] = true
			dir := t.TempDir()
			write(t, dir, "old.gz", gz(t, b))
			if r := scan(t, dir); r.Clean() || len(r.NotCovered) != 1 || !strings.Contains(r.NotCovered[0], "LevelDB file in the gzip stream") {
				t.Errorf("%s: not covered: %v", path, r.NotCovered)
			}
		}
	}
	pack("*.log")
	reopen(t, src)
	pack("*.ldb")
	if len(packed) != 2 {
		t.Errorf("packed only %v", packed)
	}
}

func TestInflatedBytesAreLimited(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "bomb.gz", gz(t, make([]byte, 10<<20)))
	r, err := erasure.Scan(t.Context(), erasure.Options{Roots: []string{dir}, Patterns: patterns(canary), MaxInflate: 1 << 20})
	must(t, err)
	if len(r.NotCovered) != 1 || !strings.Contains(r.NotCovered[0], "allowed number") {
		t.Fatalf("not covered: %v", r.NotCovered)
	}
}

func TestExcludedPlacesAreNamed(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "keys/index.key", []byte(canary))
	write(t, dir, "keep/a.tmp", []byte(canary))
	write(t, dir, "keep/b", []byte(canary))
	r, err := erasure.Scan(t.Context(), erasure.Options{Roots: []string{dir}, Patterns: patterns(canary), Exclude: []string{"keys", "*.tmp"}})
	must(t, err)
	if len(r.Findings) != 1 || len(r.NotCovered) != 2 {
		t.Fatalf("%+v", r)
	}
}

func TestResidueSumsUpEachRoot(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	write(t, a, "1", []byte(canary+canary))
	write(t, a, "2", []byte(hex.EncodeToString([]byte(canary))))
	r, err := erasure.Scan(t.Context(), erasure.Options{Roots: []string{a, b, a}, Patterns: patterns(canary)})
	must(t, err)
	got, err := json.Marshal(r.Residue())
	must(t, err)
	want := fmt.Sprintf(`[{"root":%q,"files":2,"hits":3,"forms":{"hex":1,"raw":2},"patterns":1},{"root":%q,"files":0,"hits":0,"forms":{},"patterns":0}]`, a, b)
	if string(got) != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
}

func TestASingleFileMayBeARoot(t *testing.T) {
	p := write(t, t.TempDir(), "peer.log", []byte("x"+canary))
	if r := scan(t, p); len(r.Findings) != 1 || r.Findings[0].Path != p {
		t.Fatalf("%+v", r)
	}
}

func TestScanStopsWithItsContext(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "f", noise(1000))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := erasure.Scan(ctx, erasure.Options{Roots: []string{dir}, Patterns: patterns(canary)}); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}

func TestUnusableOptionsAreRefused(t *testing.T) {
	dir := t.TempDir()
	for name, o := range map[string]erasure.Options{
		"no patterns":     {Roots: []string{dir}},
		"a short pattern": {Roots: []string{dir}, Patterns: patterns("short")},
		"a nameless one":  {Roots: []string{dir}, Patterns: []erasure.Pattern{{Bytes: []byte(canary)}}},
	} {
		if _, err := erasure.Scan(t.Context(), o); !errors.Is(err, erasure.ErrPattern) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := erasure.Scan(t.Context(), erasure.Options{Patterns: patterns(canary)}); err == nil {
		t.Error("no roots: no error")
	}
	if _, err := erasure.Scan(t.Context(), erasure.Options{Roots: []string{filepath.Join(dir, "no")}, Patterns: patterns(canary)}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing root: %v", err)
	}
}
