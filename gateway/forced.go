package gateway

import (
	"context"
	"iter"
	"math/rand/v2"
	"slices"

	"domicile/chaincode/record"
)

// Erased is one record that a purge on ground forced or withdrawn was about, and what
// became of it.
type Erased struct {
	ID         string `json:"id"`
	Collection string `json:"collection"`
	Done       bool   `json:"done,omitempty"`
	// Code says why it stays, if so: RETAINED, HELD, NO_CASE, SHARED, NOT_DUE.
	Code record.Code `json:"code,omitempty"`
	TxID string      `json:"txId,omitempty"`
	size int
}

// PurgeForced destroys, on ground forced, what an approved case of erasure lets go,
// and publishes the tombstones. It yields every record about the people of the case.
// officer reads the case and finds the records; nil is the client itself, whose role
// is purger. It may be interrupted and run again.
func (c *Client) PurgeForced(ctx context.Context, officer *Client, reference string) iter.Seq2[Erased, error] {
	if officer == nil {
		officer = c
	}
	return func(yield func(Erased, error) bool) {
		doc, err := officer.CaseOf(ctx, "", reference)
		if err != nil {
			yield(Erased{}, err)
			return
		}
		byCollection := map[string][]Erased{}
		for e, err := range officer.List(ctx, ListQuery{Subjects: doc.Subjects}) {
			if err != nil {
				yield(Erased{}, err)
				return
			}
			byCollection[e.Collection] = append(byCollection[e.Collection], Erased{ID: e.ID, Collection: e.Collection, size: e.Size})
		}
		names, err := officer.Collections(ctx)
		if err != nil {
			yield(Erased{}, err)
			return
		}
		for _, name := range names {
			if !c.eraseIn(ctx, record.PurgeRequest{Collection: name, Ground: record.GroundForced, Case: reference}, byCollection[name], yield) {
				return
			}
		}
	}
}

// eraseIn destroys the records of one collection. It reports whether to go on.
func (c *Client) eraseIn(ctx context.Context, req record.PurgeRequest, list []Erased, yield func(Erased, error) bool) bool {
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	for len(list) > 0 {
		n, size := 1, list[0].size
		for n < len(list) && n < record.BatchRecords && size+list[n].size <= record.BatchBytes {
			size += list[n].size
			n++
		}
		for _, e := range c.eraseBatch(ctx, req, list[:n]) {
			if e.Code != "" && retryableCode(e.Code) {
				yield(Erased{}, record.Fail(e.Code, e.ID))
				return false
			}
			if !yield(e, nil) {
				return false
			}
		}
		list = list[n:]
	}
	if err := c.finishPurged(ctx, req.Collection); err != nil {
		yield(Erased{}, err)
		return false
	}
	return true
}

// eraseBatch purges a batch; of one that is refused, each record alone.
func (c *Client) eraseBatch(ctx context.Context, req record.PurgeRequest, batch []Erased) []Erased {
	req.Part, req.IDs = record.PartAll, nil
	for _, e := range batch {
		req.IDs = append(req.IDs, e.ID)
	}
	if len(batch) == 1 && batch[0].size > record.BatchBytes {
		req.Part = record.PartBody // finishPurged takes the rest
	}
	r, err := c.Purge(ctx, req)
	out := slices.Clone(batch)
	switch {
	case err == nil:
		for i := range out {
			out[i].Done, out[i].TxID = true, r.TxID
		}
	case len(batch) == 1:
		if out[0].Code = record.CodeOf(err); out[0].Code == "" {
			out[0].Code = record.CodeInternal
		}
	default:
		out = out[:0]
		for _, e := range batch {
			out = append(out, c.eraseBatch(ctx, req, []Erased{e})...)
		}
	}
	return out
}
