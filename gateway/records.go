package gateway

import (
	"context"
	"errors"
	"iter"
	"slices"

	"domicile/chaincode/record"
)

// Record is one record as read back.
type Record struct {
	ID         string `json:"id"`
	Collection string `json:"collection"`
	Salt       []byte `json:"salt"`
	Bytes      []byte `json:"bytes"` // exactly as they were put
	Hash       string `json:"hash"`  // see [record.Hash]; equals the ledger's
}

// Get reads one record from the collections of the region that the client's
// organisation holds, and checks its bytes against the hash on the ledger.
// [ErrGone] when it was purged, [ErrAbsent] when there is no trace of it,
// [ErrMismatch] when a peer's bytes are not those of the ledger.
func (c *Client) Get(ctx context.Context, id string) (*Record, error) {
	if err := checkIDs([]string{id}); err != nil {
		return nil, err
	}
	names, err := c.Collections(ctx)
	if err != nil {
		return nil, err
	}
	var gone, forbidden error
	absent := false
	for _, name := range names {
		r, err := c.getFrom(ctx, name, id)
		switch {
		case err == nil:
			return r, nil
		case errors.Is(err, ErrAbsent):
			absent = true
		case errors.Is(err, ErrGone):
			gone = err
		case errors.Is(err, ErrForbidden):
			forbidden = err
		default:
			return nil, err
		}
	}
	switch {
	case gone != nil:
		return nil, gone
	case absent:
		return nil, record.Fail(record.CodeAbsent, id)
	}
	return nil, forbidden
}

func (c *Client) getFrom(ctx context.Context, collection, id string) (*Record, error) {
	v, err := c.read(ctx, collection, record.OpGet, record.GetRequest{
		Version: record.Version, Region: c.settings.Region, Collection: collection, ID: id,
	})
	if err != nil {
		return nil, err
	}
	salt, body, err := record.DecodeValue(v)
	if err != nil {
		return nil, record.Fail(record.CodeVersion, id+": stored in a format this program does not know")
	}
	r := &Record{ID: id, Collection: collection, Salt: salt, Bytes: body, Hash: record.Hash(salt, body)}
	states, err := c.Inspect(ctx, collection, []string{id})
	if err != nil {
		return nil, err
	}
	switch {
	case states[0].State == record.InsideGone:
		return nil, record.Fail(record.CodeGone, id)
	case states[0].Hash != r.Hash:
		return nil, record.Fail(record.CodeMismatch, id)
	}
	return r, nil
}

// Inspect returns the state of records in one collection, in the order of ids.
func (c *Client) Inspect(ctx context.Context, collection string, ids []string) ([]record.State, error) {
	out := make([]record.State, 0, len(ids))
	for chunk := range slices.Chunk(ids, record.MaxRecords) {
		var part []record.State
		err := c.readInto(ctx, collection, record.OpInspect, record.InspectRequest{
			Version: record.Version, Region: c.settings.Region, Collection: collection, IDs: chunk,
		}, &part)
		if err != nil {
			return nil, err
		}
		if !slices.EqualFunc(part, chunk, func(s record.State, id string) bool { return s.ID == id }) {
			return nil, record.Fail(record.CodeInternal, "the peer's answer to inspect is about other ids")
		}
		out = append(out, part...)
	}
	return out, nil
}

// Location is where a record is.
type Location struct {
	Collection string `json:"collection,omitempty"` // empty when State is absent
	record.State
}

