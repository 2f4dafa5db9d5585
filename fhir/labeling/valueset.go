package labeling

import (
	"regexp"
	"strings"

	"domicile/fhir"
)

// focusSystem is the code system of useContext.code
// (https://hl7.org/fhir/R4/codesystem-usage-context-type.html).
const focusSystem = "http://terminology.hl7.org/CodeSystem/usage-context-type"

// valueSet is one rule file, read but not yet linked to the others.
type valueSet struct {
	object
	url, version string
	title, date  string
	forTests     bool // experimental
	labels       []fhir.Coding
	include      []group
	exclude      []group
}

// group is one include or exclude: parts, or a reference to another ValueSet.
type group struct {
	parts []part
	ref   string // canonical URL, perhaps with |version
	at    object
}

// kind says which codes a part means.
type kind uint8

const (
	exact  kind = iota // the code
	prefix             // the code and what is below it
	below              // what is below the code
	whole              // every code of the system
	span               // the blocks from code to last, and what is below them
)

// part is a set of codes of one family, in normal form.
type part struct {
	family family
	kind   kind
	code   string
	last   string // with span
}

// topLevel are the elements of R4's ValueSet
// (https://hl7.org/fhir/R4/valueset.html).
var topLevel = []string{
	"resourceType", "meta", "implicitRules", "language", "text", "contained", "url", "identifier", "version", "name", "title",
	"status", "experimental", "date", "publisher", "contact", "description", "useContext", "jurisdiction", "immutable",
	"purpose", "copyright", "compose", "expansion",
}

func readValueSet(f File) (*valueSet, error) {
	o, err := parseObject(f)
	if err != nil {
		return nil, err
	}
	if err := o.only(topLevel...); err != nil {
		return nil, err
	}
	vs := &valueSet{object: o}
	for _, field := range []struct {
		name string
		to   *string
		read func(string) (string, error)
	}{
		{"url", &vs.url, o.need}, {"version", &vs.version, o.need}, {"title", &vs.title, o.text}, {"date", &vs.date, o.text},
	} {
		if *field.to, err = field.read(field.name); err != nil {
			return nil, err
		}
	}
	if strings.ContainsAny(vs.url+vs.version, "| \t\n") {
		return nil, o.errorf("url", "url and version must hold no space and no |")
	}
	switch status, err := o.need("status"); {
	case err != nil:
		return nil, err
	case status != "active" && status != "draft":
		return nil, o.errorf("status", "is %q; a rule in use is active or draft, so take the file away or set its status", status)
	}
	vs.forTests, _ = o.m["experimental"].(bool)
	if err := vs.readFocus(); err != nil {
		return nil, err
	}
	return vs, vs.readCodes()
}

// readFocus reads the labels that the ValueSet gives: the codings of every
// useContext whose code is focus. Other contexts (jurisdiction, venue) say where a
// rule is meant to be used, which whoever chooses the files has decided.
func (vs *valueSet) readFocus() error {
	contexts, err := vs.list("useContext")
	if err != nil {
		return err
	}
	for _, c := range contexts {
		if err := c.only("code", "valueCodeableConcept", "valueQuantity", "valueRange", "valueReference"); err != nil {
			return err
		}
		code, err := c.one("code")
		if err != nil {
			return err
		}
		if code.m == nil || code.m["code"] != "focus" {
			continue
		}
		if code.m["system"] != focusSystem {
			return code.errorf("system", "must be %s", focusSystem)
		}
		concept, err := c.one("valueCodeableConcept")
		if err != nil {
			return err
		}
		codings, err := concept.list("coding")
		if err == nil && len(codings) == 0 {
			err = c.errorf("valueCodeableConcept.coding", "is missing: it names the label")
		}
		if err != nil {
			return err
		}
		for _, coding := range codings {
			if err := vs.addLabel(coding); err != nil {
				return err
			}
		}
	}
	return nil
}

func (vs *valueSet) addLabel(coding object) error {
	if err := coding.only("system", "version", "code", "display", "userSelected"); err != nil {
		return err
	}
	system, err := coding.need("system")
	if err != nil {
		return err
	}
	code, err := coding.need("code")
	if err != nil {
		return err
	}
	label := fhir.Coding{System: system, Code: code}
	if why := refusedLabel(label); why != "" {
		return coding.errorf("code", "%s", why)
	}
	vs.labels = append(vs.labels, label)
	return nil
}

// readCodes reads compose, or expansion where there is no compose.
func (vs *valueSet) readCodes() error {
	compose, err := vs.one("compose")
	if err != nil {
		return err
	}
	if compose.m == nil {
		return vs.readExpansion()
	}
	if err := compose.only("lockedDate", "inactive", "include", "exclude"); err != nil {
		return err
	}
	if vs.include, err = readGroups(compose, "include"); err != nil {
		return err
	}
	if len(vs.include) == 0 {
		return compose.errorf("include", "is missing: the rule matches nothing")
	}
	vs.exclude, err = readGroups(compose, "exclude")
	return err
}

func readGroups(compose object, name string) ([]group, error) {
	list, err := compose.list(name)
	if err != nil {
		return nil, err
	}
	var out []group
	for _, o := range list {
		g, err := readGroup(o)
		if err != nil {
			return nil, err
		}
		out = append(out, g)
	}
	return out, nil
}

