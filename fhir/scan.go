package fhir

import (
	"unicode/utf16"
	"unicode/utf8"
)

// MaxDepth is the greatest number of arrays and objects around a value of a
// resource, the resource itself included. R4 has no limit of its own; its
// definitions nest about 20 deep.
const MaxDepth = 64

// MaxBytes is the greatest size of one record in bytes (16 MiB).
const MaxBytes = 16 << 20

// scanner checks one JSON value strictly in a single pass. It keeps no values:
// views look into the checked bytes again when they are asked.
type scanner struct {
	b     []byte
	pos   int
	limit int // levels allowed
	soft  int // first place deeper than this level is kept in softAt
	// softAt is the offset of the first array or object below the soft level, -1
	// if there is none.
	softAt int
	frames []frame
	keys   keySet
}

// frame is one step of the path to the current value.
type frame struct {
	keyStart, keyEnd int // raw name, quotes excluded, when index < 0
	index            int
}

// scanError is a broken rule at an offset of the scanned bytes.
type scanError struct {
	reason Reason
	at     int
}

// scanValue checks that b[from:] begins with one JSON value of at most limit
// levels and returns the offset of its end.
func (s *scanner) scanValue(from int) (end int, err *scanError) {
	s.pos, s.softAt = from, -1
	if err := s.value(0); err != nil {
		return s.pos, err
	}
	return s.pos, nil
}

func (s *scanner) fail(r Reason) *scanError { return &scanError{r, s.pos} }

// unexpected reports the byte at pos (or the end of the text).
func (s *scanner) unexpected() *scanError {
	if s.pos < len(s.b) && s.b[s.pos] >= utf8.RuneSelf {
		if r, n := utf8.DecodeRune(s.b[s.pos:]); r == utf8.RuneError && n == 1 {
			return s.fail(InvalidUTF8)
		}
	}
	return s.fail(NotJSON)
}

func (s *scanner) space() {
	for s.pos < len(s.b) && isSpace(s.b[s.pos]) {
		s.pos++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// peek returns the byte at pos, 0 at the end. A real NUL is no JSON either.
func (s *scanner) peek() byte {
	if s.pos < len(s.b) {
		return s.b[s.pos]
	}
	return 0
}

func (s *scanner) value(depth int) *scanError {
	switch c := s.peek(); {
	case c == '"':
		return s.string()
	case c == '{' || c == '[':
		if depth >= s.limit {
			return s.fail(TooDeep)
		}
		if depth >= s.soft && s.softAt < 0 {
			s.softAt = s.pos
		}
		s.frames = append(s.frames, frame{index: -1})
		var err *scanError
		if c == '{' {
			err = s.object(depth + 1)
		} else {
			err = s.array(depth + 1)
		}
		if err == nil {
			s.frames = s.frames[:len(s.frames)-1]
		}
		return err
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	case c == 't':
		return s.literal("true")
	case c == 'f':
		return s.literal("false")
	case c == 'n':
		return s.literal("null")
	}
	return s.unexpected()
}

func (s *scanner) object(depth int) *scanError {
	s.pos++
	names := s.keys.open()
	for first := true; ; first = false {
		s.space()
		if first && s.peek() == '}' {
			break
		}
		if s.peek() != '"' {
			return s.unexpected()
		}
		from := s.pos
		if err := s.string(); err != nil {
			return err
		}
		s.frames[len(s.frames)-1] = frame{from + 1, s.pos - 1, -1}
		if r := names.add(s.b, from+1, s.pos-1); r != "" {
			return &scanError{r, from}
		}
		if s.space(); s.peek() != ':' {
			return s.unexpected()
		}
		s.pos++
		s.space()
		if err := s.value(depth); err != nil {
			return err
		}
		s.space()
		if c := s.peek(); c == '}' {
			break
		} else if c != ',' {
			return s.unexpected()
		}
		s.pos++
	}
	names.close()
	s.pos++
	return nil
}

func (s *scanner) array(depth int) *scanError {
	s.pos++
	if s.space(); s.peek() == ']' {
		s.pos++
		return nil
	}
	for i := 0; ; i++ {
		s.frames[len(s.frames)-1].index = i
		s.space()
		if err := s.value(depth); err != nil {
			return err
		}
		s.space()
		if c := s.peek(); c == ']' {
			s.pos++
			return nil
		} else if c != ',' {
			return s.unexpected()
		}
		s.pos++
	}
}

func (s *scanner) literal(word string) *scanError {
	for i := range len(word) {
		if s.peek() != word[i] {
			return s.unexpected()
		}
		s.pos++
	}
	return nil
}

func (s *scanner) digits() bool {
	from := s.pos
	for s.pos < len(s.b) && s.b[s.pos] >= '0' && s.b[s.pos] <= '9' {
		s.pos++
	}
	return s.pos > from
}

func (s *scanner) number() *scanError {
	if s.peek() == '-' {
		s.pos++
	}
	if s.peek() == '0' {
		s.pos++
	} else if !s.digits() {
		return s.unexpected()
	}
	if s.peek() == '.' {
		s.pos++
		if !s.digits() {
			return s.unexpected()
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.pos++
		if c := s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		if !s.digits() {
			return s.unexpected()
		}
	}
	return nil
}

// plain marks the bytes that stand for themselves in a string and need no check.
var plain = func() (t [256]bool) {
	for c := 0x20; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

func (s *scanner) string() *scanError {
	s.pos++
	b, i := s.b, s.pos
	for i < len(b) {
		c := b[i]
		switch {
		case plain[c]:
			i++
		case c == '"':
			s.pos = i + 1
			return nil
		case c == '\\':
			s.pos = i
			if err := s.escape(); err != nil {
				return err
			}
			i = s.pos
		case c < 0x20:
			s.pos = i
			return s.fail(NotJSON)
		default:
			r, n := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && n == 1 {
				s.pos = i
				return s.fail(InvalidUTF8)
			}
			i += n
		}
	}
	s.pos = i
	return s.fail(NotJSON)
}

func (s *scanner) escape() *scanError {
	at := s.pos
	s.pos++
	switch s.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.pos++
		return nil
	case 'u':
	default:
		return s.unexpected()
	}
	r, err := s.hex4()
	if err != nil || !utf16.IsSurrogate(r) {
		return err
	}
	if r < 0xdc00 && s.peek() == '\\' && s.pos+1 < len(s.b) && s.b[s.pos+1] == 'u' {
		s.pos++
		low, err := s.hex4()
		if err != nil {
			return err
		}
		if low >= 0xdc00 && low < 0xe000 {
			return nil
		}
	}
	return &scanError{LoneSurrogate, at}
}

// hex4 reads "uXXXX".
func (s *scanner) hex4() (r rune, err *scanError) {
	s.pos++
	for range 4 {
		c := s.peek()
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, s.unexpected()
		}
		r = r<<4 | rune(c)
		s.pos++
	}
	return r, nil
}
