package purge_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
	"domicile/purge"
	"domicile/purge/purgetest"
)

// contract is a [purgetest.Ledger] that can be made to fail at any call.
type contract struct {
	*purgetest.Ledger
	t     testing.TB
	calls int
	// fault decides about the n-th call, counted from 0.
	fault func(n int) (before, after error)
}

func newContract(t testing.TB) *contract {
	t.Helper()
	l, err := purgetest.New(chaincodetest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l.Page = 7
	return &contract{Ledger: l, t: t}
}

var atHospital = []string{purgetest.Org}

func (c *contract) enter() (before, after error) {
	n := c.calls
	c.calls++
	if c.fault == nil {
		return nil, nil
	}
	return c.fault(n)
}

// ask is a read, which has no effect that a fault could come after.
func ask[T any](c *contract, read func() (T, error)) (T, error) {
	if before, after := c.enter(); before != nil || after != nil {
		var none T
		return none, errors.Join(before, after)
	}
	return read()
}

func (c *contract) send(write func() (purge.Receipt, error)) (purge.Receipt, error) {
	before, after := c.enter()
	if before != nil {
		return purge.Receipt{}, before
	}
	r, err := write()
	return r, errors.Join(err, after)
}

func (c *contract) Due(ctx context.Context, collection, before, after string) (record.Page, error) {
	return ask(c, func() (record.Page, error) { return c.Ledger.Due(ctx, collection, before, after) })
}

func (c *contract) Inspect(ctx context.Context, collection string, ids []string) ([]record.State, error) {
	return ask(c, func() ([]record.State, error) { return c.Ledger.Inspect(ctx, collection, ids) })
}

func (c *contract) Purge(ctx context.Context, q record.PurgeRequest) (purge.Receipt, error) {
	return c.send(func() (purge.Receipt, error) { return c.Ledger.Purge(ctx, q) })
}

func (c *contract) Tombstone(ctx context.Context, refs []record.Ref) (purge.Receipt, error) {
	return c.send(func() (purge.Receipt, error) { return c.Ledger.Tombstone(ctx, refs) })
}

// put stores n resources that ended on a day in one transaction.
func (c *contract) put(n int, end string, fill int) []string {
	c.t.Helper()
	q := record.PutRequest{Version: 1, Region: "us", Collection: "us-a"}
	var bodies [][]byte
	var ids []string
	for range n {
		id := record.NewID()
		ids = append(ids, id)
		q.Records = append(q.Records, record.PutRecord{ID: id, Seed: chaincodetest.Random(record.SeedLen)})
		bodies = append(bodies, fmt.Appendf(nil, `{"resourceType":"Encounter","status":"finished","class":{"code":"AMB"},"period":{"end":%q},"text":{"status":"generated","div":"%0*d"}}`, end, fill, 0))
	}
	c.submit(chaincodetest.Write(chaincodetest.Identity{Org: "UsHospital", Role: record.RoleWriter}, record.OpPut, q, atHospital, bodies...))
	return ids
}

func (c *contract) submit(call chaincodetest.Call) {
	c.t.Helper()
	r, err := c.Submit(context.Background(), call)
	if err != nil || r.Code != chaincodetest.Valid {
		c.t.Fatalf("%s: %v %s", call.Transient[record.FieldOp], err, r.Code)
	}
}

func (c *contract) pause(on bool) {
	c.t.Helper()
	c.submit(chaincodetest.Write(chaincodetest.Identity{Org: "UsHospital", Role: record.RoleOfficer}, record.OpPause, record.PauseRequest{
		Version: 1, Region: "us", Collection: "us-a", Seed: chaincodetest.Random(record.SeedLen), Paused: on, Authority: "a", Reason: "r",
	}, atHospital))
}

// scene stores a bit of everything and returns what must go and what must stay.
func (c *contract) scene() (due, stay []string) {
	due = slices.Concat(c.put(10, "2001-01-31", 10), c.put(4, "2002-01-31", 10), c.put(1, "2003-01-31", record.BatchBytes+1))
	young := c.put(2, "2025-12-31", 10)
	held := c.put(2, "2001-06-30", 10)
	c.submit(chaincodetest.Write(chaincodetest.Identity{Org: "UsHospital", Role: record.RoleOfficer}, record.OpHold, record.HoldRequest{
		Version: 1, Region: "us", Collection: "us-a", Seed: chaincodetest.Random(record.SeedLen), IDs: held, Matter: "m", Authority: "a", Reason: "r",
	}, atHospital))
	return due, slices.Concat(young, held)
}

// check judges from outside: by the public proof and the holder's own answer.
func (c *contract) check(due, stay []string) {
	c.t.Helper()
	c.fault = nil
	for _, s := range c.states(due) {
		if s.State != record.InsideGone {
			c.t.Errorf("%s was due and is %s", s.ID, s.State)
		}
	}
	for _, s := range c.states(stay) {
		if s.State != record.InsidePresent {
			c.t.Errorf("%s was to stay and is %s", s.ID, s.State)
		}
	}
	b, err := c.Evaluate(context.Background(), chaincodetest.Public(chaincodetest.Identity{Org: "UkTrust"}, record.FuncProof, record.ProofRequest{Version: 1, IDs: append(slices.Clone(due), stay...)}))
	if err != nil {
		c.t.Fatal(err)
	}
	var proofs []record.Proof
	if err := json.Unmarshal(b, &proofs); err != nil {
		c.t.Fatal(err)
	}
	for i, p := range proofs {
		if (p.State == record.StatePurged) != (i < len(due)) {
			c.t.Errorf("%s is %s for the other regions", p.ID, p.State)
		}
	}
	if p, err := c.Due(context.Background(), "us-a", "2026-06-01", ""); err != nil || slices.ContainsFunc(p.Entries, func(e record.Entry) bool { return e.Gone }) {
		c.t.Errorf("still to do: %+v, %v", p, err)
	}
}

func (c *contract) states(ids []string) []record.State {
	c.t.Helper()
	s, err := c.Inspect(context.Background(), "us-a", ids)
	if err != nil {
		c.t.Fatal(err)
	}
	return s
}

func run(ctx context.Context, l purge.Ledger) (*purge.Result, error) {
	return purge.Run(ctx, l, purge.Options{Collections: []string{"us-a", "us-a2"}, Before: "2026-06-01", Backoff: 1})
}

func TestI12_ARunOnTheContractMayDieAtEveryCall(t *testing.T) {
	lost := record.Fail(record.CodeUnknown, "lost")
	down := record.Fail(record.CodeUnavailable, "down")
	for name, way := range map[string]func(at int) func(int) (error, error){
		"before it took effect": func(at int) func(int) (error, error) {
			return func(n int) (error, error) {
				if n >= at {
					return down, nil
				}
				return nil, nil
			}
		},
		"after it took effect": func(at int) func(int) (error, error) {
			return func(n int) (error, error) {
				if n == at {
					return nil, lost
				}
				if n > at {
					return down, nil
				}
				return nil, nil
			}
		},
		"and only the answer is lost": func(at int) func(int) (error, error) {
			return func(n int) (error, error) {
				if n == at {
					return nil, lost
				}
				return nil, nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for at := 0; ; at++ {
				c := newContract(t)
				due, stay := c.scene()
				c.calls, c.fault = 0, way(at)
				_, _ = run(t.Context(), c)
				reached := c.calls > at
				c.fault = nil
				if res, err := run(t.Context(), c); err != nil || res.Failed != 0 {
					t.Errorf("second run: %+v, %v", res, err)
				}
				c.check(due, stay)
				if t.Failed() {
					t.Fatalf("call %d", at)
				}
				if !reached {
					break
				}
			}
		})
	}
}

func TestAPauseOnTheLedgerStopsARunBetweenTwoBatches(t *testing.T) {
	t.Parallel()
	c := newContract(t)
	due, stay := c.scene()
	paused := false
	o := purge.Options{Collections: []string{"us-a"}, Before: "2026-06-01", BatchRecords: 5, Backoff: 1}
	o.Progress = func(e purge.Event) {
		if e.Kind == purge.EventPurged && !paused {
			paused = true
			c.pause(true)
		}
	}
	res, err := purge.Run(t.Context(), c, o)
	if record.CodeOf(err) != record.CodePaused || !res.Paused || res.Purged != 5 || res.Left == 0 {
		t.Fatalf("%+v, %v", res, err)
	}
	c.pause(false)
	if _, err := run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	c.check(due, stay)
}

func TestTwoRunsOnTheContractHaveOneEffect(t *testing.T) {
	t.Parallel()
	for at := 0; ; at++ {
		c := newContract(t)
		due, stay := c.scene()
		other, busy := 0, false
		c.calls = 0
		c.fault = func(n int) (error, error) {
			if busy || n < at || other > 0 {
				return nil, nil
			}
			other, busy = 1, true
			if res, err := run(t.Context(), c); err != nil || res.Failed != 0 {
				t.Errorf("the other run: %+v, %v", res, err)
			}
			busy = false
			return nil, nil
		}
		if res, err := run(t.Context(), c); err != nil || res.Failed != 0 {
			t.Errorf("%+v, %v", res, err)
		}
		c.check(due, stay)
		if t.Failed() {
			t.Fatalf("call %d", at)
		}
		if other == 0 {
			return
		}
	}
}
