package gateway

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	gatewaypb "github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"google.golang.org/protobuf/proto"

	"domicile/chaincode/record"
	"domicile/erasure/certificate"
)

// Certificate collects the certificate of destruction of a purged record from the ledger: whole blocks from peers of the
// client's own organisation, and a read of the tombstone endorsed by peers of two regions. Everything in it is public
// on the channel, so any member can ask for it; attestations and the private annex are added by whoever has them.
//
// collection may be empty when the ledger knows the id in one collection only. Errors: [ErrAbsent],
// [certificate.ErrNotPurged], [ErrUnavailable], or that the ledger's blocks do not prove it.
func (c *Client) Certificate(ctx context.Context, collection, id string) (*certificate.Certificate, error) {
	proofs, err := c.Proof(ctx, []string{id})
	if err != nil {
		return nil, err
	}
	proofs = slices.DeleteFunc(proofs, func(p record.Proof) bool { return collection != "" && p.Collection != collection })
	switch {
	case len(proofs) == 0 || proofs[0].State == record.StateUnknown:
		return nil, record.Fail(record.CodeAbsent, id)
	case len(proofs) > 1:
		return nil, record.Fail(record.CodeBadRequest, "several collections hold something under the id; name one")
	}
	return certificate.Collect(ctx, &ledger{c}, record.Ref{Collection: proofs[0].Collection, ID: id})
}

// Genesis returns the channel's first block as a peer of the client's own organisation has it, a protobuf common.Block.
// Who is to trust a certificate should have it from elsewhere.
func (c *Client) Genesis(ctx context.Context) ([]byte, error) {
	b, err := c.block(ctx, "GetBlockByNumber", "0")
	if err != nil {
		return nil, err
	}
	return proto.Marshal(b)
}

// Register returns the stored value of the register's entry of a purged record, for the private annex of a certificate.
// It names ground and authority. [ErrAbsent] when the collection's record was never purged, [ErrForbidden] for others
// than the holder's officers and auditors.
func (c *Client) Register(ctx context.Context, collection, id string) ([]byte, error) {
	if err := checkIDs([]string{id}); err != nil {
		return nil, err
	}
	return c.read(ctx, collection, record.OpRegister, record.RegisterRequest{
		Version: record.Version, Region: c.settings.Region, Collection: collection, ID: id,
	})
}

// ledger reads the channel for [certificate.Collect].
type ledger struct{ c *Client }

func (l *ledger) BlockByNumber(ctx context.Context, number uint64) (*common.Block, error) {
	return l.c.block(ctx, "GetBlockByNumber", strconv.FormatUint(number, 10))
}

func (l *ledger) BlockByTx(ctx context.Context, txID string) (*common.Block, error) {
	return l.c.block(ctx, "GetBlockByTxID", txID)
}

// Proof has peers of several regions endorse a read. Which ones is planned by the gateway, as for an anchor: the
// contract's own policy asks for two regions. The transaction is dropped; without the client's signature nobody else
// can submit it.
func (l *ledger) Proof(ctx context.Context, r record.Ref) (record.Proof, []byte, error) {
	arg, err := json.Marshal(record.ProofRequest{Version: record.Version, IDs: []string{r.ID}})
	if err != nil {
		return record.Proof{}, nil, err
	}
	tx, err := l.c.endorse(ctx, &call{function: record.FuncProof, args: []string{string(arg)}, peers: l.c.region})
	if err != nil {
		return record.Proof{}, nil, err
	}
	var proofs []record.Proof
	if err := json.Unmarshal(tx.Result(), &proofs); err != nil {
		return record.Proof{}, nil, record.Fail(record.CodeInternal, "the peers' answer does not decode")
	}
	i := slices.IndexFunc(proofs, func(p record.Proof) bool { return p.Collection == r.Collection })
	if i < 0 {
		return record.Proof{}, nil, record.Fail(record.CodeAbsent, r.ID)
	}
	payload, err := payloadOf(tx)
	return proofs[i], payload, err
}

// payloadOf is the payload of a transaction that was not submitted.
func payloadOf(tx *client.Transaction) ([]byte, error) {
	b, err := tx.Bytes()
	if err != nil {
		return nil, record.Fail(record.CodeInternal, "the endorsed read does not encode")
	}
	var prepared gatewaypb.PreparedTransaction
	if err := proto.Unmarshal(b, &prepared); err != nil {
		return nil, record.Fail(record.CodeInternal, "the endorsed read does not decode")
	}
	return prepared.GetEnvelope().GetPayload(), nil
}

// block asks Fabric's query system chaincode of the client's own organisation for a block. Who answers does not matter
// to a certificate, which is verified as a whole.
func (c *Client) block(ctx context.Context, function, arg string) (*common.Block, error) {
	b, err := c.evaluate(ctx, &call{
		contract: c.qscc, function: function, args: []string{c.settings.Channel, arg},
		peers: c.own, orgs: []string{c.settings.Org},
	})
	if record.CodeOf(err) == record.CodeInternal { // qscc has no codes; its one refusal is this
		return nil, record.Fail(record.CodeAbsent, function+" "+arg)
	}
	if err != nil {
		return nil, err
	}
	block := &common.Block{}
	if err := proto.Unmarshal(b, block); err != nil || block.GetHeader() == nil {
		return nil, record.Fail(record.CodeInternal, "the peer's answer is not a block")
	}
	return block, nil
}
