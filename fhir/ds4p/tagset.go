package ds4p

import (
	"fmt"

	"domicile/fhir"
)

// Code is a code of a code system.
type Code = fhir.Coding

// The code systems of the standard labels.
const (
	SystemConfidentiality  = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
	SystemActCode          = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
	SystemActReason        = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
	SystemObservationValue = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
)

// TagSet is a group of labels that answer the same question about a resource.
type TagSet uint8

// The tag sets of the guide
// (https://hl7.org/fhir/uv/security-label-ds4p/detailed_specifications.html).
// The zero TagSet is none of them.
const (
	_ TagSet = iota
	// Confidentiality is how harmful disclosure would be; exactly one at rest.
	Confidentiality
	// Policy is the law, rule or consent directive that governs the resource.
	Policy
	// Sensitivity is what the content reveals.
	Sensitivity
	// Compartment is the community or project that the resource is restricted to.
	Compartment
	// Integrity is how complete, altered or reliable the content is.
	Integrity
	// Provenance is who asserted or reported the content; each of its codes is in
	// Integrity too.
	Provenance
	// Trust is why the source is trusted.
	Trust
	// Purpose is what the resource may be used for.
	Purpose
	// Obligation is what a holder, recipient or user must do.
	Obligation
	// Refrain is what they must not do.
	Refrain
	// Mark is a text to show to whoever sees the content.
	Mark
	// Authorization is a permission used for access control.
	Authorization
)

// definition says which codes a tag set has: all under a root, by is-a, or a list.
type definition struct {
	set    TagSet
	name   string
	system string
	root   string   // included itself if it may be selected
	list   []string // instead of a root
	url    string   // value set
}

const valueSets = "http://terminology.hl7.org/ValueSet/"

// definitions are in the order of the constants. Policy is what remains of
// v3-ActPolicyType when the more special sets of v3-ActCode have taken theirs.
var definitions = []definition{
	{Confidentiality, "confidentiality", SystemConfidentiality, "_Confidentiality", nil, valueSets + "v3-Confidentiality"},
	{Policy, "policy", SystemActCode, "_ActPolicyType", nil, valueSets + "v3-ActPolicyType"},
	{Sensitivity, "sensitivity", SystemActCode, "_InformationSensitivityPolicy", nil, valueSets + "v3-InformationSensitivityPolicy"},
	{Compartment, "compartment", SystemActCode, "COMPT", nil, valueSets + "v3-Compartment"},
	{Integrity, "integrity", SystemObservationValue, "_SECINTOBV", nil, valueSets + "v3-SecurityIntegrityObservationValue"},
	{Provenance, "provenance", SystemObservationValue, "_SECINTPRVOBV", nil, valueSets + "v3-SecurityIntegrityProvenanceObservationValue"},
	{Trust, "trust", SystemObservationValue, "SECTRSTOBV", nil, valueSets + "v3-SecurityTrustObservationValue"},
	{Purpose, "purpose", SystemActReason, "PurposeOfUse", nil, valueSets + "v3-PurposeOfUse"},
	{Obligation, "obligation", SystemActCode, "ObligationPolicy", nil, valueSets + "v3-ObligationPolicy"},
	{Refrain, "refrain", SystemActCode, "RefrainPolicy", nil, valueSets + "v3-RefrainPolicy"},
	{
		Mark, "mark", SystemActCode, "",
		[]string{"ConfidentialMark", "COPYMark", "DeliverToAddresseeOnlyMark", "RedisclosureProhibitionMark", "RestrictedConfidentialityMark", "DRAFTMark"},
		"http://hl7.org/fhir/uv/security-label-ds4p/ValueSet/valueset-security-label-mark",
	},
	{
		Authorization, "authorization", SystemActCode, "",
		[]string{
			"AUTHPOL", "ACCESSCONSCHEME", "DELEPOL", "INFOACCESS", "INFOCOLLECT", "INFODEIDENTIFIY", "INFODISCLOSE",
			"INFOMASK", "INFOREADONLY", "INFOREDACT", "INFOREDISCLOSE", "INFOREIDENTIFY", "INFOUSE",
		},
		"http://hl7.org/fhir/uv/security-label-ds4p/ValueSet/valueset-security-authorization",
	},
}

// TagSets returns every tag set in the order of the guide.
func TagSets() []TagSet {
	sets := make([]TagSet, len(definitions))
	for i, d := range definitions {
		sets[i] = d.set
	}
	return sets
}

func (t TagSet) definition() (definition, bool) {
	if t < 1 || int(t) > len(definitions) {
		return definition{}, false
	}
	return definitions[t-1], true
}

// String is the set's name in configuration: "sensitivity", "refrain" and so on.
func (t TagSet) String() string {
	if d, ok := t.definition(); ok {
		return d.name
	}
	return fmt.Sprintf("TagSet(%d)", uint8(t))
}

// ValueSet returns the canonical URL of the value set that defines the set.
func (t TagSet) ValueSet() string {
	d, _ := t.definition()
	return d.url
}

// ParseTagSet returns the set that [TagSet.String] calls name.
func ParseTagSet(name string) (TagSet, error) {
	for _, d := range definitions {
		if d.name == name {
			return d.set, nil
		}
	}
	return 0, fmt.Errorf("tag set %q is unknown; the sets are %v", name, TagSets())
}
