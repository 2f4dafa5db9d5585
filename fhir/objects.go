package fhir

import (
	"bytes"
	"iter"
	"strconv"
)

// Object is a value inside a checked resource: a JSON object, or an element of an
// array reached by [Object.Each], which may be of any kind. It reads the
// resource's own bytes and copies nothing until it is asked for text; it stays
// valid as long as nobody writes to those bytes. The zero Object is absent: all
// its methods return nothing.
type Object struct {
	t *tree
	n int32
}

// Objects calls visit for every JSON object of the resource, at every depth, in
// the order of the text, an object before those inside it: the resource itself,
// its elements, extensions, contained resources, the entries of a Bundle and the
// objects of primitive elements ("_birthDate"). Nothing is left out because R4
// does not know it, and nothing is decoded or marshalled on the way.
//
// An error of visit ends the visit and is returned as it is.
func (r *Resource) Objects(visit func(Object) error) error {
	t := newTree(r.doc, r.Type)
	for n := range t.nodes {
		if t.b[t.nodes[n].at] == '{' {
			if err := visit(Object{t, int32(n)}); err != nil {
				return err
			}
		}
	}
	return nil
}

// Root returns the resource itself as an Object.
func (r *Resource) Root() Object { return Object{newTree(r.doc, r.Type), 0} }

func (o Object) raw() []byte {
	if o.t == nil {
		return nil
	}
	v := &o.t.nodes[o.n]
	return o.t.b[v.at:v.end:v.end]
}

// Exists tells whether there is a value; null is one.
func (o Object) Exists() bool { return o.t != nil }

// IsObject tells whether the value is a JSON object.
func (o Object) IsObject() bool { return o.t != nil && o.t.b[o.t.nodes[o.n].at] == '{' }

// IsArray tells whether the value is a JSON array.
func (o Object) IsArray() bool { return o.t != nil && o.t.b[o.t.nodes[o.n].at] == '[' }

// IsNull tells whether the value is there and null.
func (o Object) IsNull() bool { return o.t != nil && o.t.b[o.t.nodes[o.n].at] == 'n' }

// IsRoot tells whether the value is the resource itself.
func (o Object) IsRoot() bool { return o.t != nil && o.n == 0 }

// Name returns the name of the member that holds the value, or the array that the
// value is in; "" for the resource itself.
func (o Object) Name() string {
	if o.t == nil {
		return ""
	}
	n := o.n
	for n > 0 && o.t.nodes[n].nameEnd == 0 {
		n = o.t.nodes[n].parent
	}
	v := &o.t.nodes[n]
	return unquote(o.t.b[v.name:v.nameEnd])
}

// Parent returns the object around the value (arrays are passed over), absent for
// the resource itself.
func (o Object) Parent() Object {
	if o.t == nil {
		return Object{}
	}
	for n := o.t.nodes[o.n].parent; n >= 0; n = o.t.nodes[n].parent {
		if o.t.b[o.t.nodes[n].at] == '{' {
			return Object{o.t, n}
		}
	}
	return Object{}
}

// Member returns the value that the object has under name, absent if none or null.
func (o Object) Member(name string) Object {
	if !o.IsObject() {
		return Object{}
	}
	n := o.t.child(o.n, name)
	if n == 0 || o.t.b[o.t.nodes[n].at] == 'n' {
		return Object{}
	}
	return Object{o.t, n}
}

// MemberFold is Member for a name in any case, as readers that ignore case find it. At
// most one member answers: the parse refuses names that differ only in case.
func (o Object) MemberFold(name string) Object {
	if !o.IsObject() {
		return Object{}
	}
	for n := o.t.first(o.n); n != 0; n = o.t.nodes[n].next {
		v := &o.t.nodes[n]
		raw := o.t.b[v.name:v.nameEnd]
		if v.escapedName {
			raw = []byte(unquote(raw))
		}
		if sameFold(raw, name) && o.t.b[v.at] != 'n' {
			return Object{o.t, n}
		}
	}
	return Object{}
}

