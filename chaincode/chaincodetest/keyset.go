package chaincodetest

import (
	"cmp"
	"encoding/binary"
	"slices"
	"sort"
)

// keyset is a set of keys in ascending order, as a peer's state database keeps
// them: a range costs what it returns, however many keys there are. It is a list of
// sorted pieces of bounded length, none of them empty.
type keyset struct {
	pieces []piece
	heads  []head // of the first key of each piece
}

// piece holds sorted keys and, side by side, their heads.
type piece struct {
	keys  []string
	heads []head
}

// head is the beginning of a key, padded with zeros, as numbers that compare as keys do.
// Heads lie side by side in memory: with millions of keys, looking at one key after
// another to find a piece would take longer than everything else.
type head [3]uint64

func headOf(key string) (h head) {
	var b [8 * len(head{})]byte
	copy(b[:], key)
	for i := range h {
		h[i] = binary.BigEndian.Uint64(b[8*i:])
	}
	return h
}

func (h head) compare(o head) int {
	for i := range h {
		if h[i] != o[i] {
			return cmp.Compare(h[i], o[i])
		}
	}
	return 0
}

// pieceLen is the length at which a piece is split in two.
const pieceLen = 512

// search returns the first of sorted keys that is above key, by their heads and, where
// those are equal, the keys themselves.
func search(heads []head, at func(i int) string, key string) int {
	want := headOf(key)
	return sort.Search(len(heads), func(i int) bool {
		c := heads[i].compare(want)
		return c > 0 || c == 0 && at(i) > key
	})
}

// piece is the index of the piece that holds key, or would.
func (s *keyset) piece(key string) int {
	return max(0, search(s.heads, func(i int) string { return s.pieces[i].keys[0] }, key)-1)
}

// find is where in the piece key is, or would be.
func (p *piece) find(key string) (at int, found bool) {
	above := search(p.heads, func(i int) string { return p.keys[i] }, key)
	if above > 0 && p.keys[above-1] == key {
		return above - 1, true
	}
	return above, false
}

func (s *keyset) add(key string) {
	if len(s.pieces) == 0 {
		s.pieces, s.heads = []piece{{[]string{key}, []head{headOf(key)}}}, []head{headOf(key)}
		return
	}
	i := s.piece(key)
	p := &s.pieces[i]
	at, found := p.find(key)
	if found {
		return
	}
	p.keys, p.heads = slices.Insert(p.keys, at, key), slices.Insert(p.heads, at, headOf(key))
	s.heads[i] = p.heads[0]
	if half := len(p.keys) / 2; len(p.keys) >= pieceLen {
		upper := piece{slices.Clone(p.keys[half:]), slices.Clone(p.heads[half:])}
		p.keys, p.heads = slices.Clone(p.keys[:half]), slices.Clone(p.heads[:half])
		s.pieces, s.heads = slices.Insert(s.pieces, i+1, upper), slices.Insert(s.heads, i+1, upper.heads[0])
	}
}

func (s *keyset) remove(key string) {
	if len(s.pieces) == 0 {
		return
	}
	i := s.piece(key)
	p := &s.pieces[i]
	at, found := p.find(key)
	if !found {
		return
	}
	p.keys, p.heads = slices.Delete(p.keys, at, at+1), slices.Delete(p.heads, at, at+1)
	if len(p.keys) == 0 {
		s.pieces, s.heads = slices.Delete(s.pieces, i, i+1), slices.Delete(s.heads, i, i+1)
		return
	}
	s.heads[i] = p.heads[0]
}

// cursor walks a half-open range of a keyset that nobody changes meanwhile.
type cursor struct {
	set       *keyset
	piece, at int
	end       string // "" means no end
}

// from begins at the first key that is not below start.
func (s *keyset) from(start, end string) cursor {
	c := cursor{set: s, end: end}
	if len(s.pieces) > 0 {
		c.piece = s.piece(start)
		c.at, _ = s.pieces[c.piece].find(start)
	}
	return c
}

// peek returns the key at the cursor, false at the end of the range.
func (c *cursor) peek() (string, bool) {
	for c.piece < len(c.set.pieces) && c.at >= len(c.set.pieces[c.piece].keys) {
		c.piece, c.at = c.piece+1, 0
	}
	if c.piece >= len(c.set.pieces) {
		return "", false
	}
	k := c.set.pieces[c.piece].keys[c.at]
	return k, c.end == "" || k < c.end
}

func (c *cursor) next() (string, bool) {
	k, ok := c.peek()
	if ok {
		c.at++
	}
	return k, ok
}
