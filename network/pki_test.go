package network

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// testPKI is the certificates of the small topology.
func testPKI(t *testing.T) *Network {
	t.Helper()
	dir := t.TempDir()
	st := &state{Topology: SmallTopology(), Instance: 3}
	n := open(dir, st)
	if err := writePKI(dir, st.Topology, n.nodes); err != nil {
		t.Fatal(err)
	}
	return n
}

func readCert(t *testing.T, path string) *x509.Certificate {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(b)
	if block == nil {
		t.Fatalf("%s is not PEM", path)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestNodeCertificatesChainToTheirOrganizationAndNameTheirAddress(t *testing.T) {
	n := testPKI(t)
	for _, s := range n.nodes {
		roots, err := caPool(s.tlsCA())
		if err != nil {
			t.Fatal(err)
		}
		cert := readCert(t, s.tlsCert())
		if _, err := cert.Verify(x509.VerifyOptions{Roots: roots, DNSName: s.ip, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}); err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
		if s.kind == KindPeer {
			if _, err := cert.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
				t.Errorf("%s cannot be a TLS client of its chaincode server: %v", s.name, err)
			}
		}
		for _, other := range n.nodes {
			if other.org == s.org {
				continue
			}
			foreign, err := caPool(other.tlsCA())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := cert.Verify(x509.VerifyOptions{Roots: foreign}); err == nil {
				t.Errorf("%s is trusted by %s", s.name, other.org)
			}
		}
		if s.kind == KindChaincode {
			continue
		}
		id := readCert(t, filepath.Join(s.mspDir(), "signcerts", "cert.pem"))
		if !slices.Equal(id.Subject.OrganizationalUnit, []string{s.kind}) {
			t.Errorf("%s has units %v", s.name, id.Subject.OrganizationalUnit)
		}
	}
}

func TestUsersCarryTheirRoleAsAnOpaqueCode(t *testing.T) {
	n := testPKI(t)
	all := map[string]bool{}
	for _, org := range n.Organizations() {
		codes, err := n.RoleCodes(org)
		if err != nil {
			t.Fatal(err)
		}
		if len(codes) != len(ClientRoles()) {
			t.Fatalf("%s has %d codes", org, len(codes))
		}
		for code := range codes {
			if all[code] || len(code) != 8 {
				t.Errorf("code %q is taken or not 8 digits", code)
			}
			all[code] = true
		}
		for _, role := range append(ClientUsers(), RoleAdmin) {
			certPath, keyPath, err := n.Identity(org, role)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(keyPath); err != nil {
				t.Error(err)
			}
			cert := readCert(t, certPath)
			wantUnits := map[string][]string{RoleAdmin: {"admin"}, RoleAuditor: {"client", "auditor"}}[role]
			if wantUnits == nil {
				wantUnits = []string{"client"}
			}
			if !slices.Equal(cert.Subject.OrganizationalUnit, wantUnits) {
				t.Errorf("%s %s has units %v, want %v", org, role, cert.Subject.OrganizationalUnit, wantUnits)
			}
			want := role
			if role == SecondOfficer {
				want = RoleOfficer
			}
			if got := codes[roleCode(t, cert)]; role != RoleAdmin && got != want {
				t.Errorf("the code of %s %s means %q", org, role, got)
			}
		}
		first, _, _ := n.Identity(org, RoleOfficer)
		second, _, _ := n.Identity(org, SecondOfficer)
		if readCert(t, first).Equal(readCert(t, second)) {
			t.Errorf("the two officers of %s are one person", org)
		}
		if _, _, err := n.Identity(org, "king"); err == nil {
			t.Error("there is a user for an unknown role")
		}
	}
}

// roleCode reads the attribute as chaincode does.
func roleCode(t *testing.T, cert *x509.Certificate) string {
	t.Helper()
	for _, e := range cert.Extensions {
		if e.Id.Equal(asn1.ObjectIdentifier{1, 2, 3, 4, 5, 6, 7, 8, 1}) {
			var v struct{ Attrs map[string]string }
			if err := json.Unmarshal(e.Value, &v); err != nil {
				t.Fatal(err)
			}
			return v.Attrs[RoleAttribute]
		}
	}
	return ""
}

func TestNoCertificateNamesAPersonAnOrganizationOrARole(t *testing.T) {
	n := testPKI(t)
	forbidden := []string{"hospital", "purger", "writer", "reader", "officer"}
	walk(t, n.dir, func(path string, mode fs.FileMode) {
		if filepath.Ext(path) != ".pem" && filepath.Ext(path) != ".crt" {
			return
		}
		cert := readCert(t, path)
		lower := bytes.ToLower(cert.Raw)
		for _, word := range forbidden {
			if bytes.Contains(lower, []byte(word)) {
				t.Errorf("%s contains %q", path, word)
			}
		}
		if len(cert.Subject.CommonName) != 16 {
			t.Errorf("%s has the common name %q", path, cert.Subject.CommonName)
		}
		var sig struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(cert.Signature, &sig); err != nil {
			t.Fatal(err)
		}
		half := new(big.Int).Rsh(cert.PublicKey.(*ecdsa.PublicKey).Params().N, 1)
		if sig.S.Cmp(half) > 0 {
			t.Errorf("the signature of %s has the larger S: Fabric would rewrite it", path)
		}
	})
}

func TestKeysAndSecretsAreReadableByTheOwnerAlone(t *testing.T) {
	n := testPKI(t)
	keys := 0
	walk(t, n.dir, func(path string, mode fs.FileMode) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		secret := bytes.Contains(b, []byte("PRIVATE KEY")) || strings.HasSuffix(path, "roles.json") || strings.HasSuffix(path, "index.key")
		if !secret {
			return
		}
		keys++
		if mode.Perm() != 0o600 {
			t.Errorf("%s has mode %v", path, mode)
		}
	})
	if keys < 30 {
		t.Errorf("only %d keys found", keys)
	}
	for _, region := range []string{"us", "eu"} {
		path, err := n.IndexKeyPath(region)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(path); err != nil || len(b) != 32 {
			t.Errorf("the index key of %s has %d bytes, %v", region, len(b), err)
		}
	}
}

func walk(t *testing.T, dir string, f func(path string, mode fs.FileMode)) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			f(path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
