package labeling

import (
	"bytes"
	"slices"
)

// index finds the rules for a code: by system, then by exact code or prefix.
type index map[string]*systemIndex

// systemIndex holds the rules of one code system.
type systemIndex struct {
	family  family
	exact   map[string][]entry
	prefix  map[string][]entry
	lengths []int // of the prefixes, ascending
	spans   []spanEntry
	whole   []entry
}

// entry is one reason for a rule to match.
type entry struct {
	rule   int32
	below  bool    // a longer code only
	except []index // matches in any of them undo it
}

type spanEntry struct {
	first, last string
	entry
}

func (x index) add(p part, e entry) {
	s := x[p.family.url]
	if s == nil {
		s = &systemIndex{family: p.family, exact: map[string][]entry{}, prefix: map[string][]entry{}}
		x[p.family.url] = s
	}
	switch p.kind {
	case exact:
		s.exact[p.code] = append(s.exact[p.code], e)
	case prefix, below:
		e.below = p.kind == below
		s.prefix[p.code] = append(s.prefix[p.code], e)
	case span:
		s.spans = append(s.spans, spanEntry{p.code, p.last, e})
	case whole:
		s.whole = append(s.whole, e)
	}
}

// seal completes the index for look-ups.
func (x index) seal() {
	for _, s := range x {
		s.lengths = nil
		for p := range s.prefix {
			if !slices.Contains(s.lengths, len(p)) {
				s.lengths = append(s.lengths, len(p))
			}
		}
		slices.Sort(s.lengths)
	}
}

// system returns the rules for a system under any of its names, nil if there are
// none, and whether the name is known. It does not allocate.
func (x index) system(name []byte) (s *systemIndex, known bool) {
	if s := x[string(name)]; s != nil {
		return s, true
	}
	url := canonical(name)
	return x[url], url != ""
}

// hits collects the rules that match one object, each once, in the order found.
type hits struct {
	n   int
	few [8]hit
	// more is used beyond those.
	more []hit
}

// hit is a rule that matches, and how.
type hit struct {
	rule int32
	kind kind
}

func (h *hits) add(rule int32, k kind) {
	for i := range h.len() {
		if h.at(i).rule == rule {
			return
		}
	}
	if h.n < len(h.few) {
		h.few[h.n] = hit{rule, k}
		h.n++
		return
	}
	h.more = append(h.more, hit{rule, k})
}

func (h *hits) len() int { return h.n + len(h.more) }

func (h *hits) at(i int) hit {
	if i < h.n {
		return h.few[i]
	}
	return h.more[i-h.n]
}

// maxCode is the longest code that is looked at as it is; longer ones, which only
// SNOMED expressions and attacks have, cost an allocation.
const maxCode = 64

// match adds to h the rules for the code as it stands in a resource.
func (s *systemIndex) match(code []byte, h *hits) {
	var buf [maxCode]byte
	norm := s.family.form.normal(buf[:0], code)
	s.matchNormal(norm, h)
	if s.family.form != sctid {
		return
	}
	// A post-coordinated expression: every concept in it counts.
	for rest := norm; len(rest) > 0; {
		n := digits(rest)
		if n == len(norm) {
			return // one plain id, done already
		}
		if n >= 6 {
			s.matchNormal(rest[:n], h)
		}
		rest = rest[max(n, 1):]
	}
}

func digits(b []byte) int {
	for i, c := range b {
		if c < '0' || c > '9' {
			return i
		}
	}
	return len(b)
}

func (s *systemIndex) matchNormal(code []byte, h *hits) {
	if len(code) == 0 {
		return
	}
	for _, e := range s.exact[string(code)] {
		s.hit(e, exact, code, h)
	}
	for _, n := range s.lengths {
		if n > len(code) {
			break
		}
		for _, e := range s.prefix[string(code[:n])] {
			if !e.below || len(code) > n {
				s.hit(e, prefix, code, h)
			}
		}
	}
	for _, r := range s.spans {
		n := len(r.first)
		if len(code) >= n && string(code[:n]) >= r.first && string(code[:n]) <= r.last {
			s.hit(r.entry, span, code, h)
		}
	}
	for _, e := range s.whole {
		s.hit(e, whole, code, h)
	}
}

func (s *systemIndex) hit(e entry, k kind, code []byte, h *hits) {
	for _, out := range e.except {
		if out.has(s.family.url, code) {
			return
		}
	}
	h.add(e.rule, k)
}

// has tells whether the index has the normal code.
func (x index) has(url string, code []byte) bool {
	s := x[url]
	if s == nil {
		return false
	}
	var h hits
	s.matchNormal(code, &h)
	return h.len() > 0
}

// stray tells whether a code without a known system is spelled like a code of the
// rules, so that leaving it unlabelled in silence could be a miss.
func (rs *RuleSet) stray(code []byte) bool {
	if len(code) < 3 || len(code) > maxCode {
		return false
	}
	var buf [maxCode]byte
	if _, ok := rs.loose[string(upper.normal(buf[:0], code))]; ok {
		return true
	}
	norm := upperNoDot.normal(buf[:0], code)
	if _, ok := rs.loose[string(norm)]; ok && len(norm) == len(code)-bytes.Count(code, []byte{'.'}) {
		return true
	}
	s := rs.index[icd10]
	if s == nil || !likeICD10(code) {
		return false
	}
	var h hits
	s.matchNormal(norm, &h)
	return h.len() > 0
}

// likeICD10 tells whether the code has the shape of ICD-10: letter, digit, digit or
// letter, then nothing or a dot (which may be absent) and up to four more.
func likeICD10(code []byte) bool {
	if len(code) > 8 {
		return false
	}
	for i, c := range code {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		digit := c >= '0' && c <= '9'
		switch {
		case i == 0 && letter, i == 1 && digit, i >= 2 && (letter || digit), i == 3 && c == '.':
		default:
			return false
		}
	}
	return true
}
