package purge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"domicile/chaincode/record"
)

// cursed fails whatever names one of some records, without saying which.
type cursed struct {
	*fake
	ids   []string
	code  record.Code
	reads bool // reading them fails, too
}

func (c cursed) hit(ids []string) error {
	for _, id := range ids {
		if slices.Contains(c.ids, id) {
			return record.Fail(c.code, "this peer cannot")
		}
	}
	return nil
}

func (c cursed) Inspect(ctx context.Context, coll string, ids []string) ([]record.State, error) {
	if err := c.hit(ids); err != nil && c.reads {
		return nil, err
	}
	return c.fake.Inspect(ctx, coll, ids)
}

func (c cursed) Purge(ctx context.Context, q record.PurgeRequest) (Receipt, error) {
	if err := c.hit(q.IDs); err != nil {
		return Receipt{}, err
	}
	return c.fake.Purge(ctx, q)
}

func TestOnePoisonRecordDoesNotStarveTheRest(t *testing.T) {
	for _, code := range []record.Code{record.CodeInternal, record.CodeMissingData} {
		for _, reads := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/reads fail %t", code, reads), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := newFake()
					f.pageLen = 100
					rs := append(f.add(150, 100, "2020-01-01"), f.add(3, record.BatchBytes+1, "2020-01-02")...)
					l := cursed{f, []string{rs[0].id, rs[77].id, rs[151].id}, code, reads}
					for range 2 { // the next run meets them again, and nothing else
						res, err := Run(t.Context(), l, options())
						if err == nil || res.Failed != 3 || res.Failures[code] != 3 || res.InTheWay() != 3 || res.Cut != "" || res.Left != 3 || res.Oldest != "2020-01-01" {
							t.Fatalf("result %+v, %v", res, err)
						}
					}
					if res, err := Run(t.Context(), f, options()); err != nil || res.Purged != 3 {
						t.Fatalf("healed: %+v, %v", res, err)
					}
					f.check(t)
				})
			})
		}
	}
}

func TestALimitIsNotUsedUpByPoison(t *testing.T) {
	f := newFake()
	rs := f.add(30, 100, "2020-01-01")
	var bad []string
	for _, r := range rs[:20] {
		bad = append(bad, r.id)
	}
	o := options()
	o.Limit = 5
	l := cursed{f, bad, record.CodeInternal, true}
	res, err := Run(t.Context(), l, o)
	if err == nil || res.Purged != 5 || res.Cut != CutLimit {
		t.Errorf("result %+v, %v", res, err)
	}
}

func TestALedgerOutOfReachEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := world()
		f.fault = func(_ int, name string) (error, error) {
			if name == "Purge" {
				return down, nil
			}
			return nil, nil
		}
		res, err := Run(t.Context(), f, options())
		if record.CodeOf(err) != record.CodeUnavailable || res.Cut != CutOutage || res.Purged != 0 || res.Left == 0 || res.InTheWay() != 0 {
			t.Errorf("result %+v, %v", res, err)
		}
	})
}

func TestAPauseTakesEffectBeforeTheNextBatchAndLosesNothing(t *testing.T) {
	f := newFake()
	f.pageLen = 100
	f.add(40, 100, "2020-01-01")
	o := options()
	purges := 0
	f.hook = func(_ int, name string) {
		if name == "Purge" {
			purges++
			f.paused = purges == 3
		}
	}
	res, err := Run(t.Context(), f, o)
	if record.CodeOf(err) != record.CodePaused || !res.Paused || res.Cut != CutRefused {
		t.Fatalf("result %+v, %v", res, err)
	}
	if res.Purged != 20 || res.Tombstoned != 20 || res.Left != 20 || res.Failed != 0 || purges > 4 {
		t.Errorf("result %+v after %d purges; what was purged must have its tombstone", res, purges)
	}
	f.paused, f.hook = false, nil
	if _, err := Run(t.Context(), f, options()); err != nil {
		t.Fatal(err)
	}
	f.check(t)
}

