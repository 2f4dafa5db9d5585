package erasure

import (
	"context"
	"math/bits"
	"slices"

	"github.com/syndtr/goleveldb/leveldb"
)

// Gaps is the private data of a channel that a peer's private data store says is not
// there. Write sets are counted by block, transaction and collection.
type Gaps struct {
	// Wanted is how many write sets the peer looks for, Late how many of them it has
	// looked for and not found.
	Wanted, Late int
	// Ignored is how many write sets it does not look for, by collection, of those that
	// were asked about: when their block came the organization was no member of the
	// collection, as far as the peer knew.
	Ignored map[string]int
	// Changing says that the organization has become a member of a collection and the
	// peer has not come to it yet: what is Ignored will be Wanted.
	Changing bool

	sets map[string][]byte // place -> a bit for each transaction
}

// ReadGaps reads from a peer's private data store what is missing of a channel, with "" of
// all channels. What the
// peer does not look for is read of the named collections of one chaincode: give those
// that the organization is a member of. Errors are as in [ReadPrivateStore].
//
// A peer looks for everything of a collection that its organization has become a member
// of (Fabric, core/ledger/pvtdatastorage/store.go, processCollElgEvents). But the block
// that makes it a member may itself carry private data of that collection: then the peer
// may note that as not its own after it has looked through what was not.
func ReadGaps(ctx context.Context, dataDir, channel, chaincode string, collections []string) (Gaps, error) {
	var g Gaps
	err := readStore(ctx, privateDir(dataDir), dataDir, func(db *leveldb.DB) error {
		g = Gaps{Ignored: map[string]int{}, sets: map[string][]byte{}}
		names, err := channelsIn(db)
		for _, name := range names {
			if err == nil && (channel == "" || string(name) == channel) {
				err = g.read(db, string(name), chaincode, collections)
			}
		}
		return err
	})
	if err != nil {
		return Gaps{}, err
	}
	return g, nil
}

func (g *Gaps) read(db *leveldb.DB, channel, chaincode string, collections []string) error {
	for prefix, late := range map[byte]*int{storeMissing: new(int), storeMissingLate: &g.Late} {
		err := eachUnder(db, under(channel, prefix), func(key, value []byte) {
			n := ones(value)
			g.Wanted += n
			*late += n
			g.note(channel, string(key), value) // block, chaincode, 0, collection
		})
		if err != nil {
			return err
		}
	}
	for _, name := range collections {
		of := slices.Concat([]byte(chaincode), []byte{0}, []byte(name))
		err := eachUnder(db, slices.Concat(under(channel, storeIneligible), of, []byte{0}), func(block, value []byte) {
			g.Ignored[name] += ones(value)
			g.note(channel, string(block)+string(of), value)
		})
		if err != nil {
			return err
		}
	}
	return eachUnder(db, under(channel, storeEligibility), func(_, _ []byte) { g.Changing = true })
}

// note adds transactions to those that are missing at a place.
func (g *Gaps) note(channel, place string, set []byte) {
	place = channel + "\x00" + place
	set = set[min(setHeader, len(set)):]
	all := g.sets[place]
	if len(all) < len(set) {
		all = append(all, make([]byte, len(set)-len(all))...)
	}
	for i, b := range set {
		all[i] |= b
	}
	g.sets[place] = all
}

// Beyond is how many write sets are missing here and not there: what the other peer
// alone has.
func (g Gaps) Beyond(other Gaps) int {
	n := 0
	for place, mine := range g.sets {
		theirs := other.sets[place]
		for i, b := range mine {
			if i < len(theirs) {
				b &^= theirs[i]
			}
			n += bits.OnesCount8(b)
		}
	}
	return n
}

// setHeader is the length of a bit set's own length, which stands before its bits in words
// of eight bytes (github.com/bits-and-blooms/bitset, MarshalBinary).
const setHeader = 8

// ones counts the transactions of a bit set, of which there is at least one: Fabric keeps
// no empty set.
func ones(set []byte) int {
	n := 0
	for _, b := range set[min(setHeader, len(set)):] {
		n += bits.OnesCount8(b)
	}
	return max(1, n)
}
