package gateway

import (
	"maps"
	"sync/atomic"
	"testing"

	"domicile/chaincode/record"
)

// A purge names many records, so its block is asked for once, and only its number kept.
func TestTheBlockOfAPurgeIsAskedForOnceForAllItsRecords(t *testing.T) {
	w := newWorld(t)
	client := w.open()
	w.ledger.mu.Lock()
	w.ledger.blocks["one"], w.ledger.blocks["two"] = 7, 9
	w.ledger.mu.Unlock()
	var asked atomic.Int64
	for _, p := range w.peers() {
		p.onFail(func(s seen) error {
			if s.function == "GetBlockByTxID" {
				asked.Add(1)
			}
			return nil
		})
	}
	want := map[record.Ref]uint64{}
	var pending []Evidence
	for i, tx := range []string{"one", "one", "two", "one"} {
		e := Evidence{Ref: record.Ref{Collection: "us-a", ID: string(rune('a' + i))}, Tx: tx}
		pending, want[e.Ref] = append(pending, e), w.ledger.blocks[tx]
	}
	got, err := client.PurgeBlocks(w.ctx, pending, nil)
	if err != nil || !maps.Equal(got, want) || asked.Load() != 2 {
		t.Errorf("%v, %v; asked %d times", got, err, asked.Load())
	}
}
