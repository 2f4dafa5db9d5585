// Package fhir reads HL7 FHIR R4 resources in JSON: it turns bytes into a
// checked, typed view and never changes those bytes.
//
// [Parse] accepts one resource after a strict check of the whole JSON text: the
// complete grammar of RFC 8259, well-formed UTF-8, no lone surrogates, and names
// that are unique in their object even when case is ignored. The last rule
// matters because many JSON decoders match names without regard to case, so
// that a second "META" could silently replace the security labels of the first
// "meta". FHIR itself asks for unique names (https://hl7.org/fhir/R4/json.html).
//
// [Inspect] and [Split] do the same for streams of any length: one resource, a
// Bundle, or NDJSON (one resource a line), in memory bounded by one entry.
//
// [Resource.EndDate] finds the day on which the care that a resource tells of
// ended; [Date] and [Period] hold the arithmetic of keeping records until a
// day.
//
// [Resource.Objects] visits every object of a resource in place, at every depth;
// labels and rules are found with it. [Resource.CanonicalForm] and
// [Resource.Digest] recognise equal content in other bytes; [Resource.Structure]
// finds what no resource may have whatever its type; [Resource.Facts] are the dated
// events that a resource states about its subject.
//
// The package is pure: it knows no ledger and no clock, and reads only from the
// byte slices and readers it is given. Errors never contain values of the input.
package fhir
