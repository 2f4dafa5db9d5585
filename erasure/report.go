package erasure

import (
	"cmp"
	"maps"
	"slices"
)

// Finding is a pattern that was found in one place in one form. Its JSON never holds the pattern itself.
type Finding struct {
	// Root is the element of Options.Roots under which the place lies; empty when no directory was scanned.
	Root string `json:"root,omitempty"`
	// Path is the file, or the block and field, or the process and mapping.
	Path string `json:"path"`
	// Form is how the pattern was stored.
	Form Form `json:"form"`
	// Pattern is Pattern.Name.
	Pattern string `json:"pattern"`
	// Offset of the first hit in bytes: of the hit itself for plain files, fields and memory (an address), of the
	// enclosing table block, journal record or gzip stream otherwise.
	Offset int64 `json:"offset"`
	// Count is the number of hits.
	Count int `json:"count"`
}

// Report is what a scan saw. Its order does not depend on chance.
type Report struct {
	// Roots are the directories that were scanned, as given.
	Roots []string `json:"roots,omitempty"`
	// Findings are sorted by Root, Path, Form, Pattern.
	Findings []Finding `json:"findings"`
	// Files is the number of regular files (blocks, mappings) that were read.
	Files int `json:"files"`
	// Bytes is how many bytes of them were read, before decompression.
	Bytes int64 `json:"bytes"`
	// NotCovered names each place that could not be searched fully, with the reason.
	NotCovered []string `json:"notCovered,omitempty"`
	// Vanished names files that were listed but gone when they were to be read, as happens under a running peer. What
	// they held is searched in the files that took their place.
	Vanished []string `json:"vanished,omitempty"`
}

// Clean reports whether nothing was found and everything was searched.
func (r *Report) Clean() bool { return len(r.Findings) == 0 && len(r.NotCovered) == 0 }

// Residue sums up what a scan found under one root.
type Residue struct {
	// Root is an element of Report.Roots.
	Root string `json:"root"`
	// Files is the number of different files with hits.
	Files int `json:"files"`
	// Hits is the number of hits in all forms. One stored copy may be hit in two forms: plain in a table whose
	// compression left it readable, and as an entry of that table.
	Hits int `json:"hits"`
	// Forms is the number of hits by form.
	Forms map[Form]int `json:"forms"`
	// Patterns is the number of different patterns with hits.
	Patterns int `json:"patterns"`
}

// Residue returns one summary for each root, in the order of Roots, also for clean ones.
func (r *Report) Residue() []Residue {
	out := make([]Residue, 0, len(r.Roots))
	for _, root := range r.Roots {
		sum := Residue{Root: root, Forms: map[Form]int{}}
		files, patterns := map[string]bool{}, map[string]bool{}
		for _, f := range r.Findings {
			if f.Root != root {
				continue
			}
			files[f.Path], patterns[f.Pattern] = true, true
			sum.Hits += f.Count
			sum.Forms[f.Form] += f.Count
		}
		sum.Files, sum.Patterns = len(files), len(patterns)
		out = append(out, sum)
	}
	return out
}

// tally collects the findings of one place.
type tally struct {
	found map[tallyKey]*Finding
	gaps  []string
	bytes int64
}

type tallyKey struct {
	path    string
	form    Form
	pattern string
}

func (t *tally) add(path string, form Form, pattern string, at int64) {
	k := tallyKey{path, form, pattern}
	if f := t.found[k]; f != nil {
		f.Count++
		f.Offset = min(f.Offset, at)
		return
	}
	if t.found == nil {
		t.found = map[tallyKey]*Finding{}
	}
	t.found[k] = &Finding{Path: path, Form: form, Pattern: pattern, Offset: at, Count: 1}
}

func (t *tally) gap(place, reason string) { t.gaps = append(t.gaps, place+": "+reason) }

// merge moves the findings of t into r.
func (r *Report) merge(root string, t *tally) {
	for _, f := range t.found {
		f.Root = root
		r.Findings = append(r.Findings, *f)
	}
	r.NotCovered = append(r.NotCovered, t.gaps...)
	r.Bytes += t.bytes
}

// finish puts everything in its order.
func (r *Report) finish() *Report {
	slices.SortFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Root, b.Root), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Form, b.Form), cmp.Compare(a.Pattern, b.Pattern))
	})
	if r.Findings == nil {
		r.Findings = []Finding{}
	}
	r.NotCovered = sortedSet(r.NotCovered)
	r.Vanished = sortedSet(r.Vanished)
	return r
}

func sortedSet(s []string) []string {
	set := map[string]struct{}{}
	for _, e := range s {
		set[e] = struct{}{}
	}
	return slices.Sorted(maps.Keys(set))
}
