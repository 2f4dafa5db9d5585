// Package gatewaytest is a network in memory for tests of programs that use package
// gateway: the contract on the ledger of package chaincodetest, behind peers that
// speak Fabric's Gateway protocol over TLS on loopback addresses. Clients connect to
// it with an ordinary settings file; what they send goes through the real contract.
package gatewaytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
	"domicile/collections"
	"domicile/gateway"
)

// Network is a channel in memory with one gateway peer for each organisation.
type Network struct {
	*chaincodetest.Memory
	t      testing.TB
	dir    string
	policy *collections.Policy
	peers  map[string]*peer // by organisation

	mu     sync.Mutex
	txs    map[string]*chaincodetest.Tx // endorsed
	fates  map[string]fate
	before func(Call) error
	after  func(Call) error
}

// Call is one message to a peer. Op is the operation of a private call.
type Call struct{ Method, Function, Op string }

// Start starts a network for the length of a test.
func Start(t testing.TB, o chaincodetest.Options) *Network {
	t.Helper()
	if o.Policy == nil {
		o.Policy = collections.Demo()
	}
	n := &Network{
		Memory: chaincodetest.Start(t, o), t: t, dir: t.TempDir(), policy: o.Policy,
		peers: map[string]*peer{}, txs: map[string]*chaincodetest.Tx{}, fates: map[string]fate{},
	}
	for _, org := range o.Policy.Organizations() {
		n.peers[org] = n.startPeer(org)
	}
	return n
}

// Before sets what is asked before each message takes effect; its error is the
// answer. After is asked once the effect is there, so that an error of it loses the
// answer. nil ends it. They may be called concurrently.
func (n *Network) Before(f func(Call) error) { n.mu.Lock(); n.before = f; n.mu.Unlock() }

// After, see Before.
func (n *Network) After(f func(Call) error) { n.mu.Lock(); n.after = f; n.mu.Unlock() }

// Settings makes a new user of an organisation and returns the path of a settings
// file for it. user is a role, or a role and a digit ("officer2") for another person
// with the same role, or "admin". The same arguments give the same user.
func (n *Network) Settings(org, user string) string {
	n.t.Helper()
	path := filepath.Join(n.dir, org+"."+user+".yaml")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	region, ok := n.policy.RegionOf(org)
	if !ok {
		n.t.Fatalf("no organisation %s", org)
	}
	file := func(suffix string) string { return filepath.Join(n.dir, org+"."+user+suffix) }
	n.identity(strings.TrimRight(user, "0123456789"), file(".cert.pem"), file(".key.pem"))
	index := filepath.Join(n.dir, region.Name+".index.key")
	if err := os.WriteFile(index, make([]byte, record.IndexKeyLen), 0o600); err != nil {
		n.t.Fatal(err)
	}
	s := &gateway.Settings{
		Version: gateway.SettingsVersion, Region: region.Name, Org: org, IndexKey: index,
		Identity: gateway.IdentityFiles{Certificate: file(".cert.pem"), Key: file(".key.pem")},
		Timeouts: gateway.Timeouts{Evaluate: time.Minute, Endorse: time.Minute, Submit: time.Minute, Commit: time.Minute},
	}
	for _, other := range n.policy.Organizations() {
		p := n.peers[other].settings
		if p.Region == region.Name {
			s.Peers = append(s.Peers, p)
		} else {
			s.ProofPeers = append(s.ProofPeers, p)
		}
	}
	b, err := yaml.Marshal(s)
	if err == nil {
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		n.t.Fatal(err)
	}
	return path
}

// Open opens a client as a user, see Settings, and closes it with the test.
func (n *Network) Open(org, user string, opts ...gateway.Option) *gateway.Client {
	n.t.Helper()
	s, err := gateway.LoadSettings(n.Settings(org, user))
	if err != nil {
		n.t.Fatal(err)
	}
	c, err := gateway.Open(n.t.Context(), s, append([]gateway.Option{
		gateway.WithRetry(4, time.Millisecond), gateway.WithAnchorBatch(100, time.Millisecond),
	}, opts...)...)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { c.Close() })
	return c
}

// SetPrivate changes the private part of a log collection.
func (n *Network) SetPrivate(log string, change func(*collections.Private)) {
	n.t.Helper()
	region, col, ok := n.policy.Collection(log)
	if !ok {
		n.t.Fatalf("no collection %s", log)
	}
	c := n.Open(col.Members[0], "admin")
	part, err := c.Private(n.t.Context(), log)
	if err != nil {
		n.t.Fatal(err)
	}
	change(part)
	if _, err := c.SetPrivate(n.t.Context(), log, part.JSON()); err != nil {
		n.t.Fatalf("private part of %s in %s: %v", log, region.Name, err)
	}
}

// attributes is the certificate extension in which Fabric keeps attributes.
var attributes = asn1.ObjectIdentifier{1, 2, 3, 4, 5, 6, 7, 8, 1}

// identity writes a certificate and a key. The ledger in memory believes any issuer.
func (n *Network) identity(role, certPath, keyPath string) {
	n.t.Helper()
	tmpl := template("u" + time.Now().Format("150405.000000000"))
	tmpl.Subject.OrganizationalUnit = []string{"client"}
	if role == chaincodetest.Admin {
		tmpl.Subject.OrganizationalUnit = []string{"admin"}
	} else {
		value, err := json.Marshal(map[string]any{"attrs": map[string]string{record.RoleAttribute: chaincodetest.Code(role)}})
		if err != nil {
			n.t.Fatal(err)
		}
		tmpl.ExtraExtensions = []pkix.Extension{{Id: attributes, Value: value}}
	}
	key, der := n.selfSigned(tmpl)
	b, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		n.t.Fatal(err)
	}
	n.writePEM(certPath, "CERTIFICATE", der)
	n.writePEM(keyPath, "PRIVATE KEY", b)
}

func template(cn string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100)) //nolint:errcheck // never fails since Go 1.24
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: cn},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
}

func (n *Network) selfSigned(tmpl *x509.Certificate) (*ecdsa.PrivateKey, []byte) {
	n.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		n.t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		n.t.Fatal(err)
	}
	return key, der
}

func (n *Network) writePEM(path, kind string, der []byte) {
	n.t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		n.t.Fatal(err)
	}
}
