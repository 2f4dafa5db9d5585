package purge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"

	"domicile/chaincode/record"
)

const today = "2026-06-01"

// fake is a ledger of one collection that keeps the rules of [Ledger] and records
// every breach of what a run promises.
type fake struct {
	mu      sync.Mutex
	records map[string]*rec
	block   uint64
	breach  []string
	calls   int
	pageLen int
	paused  bool
	behind  int // purges that an endorser without the last tombstones will refuse
	// accepted are the purges that took effect.
	accepted []record.PurgeRequest
	// fault decides about the n-th call, counted from 0.
	fault func(call int, name string) (before, after error)
	// hook runs before the n-th call, to let something else happen meanwhile.
	hook func(call int, name string)
}

type rec struct {
	id, due, putTx      string
	size                int
	held, canary        bool
	body, meta, tomb    bool
	todo                bool // tombstone not settled
	gone                bool
	bodyBlock           uint64
	bodyPurge, allPurge int
	tombs               int // tombstone transactions
	lag                 int // endorsers that have not processed the purge
}

const authority = DemoPrefix + ": test"

func newFake() *fake { return &fake{records: map[string]*rec{}, block: 1, pageLen: 7} }

// add stores n records of one size, ten to a put transaction.
func (f *fake) add(n, size int, due string) []*rec {
	var out []*rec
	base := len(f.records)
	for i := range n {
		r := &rec{
			id: record.NewID(), due: due, size: size, body: true, meta: true,
			putTx: fmt.Sprintf("tx-%d-%d-%d", base, size, i/10),
		}
		f.records[r.id] = r
		out = append(out, r)
	}
	return out
}

// enter counts a call and applies its fault.
func (f *fake) enter(name string) (before, after error) {
	n := f.calls
	f.calls++
	if f.hook != nil {
		f.hook(n, name)
	}
	if f.fault != nil {
		return f.fault(n, name)
	}
	return nil, nil
}

func (f *fake) Due(_ context.Context, c, before, after string) (record.Page, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e, a := f.enter("Due"); e != nil || a != nil {
		return record.Page{}, firstError(e, a)
	}
	type key struct {
		k string
		e record.Entry
	}
	var keys []key
	for _, r := range f.records {
		if r.meta && r.due != "" && r.due <= before {
			keys = append(keys, key{"due/" + r.due + "/" + r.id, record.Entry{ID: r.id, Date: r.due, Size: r.size, Canary: r.canary}})
		}
		if r.todo {
			keys = append(keys, key{"todo/" + r.id, record.Entry{ID: r.id, Gone: true, Canary: r.canary}})
		}
	}
	sort.Slice(keys, func(i, j int) bool { return keys[i].k < keys[j].k })
	var p record.Page
	for _, k := range keys {
		if k.k <= after {
			continue
		}
		if len(p.Entries) == f.pageLen {
			return p, nil
		}
		p.Entries = append(p.Entries, k.e)
		p.Next = k.k
	}
	p.Next = ""
	return p, nil
}

func (f *fake) Inspect(_ context.Context, c string, ids []string) ([]record.State, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e, a := f.enter("Inspect"); e != nil || a != nil {
		return nil, firstError(e, a)
	}
	if len(ids) == 0 || len(ids) > record.MaxRecords {
		f.note("inspect of %d ids", len(ids))
	}
	var out []record.State
	for _, id := range ids {
		r := f.records[id]
		if r == nil {
			out = append(out, record.State{ID: id, State: record.InsideAbsent})
			continue
		}
		s := record.State{ID: id, Size: r.size, DueDate: r.due, IsDue: r.due != "" && r.due <= today, Held: r.held, PutTx: r.putTx, Authority: authority, Canary: r.canary}
		switch {
		case r.body:
			s.State = record.InsidePresent
		case r.meta:
			s.State = record.InsidePartial
		default:
			s = record.State{ID: id, State: record.InsideGone, Ground: string(record.GroundDue), Authority: authority}
			if r.canary {
				s.Ground = string(record.GroundCanary)
			}
		}
		out = append(out, s)
	}
	return out, nil
}

func (f *fake) Purge(_ context.Context, q record.PurgeRequest) (Receipt, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before, after := f.enter("Purge")
	if before != nil {
		return Receipt{}, before
	}
	if err := errors.Join(f.once(q.IDs), f.once(q.Settle)); err != nil {
		return Receipt{}, err
	}
	if err := f.purge(q); err != nil {
		return Receipt{}, err
	}
	f.accepted = append(f.accepted, q)
	return f.receipt(), after
}

