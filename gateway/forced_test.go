package gateway

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"domicile/chaincode/record"
)

// erasing runs an eraser on n small records, with an answer for each that is asked for
// alone, and returns what it yielded.
func erasing(t *testing.T, n int, answer func(id string) error) (done map[string]record.Code, finished int, err error) {
	t.Helper()
	done = map[string]record.Code{}
	x := eraser{
		purge: func(_ context.Context, r record.PurgeRequest) (TxReceipt, error) {
			for _, id := range r.IDs {
				if err := answer(id); err != nil {
					return TxReceipt{}, err
				}
			}
			return TxReceipt{TxID: "tx"}, nil
		},
		finish: func(context.Context, string) error { finished++; return nil },
		plant:  func(context.Context, string) string { return "" },
	}
	var list []Erased
	for i := range n {
		list = append(list, Erased{ID: fmt.Sprint(i), Collection: "eu-a", size: 1})
	}
	x.run(t.Context(), record.PurgeRequest{Collection: "eu-a", Ground: record.GroundForced}, list, func(e Erased, bad error) bool {
		if err = bad; bad == nil {
			done[e.ID] = e.Code
			if e.Done != (e.Code == "") {
				t.Errorf("%+v is neither done nor left", e)
			}
		}
		return true
	})
	return done, finished, err
}

func TestARecordInTheWayOfAForcedErasureKeepsNoOtherWaiting(t *testing.T) {
	t.Parallel()
	for _, code := range []record.Code{record.CodeMissingData, record.CodeConflict, record.CodeInternal, record.CodeRetained} {
		done, finished, err := erasing(t, 25, func(id string) error {
			if id == "7" {
				return record.Fail(code, "")
			}
			return nil
		})
		if err != nil || finished != 1 || len(done) != 25 || done["7"] != code {
			t.Errorf("%s: error %v, finished %d times, %v", code, err, finished, done)
		}
		for id, got := range done {
			if id != "7" && got != "" {
				t.Errorf("%s of 7 keeps %s: %s", code, id, got)
			}
		}
	}
}

func TestALedgerOutOfReachEndsAForcedErasure(t *testing.T) {
	t.Parallel()
	done, finished, err := erasing(t, 25, func(string) error { return unavailable("gone") })
	if record.CodeOf(err) != record.CodeUnavailable || finished != 0 || len(done) != 0 {
		t.Errorf("error %v, finished %d times, %v", err, finished, done)
	}
}

func TestOnlyWhatIsNoRuleOfLawIsInTheWay(t *testing.T) {
	t.Parallel()
	rules := []record.Code{record.CodeRetained, record.CodeHeld, record.CodeNoCase, record.CodeShared, record.CodeNotDue, record.CodeGone, record.CodeAbsent}
	for _, info := range record.Codes() {
		if got := (Erased{Code: info.Code}).InTheWay(); got == slices.Contains(rules, info.Code) {
			t.Errorf("%s: %t", info.Code, got)
		}
	}
	if (Erased{Done: true}).InTheWay() {
		t.Error("what is done is in the way")
	}
}

// planting runs an eraser on n records that can store so many canaries; held, by its
// name, is refused, and whether by its name or not. It returns what each transaction
// purged, with records named r0, r1, ... and canaries c.
func planting(t *testing.T, n, most, size int, held string, named bool) (sent []string) {
	t.Helper()
	names := map[string]string{"": ""}
	planted, asked := 0, 0
	x := eraser{
		purge: func(_ context.Context, r record.PurgeRequest) (TxReceipt, error) {
			var ids []string
			for _, id := range r.IDs {
				if ids = append(ids, names[id]); names[id] != held {
					continue
				}
				if !named {
					id = ""
				}
				return TxReceipt{}, record.Fail(record.CodeHeld, id)
			}
			slices.Sort(ids)
			sent = append(sent, fmt.Sprintf("%s %s %s", r.Ground, r.Part, strings.Join(ids, " ")))
			return TxReceipt{TxID: "tx"}, nil
		},
		finish: func(context.Context, string) error { return nil },
		plant: func(context.Context, string) string {
			if asked++; asked > planted+1 {
				t.Error("asked again for what cannot be stored")
			}
			if planted == most {
				return ""
			}
			planted++
			id := record.NewID()
			names[id] = "c"
			return id
		},
	}
	var list []Erased
	for i := range n {
		list = append(list, Erased{ID: record.NewID(), Collection: "eu-a", size: size})
		names[list[i].ID] = fmt.Sprint("r", i)
	}
	var told []string
	x.run(t.Context(), record.PurgeRequest{Collection: "eu-a", Ground: record.GroundForced}, list, func(e Erased, bad error) bool {
		if told = append(told, e.ID); bad != nil || names[e.ID] == "c" || e.Done == (names[e.ID] == held) {
			t.Errorf("yielded %+v, %v", e, bad)
		}
		return true
	})
	if slices.Sort(told); len(slices.Compact(told)) != n {
		t.Errorf("told of %d records", len(told))
	}
	slices.Sort(sent)
	return sent
}

