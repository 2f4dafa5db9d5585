package labeling

import (
	"domicile/fhir"
	"domicile/fhir/ds4p"
)

// Posture says whether a holder is a programme under 42 CFR part 2, which decides
// what its records are. The law asks it of the organisation (42 CFR 2.11, 2.12(b)).
type Posture string

// The postures.
const (
	// PostureUnset says nothing. A policy check refuses it for a holder in a region
	// of the United States; here it adds no label.
	PostureUnset Posture = ""
	// PostureProgram makes every record about a person a Part 2 record.
	PostureProgram Posture = "program"
	// PostureNone leaves Part 2 to consents and to labels that come in.
	PostureNone Posture = "none"
	// PostureDeclared is a holder with records of both kinds, who says with each
	// import which it is ([Source].Declared).
	PostureDeclared Posture = "declared"
)

// Options are what a holder's policy says about labels. The zero Options use the
// standard vocabulary with [LocalSystem], the default confidentiality N, and
// [DefaultConfidentiality].
type Options struct {
	// Default is the confidentiality of a resource when nothing else says: one of U,
	// L, M, N, R, V; "" is N, the norm of health data.
	Default string
	// Confidentiality is what labels ask for. nil is [DefaultConfidentiality].
	Confidentiality []Conf
	// Vocabulary knows the labels; nil is the standard one with [LocalSystem].
	Vocabulary *ds4p.Vocabulary
	// Part2 is the posture of the holder.
	Part2 Posture
}

// Source holds the facts about where a resource is from that can make it a Part 2
// record. Codes never can (42 CFR 2.12(d)(2)): a diagnosis of opioid use disorder
// that a general practice made is no Part 2 record.
type Source struct {
	// Posture: the organisation that made the resource is a Part 2 programme, as
	// [PostureProgram] of the holder says too.
	Posture bool
	// Declared: the custodian said so with the import.
	Declared bool
	// Consent: the input has an active Part 2 consent ([Part2Consent]) about the same
	// person. It reaches the resources that are about substance use.
	Consent bool
	// Around are the labels that the Bundle of the input gives the resource ([Shell]),
	// and those with [ds4p.OriginReplaced].
	Around []ds4p.Label
}

// Outcome is what labelling a resource came to.
type Outcome struct {
	// Labels is the whole set at rest: the labels that came with the resource, in
	// their order, then the added ones, sorted. Exactly one is a confidentiality,
	// the highest of all; lower ones that came in are covered by it.
	Labels []ds4p.Label
	// Findings explain every added label, and codes that could not be judged, each
	// rule at most [MaxFindings] times. They are as private as the resource.
	Findings []Finding
	// Issues are what is wrong with the labels of the resource or of the set at
	// rest, and codes that could not be judged (IssueUnlabelled).
	Issues []ds4p.Issue
	// Unlabelled counts codes that are spelled like those of a rule but whose
	// system is missing or unknown.
	Unlabelled int
}

// Rules of [ds4p.Issue] that this package adds to T1 to T11.
const (
	// IssueUnlabelled: a code is spelled like one of a rule, but its system is
	// missing or unknown, so no label was given. A person should look, or configure
	// the rules for that system.
	IssueUnlabelled = "unlabelled-system"
	// IssueUnknownLabel: a rule matches whose label the holder's vocabulary does
	// not have, so that it was not given.
	IssueUnknownLabel = "unknown-rule-label"
)

// Finding says why a label was given, or that a code could not be judged.
type Finding struct {
	// Rule is url|version of the rule that matched, "" if none did.
	Rule string `json:"rule,omitempty"`
	// Label is the label that follows; zero if the code could not be judged.
	Label fhir.Coding `json:"label,omitzero"`
	// System and Code stand in the resource. Private: show them to whoever may
	// read the resource.
	System string `json:"system,omitempty"`
	Code   string `json:"code,omitempty"`
	// Path leads to the object with the code, as [fhir.Object.Path] writes it.
	Path string `json:"path,omitempty"`
	// Why is one of the Why constants.
	Why string `json:"why"`
}

// Why a label was given.
const (
	WhyCode       = "the rule lists this code"
	WhyPrefix     = "the rule names a category that this code is in"
	WhySpan       = "the rule names a block of categories that this code is in"
	WhyWhole      = "the rule names every code of this system"
	WhyUnlabelled = "a rule has this code, but the system is missing or unknown: no label"
	WhyUnknown    = "the vocabulary does not have the label of this rule: no label"
	WhyMap        = "a label of the record asks for this confidentiality"
	WhyInline     = "a label inside the resource"
	WhyBundle     = "the Bundle that it came in says so"
	WhyReplaced   = "the record that it replaces has it from a person or a source fact"
	WhyProcess    = "the resource has labels on its elements"
	WhyDefault    = "the holder's default"
	WhyPosture    = "the holder is a Part 2 programme"
	WhyDeclared   = "the custodian declared a Part 2 record"
	WhyConsent    = "a Part 2 consent of the same input is about this person"
	WhyPolicy     = "the record is one under Part 2"
)

