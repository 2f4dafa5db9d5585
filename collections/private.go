package collections

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"domicile/fhir"
	"domicile/fhir/ds4p"
)

// Private is the holder-private part of the policy of one log collection: who the
// custodian is, why records go where they go, which rows of law a person has
// confirmed and who its certificates' codes are. It is stored in that log and
// nowhere else; only its hash is on the channel.
type Private struct {
	Version int    `json:"version"` // always [Version]
	Log     string `json:"log"`     // the log collection
	// Closed: the contract takes no private write of the holder but a new private part.
	// It is so while members change; see docs/policy.md.
	Closed    bool      `json:"closed,omitempty"`
	Default   string    `json:"default"` // where records go that no rule matches
	Custodian Custodian `json:"custodian,omitzero"`
	Labels    Labels    `json:"labels,omitzero"`
	// Settings are the choices for record collections; see [Private.Setting].
	Settings map[string]Setting `json:"settings,omitempty"`
	// Routing is read in order; the first rule that matches decides.
	Routing []Rule  `json:"routing,omitempty"`
	Classes []Class `json:"classes,omitempty"`
	// Roles gives, by member MSP, the role of each code that certificates carry.
	// Codes are opaque; they stand in clear in every block.
	Roles         map[string]map[string]string `json:"roles,omitempty"`
	Confirmations []Confirmation               `json:"confirmations,omitempty"`

	vocabulary *ds4p.Vocabulary // of Labels.Local; set by the readers
}

// Equal tells whether two private parts say the same.
func (p *Private) Equal(o *Private) bool { return bytes.Equal(p.JSON(), o.JSON()) }

// Rule sends records of any of its types that carry any of its labels to a
// collection. A part that is empty takes all; one of them must be given.
type Rule struct {
	Types      []string `json:"types,omitempty"`
	Labels     []Label  `json:"labels,omitempty"`
	Collection string   `json:"collection"`
}

// Route returns the record collection for a resource of a type with these labels.
func (p *Private) Route(rtype string, labels []fhir.Coding) string {
	for _, r := range p.Routing {
		if p.chooses(Selector{r.Types, r.Labels}, rtype, labels) {
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
	m := r.mapping(n, at, "version", "log", "closed", "default", "custodian", "labels", "settings", "routing", "classes", "roles", "confirmations")
	p := &Private{
		Version:       r.number(m["version"], at.field("version"), 0),
		Log:           r.text(m["log"], at.field("log")),
		Closed:        r.flag(m["closed"], at.field("closed")),
		Default:       r.text(m["default"], at.field("default")),
		Custodian:     r.custodian(m["custodian"], at.field("custodian")),
		Labels:        r.labelling(m["labels"], at.field("labels")),
		Settings:      r.settings(m["settings"], at.field("settings")),
		Classes:       r.classes(m["classes"], at.field("classes")),
		Confirmations: r.confirmations(m["confirmations"], at.field("confirmations")),
	}
	in := at.field("routing")
	for i, c := range r.items(m["routing"], in) {
		q := in.index(i)
		m := r.mapping(c, q, "types", "labels", "collection")
		rule := Rule{Collection: r.text(m["collection"], q.field("collection"))}
		rule.Types, rule.Labels = r.choice(m, q)
		p.Routing = append(p.Routing, rule)
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
	c.custodian(&p.Custodian, at.field("custodian"))
	c.labelling(p, at.field("labels"))
	c.settings(p.Settings, at.field("settings"))
	for i, r := range p.Routing {
		q := at.field("routing").index(i)
		c.given(r.Collection, q.field("collection"), "where records with these labels go")
		if len(r.Labels) == 0 && len(r.Types) == 0 {
			c.add(q.field("labels"), "is missing; list the labels of which any sends a record there, or types (default is for the rest)")
		}
		c.selector(Selector{r.Types, r.Labels}, q)
	}
	c.classes(p.Classes, at.field("classes"))
	c.confirmations(p.Confirmations, at.field("confirmations"))
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
// of it. The error joins one [Problem] for each misfit, in the file of the log's name.
func (p *Private) Check(r *Region) error {
	out := report{file: p.Log}
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
	for _, name := range keys(p.Settings) {
		fits(name, at.field("settings").field(show(name)))
	}
	for i, j := range p.Custodian.Jurisdictions {
		if !slices.ContainsFunc(r.Jurisdictions, func(of string) bool { return covers(of, j) || covers(j, of) }) {
			c.add(at.field("custodian").field("jurisdictions").index(i), "%s is not in region %s (%s); name that, or a part or the whole of it", show(j), show(r.Name), strings.Join(r.Jurisdictions, ", "))
		}
	}
	for _, msp := range keys(p.Roles) {
		if !log.Holds(msp) {
			c.add(at.field("roles").field(show(msp)), "is not a member of %s", show(p.Log))
		}
	}
	return out.err()
}
