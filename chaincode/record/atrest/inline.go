package atrest

import (
	"slices"

	"domicile/chaincode/record"
	"domicile/fhir/ds4p"
)

// NeedsInline tells whether every set at rest of a record has [ds4p.ProcessInline],
// because elements of its resource have inline labels (rule T4). Of a record older than
// [record.Meta.Inline] only its bytes say so; it is taken to have some if it ever had
// the obligation, without which none with inline labels was ever put.
func NeedsInline(m *record.Meta) bool {
	if m.Inline != nil {
		return *m.Inline
	}
	return ProcessesInline(m.Labels) || slices.ContainsFunc(m.History, func(h record.Relabel) bool { return ProcessesInline(h.Labels) })
}

// ProcessesInline tells whether [ds4p.ProcessInline] is in a set.
func ProcessesInline(stored []record.Label) bool {
	return slices.ContainsFunc(stored, func(l record.Label) bool {
		return l.System == ds4p.ProcessInline.System && l.Code == ds4p.ProcessInline.Code
	})
}
