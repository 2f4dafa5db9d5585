package gateway

import (
	"context"
	"iter"
	"slices"
	"time"

	"domicile/chaincode/record"
	"domicile/fhir"
)

// Withdrawal is a disclosed copy whose terms have ended.
type Withdrawal struct {
	ID         string `json:"id"`
	Collection string `json:"collection"`
	Until      string `json:"until,omitempty"`      // last day of its terms, if that ended it
	ConsentEnd string `json:"consentEnd,omitempty"` // last day of a consent, recorded after the copy was made, if that did
	Authority  string `json:"authority"`            // of the terms
	Size       int    `json:"size,omitempty"`
	// Matters are those of the holds that keep it.
	Matters []string `json:"matters,omitempty"`
}

// PlanWithdrawn yields the copies held for others whose terms have ended, by date or
// because a consent ended since they were made. It changes nothing. collections
// defaults to all that the organisation holds; the role is purger or officer.
func (c *Client) PlanWithdrawn(ctx context.Context, collections []string) iter.Seq2[Withdrawal, error] {
	return func(yield func(Withdrawal, error) bool) {
		names, err := c.shared(ctx, collections)
		if err != nil {
			yield(Withdrawal{}, err)
			return
		}
		for _, name := range names {
			col, err := c.holding(ctx, name)
			if err != nil {
				yield(Withdrawal{}, err)
				return
			}
			part, err := c.cachedPrivate(ctx, col.Log)
			if err != nil {
				yield(Withdrawal{}, err)
				return
			}
			today := fhir.DayIn(time.Now(), part.Custodian.Location())
			for e, err := range c.explainDue(ctx, name) {
				if err != nil {
					yield(Withdrawal{}, err)
					return
				}
				if w, ok := ended(e, today); ok && !yield(w, nil) {
					return
				}
			}
		}
	}
}

// explainDue yields the explanation of every live record that the due index lists, as
// a purger may read it.
func (c *Client) explainDue(ctx context.Context, collection string) iter.Seq2[Explained, error] {
	return func(yield func(Explained, error) bool) {
		for after := ""; ; {
			page, err := c.Due(ctx, collection, record.UndatedDue, after)
			if err != nil {
				yield(Explained{}, err)
				return
			}
			var ids []string
			for _, e := range page.Entries {
				if !e.Gone && !slices.Contains(ids, e.ID) {
					ids = append(ids, e.ID)
				}
			}
			list, err := c.Explain(ctx, collection, ids)
			if err != nil {
				yield(Explained{}, err)
				return
			}
			for _, e := range list {
				if e.Meta != nil && !yield(Explained{collection, e}, nil) {
					return
				}
			}
			if after = page.Next; after == "" {
				return
			}
		}
	}
}

// shared returns the collections of several members among those named, or of all.
func (c *Client) shared(ctx context.Context, names []string) ([]string, error) {
	all := names
	if len(names) == 0 {
		var err error
		if all, err = c.Collections(ctx); err != nil {
			return nil, err
		}
	}
	var out []string
	for _, name := range all {
		col, err := c.holding(ctx, name)
		if err != nil {
			return nil, err
		}
		if len(col.Members) > 1 {
			out = append(out, name)
		}
	}
	return out, nil
}

// ended tells whether the terms of a copy have ended, as the contract will judge them.
func ended(e Explained, today fhir.Date) (Withdrawal, bool) {
	m := e.Meta
	if m == nil || m.Custody != record.Disclosed || m.Terms == nil {
		return Withdrawal{}, false
	}
	w := Withdrawal{ID: e.ID, Collection: e.Collection, Authority: m.Terms.Authority, Size: m.Size, Matters: e.Matters}
	past := func(text string) bool {
		day, err := fhir.ParseDate(text)
		return err == nil && day.Compare(today) < 0
	}
	if m.Terms.Until != "" && past(m.Terms.Until) {
		w.Until = m.Terms.Until
	}
	for _, f := range e.Facts { // those in force
		if f.Kind == record.FactConsentEnd && !f.Withdrawn && f.At >= m.PutAt && past(f.Date) {
			w.ConsentEnd = max(w.ConsentEnd, f.Date)
		}
	}
	return w, w.Until != "" || w.ConsentEnd != ""
}

// PurgeWithdrawn destroys, on ground withdrawn, the copies that [Client.PlanWithdrawn]
// yields, and publishes the tombstones. It yields each of them; the role is purger. It
// may be interrupted and run again.
func (c *Client) PurgeWithdrawn(ctx context.Context, collections []string) iter.Seq2[Erased, error] {
	return func(yield func(Erased, error) bool) {
		names, err := c.shared(ctx, collections)
		if err != nil {
			yield(Erased{}, err)
			return
		}
		byCollection := map[string][]Erased{}
		for w, err := range c.PlanWithdrawn(ctx, names) {
			if err != nil {
				yield(Erased{}, err)
				return
			}
			byCollection[w.Collection] = append(byCollection[w.Collection], Erased{ID: w.ID, Collection: w.Collection, size: w.Size})
		}
		for _, name := range names {
			if !c.eraser().run(ctx, record.PurgeRequest{Collection: name, Ground: record.GroundWithdrawn}, byCollection[name], yield) {
				return
			}
		}
	}
}
