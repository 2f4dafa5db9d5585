package labeling_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"domicile/fhir"
	"domicile/fhir/ds4p"
	"domicile/fhir/labeling"
)

const focus = `"code":{"system":"http://terminology.hl7.org/CodeSystem/usage-context-type","code":"focus"}`

// rule writes a ValueSet that gives SUD for the compose.
func rule(name, compose string) labeling.File {
	return labeling.File{Name: name + ".json", Data: fmt.Appendf(nil, `{"resourceType":"ValueSet","url":"urn:test:%s","version":"1","status":"active",
		"useContext":[{%s,"valueCodeableConcept":{"coding":[{"system":"%s","code":"SUD"}]}}],"compose":%s}`,
		name, focus, ds4p.SystemActCode, compose)}
}

// plain writes a ValueSet that gives no label.
func plain(name, rest string) labeling.File {
	return labeling.File{Name: name + ".json", Data: fmt.Appendf(nil,
		`{"resourceType":"ValueSet","url":"urn:test:%s","version":"1","status":"active",%s}`, name, rest)}
}

const f11 = `{"include":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","filter":[{"property":"concept","op":"is-a","value":"F11"}]}]}`

func TestARuleThatIsNotUnderstoodIsRefusedWithFileAndPlace(t *testing.T) {
	t.Parallel()
	filter := func(system, property, op, value string) labeling.File {
		return rule("r", fmt.Sprintf(`{"include":[{"system":%q,"filter":[{"property":%q,"op":%q,"value":%q}]}]}`, system, property, op, value))
	}
	edit := func(old, with string) labeling.File {
		f := rule("r", f11)
		f.Data = []byte(strings.Replace(string(f.Data), old, with, 1))
		return f
	}
	for name, c := range map[string]struct {
		files []labeling.File
		want  string
	}{
		"not JSON":                  {[]labeling.File{{Name: "r.json", Data: []byte(`{`)}}, "r.json: "},
		"a name twice":              {[]labeling.File{edit(`"version":"1"`, `"version":"1","version":"2"`)}, "the same name twice"},
		"another type":              {[]labeling.File{edit(`"ValueSet"`, `"CodeSystem"`)}, "resourceType: is CodeSystem"},
		"no url":                    {[]labeling.File{edit(`"url":"urn:test:r",`, ``)}, "url: is missing"},
		"no version":                {[]labeling.File{edit(`"version":"1",`, ``)}, "version: is missing"},
		"a | in the version":        {[]labeling.File{edit(`"version":"1"`, `"version":"1|2"`)}, "no |"},
		"a retired rule":            {[]labeling.File{edit(`"active"`, `"retired"`)}, "status: is \"retired\""},
		"a modifier extension":      {[]labeling.File{edit(`"status"`, `"modifierExtension":[{"url":"x"}],"status"`)}, "modifierExtension: is not understood"},
		"a misspelt compose":        {[]labeling.File{edit(`"compose"`, `"composes"`)}, "composes: is not understood"},
		"a misspelt filter":         {[]labeling.File{edit(`"filter"`, `"filters"`)}, "compose.include[0].filters: is not understood"},
		"a focus of another system": {[]labeling.File{edit(`usage-context-type`, `usage`)}, "useContext[0].code.system: must be"},
		"a focus without coding":    {[]labeling.File{edit(`"coding":[{"system":"`+ds4p.SystemActCode+`","code":"SUD"}]`, `"text":"SUD"`)}, "coding: is missing"},
		"no focus":                  {[]labeling.File{plain("r", `"compose":`+f11)}, "names no label"},
		"a code that is no label":   {[]labeling.File{edit(`"SUD"`, `"SOCIAL"`)}, "SOCIAL is no security label"},
		"a confidentiality":         {[]labeling.File{edit(ds4p.SystemActCode+`","code":"SUD"`, ds4p.SystemConfidentiality+`","code":"R"`)}, "gives no confidentiality"},
		"a Part 2 label":            {[]labeling.File{edit(`"SUD"`, `"42CFRPart2"`)}, "only who made or held a record"},
		"a Part 2 consent label":    {[]labeling.File{edit(`"SUD"`, `"42CFRPart2CD"`)}, "only who made or held a record"},
		"nothing included":          {[]labeling.File{rule("r", `{"exclude":[{"system":"urn:x"}]}`)}, "compose.include: is missing"},
		"no compose":                {[]labeling.File{edit(`,"compose":`+f11, ``)}, "compose: is missing"},
		"an include without system": {[]labeling.File{rule("r", `{"include":[{"concept":[{"code":"1"}]}]}`)}, "compose.include[0].system: is missing"},
		"an empty concept list":     {[]labeling.File{rule("r", `{"include":[{"system":"urn:x","concept":[]}]}`)}, "concept: must be an array"},
		"a concept without code":    {[]labeling.File{rule("r", `{"include":[{"system":"urn:x","concept":[{"display":"1"}]}]}`)}, "concept[0].code: is missing"},
		"concept beside filter": {[]labeling.File{rule("r", `{"include":[{"system":"http://loinc.org","concept":[{"code":"1-8"}],
			"filter":[{"property":"concept","op":"regex","value":"1.*"}]}]}`)}, "filter: stands beside concept"},
		"two filters": {[]labeling.File{rule("r", `{"include":[{"system":"http://loinc.org",
			"filter":[{"property":"code","op":"regex","value":"1.*"},{"property":"code","op":"regex","value":"2.*"}]}]}`)}, "filter[1]: asks for an intersection"},
		"a hierarchy that codes do not show":      {[]labeling.File{filter("http://snomed.info/sct", "concept", "is-a", "66214007")}, "needs the hierarchy"},
		"a property of the code system":           {[]labeling.File{filter("http://loinc.org", "CLASS", "=", "DRUG/TOX")}, "property CLASS with op = is not supported"},
		"a pattern that is no prefix":             {[]labeling.File{filter("http://loinc.org", "code", "regex", "1(2|3)-.*")}, "only a prefix"},
		"a pattern with an open end":              {[]labeling.File{filter("http://loinc.org", "code", "regex", ".*")}, "only a prefix"},
		"a block backwards":                       {[]labeling.File{filter("http://hl7.org/fhir/sid/icd-10-cm", "concept", "is-a", "F19-F11")}, "no block"},
		"what is below a block":                   {[]labeling.File{filter("http://hl7.org/fhir/sid/icd-10-cm", "concept", "descendent-of", "F11-F19")}, "no block"},
		"a value that is no code":                 {[]labeling.File{filter("http://hl7.org/fhir/sid/icd-10-cm", "concept", "is-a", "…")}, "is no code"},
		"an intersection of ValueSets":            {[]labeling.File{rule("r", `{"include":[{"valueSet":["urn:test:a","urn:test:b"]}]}`)}, "asks for an intersection"},
		"an intersection of system and set":       {[]labeling.File{rule("r", `{"include":[{"system":"urn:x","valueSet":["urn:test:a"]}]}`)}, "asks for an intersection"},
		"a reference to a file that is not there": {[]labeling.File{rule("r", `{"include":[{"valueSet":["urn:test:a"]}]}`)}, "valueSet: urn:test:a is none of the rule files"},
		"a reference to another version": {
			[]labeling.File{rule("r", `{"include":[{"valueSet":["urn:test:a|2"]}]}`), plain("a", `"compose":`+f11)}, "asks for version 2",
		},
		"a reference to itself": {[]labeling.File{rule("r", `{"include":[{"valueSet":["urn:test:r"]}]}`)}, "refers to itself"},
		"references in a circle": {
			[]labeling.File{rule("r", `{"include":[{"valueSet":["urn:test:s"]}]}`), rule("s", `{"include":[{"valueSet":["urn:test:r"]}]}`)}, "refers to itself",
		},
		"one url twice":          {[]labeling.File{rule("r", f11), {Name: "again.json", Data: rule("r", f11).Data}}, "again.json: url: urn:test:r is also the url of r.json"},
		"a page of an expansion": {[]labeling.File{plain("r", `"expansion":{"offset":100,"contains":[{"system":"urn:x","code":"1"}]}`)}, "one page"},
		"an empty expansion":     {[]labeling.File{plain("r", `"expansion":{"total":0}`)}, "matches nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := labeling.Parse(c.files)
			var re *labeling.RuleError
			if !errors.As(err, &re) || re.File == "" || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want a RuleError with %q", err, c.want)
			}
		})
	}
}

