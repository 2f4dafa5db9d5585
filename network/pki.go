package network

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Lifetimes of certificates. Authorities outlive the network; the others are
// short enough that renewal is practised, and doctor warns 30 days ahead.
const (
	authorityLifetime = 10 * 365 * 24 * time.Hour
	leafLifetime      = 365 * 24 * time.Hour
	clockSkew         = 10 * time.Minute
)

// attributeOID is the certificate extension in which Fabric CA puts attributes
// and in which chaincode looks for them (fabric-chaincode-go pkg/attrmgr).
var attributeOID = asn1.ObjectIdentifier{1, 2, 3, 4, 5, 6, 7, 8, 1}

// RoleAttribute is the name of the certificate attribute that carries the
// opaque code of a user's role.
const RoleAttribute = "domicile.role"

// authority is a certificate authority: one signs identities, another TLS.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// leaf is what a certificate to be issued says.
type leaf struct {
	units    []string // organizational units
	ips      []net.IP
	usage    []x509.ExtKeyUsage
	roleCode string // opaque, may be empty
}

// pair is a certificate and its key, PEM encoded.
type pair struct{ cert, key []byte }

// lowS signs with the smaller of the two possible S values: Fabric rewrites
// certificates whose signatures have the larger one, which changes their hash.
type lowS struct{ *ecdsa.PrivateKey }

// Sign implements crypto.Signer.
func (k lowS) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	der, err := k.PrivateKey.Sign(r, digest, opts)
	if err != nil {
		return nil, err
	}
	var sig struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &sig); err != nil {
		return nil, fmt.Errorf("decode signature: %w", err)
	}
	n := k.Curve.Params().N
	if sig.S.Cmp(new(big.Int).Rsh(n, 1)) > 0 {
		sig.S.Sub(n, sig.S)
	}
	return asn1.Marshal(sig)
}

// randomHex is n random bytes in hexadecimal.
func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a CA key: %w", err)
	}
	now := time.Now().UTC()
	tmpl := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{CommonName: randomHex(8)},
		NotBefore:             now.Add(-clockSkew),
		NotAfter:              now.Add(authorityLifetime),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), lowS{key})
	if err != nil {
		return nil, fmt.Errorf("make a CA certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read back a CA certificate: %w", err)
	}
	return &authority{cert: cert, key: key}, nil
}

// issue makes a key and a certificate with a random common name.
func (a *authority) issue(l leaf) (pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair{}, fmt.Errorf("make a key: %w", err)
	}
	now := time.Now().UTC()
	tmpl := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{CommonName: randomHex(8), OrganizationalUnit: l.units},
		NotBefore:             now.Add(-clockSkew),
		NotAfter:              now.Add(leafLifetime),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           l.usage,
		BasicConstraintsValid: true,
		IPAddresses:           l.ips,
	}
	if l.roleCode != "" {
		value, err := json.Marshal(map[string]map[string]string{"attrs": {RoleAttribute: l.roleCode}})
		if err != nil {
			return pair{}, fmt.Errorf("encode the role attribute: %w", err)
		}
		tmpl.ExtraExtensions = []pkix.Extension{{Id: attributeOID, Value: value}}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, key.Public(), lowS{a.key})
	if err != nil {
		return pair{}, fmt.Errorf("make a certificate: %w", err)
	}
	return encodePair(der, key)
}

func encodePair(der []byte, key *ecdsa.PrivateKey) (pair, error) {
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return pair{}, fmt.Errorf("encode a key: %w", err)
	}
	return pair{
		cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}),
	}, nil
}

func (a *authority) pem() (pair, error) { return encodePair(a.cert.Raw, a.key) }

func serial() *big.Int {
	b := make([]byte, 16)
	rand.Read(b)
	b[0] &= 0x7f // positive, at most 20 octets (RFC 5280 §4.1.2.2)
	return new(big.Int).SetBytes(b)
}

// writeFile makes the parent folders (0700) and writes the file.
func writeFile(path string, data []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, data, mode)
}

// writeAll writes several files; names are slash paths below dir. Names that
// end in .key are private.
func writeAll(dir string, files map[string][]byte) error {
	for name, data := range files {
		mode := os.FileMode(0o644)
		if filepath.Ext(name) == ".key" {
			mode = 0o600
		}
		if err := writeFile(filepath.Join(dir, filepath.FromSlash(name)), data, mode); err != nil {
			return fmt.Errorf("write certificates: %w", err)
		}
	}
	return nil
}
