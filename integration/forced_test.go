package integration

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"domicile/chaincode/record"
	"domicile/gateway"
	"domicile/integration/kit"
)

// Ground forced (I9): two persons decide, whom the holder owes notice is printed, and
// authority and reason stay among the holders.
func TestI9_ForcedErasureNeedsTwoPersonsAndNamesWhomNoticeIsOwed(t *testing.T) {
	t.Parallel()
	ctx := testContext(t, patience)
	c := &canaries{}
	authority, why, reference := c.word("authority"), c.word("why"), c.word("case")
	patient := "Patient/" + c.word("patient")
	old := diagnosed(ctx, t, patient, "2001-01-01")
	diagnosed(ctx, t, patient, "2024-01-01") // a floor keeps it

	demand := []string{
		"retention", "erasure", "--region", "eu", "--org", "EuHospital", "--subject", "-", "--law", "gdpr", "--received", "2026-05-02",
		"--case", reference, "--authority", authority, "--execute",
	}
	out := must(ctx, t, 0, fmt.Appendf(nil, `{"reference": %q}`, patient), demand...).Out
	for _, want := range []string{"answered by 2026-06-02", "notice is owed to EuSponsor, which has copies of 2 records in eu-ab"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	order := gateway.CaseOrder{Case: reference, Action: record.CaseApprove, Authority: authority, Reason: why}
	if _, err := renewed(ctx, t, "EuHospital", "officer").Case(ctx, order); !errors.Is(err, gateway.ErrSamePerson) {
		t.Errorf("the officer approves with another certificate: %v", err)
	}
	purge := []string{"purge", "run", "--region", "eu", "--org", "EuHospital", "--case", reference, "--execute"}
	must(ctx, t, 1, nil, purge...)
	must(ctx, t, 0, nil, "retention", "case", "approve", "--region", "eu", "--org", "EuHospital", "--case", reference, "--authority", authority, "--reason", why)
	a := must(ctx, t, 0, nil, purge...)
	for _, want := range []string{"1 records were purged", "1 left alone: RETAINED", "notice is owed to EuSponsor (GDPR article 19) of the erasure of " + old} {
		if !strings.Contains(a.Words, want) {
			t.Errorf("no %q in\n%s", want, a.Words)
		}
	}
	if shown := must(ctx, t, 0, nil, "retention", "case", "show", "--region", "eu", "--org", "EuHospital", "--case", reference).Out; !strings.Contains(shown, authority) {
		t.Errorf("the case does not say under which authority: %s", shown)
	}
	must(ctx, t, 0, nil, "purge", "failed", "--region", "eu", "--org", "EuHospital", "--execute", "--authority", authority, "--reason", why)
	c.scan(ctx, t, "EuHospital", "EuSponsor")
	c.scanBlocks(ctx, t)
}

// diagnosed puts a diagnosis of a day into a collection of two holders.
func diagnosed(ctx context.Context, t *testing.T, patient, day string) (id string) {
	t.Helper()
	body := fmt.Appendf(nil, `{"resourceType":"Condition","subject":{"reference":%q},"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"J06.9"}]},`+
		`"onsetDateTime":%q,"abatementDateTime":%q}`, patient, day, day)
	for r, err := range open(ctx, t, "EuHospital", "writer").Import(ctx, bytes.NewReader(body), gateway.ImportOptions{Collection: "eu-ab"}) {
		if err != nil {
			t.Fatal(err)
		}
		id = r.ID
	}
	return id
}

// renewed is the client of a user with a new certificate of the same name.
func renewed(ctx context.Context, t *testing.T, org, role string) *gateway.Client {
	t.Helper()
	s, err := gateway.LoadSettings(filepath.Join(shared.Dir(), "settings", org+"."+role+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(shared.Dir(), "orgs", org, "ca")
	parent, mine := readCert(t, filepath.Join(ca, "ca.pem")), readCert(t, s.Identity.Certificate)
	signer, err := x509.ParsePKCS8PrivateKey(pemOf(t, filepath.Join(ca, "ca.key")))
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: new(big.Int).Add(mine.SerialNumber, big.NewInt(1)), Subject: mine.Subject, NotBefore: mine.NotBefore, NotAfter: mine.NotAfter,
		KeyUsage: mine.KeyUsage, ExtKeyUsage: mine.ExtKeyUsage, ExtraExtensions: mine.Extensions, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s.Identity = gateway.IdentityFiles{Certificate: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	for path, b := range map[string]*pem.Block{s.Identity.Certificate: {Type: "CERTIFICATE", Bytes: der}, s.Identity.Key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	client, err := gateway.Open(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func pemOf(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(b)
	if block == nil {
		t.Fatalf("%s holds no PEM", path)
	}
	return block.Bytes
}

func readCert(t *testing.T, path string) *x509.Certificate {
	t.Helper()
	cert, err := x509.ParseCertificate(pemOf(t, path))
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// An erasure against a floor, on the default network: refused under the exception that
// the law names, answered within a month, access closed until the floor ends.
func TestAnErasureAgainstAFloorIsRefusedAndAnsweredInTimeByTheCommandAlone(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	id := unique()
	theirs := func(end string) []byte {
		return fmt.Appendf(nil, `{"resourceType":"Encounter","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/%s"},"period":{"start":%q,"end":%q}}`, id, end, end)
	}
	who := fmt.Appendf(nil, `{"resourceType":"Patient","id":%q}`, id)
	end := time.Now().AddDate(-1, 0, 0).Format(time.DateOnly)
	until := time.Now().AddDate(9, 0, 1).Format("2006-01")
	young := putOne(ctx, t, "eu", theirs(end))
	old := putOne(ctx, t, "eu", theirs(longAgo))
	has := func(a kit.Answer, words ...string) {
		t.Helper()
		for _, w := range words {
			if !strings.Contains(a.Out+a.Words, w) {
				t.Errorf("no %q in\n%s%s", w, a.Out, a.Words)
			}
		}
	}
	demand := []string{"retention", "erasure", "--region", "eu", "--subject", "-", "--law", "gdpr", "--received", "2021-01-31"}
	has(must(ctx, t, 0, who, demand...), "1 may go, 1 refused", "answered by 2021-02-28", "17(3)(b)", "12(4)", until, "overdue",
		"We may not erase some records yet", "complain to a supervisory authority", "no other organisation of this ledger has copies")
	must(ctx, t, 0, who, append(demand, "--case", id, "--execute")...)
	has(must(ctx, t, 1, nil, "record", "get", "--region", "eu", young.ID), string(record.CodeLimited))
	must(ctx, t, 0, nil, "record", "get", "--region", "eu", "--as", "officer@EuHospital", young.ID)
	must(ctx, t, 0, nil, "retention", "case", "approve", "--region", "eu", "--case", id, "--authority", "DPO", "--reason", "checked")
	has(must(ctx, t, 0, nil, "purge", "run", "--region", "eu", "--case", id, "--execute"), "1 records were purged", "1 left alone: RETAINED")
	has(must(ctx, t, 0, nil, "proof", "show", old.ID), "purged")
	has(must(ctx, t, 1, nil, "record", "get", "--region", "eu", young.ID), string(record.CodeLimited))
	must(ctx, t, 0, nil, "retention", "case", "close", "--lift", "--region", "eu", "--case", id, "--authority", "DPO", "--reason", "floor ended")
	must(ctx, t, 0, nil, "record", "get", "--region", "eu", young.ID)
}
