package purgetest_test

import (
	"context"
	"testing"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
	"domicile/purge"
	"domicile/purge/purgetest"
)

// touching counts the purges that touch each put transaction.
type touching struct {
	*purgetest.Ledger
	of    map[string]string
	touch map[string]int
	few   int // purges of a single put transaction
}

func (l *touching) Inspect(ctx context.Context, collection string, ids []string) ([]record.State, error) {
	states, err := l.Ledger.Inspect(ctx, collection, ids)
	for _, s := range states {
		l.of[s.ID] = s.PutTx
	}
	return states, err
}

func (l *touching) Purge(ctx context.Context, q record.PurgeRequest) (purge.Receipt, error) {
	txs := map[string]bool{}
	for _, id := range q.IDs {
		txs[l.of[id]] = true
	}
	for tx := range txs {
		l.touch[tx]++
	}
	if len(txs) == 1 {
		l.few++
	}
	return l.Ledger.Purge(ctx, q)
}

func TestAPutTransactionIsRewrittenOnceAndRarelyTwice(t *testing.T) {
	const txs, page, batch = 24, 95, 30 // neither pages nor batches hold whole transactions
	l := &touching{loaded(t, chaincodetest.Options{}, 10*txs, 10*txs), map[string]string{}, map[string]int{}, 0}
	l.Page = page
	r, err := purge.Run(t.Context(), l, purge.Options{Collections: []string{purgetest.Collection}, Before: today, BatchRecords: batch})
	if err != nil || r.Purged != 10*txs {
		t.Fatalf("%+v, %v", r, err)
	}
	sum, most := 0, 0
	for _, n := range l.touch {
		sum, most = sum+n, max(most, n)
	}
	t.Logf("%d transactions are rewritten %d times, one of them %d times, by %d purges", txs, sum, most, r.Batches)
	// Each purge cuts one at most, and so does each page.
	if len(l.touch) != txs || sum > txs+r.Batches+10*txs/page || most > 4 || l.few > 0 {
		t.Errorf("%d transactions, %d rewrites, %d of one, %d purges of one alone", len(l.touch), sum, most, l.few)
	}
}
