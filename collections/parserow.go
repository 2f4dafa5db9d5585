package collections

import (
	"go.yaml.in/yaml/v3"

	"domicile/fhir"
)

func (r *reader) row(n *yaml.Node, at place) Row {
	m := r.mapping(n, at, "name", "jurisdiction", "class", "when", "applies-if", "trigger", "keep", "until", "combine",
		"kind", "action", "authority", "confidence")
	row := Row{
		Name:         r.text(m["name"], at.field("name")),
		Jurisdiction: r.text(m["jurisdiction"], at.field("jurisdiction")),
		Class:        r.text(m["class"], at.field("class")),
		Combine:      r.text(m["combine"], at.field("combine")),
		Kind:         KindFloor,
		Authority:    r.text(m["authority"], at.field("authority")),
		Confidence:   r.text(m["confidence"], at.field("confidence")),
	}
	if n := m["kind"]; n != nil {
		row.Kind = r.text(n, at.field("kind"))
	}
	if n := m["action"]; n != nil {
		row.Action = r.text(n, at.field("action"))
	} else if row.Kind == KindFloor {
		row.Action = ActionReview
	}
	if w := m["when"]; w != nil {
		p := at.field("when")
		when := r.mapping(w, p, "types", "labels")
		row.When.Types, row.When.Labels = r.choice(when, p)
	}
	in := at.field("applies-if")
	r.chosen(m["applies-if"], in)
	for i, c := range r.items(m["applies-if"], in) {
		row.AppliesIf = append(row.AppliesIf, r.condition(c, in.index(i)))
	}
	row.Until = r.untils(m, at)
	return row
}

// choice reads the keys types and labels.
func (r *reader) choice(m map[string]*yaml.Node, at place) ([]string, []Label) {
	r.chosen(m["types"], at.field("types"))
	r.chosen(m["labels"], at.field("labels"))
	return r.texts(m["types"], at.field("types")), r.labels(m["labels"], at.field("labels"))
}

// untils reads trigger and keep, which are short for a list of one, or the list.
func (r *reader) untils(m map[string]*yaml.Node, at place) []Until {
	if m["until"] == nil {
		return []Until{r.until(m, at)}
	}
	for _, key := range []string{"trigger", "keep"} {
		if m[key] != nil {
			r.add(at.field(key), "is given beside until; keep one of the two")
		}
	}
	var out []Until
	in := at.field("until")
	for i, n := range r.items(m["until"], in) {
		p := in.index(i)
		out = append(out, r.until(r.mapping(n, p, "trigger", "keep", "then"), p))
	}
	return out
}

func (r *reader) until(m map[string]*yaml.Node, at place) Until {
	return Until{
		Trigger: r.text(m["trigger"], at.field("trigger")),
		Keep:    r.period(m["keep"], at.field("keep")),
		Then:    r.period(m["then"], at.field("then")),
	}
}

func (r *reader) period(n *yaml.Node, at place) fhir.Period {
	s := r.text(n, at)
	if s == "" {
		return fhir.Period{}
	}
	p, err := fhir.ParsePeriod(s)
	if err != nil {
		r.add(at, `%s is not a period; write a number and y, m or d, such as "6y"`, show(s))
	}
	return p
}

func (r *reader) condition(n *yaml.Node, at place) Condition {
	m := r.mapping(n, at, "fact", "under", "at", "within", "of", "known", "not")
	k := Condition{
		Fact:   r.text(m["fact"], at.field("fact")),
		Under:  r.period(m["under"], at.field("under")),
		At:     r.text(m["at"], at.field("at")),
		Within: r.period(m["within"], at.field("within")),
		Of:     r.text(m["of"], at.field("of")),
		Not:    r.flag(m["not"], at.field("not")),
	}
	if n := m["known"]; n != nil {
		v := r.flag(n, at.field("known"))
		k.Known = &v
	}
	return k
}

// flag returns a truth value, false for an absent one.
func (r *reader) flag(n *yaml.Node, p place) bool {
	if n == nil {
		return false
	}
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" || n.Value != "true" && n.Value != "false" {
		r.add(p, "must be true or false")
	}
	return n.Value == "true"
}
