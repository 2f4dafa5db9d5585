package fhir

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/gowebpki/jcs"
)

var update = flag.Bool("update", false, "write the golden files anew")

func mustParse(t testing.TB, in string) *Resource {
	t.Helper()
	r, err := Parse([]byte(in))
	if err != nil {
		t.Fatalf("%v in %s", err, in)
	}
	return r
}

// vector is one line of testdata/canonical.json, which other programs may use to
// test that they make the same form.
type vector struct {
	Rule   string `json:"rule"`
	In     string `json:"in"`
	Form   string `json:"form"`
	Digest string `json:"digest"`
	Static string `json:"static"`
}

func vectors(t *testing.T) []vector {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "canonical.json"))
	if err != nil {
		t.Fatal(err)
	}
	var vs []vector
	if err := json.Unmarshal(b, &vs); err != nil || len(vs) < 20 {
		t.Fatalf("%d vectors: %v", len(vs), err)
	}
	return vs
}

func TestCanonicalFormOfEveryTestVector(t *testing.T) {
	vs := vectors(t)
	for i := range vs {
		v := &vs[i]
		t.Run(v.Rule, func(t *testing.T) {
			r := mustParse(t, v.In)
			got := vector{v.Rule, v.In, string(r.CanonicalForm()), r.Digest(), r.StaticDigest()}
			if *update {
				*v = got
			} else if got != *v {
				t.Errorf("got  %+v\nwant %+v", got, *v)
			}
		})
	}
	if *update {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(vs); err != nil {
			t.Fatal(err)
		}
		writeGolden(t, filepath.Join("testdata", "canonical.json"), b.Bytes())
	}
}

func writeGolden(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

var vectorTable = regexp.MustCompile(`(?s)(<!-- generated: vectors -->\n).*?(<!-- end -->)`)

func TestThePageOfTheCanonicalFormShowsTheTestVectors(t *testing.T) {
	path := filepath.Join("..", "docs", "canonical.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("| rule | input | form | SHA-256 of the form |\n|---|---|---|---|\n")
	for _, v := range vectors(t) {
		fmt.Fprintf(&b, "| %s | %s | %s | `%s` |\n", v.Rule, cell(v.In), cell(v.Form), strings.TrimPrefix(v.Digest, "frc-1/sha256:"))
	}
	want := vectorTable.ReplaceAllString(string(page), "${1}"+strings.ReplaceAll(b.String(), "$", "$$")+"${2}")
	if want == string(page) && strings.Contains(want, b.String()) {
		return
	}
	if !*update {
		t.Error("docs/canonical.md does not show testdata/canonical.json; run go test ./fhir -update")
		return
	}
	writeGolden(t, path, []byte(want))
}

// cell shows JSON in a table; characters that cannot be seen as themselves appear
// as <U+XXXX>.
func cell(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '|':
			b.WriteString(`\|`)
		case r < 0x20 || r == 0x7f || r == 0xfeff || r == 0x2028 || r == 0x2029 || r == 0x301:
			fmt.Fprintf(&b, "<U+%04X>", r)
		default:
			b.WriteRune(r)
		}
	}
	return "`" + b.String() + "`"
}

func TestCanonicalFormKeepsNumberLexemes(t *testing.T) {
	seen := map[string]string{}
	for _, n := range []string{
		"1", "1.0", "1.00", "1e2", "1E2", "1e+2", "100", "0", "-0", "-0.0", "0.0", "0e0", "1e400", "1e-400",
		"123456789012345678901234567890", "0.100000000000000000001",
	} {
		r := mustParse(t, `{"resourceType":"Basic","value" : `+n+` }`)
		if got, want := string(r.CanonicalForm()), `{"resourceType":"Basic","value":`+n+`}`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if other, ok := seen[r.Digest()]; ok {
			t.Errorf("%s and %s have the same digest", n, other)
		}
		seen[r.Digest()] = n
	}
}

