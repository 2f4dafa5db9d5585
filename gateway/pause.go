package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"domicile/chaincode/record"
)

// PauseOrder stops or resumes the purges of a holder.
type PauseOrder struct {
	// Collection is any record collection of one holder, whose purges alone are
	// meant. Empty: all that the client's organisation holds, alone or with others.
	Collection string
	// Resume ends the pause instead.
	Resume bool
	// Except names grounds that go on, of forced alone. See [record.Pause].
	Except            []record.Ground
	Authority, Reason string
}

// Pause stops the holder's purges from the blocks of its receipts on, or resumes
// them. A pause stands in a log collection, and collections that are held with others
// have a log of their own, so there may be several transactions. An error does not keep
// the others from being sent; it names the collections whose purges go on. Repeating it
// changes nothing. The caller needs the role officer.
func (c *Client) Pause(ctx context.Context, o PauseOrder) ([]TxReceipt, error) {
	names, err := c.oneOfEachLog(ctx, o.Collection)
	if err != nil {
		return nil, err
	}
	var out []TxReceipt
	var errs []error
	for _, collection := range names {
		tx, err := c.write(ctx, collection, record.OpPause, nil, func() (any, map[string][]byte, error) {
			return record.PauseRequest{
				Version: record.Version, Region: c.settings.Region, Collection: collection, Seed: newSeed(),
				Paused: !o.Resume, Except: o.Except, Authority: o.Authority, Reason: o.Reason,
			}, nil, nil
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("nothing changed for %s and what shares its log: %w", collection, err))
			continue
		}
		out = append(out, tx)
	}
	return out, errors.Join(errs...)
}

// Paused returns the pause of the holder of a collection, nil while its purges run.
// Without a collection it is the first pause among all that the client's organisation
// holds, alone or with others.
func (c *Client) Paused(ctx context.Context, collection string) (*record.Pause, error) {
	names, err := c.oneOfEachLog(ctx, collection)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		var p record.Paused
		err := c.readInto(ctx, name, record.OpPaused, record.PausedRequest{
			Version: record.Version, Region: c.settings.Region, Collection: name,
		}, &p)
		if err != nil || p.Pause != nil {
			return p.Pause, err
		}
	}
	return nil, nil
}

// Running names the record collections of the client's organisation, one for each log,
// whose purges nobody has stopped.
func (c *Client) Running(ctx context.Context) ([]string, error) {
	names, err := c.oneOfEachLog(ctx, "")
	if err != nil {
		return nil, err
	}
	var out []string
	for _, name := range names {
		p, err := c.Paused(ctx, name)
		if err != nil {
			return nil, err
		}
		if p == nil {
			out = append(out, name)
		}
	}
	return out, nil
}

// oneOfEachLog returns a collection as it is, or one record collection for each log of
// the client's organisation.
func (c *Client) oneOfEachLog(ctx context.Context, collection string) ([]string, error) {
	if collection != "" {
		return []string{collection}, nil
	}
	names, err := c.Collections(ctx)
	if err != nil {
		return nil, err
	}
	r, err := c.ownRegion(ctx)
	if err != nil {
		return nil, err
	}
	var out, logs []string
	for _, name := range names {
		col, ok := r.Collection(name)
		if ok && !slices.Contains(logs, col.Log) {
			out, logs = append(out, name), append(logs, col.Log)
		}
	}
	return out, nil
}
