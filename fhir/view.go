package fhir

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
	meta := lookup(r.Raw, "meta")
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
		for e := range elements(lookup(r.Raw, name)) {
			if ref := lookupText(e, "reference"); ref != "" {
				refs = append(refs, ref)
			}
		}
	}
	return refs
}

// Identifiers returns Patient.identifier in its order, skipping those without a
// value; nil for every other type.
func (r *Resource) Identifiers() []Identifier {
	if r.Type != "Patient" {
		return nil
	}
	var ids []Identifier
	for e := range elements(lookup(r.Raw, "identifier")) {
		if v := lookupText(e, "value"); v != "" {
			ids = append(ids, Identifier{lookupText(e, "system"), v})
		}
	}
	return ids
}
