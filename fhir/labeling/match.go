package labeling

import (
	"bytes"

	"domicile/fhir"
	"domicile/fhir/ds4p"
)

// match looks at every object of the resource that has a code.
func (l *labeler) match(rs *RuleSet) {
	definitions := definitionTypes[l.r.Type]
	//nolint:errcheck // the visitor returns none
	l.r.Objects(func(o fhir.Object) error {
		codes := o.MemberFold("code")
		if !codes.Exists() || codes.IsObject() {
			return nil // a CodeableConcept; its codings come by themselves
		}
		system := o.MemberFold("system").Plain()
		index, known := rs.index.system(system)
		if index == nil && (known || definitions || structural(system)) {
			return nil
		}
		for c := range codes.Elements() {
			code := codeOf(c)
			if code == nil {
				continue
			}
			if index == nil {
				l.unjudged(rs, o, system, code)
				continue
			}
			var h hits
			index.match(code, &h)
			for i := range h.len() {
				if at := h.at(i); l.notes(rs, at.rule) {
					l.matched(&rs.rules[at.rule], at.kind, o, system, code)
				}
			}
		}
		return nil
	})
}

// MaxFindings bounds the findings of one rule in one resource, and those of codes
// that could not be judged, so that a resource made of one code over and over costs
// no more than its length. Labels and counts are complete all the same.
const MaxFindings = 100

// notes counts a match of the rule and tells whether it is to be noted.
func (l *labeler) notes(rs *RuleSet, rule int32) bool {
	if l.noted == nil {
		l.noted = make([]uint8, len(rs.rules))
	}
	if l.noted[rule] >= MaxFindings {
		return false
	}
	l.noted[rule]++
	return true
}

// codeOf returns the code that stands in c: a string, or a number, which R4 does
// not allow but senders write.
func codeOf(c fhir.Object) []byte {
	if n, ok := c.Number(); ok {
		return n
	}
	return c.Plain()
}

func (l *labeler) matched(r *rule, k kind, o fhir.Object, system, code []byte) {
	f := Finding{Rule: r.name, System: string(system), Code: string(code), Path: o.Path(), Why: whyKind[k]}
	for _, label := range r.labels {
		if !l.v.Known(label) {
			f.Label, f.Why = label, WhyUnknown
			l.finds = append(l.finds, f)
			l.issue(ds4p.Issue{
				Rule: IssueUnknownLabel, Path: f.Path, Severity: ds4p.Warning,
				Text: "a rule matches whose label is not in the vocabulary of the holder",
			})
			f.Why = whyKind[k]
			continue
		}
		l.add(ds4p.Label{System: label.System, Code: label.Code, Origin: ds4p.OriginRule, Rule: r.name}, f)
	}
}

// unjudged reports a code of the rules whose system nobody can tell.
func (l *labeler) unjudged(rs *RuleSet, o fhir.Object, system, code []byte) {
	if !rs.stray(code) {
		return
	}
	if l.stray++; l.stray > MaxFindings {
		return
	}
	path := o.Path()
	l.finds = append(l.finds, Finding{System: string(system), Code: string(code), Path: path, Why: WhyUnlabelled})
	l.issue(ds4p.Issue{
		Rule: IssueUnlabelled, Path: path, Severity: ds4p.Warning,
		Text: "a code of the labelling rules stands under a system that is missing or unknown",
	})
}

func (l *labeler) issue(i ds4p.Issue) { l.issues = append(l.issues, i) }

// definitionTypes define codes, and give them without a system beside.
var definitionTypes = map[string]bool{
	"CodeSystem": true, "ValueSet": true, "ConceptMap": true, "NamingSystem": true, "StructureDefinition": true,
	"SearchParameter": true, "OperationDefinition": true, "CapabilityStatement": true, "TerminologyCapabilities": true,
	"CompartmentDefinition": true, "GraphDefinition": true, "ImplementationGuide": true, "StructureMap": true,
}

// structural tells whether a system is one of FHIR's own, of units, of languages or
// of things that are no findings about people, so that a code that happens to be
// spelled like one of a rule is no missed label.
func structural(system []byte) bool {
	if bytes.HasPrefix(system, sidICD) {
		return false // some edition or spelling of ICD that is not known
	}
	for _, p := range [...]string{
		"http://terminology.hl7.org/", "http://hl7.org/fhir/", "http://unitsofmeasure.org", "urn:iso:", "urn:ietf:",
		"http://dicom.nema.org/", "urn:oid:2.16.840.1.113883.5.", "urn:oid:2.16.840.1.113883.6.238",
	} {
		if len(system) >= len(p) && string(system[:len(p)]) == p {
			return true
		}
	}
	return false
}

// sidICD begins the names that FHIR gives the editions of ICD.
var sidICD = []byte("http://hl7.org/fhir/sid/icd")
