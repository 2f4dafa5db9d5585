package gateway

import (
	"context"

	"domicile/chaincode/record"
)

// BlockOf returns the number of the block that holds a transaction, asked of the
// client's own organisation through Fabric's query system chaincode.
// [ErrAbsent] when the ledger does not know it.
func (c *Client) BlockOf(ctx context.Context, txID string) (uint64, error) {
	b, err := c.block(ctx, "GetBlockByTxID", txID)
	if record.CodeOf(err) == record.CodeAbsent {
		return 0, record.Fail(record.CodeAbsent, "transaction "+txID)
	}
	if err != nil {
		return 0, err
	}
	return b.GetHeader().GetNumber(), nil
}
