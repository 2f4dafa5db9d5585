// Package ds4p is the model of security labels: what a label is, which codes there
// are, which of them include which, what a set of labels at rest must fulfil, and
// how the labels of a resource are read without losing one.
//
// The model is that of HL7's guide "Data Segmentation for Privacy"
// (hl7.fhir.uv.security-label-ds4p 1.0.0, http://hl7.org/fhir/uv/security-label-ds4p).
// The guide defines no codes of its own; the tables here are made from HL7
// Terminology ([Source]), and a code belongs to a tag set by the is-a closure of
// the set's value set, not because it exists in a code system.
//
// [Read] is lenient: it takes whatever a resource carries, at every depth, and
// what stands where a label should and is none comes back as a label without a
// code, which no vocabulary knows. [Vocabulary.AtRest] is strict: it names each
// broken rule of the guide. Whoever stores records refuses or quarantines what is
// unknown; nothing here ever guesses that a label is harmless.
//
// Labels say as much about a person as the record they are on. So the texts of
// issues and the String methods of this package never contain a code.
//
// The package is pure: no ledger, no files, no clock. All its values are safe for
// concurrent use unless written to.
package ds4p

//go:generate go run ./internal/tablegen/cmd ../../../shared/data/terminology/ds4p-codes.json table.go
