package fhir

import (
	"bytes"
	"encoding/json"
	"iter"
	"strconv"
	"strings"
)

// The functions of this file read JSON that scanner has accepted. They check
// nothing again.

// unquote decodes the inside of a checked JSON string.
func unquote(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw)
	}
	quoted := make([]byte, 0, len(raw)+2)
	quoted = append(append(append(quoted, '"'), raw...), '"')
	var s string
	if json.Unmarshal(quoted, &s) != nil {
		return "" // cannot be: the string was checked
	}
	return s
}

// text returns the string that v holds and whether it is one.
func text(v []byte) (string, bool) {
	if len(v) < 2 || v[0] != '"' {
		return "", false
	}
	return unquote(v[1 : len(v)-1]), true
}

// skip returns the offset behind the value that begins at b[i].
func skip(b []byte, i int) int {
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{', '[':
		depth := 0
		for ; ; i++ {
			switch b[i] {
			case '"':
				i = skipString(b, i) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
	}
	for i < len(b) && b[i] != ',' && b[i] != '}' && b[i] != ']' && !isSpace(b[i]) {
		i++
	}
	return i
}

func skipString(b []byte, i int) int {
	for i++; b[i] != '"'; i++ {
		if b[i] == '\\' {
			i++
		}
	}
	return i + 1
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	return i
}

// member is one name of an object with its raw value.
type member struct {
	name  []byte // raw, quotes excluded
	value []byte
	at    int // offset of the value in the object
}

func (m member) is(name string) bool {
	return string(m.name) == name || bytes.IndexByte(m.name, '\\') >= 0 && unquote(m.name) == name
}

// members yields the members of the object v in their order, nothing if v is no
// object.
func members(v []byte) iter.Seq[member] {
	return func(yield func(member) bool) {
		i := skipSpace(v, 0)
		if i >= len(v) || v[i] != '{' {
			return
		}
		for i = skipSpace(v, i+1); v[i] != '}'; {
			if v[i] == ',' {
				i = skipSpace(v, i+1)
			}
			nameEnd := skipString(v, i)
			name := v[i+1 : nameEnd-1]
			i = skipSpace(v, nameEnd)
			i = skipSpace(v, i+1) // the colon
			end := skip(v, i)
			if !yield(member{name, v[i:end], i}) {
				return
			}
			i = skipSpace(v, end)
		}
	}
}

// elements yields the elements of the array v, or v itself if it is another value,
// nothing if it is nil.
func elements(v []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if len(v) == 0 {
			return
		}
		if v[0] != '[' {
			yield(v)
			return
		}
		for i := skipSpace(v, 1); v[i] != ']'; {
			if v[i] == ',' {
				i = skipSpace(v, i+1)
			}
			end := skip(v, i)
			if !yield(v[i:end]) {
				return
			}
			i = skipSpace(v, end)
		}
	}
}

// lookup returns the value that the object v has under name, nil if none or null.
func lookup(v []byte, name string) []byte {
	for m := range members(v) {
		if m.is(name) {
			if string(m.value) == "null" {
				return nil
			}
			return m.value
		}
	}
	return nil
}

// lookupText is lookup for strings; "" if there is none.
func lookupText(v []byte, name string) string {
	s, _ := text(lookup(v, name))
	return s
}

// path writes where a failed scan stood, prefixed by base.
func (s *scanner) path(base string) string {
	var p strings.Builder
	p.WriteString(base)
	for _, f := range s.frames {
		if f.index >= 0 {
			p.WriteByte('[')
			p.WriteString(strconv.Itoa(f.index))
			p.WriteByte(']')
			continue
		}
		if f.keyEnd == 0 {
			break // before the first name of an object, or an empty array
		}
		joinName(&p, s.b[f.keyStart:f.keyEnd])
	}
	return p.String()
}

func joinName(p *strings.Builder, name []byte) {
	if p.Len() > 0 {
		p.WriteByte('.')
	}
	p.WriteString(safeName(name))
}
