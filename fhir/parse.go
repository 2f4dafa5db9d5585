package fhir

import "fmt"

// Resource is a view of one FHIR resource that passed [Parse]. Its methods read
// the checked bytes; it is safe for concurrent use as long as nobody writes to
// them.
type Resource struct {
	// Type is the resourceType, for example "Patient".
	Type string
	// ID is the resource's logical id, "" if it has none.
	ID string
	// Raw is the very slice that was parsed: the bytes to store, hash and return.
	Raw []byte
}

// Parse checks that b is exactly one FHIR resource in strict JSON and returns a
// view of it, which keeps b. White space around the resource is allowed and part
// of Raw. Time is linear in len(b); no more than [MaxBytes] and [MaxDepth] levels
// are accepted.
//
// Only the JSON text and resourceType are judged, not whether the elements are
// those that FHIR defines for the type.
//
// Every error is a [*SyntaxError].
func Parse(b []byte) (*Resource, error) {
	if len(b) > MaxBytes {
		return nil, start().fail(TooLarge, "")
	}
	if _, err := check(b, MaxDepth, MaxDepth, start(), ""); err != nil {
		return nil, err
	}
	return view(b, start(), "")
}

// check scans b strictly: one value with white space around it, of at most limit
// levels. The error's place is told from p, where b begins, its path from base.
// softAt is the offset of the first value below soft levels, -1 if none.
func check(b []byte, limit, soft int, p place, base string) (softAt int, err error) {
	s := scanner{b: b, limit: limit, soft: soft}
	from := skipSpace(b, 0)
	end, bad := s.scanValue(from)
	if bad == nil {
		after := skipSpace(b, end)
		switch {
		case after == len(b):
			return s.softAt, nil
		case after == end && b[from] != '{' && b[from] != '[':
			return -1, p.after(b[:end]).fail(NotJSON, base) // such as 01
		}
		return -1, p.after(b[:after]).fail(TrailingData, base)
	}
	return -1, p.after(b[:bad.at]).fail(bad.reason, s.path(base)).hintAt(b[bad.at:])
}

// view makes a Resource of checked bytes, which begin at p and at path base.
func view(b []byte, p place, base string) (*Resource, error) {
	r := &Resource{Raw: b}
	for m := range members(b) {
		if m.is("resourceType") {
			r.Type, _ = text(m.value)
		} else if m.is("id") {
			r.ID, _ = text(m.value)
		} else {
			continue
		}
		if r.Type != "" && r.ID != "" {
			break
		}
	}
	if !isTypeName(r.Type) {
		return nil, p.after(b[:skipSpace(b, 0)]).fail(NoResourceType, base)
	}
	return r, nil
}

// isTypeName tells whether s is an upper-case letter and up to 63 more letters.
func isTypeName(s string) bool {
	if len(s) == 0 || len(s) > 64 || s[0] < 'A' || s[0] > 'Z' {
		return false
	}
	for i := range len(s) {
		if c := s[i] | 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}

// isID tells whether s has the form of a FHIR id
// (https://hl7.org/fhir/R4/datatypes.html#id).
func isID(s string) bool {
	if len(s) == 0 || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c != '-' && c != '.' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// String names the resource's type only: ids and content stay out of logs.
func (r *Resource) String() string { return fmt.Sprintf("%s (%d bytes)", r.Type, len(r.Raw)) }
