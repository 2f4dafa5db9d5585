package collections

import (
	"bytes"
	"strings"
	"testing"
)

// What Parse accepts must compile, pass the linter, survive its canonical form and
// differ from itself in nothing; what it refuses must be said in words.
func FuzzParsePolicy(f *testing.F) {
	for _, seed := range [][]byte{[]byte(base), []byte(strings.Replace(base, "    transfers:", fullRow+"    transfers:", 1)), ReferenceYAML(), DemoYAML(), SmallYAML(), []byte("version: 1\nregions: [{name: a, within: a}]"), []byte("a: &a [*a]")} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Parse(b, "fuzz.yaml")
		if err != nil {
			if p != nil || err.Error() == "" {
				t.Fatal("a refusal without words or with a policy")
			}
			return
		}
		again, err := ParsePublic(p.Public())
		if err != nil || !bytes.Equal(again.Public(), p.Public()) {
			t.Fatalf("the canonical form does not survive: %v", err)
		}
		if found := LintFabric(p.Fabric(), again.Fabric()); len(found) > 0 {
			t.Fatal(found)
		}
		if changes := Diff(p, again); len(changes) > 0 {
			t.Fatal(changes)
		}
		for _, r := range p.Regions {
			if _, err := ParseRegion(p.RegionJSON(r.Name)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// What the one reader of private parts accepts, the other must as well.
func FuzzParsePrivate(f *testing.F) {
	f.Add(DemoPrivate("us-a-log").JSON())
	f.Add([]byte(fullPrivate))
	f.Add([]byte(`{"version":1,"log":"l","default":"d","roles":{"A":{"c":"writer"}}}`))
	f.Add([]byte("version: 1\nlog: l\ndefault: d\nrouting: [{labels: [{code: \"\\u003c\"}], collection: c}]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, read := range []func() (*Private, error){
			func() (*Private, error) { return ParsePrivate(b) },
			func() (*Private, error) { return ParsePrivateYAML(b, "fuzz.yaml") },
		} {
			p, err := read()
			if err != nil {
				continue
			}
			again, err := ParsePrivate(p.JSON())
			if err != nil || !bytes.Equal(again.JSON(), p.JSON()) {
				t.Fatalf("the canonical form does not survive: %v", err)
			}
			if p.Route("", nil) != p.Default {
				t.Fatal("a record without labels is not routed to the default")
			}
		}
	})
}

func FuzzLintFabric(f *testing.F) {
	f.Add([]byte(nil), []byte(foreignConfig))
	f.Add(Small().Fabric(), Demo().Fabric())
	f.Fuzz(func(t *testing.T, old, updated []byte) {
		LintFabric(old, updated) // does not panic
	})
}
