package labeling

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"domicile/fhir"
	"domicile/fhir/ds4p"
)

// Conf says which confidentiality a label asks for.
type Conf struct {
	// Label is the label, or one that it is a kind of. Without a system it is the code
	// of any.
	Label fhir.Coding
	// Is is the confidentiality: U, L, M, N, R or V.
	Is string
}

// DefaultConfidentiality returns what labels ask for when a policy does not say:
// restricted (R) for whatever carries a stigma or a special law, as IHE's Privacy
// Consent on FHIR has it ("data with a stigmatizing sensitivity SHALL be R").
func DefaultConfidentiality() []Conf { return slices.Clone(defaultConf()) }

var defaultConf = sync.OnceValue(func() []Conf {
	var out []Conf
	for _, code := range []string{
		"ETH", "SUD", "HIV", "STD", "MH", "BH", "PSY", "PSYTHPN", "SEX", "PREGNANT", "GDIS", "SCA", "SDV", "VIO", "MST", "TBOO",
		"42CFRPart2", "HIPAAPsyNotes", "Title38Section7332",
	} {
		out = append(out, Conf{fhir.Coding{System: ds4p.SystemActCode, Code: code}, "R"})
	}
	return out
})

// LocalURL is the code system of labels for which HL7 has none, as the shipped rules
// give them.
const LocalURL = "urn:domicile:sensitivity"

// LocalSystem returns the code system [LocalURL], to be put into a policy's
// labels.local. Its codes are kinds of SEX, which the shipped rules give as well.
func LocalSystem() ds4p.LocalSystem {
	sex := []fhir.Coding{{System: ds4p.SystemActCode, Code: "SEX"}}
	set := ds4p.Sensitivity.String()
	return ds4p.LocalSystem{URL: LocalURL, Version: "1.0.0", Codes: []ds4p.LocalCode{
		{Code: "REPRODUCTIVE", Display: "reproductive health information", Set: set, Parents: sex},
		{Code: "ABORTION", Display: "abortion information", Set: set, Parents: []fhir.Coding{{System: LocalURL, Code: "REPRODUCTIVE"}}},
		{Code: "CONTRACEPTION", Display: "contraception information", Set: set, Parents: []fhir.Coding{{System: LocalURL, Code: "REPRODUCTIVE"}}},
		{Code: "GENDER_AFFIRMING_CARE", Display: "gender-affirming care information", Set: set, Parents: sex},
	}}
}

var vocabulary = sync.OnceValue(func() *ds4p.Vocabulary {
	v, err := ds4p.Standard().With([]ds4p.LocalSystem{LocalSystem()})
	if err != nil {
		panic("labeling: the local system does not fit the standard vocabulary: " + err.Error())
	}
	return v
})

// confidentiality reduces the candidates to the highest, after asking what the
// labels of the set ask for.
func (l *labeler) confidentiality(o Options) {
	asked := o.Confidentiality
	if asked == nil {
		asked = defaultConf()
	}
	l.each(func(label *ds4p.Label) {
		for _, c := range asked {
			want := fhir.Coding{System: cmp.Or(c.Label.System, label.System), Code: c.Label.Code}
			if ds4p.Rank(c.Is) > 0 && l.v.IsA(label.Coding(), want) {
				l.conf = append(l.conf, ds4p.Label{System: ds4p.SystemConfidentiality, Code: c.Is, Origin: ds4p.OriginMap})
			}
		}
	})
	if len(l.conf) == 0 {
		code := o.Default
		if ds4p.Rank(code) == 0 {
			code = "N"
		}
		l.conf = append(l.conf, ds4p.Label{System: ds4p.SystemConfidentiality, Code: code, Origin: ds4p.OriginDefault})
	}
	best := l.conf[0]
	for _, c := range l.conf[1:] {
		switch {
		case ds4p.Rank(c.Code) > ds4p.Rank(best.Code):
			best = c
		case c.Code == best.Code && best.Basis == (fhir.Coding{}):
			best.Basis = c.Basis
		}
	}
	l.conf = append(l.conf[:0], best)
	switch best.Origin {
	case ds4p.OriginMap:
		l.finds = append(l.finds, Finding{Label: best.Coding(), Path: l.r.Type, Why: WhyMap})
	case ds4p.OriginInline:
		l.finds = append(l.finds, Finding{Label: best.Coding(), Path: l.r.Type, Why: WhyInline})
	case ds4p.OriginBundle, ds4p.OriginReplaced:
		l.finds = append(l.finds, Finding{Label: best.Coding(), Path: l.r.Type, Why: whyAround[best.Origin]})
	case ds4p.OriginDefault:
		l.finds = append(l.finds, Finding{Label: best.Coding(), Path: l.r.Type, Why: WhyDefault})
	}
}

