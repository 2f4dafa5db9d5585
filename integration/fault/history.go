package fault

import (
	"slices"
	"sync"

	"domicile/chaincode/record"
)

// Kind is what an operation asked for.
type Kind string

// Kinds.
const (
	Put     Kind = "put"
	Hold    Kind = "hold"
	Release Kind = "release"
	Purge   Kind = "purge"
	Read    Kind = "read" // of the bytes, at one peer
)

// Outcome is what the caller of an operation was told.
type Outcome string

// Outcomes.
const (
	OK      Outcome = "ok"      // it took effect
	Fail    Outcome = "fail"    // it did not and will not
	Unknown Outcome = "unknown" // nobody answered, or the caller died: either
)

// Op is one operation as its caller saw it.
type Op struct {
	Kind    Kind
	IDs     []string
	Outcome Outcome
	Code    record.Code // why it is not ok
	Block   uint64      // where it took effect, if ok; 0: not told

	SHA256   string // put: hex digest of the bytes; read: of what came back
	Erasable bool   // put: due, and so may be purged unless held
	Matter   string // hold, release
	Peer     string // read: who answered
	Gone     bool   // read: the answer was GONE
	Tx       string // purge: the transaction

	// Start and End order operations: one that ended at 7 was over before one that
	// starts at 8. End is 0 while nobody was answered.
	Start, End int
}

// History collects operations. Its methods may be called from several goroutines.
type History struct {
	mu   sync.Mutex
	tick int
	ops  []*Op
}

// Begin notes that an operation is asked for. Until its [Pending.End] it counts as
// unknown, so a caller that dies says the right thing.
func (h *History) Begin(op Op) *Pending {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tick++
	op.Start, op.Outcome = h.tick, Unknown
	h.ops = append(h.ops, &op)
	return &Pending{h: h, op: &op}
}

// Pending is an operation under way.
type Pending struct {
	h  *History
	op *Op
}

// End notes the answer. Change may fill in what the answer told.
func (p *Pending) End(o Outcome, change func(*Op)) {
	p.h.mu.Lock()
	defer p.h.mu.Unlock()
	p.h.tick++
	p.op.End, p.op.Outcome = p.h.tick, o
	if change != nil {
		change(p.op)
	}
}

// Ops returns a copy of the operations in the order in which they were asked for.
func (h *History) Ops() []Op {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]Op, len(h.ops))
	for i, op := range h.ops {
		out[i] = *op
		out[i].IDs = slices.Clone(op.IDs)
	}
	return out
}

// Count returns how many operations of a kind were acknowledged and how many are under
// way.
func (h *History) Count(k Kind) (acknowledged, underWay int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, op := range h.ops {
		switch {
		case op.Kind != k:
		case op.End == 0:
			underWay++
		case op.Outcome == OK:
			acknowledged++
		}
	}
	return acknowledged, underWay
}

// Since returns the operations on records that were first put after so many operations,
// and the ids of those records, each once.
func (h *History) Since(n int) (ops []Op, ids []string) {
	first := map[string]int{}
	all := h.Ops()
	for i, op := range all {
		for _, id := range op.IDs {
			if _, ok := first[id]; op.Kind == Put && !ok {
				first[id] = i
				if i >= n {
					ids = append(ids, id)
				}
			}
		}
	}
	for _, op := range all {
		op.IDs = slices.DeleteFunc(op.IDs, func(id string) bool { return first[id] < n })
		if len(op.IDs) > 0 {
			ops = append(ops, op)
		}
	}
	return ops, ids
}
