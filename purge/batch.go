package purge

import (
	"math/rand/v2"
	"slices"

	"domicile/chaincode/record"
)

// DefaultBatchRecords is how many records one purge transaction names: those of five
// put transactions of [record.BatchRecords], which stay under [DefaultSweepBytes]
// whatever their records are.
const DefaultBatchRecords = 50

// DefaultSweepBytes is how many bytes of private write sets one purge may touch:
// under the 4 MB from which Fabric 3.1's sweep turns quadratic.
const DefaultSweepBytes = 4_000_000

const (
	// recordOverhead is what metadata and index keys of a record may add to its
	// resource in a write set, in bytes.
	recordOverhead = 48 << 10 / record.BatchRecords
	// perTx is what the write set of a put transaction may take whose size is not
	// known: as much as clients make it.
	perTx = record.BatchBytes + record.BatchRecords*recordOverhead
	// costStep is what write sets are rounded up to, so that what a batch holds
	// tells next to nothing about the sizes of records.
	costStep = 8 << 10
)

// lookahead bounds how far [batches] searches for a transaction that fits.
const lookahead = 256

// large reports whether a record is purged in two steps.
func large(it Item) bool { return it.Size > record.BatchBytes }

// cost is how many bytes the sweep reads and writes when it takes a record, or all
// records of its put transaction together: the write set is rewritten whole.
func cost(it Item) int64 {
	if it.PutCount <= 0 {
		return perTx
	}
	n := int64(it.PutBytes) + int64(it.PutCount)*recordOverhead
	return (n + costStep - 1) / costStep * costStep
}

// group is records of one put transaction that are due, in random order.
type group struct {
	tx    string
	cost  int64
	items []Item
}

// batches puts records into batches of limit, fewer only when no other fits. A batch
// touches at most sweep bytes of write sets, unless a single one is larger; a write
// set counts fully however few of its records go.
//
// Put transactions are drawn in random order and kept together, because each batch
// that touches one has its write set rewritten. At most one in a batch is cut in two,
// to fill the batch up, and what is left of it opens the next. None has more than half
// of a batch while there are others, so that a batch is of several. See docs/purge.md
// for why this shows nobody more than drawing records one by one.
func batches(items []Item, limit int, sweep int64, random *rand.Rand) [][]Item {
	rest := groups(items, max(1, limit/2), random)
	var out [][]Item
	for len(rest) > 0 {
		var batch []Item
		batch, rest = fill(rest, limit, sweep)
		random.Shuffle(len(batch), func(i, j int) { batch[i], batch[j] = batch[j], batch[i] })
		out = append(out, batch)
	}
	return out
}

// groups sorts records by put transaction, in parts of at most share, all in random
// order.
func groups(items []Item, share int, random *rand.Rand) []group {
	items = slices.Clone(items)
	random.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
	var txs []string
	of := map[string][]Item{}
	for _, it := range items {
		tx := it.PutTx
		if tx == "" {
			tx = "\x00" + it.ID // not known: none is together with it
		}
		if of[tx] == nil {
			txs = append(txs, tx)
		}
		of[tx] = append(of[tx], it)
	}
	var out []group
	for _, tx := range txs {
		all := of[tx]
		parts := (len(all) + share - 1) / share
		for part := range slices.Chunk(all, (len(all)+parts-1)/parts) {
			out = append(out, group{tx, cost(all[0]), slices.Clone(part)})
		}
	}
	random.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// fill takes one batch from the front of rest, and returns what remains.
func fill(rest []group, limit int, sweep int64) ([]Item, []group) {
	var batch []Item
	touched := map[string]bool{}
	for len(batch) < limit && len(rest) > 0 {
		i := pick(rest[:min(len(rest), lookahead)], limit-len(batch), sweep, touched)
		if i < 0 {
			if len(batch) > 0 {
				break
			}
			i = 0
		}
		g := &rest[i]
		if !touched[g.tx] {
			touched[g.tx] = true
			sweep -= g.cost
		}
		n := min(limit-len(batch), len(g.items))
		batch = append(batch, g.items[:n]...)
		left := group{g.tx, g.cost, g.items[n:]}
		rest = slices.Delete(rest, i, i+1)
		if len(left.items) > 0 {
			rest = slices.Insert(rest, 0, left)
		}
	}
	return batch, rest
}

// pick is the group to take next: the first that fits whole, or in part, of a
// transaction that the batch does not have; or else one of which it has records; -1 if
// none fits. What an earlier batch left stands first, so nothing starves.
func pick(list []group, room int, sweep int64, touched map[string]bool) int {
	part, same := -1, -1
	for i, g := range list {
		switch {
		case touched[g.tx]:
			if same < 0 {
				same = i
			}
		case g.cost > sweep:
		case len(g.items) <= room:
			return i
		case part < 0:
			part = i
		}
	}
	if part >= 0 {
		return part
	}
	return same
}
