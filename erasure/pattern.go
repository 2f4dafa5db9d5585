package erasure

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Bounds of a pattern's length in bytes. Shorter ones hit by chance, longer ones cost memory without finding more.
const (
	MinPattern = 6
	MaxPattern = 1 << 20
)

// ErrPattern is wrapped by every error about patterns that cannot be searched for.
var ErrPattern = errors.New("erasure: unusable pattern")

// Pattern is a byte string to look for.
type Pattern struct {
	// Name stands for the pattern in reports. It must not disclose what the pattern discloses.
	Name string
	// Bytes are MinPattern to MaxPattern bytes.
	Bytes []byte
}

// Form says how a pattern was stored where it was found: a container, an encoding, or container/encoding
// ("table/base64": base64 text inside a decompressed table entry).
type Form string

// Containers.
const (
	FormRaw     Form = "raw"     // bytes of the file as they are
	FormTable   Form = "table"   // key or value of a LevelDB table (.ldb, .sst), decompressed
	FormJournal Form = "journal" // LevelDB journal (.log) or manifest record, re-joined
	FormGzip    Form = "gzip"    // decompressed gzip stream
	FormName    Form = "name"    // name of a file, or target of a symbolic link
	FormBlock   Form = "block"   // decoded field of a Fabric block
	FormMemory  Form = "memory"  // memory of a process
)

// Encodings.
const (
	FormBase64    Form = "base64"    // standard alphabet, at any of the three alignments
	FormBase64URL Form = "base64url" // URL alphabet, where it differs from the standard one
	FormHex       Form = "hex"       // lower or upper case
	FormUTF16     Form = "utf16"     // little or big endian
	FormEscaped   Form = "escaped"   // JSON, Go-quoted or percent-encoded, where it differs from the plain bytes
	FormDecimal   Form = "decimal"   // list of decimal byte values, as fmt prints a []byte and Node.js a Buffer
)

// in returns the form of encoding e inside container c.
func (e Form) in(c Form) Form {
	switch {
	case e == FormRaw:
		return c
	case c == FormRaw:
		return e
	default:
		return c + "/" + e
	}
}

// needle is one encoding of one pattern: what is searched for.
type needle struct {
	bytes   []byte
	pattern string
	form    Form
}

// needles returns every encoding of every pattern.
func needles(patterns []Pattern) ([]needle, error) {
	if len(patterns) == 0 {
		return nil, fmt.Errorf("%w: none given", ErrPattern)
	}
	var all []needle
	for i, p := range patterns {
		if len(p.Bytes) < MinPattern || len(p.Bytes) > MaxPattern {
			return nil, fmt.Errorf("%w: pattern %d has %d bytes, allowed are %d to %d", ErrPattern, i, len(p.Bytes), MinPattern, MaxPattern)
		}
		if p.Name == "" {
			return nil, fmt.Errorf("%w: pattern %d has no name", ErrPattern, i)
		}
		all = append(all, encodings(p)...)
	}
	return all, nil
}

// encodings returns the different byte strings in which p may appear.
func encodings(p Pattern) []needle {
	seen := map[string]bool{}
	var out []needle
	add := func(form Form, b []byte) {
		if len(b) >= MinPattern && !seen[string(b)] {
			seen[string(b)] = true
			out = append(out, needle{bytes: bytes.Clone(b), pattern: p.Name, form: form})
		}
	}
	add(FormRaw, p.Bytes)
	for shift := range 3 {
		add(FormBase64, base64Inner(base64.RawStdEncoding, p.Bytes, shift))
	}
	for shift := range 3 {
		add(FormBase64URL, base64Inner(base64.RawURLEncoding, p.Bytes, shift))
	}
	lower := hex.EncodeToString(p.Bytes)
	add(FormHex, []byte(lower))
	add(FormHex, []byte(strings.ToUpper(lower)))
	for _, sep := range []string{" ", ",", ", "} {
		add(FormDecimal, decimalList(p.Bytes, sep))
	}
	for _, s := range escapes(string(p.Bytes)) {
		add(FormEscaped, []byte(s))
	}
	if utf8.Valid(p.Bytes) {
		le, be := utf16Bytes(string(p.Bytes))
		add(FormUTF16, le)
		add(FormUTF16, be)
	}
	return out
}

// base64Inner returns the characters that b always becomes when shift bytes (modulo 3) precede it: the characters that
// also depend on its neighbours are cut off.
func base64Inner(enc *base64.Encoding, b []byte, shift int) []byte {
	padded := append(make([]byte, shift, shift+len(b)), b...)
	text := make([]byte, enc.EncodedLen(len(padded)))
	enc.Encode(text, padded)
	return text[(shift*8+5)/6 : len(padded)*8/6]
}

func decimalList(b []byte, sep string) []byte {
	var out []byte
	for i, c := range b {
		if i > 0 {
			out = append(out, sep...)
		}
		out = strconv.AppendUint(out, uint64(c), 10)
	}
	return out
}

// escapes returns s as the common text formats write it, quotes removed.
func escapes(s string) []string {
	out := []string{unquoted(strconv.Quote(s)), unquoted(strconv.QuoteToASCII(s)), url.QueryEscape(s), url.PathEscape(s)}
	if utf8.ValidString(s) {
		plain, html := jsonEscaped(s, false), jsonEscaped(s, true)
		out = append(out, plain, html, jsonASCII(plain), jsonASCII(html))
		// JSON inside a JSON string.
		out = append(out, jsonEscaped(plain, false), jsonEscaped(html, true))
	}
	return append(out, unquoted(strconv.Quote(unquoted(strconv.Quote(s)))))
}

func unquoted(s string) string { return s[1 : len(s)-1] }

func jsonEscaped(s string, html bool) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(html)
	if err := e.Encode(s); err != nil {
		return s
	}
	return unquoted(strings.TrimSuffix(b.String(), "\n"))
}

// jsonASCII writes every character beyond ASCII as JSON's \uXXXX, with surrogate pairs.
func jsonASCII(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r < utf8.RuneSelf {
			b.WriteRune(r)
			continue
		}
		for _, u := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, u)
		}
	}
	return b.String()
}

func utf16Bytes(s string) (le, be []byte) {
	for _, u := range utf16.Encode([]rune(s)) {
		le = append(le, byte(u), byte(u>>8))
		be = append(be, byte(u>>8), byte(u))
	}
	return le, be
}
