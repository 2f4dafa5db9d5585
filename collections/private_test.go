package collections

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"domicile/fhir"
)

const confidentiality = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"

func TestTheFirstRuleThatMatchesRoutes(t *testing.T) {
	p := Private{Default: "d", Routing: []Rule{
		{nil, []Label{{actCode, "SUD"}, {actCode, "ETH"}}, "one"},
		{nil, []Label{{"", "SUD"}, {confidentiality, "R"}}, "two"},
	}}
	for _, c := range []struct {
		name   string
		labels []fhir.Coding
		want   string
	}{
		{"no label", nil, "d"},
		{"a label of no rule", []fhir.Coding{{System: confidentiality, Code: "N"}}, "d"},
		{"any label of a rule", []fhir.Coding{{System: actCode, Code: "ETH"}}, "one"},
		{"the first rule, whatever the order of labels", []fhir.Coding{{System: confidentiality, Code: "R"}, {System: actCode, Code: "ETH"}}, "one"},
		{"the code of another system", []fhir.Coding{{System: "x", Code: "ETH"}}, "d"},
		{"a rule without a system takes any", []fhir.Coding{{System: "x", Code: "SUD"}}, "two"},
		{"a code in other case", []fhir.Coding{{System: actCode, Code: "eth"}}, "d"},
		{"a label without a code goes where the first rule sends", []fhir.Coding{{}}, "one"},
		{"a label without a code of a system", []fhir.Coding{{System: confidentiality}}, "two"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := p.Route("Basic", c.labels); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestTheDemoKeepsMarkedRecordsApartAmongOrdinaryOnes(t *testing.T) {
	p := DemoPrivate("us-a-log")
	for label, want := range map[fhir.Coding]string{
		{System: actCode, Code: "42CFRPart2"}: "us-a2",
		{System: actCode, Code: "SUD"}:        "us-a2",
		{System: actCode, Code: "ETH"}:        "us-a2",
		{System: confidentiality, Code: "R"}:  "us-a",
		{System: confidentiality, Code: "N"}:  "us-a",
		{System: confidentiality, Code: "L"}:  "us-a2",
	} {
		if got := p.Route("Observation", []fhir.Coding{label}); got != want {
			t.Errorf("%v goes to %s, want %s", label, got, want)
		}
	}
	if DemoPrivate("none") != nil || DemoPrivate("../demo") != nil {
		t.Error("a private part of nothing")
	}
}

func TestRolesAreFoundByOrganisationAndCode(t *testing.T) {
	p := Private{Roles: map[string]map[string]string{"UsHospital": {"ab12": "writer"}}}
	if role, ok := p.Role("UsHospital", "ab12"); !ok || role != "writer" {
		t.Error(role, ok)
	}
	for _, c := range [][2]string{{"UsHospital", ""}, {"UsHospital", "ab13"}, {"UsPayer", "ab12"}, {"", ""}} {
		if role, ok := p.Role(c[0], c[1]); ok || role != "" {
			t.Errorf("%v has role %s", c, role)
		}
	}
}

func TestThePrivateJSONSurvivesParsingByteForByte(t *testing.T) {
	p := DemoPrivate("us-a-log")
	p.Roles = map[string]map[string]string{"UsHospital": {"0a1b2c3d": "writer", "9f": "purger"}}
	p.Routing = append(p.Routing, Rule{nil, []Label{{"http://x?a=1&b=<2>", "C"}}, "us-a2"})
	again, err := ParsePrivate(p.JSON())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(p, again); d != "" || !bytes.Equal(p.JSON(), again.JSON()) {
		t.Error(d)
	}
	loose := bytes.ReplaceAll(p.JSON(), []byte(`\u0026`), []byte("&"))
	loose = bytes.ReplaceAll(loose, []byte(`,"`), []byte(",\n \""))
	if again, err = ParsePrivate(loose); err != nil || !bytes.Equal(p.JSON(), again.JSON()) {
		t.Errorf("spacing and HTML escapes matter: %v", err)
	}
}

func TestAPrivatePartIsReadStrictly(t *testing.T) {
	const good = `{"version":1,"log":"us-a-log","default":"us-a","routing":[{"labels":[{"code":"X"}],"collection":"us-a2"}],"roles":{"UsHospital":{"ab12":"writer"}}}`
	if _, err := ParsePrivate([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ old, updated, want string }{
		"an unknown field":            {`"log"`, `"note":"x","log"`, "unknown field"},
		"a repeated field":            {`"log"`, `"log":"x","log"`, "canonical"},
		"a repeated role code":        {`"ab12":"writer"`, `"ab12":"reader","ab12":"writer"`, "canonical"},
		"a field in capitals":         {`"log"`, `"LOG"`, "canonical"},
		"another version":             {`:1`, `:2`, "version 1 only"},
		"no log":                      {`"us-a-log"`, `""`, "is missing"},
		"no default":                  {`"us-a"`, `""`, "is missing"},
		"a rule without labels":       {`[{"code":"X"}]`, `[]`, "is missing"},
		"a rule without a collection": {`"us-a2"`, `""`, "is missing"},
		"a label without a code":      {`{"code":"X"}`, `{"system":"X","code":""}`, "is missing"},
		"a role nobody knows":         {`"writer"`, `"root"`, "not a role"},
		"a code that says the role":   {`"ab12"`, `"Purger1"`, "random code"},
		"an empty code":               {`"ab12"`, `""`, "no role code"},
		"an organisation without any": {`{"ab12":"writer"}`, `{}`, "no codes"},
		"something after it":          {`}}}`, `}}}{}`, "goes on after"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParsePrivate([]byte(mustEdit(t, good, c.old, c.updated)))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("want %q, got %v", c.want, err)
			}
		})
	}
}

func TestAPrivateYAMLNamesLineAndKey(t *testing.T) {
	const bad = "version: 1\nlog: us-a-log\ndefault: us-a\nrouting:\n  - labels: [{code: X, display: Y}]\n    colection: us-a2\nroles:\n  UsHospital: {ab12: wirter}\n"
	_, err := ParsePrivateYAML([]byte(bad), "us-a-log.yaml")
	var p Problem
	if !errors.As(err, &p) || len(problems(err)) != 4 {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{
		"us-a-log.yaml:5: routing[0].labels[0].display: unknown key",
		"us-a-log.yaml:5: routing[0].collection: is missing",
		"us-a-log.yaml:6: routing[0].colection: unknown key, did you mean collection?",
		"us-a-log.yaml:8: roles.UsHospital.ab12: wirter is not a role, did you mean writer?",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("want %s in\n%v", want, err)
		}
	}
}

func TestAPrivatePartMustFitItsRegion(t *testing.T) {
	us, _ := Demo().Region("us")
	for name, c := range map[string]struct {
		change func(*Private)
		want   string
	}{
		"a log that is no log":               {func(p *Private) { p.Log = "us-a" }, "log: us-a is not a log collection"},
		"a log of another region":            {func(p *Private) { p.Log = "eu-a-log" }, "log: eu-a-log is not"},
		"a default of another holder":        {func(p *Private) { p.Default = "us-b" }, "default: us-b is not a record collection"},
		"a default that is the log":          {func(p *Private) { p.Default = "us-a-log" }, "default: us-a-log is not"},
		"a route to the shared collection":   {func(p *Private) { p.Routing[0].Collection = "us-ab" }, "routing[0].collection: us-ab is not"},
		"roles of a stranger to the holders": {func(p *Private) { p.Roles = map[string]map[string]string{"UsPayer": {"a": "reader"}} }, "roles.UsPayer: is not a member"},
	} {
		t.Run(name, func(t *testing.T) {
			p := DemoPrivate("us-a-log")
			c.change(p)
			if err := p.Check(us); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("want %q, got %v", c.want, err)
			}
		})
	}
}
