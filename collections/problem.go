package collections

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing wrong with a document. [errors.As] finds the first of those
// that [Parse] and its sisters return.
type Problem struct {
	File string // as given by the caller; "" for none
	Line int    // from 1; 0 where the document has no lines (JSON)
	Key  string // such as regions.us.collections.us-a.members; "" for the document
	What string // what is wrong and what to do
}

// Error returns "file:line: key: what".
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(cmp.Or(p.File, "policy"))
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	if p.Key != "" {
		b.WriteString(": " + p.Key)
	}
	b.WriteString(": " + p.What)
	return b.String()
}

// place is where a value stands: by index for looking up lines, by name for
// showing.
type place struct{ at, shown string }

func (p place) field(name string) place {
	return place{join(p.at, name), join(p.shown, name)}
}

func (p place) item(i int, name string) place {
	n := fmt.Sprintf("[%d]", i)
	return place{p.at + n, cmp.Or(join(p.shown, show(name)), p.shown+n)}
}

// index is item without a name to show.
func (p place) index(i int) place {
	n := fmt.Sprintf("[%d]", i)
	return place{p.at + n, p.shown + n}
}

func join(a, b string) string {
	if a == "" || b == "" {
		return b
	}
	return a + "." + b
}

// show cuts a text for an error message and quotes it where it is not plain.
func show(s string) string {
	if len(s) > 60 {
		s = strings.ToValidUTF8(s[:60], "") + "…"
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == '"' || r == 0x7f }) {
		return fmt.Sprintf("%q", s)
	}
	return s
}

// report collects the problems of one document.
type report struct {
	file     string
	lines    map[string]int // place.at -> line
	problems []Problem
	told     map[string]bool // places with a problem
	more     int             // problems above maxProblems
}

// maxProblems bounds the problems of one document that are told and the work spent
// on a hostile one.
const maxProblems = 100

func (r *report) full() bool { return len(r.problems) >= maxProblems }

// add reports a problem of a place, the first one only: those that follow are
// mostly its consequences, such as a malformed value then found missing.
func (r *report) add(p place, format string, args ...any) {
	if r.told[p.at] {
		return
	}
	if r.told == nil {
		r.told = map[string]bool{}
	}
	r.told[p.at] = true
	if r.full() {
		r.more++
		return
	}
	r.problems = append(r.problems, Problem{
		File: r.file, Line: r.line(p.at), Key: p.shown, What: fmt.Sprintf(format, args...),
	})
}

// line returns the line of a place or of the nearest one around it.
func (r *report) line(at string) int {
	for {
		if n, ok := r.lines[at]; ok {
			return n
		}
		i := strings.LastIndexAny(at, ".[")
		if i < 0 {
			return r.lines[""]
		}
		at = at[:i]
	}
}

// err joins all problems in the order of their lines.
func (r *report) err() error {
	slices.SortStableFunc(r.problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	errs := make([]error, len(r.problems))
	for i, p := range r.problems {
		errs[i] = p
	}
	if r.more > 0 {
		errs = append(errs, Problem{File: r.file, What: "has more problems than these; mend them first"})
	}
	return errors.Join(errs...)
}

// nearest returns ", did you mean X?" for the candidate most like s, or "".
func (r *report) nearest(s string, candidates func() []string) string {
	if len(s) > maxName || r.full() {
		return ""
	}
	best, at := "", 3 // at most two edits
	for _, c := range candidates() {
		if d := edits(strings.ToLower(s), strings.ToLower(c), at); d < at {
			best, at = c, d
		}
	}
	if best == "" {
		return ""
	}
	return ", did you mean " + best + "?"
}

// these are candidates at hand.
func these(list []string) func() []string { return func() []string { return list } }

// edits is the Levenshtein distance, or limit if the lengths alone exceed it.
func edits(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
