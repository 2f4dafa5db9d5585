package collections

import (
	"go.yaml.in/yaml/v3"
)

func (r *reader) custodian(n *yaml.Node, at place) Custodian {
	if n == nil {
		return Custodian{}
	}
	m := r.mapping(n, at, "jurisdictions", "zone", "classes", "part2")
	return Custodian{
		Jurisdictions: r.texts(m["jurisdictions"], at.field("jurisdictions")),
		Zone:          r.text(m["zone"], at.field("zone")),
		Classes:       r.texts(m["classes"], at.field("classes")),
		Part2:         r.text(m["part2"], at.field("part2")),
	}
}

func (r *reader) labelling(n *yaml.Node, at place) Labels {
	if n == nil {
		return Labels{}
	}
	m := r.mapping(n, at, "default", "rules", "confidentiality", "local")
	out := Labels{
		Default: r.text(m["default"], at.field("default")),
		Rules:   r.text(m["rules"], at.field("rules")),
	}
	in := at.field("confidentiality")
	for i, c := range r.items(m["confidentiality"], in) {
		p := in.index(i)
		m := r.mapping(c, p, "label", "is")
		out.Confidentiality = append(out.Confidentiality, Confidentiality{
			Label: r.label(m["label"], p.field("label")),
			Is:    r.text(m["is"], p.field("is")),
		})
	}
	in = at.field("local")
	for i, c := range r.items(m["local"], in) {
		out.Local = append(out.Local, r.local(c, in.index(i)))
	}
	return out
}

func (r *reader) local(n *yaml.Node, at place) LocalSystem {
	m := r.mapping(n, at, "url", "version", "codes")
	out := LocalSystem{
		URL:     r.text(m["url"], at.field("url")),
		Version: r.text(m["version"], at.field("version")),
	}
	in := at.field("codes")
	for i, c := range r.items(m["codes"], in) {
		p := in.index(i)
		m := r.mapping(c, p, "code", "display", "set", "parents")
		out.Codes = append(out.Codes, LocalCode{
			Code:    r.text(m["code"], p.field("code")),
			Display: r.text(m["display"], p.field("display")),
			Set:     r.text(m["set"], p.field("set")),
			Parents: r.labels(m["parents"], p.field("parents")),
		})
	}
	return out
}

func (r *reader) settings(n *yaml.Node, at place) map[string]Setting {
	if n == nil {
		return nil
	}
	out := map[string]Setting{}
	for _, e := range r.pairs(n, at) {
		p := at.field(show(e.key))
		m := r.mapping(e.value, p, "validation", "unknown")
		out[e.key] = Setting{
			Validation: r.plain(m["validation"], p.field("validation")),
			Unknown:    r.text(m["unknown"], p.field("unknown")),
		}
	}
	return out
}

// plain returns a text that YAML may take for a truth value: off is one in older
// versions, and people write it without quotes.
func (r *reader) plain(n *yaml.Node, p place) string {
	if n != nil && n.Kind == yaml.ScalarNode && n.Tag == "!!bool" && n.Value == "off" {
		return n.Value
	}
	return r.text(n, p)
}

func (r *reader) classes(n *yaml.Node, at place) []Class {
	var out []Class
	for i, c := range r.items(n, at) {
		p := at.index(i)
		m := r.mapping(c, p, "class", "when")
		k := Class{Class: r.text(m["class"], p.field("class"))}
		if w := m["when"]; w != nil {
			q := p.field("when")
			k.When.Types, k.When.Labels = r.choice(r.mapping(w, q, "types", "labels"), q)
		}
		out = append(out, k)
	}
	return out
}

func (r *reader) confirmations(n *yaml.Node, at place) []Confirmation {
	var out []Confirmation
	for i, c := range r.items(n, at) {
		p := at.index(i)
		m := r.mapping(c, p, "region", "row", "sha256", "by", "date", "source")
		out = append(out, Confirmation{
			Region: r.text(m["region"], p.field("region")),
			Row:    r.text(m["row"], p.field("row")),
			SHA256: r.text(m["sha256"], p.field("sha256")),
			By:     r.text(m["by"], p.field("by")),
			Date:   r.day(m["date"], p.field("date")),
			Source: r.text(m["source"], p.field("source")),
		})
	}
	return out
}

// day returns a text that YAML may take for a time: dates need no quotes.
func (r *reader) day(n *yaml.Node, p place) string {
	if n != nil && n.Kind == yaml.ScalarNode && n.Tag == "!!timestamp" {
		return n.Value
	}
	return r.text(n, p)
}

func (r *reader) label(n *yaml.Node, at place) Label {
	if n == nil {
		return Label{}
	}
	m := r.mapping(n, at, "system", "code")
	return Label{System: r.text(m["system"], at.field("system")), Code: r.text(m["code"], at.field("code"))}
}
