package collections

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"domicile/fhir"
	"domicile/fhir/ds4p"
)

// Remark is one thing that [PrivateCheck] has to say.
type Remark struct {
	Log   string `json:"log"`   // the log collection whose private part it is about
	Key   string `json:"key"`   // such as custodian.part2
	Error bool   `json:"error"` // false: a warning
	Text  string `json:"text"`  // what is wrong and what to do; names no person
}

// String returns "error: private part LOG: key: text" or the same with warning.
func (r Remark) String() string {
	word := "warning"
	if r.Error {
		word = "error"
	}
	return word + ": private part " + r.Log + ": " + r.Key + ": " + r.Text
}

// PrivateCheck compares a policy with the private parts of its logs, by log
// collection, beyond what makes a private part unreadable or unfit for its region
// ([Private.Check]). Errors are decisions that nobody has taken and no program can
// take; warnings are what keeps records for ever or is probably not meant. Remarks
// are in the order of the policy's logs.
func PrivateCheck(policy *Policy, parts map[string]*Private) []Remark {
	var out []Remark
	for i := range policy.Regions {
		r := &policy.Regions[i]
		for _, log := range r.Logs("") {
			if p := parts[log.Name]; p != nil {
				v := reviewer{policy: policy, region: r, part: p, around: policy.Around(r.Name)}
				v.custodian()
				v.rows()
				v.labels()
				v.notes()
				out = append(out, v.remarks...)
			}
		}
	}
	return out
}

// reviewer looks at one private part.
type reviewer struct {
	policy  *Policy
	region  *Region
	around  []*Region // the region first
	part    *Private
	remarks []Remark
}

func (v *reviewer) fail(key, format string, args ...any) {
	v.remarks = append(v.remarks, Remark{v.part.Log, key, true, fmt.Sprintf(format, args...)})
}

func (v *reviewer) warn(key, format string, args ...any) {
	v.remarks = append(v.remarks, Remark{v.part.Log, key, false, fmt.Sprintf(format, args...)})
}

// american tells whether a jurisdiction of the region or of one around it is in the
// United States.
func (v *reviewer) american() bool {
	return slices.ContainsFunc(v.around, func(r *Region) bool {
		return slices.ContainsFunc(r.Jurisdictions, func(j string) bool { return covers("US", j) })
	})
}

func (v *reviewer) custodian() {
	k := &v.part.Custodian
	if k.Part2 == "" && v.american() {
		v.fail("custodian.part2", "is missing, and region %s is in the United States: whether the holder is a programme under 42 CFR Part 2 decides how its records are labelled and cannot be guessed; write one of: %s",
			v.region.Name, strings.Join(postures, ", "))
	}
	if len(k.Jurisdictions) == 0 {
		v.warn("custodian.jurisdictions", "is missing: nobody knows whose law binds the holder, so nothing here is ever due; list codes such as %s", v.region.Jurisdictions[0])
	}
	if k.Zone == "" {
		v.warn("custodian.zone", "is missing: days end at midnight UTC, not where the holder is; write it like America/Phoenix")
	}
	for _, j := range k.Jurisdictions {
		if parts := v.partsWithRows(j); len(parts) > 0 && !slices.ContainsFunc(k.Jurisdictions, func(o string) bool { return o != j && covers(j, o) }) {
			v.warn("custodian.jurisdictions", "names %s as a whole: the rows of %s bind nobody here; add the part where the holder is", j, strings.Join(parts, ", "))
		}
	}
}

// partsWithRows returns the parts of a jurisdiction that rows are law in.
func (v *reviewer) partsWithRows(whole string) []string {
	var out []string
	for _, r := range v.around {
		for _, row := range r.Retention {
			if row.Jurisdiction != whole && covers(whole, row.Jurisdiction) && !slices.Contains(out, row.Jurisdiction) {
				out = append(out, row.Jurisdiction)
			}
		}
	}
	slices.Sort(out)
	return out
}

