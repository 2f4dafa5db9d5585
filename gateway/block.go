package gateway

import (
	"context"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"google.golang.org/protobuf/proto"

	"domicile/chaincode/record"
)

// BlockOf returns the number of the block that holds a transaction, asked of the
// client's own organisation through Fabric's query system chaincode.
// [ErrAbsent] when the ledger does not know it.
func (c *Client) BlockOf(ctx context.Context, txID string) (uint64, error) {
	b, err := c.evaluate(ctx, &call{
		contract: c.qscc, function: "GetBlockByTxID", args: []string{c.settings.Channel, txID},
		peers: c.own, orgs: []string{c.settings.Org},
	})
	if record.CodeOf(err) == record.CodeInternal { // qscc has no codes; its one refusal is this
		return 0, record.Fail(record.CodeAbsent, "transaction "+txID)
	}
	if err != nil {
		return 0, err
	}
	var block common.Block
	if err := proto.Unmarshal(b, &block); err != nil || block.GetHeader() == nil {
		return 0, record.Fail(record.CodeInternal, "the peer's answer is not a block")
	}
	return block.GetHeader().GetNumber(), nil
}
