package collections

import (
	"slices"
	"strings"
)

// maxPeers bounds peer counts; no organisation runs more.
const maxPeers = 100

// collections checks the collections of a region: each alone, then records and
// their logs.
func (c *checker) collections(g *Region, at place) {
	if len(g.Collections) == 0 {
		c.add(at, "is missing; a region keeps records in at least one collection and its log")
		return
	}
	logs := map[string]bool{} // names that some collection gives as its log
	for _, k := range g.Collections {
		if k.Log != "" {
			logs[k.Log] = true
		}
	}
	for i := range g.Collections {
		k := &g.Collections[i]
		p := at.item(i, k.Name)
		if c.given(k.Name, p.field("name"), "the name of the collection") {
			c.name(k.Name, p.field("name"))
			c.silent(k.Name, p.field("name"))
		}
		c.members(g, k, p.field("members"), logs[k.Name])
		c.peerCounts(k, p)
		switch {
		case k.Log != "":
			c.log(g, k, p.field("log"))
			c.roles(k, p.field("roles"))
		case logs[k.Name]:
			if k.Roles != nil {
				c.add(p.field("roles"), "is given to a log; remove it, a log has the roles of the collections that name it")
			}
		default:
			c.add(p.field("log"), "is missing; name the log collection of the same members, which keeps holds and the register of purged records (a log itself is named by a collection)")
		}
	}
	c.oneLog(g, at)
}

func (c *checker) members(g *Region, k *Collection, at place, log bool) {
	switch {
	case len(k.Members) == 0 && log:
		c.add(at, "is missing: a log without holders; list the members of the collections that name it")
	case len(k.Members) == 0:
		c.add(at, "is missing; list the organisations that hold the collection")
	}
	c.repeated(k.Members, at)
	for i, m := range k.Members {
		if c.policy == nil || c.full() || slices.Contains(g.Organizations, m) {
			continue
		}
		home, known := c.orgs[m]
		switch {
		case !known:
			c.add(at.index(i), "%s is not an organisation of this policy%s", show(m), c.nearest(m, c.policy.Organizations))
		case !c.policy.inside(home, g.Name):
			c.add(at.index(i), "%s is in region %s, outside region %s: the records would leave their region; remove it", show(m), show(home), show(g.Name))
		}
	}
}

// inside tells whether region a is b or lies within it.
func (p *Policy) inside(a, b string) bool {
	for range p.Regions { // bounded, should within be a circle
		if a == b {
			return true
		}
		g, ok := p.Region(a)
		if !ok {
			return false
		}
		a = g.Within
	}
	return a == b
}

func (c *checker) peerCounts(k *Collection, at place) {
	switch {
	case k.RequiredPeerCount < 1:
		c.add(at.field("requiredPeerCount"), "is %d; at least 1 is needed, or a record can be acknowledged that only one disk has", k.RequiredPeerCount)
	case k.RequiredPeerCount > maxPeers:
		c.add(at.field("requiredPeerCount"), "is %d; at most %d", k.RequiredPeerCount, maxPeers)
	}
	switch {
	case k.MaxPeerCount < k.RequiredPeerCount:
		c.add(at.field("maxPeerCount"), "is %d, less than requiredPeerCount %d; Fabric refuses that, raise it", k.MaxPeerCount, k.RequiredPeerCount)
	case k.MaxPeerCount > maxPeers:
		c.add(at.field("maxPeerCount"), "is %d; at most %d", k.MaxPeerCount, maxPeers)
	}
}

// log checks that a record collection's log exists, is a log and has the same
// members.
func (c *checker) log(g *Region, k *Collection, at place) {
	log, ok := g.Collection(k.Log)
	switch {
	case !ok:
		names := func() []string { return texts(g.Collections, func(k Collection) string { return k.Name }) }
		c.add(at, "%s is not a collection of region %s%s", show(k.Log), show(g.Name), c.nearest(k.Log, names))
	case k.Log == k.Name:
		c.add(at, "names the collection itself; a log is a collection of its own, because it outlives the records")
	case log.Log != "":
		c.add(at, "names %s, which is no log but has one; name a collection without the key log", show(k.Log))
	case !sameSet(log.Members, k.Members):
		c.add(at, "names %s, whose members are %s; a log has the members of its collections, here %s",
			show(k.Log), show(strings.Join(log.Members, ", ")), show(strings.Join(k.Members, ", ")))
	}
}

// oneLog checks that collections of the same members name the same log: a hold on
// a person is looked up in the log of the record's collection.
func (c *checker) oneLog(g *Region, at place) {
	first := map[string]*Collection{}
	for i := range g.Collections {
		k := &g.Collections[i]
		if k.Log == "" || len(k.Members) == 0 {
			continue
		}
		holders := strings.Join(slices.Sorted(slices.Values(k.Members)), ",")
		if other := first[holders]; other == nil {
			first[holders] = k
		} else if other.Log != k.Log {
			c.add(at.item(i, k.Name).field("log"), "is %s, but %s has the same members and log %s; name one log in both, so that a hold binds both",
				show(k.Log), show(other.Name), show(other.Log))
		}
	}
}

// roles checks that roles are known, given to members only, and that somebody may
// write, purge and hold.
func (c *checker) roles(k *Collection, at place) {
	if len(k.Roles) == 0 {
		c.add(at, "is missing; say for each member which roles its people may have, of %s", strings.Join(roles, ", "))
		return
	}
	given := map[string]bool{}
	for _, msp := range keys(k.Roles) {
		p := at.field(show(msp))
		if !k.Holds(msp) {
			c.add(p, "is not a member of %s; add it to members or remove its roles", show(k.Name))
		}
		if len(k.Roles[msp]) == 0 {
			c.add(p, "has no roles; list some or remove the line")
		}
		for i, role := range k.Roles[msp] {
			given[role] = true
			if !slices.Contains(roles, role) {
				c.add(p.index(i), "%s is not a role%s Known: %s", show(role), dot(c.nearest(role, these(roles))), strings.Join(roles, ", "))
			}
		}
		c.repeated(k.Roles[msp], p)
	}
	for _, need := range []string{"writer", "officer", "purger"} {
		if !given[need] {
			c.add(at, "gives nobody the role %s; without it records could not be written, held or destroyed here", need)
		}
	}
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
