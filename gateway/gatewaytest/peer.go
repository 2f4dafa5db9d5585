package gatewaytest

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"path/filepath"
	"sync"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	gatewaypb "github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	peerpb "github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
	"domicile/gateway"
)

// peer is one organisation's gateway peer.
type peer struct {
	gatewaypb.UnimplementedGatewayServer
	n        *Network
	settings gateway.Peer
}

// fate is what became of an ordered transaction.
type fate struct {
	block uint64
	code  peerpb.TxValidationCode
}

func (n *Network) startPeer(org string) *peer {
	n.t.Helper()
	key, der := n.selfSigned(template("peer"))
	ca := filepath.Join(n.dir, org+".tls.pem")
	n.writePEM(ca, "CERTIFICATE", der)
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		n.t.Fatal(err)
	}
	region, _ := n.policy.RegionOf(org)
	p := &peer{n: n, settings: gateway.Peer{Name: "peer0." + org, Org: org, Region: region.Name, Address: lis.Addr().String(), TLSCA: ca}}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(64<<20), grpc.Creds(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
	})))
	gatewaypb.RegisterGatewayServer(server, p)
	var served sync.WaitGroup
	served.Go(func() { _ = server.Serve(lis) })
	n.t.Cleanup(func() { server.Stop(); served.Wait() })
	return p
}

// opened takes a signed proposal apart.
func opened(txID string, sp *peerpb.SignedProposal) (chaincodetest.Proposal, *peerpb.Proposal, error) {
	var prop peerpb.Proposal
	var header common.Header
	var sig common.SignatureHeader
	var payload peerpb.ChaincodeProposalPayload
	var spec peerpb.ChaincodeInvocationSpec
	err := errors.Join(
		proto.Unmarshal(sp.GetProposalBytes(), &prop),
		proto.Unmarshal(prop.GetHeader(), &header),
		proto.Unmarshal(header.GetSignatureHeader(), &sig),
		proto.Unmarshal(prop.GetPayload(), &payload),
		proto.Unmarshal(payload.GetInput(), &spec),
	)
	return chaincodetest.Proposal{
		Creator: sig.GetCreator(), Args: spec.GetChaincodeSpec().GetInput().GetArgs(), Transient: payload.GetTransientMap(), TxID: txID,
	}, &prop, err
}

func callOf(method string, p chaincodetest.Proposal) Call {
	c := Call{Method: method, Op: string(p.Transient[record.FieldOp])}
	if len(p.Args) > 0 {
		c.Function = string(p.Args[0])
	}
	return c
}

func (n *Network) ask(before bool, c Call) error {
	n.mu.Lock()
	f := n.after
	if before {
		f = n.before
	}
	n.mu.Unlock()
	if f == nil {
		return nil
	}
	return f(c)
}

// refusal is how a peer's gateway reports what an endorser said.
func (p *peer) refusal(code codes.Code, err error) error {
	st, _ := status.New(code, "failed to endorse transaction, see attached details for more info").WithDetails( //nolint:errcheck // a proto message
		protoadapt.MessageV1Of(&gatewaypb.ErrorDetail{Address: p.settings.Address, MspId: p.settings.Org, Message: err.Error()}))
	return st.Err()
}

// Evaluate implements the Gateway service.
func (p *peer) Evaluate(_ context.Context, r *gatewaypb.EvaluateRequest) (*gatewaypb.EvaluateResponse, error) {
	prop, _, err := opened(r.GetTransactionId(), r.GetProposedTransaction())
	if err != nil {
		return nil, err
	}
	c := callOf("Evaluate", prop)
	if err := p.n.ask(true, c); err != nil {
		return nil, err
	}
	var answer []byte
	if c.Function == "GetBlockByTxID" {
		answer, err = p.n.blockOf(string(prop.Args[2]))
	} else {
		answer, err = p.n.Ledger.Evaluate(prop, p.settings.Org)
	}
	if err != nil {
		return nil, p.refusal(codes.Unknown, err)
	}
	return &gatewaypb.EvaluateResponse{Result: &peerpb.Response{Status: 200, Payload: answer}}, p.n.ask(false, c)
}

