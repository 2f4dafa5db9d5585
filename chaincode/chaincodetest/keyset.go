package chaincodetest

import "slices"

// keyset is a set of keys in ascending order, as a peer's state database keeps
// them: a range costs what it returns, however many keys there are. It is a list of
// sorted pieces of bounded length.
type keyset struct{ pieces [][]string }

// pieceLen is the length at which a piece is split in two.
const pieceLen = 512

// piece is the index of the piece that holds key, or would.
func (s *keyset) piece(key string) int {
	i, found := slices.BinarySearchFunc(s.pieces, key, func(p []string, k string) int {
		switch {
		case p[0] < k:
			return -1
		case p[0] > k:
			return 1
		}
		return 0
	})
	if !found && i > 0 {
		i--
	}
	return i
}

func (s *keyset) add(key string) {
	if len(s.pieces) == 0 {
		s.pieces = [][]string{{key}}
		return
	}
	i := s.piece(key)
	p := s.pieces[i]
	at, found := slices.BinarySearch(p, key)
	if found {
		return
	}
	p = slices.Insert(p, at, key)
	s.pieces[i] = p
	if len(p) >= pieceLen {
		half := len(p) / 2
		s.pieces[i] = p[:half:half]
		s.pieces = slices.Insert(s.pieces, i+1, slices.Clone(p[half:]))
	}
}

func (s *keyset) remove(key string) {
	if len(s.pieces) == 0 {
		return
	}
	i := s.piece(key)
	at, found := slices.BinarySearch(s.pieces[i], key)
	if !found {
		return
	}
	if s.pieces[i] = slices.Delete(s.pieces[i], at, at+1); len(s.pieces[i]) == 0 {
		s.pieces = slices.Delete(s.pieces, i, i+1)
	}
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
		c.at, _ = slices.BinarySearch(s.pieces[c.piece], start)
	}
	return c
}

// peek returns the key at the cursor, false at the end of the range.
func (c *cursor) peek() (string, bool) {
	for c.piece < len(c.set.pieces) && c.at >= len(c.set.pieces[c.piece]) {
		c.piece, c.at = c.piece+1, 0
	}
	if c.piece >= len(c.set.pieces) {
		return "", false
	}
	k := c.set.pieces[c.piece][c.at]
	return k, c.end == "" || k < c.end
}

func (c *cursor) next() (string, bool) {
	k, ok := c.peek()
	if ok {
		c.at++
	}
	return k, ok
}
