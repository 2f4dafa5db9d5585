package fault

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"domicile/chaincode/record"
)

// Final is what the peers say at the end, each asked by itself, with the network
// healed, every purge run to its end and nothing under way.
type Final struct {
	// Heights are the blocks of each peer.
	Heights map[string]uint64
	// Inside is what each peer of a holder says of each record.
	Inside map[string]map[string]Inside
	// Public is what each peer of any region says of each record.
	Public map[string]map[string]Public
}

// Inside is a holder's peer's answer about one record.
type Inside struct {
	State      string // one of record.Inside...
	Hash       string
	SHA256     string // of the bytes that it handed out; "" when it did not
	Ground     string
	PurgeTx    string
	PurgeBlock uint64
}

// Public is any peer's answer about one record.
type Public struct {
	State     string // one of record.State...
	Hash      string // of the anchor
	StateHash string // of the private value in the peer's own state; "" when there is none
	Tombstone string // its transaction
}

// Class is a kind of broken promise.
type Class string

// The promises.
const (
	Lost       Class = "lost"       // an acknowledged put is not there, or not with its bytes
	Returned   Class = "returned"   // a purged record is back
	BrokenHold Class = "brokenHold" // purged while an acknowledged hold was in force
	Unlawful   Class = "unlawful"   // purged though nothing allowed it
	Ghost      Class = "ghost"      // a refused put took effect
	Twice      Class = "twice"      // one record was purged by two transactions
	Unfinished Class = "unfinished" // half a purge, no tombstone, or no anchor
	Diverged   Class = "diverged"   // peers do not say the same
)

// Violation is one broken promise.
type Violation struct {
	Class Class
	ID    string // of the record; "" if it is about none
	Peer  string // who showed it; "" if the history did
	Why   string
}

func (v Violation) String() string {
	return fmt.Sprintf("%s: record %q, peer %q: %s", v.Class, v.ID, v.Peer, v.Why)
}

// Check returns every promise that the history and the final answers show broken, in
// a stable order.
func Check(ops []Op, f Final) []Violation {
	c := &checker{final: f, records: map[string]*fate{}}
	for i := range ops {
		c.note(&ops[i])
	}
	for _, id := range slices.Sorted(maps.Keys(c.records)) {
		c.judge(id, c.records[id])
	}
	c.reads(ops)
	c.peersAgree()
	slices.SortStableFunc(c.found, func(a, b Violation) int {
		return cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Peer, b.Peer))
	})
	return c.found
}

// fate is all that the history says of one record.
type fate struct {
	sha      string
	erasable bool
	acked    bool // some put was acknowledged
	maybe    bool // some put was left open
	purged   bool // a purge was acknowledged
	purgeTx  map[string]bool
	holds    []*Op // holds and releases
}

type checker struct {
	final   Final
	records map[string]*fate
	found   []Violation
}

func (c *checker) add(class Class, id, peer, format string, a ...any) {
	c.found = append(c.found, Violation{class, id, peer, fmt.Sprintf(format, a...)})
}

func (c *checker) note(op *Op) {
	for _, id := range op.IDs {
		r := c.records[id]
		if r == nil {
			r = &fate{purgeTx: map[string]bool{}}
			c.records[id] = r
		}
		switch op.Kind {
		case Put:
			r.sha, r.erasable = op.SHA256, op.Erasable
			r.acked = r.acked || op.Outcome == OK
			r.maybe = r.maybe || op.Outcome == Unknown
		case Hold, Release:
			r.holds = append(r.holds, op)
		case Purge:
			if op.Outcome == OK {
				r.purged = true
				if op.Tx != "" {
					r.purgeTx[op.Tx] = true
				}
			}
		}
	}
}

// judge checks one record on every peer that holds it.
func (c *checker) judge(id string, r *fate) {
	for peer, answers := range c.final.Inside {
		in, asked := answers[id]
		if !asked {
			c.add(Diverged, id, peer, "the peer was not asked, or did not answer")
			continue
		}
		if in.PurgeTx != "" {
			r.purgeTx[in.PurgeTx] = true
		}
		switch in.State {
		case record.InsidePresent:
			c.present(id, peer, r, in)
		case record.InsideGone:
			c.gone(id, peer, r, in)
		case record.InsidePartial:
			c.add(Unfinished, id, peer, "half purged")
		default:
			if r.acked {
				c.add(Lost, id, peer, "its put was acknowledged and there is no trace of it")
			}
		}
	}
	if len(r.purgeTx) > 1 {
		c.add(Twice, id, "", "purged by %d transactions", len(r.purgeTx))
	}
	for peer, answers := range c.final.Public {
		c.public(id, peer, r, answers[id])
	}
}

func (c *checker) present(id, peer string, r *fate, in Inside) {
	switch {
	case r.purged:
		c.add(Returned, id, peer, "its purge was acknowledged and it is present")
	case !r.acked && !r.maybe:
		c.add(Ghost, id, peer, "every put was refused and it is present")
	case in.SHA256 == "":
		c.add(Lost, id, peer, "present, but its bytes were not handed out")
	case in.SHA256 != r.sha:
		c.add(Lost, id, peer, "its bytes are not those that were put")
	}
}