func (n *Network) blockOf(txID string) ([]byte, error) {
	n.mu.Lock()
	f := n.fates[txID]
	n.mu.Unlock()
	return proto.Marshal(&common.Block{Header: &common.BlockHeader{Number: f.block}})
}

// Endorse implements the Gateway service.
func (p *peer) Endorse(_ context.Context, r *gatewaypb.EndorseRequest) (*gatewaypb.EndorseResponse, error) {
	prop, raw, err := opened(r.GetTransactionId(), r.GetProposedTransaction())
	if err != nil {
		return nil, err
	}
	c := callOf("Endorse", prop)
	if err := p.n.ask(true, c); err != nil {
		return nil, err
	}
	var tx *chaincodetest.Tx
	if orgs := r.GetEndorsingOrganizations(); len(orgs) > 0 {
		tx, err = p.n.Endorse(prop, orgs...)
	} else {
		tx, err = p.n.Plan(prop, p.settings.Org)
	}
	if err != nil {
		return nil, p.refusal(codes.Aborted, err)
	}
	p.n.mu.Lock()
	p.n.txs[tx.TxID] = tx
	p.n.mu.Unlock()
	env, err := envelope(raw)
	if err != nil {
		return nil, err
	}
	return &gatewaypb.EndorseResponse{PreparedTransaction: env}, p.n.ask(false, c)
}

// envelope is the least that the client library takes for a transaction.
func envelope(prop *peerpb.Proposal) (*common.Envelope, error) {
	var h common.Header
	err := proto.Unmarshal(prop.GetHeader(), &h)
	m := func(x proto.Message) []byte {
		b, e := proto.Marshal(x)
		err = errors.Join(err, e)
		return b
	}
	action := m(&peerpb.ChaincodeAction{Response: &peerpb.Response{Status: 200}})
	resp := m(&peerpb.ProposalResponsePayload{Extension: action})
	tap := m(&peerpb.ChaincodeActionPayload{Action: &peerpb.ChaincodeEndorsedAction{ProposalResponsePayload: resp}})
	tx := m(&peerpb.Transaction{Actions: []*peerpb.TransactionAction{{Payload: tap}}})
	return &common.Envelope{Payload: m(&common.Payload{Header: &h, Data: tx})}, err
}

// Submit implements the Gateway service. It commits at once, one block a transaction;
// a second copy of an envelope changes nothing.
func (p *peer) Submit(_ context.Context, r *gatewaypb.SubmitRequest) (*gatewaypb.SubmitResponse, error) {
	c := Call{Method: "Submit"}
	p.n.mu.Lock()
	tx := p.n.txs[r.GetTransactionId()]
	_, again := p.n.fates[r.GetTransactionId()]
	p.n.mu.Unlock()
	if tx == nil {
		return nil, status.Error(codes.InvalidArgument, "not endorsed here")
	}
	c.Function = string(tx.Args[0])
	if err := p.n.ask(true, c); err != nil {
		return nil, err
	}
	if !again {
		b := p.n.Commit(tx)
		p.n.mu.Lock()
		p.n.fates[tx.TxID] = fate{uint64(b.Number), b.Codes[0]}
		p.n.mu.Unlock()
	}
	return &gatewaypb.SubmitResponse{}, p.n.ask(false, c)
}

// CommitStatus implements the Gateway service.
func (p *peer) CommitStatus(ctx context.Context, r *gatewaypb.SignedCommitStatusRequest) (*gatewaypb.CommitStatusResponse, error) {
	var req gatewaypb.CommitStatusRequest
	if err := proto.Unmarshal(r.GetRequest(), &req); err != nil {
		return nil, err
	}
	p.n.mu.Lock()
	f, ok := p.n.fates[req.GetTransactionId()]
	p.n.mu.Unlock()
	if !ok {
		<-ctx.Done() // as on a real network: never ordered, never answered
		return nil, status.FromContextError(ctx.Err()).Err()
	}
	return &gatewaypb.CommitStatusResponse{Result: f.code, BlockNumber: f.block}, nil
}
