package fhir

import (
	"bytes"
	"hash/maphash"
	"unicode"
	"unicode/utf8"
)

// manyKeys is the number of names above which an object gets an index instead of
// a linear search. FHIR objects have fewer.
const manyKeys = 32

// seed is drawn at random for each process, so that nobody can prepare names
// whose hashes collide.
var seed = maphash.MakeSeed()

// keySet finds names that an object has twice, case ignored. It serves all the
// open objects of a scan with one stack.
type keySet struct {
	stack   []keyRef
	scratch []byte
}

// keyRef is a name: its place in the scanned bytes, quotes excluded, and the hash
// of its folded form.
type keyRef struct {
	hash       uint64
	start, end int
}

// objectKeys are the names of one open object.
type objectKeys struct {
	set   *keySet
	from  int            // first of them on the stack
	index map[uint64]int // hash to place on the stack; nil while they are few
}

func (k *keySet) open() objectKeys { return objectKeys{set: k, from: len(k.stack)} }

func (o *objectKeys) close() { o.set.stack = o.set.stack[:o.from] }

// add takes in the name b[start:end], already checked, and returns DuplicateKey
// or CaseVariantKey if the object has it, else "".
func (o *objectKeys) add(b []byte, start, end int) Reason {
	k := o.set
	k.scratch = foldName(k.scratch[:0], b[start:end])
	ref := keyRef{maphash.Bytes(seed, k.scratch), start, end}
	if o.seen(ref.hash) {
		// Equal hashes of different names are possible in principle, so look.
		for _, old := range k.stack[o.from:] {
			if old.hash != ref.hash || !bytes.Equal(foldName(nil, b[old.start:old.end]), k.scratch) {
				continue
			}
			if unquote(b[old.start:old.end]) == unquote(b[start:end]) {
				return DuplicateKey
			}
			return CaseVariantKey
		}
	}
	if o.index != nil {
		o.index[ref.hash] = len(k.stack)
	}
	k.stack = append(k.stack, ref)
	return ""
}

// seen tells whether a name of the object has the hash.
func (o *objectKeys) seen(hash uint64) bool {
	names := o.set.stack[o.from:]
	if o.index == nil && len(names) >= manyKeys {
		o.index = make(map[uint64]int, 2*manyKeys)
		for i, n := range names {
			o.index[n.hash] = o.from + i
		}
	}
	if o.index != nil {
		_, ok := o.index[hash]
		return ok
	}
	for i := range names {
		if names[i].hash == hash {
			return true
		}
	}
	return false
}

// foldName appends to dst the form that all case variants of a raw JSON name
// share: each rune replaced by the smallest of its simple case foldings, which is
// also how encoding/json matches names. (So "ſ" equals "S" and the Kelvin sign
// equals "K".)
func foldName(dst, raw []byte) []byte {
	for i, c := range raw {
		if c >= utf8.RuneSelf || c == '\\' {
			return foldRunes(dst[:len(dst)-i], unquote(raw))
		}
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

func foldRunes(dst []byte, name string) []byte {
	for _, r := range name {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		dst = utf8.AppendRune(dst, least)
	}
	return dst
}
