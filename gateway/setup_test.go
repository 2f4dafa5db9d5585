package gateway

import (
	"context"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"

	"domicile/chaincode/record"
	"domicile/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

// world is a client of UsHospital with two gateway peers, one peer of UsPayer in
// the region, and one of EuHospital for proofs.
type world struct {
	t      testing.TB
	ledger *fakeLedger
	a, b   *fakePeer // UsHospital
	payer  *fakePeer // UsPayer
	eu     *fakePeer // EuHospital
	s      *Settings
	ctx    context.Context
}

func newWorld(t testing.TB) *world {
	t.Helper()
	l := newLedger()
	w := &world{
		t: t, ledger: l,
		a: startPeer(t, l, "a", "UsHospital", "us"), b: startPeer(t, l, "b", "UsHospital", "us"),
		payer: startPeer(t, l, "payer", "UsPayer", "us"), eu: startPeer(t, l, "eu", "EuHospital", "eu"),
	}
	dir := t.TempDir()
	key, cert := selfSigned(t, "client")
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file := func(name string) string { return filepath.Join(dir, name) }
	writePEM(t, file("cert.pem"), "CERTIFICATE", cert)
	writePEM(t, file("key.pem"), "PRIVATE KEY", der)
	if err := os.WriteFile(file("index.key"), make([]byte, record.IndexKeyLen), 0o600); err != nil {
		t.Fatal(err)
	}
	w.s = &Settings{
		Version: 1, Region: "us", Org: "UsHospital",
		Identity: IdentityFiles{file("cert.pem"), file("key.pem")}, IndexKey: file("index.key"),
		Peers: []Peer{w.payer.Peer, w.a.Peer, w.b.Peer}, ProofPeers: []Peer{w.eu.Peer},
		Timeouts: Timeouts{Evaluate: 20 * time.Second, Endorse: 20 * time.Second, Submit: 20 * time.Second, Commit: 20 * time.Second},
	}
	var cancel context.CancelFunc
	w.ctx, cancel = context.WithTimeout(context.Background(), 3*time.Minute)
	t.Cleanup(cancel)
	return w
}

func (w *world) open(opts ...Option) *Client {
	w.t.Helper()
	c, err := Open(w.ctx, w.s, append([]Option{WithRetry(4, time.Millisecond), WithAnchorBatch(100, time.Millisecond)}, opts...)...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := c.Close(); err != nil {
			w.t.Error(err)
		}
	})
	return c
}

func (w *world) peers() []*fakePeer { return []*fakePeer{w.a, w.b, w.payer, w.eu} }