// psyNotes is the policy that psychotherapy notes rest on (45 CFR 164.508(a)(2)).
var (
	psyNotes = fhir.Coding{System: ds4p.SystemActCode, Code: "HIPAAPsyNotes"}
	psythpn  = fhir.Coding{System: ds4p.SystemActCode, Code: "PSYTHPN"}
)

// bases gives every label the policy it rests on once more than one speaks: a
// policy rests on itself, substance use and what handles it on Part 2, psychotherapy
// notes on theirs, the rest on the first policy that is neither, if there is one.
// What came in with a basis keeps it.
func (l *labeler) bases() {
	var policies []fhir.Coding
	note := func(c fhir.Coding) {
		if c != (fhir.Coding{}) && !slices.Contains(policies, c) {
			policies = append(policies, c)
		}
	}
	l.each(func(label *ds4p.Label) {
		if l.v.In(label.Coding(), ds4p.Policy) {
			note(label.Coding())
		}
		note(label.Basis)
	})
	note(l.conf[0].Basis)
	if len(policies) < 2 {
		return
	}
	general := policies[0]
	for _, p := range policies {
		if p != ds4p.Part2 && p != psyNotes {
			general = p
			break
		}
	}
	choose := func(c fhir.Coding) fhir.Coding {
		switch {
		case l.v.In(c, ds4p.Policy):
			return c
		case l.v.IsA(c, eth) && slices.Contains(policies, ds4p.Part2):
			return ds4p.Part2
		case c == psythpn && slices.Contains(policies, psyNotes):
			return psyNotes
		}
		return general
	}
	set := func(label *ds4p.Label) {
		if label.Basis == (fhir.Coding{}) {
			label.Basis = choose(label.Coding())
		}
	}
	l.each(set)
	set(&l.conf[0])
}

// outcome puts the set together.
func (l *labeler) outcome() Outcome {
	out := Outcome{Findings: l.finds, Unlabelled: l.stray}
	out.Labels = make([]ds4p.Label, 0, len(l.kept)+len(l.added)+1)
	best := l.conf[0]
	if best.Origin == ds4p.OriginInbound {
		at := 0 // where it stood among the others
		for _, label := range l.in.Labels {
			if isConfidentiality(label) && label.Code == best.Code {
				break
			}
			if !isConfidentiality(label) {
				at++
			}
		}
		out.Labels = append(out.Labels, l.kept...)
		out.Labels = slices.Insert(out.Labels, min(at, len(l.kept)), best)
	} else {
		out.Labels = append(out.Labels, l.kept...)
		l.added = append(l.added, best)
	}
	slices.SortStableFunc(l.added, compareLabels)
	out.Labels = append(out.Labels, l.added...)
	out.Issues = append(l.v.AtRest(out.Labels, l.in), l.issues...)
	return out
}

func compareLabels(a, b ds4p.Label) int {
	if c := compareCodings(a.Coding(), b.Coding()); c != 0 {
		return c
	}
	return strings.Compare(a.Basis.System+"|"+a.Basis.Code, b.Basis.System+"|"+b.Basis.Code)
}
