package gateway

import (
	"context"
	"iter"

	"domicile/chaincode/record"
)

// FeedEvent says that one record was anchored or that its purge was published.
type FeedEvent struct {
	Kind       string `json:"kind"` // [record.EventAnchored] or [record.EventPurged]
	Region     string `json:"region"`
	Collection string `json:"collection"`
	ID         string `json:"id"`
	Block      uint64 `json:"block"`
	TxID       string `json:"txId"`
}

// FeedOptions chooses events.
type FeedOptions struct {
	// Region keeps events of one region only. Defaults to all.
	Region string
}

// Feed yields anchored and purged records of all regions.
func (c *Client) Feed(ctx context.Context, cp Checkpoint, o FeedOptions) iter.Seq2[FeedEvent, error] {
	return func(yield func(FeedEvent, error) bool) {
		yield(FeedEvent{}, record.Fail(record.CodeInternal, "not available"))
	}
}
