package ds4p

import (
	"slices"

	"domicile/fhir"
)

// Where a label comes from.
const (
	OriginInbound  = "inbound"  // meta.security of the resource, as received
	OriginInline   = "inline"   // a label inside the resource
	OriginBundle   = "bundle"   // the Bundle that the resource came in, or its entry there
	OriginReplaced = "replaced" // the record that this one replaces, from other than its bytes
	OriginRule     = "rule"     // a labelling rule matched a code of the resource
	OriginDefault  = "default"  // the holder's default confidentiality
	OriginMap      = "map"      // the confidentiality that the holder gives a label
	OriginPosture  = "posture"  // the holder is a Part 2 programme
	OriginConsent  = "consent"  // a Part 2 consent of the same input
	OriginDeclared = "declared" // the custodian said so
	OriginPolicy   = "policy"   // handling that a policy label brings with it
	OriginOfficer  = "officer"  // a person decided it, with a reason
)

// Label is one security label.
type Label struct {
	System, Code string
	// Basis is the policy that the label rests on (extension-sec-label-basis), zero
	// if it names none. A set with more than one policy needs it on each label.
	Basis fhir.Coding
	// Origin is one of the Origin constants.
	Origin string
	// Rule is the labelling rule, canonical URL|version, with OriginRule.
	Rule string
	// Artifacts are what justifies or documents the label
	// (extension-sec-label-related-artifact), read from a resource; nil at rest.
	Artifacts []Artifact
}

// Coding returns the label's system and code.
func (l Label) Coding() fhir.Coding { return fhir.Coding{System: l.System, Code: l.Code} }

// Codings returns the system and code of each label, in order.
func Codings(labels []Label) []fhir.Coding {
	out := make([]fhir.Coding, len(labels))
	for i, l := range labels {
		out[i] = l.Coding()
	}
	return out
}

// String says nothing of the label, which is as private as what it labels.
func (Label) String() string { return "label" }

// GoString is as silent as String.
func (Label) GoString() string { return "label" }

// Artifact tells what is known of a related artifact: its type and whether it leads
// anywhere. Its target names records of people and is left in the resource.
type Artifact struct {
	// Type is the RelatedArtifact.type; the guide knows "justification" and
	// "documentation".
	Type string
	// Target is true if there is a resource, url or document.
	Target bool
}

// Where tells what a label inside a resource is on.
type Where string

// The places of labels below meta.security of the resource itself.
const (
	// WhereElement is an element with extension-inline-sec-label; the resource
	// needs PROCESSINLINELABEL.
	WhereElement Where = "element"
	// WhereResource is meta.security of a resource inside: contained, an entry of a
	// Bundle, a parameter.
	WhereResource Where = "resource"
	// WhereDocument is an element securityLabel, of a DocumentReference for one, or
	// Composition.confidentiality: how something that the resource tells of is
	// labelled.
	WhereDocument Where = "document"
)

// Inline is a label below the resource's own meta.security.
type Inline struct {
	Label
	// Path leads to what is labelled, as [fhir.Object.Path] writes it.
	Path  string
	Where Where
}

// Inbound is everything in a resource that labels it.
type Inbound struct {
	// Labels has one label for each element of meta.security, in their order. One
	// that cannot be read has neither system nor code.
	Labels []Label
	// Inline are the labels further inside.
	Inline []Inline
	// Issues tell what is wrong with the labels as they stand.
	Issues []Issue
}

// OnElements tells whether elements of the resource have inline labels, so that a set at
// rest needs [ProcessInline].
func (in Inbound) OnElements() bool {
	return slices.ContainsFunc(in.Inline, func(l Inline) bool { return l.Where == WhereElement })
}

// Severity tells whether an issue keeps a record from being stored as it is.
type Severity string

// The severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Issue is a rule that labels break. It holds no values of the resource.
type Issue struct {
	// Rule is "T1" to "T11"; docs/labels.md lists them.
	Rule string `json:"rule"`
	// Path leads to the label, "" if the whole set is meant.
	Path     string   `json:"path,omitempty"`
	Severity Severity `json:"severity"`
	// Text says what is wrong, in constant words.
	Text string `json:"text"`
}

// Refused tells whether any of the issues is an error.
func Refused(issues []Issue) bool {
	for _, i := range issues {
		if i.Severity == Error {
			return true
		}
	}
	return false
}
