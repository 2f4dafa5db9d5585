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
			x := c.eraser()
			x.barren = doc.ApprovedBy == "" || doc.ClosedAt != "" // nothing will go
			if !x.run(ctx, record.PurgeRequest{Collection: name, Ground: record.GroundForced, Case: reference}, byCollection[name], yield) {
				return
			}
		}
	}
}

// eraser destroys the records of one collection.
func (c *Client) eraser() *eraser {
	return &eraser{purge: c.Purge, finish: c.finishPurged, plant: c.plant}
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

	canary string // that no batch has taken yet; what is left goes with what is due, later
	barren bool   // none can be stored
}

// run destroys them, and reports whether to go on.
func (x *eraser) run(ctx context.Context, req record.PurgeRequest, list []Erased, yield func(Erased, error) bool) bool {
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	for len(list) > 0 {
		n, size := 1, list[0].size
		for n < len(list) && n < record.BatchRecords && size+list[n].size <= record.BatchBytes {
			size += list[n].size
			n++
		}
		if !tell(x.batch(ctx, req, list[:n], true), yield) {
			return false
		}
		list = list[n:]
	}
	if err := x.finish(ctx, req.Collection); err != nil {
		yield(Erased{}, err)
		return false
	}
	return true
}

// tell yields what became of a batch, and at last the error of a ledger that cannot be
// reached. It reports whether to go on.
func tell(batch []Erased, yield func(Erased, error) bool) bool {
	var lost error
	for _, e := range batch {
		switch {
		case outOfReach(e.Code):
			lost = record.Fail(e.Code, e.ID)
		case !yield(e, nil):
			return false
		}
	}
	if lost != nil {
		yield(Erased{}, lost)
	}
	return lost == nil
}

// outOfReach reports whether a code says that the ledger cannot be reached, and not that a
// record is in the way, which keeps no other one waiting.
func outOfReach(code record.Code) bool {
	return code != "" && retryableCode(code) && code != record.CodeMissingData && code != record.CodeConflict
}

// batch purges a batch, with a canary if so asked. Of one that is refused, the records that
// are in the way are purged alone, which tells why they stay, and so are all where it is
// not said which. A large body goes without a canary, too.
func (x *eraser) batch(ctx context.Context, req record.PurgeRequest, list []Erased, sow bool) []Erased {
	req.Part = record.PartAll
	if len(list) == 1 && list[0].size > record.BatchBytes {
		req.Part = record.PartBody // finish takes the rest
		return []Erased{x.alone(ctx, req, list[0])}
	}
	canary := ""
	if sow {
		canary = x.withCanary(ctx, req.Collection)
	}
	if canary == "" && len(list) == 1 {
		return []Erased{x.alone(ctx, req, list[0])}
	}
	r, err := x.send(ctx, req, list, canary)
	if err == nil {
		for i := range list {
			list[i].done(r)
		}
		return list
	}
	code, named := record.CodeOf(err), IDs(err)
	bad, rest := part(list, named)
	switch {
	case len(bad) == 0 && canary != "" && !outOfReach(code):
		if slices.Contains(named, canary) {
			x.canary, x.barren = "", code != record.CodeGone
		}
		return x.batch(ctx, req, list, false)
	case len(bad) == 0:
		bad, rest = rest, nil
	}
	if len(rest) > 0 {
		rest = x.batch(ctx, req, rest, sow)
	}
	for i := range bad {
		bad[i] = x.alone(ctx, req, bad[i])
	}
	return append(rest, bad...)
}

// send purges records and a canary, if any, in one transaction.
func (x *eraser) send(ctx context.Context, req record.PurgeRequest, list []Erased, canary string) (TxReceipt, error) {
	req.IDs = nil
	if canary != "" {
		req.IDs = []string{canary}
	}
	for _, e := range list {
		req.IDs = append(req.IDs, e.ID)
	}
	r, err := x.purge(ctx, req)
	if err == nil && canary != "" {
		x.canary = ""
	}
	return r, err
}

// part separates the records that an error names from the others.
func part(list []Erased, named []string) (bad, rest []Erased) {
	for _, e := range list {
		if slices.Contains(named, e.ID) {
			bad = append(bad, e)
		} else {
			rest = append(rest, e)
		}
	}
	return bad, rest
}

// withCanary returns the id of a canary for a batch, "" for none.
func (x *eraser) withCanary(ctx context.Context, collection string) string {
	if x.canary == "" && !x.barren {
		x.canary = x.plant(ctx, collection)
		x.barren = x.canary == ""
	}
	return x.canary
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
