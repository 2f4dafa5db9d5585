package purge

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"domicile/chaincode/record"
)

// planting makes a run store a canary in f.
func planting(f *fake, o Options) (Options, *[]*rec) {
	var made []*rec
	o.Canary = func(_ context.Context, collection, before string) (Item, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		r := f.add(1, 200, before)[0]
		r.canary = true
		made = append(made, r)
		return Item{ID: r.id, Collection: collection, DueDate: r.due, DueNow: true, Size: r.size, PutTx: r.putTx}, nil
	}
	return o, &made
}

func TestACanaryIsPurgedWithEachBatchAndCountedNowhere(t *testing.T) {
	f := world()
	o, made := planting(f, options())
	var events []Event
	o.Progress = func(e Event) { events = append(events, e) }
	res, err := Run(t.Context(), f, o)
	if err != nil {
		t.Fatal(err)
	}
	f.check(t)
	batches := 0
	for _, q := range f.accepted {
		if len(q.IDs) == 0 || q.Part != record.PartAll {
			continue
		}
		batches++
		n := 0
		for _, id := range q.IDs {
			if f.records[id].canary {
				n++
			}
		}
		if n != 1 || len(q.IDs) > o.BatchRecords+1 {
			t.Errorf("a batch of %d has %d canaries", len(q.IDs), n)
		}
	}
	if len(*made) != batches || res.Canaries != batches || batches < 3 {
		t.Fatalf("%d canaries stored, %d purged, in %d batches", len(*made), res.Canaries, batches)
	}
	about := map[string]bool{}
	for _, r := range *made {
		if about[r.id] = true; !r.gone || r.tombs != 1 {
			t.Errorf("a canary: %+v", r)
		}
	}
	if res.Purged != 25 || res.Tombstoned != 25 || res.Left != 0 {
		t.Errorf("it is counted: %+v", res)
	}
	for _, e := range events {
		if about[e.ID] {
			t.Errorf("it is told of: %+v", e)
		}
	}
}

func TestARunWithNothingToPurgeStoresNoCanary(t *testing.T) {
	f := newFake()
	f.add(3, 100, "2030-01-01")
	o, made := planting(f, options())
	if _, err := Run(t.Context(), f, o); err != nil || len(*made) > 0 {
		t.Errorf("%d canaries, %v", len(*made), err)
	}
}

func TestACanaryThatARunLeftIsPurgedByTheNextAndPlannedByNobody(t *testing.T) {
	f := newFake()
	left := f.add(1, 200, "2026-05-31")[0]
	left.canary = true
	p, err := MakePlan(t.Context(), f, PlanOptions{Collections: []string{"us-a"}, Before: today})
	if err != nil || p.Totals.Records > 0 {
		t.Errorf("planned: %+v, %v", p.Totals, err)
	}
	for range 2 { // due, and then purged without a tombstone
		b, err := Survey(t.Context(), f, []string{"us-a"}, today)
		if err != nil || b[0] != (Backlog{Collection: "us-a"}) {
			t.Errorf("surveyed: %+v, %v", b, err)
		}
		left.todo = !left.todo
	}
	o, made := planting(f, options())
	res, err := Run(t.Context(), f, o)
	if err != nil || !left.gone || res.Canaries != 1 || res.Purged != 0 || len(*made) > 0 {
		t.Errorf("%+v, %d more made, %v", res, len(*made), err)
	}
}

func TestACanaryThatCannotBeStoredStopsNothing(t *testing.T) {
	f := world()
	o := options()
	o.Canary = func(context.Context, string, string) (Item, error) { return Item{}, errors.New("no") }
	res, err := Run(t.Context(), f, o)
	if err != nil || res.Purged != 25 || res.CanaryFailures != 1 {
		t.Errorf("%+v, %v", res, err)
	}
}

// bare is a ledger whose purges leave no evidence.
type bare struct{ *fake }

func (b bare) Purge(ctx context.Context, q record.PurgeRequest) (Receipt, error) {
	rc, err := b.fake.Purge(ctx, q)
	rc.WithoutEvidence = err == nil && len(q.IDs) > 0 && q.Part != record.PartRest
	return rc, err
}

