package gateway

import (
	"context"

	"domicile/chaincode/record"
)

type coalescer struct{ c *Client }

func newCoalescer(c *Client) *coalescer { return &coalescer{c} }

// Anchor publishes the hashes of records.
func (c *Client) Anchor(ctx context.Context, region string, refs []record.AnchorRef) (TxReceipt, error) {
	return TxReceipt{}, record.Fail(record.CodeInternal, "not available")
}

// Tombstone publishes that records are gone.
func (c *Client) Tombstone(ctx context.Context, refs []record.Ref) (TxReceipt, error) {
	return TxReceipt{}, record.Fail(record.CodeInternal, "not available")
}
