package purge

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"domicile/chaincode/record"
)

// between runs something else before the n-th call reaches the ledger.
type between struct {
	Ledger
	n    int
	then func()
}

func (b *between) turn() {
	if b.n--; b.n == -1 {
		b.then()
	}
}

func (b *between) Due(ctx context.Context, c, before, after string) (record.Page, error) {
	b.turn()
	return b.Ledger.Due(ctx, c, before, after)
}

func (b *between) Inspect(ctx context.Context, c string, ids []string) ([]record.State, error) {
	b.turn()
	return b.Ledger.Inspect(ctx, c, ids)
}

func (b *between) Purge(ctx context.Context, q record.PurgeRequest) (Receipt, error) {
	b.turn()
	return b.Ledger.Purge(ctx, q)
}

func (b *between) Tombstone(ctx context.Context, refs []record.Ref) (Receipt, error) {
	b.turn()
	return b.Ledger.Tombstone(ctx, refs)
}

// A second run does everything between any two calls of the first.
func TestASecondRunMayDoAllTheWorkBetweenAnyTwoCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for at := 0; ; at++ {
			f := world()
			b := &between{Ledger: f, n: at, then: func() {
				o := options()
				o.Random = rand.New(rand.NewPCG(5, 6))
				if _, err := Run(t.Context(), f, o); err != nil {
					t.Fatalf("call %d: the other run: %v", at, err)
				}
			}}
			res, err := Run(t.Context(), b, options())
			if err != nil || res.Failed != 0 {
				t.Fatalf("call %d: %+v, %v", at, res, err)
			}
			f.check(t)
			if t.Failed() {
				t.Fatalf("call %d", at)
			}
			if b.n >= 0 {
				return
			}
		}
	})
}

// taken lets several runs take turns at the ledger, call by call, in an order drawn
// from a seed.
type taken struct {
	mu      sync.Mutex
	waiting []chan struct{}
}

func (x *taken) wait() {
	c := make(chan struct{})
	x.mu.Lock()
	x.waiting = append(x.waiting, c)
	x.mu.Unlock()
	<-c
}

// turn lets one waiting call through, and reports whether there was one.
func (x *taken) turn(r *rand.Rand) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.waiting) == 0 {
		return false
	}
	i := r.IntN(len(x.waiting))
	close(x.waiting[i])
	x.waiting = append(x.waiting[:i], x.waiting[i+1:]...)
	return true
}

type taking struct {
	Ledger
	*taken
}

func (x taking) Due(ctx context.Context, c, before, after string) (record.Page, error) {
	x.wait()
	return x.Ledger.Due(ctx, c, before, after)
}

func (x taking) Inspect(ctx context.Context, c string, ids []string) ([]record.State, error) {
	x.wait()
	return x.Ledger.Inspect(ctx, c, ids)
}

func (x taking) Purge(ctx context.Context, q record.PurgeRequest) (Receipt, error) {
	x.wait()
	return x.Ledger.Purge(ctx, q)
}

func (x taking) Tombstone(ctx context.Context, refs []record.Ref) (Receipt, error) {
	x.wait()
	return x.Ledger.Tombstone(ctx, refs)
}

func TestThreeRunsInAnyInterleavingHaveOneEffect(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := world()
				order := rand.New(rand.NewPCG(seed, 1))
				turns := &taken{}
				var left sync.WaitGroup
				done := make(chan struct{})
				for i := range uint64(3) {
					left.Go(func() {
						o := options()
						o.Random = rand.New(rand.NewPCG(seed, 2+i))
						if res, err := Run(t.Context(), taking{f, turns}, o); err != nil || res.Failed != 0 {
							t.Errorf("run %d: %+v, %v", i, res, err)
						}
					})
				}
				go func() { left.Wait(); close(done) }()
				for {
					synctest.Wait()
					select {
					case <-done:
						f.check(t)
						return
					default:
					}
					if !turns.turn(order) {
						time.Sleep(time.Second) // they wait between attempts
					}
				}
			})
		})
	}
}