func TestEqualContentInOtherBytesIsRecognised(t *testing.T) {
	const in = `{"resourceType":"Patient","id":"p","birthDate":"1980","_birthDate":{"id":"x"},"text":{"div":"<b>ö &amp; \u2028/</b>"},"multipleBirthInteger":1.00}`
	want := mustParse(t, in)
	for name, other := range map[string]string{
		"white space":       "\n{ \"resourceType\" : \"Patient\",\t\"id\":\"p\", \"birthDate\":\"1980\",\"_birthDate\":{ \"id\" :\"x\" },\"text\":{\"div\":\"<b>ö &amp; \u2028/</b>\"},\"multipleBirthInteger\":1.00}\r\n",
		"key order":         `{"multipleBirthInteger":1.00,"_birthDate":{"id":"x"},"birthDate":"1980","id":"p","text":{"div":"<b>ö &amp; \u2028/</b>"},"resourceType":"Patient"}`,
		"escapes":           `{"resourceT\u0079pe":"Pati\u0065nt","id":"p","birthDate":"1980","\u005fbirthDate":{"id":"x"},"text":{"div":"\u003cb\u003E\u00F6 \u0026amp; \u2028\/<\/b>"},"multipleBirthInteger":1.00}`,
		"a byte order mark": "\ufeff" + in,
	} {
		r := mustParse(t, other)
		if r.Digest() != want.Digest() || r.StaticDigest() != want.StaticDigest() {
			t.Errorf("%s: the digest differs: %s", name, r.CanonicalForm())
		}
	}
}

func TestOtherContentIsNotRecognised(t *testing.T) {
	const in = `{"resourceType":"Patient","active":true,"name":[{"given":["A","B"]}]}`
	want := mustParse(t, in).Digest()
	for name, other := range map[string]string{
		"the order of an array": `{"resourceType":"Patient","active":true,"name":[{"given":["B","A"]}]}`,
		"a null more":           `{"resourceType":"Patient","active":true,"name":[{"given":["A","B",null]}]}`,
		"a null member":         `{"resourceType":"Patient","active":true,"id":null,"name":[{"given":["A","B"]}]}`,
		"an empty array":        `{"resourceType":"Patient","active":true,"link":[],"name":[{"given":["A","B"]}]}`,
		"another case":          `{"resourceType":"Patient","active":true,"name":[{"given":["a","B"]}]}`,
		"a string for true":     `{"resourceType":"Patient","active":"true","name":[{"given":["A","B"]}]}`,
		"a decomposed letter":   `{"resourceType":"Patient","active":true,"name":[{"given":["A\u0301","B"]}]}`,
	} {
		if mustParse(t, other).Digest() == want {
			t.Errorf("%s makes no difference", name)
		}
	}
}

func TestTheStaticDigestLeavesOutNarrativeAndMetaOfTheResourceAlone(t *testing.T) {
	const in = `{"resourceType":"List","id":"l","contained":[{"resourceType":"Patient","meta":{},"text":{}}],"code":{"text":"t"}}`
	want := mustParse(t, in)
	labelled := mustParse(t, `{"resourceType":"List","meta":{"security":[{"code":"R"}]},"text":{"status":"empty"},`+in[len(`{"resourceType":"List",`):])
	if labelled.StaticDigest() != want.StaticDigest() || labelled.Digest() == want.Digest() {
		t.Error("labels and narrative change the static digest, or not the whole one")
	}
	for _, other := range []string{
		`{"resourceType":"List","id":"l","contained":[{"resourceType":"Patient","meta":{}}],"code":{"text":"t"}}`,
		`{"resourceType":"List","id":"l","contained":[{"resourceType":"Patient","meta":{},"text":{}}],"code":{}}`,
		`{"resourceType":"List","contained":[{"resourceType":"Patient","meta":{},"text":{}}],"code":{"text":"t"}}`,
	} {
		if mustParse(t, other).StaticDigest() == want.StaticDigest() {
			t.Errorf("not told apart from %s", other)
		}
	}
	if strings.TrimPrefix(want.StaticDigest(), CanonicalStatic) != strings.TrimPrefix(want.Digest(), Canonical) {
		t.Error("without narrative and meta both digests should be of the same bytes")
	}
}