func TestACanaryGoesWithEachBatchOfAForcedErasure(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		n, most, size int
		held          string
		named         bool
		want          []string
	}{
		"one batch":                    {2, 9, 1, "", false, []string{"forced all c r0 r1"}},
		"one record":                   {1, 9, 1, "", false, []string{"forced all c r0"}},
		"no record":                    {0, 9, 1, "", false, nil},
		"none can be stored":           {2, 0, record.BatchBytes, "", false, []string{"forced all r0", "forced all r1"}},
		"a large body":                 {1, 9, record.BatchBytes + 1, "", false, []string{"forced body r0"}},
		"each batch has its own":       {2, 9, record.BatchBytes, "", false, []string{"forced all c r0", "forced all c r1"}},
		"a record is in the way":       {3, 9, 1, "r1", true, []string{"forced all c r0 r2"}},
		"something is in the way":      {2, 9, 1, "r1", false, []string{"forced all r0"}},
		"the only one is in the way":   {1, 9, 1, "r0", true, nil},
		"the canary is in the way":     {4, 9, record.BatchBytes / 2, "c", true, []string{"forced all r? r?", "forced all r? r?"}},
		"it may be that the canary is": {2, 9, record.BatchBytes, "c", false, []string{"forced all r0", "forced all r1"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := planting(t, x.n, x.most, x.size, x.held, x.named)
			if x.n > 3 { // which records are together is left to chance
				for i := range got {
					got[i] = regexp.MustCompile(`r\d`).ReplaceAllString(got[i], "r?")
				}
			}
			if !slices.Equal(got, x.want) {
				t.Errorf("sent %q, want %q", got, x.want)
			}
		})
	}
}

// A ledger that is lost in the middle of a batch hides nothing of what was purged before:
// recipients are owed notice of it, and the next run finds it no more.
func TestWhatWasPurgedIsToldThoughTheLedgerIsLostThen(t *testing.T) {
	t.Parallel()
	for range 20 { // in any order
		list := []Erased{{ID: record.NewID(), size: 1}, {ID: record.NewID(), size: 1}, {ID: record.NewID(), size: 1}}
		lost, slow := list[1].ID, list[2].ID
		x := eraser{
			purge: func(_ context.Context, r record.PurgeRequest) (TxReceipt, error) {
				switch {
				case len(r.IDs) == 1 && r.IDs[0] == lost:
					return TxReceipt{}, unavailable("gone")
				case len(r.IDs) > 1 && slices.Contains(r.IDs, lost):
					return TxReceipt{}, record.Fail(record.CodeHeld, lost+" "+slow)
				}
				return TxReceipt{TxID: "tx"}, nil
			},
			plant: func(context.Context, string) string { return "" },
		}
		done, last := 0, error(nil)
		more := x.run(t.Context(), record.PurgeRequest{}, list, func(e Erased, err error) bool {
			if last = err; e.Done {
				done++
			}
			return true
		})
		if more || done != 2 || record.CodeOf(last) != record.CodeUnavailable {
			t.Errorf("told of %d, then %v", done, last)
		}
	}
}
