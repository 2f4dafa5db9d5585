package collections

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// base is a small valid policy with a nested region, for breaking rules one by one.
const base = `version: 1
name: base
regions:
  - name: us
    jurisdictions: [US]
    organizations: [UsHospital, UsPayer]
    collections:
      - name: us-a
        members: [UsHospital]
        log: us-a-log
        requiredPeerCount: 1
        maxPeerCount: 2
        roles:
          UsHospital: [writer, reader, officer, purger, auditor]
      - name: us-a2
        members: [UsHospital]
        log: us-a-log
        roles:
          UsHospital: [writer, officer, purger]
      - name: us-a-log
        members: [UsHospital]
      - name: us-ab
        members: [UsPayer, UsHospital]
        log: us-ab-log
        roles:
          UsHospital: [writer, officer]
          UsPayer: [purger]
      - name: us-ab-log
        members: [UsHospital, UsPayer]
    retention:
      - name: care
        when:
          types: [Observation, Encounter]
          labels:
            - {system: "http://example.org", code: X}
            - {code: A}
        trigger: end
        keep: 6y
        authority: a law
    transfers:
      - to: eu
        basis: consent
        authority: another law
  - name: us-wa
    within: us
    jurisdictions: [US-WA]
    organizations: [WaClinic]
    collections:
      - name: wa-a
        members: [WaClinic]
        log: wa-a-log
        roles:
          WaClinic: [writer, officer, purger]
      - name: wa-a-log
        members: [WaClinic]
    retention:
      - name: care
        when:
          types: [Encounter, Observation]
          labels:
            - {code: A}
            - {system: "http://example.org", code: X}
        trigger: end
        keep: 10y
        authority: a state law
  - name: eu
    jurisdictions: [EU]
    organizations: [EuHospital]
    collections:
      - name: eu-a
        members: [EuHospital]
        log: eu-a-log
        roles:
          EuHospital: [writer, officer, purger]
      - name: eu-a-log
        members: [EuHospital]
`

// mustEdit replaces the first occurrence.
func mustEdit(t *testing.T, s, old, updated string) string {
	t.Helper()
	if !strings.Contains(s, old) {
		t.Fatalf("the text to replace is not there: %q", old)
	}
	return strings.Replace(s, old, updated, 1)
}

