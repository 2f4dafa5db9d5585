package collections

// Limits of a policy, far above what people write. They bound the work that a
// hostile document within [MaxSize] can cause.
const (
	maxRegions = 100
	maxItems   = 1000 // in every other list
)

// fits reports lists that are too long; the rest is then not checked.
func (c *checker) fits(p *Policy, at place) bool {
	in := at.field("regions")
	if !c.short(len(p.Regions), maxRegions, in) {
		return false
	}
	for i := range p.Regions {
		if !c.fitsRegion(&p.Regions[i], in.item(i, p.Regions[i].Name)) {
			return false
		}
	}
	return true
}

func (c *checker) fitsRegion(r *Region, at place) bool {
	ok := c.short(len(r.Jurisdictions), maxItems, at.field("jurisdictions")) &&
		c.short(len(r.Organizations), maxItems, at.field("organizations")) &&
		c.short(len(r.Collections), maxItems, at.field("collections")) &&
		c.short(len(r.Retention), maxItems, at.field("retention")) &&
		c.short(len(r.Transfers), maxItems, at.field("transfers"))
	if !ok {
		return false
	}
	for i, k := range r.Collections {
		in := at.field("collections").item(i, k.Name)
		ok = ok && c.short(len(k.Members), maxItems, in.field("members")) && c.short(len(k.Roles), maxItems, in.field("roles"))
		for _, msp := range keys(k.Roles) {
			ok = ok && c.short(len(k.Roles[msp]), maxItems, in.field("roles").field(show(msp)))
		}
	}
	for i, row := range r.Retention {
		in := at.field("retention").item(i, row.Name).field("when")
		ok = ok && c.short(len(row.When.Types), maxItems, in.field("types")) && c.short(len(row.When.Labels), maxItems, in.field("labels"))
	}
	return ok
}

// fitsPrivate is fits of a private part.
func (c *checker) fitsPrivate(p *Private, at place) bool {
	ok := c.short(len(p.Routing), maxItems, at.field("routing")) && c.short(len(p.Roles), maxItems, at.field("roles"))
	for i, r := range p.Routing {
		ok = ok && c.short(len(r.Labels), maxItems, at.field("routing").index(i).field("labels"))
	}
	for _, msp := range keys(p.Roles) {
		ok = ok && c.short(len(p.Roles[msp]), maxItems, at.field("roles").field(show(msp)))
	}
	return ok
}

func (c *checker) short(n, limit int, at place) bool {
	if n > limit {
		c.add(at, "has %d entries; at most %d are read", n, limit)
	}
	return n <= limit
}
