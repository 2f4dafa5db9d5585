package purge

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"

	"domicile/chaincode/record"
)

// world is a ledger with a bit of everything.
func world() *fake {
	f := newFake()
	f.add(23, 2000, "2020-01-01")
	f.add(2, record.BatchBytes+1, "2021-05-05")
	f.add(5, 100, "2030-01-01")
	f.add(3, 100, "")
	for _, r := range f.add(2, 300, "2022-02-02") {
		r.held = true
	}
	return f
}

func options() Options {
	return Options{Collections: []string{"us-a"}, Before: today, BatchRecords: 10, Random: rand.New(rand.NewPCG(1, 2))}
}

func TestRunPurgesAllThatIsDueAndNothingElse(t *testing.T) {
	f := world()
	res, err := Run(t.Context(), f, options())
	if err != nil {
		t.Fatal(err)
	}
	f.check(t)
	if res.Purged != 25 || res.Tombstoned != 25 || res.Skipped[record.CodeHeld] != 2 || res.Failed != 0 {
		t.Errorf("result %+v", res)
	}
}

func TestI14_DryRunTakesTheSameDecisionsAndChangesNothing(t *testing.T) {
	f := world()
	res, err := Run(t.Context(), DryRun(f), options())
	if err != nil {
		t.Fatal(err)
	}
	if res.Purged != 25 || f.block != 1 {
		t.Errorf("result %+v, block %d", res, f.block)
	}
	for _, r := range f.records {
		if !r.body || !r.meta || r.tomb {
			t.Fatal("a dry run changed the ledger")
		}
	}
}

func TestAnEndorserThatHasNotSeenATombstoneYetFailsNothing(t *testing.T) {
	for _, n := range []int{1, 2, 4, 1000} {
		synctest.Test(t, func(t *testing.T) {
			f := world()
			f.behind = n
			res, err := Run(t.Context(), f, options())
			if err != nil || res.Purged != 25 || res.Tombstoned != 25 || res.Failed != 0 || res.Cut != "" {
				t.Errorf("%d refusals: %+v, %v", n, res, err)
			}
			f.behind = 0
			if _, err := Run(t.Context(), f, options()); err != nil { // settles what was left
				t.Error(err)
			}
			f.check(t)
		})
	}
}

var down = record.Fail(record.CodeUnavailable, "no peer")

// ways are the ways in which the call with the number at can fail.
var ways = map[string]func(at int) func(int, string) (error, error){
	"one error before it took effect": func(at int) func(int, string) (error, error) {
		return func(n int, _ string) (error, error) {
			if n == at {
				return down, nil
			}
			return nil, nil
		}
	},
	"one error after it took effect": func(at int) func(int, string) (error, error) {
		return func(n int, _ string) (error, error) {
			if n == at {
				return nil, record.Fail(record.CodeUnknown, "lost")
			}
			return nil, nil
		}
	},
	"killed before it took effect": func(at int) func(int, string) (error, error) {
		return func(n int, _ string) (error, error) {
			if n >= at {
				return down, nil
			}
			return nil, nil
		}
	},
	"killed after it took effect": func(at int) func(int, string) (error, error) {
		return func(n int, _ string) (error, error) {
			if n == at {
				return nil, record.Fail(record.CodeUnknown, "lost")
			}
			if n > at {
				return down, nil
			}
			return nil, nil
		}
	},
	"an error nobody knows": func(at int) func(int, string) (error, error) {
		return func(n int, _ string) (error, error) {
			if n == at {
				return nil, errors.New("what is this")
			}
			return nil, nil
		}
	},
	"the transaction was invalidated": func(at int) func(int, string) (error, error) {
		return func(n int, _ string) (error, error) {
			if n == at {
				return record.Fail(record.CodeInvalidated, "no ids named"), nil
			}
			return nil, nil
		}
	},
}

// Every call of a run fails in every way, then the run is started again.
func TestARunIsResumableAtEveryCall(t *testing.T) {
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for at := 0; ; at++ {
					f := world()
					f.fault = way(at)
					_, _ = Run(t.Context(), f, options())
					reached := f.calls > at
					f.fault = nil
					res, err := Run(t.Context(), f, options())
					if err != nil {
						t.Fatalf("call %d: second run: %v", at, err)
					}
					f.check(t)
					if t.Failed() {
						t.Fatalf("call %d: second run %+v", at, res)
					}
					if !reached {
						break
					}
				}
			})
		})
	}
}