func parse(t *testing.T, s string) *Policy {
	t.Helper()
	p, err := Parse([]byte(s), "base.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// lineOf returns the line that holds the n-th (from 1) occurrence of text.
func lineOf(t *testing.T, s, text string) int {
	t.Helper()
	i := strings.Index(s, text)
	if i < 0 {
		t.Fatalf("no line holds %q", text)
	}
	return 1 + strings.Count(s[:i], "\n")
}

func TestEachBrokenRuleIsRefusedByLineAndKey(t *testing.T) {
	for _, c := range []struct {
		name         string
		old, updated string
		line         string // first text in the edited file that stands in the line reported; "" for line 1
		key          string
		what         string // part of the text
	}{
		{"an unknown version", "version: 1", "version: 2", "version: 2", "version", "knows version 1 only"},
		{"a version that is text", "version: 1", `version: "1"`, "version", "version", "whole number"},
		{"a missing version", "version: 1\n", "", "", "version", "is 0"},
		{"a missing policy name", "name: base\n", "", "", "name", "is missing"},
		{"an unknown key at the top", "name: base", "name: base\nowner: me", "owner", "owner", "unknown key"},
		{"an unknown key in a region", "within: us", "inside: us", "inside", "regions.us-wa.inside", "unknown key"},
		{"a misspelt key gets a suggestion", "maxPeerCount: 2", "maxPeerCuont: 2", "maxPeerCuont", "regions.us.collections.us-a.maxPeerCuont", "did you mean maxPeerCount?"},
		{"a key in another case", "keep: 6y", "Keep: 6y", "Keep", "regions.us.retention.care.Keep", "did you mean keep?"},
		{"a duplicate key", "keep: 6y", "keep: 6y\n        keep: 1y", "keep: 1y", "regions.us.retention.care.keep", "given twice"},
		{"a key that is not text", "name: base", "name: base\n1: x", "1: x", "?", "not plain text"},
		{"a value that is not text", "name: base", "name: 12", "name: 12", "name", "in quotes"},
		{"an empty value", "authority: a law", "authority:", "authority:\n", "regions.us.retention.care.authority", "is empty"},
		{"a blank authority", "authority: a law", `authority: "  "`, `authority: "  "`, "regions.us.retention.care.authority", "is missing"},
		{"a missing authority", "        authority: a law\n", "", "name: care", "regions.us.retention.care.authority", "is missing"},
		{"a missing authority of a transfer", "        authority: another law\n", "", "to: eu", "regions.us.transfers[0].authority", "is missing"},
		{"a text with a line break", "authority: a law", `authority: "a\nlaw"`, `"a\nlaw"`, "regions.us.retention.care.authority", "one line"},
		{"a list where a text belongs", "name: base", "name: [base]", "name: [", "name", "must be one text"},
		{"a text where a list belongs", "[US]", "US", "jurisdictions: US", "regions.us.jurisdictions", "must be a list"},
		{"a text where a mapping belongs", "          UsPayer: [purger]", "          UsPayer: purger", "UsPayer: purger", "regions.us.collections.us-ab.roles.UsPayer", "must be a list"},
		{"an anchor", "[US]", "&a [US]", "&a", "", "anchor"},
		{"an alias", "name: base", "name: &n base\nregion: *n", "&n", "", "anchor"},
		{"a merge key", "    within: us", "    <<: {within: us}", "<<", "regions.us-wa.?", "not plain text"},

		{"a region without a name", "  - name: us-wa\n    within", "  - within", "  - within", "regions[1].name", "is missing"},
		{"two regions of one name", "- name: eu\n", "- name: US\n", "- name: US", "regions.US.name", "is taken"},
		{"a region name with a slash", "- name: eu\n", "- name: e/u\n", "- name: e/u", "regions.e/u.name", "not a name"},
		{"a region within an unknown one", "within: us", "within: uss", "within", "regions.us-wa.within", "did you mean us?"},
		{"a region within itself", "within: us", "within: us-wa", "within", "regions.us-wa.within", "circle: \"us-wa in us-wa\""},
		{"a circle of regions", "  - name: us\n", "  - name: us\n    within: us-wa\n", "within: us-wa", "regions.us.within", "circle"},
		{"only one region that lies in no other", "- name: eu\n", "- name: eu\n    within: us\n", "regions:", "regions", "has 1 of"},
		{"a region without jurisdictions", "    jurisdictions: [EU]\n", "", "- name: eu\n", "regions.eu.jurisdictions", "is missing"},
		{"a jurisdiction that is no code", "[EU]", "[Europe]", "[Europe]", "regions.eu.jurisdictions[0]", "ISO 3166"},
		{"a region without organisations", "    organizations: [WaClinic]\n", "", "name: us-wa", "regions.us-wa.organizations", "nobody to agree"},
		{"an organisation that no Fabric policy can name", "[EuHospital]", "[Eu_Hospital]", "[Eu_H", "regions.eu.organizations[0]", "MSP id"},
		{"an organisation listed twice", "[UsHospital, UsPayer]", "[UsHospital, UsPayer, UsPayer]", "UsPayer, UsPayer", "regions.us.organizations[2]", "listed twice"},
		{"an organisation in two regions", "organizations: [EuHospital]", "organizations: [EuHospital, UsPayer]", "[EuHospital, UsPayer]", "regions.eu.organizations[1]", "one region"},
		{"a transfer to an unknown region", "to: eu", "to: mars", "to: mars", "regions.us.transfers[0].to", "not a region"},
		{"a transfer to the region itself", "to: eu", "to: us", "to: us", "regions.us.transfers[0].to", "itself"},
		{"a transfer without a basis", "        basis: consent\n", "", "to: eu", "regions.us.transfers[0].basis", "is missing"},

		{"two collections of one name", "- name: eu-a\n", "- name: US-A\n", "US-A", "regions.eu.collections.US-A.name", "is taken"},
		{"a name that is not Fabric-legal", "- name: wa-a\n", "- name: _wa\n", "_wa", "regions.us-wa.collections._wa.name", "not a name"},
		{"a name that is a path", "- name: wa-a\n", "- name: wa/a\n", "wa/a", "regions.us-wa.collections.wa/a.name", "not a name"},
		{"a name that says why", "- name: wa-a\n", "- name: wa-part2\n", "wa-part2", "regions.us-wa.collections.wa-part2.name", "says why"},
		{"a region name that says why", "- name: eu\n", "- name: eu-psych\n", "eu-psych", "regions.eu-psych.name", "says why"},
		{"a member outside the region", "members: [EuHospital]\n        log", "members: [EuHospital, UsPayer]\n        log", "[EuHospital, UsPayer]", "regions.eu.collections.eu-a.members[1]", "leave their region"},
		{"a member of the surrounding region", "members: [WaClinic]\n        log", "members: [WaClinic, UsPayer]\n        log", "[WaClinic, UsPayer]", "regions.us-wa.collections.wa-a.members[1]", "leave their region"},
		{"a member that is unknown", "members: [EuHospital]\n        log", "members: [EuHopsital]\n        log", "EuHopsital", "regions.eu.collections.eu-a.members[0]", "did you mean EuHospital?"},
		{"a collection without members", "members: [EuHospital]\n        log", "log", "name: eu-a\n", "regions.eu.collections.eu-a.members", "is missing"},
		{"a log without holders", "      - name: eu-a-log\n        members: [EuHospital]", "      - name: eu-a-log", "- name: eu-a-log", "regions.eu.collections.eu-a-log.members", "log without holders"},
		{"a record collection without a log", "        log: eu-a-log\n", "", "- name: eu-a\n", "regions.eu.collections.eu-a.log", "is missing"},
		{"a log that is not there", "log: eu-a-log", "log: eu-a-lgo", "eu-a-lgo", "regions.eu.collections.eu-a.log", "did you mean eu-a-log?"},
		{"a log in another region", "log: eu-a-log", "log: us-a-log", "name: eu-a\n        members: [EuHospital]\n        log", "regions.eu.collections.eu-a.log", "not a collection of region eu"},
		{"a collection that is its own log", "log: eu-a-log", "log: eu-a", "log: eu-a\n", "regions.eu.collections.eu-a.log", "itself"},
		{"a log that has a log", "log: us-ab-log", "log: us-a", "log: us-a\n", "regions.us.collections.us-ab.log", "no log but has one"},
		{"a log of other members", "members: [UsPayer, UsHospital]", "members: [UsPayer]", "log: us-ab-log", "regions.us.collections.us-ab.log", "whose members are"},
		{"two collections of the same members with two logs", "log: us-a-log\n        roles", "log: us-c-log\n        roles", "log: us-c-log", "regions.us.collections.us-a2.log", "not a collection"},
		{"requiredPeerCount 0", "requiredPeerCount: 1", "requiredPeerCount: 0", "requiredPeerCount: 0", "regions.us.collections.us-a.requiredPeerCount", "at least 1"},
		{"maxPeerCount below requiredPeerCount", "requiredPeerCount: 1", "requiredPeerCount: 3", "maxPeerCount: 2", "regions.us.collections.us-a.maxPeerCount", "Fabric refuses"},
		{"a role nobody knows", "[purger]", "[purger, admin]", "[purger, admin]", "regions.us.collections.us-ab.roles.UsPayer[1]", "not a role"},
		{"a role listed twice", "[purger]", "[purger, purger]", "[purger, p", "regions.us.collections.us-ab.roles.UsPayer[1]", "listed twice"},
		{"roles of an organisation that is no member", "UsPayer: [purger]", "EuHospital: [purger]", "EuHospital: [purger]", "regions.us.collections.us-ab.roles.EuHospital", "not a member"},
		{"an empty list of roles", "UsPayer: [purger]", "UsPayer: []", "UsPayer: []", "regions.us.collections.us-ab.roles.UsPayer", "no roles"},
		{"nobody who may purge", "UsPayer: [purger]", "UsPayer: [reader]", "name: us-ab\n        members: [UsPayer, UsHospital]\n        log: us-ab-log\n        roles", "regions.us.collections.us-ab.roles", "role purger"},
		{"no roles at all", "        roles:\n          EuHospital: [writer, officer, purger]\n", "", "name: eu-a\n", "regions.eu.collections.eu-a.roles", "is missing"},
		{"roles on a log", "      - name: eu-a-log\n", "      - name: eu-a-log\n        roles: {EuHospital: [reader]}\n", "roles: {EuH", "regions.eu.collections.eu-a-log.roles", "given to a log"},
		{"a region without collections", base[strings.LastIndex(base, "    collections:"):], "", "name: eu\n", "regions.eu.collections", "is missing"},

		{"two rows of one name", "    transfers:", "      - {name: Care, trigger: end, keep: 1y, authority: a law}\n    transfers:", "name: Care", "regions.us.retention.Care.name", "is taken"},
		{"an unknown trigger", "trigger: end", "trigger: admission", "trigger: admission", "regions.us.retention.care.trigger", "not known"},
		{"a period that is none", "keep: 6y", "keep: 6 years", "keep: 6 y", "regions.us.retention.care.keep", "not a period"},
		{"a period that is a bare number", "keep: 6y", "keep: 6", "keep: 6\n", "regions.us.retention.care.keep", "in quotes"},
		{"a missing period", "        keep: 6y\n", "", "name: care", "regions.us.retention.care.keep", "is missing"},
		{"a misspelt resource type", "[Observation,", "[Observatoin,", "Observatoin", "regions.us.retention.care.when.types[0]", "did you mean Observation?"},
		{"an empty list of types", "types: [Observation, Encounter]", "types: []", "types: []", "regions.us.retention.care.when.types", "empty list"},
		{"a label without a code", "- {code: A}", "- {system: A}", "{system: A}", "regions.us.retention.care.when.labels[1].code", "is missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := mustEdit(t, base, c.old, c.updated)
			line := 1
			if c.line != "" {
				line = lineOf(t, s, c.line)
				if strings.Contains(c.line, "\n") && !strings.HasSuffix(c.line, "\n") { // the text ends in the line meant
					line += strings.Count(c.line, "\n")
				}
			}
			_, err := Parse([]byte(s), "p.yaml")
			for _, p := range problems(err) {
				if p.Key == c.key && p.Line == line && p.File == "p.yaml" && strings.Contains(p.What, c.what) {
					return
				}
			}
			t.Errorf("want p.yaml:%d: %s: …%s…, got\n%v", line, c.key, c.what, err)
		})
	}
}

// problems takes a joined error apart.
func problems(err error) []Problem {
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		return nil
	}
	var out []Problem
	for _, e := range joined.Unwrap() {
		var p Problem
		if errors.As(e, &p) {
			out = append(out, p)
		}
	}
	return out
}