// sameFold is bytes.EqualFold for a name in ASCII. What folds to a letter of ASCII and
// is none (ſ, the Kelvin sign) is longer than it.
func sameFold(raw []byte, name string) bool {
	if len(raw) != len(name) {
		return len(raw) > len(name) && bytes.EqualFold(raw, []byte(name))
	}
	for i := range raw {
		if c := raw[i]; c != name[i] && (c|0x20 != name[i]|0x20 || c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}

// Raw returns the bytes of the value under name as they were received, nil if none
// or null.
func (o Object) Raw(name string) []byte { return o.Member(name).raw() }

// Text returns the string under name, decoded, and whether there is one.
func (o Object) Text(name string) (string, bool) { return o.Member(name).Value() }

// Value returns the value itself if it is a string, and whether it is.
func (o Object) Value() (string, bool) { return text(o.raw()) }

// Bytes is Text without a copy where the string has no escapes: the slice is part
// of the resource and must not be written to. nil if there is none.
func (o Object) Bytes(name string) []byte { return o.Member(name).Plain() }

// Plain is Value in the way of [Object.Bytes].
func (o Object) Plain() []byte {
	raw := o.raw()
	if len(raw) < 2 || raw[0] != '"' {
		return nil
	}
	if raw = raw[1 : len(raw)-1 : len(raw)-1]; bytes.IndexByte(raw, '\\') >= 0 {
		return []byte(unquote(raw))
	}
	return raw
}

// Number returns the lexeme of the value if it is a number, and whether it is.
func (o Object) Number() ([]byte, bool) {
	raw := o.raw()
	ok := len(raw) > 0 && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9')
	return raw, ok
}

// Each yields the elements of the array under name, or the value itself if it is
// no array, nothing if it is absent or null. Elements may be of any kind, null too.
func (o Object) Each(name string) iter.Seq[Object] { return o.Member(name).elements }

// Elements yields the elements of the value if it is an array, else the value
// itself; nothing if it is absent.
func (o Object) Elements() iter.Seq[Object] { return o.elements }

func (o Object) elements(yield func(Object) bool) {
	if o.t == nil {
		return
	}
	if o.t.b[o.t.nodes[o.n].at] != '[' {
		yield(o)
		return
	}
	for n := o.t.first(o.n); n != 0; n = o.t.nodes[n].next {
		if !yield(Object{o.t, n}) {
			return
		}
	}
}

// Members yields the object's members in their order, null ones too; nothing for
// other values.
func (o Object) Members() iter.Seq2[string, Object] {
	return func(yield func(string, Object) bool) {
		if !o.IsObject() {
			return
		}
		for n := o.t.first(o.n); n != 0; n = o.t.nodes[n].next {
			v := &o.t.nodes[n]
			if !yield(unquote(o.t.b[v.name:v.nameEnd]), Object{o.t, n}) {
				return
			}
		}
	}
}

// Path leads to the value in the way of FHIRPath, from the type of the resource:
// "Observation.code.coding[0]", "Patient._birthDate.extension[0]". Every element
// of an array has its index. A name that is no element of R4 is shown as "?",
// because it may be data.
func (o Object) Path() string {
	if o.t == nil {
		return ""
	}
	return string(o.t.appendPath(nil, o.n))
}

func (t *tree) appendPath(p []byte, n int32) []byte {
	v := &t.nodes[n]
	if v.parent < 0 {
		return append(p, t.root...)
	}
	p = t.appendPath(p, v.parent)
	if t.b[t.nodes[v.parent].at] == '{' {
		name := t.b[v.name:v.nameEnd]
		if v.escapedName {
			name = []byte(unquote(name))
		}
		return append(append(p, '.'), safeName(name)...)
	}
	return append(strconv.AppendInt(append(p, '['), int64(v.index), 10), ']')
}
