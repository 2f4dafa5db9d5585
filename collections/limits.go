package collections

// Limits of a policy, far above what people write. They bound the work that a
// hostile document within [MaxSize] can cause.
const (
	maxRegions = 100
	maxRows    = 500  // of retention, in a region
	maxParts   = 20   // conditions of a row, or ways to end its period
	maxSystems = 50   // of local codes
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
		c.short(len(r.Retention), maxRows, at.field("retention")) &&
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
		in := at.field("retention").item(i, row.Name)
		ok = ok && c.fitsSelector(row.When, in.field("when")) &&
			c.short(len(row.AppliesIf), maxParts, in.field("applies-if")) &&
			c.short(len(row.Until), maxParts, in.field("until"))
	}
	return ok
}

func (c *checker) fitsSelector(s Selector, at place) bool {
	return c.short(len(s.Types), maxItems, at.field("types")) && c.short(len(s.Labels), maxItems, at.field("labels"))
}

// fitsPrivate is fits of a private part.
func (c *checker) fitsPrivate(p *Private, at place) bool {
	ok := c.short(len(p.Routing), maxItems, at.field("routing")) && c.short(len(p.Roles), maxItems, at.field("roles")) &&
		c.short(len(p.Custodian.Jurisdictions), maxItems, at.field("custodian").field("jurisdictions")) &&
		c.short(len(p.Custodian.Classes), maxItems, at.field("custodian").field("classes")) &&
		c.short(len(p.Labels.Confidentiality), maxItems, at.field("labels").field("confidentiality")) &&
		c.short(len(p.Labels.Local), maxSystems, at.field("labels").field("local")) &&
		c.short(len(p.Settings), maxItems, at.field("settings")) &&
		c.short(len(p.Classes), maxItems, at.field("classes")) &&
		c.short(len(p.Confirmations), maxItems, at.field("confirmations"))
	for i, r := range p.Routing {
		ok = ok && c.fitsSelector(Selector{r.Types, r.Labels}, at.field("routing").index(i))
	}
	for i, k := range p.Classes {
		ok = ok && c.fitsSelector(k.When, at.field("classes").index(i).field("when"))
	}
	for i, s := range p.Labels.Local {
		in := at.field("labels").field("local").index(i).field("codes")
		ok = ok && c.short(len(s.Codes), maxItems, in)
		for j, k := range s.Codes {
			ok = ok && c.short(len(k.Parents), maxParts, in.index(j).field("parents"))
		}
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
