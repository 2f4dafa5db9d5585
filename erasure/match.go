package erasure

import (
	"bytes"
	"encoding/binary"
)

// matcher finds many needles in one pass (Wu and Manber, "A fast algorithm for multi-pattern searching", 1994, with
// blocks of four bytes). It is immutable after newMatcher and safe for concurrent use.
type matcher struct {
	needles []needle
	window  int                // bytes of every needle that the tables know: the shortest needle's length, at most maxWindow
	longest int                // bytes of the longest needle
	shift   []uint8            // by hash of the last four bytes of a window: how far the window can move on
	ends    map[uint32][]int32 // last four bytes of a needle's window → the needles
	prints  []*prints
}

// Wanted is what to look for, made ready once for any number of searches, also at once:
// with many fingerprints that takes time and memory.
type Wanted struct{ m *matcher }

// NewWanted makes patterns and fingerprints ready. The error wraps [ErrPattern].
func NewWanted(patterns []Pattern, fingerprints ...Fingerprint) (*Wanted, error) {
	m, err := newMatcher(patterns, fingerprints...)
	if err != nil {
		return nil, err
	}
	return &Wanted{m}, nil
}

const (
	blockLen  = 4
	maxWindow = 24
	shiftBits = 20
)

func newMatcher(patterns []Pattern, fingerprints ...Fingerprint) (*matcher, error) {
	m := &matcher{window: maxWindow, ends: map[uint32][]int32{}}
	var err error
	if m.prints, err = newPrints(fingerprints); err != nil {
		return nil, err
	}
	for _, p := range m.prints {
		m.longest = max(m.longest, p.length)
	}
	if len(patterns) == 0 && len(fingerprints) > 0 {
		return m, nil
	}
	all, err := needles(patterns)
	if err != nil {
		return nil, err
	}
	m.needles = all
	for _, n := range all {
		m.window = min(m.window, len(n.bytes))
		m.longest = max(m.longest, len(n.bytes))
	}
	farthest := uint8(m.window - blockLen + 1)
	m.shift = bytes.Repeat([]byte{farthest}, 1<<shiftBits)
	for i, n := range all {
		for at := 0; at+blockLen <= m.window; at++ {
			h := blockHash(binary.LittleEndian.Uint32(n.bytes[at:]))
			m.shift[h] = min(m.shift[h], uint8(m.window-blockLen-at))
		}
		end := binary.LittleEndian.Uint32(n.bytes[m.window-blockLen:])
		m.ends[end] = append(m.ends[end], int32(i))
	}
	return m, nil
}

func blockHash(v uint32) uint32 { return (v * 2654435761) >> (32 - shiftBits) }

// find calls hit for every needle and fingerprint that starts in text before limit.
func (m *matcher) find(text []byte, limit int, hit func(n *needle, at int)) {
	for _, p := range m.prints {
		p.find(text, limit, hit)
	}
	if len(m.needles) == 0 {
		return
	}
	back := m.window - blockLen
	last := min(limit-1, len(text)-m.window)
	for at := 0; at <= last; {
		v := binary.LittleEndian.Uint32(text[at+back:])
		if s := m.shift[blockHash(v)]; s > 0 {
			at += int(s)
			continue
		}
		for _, i := range m.ends[v] {
			n := &m.needles[i]
			if bytes.HasPrefix(text[at:], n.bytes) {
				hit(n, at)
			}
		}
		at++
	}
}

// stream searches bytes that arrive in pieces, each start position exactly once. Call Close after the last Write.
type stream struct {
	m    *matcher
	hit  func(n *needle, at int64)
	seen func(text []byte, limit int, base int64) // optional: looks at each piece of text too
	buf  []byte
	base int64 // position of buf[0]
}

// streamBuffer is the least capacity of a stream's buffer in bytes. It grows with the longest needle.
const streamBuffer = 256 << 10

// lookahead is the least number of bytes that follow each start position a stream examines before the end.
const lookahead = 16

func (m *matcher) stream(hit func(n *needle, at int64)) *stream {
	return &stream{m: m, hit: hit, buf: make([]byte, 0, max(streamBuffer, 4*m.longest))}
}

// Write implements io.Writer; it never fails.
func (s *stream) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		room := cap(s.buf) - len(s.buf)
		k := min(room, len(p))
		s.buf = append(s.buf, p[:k]...)
		p = p[k:]
		if len(s.buf) == cap(s.buf) {
			s.examine(len(s.buf) - max(s.m.longest, lookahead) + 1)
		}
	}
	return n, nil
}

// Close examines what is left and makes the stream ready for other bytes, counted from 0.
func (s *stream) Close() {
	s.examine(len(s.buf))
	s.base = 0
}

func (s *stream) examine(limit int) {
	s.m.find(s.buf, limit, func(n *needle, at int) { s.hit(n, s.base+int64(at)) })
	if s.seen != nil {
		s.seen(s.buf, limit, s.base)
	}
	s.base += int64(limit)
	s.buf = s.buf[:copy(s.buf, s.buf[limit:])]
}
