package collections

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Public returns the canonical JSON of the policy: one line, fields in fixed
// order, lists sorted, nothing that two programs could write differently. Its
// SHA-256 is what organisations approve (see [Policy.Digest]).
func (p *Policy) Public() []byte { return marshal(p.plain()) }

// Digest returns the lower-case hex SHA-256 of [Policy.Public].
func (p *Policy) Digest() string {
	sum := sha256.Sum256(p.Public())
	return hex.EncodeToString(sum[:])
}

// regionDoc is one region's part of the public policy, as kept under its own key.
type regionDoc struct {
	Version int    `json:"version"`
	Policy  string `json:"policy"` // name of the policy
	Region  Region `json:"region"`
}

// RegionJSON returns the canonical JSON of one region's part, for the region's own
// key on the channel; nil if there is no such region. [Assemble] puts the parts
// together again.
func (p *Policy) RegionJSON(name string) []byte {
	r, ok := p.Region(name)
	if !ok {
		return nil
	}
	return marshal(regionDoc{p.Version, p.Name, r.plain()})
}

func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("collections: " + err.Error()) // only strings, numbers and lists of them
	}
	return b
}

// plain returns a copy without what is derived: the roles of logs.
func (p *Policy) plain() Policy {
	out := *p
	out.Regions = slices.Clone(p.Regions)
	for i := range out.Regions {
		out.Regions[i] = p.Regions[i].plain()
	}
	return out
}

func (r *Region) plain() Region {
	out := *r
	out.Collections = slices.Clone(r.Collections)
	for i := range out.Collections {
		if out.Collections[i].IsLog() {
			out.Collections[i].Roles = nil
		}
	}
	return out
}

// ErrNotCanonical says that a document is not, byte for byte, what this package
// writes: other spacing, order or escapes, a repeated field. Two documents of one
// meaning would have two digests.
var ErrNotCanonical = errors.New("is not in canonical form; write it with domicile policy compile")

// ParsePublic reads what [Policy.Public] writes and refuses everything else, with
// all rules of [Parse]. The bytes of an accepted document are its Public bytes.
func ParsePublic(b []byte) (*Policy, error) {
	var p Policy
	if err := decode(b, &p); err != nil {
		return nil, err
	}
	var r report
	check(&r, &p)
	if err := r.err(); err != nil {
		return nil, err
	}
	p.arrange()
	if !bytes.Equal(p.Public(), b) {
		return nil, fmt.Errorf("policy: %w", ErrNotCanonical)
	}
	return &p, nil
}

// ParseRegion reads what [Policy.RegionJSON] writes and refuses everything else.
// The rules that need the other regions (whose members they are, nesting,
// transfers) were checked when the whole was parsed.
func ParseRegion(b []byte) (*Region, error) {
	doc, err := parseRegionDoc(b)
	if err != nil {
		return nil, err
	}
	return &doc.Region, nil
}

func parseRegionDoc(b []byte) (*regionDoc, error) {
	var doc regionDoc
	if err := decode(b, &doc); err != nil {
		return nil, err
	}
	var r report
	c := checker{report: &r}
	if !c.fitsRegion(&doc.Region, place{}.field("region")) {
		return nil, r.err()
	}
	c.version(doc.Version, place{}.field("version"))
	if c.given(doc.Policy, place{}.field("policy"), "the name of the policy") {
		c.name(doc.Policy, place{}.field("policy"))
	}
	c.region(&doc.Region, place{}.field("region"))
	if err := r.err(); err != nil {
		return nil, err
	}
	doc.Region.arrange()
	if !bytes.Equal(marshal(regionDoc{doc.Version, doc.Policy, doc.Region.plain()}), b) {
		return nil, fmt.Errorf("policy of a region: %w", ErrNotCanonical)
	}
	return &doc, nil
}

// Assemble puts together the parts that [Policy.RegionJSON] wrote, in any order,
// and checks the whole like [ParsePublic]. Parts of policies of different names are
// an error.
func Assemble(parts ...[]byte) (*Policy, error) {
	p := Policy{Version: Version}
	for _, b := range parts {
		doc, err := parseRegionDoc(b)
		if err != nil {
			return nil, err
		}
		if p.Name != "" && p.Name != doc.Policy {
			return nil, fmt.Errorf("policy: parts of two policies, %s and %s; all regions must be of one", p.Name, doc.Policy)
		}
		p.Name = doc.Policy
		doc.Region = doc.Region.plain()
		p.Regions = append(p.Regions, doc.Region)
	}
	var r report
	check(&r, &p)
	if err := r.err(); err != nil {
		return nil, err
	}
	p.arrange()
	return &p, nil
}

// decode reads exactly one JSON document without unknown fields.
func decode(b []byte, v any) error {
	if len(b) > MaxSize {
		return Problem{What: "is larger than 1 MiB; a policy is a few pages of text"}
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("policy: is not the JSON of a policy: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Problem{What: "goes on after the end of the JSON document; remove the rest"}
	}
	return nil
}

// arrange brings a checked policy into canonical order.
func (p *Policy) arrange() {
	slices.SortFunc(p.Regions, func(a, b Region) int { return cmp.Compare(a.Name, b.Name) })
	for i := range p.Regions {
		p.Regions[i].arrange()
	}
}

func (r *Region) arrange() {
	slices.Sort(r.Jurisdictions)
	slices.Sort(r.Organizations)
	slices.SortFunc(r.Collections, func(a, b Collection) int { return cmp.Compare(a.Name, b.Name) })
	logs := map[string]map[string][]string{}
	for i := range r.Collections {
		c := &r.Collections[i]
		slices.Sort(c.Members)
		for msp := range c.Roles {
			sortRoles(c.Roles[msp])
		}
		if !c.IsLog() {
			logs[c.Log] = unite(logs[c.Log], c.Roles)
		}
	}
	for i := range r.Collections {
		if c := &r.Collections[i]; c.IsLog() {
			c.Roles = logs[c.Name]
		}
	}
	slices.SortFunc(r.Retention, func(a, b Row) int { return cmp.Compare(a.Name, b.Name) })
	for i := range r.Retention {
		r.Retention[i].arrange()
	}
	slices.SortFunc(r.Transfers, func(a, b Transfer) int {
		return cmp.Or(cmp.Compare(a.To, b.To), cmp.Compare(a.Basis, b.Basis), cmp.Compare(a.Authority, b.Authority))
	})
}

func sortRoles(list []string) {
	slices.SortFunc(list, func(a, b string) int { return cmp.Compare(slices.Index(roles, a), slices.Index(roles, b)) })
}

// unite returns the union of two role tables as a new one.
func unite(a, b map[string][]string) map[string][]string {
	out := map[string][]string{}
	for _, m := range []map[string][]string{a, b} {
		for msp, list := range m {
			for _, role := range list {
				if !slices.Contains(out[msp], role) {
					out[msp] = append(out[msp], role)
				}
			}
		}
	}
	for msp := range out {
		sortRoles(out[msp])
	}
	return out
}
