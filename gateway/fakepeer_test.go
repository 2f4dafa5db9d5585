package gateway

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	gatewaypb "github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
)

// fakePeer speaks Fabric's Gateway protocol over real TLS. It records what
// reached it and fails on demand; what the ledger answers is fakeLedger's.
type fakePeer struct {
	gatewaypb.UnimplementedGatewayServer
	Peer
	ledger *fakeLedger
	server *grpc.Server

	mu   sync.Mutex
	seen []seen
	// fail, when set, is asked before each method; its error is the answer.
	// after is asked once the method took effect.
	fail, after func(seen) error
}

// seen is one message that reached a peer.
type seen struct {
	method    string // Evaluate, Endorse, Submit, CommitStatus, ChaincodeEvents
	function  string
	op        string
	txID      string
	orgs      []string
	transient map[string][]byte
	args      []string
}

func (p *fakePeer) note(s seen) error {
	p.mu.Lock()
	p.seen = append(p.seen, s)
	f := p.fail
	p.mu.Unlock()
	if f == nil {
		return nil
	}
	return f(s)
}

func (p *fakePeer) done(s seen) error {
	p.mu.Lock()
	f := p.after
	p.mu.Unlock()
	if f == nil {
		return nil
	}
	return f(s)
}

func (p *fakePeer) onFail(f func(seen) error)  { p.mu.Lock(); p.fail = f; p.mu.Unlock() }
func (p *fakePeer) onAfter(f func(seen) error) { p.mu.Lock(); p.after = f; p.mu.Unlock() }

func (p *fakePeer) saw() []seen {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]seen(nil), p.seen...)
}

func (p *fakePeer) count(match func(seen) bool) int {
	n := 0
	for _, s := range p.saw() {
		if match(s) {
			n++
		}
	}
	return n
}

func method(m string) func(seen) bool { return func(s seen) bool { return s.method == m } }

