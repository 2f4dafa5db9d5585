package gateway

import (
	"context"
	"errors"
	"slices"

	"domicile/chaincode/record"
)

// beforeAll is a day before every due date: only what is gone without a tombstone
// is listed for it.
const beforeAll = "0001-01-01"

// finishPurged brings to its end what purges of a collection began, this client's or
// any that was interrupted: second parts of large records, and tombstones. A client
// whose role may not do that leaves it to the next purge run.
func (c *Client) finishPurged(ctx context.Context, collection string) error {
	for after := ""; ; {
		page, err := c.Due(ctx, collection, beforeAll, after)
		if errors.Is(err, ErrForbidden) {
			return nil
		}
		if err != nil {
			return err
		}
		var gone []string
		for _, e := range page.Entries {
			if e.Gone {
				gone = append(gone, e.ID)
			}
		}
		for ids := range slices.Chunk(gone, record.MaxRecords) {
			if err := c.finish(ctx, collection, ids); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		after = page.Next
	}
}

func (c *Client) finish(ctx context.Context, collection string, ids []string) error {
	states, err := c.Inspect(ctx, collection, ids)
	if err != nil {
		return err
	}
	refs := make([]record.Ref, len(ids))
	for i, s := range states {
		refs[i] = record.Ref{Collection: collection, ID: s.ID}
		if s.State != record.InsidePartial {
			continue
		}
		_, err := c.Purge(ctx, record.PurgeRequest{
			Collection: collection, Ground: record.GroundDue, Part: record.PartRest, IDs: []string{s.ID},
		})
		if err != nil && !errors.Is(err, ErrGone) { // gone: another run took the rest
			return err
		}
	}
	if _, err := c.Tombstone(ctx, refs); err != nil {
		return err
	}
	return c.settleTombstones(ctx, collection, ids)
}

// settleTombstones takes published tombstones off the list of what is to do. A peer that
// has not processed them yet refuses; one that stays behind leaves it to the next run.
// Where another run has taken all of them off meanwhile there is nothing left to do.
func (c *Client) settleTombstones(ctx context.Context, collection string, ids []string) error {
	for tries := 1; ; tries++ {
		_, err := c.Purge(ctx, record.PurgeRequest{Collection: collection, Ground: record.GroundDue, Settle: ids})
		if errors.Is(err, ErrSettled) {
			return nil
		}
		if !errors.Is(err, ErrAbsent) {
			return err
		}
		if tries == publishTries {
			return nil
		}
		if err := c.pause(ctx, tries); err != nil {
			return err
		}
	}
}
