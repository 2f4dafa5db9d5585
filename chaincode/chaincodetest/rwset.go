package chaincodetest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
)

// Version is where a key was last written. The zero Version means absent.
type Version struct{ Block, Tx uint64 }

type write struct {
	value []byte
	del   bool
	purge bool
}

type rangeRead struct {
	start, end string
	versions   []Version
	keys       []string
}

// collSet is what a transaction does to one collection.
type collSet struct {
	reads  map[string]Version // by key hash
	writes map[string]write   // by raw key
	params map[string][]byte  // key-level policies, by raw key
}

// rwset is what a transaction reads and writes.
type rwset struct {
	reads  map[string]Version
	ranges []rangeRead
	writes map[string]write
	params map[string][]byte
	colls  map[string]*collSet
}

func newRWSet() *rwset {
	return &rwset{
		reads: map[string]Version{}, writes: map[string]write{},
		params: map[string][]byte{}, colls: map[string]*collSet{},
	}
}

func (s *rwset) coll(name string) *collSet {
	c, ok := s.colls[name]
	if !ok {
		c = &collSet{map[string]Version{}, map[string]write{}, map[string][]byte{}}
		s.colls[name] = c
	}
	return c
}

func keyHash(key string) string {
	h := sha256.Sum256([]byte(key))
	return string(h[:])
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// public is what a block shows of the set to every member and orderer: raw
// public keys and values, hashes of private ones.
func (s *rwset) public() []byte {
	var e encoder
	for _, k := range sorted(s.reads) {
		e.put("read", k)
		e.version(s.reads[k])
	}
	for _, r := range s.ranges {
		e.put("range", r.start, r.end)
		for i, k := range r.keys {
			e.put(k)
			e.version(r.versions[i])
		}
	}
	for _, k := range sorted(s.writes) {
		w := s.writes[k]
		e.put("write", k, string(w.value), fmt.Sprint(w.del))
	}
	for _, k := range sorted(s.params) {
		e.put("param", k, string(s.params[k]))
	}
	for _, name := range sorted(s.colls) {
		e.put("collection", name)
		s.colls[name].public(&e)
	}
	return e.Bytes()
}

func (c *collSet) public(e *encoder) {
	for _, h := range sorted(c.reads) {
		e.put("read", h)
		e.version(c.reads[h])
	}
	hashed := map[string]write{}
	for k, w := range c.writes {
		hashed[keyHash(k)] = w
	}
	for _, h := range sorted(hashed) {
		w := hashed[h]
		v := ""
		if !w.del {
			v = keyHash(string(w.value))
		}
		e.put("write", h, v, fmt.Sprint(w.del, w.purge))
	}
	params := map[string][]byte{}
	for k, p := range c.params {
		params[keyHash(k)] = p
	}
	for _, h := range sorted(params) {
		e.put("param", h, string(params[h]))
	}
}

// digest is the whole set, private part included: two endorsers must agree on it.
func (s *rwset) digest() [32]byte {
	var e encoder
	e.Write(s.public())
	for _, name := range sorted(s.colls) {
		c := s.colls[name]
		e.put(name)
		for _, k := range sorted(c.writes) {
			e.put(k, string(c.writes[k].value))
		}
	}
	return sha256.Sum256(e.Bytes())
}

// shape tells what an onlooker can count: keys and sizes, no contents.
func (s *rwset) shape() string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "reads=%d ranges=%d writes=%d params=%d", len(s.reads), len(s.ranges), len(s.writes), len(s.params))
	for _, k := range sorted(s.writes) {
		fmt.Fprintf(&b, " write[%d]=%d", len(k), len(s.writes[k].value))
	}
	for _, name := range sorted(s.colls) {
		c := s.colls[name]
		kinds := map[string]int{}
		for _, w := range c.writes {
			kinds[fmt.Sprintf("del=%v,purge=%v", w.del, w.purge)]++
		}
		fmt.Fprintf(&b, " %s:reads=%d,params=%d,writes=%v", name, len(c.reads), len(c.params), kinds)
	}
	return b.String()
}

// encoder writes length-prefixed fields, so that raw bytes stay findable.
type encoder struct{ bytes.Buffer }

func (e *encoder) put(fields ...string) {
	for _, f := range fields {
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], uint32(len(f)))
		e.Write(n[:])
		e.WriteString(f)
	}
}

func (e *encoder) version(v Version) {
	var n [16]byte
	binary.BigEndian.PutUint64(n[:8], v.Block)
	binary.BigEndian.PutUint64(n[8:], v.Tx)
	e.Write(n[:])
}

// KeyHash is what a block shows of a private key: its SHA-256.
func KeyHash(key string) []byte { return []byte(keyHash(key)) }
