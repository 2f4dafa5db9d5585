package collections

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"domicile/fhir"
)

// Row is one rule of retention: for which records of whom it holds, from which
// event how long, and under which authority. See [Assess]. Rows are public and
// therefore say nothing about who confirmed them; see [Confirmation].
type Row struct {
	Name string `json:"name"` // unique in its region
	// Jurisdiction is where the row is law, an ISO 3166 code: a custodian of that
	// place or of a part of it is bound. Empty: everywhere in the region.
	Jurisdiction string `json:"jurisdiction,omitempty"`
	// Class is the class of records that the row is about, such as hospital; see
	// [Class]. Empty: every class.
	Class string `json:"class,omitempty"`
	// When chooses by resource type and label.
	When Selector `json:"when"`
	// AppliesIf are conditions on facts about the person; all must hold.
	AppliesIf []Condition `json:"appliesIf,omitempty"`
	// Until gives the end of the period, at least one way. In a file, the keys
	// trigger and keep on the row itself stand for a list of one.
	Until []Until `json:"until"`
	// Combine is CombineMax or CombineMin when Until has several entries: the
	// latest or the earliest of them counts.
	Combine string `json:"combine,omitempty"`
	// Kind is KindFloor (records are kept that long at least) or KindCeiling (no
	// longer). Defaults to KindFloor.
	Kind string `json:"kind"`
	// Action is what happens to records past the row: ActionPurge, ActionReview
	// (a person approves each destruction) or ActionArchive (they are handed to an
	// archive first; here that asks for the same approval). Defaults to
	// ActionReview. A ceiling has none.
	Action    string `json:"action,omitempty"`
	Authority string `json:"authority"` // the law, contract or decision; printed by plans
	// Confidence is how sure the row's author was of it: V (read in the law
	// itself), S (a secondary source), M (from memory) or low. For people; whether
	// a row may destroy is a matter of its [Confirmation] alone.
	Confidence string `json:"confidence,omitempty"`
}

// Values of [Row].Kind, [Row].Action and [Row].Combine.
const (
	KindFloor   = "floor"
	KindCeiling = "ceiling"

	ActionPurge   = "purge"
	ActionReview  = "review"
	ActionArchive = "archive"

	CombineMax = "max"
	CombineMin = "min"
)

var (
	kinds       = []string{KindFloor, KindCeiling}
	actions     = []string{ActionPurge, ActionReview, ActionArchive} // the mildest demand first
	combines    = []string{CombineMax, CombineMin}
	confidences = []string{"V", "S", "M", "low"}
)

// Until is one way to say when a period ends: Keep after Trigger, and then Then.
type Until struct {
	Trigger string      `json:"trigger"` // TriggerEnd or a kind of fact
	Keep    fhir.Period `json:"keep"`
	// Then is added to the day that Keep gave, such as the years after a birthday:
	// someone born on a leap day is 19 on 1 March and 5 years later it is 1 March.
	Then fhir.Period `json:"then,omitzero"`
}

// TriggerEnd starts a period at the clinical end date of the resource itself.
const TriggerEnd = "end"

// Condition is a question about the facts of a person, answered yes, no or
// unknown. Exactly one of Under, Within and Known is set.
type Condition struct {
	Fact string `json:"fact"`
	// Under asks whether Fact, a birth, was less than this before At: the person
	// was younger.
	Under fhir.Period `json:"under,omitzero"`
	At    string      `json:"at,omitempty"` // TriggerEnd or a kind of fact
	// Within asks whether Fact was less than this after Of.
	Within fhir.Period `json:"within,omitzero"`
	Of     string      `json:"of,omitempty"` // TriggerEnd or a kind of fact
	// Known asks whether Fact is on record at all; it is never unknown.
	Known *bool `json:"known,omitempty"`
	Not   bool  `json:"not,omitempty"` // turns yes and no round
}

// Selector chooses resources by type and by label. A part that is empty chooses
// all; with both, both must match.
type Selector struct {
	Types  []string `json:"types,omitempty"`  // FHIR R4 resource types, any of them
	Labels []Label  `json:"labels,omitempty"` // any of them
}

// Label is a security label to look for among those of a resource. An empty System
// stands for any system. A label of the resource that the code systems place below
// it matches as well; codes are compared exactly.
type Label struct {
	System string `json:"system,omitempty"`
	Code   string `json:"code"`
}

// RowDigest returns the lower-case hex SHA-256 of a row as it stands in a region.
// It is what a person confirms: any change of the row gives another digest, so that
// a confirmation never covers what was not read.
func RowDigest(region string, row Row) string {
	row = row.clone()
	row.arrange()
	sum := sha256.Sum256(marshal(struct {
		Region string `json:"region"`
		Row    Row    `json:"row"`
	}{region, row}))
	return hex.EncodeToString(sum[:])
}

func (row Row) clone() Row {
	row.When.Types = slices.Clone(row.When.Types)
	row.When.Labels = slices.Clone(row.When.Labels)
	return row
}

// arrange brings a row into canonical order. The order of conditions and of the
// entries of until is the author's.
func (row *Row) arrange() {
	slices.Sort(row.When.Types)
	slices.SortFunc(row.When.Labels, compareLabels)
}

func compareLabels(a, b Label) int {
	return cmp.Or(cmp.Compare(a.System, b.System), cmp.Compare(a.Code, b.Code))
}

// covers tells whether a jurisdiction is another one or the whole of which that is
// a part: US covers US and US-AZ.
func covers(whole, part string) bool {
	return part == whole || strings.HasPrefix(part, whole+"-")
}

// equal tells whether two selectors choose the same, whatever the order of their
// lists.
func (s Selector) equal(o Selector) bool {
	return sameSet(s.Types, o.Types) && slices.Equal(
		slices.SortedFunc(slices.Values(s.Labels), compareLabels),
		slices.SortedFunc(slices.Values(o.Labels), compareLabels))
}
