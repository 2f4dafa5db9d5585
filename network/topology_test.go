package network

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

func TestTheShippedTopologiesAreValidAndSurviveYAML(t *testing.T) {
	for _, name := range []string{"default", "small", "raft"} {
		want, ok := NamedTopology(name)
		if !ok {
			t.Fatal(name, "is not shipped")
		}
		b, err := yaml.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "topology.yaml")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ReadTopology(path)
		if err != nil {
			t.Fatal(name, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
	if _, ok := NamedTopology("huge"); ok {
		t.Error("an unknown name gives a topology")
	}
}

func TestTheDefaultTopologyHasSixteenPeersAndOneOrdererInEachRegion(t *testing.T) {
	nodes := plan(DefaultTopology(), 7, "/d")
	for kind, want := range map[string]int{KindOrderer: 4, KindPeer: 16, KindChaincode: 6} {
		if got := len(ofKind(nodes, kind)); got != want {
			t.Errorf("%d nodes of kind %s, want %d", got, kind, want)
		}
	}
	seen := map[string]bool{}
	for _, s := range nodes {
		for _, l := range s.listens() {
			if seen[l] {
				t.Errorf("%s is planned twice", l)
			}
			seen[l] = true
		}
		octet := map[string]int{"us": 10, "eu": 20, "uk": 30, "au": 40}[s.region]
		if want := fmt.Sprintf("127.%d.7.", octet); !strings.HasPrefix(s.ip, want) {
			t.Errorf("%s of %s has address %s, want %s*", s.name, s.region, s.ip, want)
		}
	}
}

const minimal = `
schema: 1
consensus: raft
regions:
  - {name: us, orderers: 1, organizations: [{name: UsHospital, peers: 1}]}
`

func TestDefaultsAreFilledIn(t *testing.T) {
	got, err := ParseTopology([]byte(minimal))
	if err != nil {
		t.Fatal(err)
	}
	if got.BatchInterval != DefaultBatchInterval || got.Regions[0].Octet != 10 {
		t.Errorf("got %+v", got)
	}
	got, err = ParseTopology([]byte(minimal + "batchInterval: 50ms\n"))
	if err != nil || got.BatchInterval != 50*time.Millisecond {
		t.Errorf("got %v, %v", got.BatchInterval, err)
	}
}

func TestAMalformedTopologyIsRefusedWithItsPlace(t *testing.T) {
	replace := func(old, with string) string { return strings.Replace(minimal, old, with, 1) }
	for name, c := range map[string]struct{ text, want string }{
		"an unknown key":            {replace("orderers:", "ordrers:"), "line 5"},
		"an unknown schema":         {replace("schema: 1", "schema: 2"), "schema 2 is not known"},
		"no schema":                 {replace("schema: 1", ""), "schema 0"},
		"an empty file":             {"", "empty"},
		"two documents":             {minimal + "---\n" + minimal, "more than one"},
		"too few for bft":           {replace("raft", "bft"), "at least 4 orderers"},
		"an unknown consensus":      {replace("raft", "solo"), "neither bft nor raft"},
		"a lower-case organization": {replace("UsHospital", "usHospital"), "capital letter"},
		"an upper-case region":      {replace("name: us", "name: US"), "lower case"},
		"a region without octet":    {replace("name: us", "name: mars"), "octet 0"},
		"no peers":                  {replace("peers: 1", "peers: 0"), "0 peers"},
		"a slow batch":              {minimal + "batchInterval: 1h\n", "batchInterval"},
		"the same octet twice":      {minimal + "  - {name: eu, octet: 10, organizations: [{name: EuA, peers: 1}]}\n", "share the octet"},
		"the same name twice":       {minimal + "  - {name: eu, organizations: [{name: UsHospital, peers: 1}]}\n", "appears twice"},
		"an orderer's name":         {replace("UsHospital", "UsOrderer"), "appears twice"},
	} {
		if _, err := ParseTopology([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
	}
}

func FuzzParseTopology(f *testing.F) {
	f.Add([]byte(minimal))
	f.Fuzz(func(t *testing.T, text []byte) {
		top, err := ParseTopology(text)
		if err != nil {
			return
		}
		if len(plan(top, 1, "/d")) == 0 {
			t.Error("a valid topology without nodes")
		}
	})
}
