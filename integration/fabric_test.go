package integration

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	gatewaypb "github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
	"domicile/network"
)

// fabric speaks to the network through Fabric's own client only, so that tests
// can do what the product's client never would. It is a [chaincodetest.Network].
type fabric struct {
	*network.Network
	heights *heights

	mu       sync.Mutex
	conns    map[string]*grpc.ClientConn
	gateways map[string]*client.Gateway
	plain    map[string]*identityFiles // certificates without a role
}

var _ chaincodetest.Network = (*fabric)(nil)

func newFabric(n *network.Network) *fabric {
	f := &fabric{
		Network: n, conns: map[string]*grpc.ClientConn{}, gateways: map[string]*client.Gateway{}, plain: map[string]*identityFiles{},
	}
	f.heights = watchHeights(f)
	return f
}

func (f *fabric) close() {
	f.heights.close()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, g := range f.gateways {
		g.Close()
	}
	for _, c := range f.conns {
		c.Close()
	}
}

// identityFiles is a certificate and its key.
type identityFiles struct {
	id   *identity.X509Identity
	sign identity.Sign
}

func readIdentity(org, certPath, keyPath string) (*identityFiles, error) {
	certPEM, err := os.ReadFile(certPath)
	if err != nil {
		return nil, err
	}
	keyPEM, err := os.ReadFile(keyPath)
	if err != nil {
		return nil, err
	}
	return newIdentity(org, certPEM, keyPEM)
}

func newIdentity(org string, certPEM, keyPEM []byte) (*identityFiles, error) {
	cert, err := identity.CertificateFromPEM(certPEM)
	if err != nil {
		return nil, err
	}
	key, err := identity.PrivateKeyFromPEM(keyPEM)
	if err != nil {
		return nil, err
	}
	id, err := identity.NewX509Identity(org, cert)
	if err != nil {
		return nil, err
	}
	sign, err := identity.NewPrivateKeySign(key)
	return &identityFiles{id, sign}, err
}

// who returns the certificate of a caller; a member without a role gets one from
// the organisation's CA. The caller holds f.mu.
func (f *fabric) who(as chaincodetest.Identity) (*identityFiles, error) {
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
	return readIdentity(as.Org, cert, key)
}

