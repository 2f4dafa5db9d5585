package collections

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// reader turns YAML nodes into values and reports what does not fit. After a
// report it goes on with a zero value, so that one run finds all problems.
type reader struct{ report }

// document reads one YAML document, nil after a report.
func (r *reader) document(b []byte) *yaml.Node {
	r.lines = map[string]int{"": 1}
	switch {
	case len(b) > MaxSize:
		r.add(place{}, "is larger than 1 MiB; a policy is a few pages of text")
		return nil
	case !utf8.Valid(b):
		r.add(place{}, "is not UTF-8; save it as UTF-8")
		return nil
	}
	var doc, more yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(b))
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF):
		r.add(place{}, "is empty")
		return nil
	case err != nil:
		r.syntax(err)
		return nil
	}
	if !errors.Is(d.Decode(&more), io.EOF) {
		r.add(place{}, "holds more than one document; remove what follows the line ---")
		return nil
	}
	root := doc.Content[0]
	if n := reference(root); n != nil {
		r.lines[""] = n.Line
		r.add(place{}, "uses a YAML anchor or alias (& or *); write the value out, so that every line says all it means")
		return nil
	}
	return root
}

// syntax reports an error of the YAML parser at its line.
func (r *reader) syntax(err error) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		if n, what, ok := strings.Cut(rest, ": "); ok {
			if line, err := strconv.Atoi(n); err == nil {
				r.lines[""], text = line, what
			}
		}
	}
	r.add(place{}, "is not YAML: %s", text)
}

// reference returns a node that is or has an alias or an anchor. Aliases can make
// a small file huge.
func reference(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return n
	}
	for _, c := range n.Content {
		if found := reference(c); found != nil {
			return found
		}
	}
	return nil
}

// mapping returns the values of a mapping by key. Keys other than the known ones
// are reported, repeated ones too.
func (r *reader) mapping(n *yaml.Node, p place, known ...string) map[string]*yaml.Node {
	m := map[string]*yaml.Node{}
	for _, e := range r.pairs(n, p) {
		if !slices.Contains(known, e.key) {
			r.add(p.field(show(e.key)), "unknown key%s Known here: %s", dot(r.nearest(e.key, these(known))), strings.Join(known, ", "))
			continue
		}
		m[e.key] = e.value
	}
	return m
}

func dot(question string) string {
	if question == "" {
		return "."
	}
	return question
}

type pair struct {
	key   string
	value *yaml.Node
}

// pairs returns the entries of a mapping with any keys, in order, without
// repeated ones, and notes their lines.
func (r *reader) pairs(n *yaml.Node, p place) []pair {
	if _, ok := r.lines[p.at]; !ok || p.at == "" {
		r.lines[p.at] = n.Line
	}
	if n.Kind != yaml.MappingNode {
		r.add(p, "must be a mapping (key: value lines)")
		return nil
	}
	var out []pair
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		if k.Kind != yaml.ScalarNode || k.Tag != "!!str" {
			r.lines[p.at+".?"] = k.Line
			r.add(place{p.at + ".?", join(p.shown, "?")}, "has a key that is not plain text; put it in quotes")
			continue
		}
		at := p.field(show(k.Value))
		if first, again := seen[k.Value]; again {
			r.lines[at.at] = k.Line
			r.add(at, "is given twice, first in line %d; keep one", first)
			r.lines[at.at] = first
			continue
		}
		seen[k.Value] = k.Line
		r.lines[at.at] = k.Line
		out = append(out, pair{k.Value, n.Content[i+1]})
	}
	return out
}

// items returns the elements of a list and notes their lines; an absent list has
// none.
func (r *reader) items(n *yaml.Node, p place) []*yaml.Node {
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		r.add(p, "must be a list ([a, b] or lines that begin with -)")
		return nil
	}
	for i, c := range n.Content {
		r.lines[p.index(i).at] = c.Line
	}
	return n.Content
}

// text returns a string, "" for an absent one.
func (r *reader) text(n *yaml.Node, p place) string {
	switch {
	case n == nil:
		return ""
	case n.Kind != yaml.ScalarNode:
		r.add(p, "must be one text")
	case n.Tag == "!!null":
		r.add(p, "is empty; give a value or remove the key")
	case n.Tag != "!!str":
		r.add(p, "must be text; put %s in quotes", show(n.Value))
	case n.Value == "":
		r.add(p, "is empty; give a value or remove the key")
	default:
		return n.Value
	}
	return "" // reported, so that the check for missing values stays silent
}

// texts returns a list of strings.
func (r *reader) texts(n *yaml.Node, p place) []string {
	var out []string
	for i, c := range r.items(n, p) {
		if s := r.text(c, p.index(i)); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// number returns a whole number, or def if it is absent.
func (r *reader) number(n *yaml.Node, p place, def int) int {
	if n == nil {
		return def
	}
	v, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || err != nil {
		r.add(p, "must be a whole number")
		return def
	}
	return v
}