func opened(method, txID string, orgs []string, sp *peer.SignedProposal) (seen, *peer.Proposal) {
	s := seen{method: method, txID: txID, orgs: orgs}
	var prop peer.Proposal
	var payload peer.ChaincodeProposalPayload
	var spec peer.ChaincodeInvocationSpec
	must(proto.Unmarshal(sp.GetProposalBytes(), &prop))
	must(proto.Unmarshal(prop.GetPayload(), &payload))
	must(proto.Unmarshal(payload.GetInput(), &spec))
	for i, a := range spec.GetChaincodeSpec().GetInput().GetArgs() {
		if i == 0 {
			s.function = string(a)
			continue
		}
		s.args = append(s.args, string(a))
	}
	s.transient = payload.GetTransientMap()
	s.op = string(s.transient["op"])
	return s, &prop
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func refusal(code codes.Code, p *fakePeer, err error) error {
	st, serr := status.New(code, "failed to endorse transaction, see attached details for more info").WithDetails(
		protoadapt.MessageV1Of(&gatewaypb.ErrorDetail{Address: p.Address, MspId: p.Org, Message: "chaincode response 500, " + err.Error()}))
	must(serr)
	return st.Err()
}

func (p *fakePeer) Evaluate(ctx context.Context, r *gatewaypb.EvaluateRequest) (*gatewaypb.EvaluateResponse, error) {
	s, _ := opened("Evaluate", r.GetTransactionId(), r.GetTargetOrganizations(), r.GetProposedTransaction())
	if err := p.note(s); err != nil {
		return nil, err
	}
	b, _, err := p.ledger.simulate(s)
	if err != nil {
		return nil, refusal(codes.Unknown, p, err)
	}
	return &gatewaypb.EvaluateResponse{Result: &peer.Response{Status: 200, Payload: b}}, p.done(s)
}

func (p *fakePeer) Endorse(ctx context.Context, r *gatewaypb.EndorseRequest) (*gatewaypb.EndorseResponse, error) {
	s, prop := opened("Endorse", r.GetTransactionId(), r.GetEndorsingOrganizations(), r.GetProposedTransaction())
	if err := p.note(s); err != nil {
		return nil, err
	}
	_, effect, err := p.ledger.simulate(s)
	if err != nil {
		return nil, refusal(codes.Aborted, p, err)
	}
	p.ledger.endorsed(s, effect)
	return &gatewaypb.EndorseResponse{PreparedTransaction: envelope(prop)}, p.done(s)
}

// envelope is the least that the client library takes for a transaction.
func envelope(prop *peer.Proposal) *common.Envelope {
	var h common.Header
	must(proto.Unmarshal(prop.GetHeader(), &h))
	m := func(x proto.Message) []byte { b, err := proto.Marshal(x); must(err); return b }
	action := m(&peer.ChaincodeAction{Response: &peer.Response{Status: 200}})
	resp := m(&peer.ProposalResponsePayload{Extension: action})
	tap := m(&peer.ChaincodeActionPayload{Action: &peer.ChaincodeEndorsedAction{ProposalResponsePayload: resp}})
	tx := m(&peer.Transaction{Actions: []*peer.TransactionAction{{Payload: tap}}})
	return &common.Envelope{Payload: m(&common.Payload{Header: &h, Data: tx})}
}

func (p *fakePeer) Submit(ctx context.Context, r *gatewaypb.SubmitRequest) (*gatewaypb.SubmitResponse, error) {
	s := seen{method: "Submit", txID: r.GetTransactionId()}
	if err := p.note(s); err != nil {
		return nil, err
	}
	p.ledger.order(s.txID)
	return &gatewaypb.SubmitResponse{}, p.done(s)
}

func (p *fakePeer) CommitStatus(ctx context.Context, r *gatewaypb.SignedCommitStatusRequest) (*gatewaypb.CommitStatusResponse, error) {
	var req gatewaypb.CommitStatusRequest
	must(proto.Unmarshal(r.GetRequest(), &req))
	s := seen{method: "CommitStatus", txID: req.GetTransactionId()}
	if err := p.note(s); err != nil {
		return nil, err
	}
	block, code, err := p.ledger.commit(ctx, s.txID)
	if err != nil {
		return nil, status.FromContextError(err).Err()
	}
	return &gatewaypb.CommitStatusResponse{Result: code, BlockNumber: block}, p.done(s)
}

func (p *fakePeer) ChaincodeEvents(r *gatewaypb.SignedChaincodeEventsRequest, out grpc.ServerStreamingServer[gatewaypb.ChaincodeEventsResponse]) error {
	var req gatewaypb.ChaincodeEventsRequest
	must(proto.Unmarshal(r.GetRequest(), &req))
	if err := p.note(seen{method: "ChaincodeEvents"}); err != nil {
		return err
	}
	from := req.GetStartPosition().GetSpecified().GetNumber()
	for {
		b, err := p.ledger.nextEvents(out.Context(), from)
		if err != nil {
			return status.FromContextError(err).Err()
		}
		if err := p.note(seen{method: "event"}); err != nil {
			return err
		}
		if err := out.Send(b); err != nil {
			return err
		}
		from = b.GetBlockNumber() + 1
	}
}

// start listens on a free loopback port and writes the CA the client trusts.
func startPeer(t testing.TB, ledger *fakeLedger, name, org, region string) *fakePeer {
	t.Helper()
	ca, cert := tlsPair(t)
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &fakePeer{ledger: ledger, Peer: Peer{Name: name, Org: org, Region: region, Address: lis.Addr().String(), TLSCA: ca}}
	p.server = grpc.NewServer(grpc.MaxRecvMsgSize(64<<20), grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{cert}})))
	gatewaypb.RegisterGatewayServer(p.server, p)
	var served sync.WaitGroup
	served.Go(func() { _ = p.server.Serve(lis) })
	t.Cleanup(func() { p.server.Stop(); served.Wait() })
	return p
}

func tlsPair(t testing.TB) (caPath string, cert tls.Certificate) {
	t.Helper()
	key, der := selfSigned(t, "peer")
	caPath = filepath.Join(t.TempDir(), "ca.pem")
	writePEM(t, caPath, "CERTIFICATE", der)
	return caPath, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func selfSigned(t testing.TB, cn string) (*ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: cn},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return key, der
}

func writePEM(t testing.TB, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