func readGroup(o object) (group, error) {
	g := group{at: o}
	if err := o.only("system", "version", "concept", "filter", "valueSet"); err != nil {
		return g, err
	}
	refs, err := o.texts("valueSet")
	if err != nil {
		return g, err
	}
	system, err := o.text("system")
	if err != nil {
		return g, err
	}
	switch {
	case len(refs) > 1 || len(refs) == 1 && system != "":
		return g, o.errorf("valueSet", "asks for an intersection, which is not supported; name one ValueSet alone, or list the codes")
	case len(refs) == 1:
		g.ref = refs[0]
		return g, nil
	case system == "":
		return g, o.errorf("system", "is missing")
	}
	f := familyOf(system)
	if g.parts, err = readConcepts(o, f, nil); err != nil {
		return g, err
	}
	filters, err := o.list("filter")
	if err != nil {
		return g, err
	}
	switch {
	case len(filters) > 0 && len(g.parts) > 0:
		return g, o.errorf("filter", "stands beside concept; R4 allows one of them (vsd-3)")
	case len(filters) > 1:
		return g, o.errorf("filter[1]", "asks for an intersection of filters, which is not supported; write one include for each")
	case len(filters) == 1:
		p, err := readFilter(filters[0], f)
		if err != nil {
			return g, err
		}
		g.parts = append(g.parts, p)
	case len(g.parts) == 0:
		g.parts = []part{{family: f, kind: whole}}
	}
	return g, nil
}

func readConcepts(o object, f family, parts []part) ([]part, error) {
	concepts, err := o.list("concept")
	if err != nil {
		return nil, err
	}
	for _, c := range concepts {
		if err := c.only("code", "display", "designation"); err != nil {
			return nil, err
		}
		code, err := c.need("code")
		if err != nil {
			return nil, err
		}
		normal := f.form.normalText(code)
		if normal == "" {
			return nil, c.errorf("code", "%q is no code of %s", code, f.url)
		}
		parts = append(parts, part{family: f, kind: exact, code: normal})
	}
	return parts, nil
}

var (
	// block is a range of categories such as F10-F19, a concept of ICD-10 and ICD-9.
	block = regexp.MustCompile(`^([A-Z]?[0-9][0-9A-Z]{1,2})-([A-Z]?[0-9][0-9A-Z]{1,2})$`)
	// literal is a pattern that matches what begins with plain characters.
	literal = regexp.MustCompile(`^\^?((?:[A-Za-z0-9_-]|\\\.)+)\.\*\$?$`)
)

// readFilter reads the two forms that need no terminology server: the hierarchy of
// a system whose ancestors are prefixes, and a pattern that is a prefix.
func readFilter(o object, f family) (part, error) {
	p := part{family: f}
	if err := o.only("property", "op", "value"); err != nil {
		return p, err
	}
	var text [3]string
	for i, name := range []string{"property", "op", "value"} {
		s, err := o.need(name)
		if err != nil {
			return p, err
		}
		text[i] = s
	}
	property, op, value := text[0], text[1], text[2]
	switch {
	case property == "concept" && (op == "is-a" || op == "descendent-of"):
		if !f.tree {
			return p, o.errorf("op", "%s needs the hierarchy of %s, which its codes do not show; list the concepts or give an expansion", op, f.url)
		}
		if p.kind = prefix; op == "descendent-of" {
			p.kind = below
		}
		if m := block.FindStringSubmatch(strings.ToUpper(value)); m != nil {
			if op != "is-a" || len(m[1]) != len(m[2]) || m[1] >= m[2] {
				return p, o.errorf("value", "%q is no block of categories that is-a may name", value)
			}
			p.kind, p.code, p.last = span, m[1], m[2]
			return p, nil
		}
		p.code = f.form.normalText(value)
	case (property == "concept" || property == "code") && op == "regex":
		m := literal.FindStringSubmatch(value)
		if m == nil {
			return p, o.errorf("value", "only a prefix followed by .* is supported, such as F11.* or 1234-.*")
		}
		p.kind, p.code = prefix, f.form.normalText(strings.ReplaceAll(m[1], `\.`, "."))
	default:
		return p, o.errorf("", "property %s with op %s is not supported; use concept with is-a, descendent-of or regex", property, op)
	}
	if p.code == "" {
		return p, o.errorf("value", "%q is no code of %s", value, f.url)
	}
	return p, nil
}

// readExpansion takes the codes of a ValueSet that a terminology server expanded.
func (vs *valueSet) readExpansion() error {
	e, err := vs.one("expansion")
	if err != nil {
		return err
	}
	if e.m == nil {
		return vs.errorf("compose", "is missing, and there is no expansion either")
	}
	if e.m["next"] != nil || e.m["offset"] != nil && e.m["offset"] != jsonZero {
		return e.errorf("offset", "is one page of an expansion; give the whole")
	}
	if err := vs.readContains(e); err != nil {
		return err
	}
	if len(vs.include) == 0 {
		return e.errorf("contains", "is missing: the rule matches nothing")
	}
	return nil
}