func TestGraceCountsByTheRecordsOwnDueDate(t *testing.T) {
	f := newFake()
	f.add(4, 100, "2026-05-20")
	young := f.add(4, 100, "2026-05-30")
	o := options()
	o.Before = "2026-05-25"
	if res, err := Run(t.Context(), f, o); err != nil || res.Purged != 4 {
		t.Fatalf("%+v, %v", res, err)
	}
	// The index is a hint: an entry of an earlier day does not shorten the grace.
	early := indexed{f, "2026-05-01"}
	if res, err := Run(t.Context(), early, o); err != nil || res.Purged != 0 || res.Skipped[record.CodeNotDue] != len(young) {
		t.Fatalf("%+v, %v", res, err)
	}
}

// indexed is a ledger whose index lists everything under one date.
type indexed struct {
	*fake
	date string
}

func (x indexed) Due(ctx context.Context, c, _, after string) (record.Page, error) {
	p, err := x.fake.Due(ctx, c, "9999-12-31", after)
	for i := range p.Entries {
		p.Entries[i].Date = x.date
	}
	return p, err
}

func TestAShortBatchIsHeldBackUntilItsOldestRecordHasWaitedLongEnough(t *testing.T) {
	f := newFake()
	f.add(13, 100, "2026-05-28")
	o := options()
	o.HoldBack = 10
	res, err := Run(t.Context(), f, o)
	if err != nil || res.Purged != 10 || res.HeldBack != 3 || res.Short != 0 || res.Left != 0 {
		t.Fatalf("%+v, %v", res, err)
	}
	o.HoldBack = 3
	res, err = Run(t.Context(), f, o)
	if err != nil || res.Purged != 3 || res.HeldBack != 0 || res.Short != 1 {
		t.Fatalf("%+v, %v", res, err)
	}
	f.check(t)
}

func TestShortBatchesAreFilledUpFromTheNextPage(t *testing.T) {
	f := newFake()
	f.pageLen = 7
	f.add(50, 100, "2020-01-01")
	res, err := Run(t.Context(), f, options())
	if err != nil || res.Purged != 50 || res.Batches != 5 || res.Short != 0 {
		t.Errorf("%+v, %v", res, err)
	}
	f.check(t)
}

func TestLargeBodiesOfAPageGoFirstAndAlone(t *testing.T) {
	f := newFake()
	f.pageLen = 100
	f.add(12, 100, "2020-01-01")
	f.add(3, record.BatchBytes+1, "2021-01-01")
	var order []string
	o := options()
	o.Progress = func(e Event) {
		if e.Kind == EventBody || e.Kind == EventPurged {
			order = append(order, e.Kind)
		}
	}
	if _, err := Run(t.Context(), f, o); err != nil {
		t.Fatal(err)
	}
	f.check(t)
	want := strings.Repeat("body ", 3) + strings.Repeat("purged ", 15)
	if got := strings.Join(order, " ") + " "; got != want {
		t.Errorf("order %s", got)
	}
}

func TestWhatIsNotDueAnyMoreForAnotherReasonIsCountedUnderItsCode(t *testing.T) {
	f := newFake()
	rs := f.add(3, 100, "2020-01-01")
	l := reviewed{f, rs[1].id}
	res, err := Run(t.Context(), l, options())
	if err != nil || res.Purged != 2 || res.Skipped[record.CodeNeedsReview] != 1 {
		t.Errorf("%+v, %v", res, err)
	}
	p, err := MakePlan(t.Context(), reviewed{f, rs[1].id}, PlanOptions{Collections: []string{"us-a"}, Before: today})
	if err != nil || p.Kept[record.CodeNeedsReview] != 1 {
		t.Errorf("%+v, %v", p, err)
	}
}

// reviewed says of one record that a review is missing.
type reviewed struct {
	*fake
	id string
}

func (r reviewed) Inspect(ctx context.Context, c string, ids []string) ([]record.State, error) {
	states, err := r.fake.Inspect(ctx, c, ids)
	for i := range states {
		if states[i].ID == r.id {
			states[i].Code = record.CodeNeedsReview
		}
	}
	return states, err
}

func TestAnErrorOfTheIndexIsReported(t *testing.T) {
	f := world()
	f.fault = func(_ int, name string) (error, error) {
		if name == "Due" {
			return record.Fail(record.CodeInternal, "decoding"), nil
		}
		return nil, nil
	}
	if _, err := Run(t.Context(), f, options()); !errors.Is(err, &record.Error{Code: record.CodeInternal}) {
		t.Errorf("error %v", err)
	}
}
