package integration

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"

	"domicile/chaincode/record"
	"domicile/erasure/certificate"
)

// fixtures has the test write what it collected for the tests of package
// certificate. It then also changes the channel's configuration in between; run it
// alone.
var fixtures = flag.String("certificates", "", "write the collected certificates and the genesis block into this `directory`")

// TestT35_ACertificateOfDestructionConvincesAStranger purges two records, one of them
// never anchored, and checks their certificates with two files and nothing else.
func TestT35_ACertificateOfDestructionConvincesAStranger(t *testing.T) {
	t.Parallel()
	ctx := testContext(t, patience)
	words := unique()
	r := putOne(ctx, t, "au", encounter(longAgo, words))
	unanchored, put := auA.put(encounter(longAgo, unique()))
	submit(ctx, t, put)
	dir := t.TempDir()
	file := filepath.Join(dir, "certificate.json")
	if a := must(ctx, t, 1, nil, "proof", "certificate", r.ID, "-o", file); !strings.Contains(a.Words, record.StateActive) {
		t.Errorf("of a living record: %s", a.Words)
	}
	reconfigure(ctx, t)
	purgeRun(ctx, t, "au")
	reconfigure(ctx, t)

	attestation := filepath.Join(dir, "attestation.json")
	write(t, attestation, attest(ctx, t, "AuHealth", r.ID, unanchored.ID))
	genesis := filepath.Join(shared.Dir(), "channel", "genesis.block")
	must(ctx, t, 0, nil, "proof", "certificate", r.ID, "-o", file, "--attestation", attestation)
	a := must(ctx, t, 0, nil, "proof", "verify-destruction", file, "--genesis", genesis)
	for _, want := range []string{
		"WHAT THE LEDGER PROVES", r.ID, r.Hash, "Peers of 2 regions", "WHAT IS STATED", "the operator of AuHealth",
		"the holder did not add the private annex", "WHAT NOBODY CAN PROVE",
	} {
		if !strings.Contains(a.Out, want) {
			t.Errorf("the report lacks %q:\n%s", want, a.Out)
		}
	}
	for _, secret := range []string{words, "DEMO, not law", "Encounter"} {
		if bytes.Contains(opened(t, file), []byte(secret)) || strings.Contains(a.Out, secret) {
			t.Errorf("%q is in a certificate without an annex", secret)
		}
	}

	private := filepath.Join(dir, "annex.json")
	must(ctx, t, 0, nil, "proof", "certificate", unanchored.ID, "-o", private, "--region", "au", "--annex")
	a = must(ctx, t, 0, nil, "proof", "verify-destruction", private, "--genesis", genesis)
	for _, want := range []string{"never anchored", "DEMO, not law", "no operator's attestation"} {
		if !strings.Contains(a.Out, want) {
			t.Errorf("the report of the other lacks %q:\n%s", want, a.Out)
		}
	}
	if a := must(ctx, t, 1, nil, "proof", "certificate", unanchored.ID, "-o", private, "--region", "us", "--annex"); !strings.Contains(a.Words, string(record.CodeBadRequest)) {
		t.Errorf("another region's auditor asks for the annex: %s", a.Words)
	}
	for name, from := range map[string]string{"anchored.json": file, "unanchored.json": private, "genesis.block": genesis} {
		b, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if *fixtures != "" {
			write(t, filepath.Join(*fixtures, name), b)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, bytes.Replace(b, []byte(r.Hash[:8]), []byte(flip(r.Hash[:8])), 1))
	if a := must(ctx, t, 1, nil, "proof", "verify-destruction", file, "--genesis", genesis); !strings.Contains(a.Words, string(record.CodeMismatch)) {
		t.Errorf("a changed hash: %s", a.Words)
	}
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// flip changes the first digit.
func flip(hex string) string {
	if hex[0] == '0' {
		return "1" + hex[1:]
	}
	return "0" + hex[1:]
}

// reconfigure writes a policy of the channel again, when fixtures are made.
func reconfigure(ctx context.Context, t *testing.T) {
	t.Helper()
	if *fixtures == "" {
		return
	}
	if s, words := broadcastUpdate(ctx, t, samePolicy(ctx, t, "LifecycleEndorsement"), append(majority, "UkTrust")...); s != common.Status_SUCCESS {
		t.Fatalf("%v %s", s, words)
	}
	time.Sleep(2 * time.Second) // in fixture mode alone: the peers take the new configuration
}

// attest makes an operator's attestation about an organisation's peers, as one who
// found nothing.
func attest(ctx context.Context, t *testing.T, org string, ids ...string) []byte {
	t.Helper()
	cert, key, err := shared.Identity(org, "admin")
	if err != nil {
		t.Fatal(err)
	}
	certPEM, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	keyPEM, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(keyPEM)
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	c, err := open(ctx, t, org, "reader").Certificate(ctx, auA.coll, ids[0])
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC().Format(time.RFC3339)
	s := certificate.Statement{Channel: c.Channel, Genesis: c.Genesis, Org: org, NotCovered: []string{"backups", "swap"}, StatedAt: now}
	for _, id := range ids {
		s.Records = append(s.Records, record.Ref{Collection: auA.coll, ID: id})
	}
	for _, p := range shared.Peers() {
		if p.Org == org {
			s.Nodes = append(s.Nodes, certificate.Node{
				Name: p.Name, Kind: "peer", Height: c.Tombstone.Block + 1, SearchedAt: now,
				Stores: []certificate.Store{{Name: "pvtdataStore", Method: "tables", Files: 3, Bytes: 4096}},
			})
		}
	}
	a, err := certificate.Sign(s, certPEM, parsed.(crypto.Signer))
	if err != nil {
		t.Fatal(err)
	}
	b, err := a.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}
