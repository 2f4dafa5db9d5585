package integration

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	gatewaypb "github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
	"domicile/integration/kit"
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
	plain    map[string]*kit.Identity // certificates without a role
}

var _ chaincodetest.Network = (*fabric)(nil)

func newFabric(n *network.Network) *fabric {
	f := &fabric{
		Network: n, conns: map[string]*grpc.ClientConn{}, gateways: map[string]*client.Gateway{}, plain: map[string]*kit.Identity{},
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
	g, err := client.Connect(id.ID, client.WithSign(id.Sign), client.WithHash(hash.SHA256), client.WithClientConnection(c))
	if err != nil {
		return nil, err
	}
	f.gateways[name] = g
	return g.GetNetwork(network.Channel), nil
}

func gatewayName(as chaincodetest.Identity, peer string) string {
	return as.Org + "/" + as.Role + "/" + peer
}

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
		if err = plainly(err); err == nil || !outOfBreath(err) || !kit.Pause(ctx) {
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
		if i < len(txs)-1 {
			if err := f.everyOrdererHas(ctx, tx); err != nil {
				return nil, err
			}
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

// everyOrdererHas hands a submitted transaction to each orderer and waits for the
// answers. The gateway waits for a quorum of them only, and the leader, who decides the
// order, need not be in it. That an orderer has it already is as good.
func (f *fabric) everyOrdererHas(ctx context.Context, tx *client.Transaction) error {
	b, err := tx.Bytes()
	if err != nil {
		return err
	}
	prepared := &gatewaypb.PreparedTransaction{}
	if err := proto.Unmarshal(b, prepared); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, o := range f.Orderers() {
		g.Go(func() error {
			f.mu.Lock()
			conn, err := f.conn(ctx, o.Name)
			f.mu.Unlock()
			if err != nil {
				return err
			}
			stream, err := orderer.NewAtomicBroadcastClient(conn).Broadcast(ctx)
			if err != nil {
				return err
			}
			if err := stream.Send(prepared.GetEnvelope()); err != nil {
				return err
			}
			_, err = stream.Recv()
			return errors.Join(err, stream.CloseSend())
		})
	}
	return g.Wait()
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
		case !strings.Contains(err.Error(), "insufficient number of orderers") || !kit.Pause(ctx):
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
	creator, err := proto.Marshal(&msp.SerializedIdentity{Mspid: as.Org, IdBytes: id.ID.Credentials()})
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
		if err = plainly(err); err == nil || !outOfBreath(err) || !kit.Pause(ctx) {
			return b, err
		}
	}
}

// evaluateAt asks the one peer behind a connection.
func evaluateAt(ctx context.Context, n *client.Network, c chaincodetest.Call) ([]byte, error) {
	opts := []client.ProposalOption{client.WithArguments(c.Args...), client.WithEndorsingOrganizations(c.As.Org)}
	if len(c.Transient) > 0 {
		opts = append(opts, client.WithTransient(c.Transient))
	}
	b, err := n.GetContract(network.Chaincode).EvaluateWithContext(ctx, c.Function, opts...)
	return b, plainly(err)
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
