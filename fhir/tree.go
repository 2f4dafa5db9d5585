package fhir

import "bytes"

// tree holds where the values of a checked document lie: one node each, parents
// before children, in the order of the text. It is built in one pass without
// looking at a byte twice, and copies nothing.
type tree struct {
	b     []byte
	root  string // begins every path: the resource type
	nodes []treeNode
}

// treeNode is one value. The root is node 0; a container's first child, if it has
// one, is the node behind it.
type treeNode struct {
	name, nameEnd int32 // the member's raw name, quotes excluded; 0, 0 without one
	at, end       int32 // the raw value
	parent        int32 // -1 for the root
	next          int32 // the next sibling, 0 if none
	index         int32 // how many siblings stand before it
	escapedName   bool  // the name has an escape
}

// newTree reads checked bytes.
func newTree(b []byte, root string) *tree {
	t := &tree{b: b, root: root, nodes: make([]treeNode, 0, 16+len(b)/24)}
	t.build(skipSpace(b, 0))
	return t
}

// build adds every value of the document that begins at i.
func (t *tree) build(i int) {
	b := t.b
	parent := int32(-1)
	var last [MaxDepth + 2]int32 // by depth: the newest child of the open container
	depth := 0
	name, nameEnd := 0, 0
	for {
		for isSpace(b[i]) || b[i] == ',' {
			i++
		}
		if c := b[i]; c == '}' || c == ']' {
			i++
			t.nodes[parent].end = int32(i)
			parent = t.nodes[parent].parent
			if depth--; depth == 0 {
				return
			}
			continue
		}
		name, nameEnd = 0, 0
		if parent >= 0 && b[t.nodes[parent].at] == '{' {
			name, nameEnd = i+1, skipString(b, i)-1
			i = skipSpace(b, nameEnd+1)
			i = skipSpace(b, i+1) // the colon
		}
		n := int32(len(t.nodes))
		node := treeNode{name: int32(name), nameEnd: int32(nameEnd), at: int32(i), parent: parent}
		if older := last[depth]; older != 0 {
			t.nodes[older].next = n
			node.index = t.nodes[older].index + 1
		}
		last[depth] = n
		node.escapedName = nameEnd > name && bytes.IndexByte(b[name:nameEnd], '\\') >= 0
		if c := b[i]; c == '{' || c == '[' {
			t.nodes = append(t.nodes, node)
			parent = n
			depth++
			last[depth] = 0
			i++
			continue
		}
		i = skip(b, i)
		node.end = int32(i)
		t.nodes = append(t.nodes, node)
		if depth == 0 {
			return
		}
	}
}

// child returns the member of a container that has the name, 0 if none.
func (t *tree) child(of int32, name string) int32 {
	for n := t.first(of); n != 0; n = t.nodes[n].next {
		v := &t.nodes[n]
		if raw := t.b[v.name:v.nameEnd]; string(raw) == name || v.escapedName && unquote(raw) == name {
			return n
		}
	}
	return 0
}

// first returns the first child of a value, 0 if it has none.
func (t *tree) first(of int32) int32 {
	if n := of + 1; int(n) < len(t.nodes) && t.nodes[n].parent == of {
		return n
	}
	return 0
}
