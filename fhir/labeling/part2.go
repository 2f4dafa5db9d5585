package labeling

import (
	"bytes"
	"strings"

	"domicile/fhir"
	"domicile/fhir/ds4p"
)

var (
	eth = fhir.Coding{System: ds4p.SystemActCode, Code: "ETH"}
	sud = fhir.Coding{System: ds4p.SystemActCode, Code: "SUD"}
)

// part2Codes are labels that only a source fact can give: the policy and the
// consents under it.
var part2Codes = map[string]bool{"42CFRPart2": true, "42CFRPart2CD": true, "MDHHS-5515": true}

// refusedLabel says why no rule may give the label, "" if one may.
func refusedLabel(c fhir.Coding) string {
	switch {
	case c.System == ds4p.SystemActCode && part2Codes[c.Code]:
		return "a rule cannot give " + c.Code + ": only who made or held a record makes it one of 42 CFR Part 2; set the posture in the policy"
	case c.System == ds4p.SystemConfidentiality:
		return "a rule gives no confidentiality; give a sensitivity, and its confidentiality in the policy"
	case c.System == ds4p.SystemActCode && !ds4p.Standard().Known(c):
		return c.Code + " is no security label; see the list of sensitivity codes"
	}
	return ""
}

// part2 adds what 42 CFR Part 2 asks for if a source fact says that the record is
// under it, or a label that came in does.
func (l *labeler) part2(o Options, s Source) {
	origin, why := l.part2Fact(o, s)
	if origin == "" {
		return
	}
	var family []fhir.Coding
	l.each(func(label *ds4p.Label) {
		if l.v.IsA(label.Coding(), eth) && find(labelsOf(family), label.Coding()) == nil {
			family = append(family, label.Coding())
		}
	})
	if len(family) == 0 {
		family = []fhir.Coding{sud} // that it is a record of a programme says as much
	}
	for _, label := range ds4p.MinimalPart2(origin, family...) {
		f := Finding{Path: l.r.Type, Why: why, Label: label.Coding()}
		if isConfidentiality(label) {
			l.conf = append(l.conf, label)
			l.finds = append(l.finds, f)
			continue
		}
		l.restOn(label, f)
	}
}

func labelsOf(codes []fhir.Coding) []ds4p.Label {
	var out []ds4p.Label
	for _, c := range codes {
		out = append(out, ds4p.Label{System: c.System, Code: c.Code})
	}
	return out
}

// restOn adds a label with its basis. One that is there already without a basis
// gets it; one that rests on another policy stays, and this one joins it.
func (l *labeler) restOn(label ds4p.Label, f Finding) {
	missing := true
	l.each(func(old *ds4p.Label) {
		if old.Coding() != label.Coding() {
			return
		}
		if old.Basis == (fhir.Coding{}) {
			old.Basis = label.Basis
		}
		missing = missing && old.Basis != label.Basis
	})
	if missing {
		l.added = append(l.added, label)
		l.finds = append(l.finds, f)
	}
}

// part2Fact returns the origin of 42CFRPart2 for this resource, "" if it is none.
func (l *labeler) part2Fact(o Options, s Source) (origin, why string) {
	there := false
	substance := false
	l.each(func(label *ds4p.Label) {
		there = there || label.Coding() == ds4p.Part2
		substance = substance || l.v.IsA(label.Coding(), eth)
	})
	switch {
	case (s.Posture || o.Part2 == PostureProgram) && AboutPerson(l.r):
		return ds4p.OriginPosture, WhyPosture
	case s.Declared && AboutPerson(l.r):
		return ds4p.OriginDeclared, WhyDeclared
	case s.Consent && substance, Part2Consent(l.r):
		return ds4p.OriginConsent, WhyConsent
	case there:
		return ds4p.OriginPolicy, WhyPolicy
	}
	return "", ""
}

// impersonal are the types that are about no person unless they name one. All
// others count as about a person.
var impersonal = map[string]bool{
	"Practitioner": true, "PractitionerRole": true, "Organization": true, "OrganizationAffiliation": true, "Location": true,
	"HealthcareService": true, "Endpoint": true, "Schedule": true, "Slot": true, "Medication": true, "MedicationKnowledge": true,
	"Substance": true, "Device": true, "DeviceDefinition": true, "InsurancePlan": true, "Questionnaire": true,
	"PlanDefinition": true, "ActivityDefinition": true, "Measure": true, "Library": true, "OperationOutcome": true,
	"Subscription": true, "MessageDefinition": true, "EventDefinition": true, "ResearchStudy": true,
}

// AboutPerson tells whether the posture of a holder reaches the resource: whether it is
// about a person, by its type or because it names a patient.
func AboutPerson(r *fhir.Resource) bool {
	return len(r.Subjects())+len(r.SubjectIdentifiers()) > 0 || !impersonal[r.Type] && !definitionTypes[r.Type]
}

// Part2Consent tells whether the resource is an active Consent under 42 CFR Part 2, or
// holds one, contained or as an entry of a Bundle that is kept whole: one whose category,
// policyRule or security label is 42CFRPart2CD, 42CFRPart2 or MDHHS-5515, or whose
// policy.uri is the part in the electronic code. It shows that a Part 2 programme treats
// the person. Whether its period is over is not looked at: a record made under Part 2
// remains one.
func Part2Consent(r *fhir.Resource) bool {
	if r.Type == "Consent" && part2Consent(r.Root()) {
		return true
	}
	if !bytes.Contains(r.Raw, []byte(`"Consent"`)) {
		return false
	}
	found := false
	//nolint:errcheck // the visitor returns none
	r.Objects(func(o fhir.Object) error {
		found = found || !o.IsRoot() && string(o.Bytes("resourceType")) == "Consent" && part2Consent(o)
		return nil
	})
	return found
}

func part2Consent(consent fhir.Object) bool {
	if status, _ := consent.Text("status"); status != "active" {
		return false
	}
	for c := range consent.Each("category") {
		if part2Coding(c, "coding") {
			return true
		}
	}
	if part2Coding(consent.Member("policyRule"), "coding") || part2Coding(consent.Member("meta"), "security") {
		return true
	}
	for p := range consent.Each("policy") {
		uri, _ := p.Text("uri")
		if uri = strings.ToLower(uri); strings.Contains(uri, "title-42/") && strings.Contains(uri+"/", "/part-2/") {
			return true
		}
	}
	return false
}

func part2Coding(o fhir.Object, name string) bool {
	for c := range o.Each(name) {
		system, _ := c.Text("system")
		if code, _ := c.Text("code"); system == ds4p.SystemActCode && part2Codes[code] {
			return true
		}
	}
	return false
}
