package collections

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"domicile/fhir"
)

// Private is the holder-private part of the policy of one log collection: it says
// why records go where they go and who its certificates' codes are. It is stored
// in that log and nowhere else; only its hash is on the channel.
type Private struct {
	Version int    `json:"version"` // always [Version]
	Log     string `json:"log"`     // the log collection
	Default string `json:"default"` // where records go that no rule matches
	// Routing is read in order; the first rule that matches decides.
	Routing []Rule `json:"routing,omitempty"`
	// Roles gives, by member MSP, the role of each code that certificates carry.
	// Codes are opaque; they stand in clear in every block.
	Roles map[string]map[string]string `json:"roles,omitempty"`
}

// Rule sends records that carry any of its labels to a collection.
type Rule struct {
	Labels     []Label `json:"labels"`
	Collection string  `json:"collection"`
}

// Route returns the record collection for a resource with these labels.
func (p *Private) Route(labels []fhir.Coding) string {
	for _, r := range p.Routing {
		if anyMatch(r.Labels, labels) {
			return r.Collection
		}
	}
	return p.Default
}

// Role returns the role of a code on certificates of an organisation.
func (p *Private) Role(msp, code string) (string, bool) {
	role, ok := p.Roles[msp][code]
	return role, ok
}

// JSON returns the canonical JSON, one line.
func (p *Private) JSON() []byte { return marshal(p) }

// ParsePrivate reads what [Private.JSON] writes, spacing and the escapes of <, >
// and & apart, and refuses everything else. Whether it fits the region is for
// [Private.Check].
func ParsePrivate(b []byte) (*Private, error) {
	var p Private
	if err := decode(b, &p); err != nil {
		return nil, err
	}
	var r report
	checkPrivate(&checker{report: &r}, &p)
	if err := r.err(); err != nil {
		return nil, err
	}
	var compact, given bytes.Buffer
	if err := json.Compact(&compact, b); err != nil {
		return nil, fmt.Errorf("policy: is not JSON: %w", err)
	}
	json.HTMLEscape(&given, compact.Bytes())
	if !bytes.Equal(given.Bytes(), p.JSON()) {
		return nil, fmt.Errorf("private part: %w", ErrNotCanonical)
	}
	return &p, nil
}

// ParsePrivateYAML reads a private part from YAML, with the errors of [Parse].
func ParsePrivateYAML(b []byte, file string) (*Private, error) {
	r := &reader{report{file: file}}
	root := r.document(b)
	if root == nil {
		return nil, r.err()
	}
	p := r.private(root, place{})
	checkPrivate(&checker{report: &r.report}, p)
	if err := r.err(); err != nil {
		return nil, err
	}
	return p, nil
}

func (r *reader) private(n *yaml.Node, at place) *Private {
	m := r.mapping(n, at, "version", "log", "default", "routing", "roles")
	p := &Private{
		Version: r.number(m["version"], at.field("version"), 0),
		Log:     r.text(m["log"], at.field("log")),
		Default: r.text(m["default"], at.field("default")),
	}
	in := at.field("routing")
	for i, c := range r.items(m["routing"], in) {
		q := in.index(i)
		m := r.mapping(c, q, "labels", "collection")
		p.Routing = append(p.Routing, Rule{
			Labels:     r.labels(m["labels"], q.field("labels")),
			Collection: r.text(m["collection"], q.field("collection")),
		})
	}
	if n := m["roles"]; n != nil {
		p.Roles = map[string]map[string]string{}
		in := at.field("roles")
		for _, org := range r.pairs(n, in) {
			q := in.field(show(org.key))
			p.Roles[org.key] = map[string]string{}
			for _, e := range r.pairs(org.value, q) {
				p.Roles[org.key][e.key] = r.text(e.value, q.field(show(e.key)))
			}
		}
	}
	return p
}

// checkPrivate reports what is wrong with a private part by itself.
func checkPrivate(c *checker, p *Private) {
	at := place{}
	if !c.fitsPrivate(p, at) {
		return
	}
	c.version(p.Version, at.field("version"))
	c.given(p.Log, at.field("log"), "the log collection this is the private part of")
	c.given(p.Default, at.field("default"), "the collection of records that no rule matches")
	for i, r := range p.Routing {
		q := at.field("routing").index(i)
		c.given(r.Collection, q.field("collection"), "where records with these labels go")
		if len(r.Labels) == 0 {
			c.add(q.field("labels"), "is missing; list the labels of which any sends a record there (default is for the rest)")
		}
		c.labels(r.Labels, q.field("labels"))
	}
	for _, msp := range keys(p.Roles) {
		in := at.field("roles").field(show(msp))
		if !mspForm.MatchString(msp) {
			c.add(in, "is no MSP id; use the name of a member")
		}
		if len(p.Roles[msp]) == 0 {
			c.add(in, "has no codes; list some or remove it")
		}
		for _, code := range keys(p.Roles[msp]) {
			c.roleCode(code, p.Roles[msp][code], in.field(show(code)))
		}
	}
}

func (c *checker) roleCode(code, role string, at place) {
	if !nameForm.MatchString(code) || len(code) > maxName {
		c.add(at, "is no role code; use letters and digits, at most %d", maxName)
	}
	for _, r := range roles {
		if strings.Contains(strings.ToLower(code), r) {
			c.add(at, "says the role in clear on every certificate and block; use a random code")
		}
	}
	if !slices.Contains(roles, role) {
		c.add(at, "%s is not a role%s Known: %s", show(role), dot(c.nearest(role, these(roles))), strings.Join(roles, ", "))
	}
}

// Check reports whether a private part fits its region: its log is a log there,
// its collections are record collections of that log, its roles are for members
// of it. The error joins one [Problem] for each misfit.
func (p *Private) Check(r *Region) error {
	var out report
	c := checker{report: &out}
	at := place{}
	log, ok := r.Collection(p.Log)
	if !ok || !log.IsLog() {
		c.add(at.field("log"), "%s is not a log collection of region %s", show(p.Log), show(r.Name))
		return out.err()
	}
	fits := func(name string, at place) {
		if k, ok := r.Collection(name); !ok || k.Log != p.Log {
			c.add(at, "%s is not a record collection with log %s", show(name), show(p.Log))
		}
	}
	fits(p.Default, at.field("default"))
	for i, rule := range p.Routing {
		fits(rule.Collection, at.field("routing").index(i).field("collection"))
	}
	for _, msp := range keys(p.Roles) {
		if !log.Holds(msp) {
			c.add(at.field("roles").field(show(msp)), "is not a member of %s", show(p.Log))
		}
	}
	return out.err()
}