func (c *checker) gone(id, peer string, r *fate, in Inside) {
	if !r.acked && !r.maybe {
		c.add(Ghost, id, peer, "every put was refused and it was purged")
	}
	if in.SHA256 != "" {
		c.add(Returned, id, peer, "it is gone and its bytes were handed out")
	}
	if !r.erasable || in.Ground != string(record.GroundDue) {
		c.add(Unlawful, id, peer, "purged on ground %q; due: %t", in.Ground, r.erasable)
	}
	if matter := heldAt(r.holds, in.PurgeBlock); matter != "" {
		c.add(BrokenHold, id, peer, "purged in block %d under the hold %s", in.PurgeBlock, matter)
	}
}

// heldAt names a matter that certainly was in force when a block was committed: its
// last acknowledged step before was a hold, and no release with an open outcome may
// have come after it. In the block itself the order is not known.
func heldAt(steps []*Op, block uint64) string {
	last := map[string]*Op{}
	for _, op := range steps {
		if op.Outcome != OK || op.Block >= block {
			continue
		}
		if have := last[op.Matter]; have == nil || have.Block <= op.Block {
			last[op.Matter] = op
		}
	}
	for _, matter := range slices.Sorted(maps.Keys(last)) {
		if last[matter].Kind != Hold {
			continue
		}
		open := slices.ContainsFunc(steps, func(op *Op) bool {
			return op.Kind == Release && op.Matter == matter && op.Outcome == Unknown
		})
		if !open {
			return matter
		}
	}
	return ""
}

// public checks what a peer says to everybody against what the holder's peers say.
func (c *checker) public(id, peer string, r *fate, p Public) {
	inside, known := c.consensus(id)
	if !known {
		return // said already
	}
	switch inside.State {
	case record.InsidePresent:
		if p.StateHash != inside.Hash {
			c.add(Diverged, id, peer, "the hash in its state is not that of the value")
		}
		if r.acked && (p.State != record.StateActive || p.Hash != inside.Hash) {
			c.add(Unfinished, id, peer, "acknowledged and present, and its anchor is %q", p.State)
		}
	case record.InsideGone:
		if p.StateHash != "" {
			c.add(Returned, id, peer, "purged, and a hash is in its state")
		}
		if p.State != record.StatePurged || p.Tombstone == "" {
			c.add(Unfinished, id, peer, "purged, and there is no tombstone: %q", p.State)
		}
	}
}

// consensus is what the holder's peers say when they agree.
func (c *checker) consensus(id string) (Inside, bool) {
	var first Inside
	seen := false
	for _, answers := range c.final.Inside {
		in, ok := answers[id]
		if !ok || seen && in != first {
			return Inside{}, false
		}
		first, seen = in, true
	}
	return first, seen
}

// reads checks what was read on the way: bytes are those that were put, and a peer
// that once said GONE never hands them out again.
func (c *checker) reads(ops []Op) {
	type at struct{ peer, id string }
	gone := map[at]int{} // when a read that said GONE ended
	for _, op := range ops {
		if op.Kind != Read || op.Outcome != OK {
			continue
		}
		for _, id := range op.IDs {
			k := at{op.Peer, id}
			if end, ok := gone[k]; op.Gone && (!ok || op.End < end) {
				gone[k] = op.End
			}
		}
	}
	for _, op := range ops {
		if op.Kind != Read || op.Outcome != OK || op.Gone {
			continue
		}
		for _, id := range op.IDs {
			if r := c.records[id]; r != nil && r.sha != "" && r.sha != op.SHA256 {
				c.add(Lost, id, op.Peer, "a read gave other bytes than were put")
			}
			if end, ok := gone[at{op.Peer, id}]; ok && op.Start > end {
				c.add(Returned, id, op.Peer, "handed out after the same peer said GONE")
			}
		}
	}
}

// peersAgree checks that all peers are at one height and say the same.
func (c *checker) peersAgree() {
	same(c, "height", c.final.Heights)
	compareAnswers(c, c.final.Inside)
	compareAnswers(c, c.final.Public)
}

// same wants one value of all peers.
func same[T comparable](c *checker, what string, of map[string]T) {
	peers := slices.Sorted(maps.Keys(of))
	for i, p := range peers {
		if i > 0 && of[p] != of[peers[0]] {
			c.add(Diverged, "", p, "%s %v, and %s has %v", what, of[p], peers[0], of[peers[0]])
		}
	}
}

func compareAnswers[T comparable](c *checker, of map[string]map[string]T) {
	peers := slices.Sorted(maps.Keys(of))
	if len(peers) == 0 {
		return
	}
	for id := range c.records {
		for _, p := range peers[1:] {
			if of[p][id] != of[peers[0]][id] {
				c.add(Diverged, id, p, "%+v, and %s says %+v", of[p][id], peers[0], of[peers[0]][id])
			}
		}
	}
}
