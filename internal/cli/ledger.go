package cli

import (
	"context"
	"strings"
	"sync"

	"domicile/chaincode/record"
	"domicile/gateway"
	"domicile/purge"
)

// ledger is a gateway client as the purge package sees it. Published tombstones are
// settled in passing, with the purge that comes next; settle does the last ones.
type ledger struct {
	*gateway.Client

	mu        sync.Mutex
	published map[string][]string // collection -> ids with a tombstone, not settled
}

func newLedger(c *gateway.Client) *ledger {
	return &ledger{Client: c, published: map[string][]string{}}
}

func (l *ledger) Purge(ctx context.Context, q record.PurgeRequest) (purge.Receipt, error) {
	if q.Ground == record.GroundDue {
		q.Settle = l.take(q.Collection, record.MaxRecords-len(q.IDs))
	}
	r, err := l.Client.Purge(ctx, q)
	if err != nil {
		l.note(q.Collection, q.Settle)
	}
	return purge.Receipt(r), err
}

func (l *ledger) Tombstone(ctx context.Context, refs []record.Ref) (purge.Receipt, error) {
	r, err := l.Client.Tombstone(ctx, refs)
	failed := map[string]bool{}
	for _, f := range gateway.IDErrors(err) {
		failed[f.ID] = true
	}
	if err == nil || len(failed) > 0 {
		for _, ref := range refs {
			if !failed[ref.ID] {
				l.note(ref.Collection, []string{ref.ID})
			}
		}
	}
	return purge.Receipt(r), oneError(err)
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

// settle takes the last published tombstones off the list of what is still to do.
// What it fails to settle, the next run finds published and settles.
func (l *ledger) settle(ctx context.Context) error {
	for collection := range l.published {
		for {
			ids := l.take(collection, record.MaxRecords)
			if len(ids) == 0 {
				break
			}
			_, err := l.Client.Purge(ctx, record.PurgeRequest{Collection: collection, Ground: record.GroundDue, Settle: ids})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *ledger) note(collection string, ids []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.published[collection] = append(l.published[collection], ids...)
}

func (l *ledger) take(collection string, most int) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	ids := l.published[collection]
	n := min(most, len(ids))
	l.published[collection] = ids[n:]
	return ids[:n:n]
}
