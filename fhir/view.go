package fhir

import "strings"

// Coding is a code of a code system, as in meta.security
// (https://hl7.org/fhir/R4/datatypes.html#Coding).
type Coding struct{ System, Code string }

// Identifier is a business identifier
// (https://hl7.org/fhir/R4/datatypes.html#Identifier).
type Identifier struct{ System, Value string }

// Security returns the labels of meta.security in their order, nil if there are
// none. Labels are read so that none gets lost: whatever stands where a label
// should and is not one comes back as the zero Coding, which no policy knows, so
// that the caller refuses or restricts the resource instead of taking it for
// unlabelled.
func (r *Resource) Security() []Coding {
	meta := lookup(r.doc, "meta")
	if meta == nil {
		return nil
	}
	if meta[0] != '{' {
		return []Coding{{}}
	}
	security := lookup(meta, "security")
	if security == nil {
		return nil
	}
	var codings []Coding
	for e := range elements(security) {
		codings = append(codings, Coding{lookupText(e, "system"), lookupText(e, "code")})
	}
	return codings
}

// subjectElements are the elements by which R4 resources name whom they are
// about. A Patient has none of them.
var subjectElements = []string{"subject", "patient", "beneficiary"}

// Subjects returns the literal references, as written, of the elements subject,
// patient and beneficiary (single or repeated), nil for a Patient. A reference by
// identifier or display alone is not literal and left out. Resolve them inside
// their Bundle with [Resolve].
func (r *Resource) Subjects() []string {
	if r.Type == "Patient" {
		return nil
	}
	var refs []string
	for _, name := range subjectElements {
		for e := range elements(lookup(r.doc, name)) {
			if ref := lookupText(e, "reference"); ref != "" {
				refs = append(refs, ref)
			}
		}
	}
	return refs
}

// SubjectIdentifiers returns the identifiers by which the elements subject, patient and
// beneficiary name whom the resource is about: those of the references themselves (a
// logical reference has nothing else), and those of a contained Patient that a reference
// leads to. nil for a Patient.
func (r *Resource) SubjectIdentifiers() []Identifier {
	if r.Type == "Patient" {
		return nil
	}
	var ids []Identifier
	inside := map[string]bool{} // ids of contained resources
	for _, name := range subjectElements {
		for e := range elements(lookup(r.doc, name)) {
			ids = appendIdentifiers(ids, lookup(e, "identifier"))
			if id, ok := strings.CutPrefix(lookupText(e, "reference"), "#"); ok {
				inside[id] = true
			}
		}
	}
	if len(inside) == 0 {
		return ids
	}
	for c := range elements(lookup(r.doc, "contained")) {
		if inside[lookupText(c, "id")] && lookupText(c, "resourceType") == "Patient" {
			ids = appendIdentifiers(ids, lookup(c, "identifier"))
		}
	}
	return ids
}

// Identifiers returns Patient.identifier in its order, skipping those without a
// value; nil for every other type.
func (r *Resource) Identifiers() []Identifier {
	if r.Type != "Patient" {
		return nil
	}
	return appendIdentifiers(nil, lookup(r.doc, "identifier"))
}

// appendIdentifiers adds one identifier or a list of them, but for those without a value.
func appendIdentifiers(ids []Identifier, v []byte) []Identifier {
	for e := range elements(v) {
		if value := lookupText(e, "value"); value != "" {
			ids = append(ids, Identifier{lookupText(e, "system"), value})
		}
	}
	return ids
}
