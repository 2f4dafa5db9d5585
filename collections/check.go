package collections

import (
	"slices"
	"strings"
)

// check reports everything wrong with a policy that has been read.
func check(r *report, p *Policy) {
	c := checker{report: r, policy: p}
	at := place{}
	if !c.fits(p, at) {
		return
	}
	c.version(p.Version, at.field("version"))
	if c.given(p.Name, at.field("name"), "the name of the policy") {
		c.name(p.Name, at.field("name"))
	}
	c.orgs = map[string]string{}
	for _, g := range p.Regions {
		for _, o := range g.Organizations {
			c.orgs[o] = g.Name
		}
	}
	in := at.field("regions")
	seenRegion, seenOrg := map[string]bool{}, map[string]string{}
	for i := range p.Regions {
		g := &p.Regions[i]
		p := in.item(i, g.Name)
		c.unique(seenRegion, g.Name, p.field("name"))
		c.within(g, p.field("within"))
		for j, o := range g.Organizations {
			if other, twice := seenOrg[o]; twice && other != g.Name {
				c.add(p.field("organizations").index(j), "%s is in region %s already; an organisation belongs to one region", show(o), show(other))
			}
			seenOrg[o] = g.Name
		}
	}
	c.collectionNames(in)
	for i := range p.Regions {
		c.region(&p.Regions[i], in.item(i, p.Regions[i].Name))
	}
	if n := len(c.roots()); n < 2 {
		c.add(in, "has %d of the at least two regions that lie in no other: a proof is endorsed by two regions; add one", n)
	}
}

// checker knows the policy around what it checks; policy is nil while one region
// is checked alone.
type checker struct {
	*report
	policy *Policy
	orgs   map[string]string // organisation -> region
}

func (c *checker) version(v int, at place) {
	if v != Version {
		c.add(at, "is %d; this program knows version %d only, write version: %d or use the program that knows it", v, Version, Version)
	}
}

// given reports a missing text, or one that cannot be shown in a line.
func (c *checker) given(s string, at place, what string) bool {
	switch {
	case strings.TrimSpace(s) == "":
		c.add(at, "is missing; give %s", what)
	case len(s) > 400:
		c.add(at, "is longer than 400 bytes; shorten it")
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\ufffd' }):
		c.add(at, "holds control characters or line breaks; write one line of plain text")
	default:
		return true
	}
	return false
}

func (c *checker) unique(seen map[string]bool, name string, at place) {
	if key := strings.ToLower(name); name != "" && seen[key] {
		c.add(at, "%s is taken; names differ in more than case", show(name))
	} else {
		seen[key] = true
	}
}

// within checks that a region lies in a known region and not, by any way, in
// itself.
func (c *checker) within(g *Region, at place) {
	if g.Within == "" {
		return
	}
	if _, ok := c.policy.Region(g.Within); !ok {
		c.add(at, "%s is not a region of this policy%s", show(g.Within), c.nearest(g.Within, c.regionNames))
		return
	}
	path := []string{g.Name}
	for name := g.Within; name != ""; {
		if slices.Contains(path, name) {
			if name == g.Name {
				c.add(at, "is a circle: %s; remove one within", show(strings.Join(append(path, name), " in ")))
			}
			return
		}
		path = append(path, name)
		up, ok := c.policy.Region(name)
		if !ok {
			return
		}
		name = up.Within
	}
}

func (c *checker) regionNames() []string {
	var names []string
	for _, g := range c.policy.Regions {
		names = append(names, g.Name)
	}
	return names
}

// roots returns the regions that lie in no other.
func (c *checker) roots() []string {
	var names []string
	for _, g := range c.policy.Regions {
		if g.Within == "" {
			names = append(names, g.Name)
		}
	}
	return names
}

// collectionNames checks that no collection name is used twice in the policy.
func (c *checker) collectionNames(in place) {
	seen := map[string]bool{}
	for i, g := range c.policy.Regions {
		at := in.item(i, g.Name).field("collections")
		for j, k := range g.Collections {
			c.unique(seen, k.Name, at.item(j, k.Name).field("name"))
		}
	}
}

// region checks what can be seen in one region, and, with a policy around it, its
// relations to the others.
func (c *checker) region(g *Region, at place) {
	if c.given(g.Name, at.field("name"), "the name of the region") {
		c.name(g.Name, at.field("name"))
		c.silent(g.Name, at.field("name"))
	}
	if len(g.Jurisdictions) == 0 {
		c.add(at.field("jurisdictions"), "is missing; list the ISO 3166 codes, such as [US] or [US-WA]")
	}
	for i, j := range g.Jurisdictions {
		if !jurisdictionForm.MatchString(j) {
			c.add(at.field("jurisdictions").index(i), "%s is not an ISO 3166 code; write it like US or US-WA", show(j))
		}
	}
	c.repeated(g.Jurisdictions, at.field("jurisdictions"))
	if len(g.Organizations) == 0 {
		c.add(at.field("organizations"), "is missing; a region without an organisation has nobody to agree to its policy or to endorse for it")
	}
	for i, o := range g.Organizations {
		if !mspForm.MatchString(o) {
			c.add(at.field("organizations").index(i), "%s is no MSP id that a Fabric policy can name; use letters, digits, . and -, at most 64", show(o))
		}
	}
	c.repeated(g.Organizations, at.field("organizations"))
	c.collections(g, at.field("collections"))
	c.retention(g, at.field("retention"))
	for i, t := range g.Transfers {
		c.transfer(g, t, at.field("transfers").index(i))
	}
}

func (c *checker) repeated(list []string, at place) {
	for i, s := range list {
		if slices.Contains(list[:i], s) {
			c.add(at.index(i), "%s is listed twice; keep one", show(s))
		}
	}
}

func (c *checker) transfer(g *Region, t Transfer, at place) {
	switch {
	case !c.given(t.To, at.field("to"), "the region that may receive copies"):
	case t.To == g.Name:
		c.add(at.field("to"), "names the region itself; name another one")
	case c.policy != nil:
		if _, ok := c.policy.Region(t.To); !ok {
			c.add(at.field("to"), "%s is not a region of this policy%s", show(t.To), c.nearest(t.To, c.regionNames))
		}
	}
	c.given(t.Basis, at.field("basis"), "the basis of the transfer, such as consent")
	c.given(t.Authority, at.field("authority"), "the law or contract that allows the transfer")
}
