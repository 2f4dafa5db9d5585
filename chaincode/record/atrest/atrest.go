// Package atrest turns security labels into the form in which the ledger keeps them,
// and back. The contract and its clients both do, and must agree: a set's digest
// ([ds4p.Digest]) is compared on either side.
package atrest

import (
	"domicile/chaincode/record"
	"domicile/fhir"
	"domicile/fhir/ds4p"
)

// Stored returns labels as the ledger keeps them, never nil. The artifacts of a label
// stay behind in the resource.
func Stored(labels []ds4p.Label) []record.Label {
	out := make([]record.Label, len(labels))
	for i, l := range labels {
		out[i] = record.Label{
			System: l.System, Code: l.Code, BasisSystem: l.Basis.System, BasisCode: l.Basis.Code, Origin: l.Origin, Rule: l.Rule,
		}
	}
	return out
}

// Labels is the way back, never nil.
func Labels(stored []record.Label) []ds4p.Label {
	out := make([]ds4p.Label, len(stored))
	for i, l := range stored {
		out[i] = ds4p.Label{
			System: l.System, Code: l.Code, Basis: fhir.Coding{System: l.BasisSystem, Code: l.BasisCode}, Origin: l.Origin, Rule: l.Rule,
		}
	}
	return out
}