// Locate finds records among the collections of the region that the client's
// organisation holds and its role may inspect, in the order of ids. An id in
// none of them has the state [record.InsideAbsent].
func (c *Client) Locate(ctx context.Context, ids []string) ([]Location, error) {
	if err := checkIDs(ids); err != nil {
		return nil, err
	}
	names, err := c.Collections(ctx)
	if err != nil {
		return nil, err
	}
	found := make(map[string]Location, len(ids))
	asked := false
	for _, name := range names {
		left := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { l, ok := found[id]; return ok && l.State.State != record.InsideGone })
		if len(left) == 0 {
			break
		}
		states, err := c.Inspect(ctx, name, left)
		if errors.Is(err, ErrForbidden) && (asked || name != names[len(names)-1]) {
			continue
		}
		if err != nil {
			return nil, err
		}
		asked = true
		for _, s := range states {
			// The gone register is the holder's, not the collection's: a
			// collection that holds the record alive comes before it.
			if _, ok := found[s.ID]; !ok && s.State == record.InsideGone || s.State != record.InsideAbsent && s.State != record.InsideGone {
				found[s.ID] = Location{name, s}
			}
		}
	}
	out := make([]Location, len(ids))
	for i, id := range ids {
		l, ok := found[id]
		if !ok {
			l.State = record.State{ID: id, State: record.InsideAbsent}
		}
		out[i] = l
	}
	return out, nil
}

// ListQuery says what [Client.List] lists. At most one of Subjects and Resource
// is set; with neither, every live record is listed.
type ListQuery struct {
	// Subjects are tokens of one or more people, see [Client.SubjectTokens]:
	// records about any of them.
	Subjects []string
	// Resource is the token of a FHIR resource, see [Client.ResourceToken].
	Resource string
	// Collection defaults to all that the client's organisation holds.
	Collection string
}

// ListEntry is one listed record.
type ListEntry = Location

// List yields the live records that match, each once. The index may be a moment
// old; each hit is checked by its own key before it is yielded. An error ends
// the sequence.
func (c *Client) List(ctx context.Context, q ListQuery) iter.Seq2[ListEntry, error] {
	return func(yield func(ListEntry, error) bool) {
		names := []string{q.Collection}
		if q.Collection == "" {
			var err error
			if names, err = c.Collections(ctx); err != nil {
				yield(ListEntry{}, err)
				return
			}
		}
		if len(q.Subjects) > 0 && q.Resource != "" {
			yield(ListEntry{}, record.Fail(record.CodeBadRequest, "list: subject and resource exclude each other"))
			return
		}
		allowed := 0
		for i, name := range names {
			more, err := c.listIn(ctx, name, q, yield)
			if errors.Is(err, ErrForbidden) && (allowed > 0 || i < len(names)-1) {
				continue // the role does not list this collection, but may another
			}
			if err != nil {
				yield(ListEntry{}, err)
				return
			}
			if !more {
				return
			}
			allowed++
		}
	}
}

// listIn lists one collection. more is false once the consumer has enough.
func (c *Client) listIn(ctx context.Context, name string, q ListQuery, yield func(ListEntry, error) bool) (more bool, err error) {
	base := record.ListRequest{Version: record.Version, Region: c.settings.Region, Collection: name, Resource: q.Resource}
	requests := []record.ListRequest{base}
	if len(q.Subjects) > 0 {
		requests = nil
		for _, s := range q.Subjects {
			r := base
			r.Subject = s
			requests = append(requests, r)
		}
	}
	seen := make(map[string]bool)
	for _, req := range requests {
		for {
			var page record.Page
			if err := c.readInto(ctx, name, record.OpList, req, &page); err != nil {
				return false, err
			}
			var ids []string
			for _, e := range page.Entries {
				if !seen[e.ID] {
					seen[e.ID] = true
					ids = append(ids, e.ID)
				}
			}
			states, err := c.Inspect(ctx, name, ids)
			if err != nil {
				return false, err
			}
			for _, s := range states {
				if s.State == record.InsidePresent && !s.Canary && !yield(ListEntry{name, s}, nil) {
					return false, nil
				}
			}
			if page.Next == "" {
				break
			}
			req.After = page.Next
		}
	}
	return true, nil
}

// Due returns a page of the due index of a collection: entries whose due date is
// before (YYYY-MM-DD) or earlier. It is a hint: read each record with Inspect
// before acting. after is the Next of the page before, empty at the start.
func (c *Client) Due(ctx context.Context, collection, before, after string) (record.Page, error) {
	var page record.Page
	err := c.readInto(ctx, collection, record.OpDue, record.DueRequest{
		Version: record.Version, Region: c.settings.Region, Collection: collection, Before: before, After: after,
	}, &page)
	return page, err
}
