package fhir

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

// The names of the canonical form and of the form without narrative and metadata,
// with which digests begin. A change of any rule needs new names.
const (
	Canonical       = "frc-1"
	CanonicalStatic = "frc-1-static"
)

// CanonicalForm returns the resource in the form frc-1, in which resources of equal
// content are equal byte for byte:
//
//   - UTF-8, no byte order mark, no white space between tokens;
//   - the members of every object ordered by the bytes of their decoded names, so
//     that "_birthDate" stands before "active" and capitals before both;
//   - strings as RFC 8785, section 3.2.2.2: the shortest escapes, and only for
//     the quotation mark, the backslash and the characters below U+0020; nothing
//     is normalised;
//   - numbers exactly as they were written, because FHIR gives meaning to trailing
//     zeros (2.00 is not 2, https://hl7.org/fhir/R4/datatypes.html#decimal); -0
//     stays -0, and 1e2 is another content than 100;
//   - arrays in their order, null, empty arrays and empty objects as they are;
//     nothing is dropped and nothing added.
//
// The form of the form is itself. docs/canonical.md has the rules with test
// vectors.
func (r *Resource) CanonicalForm() []byte {
	return newTree(r.doc, r.Type).canonical(nil)
}

// Digest names the content of the resource: "frc-1/sha256:" and the SHA-256 of
// [Resource.CanonicalForm] in lower-case hex. It has no salt, so that whoever can
// guess the content can confirm the guess: it belongs beside the content and
// nowhere else.
func (r *Resource) Digest() string { return digest(Canonical, r.CanonicalForm()) }

// StaticDigest is the digest of the resource without its narrative (text) and its
// meta: equal for resources that differ in labels, version or narrative only. It
// follows http://hl7.org/fhir/canonicalization/json#static: only the two members
// of the resource itself are left out, not those of contained resources or entries.
func (r *Resource) StaticDigest() string {
	return digest(CanonicalStatic, newTree(r.doc, r.Type).canonical([]string{"text", "meta"}))
}

func digest(name string, form []byte) string {
	sum := sha256.Sum256(form)
	return name + "/sha256:" + hex.EncodeToString(sum[:])
}

// canonical writes the whole document without those members of the root.
func (t *tree) canonical(without []string) []byte {
	w := canonicalWriter{t: t, out: make([]byte, 0, len(t.b))}
	w.value(0, without)
	return w.out
}

// canonicalWriter writes values of a tree to out.
type canonicalWriter struct {
	t     *tree
	out   []byte
	names []sortedName // of all objects that are being written, innermost last
}

// sortedName is a member with its decoded name.
type sortedName struct {
	name []byte
	n    int32
}

func (w *canonicalWriter) value(n int32, without []string) {
	v := &w.t.nodes[n]
	raw := w.t.b[v.at:v.end]
	switch raw[0] {
	case '{':
		w.object(n, without)
	case '[':
		w.out = append(w.out, '[')
		for c := w.t.first(n); c != 0; {
			w.value(c, nil)
			if c = w.t.nodes[c].next; c != 0 {
				w.out = append(w.out, ',')
			}
		}
		w.out = append(w.out, ']')
	case '"':
		w.string(raw[1 : len(raw)-1])
	default:
		w.out = append(w.out, raw...)
	}
}

func (w *canonicalWriter) object(n int32, without []string) {
	from := len(w.names)
	sorted := true
	for c := w.t.first(n); c != 0; c = w.t.nodes[c].next {
		v := &w.t.nodes[c]
		name := w.t.b[v.name:v.nameEnd]
		if v.escapedName {
			name = []byte(unquote(name))
		}
		if slices.Contains(without, string(name)) {
			continue
		}
		if k := len(w.names); k > from && bytes.Compare(w.names[k-1].name, name) > 0 {
			sorted = false
		}
		w.names = append(w.names, sortedName{name, c})
	}
	if !sorted {
		slices.SortFunc(w.names[from:], func(a, b sortedName) int { return bytes.Compare(a.name, b.name) })
	}
	w.out = append(w.out, '{')
	for i, end := from, len(w.names); i < end; i++ {
		if i > from {
			w.out = append(w.out, ',')
		}
		m := w.names[i]
		v := &w.t.nodes[m.n]
		w.string(w.t.b[v.name:v.nameEnd])
		w.out = append(w.out, ':')
		w.value(m.n, nil)
	}
	w.out = append(w.out, '}')
	w.names = w.names[:from]
}

// string writes the inside of a checked JSON string in its shortest form.
func (w *canonicalWriter) string(raw []byte) {
	w.out = append(w.out, '"')
	for {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			break
		}
		w.out = append(w.out, raw[:i]...)
		n := 2
		switch raw[i+1] {
		case 'u':
			var r rune
			r, n = unescape(raw[i:])
			w.rune(r)
		case '/':
			w.out = append(w.out, '/')
		default:
			w.out = append(w.out, raw[i:i+2]...)
		}
		raw = raw[i+n:]
	}
	w.out = append(append(w.out, raw...), '"')
}

// unescape decodes the checked \u escape, or pair of them, that b begins with, and
// returns its length.
func unescape(b []byte) (r rune, n int) {
	r = hexRune(b[2:6])
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	return utf16.DecodeRune(r, hexRune(b[8:12])), 12
}

func hexRune(digits []byte) (r rune) {
	for _, c := range digits {
		switch {
		case c >= 'a':
			c -= 'a' - 10
		case c >= 'A':
			c -= 'A' - 10
		default:
			c -= '0'
		}
		r = r<<4 | rune(c)
	}
	return r
}

// shortEscapes are the characters below U+0020 that have an escape of two bytes.
var shortEscapes = [0x20]byte{'\b': 'b', '\t': 't', '\n': 'n', '\f': 'f', '\r': 'r'}

// rune writes one character of a string.
func (w *canonicalWriter) rune(r rune) {
	const digits = "0123456789abcdef"
	switch {
	case r == '"' || r == '\\':
		w.out = append(w.out, '\\', byte(r))
	case r >= 0x20:
		w.out = utf8.AppendRune(w.out, r)
	case shortEscapes[r] != 0:
		w.out = append(w.out, '\\', shortEscapes[r])
	default:
		w.out = append(w.out, '\\', 'u', '0', '0', digits[r>>4], digits[r&15])
	}
}
