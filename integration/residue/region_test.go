package residue

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"domicile/collections"
	"domicile/erasure/attest"
)

// twoRegions has two organisations in each region.
const twoRegions = `schema: 1
consensus: bft
batchInterval: 80ms
regions:
  - {name: us, octet: 10, orderers: 2, organizations: [{name: UsHospital, peers: 2}, {name: UsPayer, peers: 2}]}
  - {name: eu, octet: 20, orderers: 2, organizations: [{name: EuHospital, peers: 2}, {name: EuSponsor, peers: 2}]}
`

// twoRegionPolicy writes the demo policy's first two regions, with their private parts.
func twoRegionPolicy(t *testing.T, dir string) string {
	t.Helper()
	text, _, ok := strings.Cut(string(collections.DemoYAML()), "  - name: uk\n")
	head, eu, both := strings.Cut(text, "  - name: eu\n")
	eu, _, found := strings.Cut(eu, "    transfers:\n") // to regions that are not here
	if !ok || !both || !found {
		t.Fatal("the demo policy has another form")
	}
	file := filepath.Join(dir, "policy.yaml")
	if err := os.WriteFile(file, []byte(head+"  - name: eu\n"+eu), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(dir, "private"), os.DirFS("../../collections/policies/private")); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestEvidenceOfASharedCopyEndsWhenBothHoldersRegisteredASearch purges a
// record of one holder and a copy of two, has one holder attest and then the other, and has both holders of another region
// look for the canaries.
func TestEvidenceOfASharedCopyEndsWhenBothHoldersRegisteredASearch(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short: no test on a real network runs")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	dir := t.TempDir()
	topology := filepath.Join(dir, "topology.yaml")
	if err := os.WriteFile(topology, []byte(twoRegions), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newNetwork(ctx, t, "--topology", topology, "--policy", twoRegionPolicy(t, dir))
	s.run(ctx, t, 0, encounter, "record", "put", "--region", "us", "-")
	s.run(ctx, t, 0, encounter, "record", "put", "--region", "us", "--collection", "us-ab", "-")
	purged := s.run(ctx, t, 0, nil, "purge", "run", "--region", "us", "--execute")
	if n := strings.Count(purged, `"event":"purged"`); n != 2 {
		t.Fatalf("%d records purged: %s", n, purged)
	}

	// The others search for records about nobody, and the file tells them of nothing else.
	canaries := filepath.Join(dir, "canaries.json")
	s.run(ctx, t, 0, nil, "purge", "attest", "--region", "us", "--publish", canaries)
	file, err := os.ReadFile(canaries)
	n := bytes.Count(file, []byte(`"salt"`)) // one of each collection, if it could be stored
	if err != nil || n == 0 {
		t.Fatalf("the file of canaries (%v): %s", err, file)
	}
	for line := range strings.Lines(purged) {
		if _, id, ok := strings.Cut(line, `"id":"`); ok && bytes.Contains(file, []byte(id[:26])) {
			t.Error("the file of canaries names a record of somebody")
		}
	}
	s.run(ctx, t, 0, nil, "purge", "attest", "--region", "eu", "--canaries", canaries, "-o", filepath.Join(dir, "eu"))
	for _, org := range []string{"EuHospital", "EuSponsor"} {
		st := s.attestation(t, filepath.Join(dir, "eu", org+".json")).Statement
		if st.Found() != 0 || len(st.Missing) > 0 || len(st.Records) != n || len(st.Nodes) != 3 { // two peers and a chaincode server
			t.Errorf("%s: %+v", org, st)
		}
	}
	s.run(ctx, t, 1, nil, "purge", "attest", "--region", "us", "--org", "UsHospital", "--canaries", canaries)

	s.run(ctx, t, 0, nil, "purge", "scrub", "--region", "us", "--execute")
	hospital, payer := filepath.Join(dir, "hospital.json"), filepath.Join(dir, "payer.json")
	s.run(ctx, t, 0, nil, "purge", "attest", "--region", "us", "--org", "UsHospital", "-o", hospital)
	r := s.report(ctx, t, 1, "us", hospital, "--settle")
	for _, c := range r.Collections {
		switch c.Collection {
		case "us-a":
			if c.Records == 0 || c.Clean != c.Records {
				t.Errorf("%+v\n%s", c, purged)
			}
		case "us-ab":
			if c.Clean != 0 || len(c.Lacking) != 1 || c.Lacking[0].Org != "UsPayer" || c.Lacking[0].Why != attest.WhySilent || len(c.Lacking[0].Nodes) != 2 {
				t.Errorf("%+v\n%s", c, purged)
			}
		}
	}
	s.run(ctx, t, 0, nil, "purge", "attest", "--region", "us", "--org", "UsPayer", "-o", payer)
	r = s.report(ctx, t, 0, "us", hospital, "--report", payer, "--settle")
	if !r.Complete {
		t.Errorf("%+v", r)
	}
	if out := s.run(ctx, t, 0, nil, "purge", "attest", "--region", "us"); out != "" {
		t.Errorf("after settling there is still something to attest: %s", out)
	}
}