func TestTheBaseOfTheseTestsIsValid(t *testing.T) {
	parse(t, base)
}

func TestCollectionsOfTheSameMembersShareOneLog(t *testing.T) {
	s := mustEdit(t, base, "log: us-a-log\n        roles", "log: us-c-log\n        roles")
	s = mustEdit(t, s, "      - name: us-a-log\n", "      - name: us-c-log\n        members: [UsHospital]\n      - name: us-a-log\n")
	_, err := Parse([]byte(s), "p.yaml")
	want := fmt.Sprintf("p.yaml:%d: regions.us.collections.us-a2.log: is us-c-log, but us-a has the same members", lineOf(t, s, "us-c-log"))
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("want %s…, got %v", want, err)
	}
}

func TestAllProblemsOfAFileComeTogetherInLineOrder(t *testing.T) {
	s := mustEdit(t, base, "version: 1", "version: 3")
	s = mustEdit(t, s, "[EU]", "[Europe]")
	s = mustEdit(t, s, "keep: 6y", "keep: never")
	s = mustEdit(t, s, "requiredPeerCount: 1", "requiredPeerCount: 0")
	_, err := Parse([]byte(s), "p.yaml")
	var lines []int
	for _, p := range problems(err) {
		lines = append(lines, p.Line)
	}
	if len(lines) != 4 || !slices.IsSorted(lines) {
		t.Errorf("want 4 problems in line order, got\n%v", err)
	}
}

func TestFilesThatAreNoYAMLPolicyAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ file, want string }{
		"empty":         {"", "is empty"},
		"only a note":   {"# nothing\n", "is empty"},
		"a list":        {"- a\n", "must be a mapping"},
		"broken":        {"a: [b\n", "is not YAML"},
		"not UTF-8":     {"name: \xff", "is not UTF-8"},
		"two documents": {base + "---\n" + base, "more than one document"},
		"too large":     {base + strings.Repeat("#\n", MaxSize/2), "larger than 1 MiB"},
		"a bomb":        {"a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n", "anchor or alias"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(c.file), "p.yaml")
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("want %q, got %v", c.want, err)
			}
		})
	}
}

func TestPeerCountsHaveDefaults(t *testing.T) {
	p := parse(t, base)
	_, c, _ := p.Collection("us-a2")
	if c.RequiredPeerCount != 1 || c.MaxPeerCount != 2 {
		t.Errorf("got %d and %d", c.RequiredPeerCount, c.MaxPeerCount)
	}
	p = parse(t, mustEdit(t, base, "        log: eu-a-log\n", "        log: eu-a-log\n        requiredPeerCount: 3\n"))
	if _, c, _ = p.Collection("eu-a"); c.MaxPeerCount != 3 {
		t.Errorf("maxPeerCount is not raised to requiredPeerCount: %d", c.MaxPeerCount)
	}
}

