package gateway

import (
	"context"
	"fmt"
	"slices"
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
