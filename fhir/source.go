package fhir

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
)

// source reads JSON values one by one from a stream, keeping the place and the
// digest of all that was read. It finds only where values end; scanner judges them.
type source struct {
	r      io.Reader
	buf    []byte
	lo, hi int // unread bytes of buf
	at     place
	digest hash.Hash
	err    error // what ended the reading, io.EOF included
}

func newSource(r io.Reader) *source {
	return &source{r: r, buf: make([]byte, 64<<10), at: start(), digest: sha256.New()}
}

// more makes sure that there is an unread byte and returns false at the end of the
// input or after a failed read.
func (s *source) more() bool {
	for tries := 0; s.lo == s.hi; tries++ {
		if s.err == nil && tries == 100 {
			s.err = io.ErrNoProgress
		}
		if s.err != nil {
			return false
		}
		s.lo = 0
		s.hi, s.err = s.r.Read(s.buf)
		s.digest.Write(s.buf[:s.hi])
	}
	return true
}

// failed returns the error of the reader, nil at a regular end.
func (s *source) failed() error {
	if s.err == nil || s.err == io.EOF {
		return nil
	}
	return fmt.Errorf("fhir: read input after byte %d: %w", s.at.off, s.err)
}

// take marks n unread bytes as read.
func (s *source) take(n int) {
	s.at = s.at.after(s.buf[s.lo : s.lo+n])
	s.lo += n
}

// peek returns the next byte, 0 at the end.
func (s *source) peek() byte {
	if !s.more() {
		return 0
	}
	return s.buf[s.lo]
}

// space reads white space, only up to a line feed if inLine is set.
func (s *source) space(inLine bool) {
	for s.more() {
		n := s.lo
		for n < s.hi && isSpace(s.buf[n]) && (!inLine || s.buf[n] != '\n') {
			n++
		}
		stop := n < s.hi
		s.take(n - s.lo)
		if stop {
			return
		}
	}
}

// value reads up to the end of the next value. What it returns is a value only if
// the scanner says so: it may be cut off at the end of the input, or be empty.
// More than limit bytes are TooLarge, with path.
func (s *source) value(limit int, path string) (b []byte, err error) {
	var e extent
	from := s.at
	for done := false; !done && s.more(); {
		var n int
		n, done = e.feed(s.buf[s.lo:s.hi])
		if len(b)+n > limit {
			return nil, from.fail(TooLarge, path)
		}
		b = append(b, s.buf[s.lo:s.lo+n]...)
		s.take(n)
	}
	return b, s.failed()
}

// extent finds the end of a value that arrives in pieces.
type extent struct {
	depth             int
	inString, escaped bool
	scalar            bool // inside a number or a literal
}

// feed returns how many bytes of b belong to the value and whether it ends there.
func (e *extent) feed(b []byte) (n int, done bool) {
	for i, c := range b {
		if e.inString {
			switch {
			case e.escaped:
				e.escaped = false
			case c == '\\':
				e.escaped = true
			case c == '"':
				if e.inString = false; e.depth == 0 {
					return i + 1, true
				}
			}
			continue
		}
		switch c {
		case '"', '{', '[':
			if e.scalar {
				return i, true
			}
			if e.inString = c == '"'; !e.inString {
				e.depth++
			}
		case '}', ']':
			if e.depth == 0 {
				return i, true
			}
			if e.depth--; e.depth == 0 {
				return i + 1, true
			}
		case ' ', '\n', '\t', '\r', ',', ':':
			if e.depth == 0 {
				return i, true
			}
		default:
			e.scalar = e.depth == 0
		}
	}
	return len(b), false
}
