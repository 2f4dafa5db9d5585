package collections

import (
	"go.yaml.in/yaml/v3"
)

// Parse reads the public part of a policy from YAML. file is its name in errors,
// which join one [Problem] for everything that is wrong, in the order of lines.
func Parse(b []byte, file string) (*Policy, error) {
	r := &reader{report{file: file}}
	root := r.document(b)
	if root == nil {
		return nil, r.err()
	}
	p := r.policy(root, place{})
	check(&r.report, p)
	if err := r.err(); err != nil {
		return nil, err
	}
	p.arrange()
	return p, nil
}

func (r *reader) policy(n *yaml.Node, at place) *Policy {
	m := r.mapping(n, at, "version", "name", "regions")
	p := &Policy{
		Version: r.number(m["version"], at.field("version"), 0),
		Name:    r.text(m["name"], at.field("name")),
	}
	for i, c := range r.items(m["regions"], at.field("regions")) {
		p.Regions = append(p.Regions, r.region(c, at.field("regions").item(i, nameOf(c))))
	}
	return p
}

// nameOf returns the value of the key name of a mapping, for showing places.
func nameOf(n *yaml.Node) string {
	if n.Kind != yaml.MappingNode {
		return ""
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if v := n.Content[i+1]; n.Content[i].Value == "name" && v.Kind == yaml.ScalarNode {
			return v.Value
		}
	}
	return ""
}

func (r *reader) region(n *yaml.Node, at place) Region {
	m := r.mapping(n, at, "name", "within", "jurisdictions", "organizations", "collections", "retention", "transfers")
	out := Region{
		Name:          r.text(m["name"], at.field("name")),
		Within:        r.text(m["within"], at.field("within")),
		Jurisdictions: r.texts(m["jurisdictions"], at.field("jurisdictions")),
		Organizations: r.texts(m["organizations"], at.field("organizations")),
	}
	in := at.field("collections")
	for i, c := range r.items(m["collections"], in) {
		out.Collections = append(out.Collections, r.collection(c, in.item(i, nameOf(c))))
	}
	in = at.field("retention")
	for i, c := range r.items(m["retention"], in) {
		out.Retention = append(out.Retention, r.row(c, in.item(i, nameOf(c))))
	}
	in = at.field("transfers")
	for i, c := range r.items(m["transfers"], in) {
		p := in.index(i)
		m := r.mapping(c, p, "to", "basis", "authority")
		out.Transfers = append(out.Transfers, Transfer{
			To:        r.text(m["to"], p.field("to")),
			Basis:     r.text(m["basis"], p.field("basis")),
			Authority: r.text(m["authority"], p.field("authority")),
		})
	}
	return out
}

func (r *reader) collection(n *yaml.Node, at place) Collection {
	m := r.mapping(n, at, "name", "members", "log", "requiredPeerCount", "maxPeerCount", "roles")
	c := Collection{
		Name:              r.text(m["name"], at.field("name")),
		Members:           r.texts(m["members"], at.field("members")),
		Log:               r.text(m["log"], at.field("log")),
		RequiredPeerCount: r.number(m["requiredPeerCount"], at.field("requiredPeerCount"), DefaultRequiredPeerCount),
	}
	c.MaxPeerCount = r.number(m["maxPeerCount"], at.field("maxPeerCount"), max(DefaultMaxPeerCount, c.RequiredPeerCount))
	if n := m["roles"]; n != nil {
		c.Roles = map[string][]string{}
		in := at.field("roles")
		for _, e := range r.pairs(n, in) {
			c.Roles[e.key] = r.texts(e.value, in.field(show(e.key)))
		}
	}
	return c
}

// chosen refuses an empty list: it could be read as "none", but means "any".
func (r *reader) chosen(n *yaml.Node, p place) {
	if n != nil && n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		r.add(p, "is an empty list; remove the key to mean any")
	}
}

func (r *reader) labels(n *yaml.Node, at place) []Label {
	var out []Label
	for i, c := range r.items(n, at) {
		p := at.index(i)
		m := r.mapping(c, p, "system", "code")
		out = append(out, Label{
			System: r.text(m["system"], p.field("system")),
			Code:   r.text(m["code"], p.field("code")),
		})
	}
	return out
}
