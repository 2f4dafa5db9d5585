package collections

import (
	"cmp"
	"slices"

	"domicile/fhir"
)

// retention checks the retention rows of a region and that they keep no shorter
// than those of the region around it.
func (c *checker) retention(g *Region, at place) {
	seen := map[string]bool{}
	for i := range g.Retention {
		row := &g.Retention[i]
		p := at.item(i, row.Name)
		if c.given(row.Name, p.field("name"), "a name, which plans and the register show") {
			c.name(row.Name, p.field("name"))
			c.unique(seen, row.Name, p.field("name"))
		}
		c.row(row, p)
	}
	if c.policy == nil || g.Within == "" {
		return
	}
	around, ok := c.policy.Region(g.Within)
	if !ok || around == g {
		return
	}
	for _, outer := range around.Retention {
		i := slices.IndexFunc(g.Retention, func(r Row) bool { return r.Name == outer.Name })
		switch {
		case i < 0:
			c.add(at, "lacks row %s of region %s, in which %s lies; repeat it, a region's rows stand alone", show(outer.Name), show(around.Name), show(g.Name))
		case !g.Retention[i].When.equal(outer.When):
			c.add(at.item(i, outer.Name).field("when"), "differs from that of row %s of region %s, in which %s lies; give a row of its own another name", show(outer.Name), show(around.Name), show(g.Name))
		case compare(g.Retention[i].Keep, outer.Keep) < 0:
			c.add(at.item(i, outer.Name).field("keep"), "is shorter than the %s of region %s, in which %s lies", outer.Keep, show(around.Name), show(g.Name))
		}
	}
}

func (c *checker) row(row *Row, at place) {
	if row.Trigger != TriggerEnd {
		c.add(at.field("trigger"), "is %q; the only trigger is %s, the clinical end date of the resource", show(row.Trigger), TriggerEnd)
	}
	if row.Keep == (fhir.Period{}) {
		c.add(at.field("keep"), `is missing; write a number and y, m or d, such as "6y"`)
	}
	c.given(row.Authority, at.field("authority"), "the law, contract or decision that sets the period")
	types := at.field("when").field("types")
	for i, t := range row.When.Types {
		if _, ok := slices.BinarySearch(resourceTypes, t); !ok {
			c.add(types.index(i), "%s is not a resource type of FHIR R4%s", show(t), c.nearest(t, these(resourceTypes)))
		}
	}
	c.repeated(row.When.Types, types)
	c.labels(row.When.Labels, at.field("when").field("labels"))
}

func (c *checker) labels(labels []Label, at place) {
	for i, l := range labels {
		c.given(l.Code, at.index(i).field("code"), "the code of the label")
		if l.System != "" {
			c.given(l.System, at.index(i).field("system"), "the system of the label")
		}
		if slices.Contains(labels[:i], l) {
			c.add(at.index(i), "is listed twice; keep one")
		}
	}
}

// equal tells whether two selectors choose the same, whatever the order of their
// lists.
func (s Selector) equal(o Selector) bool {
	byText := func(a, b Label) int {
		return cmp.Or(cmp.Compare(a.System, b.System), cmp.Compare(a.Code, b.Code))
	}
	return sameSet(s.Types, o.Types) && slices.Equal(
		slices.SortedFunc(slices.Values(s.Labels), byText),
		slices.SortedFunc(slices.Values(o.Labels), byText))
}

// compare orders periods by length. Where that depends on the start, such as for
// 1m and 30d, a is the shorter if it is so from any start of a leap cycle's two
// extremes, so that a possible shortening is never taken for none.
func compare(a, b fhir.Period) int {
	longer := 0
	for _, start := range []fhir.Date{{Year: 2023, Month: 1, Day: 1}, {Year: 2023, Month: 2, Day: 1}, {Year: 2024, Month: 2, Day: 28}, {Year: 2024, Month: 7, Day: 1}} {
		switch start.AddPeriod(a).Compare(start.AddPeriod(b)) {
		case -1:
			return -1
		case 1:
			longer = 1
		}
	}
	return longer
}
