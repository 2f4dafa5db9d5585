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
	// Code says why it stays, if so: RETAINED, HELD, NO_CASE, SHARED, NOT_DUE, or what
	// was in the way, such as MISSING_DATA.
	Code record.Code `json:"code,omitempty"`
	TxID string      `json:"txId,omitempty"`
	// WithoutEvidence: it was purged and left nothing that operators could look for.
	WithoutEvidence bool `json:"withoutEvidence,omitempty"`
	size            int
}

// InTheWay reports whether the record stays for a reason that is no rule of law, so that
// somebody has to look.
func (e Erased) InTheWay() bool {
	switch e.Code {
	case "", record.CodeRetained, record.CodeHeld, record.CodeNoCase, record.CodeShared, record.CodeNotDue, record.CodeGone, record.CodeAbsent:
		return false
	}
	return true
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
	return eraser{c.Purge, c.finishPurged}.run(ctx, req, list, yield)
}

// eraser is what destroying takes of a client.
type eraser struct {
	purge  func(context.Context, record.PurgeRequest) (TxReceipt, error)
	finish func(ctx context.Context, collection string) error
}

func (x eraser) run(ctx context.Context, req record.PurgeRequest, list []Erased, yield func(Erased, error) bool) bool {
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	for len(list) > 0 {
		n, size := 1, list[0].size
		for n < len(list) && n < record.BatchRecords && size+list[n].size <= record.BatchBytes {
			size += list[n].size
			n++
		}
		for _, e := range x.batch(ctx, req, list[:n]) {
			if outOfReach(e.Code) {
				yield(Erased{}, record.Fail(e.Code, e.ID))
				return false
			}
			if !yield(e, nil) {
				return false
			}
		}
		list = list[n:]
	}
	if err := x.finish(ctx, req.Collection); err != nil {
		yield(Erased{}, err)
		return false
	}
	return true
}

// outOfReach reports whether a code says that the ledger cannot be reached, and not that a
// record is in the way, which keeps no other one waiting.
func outOfReach(code record.Code) bool {
	return code != "" && retryableCode(code) && code != record.CodeMissingData && code != record.CodeConflict
}

// batch purges a batch; of one that is refused, each record alone.
func (x eraser) batch(ctx context.Context, req record.PurgeRequest, list []Erased) []Erased {
	req.Part, req.IDs = record.PartAll, nil
	for _, e := range list {
		req.IDs = append(req.IDs, e.ID)
	}
	if len(list) == 1 && list[0].size > record.BatchBytes {
		req.Part = record.PartBody // finish takes the rest
	}
	r, err := x.purge(ctx, req)
	out := slices.Clone(list)
	switch {
	case err == nil:
		for i := range out {
			out[i].Done, out[i].TxID, out[i].WithoutEvidence = true, r.TxID, r.WithoutEvidence
		}
	case len(list) == 1:
		if out[0].Code = record.CodeOf(err); out[0].Code == "" {
			out[0].Code = record.CodeInternal
		}
	default:
		out = out[:0]
		for _, e := range list {
			out = append(out, x.batch(ctx, req, []Erased{e})...)
		}
	}
	return out
}
