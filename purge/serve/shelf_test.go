package serve

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"domicile/chaincode/record"
	"domicile/purge"
)

// shelf is a ledger of one collection for the service's tests. Time in them begins
// at midnight of 1 January 2000, UTC.
type shelf struct {
	mu      sync.Mutex
	records map[string]*rec
	now     func() time.Time // of the peers
	slow    time.Duration    // how long a purge takes
	err     error            // of every call
	paused  bool
	block   uint64
	purges  int
	hook    func() // called by each purge
	beats   []time.Time
}

type rec struct {
	id, due                string
	gone, tomb, todo, held bool
	times                  int
}

func newShelf() *shelf { return &shelf{records: map[string]*rec{}, now: time.Now, block: 1} }

func (f *shelf) add(n int, due string) *shelf {
	for range n {
		r := &rec{id: record.NewID(), due: due}
		f.records[r.id] = r
	}
	return f
}

func (f *shelf) today() string { return f.now().UTC().Format(time.DateOnly) }

func (f *shelf) Due(_ context.Context, _, before, after string) (record.Page, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var p record.Page
	for _, r := range f.records {
		switch {
		case after != "":
		case !r.gone && r.due <= before:
			p.Entries = append(p.Entries, record.Entry{ID: r.id, Date: r.due, Size: 100})
		case r.todo:
			p.Entries = append(p.Entries, record.Entry{ID: r.id, Gone: true})
		}
	}
	slices.SortFunc(p.Entries, func(a, b record.Entry) int { return strings.Compare(a.Date+a.ID, b.Date+b.ID) })
	return p, f.err
}

func (f *shelf) Inspect(_ context.Context, _ string, ids []string) ([]record.State, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []record.State
	for _, id := range ids {
		r := f.records[id]
		s := record.State{ID: id, State: record.InsideGone}
		if !r.gone {
			s = record.State{ID: id, State: record.InsidePresent, DueDate: r.due, IsDue: r.due <= f.today(), Held: r.held, Size: 100, PutTx: "t" + r.due}
		}
		out = append(out, s)
	}
	return out, f.err
}

func (f *shelf) Purge(_ context.Context, q record.PurgeRequest) (purge.Receipt, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return purge.Receipt{}, f.err
	}
	if f.paused && len(q.IDs) > 0 {
		return purge.Receipt{}, record.Fail(record.CodePaused, "")
	}
	for _, id := range q.IDs {
		if r := f.records[id]; r.gone {
			return purge.Receipt{}, record.Fail(record.CodeGone, id)
		} else if r.due > f.today() {
			return purge.Receipt{}, record.Fail(record.CodeNotDue, id)
		}
	}
	for _, id := range q.IDs {
		r := f.records[id]
		r.gone, r.todo = true, true
		r.times++
	}
	for _, id := range q.Settle {
		f.records[id].todo = false
	}
	if len(q.IDs) > 0 {
		f.purges++
		if f.hook != nil {
			f.hook()
		}
		if f.slow > 0 {
			f.mu.Unlock()
			time.Sleep(f.slow)
			f.mu.Lock()
		}
	}
	f.block++
	return purge.Receipt{TxID: "t", Block: f.block}, nil
}

func (f *shelf) Tombstone(_ context.Context, refs []record.Ref) (purge.Receipt, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range refs {
		f.records[r.ID].tomb = true
	}
	f.block++
	return purge.Receipt{Block: f.block}, f.err
}

func (f *shelf) Heights(context.Context) ([]purge.Height, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return []purge.Height{{Peer: "peer0", Height: f.block + 1}, {Peer: "peer1", Err: record.Fail(record.CodeUnavailable, "")}}, nil
}

func (f *shelf) Heartbeat(context.Context) (purge.Receipt, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.block++
	f.beats = append(f.beats, time.Now())
	return purge.Receipt{Block: f.block}, f.err
}

// gone counts records purged, and fails the test for one purged twice or without
// tombstone.
func (f *shelf) gone(t testing.TB) (n int) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.records {
		if r.gone {
			n++
		}
		if r.gone && (!r.tomb || r.times != 1) || !r.gone && r.tomb {
			t.Errorf("gone %t tombstone %t purged %d times", r.gone, r.tomb, r.times)
		}
	}
	return n
}
