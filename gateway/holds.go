package gateway

import (
	"context"

	"domicile/chaincode/record"
)

// HoldOrder is an order to set or release one legal hold on records and people.
type HoldOrder struct {
	// Collection is any record collection of the holder whose register of holds
	// is meant. Defaults to the first that the client's organisation holds alone.
	Collection string
	IDs        []string // records
	Subjects   []string // tokens, see [Client.SubjectTokens]
	// Query holds every record of Collection that matches it, now or when it is
	// put later. It stands alone, and Collection must be given.
	Query     *record.Query
	Matter    string // the case's reference, 1 to 200 bytes
	Authority string // who ordered it and under what
	Reason    string
	// For, to set, is who first set the hold that this one carries on to another
	// record ([record.Matter]): that person does not release it there either.
	For string
}

// Hold sets a legal hold. Setting one that is set already succeeds.
func (c *Client) Hold(ctx context.Context, o HoldOrder) (TxReceipt, error) {
	return c.hold(ctx, record.OpHold, o)
}

// Release ends a legal hold. [ErrNotHeld] when it was not set.
func (c *Client) Release(ctx context.Context, o HoldOrder) (TxReceipt, error) {
	return c.hold(ctx, record.OpRelease, o)
}

func (c *Client) hold(ctx context.Context, op string, o HoldOrder) (TxReceipt, error) {
	collection, err := c.orFirst(ctx, o.Collection)
	if err != nil {
		return TxReceipt{}, err
	}
	return c.write(ctx, collection, op, o.IDs, func() (any, map[string][]byte, error) {
		return record.HoldRequest{
			Version: record.Version, Region: c.settings.Region, Collection: collection, Seed: newSeed(),
			IDs: o.IDs, Subjects: o.Subjects, Query: o.Query, Matter: o.Matter, Authority: o.Authority, Reason: o.Reason,
			For: o.For,
		}, nil, nil
	})
}

// HoldsQuery asks which holds bind records and people.
type HoldsQuery struct {
	Collection string // as in [HoldOrder]
	IDs        []string
	Subjects   []string // tokens
	Queries    bool     // all holds by query of the register, too
}

// Holds returns the holds on records and people of the query.
func (c *Client) Holds(ctx context.Context, q HoldsQuery) ([]record.Hold, error) {
	collection, err := c.orFirst(ctx, q.Collection)
	if err != nil {
		return nil, err
	}
	var holds []record.Hold
	err = c.readInto(ctx, collection, record.OpHolds, record.HoldsRequest{
		Version: record.Version, Region: c.settings.Region, Collection: collection, IDs: q.IDs, Subjects: q.Subjects, Queries: q.Queries,
	}, &holds)
	return holds, err
}

func (c *Client) orFirst(ctx context.Context, collection string) (string, error) {
	if collection != "" {
		return collection, nil
	}
	names, err := c.Collections(ctx)
	if err != nil {
		return "", err
	}
	return names[0], nil
}
