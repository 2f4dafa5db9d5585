package integration

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"domicile/chaincode/chaincodetest"
	"domicile/integration/kit"
)

// who returns the certificate of a caller; a member without a role gets one from
// the organisation's CA. The caller holds f.mu.
func (f *fabric) who(as chaincodetest.Identity) (*kit.Identity, error) {
	if as.Role == "" {
		if f.plain[as.Org] == nil {
			p, err := f.issue(as.Org, "client")
			if err != nil {
				return nil, err
			}
			f.plain[as.Org] = p
		}
		return f.plain[as.Org], nil
	}
	cert, key, err := f.Identity(as.Org, as.Role)
	if err != nil {
		return nil, err
	}
	return kit.ReadIdentity(as.Org, cert, key)
}

// issue makes a certificate with these organisational units and no attribute.
func (f *fabric) issue(org string, units ...string) (*kit.Identity, error) {
	dir := filepath.Join(f.Dir(), "orgs", org, "ca")
	ca, err := readPEM(filepath.Join(dir, "ca.pem"))
	if err != nil {
		return nil, err
	}
	caCert, err := x509.ParseCertificate(ca)
	if err != nil {
		return nil, err
	}
	caKey, err := readPEM(filepath.Join(dir, "ca.key"))
	if err != nil {
		return nil, err
	}
	signer, err := x509.ParsePKCS8PrivateKey(caKey)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: serial.Text(16), OrganizationalUnit: units},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
	}, caCert, key.Public(), signer)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return kit.NewIdentity(org, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
}

func readPEM(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, fmt.Errorf("%s holds no PEM block", path)
	}
	return block.Bytes, nil
}