// matches tells whether the rules give SUD for the code.
func matches(t *testing.T, rs *labeling.RuleSet, system, code string) bool {
	t.Helper()
	r := resource(t, fmt.Sprintf(`{"resourceType":"Observation","code":{"coding":[{"system":%q,"code":%q}]}}`, system, code))
	out := rs.Label(r, labeling.Options{}, labeling.Source{})
	return slices.Contains(codes(out.Labels), "SUD")
}

func TestFormsOfRulesMeanTheCodesThatR4Says(t *testing.T) {
	t.Parallel()
	const icd = "http://hl7.org/fhir/sid/icd-10-cm"
	filter := func(system, op, value string) string {
		return fmt.Sprintf(`{"include":[{"system":%q,"filter":[{"property":"concept","op":%q,"value":%q}]}]}`, system, op, value)
	}
	for name, c := range map[string]struct {
		files   []labeling.File
		system  string
		yes, no []string
	}{
		"concepts are exact": {
			[]labeling.File{rule("r", `{"include":[{"system":"`+icd+`","concept":[{"code":"F11.2"}]}]}`)},
			icd,
			[]string{"F11.2", "f112", " F11.2 "},
			[]string{"F11.20", "F11"},
		},
		"is-a has the code and what is below": {
			[]labeling.File{rule("r", filter(icd, "is-a", "F11"))},
			icd,
			[]string{"F11", "F11.1", "F111", "f11.10", "F11.20"},
			[]string{"F1", "F10.11", "F12", "XF11"},
		},
		"descendent-of has not the code itself": {[]labeling.File{rule("r", filter(icd, "descendent-of", "F11"))}, icd, []string{"F11.1"}, []string{"F11", "F12"}},
		"a block has its first and last category": {
			[]labeling.File{rule("r", filter(icd, "is-a", "f10-F19"))},
			icd,
			[]string{"F10", "F10.1", "F15", "F19.99"},
			[]string{"F09", "F20", "F1", "G10"},
		},
		"a block crosses letters": {[]labeling.File{rule("r", filter(icd, "is-a", "X92-Y09"))}, icd, []string{"X92", "X99.1", "Y00", "Y09"}, []string{"X91", "Y10"}},
		"a pattern is a prefix": {
			[]labeling.File{rule("r", `{"include":[{"system":"http://loinc.org","filter":[{"property":"code","op":"regex","value":"^1234-.*$"}]}]}`)},
			"http://loinc.org",
			[]string{"1234-5"},
			[]string{"12345-6"},
		},
		"a dot in a pattern is a dot": {
			[]labeling.File{rule("r", `{"include":[{"system":"urn:x","filter":[{"property":"code","op":"regex","value":"A\\.1.*"}]}]}`)},
			"urn:x",
			[]string{"A.1", "A.12"},
			[]string{"AX1", "a.1"},
		},
		"a system alone has every code": {[]labeling.File{rule("r", `{"include":[{"system":"urn:clinic:addiction"}]}`)}, "urn:clinic:addiction", []string{"1", "x"}, nil},
		"exclude takes away": {
			[]labeling.File{rule("r", strings.TrimSuffix(filter(icd, "is-a", "F10-F19"), "}")+`,"exclude":[{"system":"`+icd+`","filter":[{"property":"concept","op":"is-a","value":"F17"}]}]}`)},
			icd,
			[]string{"F16.1", "F18"},
			[]string{"F17", "F17.210"},
		},
		"a reference takes in another file": {
			[]labeling.File{rule("r", `{"include":[{"valueSet":["urn:test:a|1"]},{"system":"urn:x","concept":[{"code":"1"}]}]}`), plain("a", `"compose":`+f11)},
			icd,
			[]string{"F11.1"},
			[]string{"F12"},
		},
		"excludes of the file referred to hold there": {
			[]labeling.File{
				rule("r", `{"include":[{"valueSet":["urn:test:a"]}]}`),
				plain("a", `"compose":`+strings.TrimSuffix(f11, "}")+`,"exclude":[{"system":"`+icd+`","concept":[{"code":"F11.11"}]}]}`),
			},
			icd,
			[]string{"F11.1"},
			[]string{"F11.11"},
		},
		"excludes may refer too": {
			[]labeling.File{rule("r", strings.TrimSuffix(f11, "}")+`,"exclude":[{"valueSet":["urn:test:a"]}]}`), plain("a", `"compose":{"include":[{"system":"`+icd+`","concept":[{"code":"F11.11"}]}]}`)},
			icd,
			[]string{"F11.1"},
			[]string{"F11.11"},
		},
		"an expansion serves without compose": {
			[]labeling.File{{Name: "e", Data: fmt.Appendf(nil, `{"resourceType":"ValueSet","url":"urn:test:e","version":"1","status":"active",
				"useContext":[{%s,"valueCodeableConcept":{"coding":[{"system":%q,"code":"SUD"}]}}],
				"expansion":{"timestamp":"2026-01-01","contains":[{"system":"http://snomed.info/sct","code":"66214007","abstract":true,
				"contains":[{"system":"http://snomed.info/sct","code":"5602001"}]}]}}`, focus, ds4p.SystemActCode)}},
			"http://snomed.info/sct",
			[]string{"5602001"},
			[]string{"66214007"},
		},
		"ICD-9 and ICD-10-PCS are trees as well": {
			[]labeling.File{rule("r", filter("http://hl7.org/fhir/sid/icd-9-cm", "is-a", "304"))},
			"urn:oid:2.16.840.1.113883.6.103",
			[]string{"304.01", "30401"},
			[]string{"305.0", "30"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rs, err := labeling.Parse(c.files)
			if err != nil {
				t.Fatal(err)
			}
			for _, code := range c.yes {
				if !matches(t, rs, c.system, code) {
					t.Errorf("%s is not matched", code)
				}
			}
			for _, code := range c.no {
				if matches(t, rs, c.system, code) {
					t.Errorf("%s is matched", code)
				}
			}
		})
	}
}