func TestRecordsThatChangeMeanwhileSplitTheBatch(t *testing.T) {
	f := newFake()
	f.pageLen = 100
	rs := f.add(10, 100, "2020-01-01")
	f.hook = func(_ int, name string) {
		if name != "Purge" {
			return
		}
		f.hook = nil
		rs[3].held = true
		rs[5].due = "2031-01-01"
		r := rs[7] // another run was faster
		r.body, r.meta, r.gone, r.bodyPurge, r.allPurge = false, false, true, 1, 1
	}
	res, err := Run(t.Context(), f, options())
	if err != nil {
		t.Fatal(err)
	}
	f.check(t)
	if res.Purged != 7 || res.Tombstoned != 8 || res.Skipped[record.CodeHeld] != 1 ||
		res.Skipped[record.CodeNotDue] != 1 || res.Skipped[record.CodeGone] != 1 {
		t.Errorf("result %+v", res)
	}
}

func TestATombstoneWaitsForRegionsThatLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.add(9, 100, "2020-01-01")[4].lag = 2
		res, err := Run(t.Context(), f, options())
		if err != nil {
			t.Fatal(err)
		}
		f.check(t)
		if res.Tombstoned != 9 {
			t.Errorf("result %+v", res)
		}
	})
}

func TestCancellingFinishesTheBatchInHand(t *testing.T) {
	f := newFake()
	f.pageLen = 100
	f.add(30, 100, "2020-01-01")
	ctx, cancel := context.WithCancel(t.Context())
	o := options()
	o.Progress = func(e Event) {
		if e.Kind == EventPurged {
			cancel()
		}
	}
	res, err := Run(ctx, f, o)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	if res.Purged != 10 || res.Tombstoned != 10 {
		t.Errorf("result %+v, want one whole batch", res)
	}
	if _, err = Run(t.Context(), f, options()); err != nil {
		t.Fatal(err)
	}
	f.check(t)
}

func TestARefusalOfTheCallerStopsAtOnce(t *testing.T) {
	f := world()
	f.fault = func(_ int, name string) (error, error) {
		if name == "Purge" {
			return record.Fail(record.CodeForbidden, "role"), nil
		}
		return nil, nil
	}
	_, err := Run(t.Context(), f, options())
	if record.CodeOf(err) != record.CodeForbidden {
		t.Fatalf("error %v", err)
	}
	if f.calls > 5 {
		t.Errorf("%d calls after a refusal of the caller", f.calls)
	}
}

func TestARecordInTheWayDoesNotStopTheOthers(t *testing.T) {
	f := newFake()
	f.pageLen = 100
	rs := f.add(40, 100, "2020-01-01")
	poison := rs[13].id
	l := poisoned{f, poison}
	res, err := Run(t.Context(), l, options())
	if record.CodeOf(err) != record.CodeInternal {
		t.Fatalf("error %v", err)
	}
	if res.Purged != 39 || res.Failed != 1 {
		t.Errorf("result %+v", res)
	}
	if _, err := Run(t.Context(), f, options()); err != nil {
		t.Fatal(err)
	}
	f.check(t)
}

// poisoned refuses every purge that holds one record, without naming it.
type poisoned struct {
	*fake
	id string
}

func (p poisoned) Purge(ctx context.Context, q record.PurgeRequest) (Receipt, error) {
	for _, id := range q.IDs {
		if id == p.id {
			return Receipt{}, record.Fail(record.CodeInternal, "something")
		}
	}
	return p.fake.Purge(ctx, q)
}

func TestALimitCountsRecordsBegun(t *testing.T) {
	f := world()
	o := options()
	o.Limit = 4
	res, err := Run(t.Context(), f, o)
	if err != nil || res.Purged != 4 {
		t.Fatalf("result %+v, %v", res, err)
	}
}

func TestPlanCountsWhatARunWouldMeet(t *testing.T) {
	f := world()
	rs := f.add(3, 100, "2019-01-01")
	rs[0].body, rs[0].gone = false, true                                      // body purged
	rs[1].body, rs[1].meta, rs[1].gone, rs[1].todo = false, false, true, true // killed before the tombstone
	p, err := MakePlan(t.Context(), f, PlanOptions{Collections: []string{"us-a"}, Before: today})
	if err != nil {
		t.Fatal(err)
	}
	want := Totals{Records: 26, DueNow: 26, Bytes: 23*2000 + 2*(record.BatchBytes+1) + 100, Held: 2, Partial: 1, TombstoneMissing: 1}
	if p.Totals != want || !p.Demo {
		t.Errorf("totals %+v, want %+v, demo %t", p.Totals, want, p.Demo)
	}
	p, err = MakePlan(t.Context(), f, PlanOptions{Collections: []string{"us-a"}, Before: "2030-12-31", Limit: 30})
	if err != nil || len(p.Items) != 30 || !p.Truncated {
		t.Errorf("%d items, truncated %t, %v", len(p.Items), p.Truncated, err)
	}
}
