package docs_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"domicile/chaincode/record"
	"domicile/collections"
	"domicile/fhir"
)

// compare checks a page that is made by the tests, or writes it with -update.
func compare(t *testing.T, path, want string) {
	t.Helper()
	have, err := os.ReadFile(path)
	if err != nil && !*update {
		t.Fatal(err)
	}
	if string(have) == want {
		return
	}
	if !*update {
		t.Errorf("%s is not what the programs say; run go test ./docs -update and look at the difference", path)
		return
	}
	if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestThePageOfErrorsIsTheListOfCodes(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString(`# Error codes

Every refusal carries one of these codes, from the contract through the peer to the client and the command line. Codes never change;
texts may. The words after a code name ids, fields and places only: never bytes, labels or names of people. "Again" says whether the
same request may succeed later unchanged. ` + "`domicile help CODE`" + ` prints the same in a terminal, ` + "`domicile help codes --json`" + ` the whole list.

In Go, ` + "`record.CodeOf(err)`" + ` gives the code of an error, and ` + "`errors.Is(err, &record.Error{Code: record.CodeGone})`" + ` asks for one. Exit
statuses of the command: 0 done, 1 refused or mismatch, 2 usage, 3 infrastructure. The list is made from ` + "`chaincode/record/codes.go`" + `.
`)
	for _, origin := range []struct{ name, title string }{
		{"contract", "From the contract"}, {"client", "From the client"},
	} {
		fmt.Fprintf(&b, "\n## %s\n\n| code | means | what to do | again |\n|---|---|---|---|\n", origin.title)
		for _, i := range record.Codes() {
			if i.Origin == origin.name {
				fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", i.Code, i.Means, i.Fix, yes(i.Retry))
			}
		}
	}
	compare(t, "errors.md", b.String())
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func TestTheArchitectureListsEveryFunctionWithItsArity(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]int{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([A-Za-z]+)` \\| ([0-9]) \\|").FindAllStringSubmatch(string(b), -1) {
		listed[m[1]], _ = strconv.Atoi(m[2])
	}
	for name, n := range record.Functions {
		if have, ok := listed[name]; !ok || have != n {
			t.Errorf("architecture.md does not list %s with %d arguments", name, n)
		}
		delete(listed, name)
	}
	for name := range listed {
		t.Errorf("architecture.md lists %s, which the contract does not have", name)
	}
}

// operation matches a constant of package record that names a private operation.
var operation = regexp.MustCompile("(?m)^(?:const)?\\s+?Op[A-Z][A-Za-z]* += \"([a-z-]+)\"")

func TestTheArchitectureListsEveryPrivateOperation(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	sources, err := filepath.Glob("../chaincode/record/*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, path := range sources {
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range operation.FindAllStringSubmatch(string(source), -1) {
			found++
			row := regexp.MustCompile(`(?m)^\| ([a-z-]+, )*` + m[1] + `(, [a-z-]+)* \|`)
			if !row.Match(page) {
				t.Errorf("architecture.md has no row for the operation %s", m[1])
			}
		}
	}
	if found < 24 {
		t.Errorf("only %d operations found in chaincode/record", found)
	}
}

// generated are the parts of policy.md that programs write.
var generated = regexp.MustCompile(`(?s)(<!-- generated: ([a-z]+) -->\n).*?(<!-- end -->)`)

func TestThePolicyPageShowsWhatTheProgramsSay(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("policy.md")
	if err != nil {
		t.Fatal(err)
	}
	x := readExample(t, string(b))
	parts := map[string]func(*testing.T) string{
		"compiled": x.compiled, "retention": x.retention, "routing": x.routing, "refusals": x.refusals, "changes": x.changes,
	}
	seen := 0
	want := generated.ReplaceAllStringFunc(string(b), func(s string) string {
		m := generated.FindStringSubmatch(s)
		f, ok := parts[m[2]]
		if !ok {
			t.Fatalf("policy.md asks for %q, which nothing makes", m[2])
		}
		seen++
		return m[1] + f(t) + m[3]
	})
	if seen != len(parts) {
		t.Errorf("policy.md shows %d of %d generated parts", seen, len(parts))
	}
	compare(t, "policy.md", want)
}

// The page on retention lists every row of law that ships.
func TestTheRetentionPageListsEveryRowThatShips(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("retention.md")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	out.WriteString("| region | row | where | class | kept | sure | authority |\n|---|---|---|---|---|---|---|\n")
	for _, r := range collections.Reference().Regions {
		for _, row := range r.Retention {
			kept := row.Periods()
			if row.Kind == collections.KindCeiling {
				kept = "at most " + kept
			}
			fmt.Fprintf(&out, "| %s | %s | %s | %s | %s | %s | %s |\n", r.Name, row.Name, either(row.Jurisdiction, "all"), either(row.Class, "any"), kept, row.Confidence, row.Authority)
		}
	}
	compare(t, "retention.md", generated.ReplaceAllString(string(b), "${1}"+out.String()+"${3}"))
}

func either(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// example is the policy that policy.md explains.
type example struct {
	text    string
	policy  *collections.Policy
	private *collections.Private
}

func readExample(t *testing.T, text string) example {
	t.Helper()
	blocks := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllStringSubmatch(text, -1)
	if len(blocks) != 2 {
		t.Fatalf("policy.md has %d blocks of YAML, not the policy and its private part", len(blocks))
	}
	p, err := collections.Parse([]byte(blocks[0][1]), "policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	private, err := collections.ParsePrivateYAML([]byte(blocks[1][1]), "private/us-a-log.yaml")
	if err != nil {
		t.Fatal(err)
	}
	us, _ := p.Region("us")
	if err := private.Check(us); err != nil {
		t.Fatal(err)
	}
	return example{blocks[0][1], p, private}
}

// compiled is what Fabric gets for two of the collections.
func (x example) compiled(t *testing.T) string {
	t.Helper()
	var all []json.RawMessage
	if err := json.Unmarshal(x.policy.Fabric(), &all); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("```json\n")
	for _, c := range all {
		var name struct{ Name string }
		if err := json.Unmarshal(c, &name); err != nil {
			t.Fatal(err)
		}
		if name.Name == "us-a2" || name.Name == "us-ab" {
			var out bytes.Buffer
			if err := json.Indent(&out, c, "", "  "); err != nil {
				t.Fatal(err)
			}
			b.WriteString(out.String() + "\n")
		}
	}
	b.WriteString("```\n\nThe chaincode's own endorsement policy, for anchors, tombstones and approvals:\n\n```\n" + x.policy.EndorsementPolicy() + "\n```\n")
	return b.String()
}

// codings reads labels written CODE or CODE CODE, of HL7's ActCode.
func codings(codes string) []fhir.Coding {
	var out []fhir.Coding
	for _, c := range strings.Fields(codes) {
		out = append(out, fhir.Coding{System: "http://terminology.hl7.org/CodeSystem/v3-ActCode", Code: c})
	}
	return out
}

func (x example) retention(t *testing.T) string {
	t.Helper()
	us, _ := x.policy.Region("us")
	var b strings.Builder
	b.WriteString("| resource | labels | clinical end | may go from | row |\n|---|---|---|---|---|\n")
	for _, c := range []struct{ rtype, labels, end string }{
		{"Encounter", "", "2020-03-31"},
		{"Encounter", "", "2020-03"},
		{"Encounter", "", "2020"},
		{"Encounter", "", "2020-02-29"},
		{"Encounter", "SUD", "2020-03-31"},
		{"Claim", "", "2020-03-31"},
		{"Specimen", "", "2020-03-31"},
		{"Encounter", "", ""},
	} {
		var end fhir.Date
		if c.end != "" {
			var err error
			if end, err = fhir.ParseDate(c.end); err != nil {
				t.Fatal(err)
			}
		}
		due, row := "never", "none"
		a := collections.Assess(collections.Case{
			Regions: []*collections.Region{us}, Private: x.confirmed(us), Type: c.rtype, Labels: codings(c.labels), End: end,
		})
		if a.Verdict == collections.VerdictDue {
			due, row = a.Due.String(), a.Row
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", c.rtype, dash(c.labels), dash(c.end), due, row)
	}
	return b.String()
}

// confirmed is the private part with every row of a region confirmed.
func (x example) confirmed(r *collections.Region) *collections.Private {
	p := *x.private
	p.Confirmations = nil
	for _, row := range r.Retention {
		p.Confirmations = append(p.Confirmations, collections.Confirmation{
			Region: r.Name, Row: row.Name, SHA256: collections.RowDigest(r.Name, row),
		})
	}
	return &p
}

func dash(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func (x example) routing(*testing.T) string {
	var b strings.Builder
	b.WriteString("| labels | collection |\n|---|---|\n")
	for _, labels := range []string{"", "SUD", "42CFRPart2", "TREAT", "TREAT SUD"} {
		fmt.Fprintf(&b, "| %s | `%s` |\n", dash(labels), x.private.Route("Observation", codings(labels)))
	}
	return b.String()
}

// refusals are the messages for mistakes made in the example.
func (x example) refusals(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("```\n")
	for _, edit := range [][2]string{
		{"organizations: [UsHospital, UsPayer]", "organisations: [UsHospital, UsPayer]"},
		{"members: [UsPayer]", "members: [EuHospital]"},
		{"name: us-a2", "name: us-part2"},
		{"keep: 6y", "keep: 6 years"},
		{"        authority: \"42 CFR 424.516(f)\"\n", ""},
		{"types: [Encounter,", "types: [Encountr,"},
	} {
		if !strings.Contains(x.text, edit[0]) {
			t.Fatalf("the example does not hold %q", edit[0])
		}
		_, err := collections.Parse([]byte(strings.Replace(x.text, edit[0], edit[1], 1)), "policy.yaml")
		if err == nil {
			t.Fatalf("%q is not refused", edit[1])
		}
		lines := strings.Split(err.Error(), "\n")
		most := max(0, slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, "unknown key") }))
		b.WriteString(lines[most] + "\n")
	}
	b.WriteString("```\n")
	return b.String()
}

// changes are what the diff says of changes to the example.
func (x example) changes(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("```\n")
	for _, edit := range [][2]string{
		{"keep: 6y", "keep: 8y"},
		{"keep: 6y", "keep: 5y"},
		{"name: us-b\n", "name: us-c\n"},
		{"[writer, reader, officer, purger, auditor]", "[writer, officer, purger, auditor]"},
	} {
		p, err := collections.Parse([]byte(strings.ReplaceAll(x.text, edit[0], edit[1])), "policy.yaml")
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range collections.Diff(x.policy, p) {
			b.WriteString(c.String() + "\n")
		}
	}
	b.WriteString("```\n")
	return b.String()
}
