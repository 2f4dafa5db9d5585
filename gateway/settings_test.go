package gateway

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"domicile/chaincode/record"
)

const goodSettings = `version: 1
region: us
org: UsHospital
role: writer
identity: {certificate: cert.pem, key: key.pem}
indexKey: index.key
peers:
  - {name: peer0, org: UsHospital, address: "127.10.1.1:7051", tlsCA: ca.pem}
proofPeers:
  - {name: eu0, region: eu, org: EuHospital, address: "127.20.1.1:7051", tlsCA: ca.pem}
timeouts: {evaluate: 5s}
`

func writeSettings(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSettingsAreReadStrictlyAndCompleted(t *testing.T) {
	path := writeSettings(t, goodSettings)
	s, err := LoadSettings(path)
	if err != nil {
		t.Fatal(err)
	}
	if s.Channel != "global" || s.Chaincode != "domicile" || s.Timeouts.Evaluate != 5*time.Second || s.Timeouts.Commit != DefaultCommitTimeout {
		t.Errorf("defaults: %+v", s)
	}
	if s.Peers[0].TLSCA != filepath.Join(filepath.Dir(path), "ca.pem") || s.Peers[0].Region != "us" {
		t.Errorf("peer: %+v", s.Peers[0])
	}
	b, err := yaml.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parseSettings(b); err != nil {
		t.Errorf("what is written is not read back: %v\n%s", err, b)
	}
}

func TestTheEnvironmentOverridesTheFile(t *testing.T) {
	t.Setenv("DOMICILE_KEY", "/elsewhere/key.pem")
	t.Setenv("DOMICILE_COMMIT_TIMEOUT", "7s")
	s, err := LoadSettings(writeSettings(t, goodSettings))
	if err != nil {
		t.Fatal(err)
	}
	if s.Identity.Key != "/elsewhere/key.pem" || s.Timeouts.Commit != 7*time.Second {
		t.Errorf("%+v", s)
	}
	t.Setenv("DOMICILE_COMMIT_TIMEOUT", "soon")
	if _, err := LoadSettings(writeSettings(t, goodSettings)); !errors.Is(err, ErrSettings) {
		t.Errorf("got %v", err)
	}
}

func TestBadSettingsAreNamed(t *testing.T) {
	cases := map[string]struct{ old, new, names string }{
		"an unknown key":                {"role: writer", "roles: writer", "roles"},
		"another version":               {"version: 1", "version: 2", "version"},
		"no organisation":               {"org: UsHospital\n", "", "org"},
		"no peer of the organisation":   {"peer0, org: UsHospital", "peer0, org: UsPayer", "peers"},
		"a peer of another region":      {"peer0,", "peer0, region: eu,", "peers[0].region"},
		"a peer without a CA":           {`"127.10.1.1:7051", tlsCA: ca.pem`, `"127.10.1.1:7051"`, "peers[0].tlsCA"},
		"an address without a port":     {"127.10.1.1:7051", "127.10.1.1", "peers[0].address"},
		"a proof peer without a region": {"region: eu, ", "", "proofPeers[0].region"},
		"a negative time limit":         {"evaluate: 5s", "evaluate: -5s", "timeouts.evaluate"},
		"a time limit without a unit":   {"evaluate: 5s", "evaluate: 5x", "Duration"},
		"two documents":                 {"timeouts:", "---\ntimeouts:", "more than one document"},
		"nothing":                       {goodSettings, "", "empty"},
		"two peers of one name":         {"proofPeers:", "  - {name: peer0, org: UsHospital, address: \"127.10.1.2:7051\", tlsCA: ca.pem}\nproofPeers:", "twice"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := LoadSettings(writeSettings(t, strings.Replace(goodSettings, tc.old, tc.new, 1)))
			if !errors.Is(err, ErrSettings) || !strings.Contains(err.Error(), tc.names) {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := LoadSettings(filepath.Join(t.TempDir(), "none.yaml")); !errors.Is(err, ErrSettings) {
		t.Errorf("a file that is not there: %v", err)
	}
}

func FuzzSettings(f *testing.F) {
	f.Add([]byte(goodSettings))
	f.Add([]byte("a: &a [*a, *a]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := parseSettings(b); err == nil {
			_ = s.Check()
		}
	})
}

func TestIndexKeysAreReadRawOrInHex(t *testing.T) {
	key := randomBytes(record.IndexKeyLen)
	dir := t.TempDir()
	for name, b := range map[string][]byte{"raw": key, "hex": []byte(hex.EncodeToString(key) + "\n")} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := loadIndexKey(path)
		if err != nil || string(got) != string(key) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "short"), key[:31], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadIndexKey(filepath.Join(dir, "short")); err == nil || strings.Contains(err.Error(), hex.EncodeToString(key[:8])) {
		t.Errorf("a short key: %v", err)
	}
}

func TestEd25519KeysSignTheMessageItself(t *testing.T) {
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "c"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, pub, priv)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSigner("Org", cert, priv)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := s.sign(s.hash([]byte("message")))
	if err != nil || !ed25519.Verify(pub, []byte("message"), sig) {
		t.Errorf("signature does not verify: %v", err)
	}
	other, _ := selfSigned(t, "other")
	if _, err := newSigner("Org", cert, other); err == nil {
		t.Error("a key that is not the certificate's was taken")
	}
}