// rows looks at what names rows or their classes.
func (v *reviewer) rows() {
	var known []string
	for _, r := range v.around {
		for _, row := range r.Retention {
			known = append(known, row.Class)
		}
	}
	unused := func(class, key string) {
		if slices.ContainsFunc(known, func(k string) bool { return k != "" }) && !slices.Contains(known, class) {
			v.warn(key, "no row is about class %s; write it as the rows do or remove it", show(class))
		}
	}
	for i, class := range v.part.Custodian.Classes {
		unused(class, fmt.Sprintf("custodian.classes[%d]", i))
	}
	for i, k := range v.part.Classes {
		unused(k.Class, fmt.Sprintf("classes[%d].class", i))
	}
	for i, c := range v.part.Confirmations {
		v.confirmation(c, fmt.Sprintf("confirmations[%d]", i))
	}
}

func (v *reviewer) confirmation(c Confirmation, key string) {
	i := slices.IndexFunc(v.around, func(r *Region) bool { return r.Name == c.Region })
	if i < 0 {
		v.warn(key, "region %s is not this holder's nor around it: the confirmation does nothing", show(c.Region))
		return
	}
	row, ok := v.around[i].Row(c.Row)
	switch {
	case !ok:
		v.warn(key, "region %s has no row %s: the confirmation does nothing", show(c.Region), show(c.Row))
	case RowDigest(c.Region, *row) != c.SHA256:
		v.warn(key, "row %s of %s is not the one that was confirmed: read it again and confirm it with domicile retention confirm", show(c.Row), show(c.Region))
	}
}

// labels looks for labels that no record can carry, because nobody knows them.
func (v *reviewer) labels() {
	codes := v.part.Vocabulary()
	check := func(list []Label, key string) {
		for i, l := range list {
			c := fhir.Coding{System: l.System, Code: l.Code}
			if l.System != "" && !codes.Known(c) && codes.Display(c) == "" {
				v.warn(fmt.Sprintf("%s[%d]", key, i), "is not a label of the vocabulary, which compares codes exactly; correct it or define it under labels.local")
			}
		}
	}
	for i, r := range v.part.Routing {
		check(r.Labels, fmt.Sprintf("routing[%d].labels", i))
	}
	for i, k := range v.part.Classes {
		check(k.When.Labels, fmt.Sprintf("classes[%d].when.labels", i))
	}
	for i, k := range v.part.Labels.Confidentiality {
		check([]Label{k.Label}, fmt.Sprintf("labels.confidentiality[%d].label", i))
	}
}

// noteLabels mark notes of psychotherapy and counselling, which the law keeps apart
// from the rest of the chart (45 CFR 164.501, 42 CFR 2.11).
var noteLabels = []fhir.Coding{
	{System: ds4p.SystemActCode, Code: "PSYTHPN"},
	{System: ds4p.SystemActCode, Code: "HIPAAPsyNotes"},
}

// notes warns where such notes lie with records of other labels.
func (v *reviewer) notes() {
	if !v.american() || len(v.part.Routing) == 0 {
		return
	}
	codes := v.part.Vocabulary()
	isNote := func(l Label) bool {
		return slices.ContainsFunc(noteLabels, func(n fhir.Coding) bool {
			return codes.IsA(fhir.Coding{System: cmp.Or(l.System, n.System), Code: l.Code}, n)
		})
	}
	others := []string{v.part.Default}
	for _, r := range v.part.Routing {
		if slices.ContainsFunc(r.Labels, func(l Label) bool { return !isNote(l) }) {
			others = append(others, r.Collection)
		}
	}
	for _, n := range noteLabels {
		if where := v.part.Route("DocumentReference", []fhir.Coding{n}); slices.Contains(others, where) {
			v.warn("routing", "notes labelled %s go to %s with records of other labels; give them a collection of their own, which also takes records about nobody", n.Code, where)
		}
	}
}
