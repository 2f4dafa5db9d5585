package gateway

import (
	"context"

	"domicile/chaincode/record"
)

// PauseOrder stops or resumes the purges of a holder.
type PauseOrder struct {
	// Collection is any record collection of the holder. Empty: the client's first.
	Collection string
	// Resume ends the pause instead.
	Resume bool
	// Except names grounds that go on, of forced alone. See [record.Pause].
	Except            []record.Ground
	Authority, Reason string
}

// Pause stops the holder's purges from the block of its receipt on, or resumes
// them. Repeating it changes nothing. The caller needs the role officer.
func (c *Client) Pause(ctx context.Context, o PauseOrder) (TxReceipt, error) {
	collection, err := c.orFirst(ctx, o.Collection)
	if err != nil {
		return TxReceipt{}, err
	}
	return c.write(ctx, collection, record.OpPause, nil, func() (any, map[string][]byte, error) {
		return record.PauseRequest{
			Version: record.Version, Region: c.settings.Region, Collection: collection, Seed: newSeed(),
			Paused: !o.Resume, Except: o.Except, Authority: o.Authority, Reason: o.Reason,
		}, nil, nil
	})
}

// Paused returns the pause of the holder of a collection ("": the client's first),
// nil while its purges run.
func (c *Client) Paused(ctx context.Context, collection string) (*record.Pause, error) {
	collection, err := c.orFirst(ctx, collection)
	if err != nil {
		return nil, err
	}
	var p record.Paused
	err = c.readInto(ctx, collection, record.OpPaused, record.PausedRequest{
		Version: record.Version, Region: c.settings.Region, Collection: collection,
	}, &p)
	return p.Pause, err
}