func TestConflictsAreCountedAndLeftToTheNextRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := world()
		f.fault = func(n int, name string) (error, error) {
			if name == "Purge" {
				return record.Fail(record.CodeConflict, "MVCC"), nil
			}
			return nil, nil
		}
		res, err := Run(t.Context(), f, options())
		if err != nil || res.Failed != 0 || res.Conflicts == 0 || res.Left != 25 || res.Skipped[record.CodeConflict] != 25 {
			t.Errorf("%+v, %v", res, err)
		}
		f.fault = nil
		if _, err := Run(t.Context(), f, options()); err != nil {
			t.Fatal(err)
		}
		f.check(t)
	})
}

func TestTombstonesThatAnotherRunSettledAreDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := world()
		f.hook = func(_ int, name string) {
			for _, r := range f.records {
				if name == "Purge" && r.tomb {
					r.todo = false // the other run settles between our tombstone and our settling
				}
			}
		}
		if res, err := Run(t.Context(), f, options()); err != nil || res.Failed != 0 || res.Conflicts == 0 {
			t.Errorf("%+v, %v", res, err)
		}
		f.check(t)
	})
}

func TestASettlingThatThePeersFindInvalidIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		only := f.add(1, 100, "2020-01-01")[0]
		f.fault = func(_ int, name string) (error, error) {
			if name == "Purge" && only.tomb {
				return record.Fail(record.CodeInvalidated, "ENDORSEMENT_POLICY_FAILURE"), nil
			}
			return nil, nil
		}
		if _, err := Run(t.Context(), f, options()); record.CodeOf(err) != record.CodeInvalidated {
			t.Errorf("%v", err)
		}
	})
}

// peers is a set of peers of which some are slow or down.
type peers struct {
	f      *fake
	behind map[string]uint64 // blocks a peer is behind, one less at each question
	down   map[string]bool
	asked  int
	beats  int
}

func (p *peers) Heights(context.Context) ([]Height, error) {
	p.asked++
	p.f.mu.Lock()
	defer p.f.mu.Unlock()
	var out []Height
	for _, name := range []string{"peer0", "peer1", "peer2"} {
		h := Height{Peer: name, Height: p.f.block + 1 - p.behind[name]}
		if p.behind[name] > 0 && p.behind[name] < 1000 {
			p.behind[name]--
		}
		if p.down[name] {
			h = Height{Peer: name, Err: down}
		}
		out = append(out, h)
	}
	return out, nil
}

func (p *peers) Heartbeat(context.Context) (Receipt, error) {
	p.beats++
	p.f.mu.Lock()
	defer p.f.mu.Unlock()
	return p.f.receipt(), nil
}

func TestTheNextBatchWaitsForEveryPeerThatAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.pageLen = 100
		f.add(30, 100, "2020-01-01")
		p := &peers{f: f, behind: map[string]uint64{"peer1": 4}, down: map[string]bool{"peer2": true}}
		o := options()
		o.Peers = p
		f.block = 100
		res, err := Run(t.Context(), f, o)
		if err != nil || res.Purged != 30 || res.Lagged != 0 || p.asked != 3+4 {
			t.Errorf("%+v, %v, asked %d times", res, err, p.asked)
		}
		f.check(t)
	})
}

func TestAPeerThatStaysBehindIsCountedAndNotWaitedForForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.pageLen = 100
		f.add(30, 100, "2020-01-01")
		o := options()
		o.Peers, o.Share = &peers{f: f, behind: map[string]uint64{"peer0": 1000}}, 1
		start := time.Now()
		f.block = 2000
		res, err := Run(t.Context(), f, o)
		if err != nil || res.Purged != 30 || res.Lagged != 3 {
			t.Errorf("%+v, %v", res, err)
		}
		if d := time.Since(start); d != 90*time.Second {
			t.Errorf("took %s", d)
		}
	})
}