// issue makes a certificate with these organisational units and no attribute.
func (f *fabric) issue(org string, units ...string) (*identityFiles, error) {
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
	return newIdentity(org, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
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

// conn returns the connection to a peer. The caller holds f.mu.
func (f *fabric) conn(ctx context.Context, peer string) (*grpc.ClientConn, error) {
	if c := f.conns[peer]; c != nil {
		return c, nil
	}
	c, err := f.Dial(ctx, peer)
	if err == nil {
		f.conns[peer] = c
	}
	return c, err
}

// at returns the channel as an identity sees it through one peer.
func (f *fabric) at(ctx context.Context, as chaincodetest.Identity, peer string) (*client.Network, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	name := gatewayName(as, peer)
	if g := f.gateways[name]; g != nil {
		return g.GetNetwork(network.Channel), nil
	}
	id, err := f.who(as)
	if err != nil {
		return nil, err
	}
	c, err := f.conn(ctx, peer)
	if err != nil {
		return nil, err
	}
	g, err := client.Connect(id.id, client.WithSign(id.sign), client.WithHash(hash.SHA256), client.WithClientConnection(c))
	if err != nil {
		return nil, err
	}
	f.gateways[name] = g
	return g.GetNetwork(network.Channel), nil
}

func gatewayName(as chaincodetest.Identity, peer string) string { return as.Org + "/" + as.Role + "/" + peer }

// door is the peer that a call goes to: the first one of its first endorser, or
// of the caller's organisation.
func door(c chaincodetest.Call) string {
	if len(c.Endorsers) > 0 {
		return "peer0." + c.Endorsers[0]
	}
	return "peer0." + c.As.Org
}

func (f *fabric) proposal(ctx context.Context, c chaincodetest.Call, more ...client.ProposalOption) (*client.Proposal, error) {
	n, err := f.at(ctx, c.As, door(c))
	if err != nil {
		return nil, err
	}
	opts := append([]client.ProposalOption{client.WithArguments(c.Args...)}, more...)
	if len(c.Transient) > 0 {
		opts = append(opts, client.WithTransient(c.Transient))
	}
	if len(c.Endorsers) > 0 {
		opts = append(opts, client.WithEndorsingOrganizations(c.Endorsers...))
	}
	return n.GetContract(network.Chaincode).NewProposal(c.Function, opts...)
}

// Submit implements [chaincodetest.Network].
func (f *fabric) Submit(ctx context.Context, c chaincodetest.Call) (chaincodetest.Receipt, error) {
	list, err := f.SubmitTogether(ctx, []chaincodetest.Call{c})
	if err != nil {
		return chaincodetest.Receipt{}, err
	}
	return list[0], nil
}

// SubmitTogether implements [chaincodetest.Network]. It returns when every peer
// has the last block, so that the next call may go to any of them.
func (f *fabric) SubmitTogether(ctx context.Context, calls []chaincodetest.Call) ([]chaincodetest.Receipt, error) {
	txs := make([]*client.Transaction, len(calls))
	for i, c := range calls {
		var err error
		if txs[i], err = f.endorse(ctx, c); err != nil {
			return nil, err
		}
	}
	return f.order(ctx, calls[0].As, door(calls[0]), txs)
}

// endorse makes proposals until peers answer it with a decision: on a machine that
// is out of breath they may fail to hand private data on in time.
func (f *fabric) endorse(ctx context.Context, c chaincodetest.Call) (*client.Transaction, error) {
	for {
		p, err := f.proposal(ctx, c)
		if err != nil {
			return nil, err
		}
		tx, err := p.EndorseWithContext(ctx)
		if err = plainly(err); err == nil || !outOfBreath(err) || !poll(ctx) {
			return tx, err
		}
	}
}

func outOfBreath(err error) bool {
	return strings.Contains(err.Error(), "failed to distribute private collection") ||
		strings.Contains(err.Error(), string(record.CodeMissingData))
}

// order submits endorsed transactions in this order and waits until all peers have
// them.
func (f *fabric) order(ctx context.Context, as chaincodetest.Identity, peer string, txs []*client.Transaction) ([]chaincodetest.Receipt, error) {
	commits := make([]*client.Commit, len(txs))
	for i, tx := range txs {
		var err error
		if commits[i], err = f.submit(ctx, as, peer, tx); err != nil {
			return nil, plainly(err)
		}
	}
	out := make([]chaincodetest.Receipt, len(txs))
	last := uint64(0)
	for i, c := range commits {
		st, err := c.StatusWithContext(ctx)
		if err != nil {
			return nil, plainly(err)
		}
		out[i] = chaincodetest.Receipt{TxID: st.TransactionID, Block: st.BlockNumber, Code: st.Code.String()}
		last = max(last, st.BlockNumber)
	}
	return out, f.heights.wait(ctx, last)
}

// submit sends the envelope until enough orderers have it. They refuse a second
// copy as already processed, which is as good.
func (f *fabric) submit(ctx context.Context, as chaincodetest.Identity, peer string, tx *client.Transaction) (*client.Commit, error) {
	for {
		c, err := tx.SubmitWithContext(ctx)
		switch {
		case err == nil:
			return c, nil
		case strings.Contains(err.Error(), "already processed"):
			return f.commit(as, peer, tx.TransactionID())
		case !strings.Contains(err.Error(), "insufficient number of orderers") || !poll(ctx):
			return nil, err
		}
	}
}

// commit makes the question for the fate of a transaction.
func (f *fabric) commit(as chaincodetest.Identity, peer, txID string) (*client.Commit, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id, err := f.who(as)
	if err != nil {
		return nil, err
	}
	creator, err := proto.Marshal(&msp.SerializedIdentity{Mspid: as.Org, IdBytes: id.id.Credentials()})
	if err != nil {
		return nil, err
	}
	req, err := proto.Marshal(&gatewaypb.CommitStatusRequest{ChannelId: network.Channel, TransactionId: txID, Identity: creator})
	if err != nil {
		return nil, err
	}
	b, err := proto.Marshal(&gatewaypb.SignedCommitStatusRequest{Request: req})
	if err != nil {
		return nil, err
	}
	return f.gateways[gatewayName(as, peer)].NewCommit(b)
}

// Evaluate implements [chaincodetest.Network].
func (f *fabric) Evaluate(ctx context.Context, c chaincodetest.Call) ([]byte, error) {
	if len(c.Endorsers) > 1 {
		c.Endorsers = c.Endorsers[:1]
	}
	if len(c.Endorsers) == 0 {
		c.Endorsers = []string{c.As.Org}
	}
	for {
		p, err := f.proposal(ctx, c)
		if err != nil {
			return nil, err
		}
		b, err := p.EvaluateWithContext(ctx)
		if err = plainly(err); err == nil || !outOfBreath(err) || !poll(ctx) {
			return b, err
		}
	}
}

// Block implements [chaincodetest.Network].
func (f *fabric) Block(ctx context.Context, number uint64) ([]byte, error) {
	const org = "AuHealth"
	n, err := f.at(ctx, chaincodetest.Identity{Org: org}, "peer0."+org)
	if err != nil {
		return nil, err
	}
	return n.GetContract("qscc").EvaluateWithContext(ctx, "GetBlockByNumber",
		client.WithArguments(network.Channel, strconv.FormatUint(number, 10)), client.WithEndorsingOrganizations(org))
}

// refusal is an endorser's own words, without those that the gateway put around
// and behind them.
type refusal struct {
	words string
	err   error
}

func (r *refusal) Error() string { return r.words }
func (r *refusal) Unwrap() error { return r.err }

func plainly(err error) error {
	if err == nil {
		return nil
	}
	for _, d := range status.Convert(err).Details() {
		if d, ok := d.(*gatewaypb.ErrorDetail); ok {
			return &refusal{d.GetMessage(), err}
		}
	}
	return err
}

// heights follows every peer's blocks.
type heights struct {
	f      *fabric
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu     sync.Mutex
	of     map[string]uint64 // peer -> blocks committed
	away   map[string]bool   // peers that a test stopped
	change chan struct{}     // closed and replaced at each change
}

func watchHeights(f *fabric) *heights {
	ctx, cancel := context.WithCancel(context.Background())
	h := &heights{f: f, cancel: cancel, of: map[string]uint64{}, away: map[string]bool{}, change: make(chan struct{})}
	for _, p := range f.Peers() {
		h.of[p.Name] = 0
		h.wg.Go(func() { h.follow(ctx, p) })
	}
	return h
}

func (h *heights) close() {
	h.cancel()
	h.wg.Wait()
}

// follow reads a peer's stream of filtered blocks, over and over.
func (h *heights) follow(ctx context.Context, p network.PeerEndpoint) {
	for {
		if n, err := h.f.at(ctx, chaincodetest.Identity{Org: p.Org, Role: network.RoleReader}, p.Name); err == nil {
			h.mu.Lock()
			next := h.of[p.Name]
			h.mu.Unlock()
			blocks, err := n.FilteredBlockEvents(ctx, client.WithStartBlock(next))
			for err == nil {
				b, ok := <-blocks
				if !ok {
					break
				}
				h.set(func() { h.of[p.Name] = b.GetNumber() + 1 })
			}
		}
		if !poll(ctx) {
			return
		}
	}
}

func (h *heights) set(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
	close(h.change)
	h.change = make(chan struct{})
}

// wait returns when every peer that runs has a block.
func (h *heights) wait(ctx context.Context, block uint64) error {
	for {
		h.mu.Lock()
		var behind []string
		for name, n := range h.of {
			if n <= block && !h.away[name] {
				behind = append(behind, name)
			}
		}
		change := h.change
		h.mu.Unlock()
		if len(behind) == 0 {
			return nil
		}
		select {
		case <-change:
		case <-ctx.Done():
			slices.Sort(behind)
			return fmt.Errorf("block %d has not reached %s: %w", block, strings.Join(behind, ", "), ctx.Err())
		}
	}
}

// top is the number of blocks that the furthest peer has.
func (h *heights) top() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	var top uint64
	for _, n := range h.of {
		top = max(top, n)
	}
	return top
}

// poll waits one poll interval; false when ctx ended.
func poll(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(50 * time.Millisecond):
		return true
	}
}

// eventually calls f until it returns nil.
func eventually(ctx context.Context, f func() error) error {
	for {
		err := f()
		if err == nil || !poll(ctx) {
			return err
		}
	}
}

// testContext bounds one test.
func testContext(t *testing.T, limit time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), limit, errors.New("the test took too long"))
	t.Cleanup(cancel)
	return ctx
}