func TestTheDigestNamesContentNotFileNamesOrOrder(t *testing.T) {
	t.Parallel()
	a, b := rule("a", f11), rule("b", f11)
	parse := func(files ...labeling.File) string {
		rs, err := labeling.Parse(files)
		if err != nil {
			t.Fatal(err)
		}
		return rs.SHA256()
	}
	renamed := a
	renamed.Name = "zzz.json"
	if parse(a, b) != parse(b, renamed) {
		t.Error("names or order change the digest")
	}
	newer := a
	newer.Data = []byte(strings.Replace(string(a.Data), `"version":"1"`, `"version":"2"`, 1))
	if parse(a, b) == parse(newer, b) {
		t.Error("a newer version of a rule has the same digest")
	}
	if (*labeling.RuleSet)(nil).SHA256() != "" {
		t.Error("no rules have a digest")
	}
}

func TestANewerRuleSetChangesTheStampOfTheLabels(t *testing.T) {
	t.Parallel()
	f := rule("r", f11)
	old, err := labeling.Parse([]labeling.File{f})
	if err != nil {
		t.Fatal(err)
	}
	f.Data = []byte(strings.Replace(string(f.Data), `"version":"1"`, `"version":"2","date":"2027-01-01"`, 1))
	newer, err := labeling.Parse([]labeling.File{f})
	if err != nil {
		t.Fatal(err)
	}
	if old.SHA256() == newer.SHA256() || newer.Version() != "2027-01-01" || old.Version() != "" {
		t.Error("the newer rule set cannot be told from the old one")
	}
	r := resource(t, `{"resourceType":"Condition","code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"F11.1"}]}}`)
	for _, l := range newer.Label(r, labeling.Options{}, labeling.Source{}).Labels {
		if l.Code == "SUD" && l.Rule != "urn:test:r|2" {
			t.Errorf("the label is stamped %s", l.Rule)
		}
	}
}

func TestRulesNameTheirLabels(t *testing.T) {
	t.Parallel()
	rs := labeling.Shipped()
	if !slices.Contains(rs.Names(), "urn:domicile:rules:opioid|1.0.0") || rs.Title("urn:domicile:rules:opioid|1.0.0") != "Opioid use" {
		t.Error("names or titles are wrong")
	}
	v, err := ds4p.Standard().With([]ds4p.LocalSystem{labeling.LocalSystem()})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range rs.Labels() {
		if !v.In(l, ds4p.Sensitivity) {
			t.Errorf("%s is no sensitivity", l.Code)
		}
	}
	if len(rs.Labels()) < 12 || !slices.Contains(rs.Labels(), fhir.Coding{System: labeling.LocalURL, Code: "ABORTION"}) {
		t.Errorf("%v", rs.Labels())
	}
}