func TestALogHasTheRolesOfItsCollections(t *testing.T) {
	_, log, _ := parse(t, base).Collection("us-ab-log")
	want := map[string][]string{"UsHospital": {"writer", "officer"}, "UsPayer": {"purger"}}
	if d := cmp.Diff(want, log.Roles); d != "" {
		t.Error(d)
	}
	if !log.IsLog() || !log.Allows("UsPayer", "purger") || log.Allows("UsPayer", "officer") || log.Allows("EuHospital", "writer") {
		t.Error("Allows does not follow the roles")
	}
}

func TestLookupsFindWhatIsThereAndNothingElse(t *testing.T) {
	p := parse(t, base)
	if r, ok := p.RegionOf("WaClinic"); !ok || r.Name != "us-wa" {
		t.Error("RegionOf a member")
	}
	if _, ok := p.RegionOf("Nobody"); ok {
		t.Error("RegionOf a stranger")
	}
	if _, _, ok := p.Collection("none"); ok {
		t.Error("Collection that is not there")
	}
	if _, ok := p.Region("none"); ok || p.RegionJSON("none") != nil {
		t.Error("Region that is not there")
	}
	r, _ := p.Region("us")
	if got := names(r.Records("UsPayer")); !slices.Equal(got, []string{"us-ab"}) {
		t.Error("Records of UsPayer:", got)
	}
	if got := names(r.Logs("")); !slices.Equal(got, []string{"us-a-log", "us-ab-log"}) {
		t.Error("Logs:", got)
	}
	if got := p.Organizations(); !slices.Equal(got, []string{"EuHospital", "UsHospital", "UsPayer", "WaClinic"}) {
		t.Error("Organizations:", got)
	}
}

func names(list []Collection) []string {
	return texts(list, func(c Collection) string { return c.Name })
}
