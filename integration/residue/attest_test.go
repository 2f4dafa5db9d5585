// Package residue tests the search for bytes of purged records on a small network of
// its own: a search wants every purge of a holder scrubbed, which a network that other
// tests share never is.
package residue

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"domicile/chaincode/record"
	"domicile/erasure/attest"
	"domicile/erasure/certificate"
	"domicile/gateway"
	"domicile/integration/kit"
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
	patience = 15 * time.Minute
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
	s := newNetwork(ctx, t, "--topology", "small", "--rules", "none")
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
	report := s.report(ctx, t, 1, "us", file, "--settle")
	if l := report.Collections[0].Lacking; len(l) != 1 || l[0].Why != attest.WhyResidue || len(l[0].Nodes) == 0 {
		t.Errorf("the report of residue: %+v", report.Collections)
	}
	s.endRefused(ctx, t)

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
	if report := s.report(ctx, t, 0, "us", file, "--settle"); !report.Complete {
		t.Errorf("the report: %+v", report)
	}
	if report := s.report(ctx, t, 0, "us", file); !report.Complete {
		t.Errorf("the report after settling: %+v", report)
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

func newNetwork(ctx context.Context, t *testing.T, flags ...string) *small {
	t.Helper()
	bin, err := filepath.Abs(binDir)
	if err != nil {
		t.Fatal(err)
	}
	kit.NeedPrograms(t, bin, *required)
	s := &small{dir: filepath.Join(t.TempDir(), "net")}
	s.run(ctx, t, 0, nil, append([]string{"network", "up", "--bin", bin}, flags...)...)
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
	a := kit.Domicile(ctx, s.dir, stdin, args...)
	if a.Status != status {
		t.Fatalf("%v: status %d, want %d\n%s%s", args, a.Status, status, a.Out, a.Words)
	}
	return a.Out
}

// report joins an attestation of a region.
func (s *small) report(ctx context.Context, t *testing.T, status int, region, file string, more ...string) attest.Report {
	t.Helper()
	out := s.run(ctx, t, status, nil, append([]string{"purge", "attest", "--region", region, "--report", file}, more...)...)
	var r attest.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return r
}

// purger is a client of UsHospital's purger.
func (s *small) purger(ctx context.Context, t *testing.T) *gateway.Client {
	t.Helper()
	settings, err := gateway.LoadSettings(filepath.Join(s.dir, "settings", "UsHospital.purger.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := gateway.Open(ctx, settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// endRefused tries to end evidence past the command, which would not send it.
func (s *small) endRefused(ctx context.Context, t *testing.T) {
	t.Helper()
	c := s.purger(ctx, t)
	pending, err := c.Evidence(ctx, "us-a")
	if err != nil || len(pending) == 0 {
		t.Fatalf("%d records wait: %v", len(pending), err)
	}
	for _, e := range pending {
		if len(e.Attested) != 1 || e.Attested[0].Org != "UsHospital" || e.Attested[0].Found == 0 {
			t.Errorf("registered: %+v", e.Attested)
		}
		if _, err := c.EndEvidence(ctx, e.Collection, []string{e.Key}); !errors.Is(err, gateway.ErrNotAttested) {
			t.Errorf("evidence of residue ends: %v", err)
		}
		if _, err := c.Attest(ctx, e.Collection, []string{e.Key}, e.Attested[0].Search); !errors.Is(err, gateway.ErrForbidden) {
			t.Errorf("a purger registers: %v", err)
		}
	}
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

// TestT33_WhatTheLaterOfTwoPurgesLeavesIsFoundAndPurged: the purge that comes too late names keys
// of records that are gone, in private data that no sweep and no scrub takes.
func TestT33_WhatTheLaterOfTwoPurgesLeavesIsFoundAndPurged(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short: no test on a real network runs")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s := newNetwork(ctx, t, "--topology", "small", "--rules", "none")
	client := s.purger(ctx, t)
	for tries := 1; !s.purgedAtOnce(ctx, t, client); tries++ {
		if tries == 20 {
			t.Fatal("no two purges met in one block")
		}
	}
	file := filepath.Join(t.TempDir(), "us.json")
	s.run(ctx, t, 0, nil, "purge", "run", "--region", "us", "--execute") // tombstones
	s.run(ctx, t, 0, nil, "purge", "scrub", "--region", "us", "--execute")
	var words bytes.Buffer
	if got := cli.Run(ctx, []string{"--dir", s.dir, "purge", "attest", "--region", "us", "-o", file}, strings.NewReader(""), io.Discard, &words); got != cli.ExitRefused {
		t.Fatalf("status %d\n%s", got, words.String())
	}
	if st := s.attestation(t, file).Statement; foundIn(st, "data/ledgersData/pvtdataStore") == 0 || !strings.Contains(words.String(), "domicile purge failed --execute") {
		t.Errorf("%+v\n%s", st, words.String())
	}
	s.run(ctx, t, 0, nil, "purge", "failed", "--region", "us", "--execute", "--authority", "a", "--reason", "r")
	s.run(ctx, t, 0, nil, "purge", "scrub", "--region", "us", "--execute")
	s.run(ctx, t, 0, nil, "purge", "attest", "--region", "us", "-o", file)
	if r := s.report(ctx, t, 0, "us", file, "--settle"); !r.Complete {
		t.Errorf("%+v", r)
	}
}

// purgedAtOnce has one client purge a record twice at the same time, and reports whether one
// of the transactions was refused in its block.
func (s *small) purgedAtOnce(ctx context.Context, t *testing.T, c *gateway.Client) bool {
	t.Helper()
	var put struct{ ID, Collection string }
	if err := json.Unmarshal([]byte(s.run(ctx, t, 0, encounter, "record", "put", "--region", "us", "--import", rand.Text(), "-")), &put); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			_, err := c.Purge(ctx, record.PurgeRequest{Collection: put.Collection, Ground: record.GroundDue, IDs: []string{put.ID}})
			t.Log("purge:", err) // of the later one that it is gone
		})
	}
	all.Wait()
	return strings.Contains(s.run(ctx, t, 0, nil, "purge", "failed", "--region", "us", "--json"), `"due/`)
}
