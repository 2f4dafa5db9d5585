// Package labeling gives security labels to FHIR R4 resources from the codes that
// stand in them.
//
// Its rules are FHIR ValueSets: useContext with code focus names the label,
// compose (or expansion) the codes that call for it. [Parse] reads them strictly,
// [Shipped] returns the ones this project wrote, and [RuleSet.Label] computes the
// whole label set of a resource at rest: every label it came with, those the rules
// add, exactly one confidentiality, and the handling labels that 42 CFR Part 2 asks
// for where, and only where, a source fact says that the record is one of a Part 2
// programme. docs/labelling.md is the manual of the format.
//
// Codes are matched wherever a resource has an object with system and code, at any
// depth. Labels err on the side of restricting: national editions of ICD-10 count
// as one system, a refuted diagnosis and a negative test are labelled like a
// confirmed one.
//
// The package is pure: no I/O, no clock. A [RuleSet] never changes after Parse and
// is safe for concurrent use. Findings name codes of the resource, so they are as
// private as the resource; errors name rule files, which are not.
package labeling
