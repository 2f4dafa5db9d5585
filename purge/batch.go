package purge

import (
	"math/rand/v2"

	"domicile/chaincode/record"
)

// DefaultBatchRecords is how many records one purge transaction names.
const DefaultBatchRecords = 10

// DefaultSweepBytes is how many bytes of private write sets one purge may touch:
// under the 4 MB from which Fabric 3.1's sweep turns quadratic.
const DefaultSweepBytes = 4_000_000

// txOverhead is what the metadata and index keys of a put transaction with
// [record.BatchRecords] records may add to its resources, in bytes.
const txOverhead = 48 << 10

// lookahead bounds how far [batches] searches for a record that still fits.
const lookahead = 256

// large reports whether a record is purged in two steps.
func large(it Item) bool { return it.Size > record.BatchBytes }

// batches draws batches in random order. Each holds limit records, fewer only when
// no other fits, at most [record.BatchBytes] of resources, and touches at most sweep
// bytes of write sets: the write set of a put transaction is rewritten whole, so it
// counts fully however few of its records go, and is taken for as large as a client
// may make it, because the records in it that stay are not known here.
func batches(items []Item, limit int, sweep int64, random *rand.Rand) [][]Item {
	rest := append([]Item(nil), items...)
	random.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
	const perTx = record.BatchBytes + txOverhead
	var out [][]Item
	for len(rest) > 0 {
		var batch, later []Item
		var bytes, touched int64
		txs := map[string]bool{}
		i := 0
		for ; i < len(rest) && i < lookahead && len(batch) < limit; i++ {
			it := rest[i]
			cost := int64(perTx)
			if it.PutTx != "" && txs[it.PutTx] {
				cost = 0
			}
			fits := touched+cost <= sweep && bytes+int64(it.Size) <= record.BatchBytes
			if len(batch) > 0 && !fits {
				later = append(later, it)
				continue
			}
			txs[it.PutTx] = true
			touched += cost
			bytes += int64(it.Size)
			batch = append(batch, it)
		}
		out = append(out, batch)
		// What did not fit comes first next time, so nothing starves.
		copy(rest[i-len(later):i], later)
		rest = rest[i-len(later):]
	}
	return out
}