func TestRecordsPurgedWithoutEvidenceAreCountedOnceAndCanariesNot(t *testing.T) {
	f := world()
	f.add(2, record.BatchBytes+1, "2026-01-01") // in two steps
	o, made := planting(f, options())
	res, err := Run(t.Context(), bare{f}, o)
	if err != nil || len(*made) != res.Canaries || res.WithoutEvidence != res.Purged || res.Purged == 0 {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestTheLargestBatchHasRoomForItsCanary(t *testing.T) {
	f := newFake()
	f.add(record.MaxRecords, 100, "2020-01-01")
	o, made := planting(f, options())
	o.BatchRecords, o.SweepBytes = record.MaxRecords, 1<<40
	res, err := Run(t.Context(), f, o)
	if err != nil || res.Purged != record.MaxRecords || len(*made) != 2 || len(f.accepted[0].IDs) != record.MaxRecords {
		t.Errorf("%+v, %d canaries, first batch of %d, %v", res, len(*made), len(f.accepted[0].IDs), err)
	}
}

func TestACanaryThatIsStoredGoesWithItsBatchAlthoughTheRunIsStopped(t *testing.T) {
	f := newFake()
	f.add(20, 100, "2020-01-01")
	o, made := planting(f, options())
	store := o.Canary
	ctx, cancel := context.WithCancel(t.Context())
	o.Canary = func(ctx context.Context, collection, before string) (Item, error) {
		if len(*made) == 1 {
			cancel()
		}
		return store(ctx, collection, before)
	}
	res, err := Run(ctx, f, o)
	if !errors.Is(err, context.Canceled) || len(*made) != 2 || res.Canaries != 2 || res.Purged != 20 || res.Left != 0 {
		t.Errorf("%+v, %d canaries, %v", res, len(*made), err)
	}
	f.check(t)
}

func TestARunThatIsStoppedWhileItRestsLeavesNoCanary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.add(20, 100, "2020-01-01")
		o, made := planting(f, options())
		f.pageLen = 100
		o.Peers, o.Share = &peers{f: f}, 0.4
		ctx, cancel := context.WithCancel(t.Context())
		f.hook = func(_ int, name string) {
			if name != "Purge" {
				return
			}
			time.Sleep(2 * HeadStart)
			time.AfterFunc(time.Second, cancel) // in the rest that follows
		}
		res, err := Run(ctx, f, o)
		if !errors.Is(err, context.Canceled) || len(*made) != 1 || res.Canaries != 1 || res.Purged != 10 || res.Left != 10 || res.Oldest != "2020-01-01" {
			t.Errorf("%+v, %d canaries, %v", res, len(*made), err)
		}
	})
}

func TestARunStoresNoMoreCanariesOnceOneIsHeld(t *testing.T) {
	f := newFake()
	f.add(40, 100, "2020-01-01")
	o, made := planting(f, options())
	store := o.Canary
	o.Canary = func(ctx context.Context, collection, before string) (Item, error) {
		it, err := store(ctx, collection, before)
		f.records[it.ID].held = true
		return it, err
	}
	res, err := Run(t.Context(), f, o)
	if err != nil || len(*made) != 1 || res.Canaries != 0 || res.Purged != 40 || len(res.Skipped) > 0 {
		t.Errorf("%+v, %d canaries, %v", res, len(*made), err)
	}
	f.check(t)
}

func TestACanaryIsInNoCountWhenPurgesArePausedOrFail(t *testing.T) {
	f := newFake()
	f.add(5, 100, "2020-01-01")
	f.paused = true
	o, _ := planting(f, options())
	if res, err := Run(t.Context(), f, o); record.CodeOf(err) != record.CodePaused || res.Skipped[record.CodePaused] != 5 {
		t.Errorf("paused: %+v, %v", res, err)
	}
	f = newFake()
	f.add(5, 100, "2020-01-01")
	f.fault = func(_ int, name string) (before, after error) {
		if name == "Purge" {
			before = record.Fail(record.CodeInternal, "poison")
		}
		return before, nil
	}
	o, _ = planting(f, options())
	if res, err := Run(t.Context(), f, o); err == nil || res.Failed != 5 || res.CanaryFailures != 1 || res.Left != 5 {
		t.Errorf("failing: %+v, %v", res, err)
	}
}

// alone counts the purges of a single record.
type alone struct {
	cursed
	purges map[string]int
}

func (a *alone) Purge(ctx context.Context, q record.PurgeRequest) (Receipt, error) {
	if len(q.IDs) == 1 {
		a.purges[q.IDs[0]]++
	}
	return a.cursed.Purge(ctx, q)
}

func TestACanaryInTheWayIsNotTriedAgainForThePageThatListsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.add(40, 100, "2020-01-01")
		o, made := planting(f, options())
		l := &alone{cursed{fake: f, code: record.CodeInternal}, map[string]int{}}
		store := o.Canary
		o.Canary = func(ctx context.Context, collection, before string) (Item, error) {
			it, err := store(ctx, collection, before)
			if len(*made) == 1 {
				l.ids = []string{it.ID}
			}
			return it, err
		}
		res, err := Run(t.Context(), l, o)
		first := (*made)[0]
		if err != nil || res.Purged != 40 || res.CanaryFailures != 1 || l.purges[first.id] != 1 || first.gone {
			t.Errorf("%+v, tried %d times alone, %v", res, l.purges[first.id], err)
		}
	})
}