// number finds the number lexemes of a canonical form: strings are stepped over.
var number = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*`)

// asJCS rewrites every number of a canonical form as RFC 8785 does and counts the
// lexemes that this changes; ok is false if one is beyond its range or a name needs
// the order of UTF-16.
func asJCS(form []byte) (out []byte, changed int, ok bool) {
	ok = true
	out = number.ReplaceAllFunc(form, func(lexeme []byte) []byte {
		if lexeme[0] == '"' {
			return lexeme
		}
		f, err := strconv.ParseFloat(string(lexeme), 64)
		if err != nil {
			ok = false
			return lexeme
		}
		s, err := jcs.NumberToJSON(f)
		if err != nil {
			ok = false
		}
		if s != string(lexeme) {
			changed++
		}
		return []byte(s)
	})
	return out, changed, ok
}

// utf16Order tells whether no name has characters whose order differs between
// UTF-8 (this form) and UTF-16 (RFC 8785).
func utf16Order(r *Resource) bool {
	same := true
	_ = r.Objects(func(o Object) error {
		var names []string
		for name := range o.Members() {
			names = append(names, name)
		}
		slices.Sort(names)
		same = same && slices.IsSortedFunc(names, func(a, b string) int {
			return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
		})
		return nil
	})
	return same
}

func TestCanonicalFormIsJCSExceptForNumbers(t *testing.T) {
	got := map[string]int{}
	lexemes := 0
	dataFiles(t, func(name string, b []byte) {
		r, err := Parse(b)
		if err != nil {
			got["not parsed"]++
			return
		}
		form := r.CanonicalForm()
		other, err := jcs.Transform(r.doc)
		if err != nil {
			t.Errorf("%s: jcs: %v", name, err)
			return
		}
		if bytes.Equal(form, other) {
			got["equal"]++
			return
		}
		rewritten, changed, ok := asJCS(form)
		if !ok || changed == 0 || !bytes.Equal(rewritten, other) {
			t.Errorf("%s differs in more than its %d numbers", name, changed)
		}
		lexemes += changed
		got["different in numbers alone"]++
	})
	parsed := got["equal"] + got["different in numbers alone"]
	says := fmt.Sprintf("Of %d files %d parse. %d of these %d have the same bytes in both forms; the other %d differ in %d numbers alone",
		parsed+got["not parsed"], parsed, got["equal"], parsed, got["different in numbers alone"], lexemes)
	t.Log(says)
	page, err := os.ReadFile(filepath.Join("..", "docs", "canonical.md"))
	if err != nil || !strings.Contains(string(page), says) {
		t.Errorf("docs/canonical.md does not say %q (%v)", says, err)
	}
}

func FuzzCanonical(f *testing.F) {
	for _, s := range []string{
		`{"resourceType":"Patient","b":1.00,"a":[-0,1e2,null,true,{}],"_b":{"x":"\ud83d\ude00\u2028\/\b\u001f"}}`,
		"\ufeff {\"\\u0061\":\"\\u0022\\u005c\",\"resourceType\":\"A\",\"\U0001f600\":1,\"\uffff\":2}",
	} {
		f.Add([]byte(s), uint64(1))
	}
	f.Fuzz(func(t *testing.T, b []byte, seed uint64) {
		r, err := Parse(b)
		if err != nil {
			return
		}
		form := r.CanonicalForm()
		again, err := Parse(form)
		if err != nil {
			t.Fatalf("the form does not parse: %v\n%s", err, form)
		}
		if !bytes.Equal(again.CanonicalForm(), form) || again.Type != r.Type || again.ID != r.ID {
			t.Fatalf("the form of the form differs\n%s", form)
		}
		sameContent(t, r, again)
		other, err := Parse(rewrite(r, rand.New(rand.NewPCG(seed, 0))))
		if err != nil {
			t.Fatalf("the rewritten text does not parse: %v", err)
		}
		if other.Digest() != r.Digest() || other.StaticDigest() != r.StaticDigest() {
			t.Fatalf("other bytes of the same content\n%s\n%s", other.doc, form)
		}
		if n := changeNumber(form); n != nil {
			if c, err := Parse(n); err == nil && c.Digest() == r.Digest() {
				t.Fatalf("a changed number keeps the digest\n%s", n)
			}
		}
		if rewritten, _, ok := asJCS(form); ok && utf16Order(r) {
			if want, err := jcs.Transform(r.doc); err != nil || !bytes.Equal(rewritten, want) {
				t.Fatalf("jcs: %v\n%s\n%s", err, rewritten, want)
			}
		}
	})
}

func sameContent(t *testing.T, a, b *Resource) {
	t.Helper()
	if x, y := fmt.Sprint(decoded(a.Root())), fmt.Sprint(decoded(b.Root())); x != y {
		t.Fatalf("content differs\n%s\n%s", x, y)
	}
}

// changeNumber appends a zero to the fraction of the first number, nil without one.
func changeNumber(form []byte) []byte {
	for _, at := range number.FindAllIndex(form, -1) {
		if lexeme := form[at[0]:at[1]]; lexeme[0] != '"' && !bytes.ContainsAny(lexeme, "eE") {
			more := "0"
			if !bytes.Contains(lexeme, []byte(".")) {
				more = ".0"
			}
			return slices.Concat(form[:at[1]], []byte(more), form[at[1]:])
		}
	}
	return nil
}

// rewrite gives the resource in other white space, key order and escapes.
func rewrite(r *Resource, rnd *rand.Rand) []byte {
	var write func(o Object) string
	space := func() string { return []string{"", " ", "\n", "\t\r"}[rnd.IntN(4)] }
	quote := func(s string) string {
		var b strings.Builder
		b.WriteByte('"')
		for _, c := range s {
			if rnd.IntN(4) == 0 || c < 0x20 || c == '"' || c == '\\' {
				for _, u := range utf16.Encode([]rune{c}) {
					fmt.Fprintf(&b, []string{`\u%04x`, `\u%04X`}[rnd.IntN(2)], u)
				}
			} else {
				b.WriteRune(c)
			}
		}
		return b.String() + `"`
	}
	write = func(o Object) string {
		var parts []string
		raw := o.raw()
		switch raw[0] {
		case '{':
			members := maps.Collect(o.Members())
			for name := range members { // in the random order of Go's maps
				parts = append(parts, space()+quote(name)+space()+":"+space()+write(members[name])+space())
			}
			return "{" + strings.Join(parts, ",") + "}"
		case '[':
			for e := range o.elements {
				parts = append(parts, space()+write(e)+space())
			}
			return "[" + strings.Join(parts, ",") + "]"
		case '"':
			s, _ := o.Value()
			return quote(s)
		}
		return string(raw)
	}
	return []byte(space() + write(r.Root()) + space())
}

func BenchmarkCanonicalForm(b *testing.B) {
	resources := benchResources(b)
	size := 0
	for _, r := range resources {
		size += len(r.doc)
	}
	b.SetBytes(int64(size / len(resources)))
	b.Run("frc-1", func(b *testing.B) {
		b.SetBytes(int64(size / len(resources)))
		n := 0
		for b.Loop() {
			resources[n%len(resources)].CanonicalForm()
			n++
		}
	})
	b.Run("jcs", func(b *testing.B) {
		b.SetBytes(int64(size / len(resources)))
		n := 0
		for b.Loop() {
			if _, err := jcs.Transform(resources[n%len(resources)].doc); err != nil {
				b.Fatal(err)
			}
			n++
		}
	})
}