func (f *fake) purge(q record.PurgeRequest) error {
	bad := map[record.Code][]string{}
	for _, id := range q.Settle {
		if r := f.records[id]; r == nil || !r.tomb {
			f.note("settling %s, which has no tombstone", id)
			bad[record.CodeAbsent] = append(bad[record.CodeAbsent], id)
		}
	}
	if len(q.Settle) > 0 && f.behind > 0 {
		f.behind--
		return record.Fail(record.CodeAbsent, "records "+strings.Join(q.Settle, ", "))
	}
	if f.paused && len(q.IDs) > 0 {
		return record.Fail(record.CodePaused, "stopped")
	}
	touched := map[string]int{}
	for _, id := range q.IDs {
		r := f.records[id]
		switch {
		case r == nil:
			bad[record.CodeAbsent] = append(bad[record.CodeAbsent], id)
		case q.Part == record.PartRest:
			if r.body || !r.meta {
				bad[record.CodeAbsent] = append(bad[record.CodeAbsent], id)
			} else if f.block < r.bodyBlock+1 {
				f.note("rest of %s in block %d, body in %d", id, f.block+1, r.bodyBlock)
			}
			continue
		case !r.body:
			bad[record.CodeGone] = append(bad[record.CodeGone], id)
		case r.held:
			bad[record.CodeHeld] = append(bad[record.CodeHeld], id)
		case r.due == "" || r.due > today:
			bad[record.CodeNotDue] = append(bad[record.CodeNotDue], id)
		}
		if r != nil {
			touched[r.putTx] = record.BatchBytes
			if r.size > record.BatchBytes && (q.Part != record.PartBody || len(q.IDs) > 1) {
				f.note("large record %s purged with others or in one step", id)
			}
		}
	}
	if err := refusal(bad); err != nil {
		return err
	}
	if sum := len(touched) * record.BatchBytes; len(q.IDs) > 1 && sum >= 4<<20 {
		f.note("a purge touches %d bytes", sum)
	}
	if len(q.IDs) == 0 && !slices.ContainsFunc(q.Settle, func(id string) bool { return f.records[id].todo }) {
		return record.Fail(record.CodeSettled, strings.Join(q.Settle, " "))
	}
	for _, id := range q.Settle {
		f.records[id].todo = false
	}
	for _, id := range q.IDs {
		r := f.records[id]
		if q.Part != record.PartRest {
			r.bodyPurge++
			r.body, r.gone, r.todo, r.bodyBlock = false, true, true, f.block+1
		}
		if q.Part != record.PartBody {
			r.allPurge++
			r.meta = false
		}
	}
	return nil
}

func (f *fake) Tombstone(_ context.Context, refs []record.Ref) (Receipt, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before, after := f.enter("Tombstone")
	if before != nil {
		return Receipt{}, before
	}
	var lag, named []string
	for _, ref := range refs {
		named = append(named, ref.ID)
	}
	if err := f.once(named); err != nil {
		return Receipt{}, err
	}
	for _, ref := range refs {
		r := f.records[ref.ID]
		switch {
		case r == nil || r.body || !r.gone:
			f.note("tombstone for %s, which lives", ref.ID)
		case r.lag > 0:
			r.lag--
			lag = append(lag, ref.ID)
		}
	}
	if len(lag) > 0 {
		return Receipt{}, record.Fail(record.CodeLive, strings.Join(lag, " "))
	}
	for _, ref := range refs {
		f.records[ref.ID].tomb = true
		f.records[ref.ID].tombs++
	}
	return f.receipt(), after
}

// refusal names the records of one code, and behind it those of the others, as the
// contract does.
func refusal(bad map[record.Code][]string) error {
	var first record.Code
	text := ""
	for _, code := range []record.Code{record.CodeAbsent, record.CodeGone, record.CodeHeld, record.CodeNotDue} {
		switch {
		case len(bad[code]) == 0:
		case first == "":
			first, text = code, strings.Join(bad[code], " ")
		default:
			text += "; " + string(code) + " " + strings.Join(bad[code], " ")
		}
	}
	if first == "" {
		return nil
	}
	return record.Fail(first, text)
}

// once refuses a list that names a record twice, as the contract does.
func (f *fake) once(ids []string) error {
	for i, id := range ids {
		if slices.Contains(ids[:i], id) {
			f.note("%s is named twice in one transaction", id)
			return record.Fail(record.CodeBadRequest, "ids are there twice")
		}
	}
	return nil
}

func (f *fake) receipt() Receipt {
	f.block++
	return Receipt{TxID: fmt.Sprintf("tx%d", f.block), Block: f.block}
}

func (f *fake) note(format string, args ...any) {
	f.breach = append(f.breach, fmt.Sprintf(format, args...))
}

// check is the oracle: all that was due and free is purged exactly once and has its
// tombstone, and nothing else was touched.
func (f *fake) check(t *testing.T) {
	t.Helper()
	for _, b := range f.breach {
		t.Errorf("breach: %s", b)
	}
	for _, r := range f.records {
		due := r.due != "" && r.due <= today && !r.held
		switch {
		case due && (r.body || r.meta || !r.tomb || r.todo || r.bodyPurge != 1 || r.allPurge != 1):
			t.Errorf("%s was due: body %t meta %t tombstone %t to do %t, body purged %d times, rest %d times",
				r.id, r.body, r.meta, r.tomb, r.todo, r.bodyPurge, r.allPurge)
		case !due && (!r.body || !r.meta || r.tomb):
			t.Errorf("%s was not to be purged: body %t meta %t tombstone %t", r.id, r.body, r.meta, r.tomb)
		}
	}
}

func firstError(errs ...error) error {
	return errs[slices.IndexFunc(errs, func(e error) bool { return e != nil })]
}
