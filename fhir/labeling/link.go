package labeling

import (
	"maps"
	"slices"
	"strings"
)

// maxEntries bounds the codes of a rule set after references are followed, so that
// files referring to each other crosswise cannot fill the memory.
const maxEntries = 4_000_000

// linker follows references between ValueSets.
type linker struct {
	sets  map[string]*valueSet
	used  map[string]bool
	open  []string // urls being followed
	count int      // entries made
}

// flatten adds to the index what vs means, as entries like e.
func (l *linker) flatten(vs *valueSet, to index, e entry) error {
	if slices.Contains(l.open, vs.url) {
		return vs.errorf("compose", "refers to itself: %s", strings.Join(append(l.open, vs.url), " → "))
	}
	l.open = append(l.open, vs.url)
	defer func() { l.open = l.open[:len(l.open)-1] }()
	if len(vs.exclude) > 0 {
		out := index{}
		if err := l.groups(vs, vs.exclude, out, entry{}); err != nil {
			return err
		}
		out.seal()
		e.except = append(slices.Clip(e.except), out)
	}
	return l.groups(vs, vs.include, to, e)
}

func (l *linker) groups(vs *valueSet, groups []group, to index, e entry) error {
	for _, g := range groups {
		if g.ref != "" {
			other, err := l.resolve(vs, g)
			if err != nil {
				return err
			}
			if err := l.flatten(other, to, e); err != nil {
				return err
			}
		}
		for _, p := range g.parts {
			if l.count++; l.count > maxEntries {
				return vs.errorf("compose", "means more than %d codes together with the other rules", maxEntries)
			}
			to.add(p, e)
		}
	}
	return nil
}

func (l *linker) resolve(vs *valueSet, g group) (*valueSet, error) {
	url, version, pinned := strings.Cut(g.ref, "|")
	other := l.sets[url]
	if other == nil {
		return nil, g.at.errorf("valueSet", "%s is none of the rule files given", url)
	}
	if pinned && version != other.version {
		return nil, g.at.errorf("valueSet", "asks for version %s of %s, given is %s", version, url, other.version)
	}
	l.used[url] = l.used[url] || url != vs.url
	return other, nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
