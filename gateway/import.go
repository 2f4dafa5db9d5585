package gateway

import (
	"context"
	"io"
	"iter"

	"domicile/chaincode/record"
)

// ImportOptions says how [Client.Import] reads and places its input. The zero
// value splits Bundles, routes by label and names the import by its content.
type ImportOptions struct {
	// Name names the import. The ids of its records follow from it, so a second
	// run under the same name continues the first. Defaults to the hex SHA-256 of
	// all bytes of the input.
	Name string
	// Collection is where the records go. Defaults to where the holder's routing
	// table sends their labels.
	Collection string
	// Replaces is the id of the record that the input, a single resource,
	// replaces.
	Replaces string
	// Whole keeps a Bundle in one record instead of one for each entry.
	Whole bool
	// NoAnchor leaves the records unanchored. By default the import ends when
	// all of its records are anchored.
	NoAnchor bool
	// Progress, when set, is called after each record, from one goroutine at a
	// time.
	Progress func(ImportProgress)
}

// ImportProgress counts records and bytes of an import that are done: put,
// found, or refused.
type ImportProgress struct {
	Done, Total int
	Bytes       int64
}

// Receipt tells what became of one record of an import.
type Receipt struct {
	ID         string `json:"id"`
	Collection string `json:"collection"`
	// TxID and Block are of the transaction that put the record, whether in this
	// run or an earlier one.
	TxID  string `json:"txId,omitempty"`
	Block uint64 `json:"block,omitempty"`
	// Hash is the anchor hash, see [record.Hash].
	Hash     string   `json:"hash,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	// Already: the very bytes were there before.
	Already bool `json:"already,omitempty"`
	// Gone: the record was purged; it is not put back.
	Gone bool `json:"gone,omitempty"`
	// Ordinal is the place in the input, from 0, as in [fhir.Entry].
	Ordinal int `json:"-"`
}

// Import puts FHIR resources: one, a Bundle, or NDJSON.
func (c *Client) Import(ctx context.Context, r io.ReadSeeker, o ImportOptions) iter.Seq2[Receipt, error] {
	return func(yield func(Receipt, error) bool) {
		yield(Receipt{}, record.Fail(record.CodeInternal, "not available"))
	}
}
