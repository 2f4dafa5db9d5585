// Package residue tests the search for bytes of purged records on a small network of
// its own: a search wants every purge of a holder scrubbed, which a network that other
// tests share never is.
package residue

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"domicile/erasure/attest"
	"domicile/erasure/certificate"
	"domicile/internal/cli"
	"domicile/network"
)

var (
	required = flag.Bool("network-required", false, "fail, instead of skipping, where the programs are not built")
	_        = flag.Bool("soak", false, "not used here")
	_        = flag.Bool("keep", false, "not used here")
	_        = flag.String("network", "", "not used here")
)

const (
	// binDir is where `make build` puts the programs.
	binDir = "../../bin"
	// patience bounds the test. It is long because machines that run tests are slow.
	patience = 5 * time.Minute
)

// encounter is a resource whose care ended long ago.
var encounter = []byte(`{"resourceType":"Encounter","status":"finished","class":{"code":"AMB"},"period":{"end":"1985-06-15"}}`)

// TestT33_ResidueIsFoundAfterAPurgeAndNoneAfterAScrub, on a small network of its own,
// because a search wants every purge of a holder scrubbed.
func TestT33_ResidueIsFoundAfterAPurgeAndNoneAfterAScrub(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short: no test on a real network runs")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s := newSmall(ctx, t)
	s.run(ctx, t, 0, encounter, "record", "put", "--region", "us", "-")
	purged := s.run(ctx, t, 0, nil, "purge", "run", "--region", "us", "--execute")
	if n := strings.Count(purged, `"event":"purged"`); n != 1 {
		t.Fatalf("%d records purged: %s", n, purged)
	}
	file := filepath.Join(t.TempDir(), "us.json")
	s.run(ctx, t, 1, nil, "purge", "attest", "--region", "us", "-o", file)
	dirty := s.attestation(t, file).Statement
	for _, store := range []string{"data/ledgersData/pvtdataStore", "data/ledgersData/stateLeveldb", "data/transientstore", "memory"} {
		if n := foundIn(dirty, store); n == 0 {
			t.Errorf("no residue in %s right after the purge", store)
		}
	}
	s.run(ctx, t, 1, nil, "purge", "attest", "--region", "us", "--report", file)

	canaries := filepath.Join(t.TempDir(), "canaries.json")
	s.run(ctx, t, 0, nil, "purge", "attest", "--region", "us", "--publish", canaries)
	if b, err := os.ReadFile(canaries); err != nil || !bytes.Contains(b, []byte(`"salt"`)) {
		t.Errorf("no canary is published: %s %v", b, err)
	}
	s.run(ctx, t, 0, nil, "purge", "attest", "--region", "eu", "--canaries", canaries)
	s.run(ctx, t, 1, nil, "purge", "attest", "--region", "us", "--canaries", canaries)

	s.run(ctx, t, 0, nil, "purge", "scrub", "--region", "us", "--execute")
	s.run(ctx, t, 0, nil, "purge", "attest", "--region", "us", "-o", file)
	clean := s.attestation(t, file).Statement
	if clean.Found() != 0 || len(clean.Missing) > 0 || len(clean.Records) != 2 { // the record and a canary
		t.Errorf("after the scrub: %+v", clean)
	}
	for _, n := range clean.Nodes {
		if n.Kind == network.KindPeer && n.ScrubbedAt == "" {
			t.Errorf("%s is not said to be compacted", n.Name)
		}
	}
	report := s.run(ctx, t, 0, nil, "purge", "attest", "--region", "us", "--report", file, "--settle")
	var r attest.Report
	if err := json.Unmarshal([]byte(report), &r); err != nil || !r.Complete {
		t.Errorf("the report (%v): %s", err, report)
	}
	if out := s.run(ctx, t, 0, nil, "purge", "attest", "--region", "us"); out != "" {
		t.Errorf("after settling there is still something to attest: %s", out)
	}
}

// small is a network of two regions for one test.
type small struct {
	dir     string
	genesis []byte
}

func newSmall(ctx context.Context, t *testing.T) *small {
	t.Helper()
	bin, err := filepath.Abs(binDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"peer", "orderer", "configtxgen", "ccaas", "ccaasbuilder"} {
		if _, err := os.Stat(filepath.Join(bin, name)); err != nil && *required {
			t.Fatal(err)
		} else if err != nil {
			t.Skipf("SKIPPED: %s is missing: run make build first", name)
		}
	}
	s := &small{dir: filepath.Join(t.TempDir(), "net")}
	s.run(ctx, t, 0, nil, "network", "up", "--topology", "small", "--bin", bin, "--rules", "none")
	t.Cleanup(func() { s.run(context.WithoutCancel(ctx), t, 0, nil, "network", "down") })
	n, err := network.Open(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	if s.genesis, err = os.ReadFile(n.GenesisPath()); err != nil {
		t.Fatal(err)
	}
	return s
}

// run runs the command on the network and wants its status; it returns its data.
func (s *small) run(ctx context.Context, t *testing.T, status int, stdin []byte, args ...string) string {
	t.Helper()
	var out, words bytes.Buffer
	got := cli.Run(ctx, append([]string{"--dir", s.dir}, args...), bytes.NewReader(stdin), &out, &words)
	if got != status {
		t.Fatalf("%v: status %d, want %d\n%s%s", args, got, status, out.String(), words.String())
	}
	return out.String()
}

// attestation reads a file and verifies it with nothing but the genesis block.
func (s *small) attestation(t *testing.T, file string) *certificate.Attestation {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := attest.Read(b, s.genesis)
	if err != nil {
		t.Fatal(err)
	}
	forged := bytes.Replace(b, []byte(`"found": `), []byte(`"found": 1`), 1)
	if bytes.Equal(forged, b) {
		t.Fatal("the file has no field found")
	}
	if _, err := attest.Read(forged, s.genesis); err == nil {
		t.Error("an altered attestation verifies")
	}
	return signed.Attestation
}

func foundIn(s certificate.Statement, store string) (n int) {
	for _, node := range s.Nodes {
		for _, st := range node.Stores {
			if st.Name == store {
				n += st.Found
			}
		}
	}
	return n
}