var whyKind = [...]string{exact: WhyCode, prefix: WhyPrefix, below: WhyPrefix, span: WhySpan, whole: WhyWhole}

// Label computes the labels of a resource at rest. It loses none that the resource
// came with and adds what the rules, the source facts and the options ask for; the
// result depends on nothing else. It never fails: what is wrong is in the issues,
// and [ds4p.Refused] tells whether the set may be stored.
func (rs *RuleSet) Label(r *fhir.Resource, o Options, s Source) Outcome {
	l := labeler{r: r, in: ds4p.Read(r), v: o.Vocabulary}
	if l.v == nil {
		l.v = vocabulary()
	}
	l.inbound()
	l.around(s.Around)
	if rs != nil && len(rs.rules) > 0 {
		l.match(rs)
	}
	l.part2(o, s)
	l.confidentiality(o)
	l.bases()
	return l.outcome()
}

// labeler is one call of Label.
type labeler struct {
	r      *fhir.Resource
	in     ds4p.Inbound
	v      *ds4p.Vocabulary
	kept   []ds4p.Label // came with the resource; its confidentiality is in conf
	added  []ds4p.Label
	conf   []ds4p.Label // candidates, in falling precedence
	finds  []Finding
	issues []ds4p.Issue
	stray  int
	noted  []uint8 // findings by rule
}

func isConfidentiality(l ds4p.Label) bool {
	return l.System == ds4p.SystemConfidentiality && ds4p.Rank(l.Code) > 0
}

// inbound takes over the labels of the resource, and those of its parts.
func (l *labeler) inbound() {
	for _, label := range l.in.Labels {
		label.Origin, label.Artifacts = ds4p.OriginInbound, nil
		if isConfidentiality(label) {
			l.conf = append(l.conf, label)
		} else if !contains(l.kept, label) {
			l.kept = append(l.kept, label)
		}
	}
	for _, i := range l.in.Inline {
		label := i.Label
		label.Origin, label.Artifacts = ds4p.OriginInline, nil
		if isConfidentiality(label) {
			l.conf = append(l.conf, label)
		} else {
			l.add(label, Finding{Path: i.Path, Why: WhyInline})
		}
	}
	if l.in.OnElements() {
		l.add(ds4p.Label{System: ds4p.ProcessInline.System, Code: ds4p.ProcessInline.Code, Origin: ds4p.OriginPolicy},
			Finding{Path: l.r.Type, Why: WhyProcess})
	}
}

// around takes over what the Bundle says of the resource, and what the record says that it
// replaces, unknown labels included, which are refused with it.
func (l *labeler) around(labels []ds4p.Label) {
	for _, label := range labels {
		label.Artifacts = nil
		if label.Origin != ds4p.OriginReplaced {
			label.Origin = ds4p.OriginBundle
		}
		if isConfidentiality(label) {
			l.conf = append(l.conf, label)
		} else {
			l.add(label, Finding{Path: l.r.Type, Why: whyAround[label.Origin]})
		}
	}
}

var whyAround = map[string]string{ds4p.OriginBundle: WhyBundle, ds4p.OriginReplaced: WhyReplaced}

// contains tells whether labels have the label with the same basis.
func contains(labels []ds4p.Label, label ds4p.Label) bool {
	for i := range labels {
		if labels[i].System == label.System && labels[i].Code == label.Code && labels[i].Basis == label.Basis {
			return true
		}
	}
	return false
}

// find returns the label with that code, whatever its basis, nil if there is none.
func find(labels []ds4p.Label, c fhir.Coding) *ds4p.Label {
	for i := range labels {
		if labels[i].System == c.System && labels[i].Code == c.Code {
			return &labels[i]
		}
	}
	return nil
}

// add puts a label into the set unless its code is there already, and notes why.
func (l *labeler) add(label ds4p.Label, f Finding) {
	f.Label = label.Coding()
	l.finds = append(l.finds, f)
	if find(l.kept, f.Label) != nil {
		return
	}
	old := find(l.added, f.Label)
	switch {
	case old == nil:
		l.added = append(l.added, label)
	case old.Origin == ds4p.OriginRule && label.Origin == ds4p.OriginRule && label.Rule < old.Rule:
		old.Rule = label.Rule // the same whatever the order in the text
	}
}

// each calls f for every label of the set but the confidentiality.
func (l *labeler) each(f func(*ds4p.Label)) {
	for i := range l.kept {
		f(&l.kept[i])
	}
	for i := range l.added {
		f(&l.added[i])
	}
}
