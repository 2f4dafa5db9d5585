package collections

import (
	"slices"
	"strings"

	"domicile/fhir"
)

// retention checks the retention rows of a region.
func (c *checker) retention(g *Region, at place) {
	seen := map[string]bool{}
	for i := range g.Retention {
		row := &g.Retention[i]
		p := at.item(i, row.Name)
		if c.given(row.Name, p.field("name"), "a name, which plans and the register show") {
			c.name(row.Name, p.field("name"))
			c.unique(seen, row.Name, p.field("name"))
		}
		c.row(g, row, p)
	}
}

func (c *checker) row(g *Region, row *Row, at place) {
	if row.Jurisdiction != "" {
		c.jurisdiction(g, row.Jurisdiction, at.field("jurisdiction"))
	}
	if row.Class != "" {
		c.class(row.Class, at.field("class"))
	}
	c.oneOf(row.Kind, kinds, at.field("kind"))
	switch {
	case row.Kind != KindCeiling:
		c.oneOf(row.Action, actions, at.field("action"))
	case row.Action != "":
		c.add(at.field("action"), "is given to a ceiling; remove it, a ceiling acts only in an approved case of erasure")
	}
	c.option(row.Confidence, confidences, at.field("confidence"))
	if c.given(row.Authority, at.field("authority"), "the law, contract or decision that sets the period") && strings.Contains(row.Authority, "@") {
		c.add(at.field("authority"), "looks like a person's address, and everybody on the channel reads it; persons stand in the confirmations of the private part")
	}
	c.selector(row.When, at.field("when"))
	for i, k := range row.AppliesIf {
		c.condition(k, at.field("applies-if").index(i))
	}
	c.untils(row, at)
}

func (c *checker) jurisdiction(g *Region, s string, at place) {
	switch {
	case !jurisdictionForm.MatchString(s):
		c.add(at, "%s is not an ISO 3166 code; write it like US or US-WA", show(s))
	case !slices.ContainsFunc(g.Jurisdictions, func(j string) bool { return covers(j, s) }):
		c.add(at, "%s is neither a jurisdiction of region %s nor a part of one; add it there or move the row", show(s), show(g.Name))
	}
}

func (c *checker) untils(row *Row, at place) {
	for i, u := range row.Until {
		p := at
		if len(row.Until) > 1 {
			p = at.field("until").index(i)
		}
		c.trigger(u.Trigger, p.field("trigger"))
		if u.Keep == (fhir.Period{}) {
			c.add(p.field("keep"), `is missing; write a number and y, m or d, such as "6y"`)
		}
	}
	switch {
	case len(row.Until) == 0:
		c.add(at.field("until"), "is empty; give trigger and keep, or a list of them")
	case len(row.Until) == 1 && row.Combine != "":
		c.add(at.field("combine"), "is given for one period; remove it or list several under until")
	case len(row.Until) > 1:
		c.oneOf(row.Combine, combines, at.field("combine"))
	}
}

// trigger checks what a period starts from or a condition looks at.
func (c *checker) trigger(s string, at place) {
	c.oneOf(s, append([]string{TriggerEnd}, factKinds...), at)
}

func (c *checker) condition(k Condition, at place) {
	c.oneOf(k.Fact, factKinds, at.field("fact"))
	asks := 0
	if k.Known != nil {
		asks++
	}
	if k.Under != (fhir.Period{}) {
		asks++
		c.trigger(k.At, at.field("at"))
		if k.Fact != FactBirth {
			c.add(at.field("under"), "asks for an age; the fact must be %s", FactBirth)
		}
	} else if k.At != "" {
		c.add(at.field("at"), "is given without under; remove it")
	}
	if k.Within != (fhir.Period{}) {
		asks++
		c.trigger(k.Of, at.field("of"))
	} else if k.Of != "" {
		c.add(at.field("of"), "is given without within; remove it")
	}
	if asks != 1 {
		c.add(at, "asks %d questions; give exactly one of under (with at), within (with of) and known", asks)
	}
}

// selector checks types and labels.
func (c *checker) selector(s Selector, at place) {
	types := at.field("types")
	for i, t := range s.Types {
		if _, ok := slices.BinarySearch(resourceTypes, t); !ok {
			c.add(types.index(i), "%s is not a resource type of FHIR R4%s", show(t), c.nearest(t, these(resourceTypes)))
		}
	}
	c.repeated(s.Types, types)
	c.labels(s.Labels, at.field("labels"))
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
