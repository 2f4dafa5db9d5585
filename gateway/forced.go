package gateway

import (
	"context"
	"iter"
	"math/rand/v2"
	"slices"
	"time"

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
	x := &eraser{purge: c.Purge, finish: c.finishPurged, plant: c.plant}
	return x.run(ctx, req, list, yield)
}

// plant stores a canary that may be purged today, in every time zone, and returns its
// id; "" if it could not.
func (c *Client) plant(ctx context.Context, collection string) string {
	k, err := c.Canary(ctx, collection, time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly))
	if err != nil {
		c.log.Warn("no canary could be stored", "collection", collection, "code", record.CodeOf(err))
		return ""
	}
	return k.ID
}

// eraser is what destroying takes of a client.
type eraser struct {
	purge  func(context.Context, record.PurgeRequest) (TxReceipt, error)
	finish func(ctx context.Context, collection string) error
	plant  func(ctx context.Context, collection string) string

	canary string // that no batch has taken yet
	barren bool   // none can be stored
}

func (x *eraser) run(ctx context.Context, req record.PurgeRequest, list []Erased, yield func(Erased, error) bool) bool {
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
	if x.canary != "" {
		// One that is refused goes with what is due, later.
		_, _ = x.purge(ctx, record.PurgeRequest{Collection: req.Collection, Ground: record.GroundDue, IDs: []string{x.canary}})
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

// batch purges a batch, with a canary. Of one that is refused, the records that are in the
// way are purged alone, which tells why they stay, and so are all where it is not said
// which. A large body goes without a canary, too.
func (x *eraser) batch(ctx context.Context, req record.PurgeRequest, list []Erased) []Erased {
	req.Part = record.PartAll
	if len(list) == 1 && list[0].size > record.BatchBytes {
		req.Part = record.PartBody // finish takes the rest
		return []Erased{x.alone(ctx, req, list[0])}
	}
	req.IDs = x.withCanary(ctx, req.Collection)
	if len(req.IDs)+len(list) == 1 {
		return []Erased{x.alone(ctx, req, list[0])}
	}
	for _, e := range list {
		req.IDs = append(req.IDs, e.ID)
	}
	r, err := x.purge(ctx, req)
	if err == nil {
		x.canary = ""
		for i := range list {
			list[i].done(r)
		}
		return list
	}
	named := IDs(err)
	if slices.Contains(named, x.canary) {
		x.canary, x.barren = "", true
	}
	bad, rest := inTheWay(list, named)
	if len(rest) > 0 {
		rest = x.batch(ctx, req, rest)
	}
	for i := range bad {
		bad[i] = x.alone(ctx, req, bad[i])
	}
	return append(bad, rest...)
}

// inTheWay parts the records that an error names from the others; where it names nothing,
// all are in the way.
func inTheWay(list []Erased, named []string) (bad, rest []Erased) {
	for _, e := range list {
		if slices.Contains(named, e.ID) {
			bad = append(bad, e)
		} else {
			rest = append(rest, e)
		}
	}
	if len(named) == 0 {
		return rest, nil
	}
	return bad, rest
}

// withCanary returns the id of a canary for a batch, or none.
func (x *eraser) withCanary(ctx context.Context, collection string) []string {
	if x.canary == "" && !x.barren {
		x.canary = x.plant(ctx, collection)
		x.barren = x.canary == ""
	}
	if x.canary == "" {
		return nil
	}
	return []string{x.canary}
}

// alone purges one record.
func (x *eraser) alone(ctx context.Context, req record.PurgeRequest, e Erased) Erased {
	req.IDs = []string{e.ID}
	r, err := x.purge(ctx, req)
	if err == nil {
		e.done(r)
	} else if e.Code = record.CodeOf(err); e.Code == "" {
		e.Code = record.CodeInternal
	}
	return e
}

func (e *Erased) done(r TxReceipt) {
	e.Done, e.TxID, e.WithoutEvidence = true, r.TxID, r.WithoutEvidence
}
