package gateway

import (
	"context"
	"math/rand/v2"
	"slices"

	"domicile/chaincode/record"
)

// Explain returns what decided about records of one collection, in the order of
// ids: metadata, facts, the assessment of retention, holds.
func (c *Client) Explain(ctx context.Context, collection string, ids []string) ([]record.Explanation, error) {
	out := make([]record.Explanation, 0, len(ids))
	for chunk := range slices.Chunk(ids, record.MaxRecords) {
		var part []record.Explanation
		err := c.readInto(ctx, collection, record.OpExplain, record.ExplainRequest{
			Version: record.Version, Region: c.settings.Region, Collection: collection, IDs: chunk,
		}, &part)
		if err != nil {
			return nil, err
		}
		if !slices.EqualFunc(part, chunk, func(e record.Explanation, id string) bool { return e.ID == id }) {
			return nil, record.Fail(record.CodeInternal, "the peer's answer to explain is about other ids")
		}
		out = append(out, part...)
	}
	return out, nil
}

// Explained is the explanation of one record and where it lies.
type Explained struct {
	Collection string `json:"collection"`
	record.Explanation
}

// ExplainAll yields the explanation of every live record of a collection, each
// once, in the order of the index; canaries are left out. An error ends the sequence.
func (c *Client) ExplainAll(ctx context.Context, collection string) func(yield func(Explained, error) bool) {
	return func(yield func(Explained, error) bool) {
		for ids, err := range c.pages(ctx, collection) {
			if err != nil {
				yield(Explained{}, err)
				return
			}
			list, err := c.Explain(ctx, collection, ids)
			if err != nil {
				yield(Explained{}, err)
				return
			}
			for _, e := range list {
				if e.Meta != nil && !e.Meta.Canary && !yield(Explained{collection, e}, nil) {
					return
				}
			}
		}
	}
}

// pages yields the ids of a collection as the index lists them, at most
// [record.MaxRecords] at a time, each id once per page.
func (c *Client) pages(ctx context.Context, collection string) func(yield func([]string, error) bool) {
	return func(yield func([]string, error) bool) {
		req := record.ListRequest{
			Version: record.Version, Region: c.settings.Region, Collection: collection, Limit: record.MaxRecords,
		}
		for {
			var page record.Page
			if err := c.readInto(ctx, collection, record.OpList, req, &page); err != nil {
				yield(nil, err)
				return
			}
			var ids []string
			for _, e := range page.Entries {
				if e.ID != "" && !slices.Contains(ids, e.ID) {
					ids = append(ids, e.ID)
				}
			}
			if len(ids) > 0 && !yield(ids, nil) {
				return
			}
			if page.Next == "" {
				return
			}
			req.After = page.Next
		}
	}
}

// Amend changes the metadata of records of one collection. Every transaction names
// [record.AmendRecords] records, as far as the collection has that many, in random
// order: the changes are filled up with records that stay as they are, so that
// nobody outside can tell which of them was meant. A refusal names the records it
// is about (see [IDs]), and then nothing of that transaction took effect.
func (c *Client) Amend(ctx context.Context, collection string, changes []record.AmendRecord) ([]TxReceipt, error) {
	var done []TxReceipt
	for batch := range slices.Chunk(changes, record.AmendRecords) {
		records, err := c.filled(ctx, collection, batch)
		if err != nil {
			return done, err
		}
		ids := make([]string, len(records))
		for i, r := range records {
			ids[i] = r.ID
		}
		tx, err := c.write(ctx, collection, record.OpAmend, ids, func() (any, map[string][]byte, error) {
			return record.AmendRequest{
				Version: record.Version, Region: c.settings.Region, Collection: collection, Seed: newSeed(), Records: records,
			}, nil, nil
		})
		if err != nil {
			return done, err
		}
		done = append(done, tx)
	}
	return done, nil
}

// fillerPages is how many pages of the index are looked at for records to fill up
// with.
const fillerPages = 4

// filled adds records that stay as they are, and shuffles. All of them come with
// the facts on the ledger, which the contract needs to date them anew.
func (c *Client) filled(ctx context.Context, collection string, batch []record.AmendRecord) ([]record.AmendRecord, error) {
	records := slices.Clone(batch)
	meant := make(map[string]bool, len(batch))
	ids := make([]string, len(batch))
	for i, r := range batch {
		meant[r.ID], ids[i] = true, r.ID
	}
	if missing := record.AmendRecords - len(records); missing > 0 {
		var others []string
		n := 0
		for page, err := range c.pages(ctx, collection) {
			if err != nil {
				return nil, err
			}
			for _, id := range page {
				if !meant[id] {
					others = append(others, id)
				}
			}
			if n++; n >= fillerPages && len(others) >= missing {
				break
			}
		}
		rand.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
		for _, id := range others[:min(missing, len(others))] {
			records = append(records, record.AmendRecord{ID: id})
			ids = append(ids, id)
		}
	}
	why, err := c.Explain(ctx, collection, ids)
	if err != nil {
		return nil, err
	}
	out := records[:0]
	for i, r := range records {
		if why[i].Meta == nil && !meant[r.ID] {
			continue // purged meanwhile; a record that was meant is refused by name
		}
		if r.Facts == nil {
			r.Facts = why[i].Facts
		}
		out = append(out, r)
	}
	rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out, nil
}
