package cli

import (
	"context"
	"strings"
	"time"

	"domicile/chaincode/record"
	"domicile/gateway"
	"domicile/purge"
)

// ledger is a gateway client as the purge package sees it: [purge.Ledger] and
// [purge.Peers].
type ledger struct{ *gateway.Client }

var (
	_ purge.Ledger = ledger{}
	_ purge.Peers  = ledger{}
)

func newLedger(c *gateway.Client) ledger { return ledger{c} }

func (l ledger) Purge(ctx context.Context, q record.PurgeRequest) (purge.Receipt, error) {
	r, err := l.Client.Purge(ctx, q)
	return purge.Receipt(r), err
}

func (l ledger) Tombstone(ctx context.Context, refs []record.Ref) (purge.Receipt, error) {
	r, err := l.Client.Tombstone(ctx, refs)
	return purge.Receipt(r), oneError(err)
}

// heightTime bounds how long peers are waited for when they are asked how far they
// are.
const heightTime = 3 * time.Second

func (l ledger) Heights(ctx context.Context) ([]purge.Height, error) {
	asking, cancel := context.WithTimeout(ctx, heightTime)
	defer cancel()
	var out []purge.Height
	for _, h := range l.Client.Heights(asking) {
		out = append(out, purge.Height{Peer: h.Peer, Height: h.Height, Err: h.Err})
	}
	return out, ctx.Err()
}

func (l ledger) Heartbeat(ctx context.Context) (purge.Receipt, error) {
	r, err := l.Client.Heartbeat(ctx)
	return purge.Receipt(r), err
}

// canary stores a canary for a run of purges, due the day before, so that it is due
// in every time zone.
func (l ledger) canary(ctx context.Context, collection, before string) (purge.Item, error) {
	day, err := time.Parse(time.DateOnly, before)
	if err != nil {
		return purge.Item{}, err
	}
	due := day.AddDate(0, 0, -1).Format(time.DateOnly)
	k, err := l.Client.Canary(ctx, collection, due)
	return purge.Item{
		ID: k.ID, Collection: collection, DueDate: due, DueNow: true, Ground: record.GroundCanary,
		Size: k.Size, PutTx: k.Tx.TxID, PutBytes: k.Size, PutCount: 1,
	}, err
}

// oneError names every record that failed in one error, as purge.Ledger asks. The
// client has dealt with the others, and doing it again does no harm.
func oneError(err error) error {
	failed := gateway.IDErrors(err)
	if len(failed) == 0 || record.CodeOf(failed[0]) == "" {
		return err
	}
	ids := make([]string, len(failed))
	for i, f := range failed {
		ids[i] = f.ID
	}
	return record.Fail(record.CodeOf(failed[0]), strings.Join(ids, " "))
}
