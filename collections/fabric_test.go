package collections

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files; commit only what you understand")

// golden compares with testdata/name.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s (-want +got, -update rewrites it):\n%s", file, d)
	}
}

func TestPoliciesCompileToTheGoldenFiles(t *testing.T) {
	for name, p := range samples(t) {
		golden(t, name+".collections_config.json", p.Fabric())
		golden(t, name+".endorsement.txt", []byte(p.EndorsementPolicy()+"\n"))
		golden(t, name+".public.json", p.Public())
	}
}

// I3: what is compiled has none of the faults that the linter knows.
func TestEveryCompiledCollectionIsMemberOnlyWithoutBlockToLiveAndEndorsedByHolders(t *testing.T) {
	for name, p := range samples(t) {
		if found := LintFabric(p.Fabric(), p.Fabric()); len(found) > 0 {
			t.Errorf("%s: %v", name, found)
		}
		var list []map[string]any
		if err := json.Unmarshal(p.Fabric(), &list); err != nil {
			t.Fatal(err)
		}
		count := 0
		for _, r := range p.Regions {
			count += len(r.Collections)
		}
		if len(list) != count {
			t.Errorf("%s compiles to %d collections, want %d", name, len(list), count)
		}
		for _, c := range list {
			if c["memberOnlyRead"] != true || c["memberOnlyWrite"] != true || c["blockToLive"] != 0.0 || c["endorsementPolicy"] == nil {
				t.Errorf("%s: %v", name, c)
			}
		}
	}
}

func TestAMajorityOfTheHoldersEndorses(t *testing.T) {
	for n, want := range map[int]string{
		1: "OR('A.peer')", 2: "OutOf(2, 'A.peer', 'B.peer')",
		3: "OutOf(2, 'A.peer', 'B.peer', 'C.peer')", 4: "OutOf(3, 'A.peer', 'B.peer', 'C.peer', 'D.peer')",
	} {
		c := Collection{Members: []string{"A", "B", "C", "D"}[:n]}
		if got := c.endorsement(); got != want {
			t.Errorf("%d holders: %s, want %s", n, got, want)
		}
	}
}
