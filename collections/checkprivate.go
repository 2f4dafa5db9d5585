package collections

import (
	"regexp"
	"slices"
	"strings"

	"domicile/fhir"
)

var (
	digestForm = regexp.MustCompile(`^[0-9a-f]{64}$`)
	// zoneForm is that of names in the IANA time zone database.
	zoneForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}$`)
)

// oneOf reports a value that is none of those known.
func (c *checker) oneOf(s string, known []string, at place) {
	if !slices.Contains(known, s) {
		c.add(at, "%s is not known%s Write one of: %s", show(s), dot(c.nearest(s, these(known))), strings.Join(known, ", "))
	}
}

// option is oneOf of a value that may be missing.
func (c *checker) option(s string, known []string, at place) {
	if s != "" {
		c.oneOf(s, known, at)
	}
}

func (c *checker) custodian(k *Custodian, at place) {
	for i, j := range k.Jurisdictions {
		if !jurisdictionForm.MatchString(j) {
			c.add(at.field("jurisdictions").index(i), "%s is not an ISO 3166 code; write it like US or US-WA", show(j))
		}
	}
	c.repeated(k.Jurisdictions, at.field("jurisdictions"))
	if k.Zone != "" && (!zoneForm.MatchString(k.Zone) || len(k.Zone) > maxName) {
		c.add(at.field("zone"), "%s is not the name of a time zone; write it like America/Phoenix", show(k.Zone))
	}
	for i, class := range k.Classes {
		c.class(class, at.field("classes").index(i))
	}
	c.repeated(k.Classes, at.field("classes"))
	c.option(k.Part2, postures, at.field("part2"))
}

// class checks the name of a class of records.
func (c *checker) class(s string, at place) {
	if !nameForm.MatchString(s) || len(s) > maxName {
		c.add(at, "%s is not the name of a class; use letters, digits and single - or _ between them, at most %d", show(s), maxName)
	}
}

func (c *checker) labelling(p *Private, at place) {
	l := &p.Labels
	c.option(l.Default, grades, at.field("default"))
	if l.Rules != "" && !digestForm.MatchString(l.Rules) {
		c.add(at.field("rules"), "is not the SHA-256 of a rule set; write 64 lower-case hex digits")
	}
	for i, k := range l.Confidentiality {
		q := at.field("confidentiality").index(i)
		c.given(k.Label.Code, q.field("label").field("code"), "the code of the label")
		c.oneOf(k.Is, grades, q.field("is"))
	}
	for i := range l.Local {
		c.local(&l.Local[i], at.field("local").index(i))
	}
	if len(l.Local) == 0 {
		return
	}
	v, err := l.vocabulary()
	if err != nil {
		c.add(at.field("local"), "%s", err)
	}
	p.vocabulary = v
}

func (c *checker) local(s *LocalSystem, at place) {
	c.given(s.URL, at.field("url"), "the URL of the code system")
	if len(s.Codes) == 0 {
		c.add(at.field("codes"), "is missing; list the codes of the system")
	}
	for i, k := range s.Codes {
		p := at.field("codes").index(i)
		c.given(k.Code, p.field("code"), "the code")
		c.labels(k.Parents, p.field("parents"))
	}
}

func (c *checker) settings(m map[string]Setting, at place) {
	for _, name := range keys(m) {
		p := at.field(show(name))
		c.name(name, p)
		c.option(m[name].Validation, validations, p.field("validation"))
		c.option(m[name].Unknown, unknowns, p.field("unknown"))
	}
}

func (c *checker) classes(list []Class, at place) {
	for i, k := range list {
		p := at.index(i)
		if c.given(k.Class, p.field("class"), "the name of the class") {
			c.class(k.Class, p.field("class"))
		}
		if len(k.When.Types) == 0 && len(k.When.Labels) == 0 {
			c.add(p.field("when"), "is missing; choose types or labels, or name the class under custodian.classes for every record")
		}
		c.selector(k.When, p.field("when"))
	}
}

func (c *checker) confirmations(list []Confirmation, at place) {
	for i, k := range list {
		p := at.index(i)
		c.given(k.Region, p.field("region"), "the region of the row")
		c.given(k.Row, p.field("row"), "the row that was read")
		if !digestForm.MatchString(k.SHA256) {
			c.add(p.field("sha256"), "is not the SHA-256 of a row; domicile retention confirm writes it")
		}
		c.given(k.By, p.field("by"), "the person who read the row")
		c.given(k.Source, p.field("source"), "what the person read: the law, an opinion, its date")
		if d, err := fhir.ParseDate(k.Date); err != nil || d.String() != k.Date {
			c.add(p.field("date"), "is not a day; write YYYY-MM-DD")
		}
	}
}
