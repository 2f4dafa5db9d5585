package gateway

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"domicile/chaincode/record"
)

const otherID = "baaaaaaaaaaaaaaaaaaaaaaaaa"

// holdsSent lists the orders that were endorsed: collection, ids, subjects.
func (w *world) holdsSent() (out []record.HoldRequest) {
	for _, p := range w.peers() {
		for _, s := range p.saw() {
			if s.method == "Endorse" && (s.op == record.OpHold || s.op == record.OpRelease) {
				out = append(out, decode[record.HoldRequest](s.transient[record.FieldRequest]))
			}
		}
	}
	return out
}

func (w *world) store(collection, id, state string, held bool) {
	w.ledger.with(func() {
		w.ledger.records[record.Ref{Collection: collection, ID: id}] = &stored{state: record.State{ID: id, State: state, Held: held}}
	})
}

func TestAHoldGoesToTheRegisterOfTheCollectionThatARecordIsIn(t *testing.T) {
	w := newWorld(t)
	w.store("us-ab", anID, record.InsidePresent, true)
	w.store("us-a2", otherID, record.InsidePresent, true)
	if _, err := w.open().HoldAll(w.ctx, HoldOrder{IDs: []string{anID, otherID}, Matter: "m", Authority: "a", Reason: "r"}); err != nil {
		t.Fatal(err)
	}
	for _, h := range w.holdsSent() {
		want := map[string][]string{"us-a": {otherID}, "us-ab": {anID}}[h.Collection]
		if !slices.Equal(h.IDs, want) {
			t.Errorf("through %s: %v, want %v", h.Collection, h.IDs, want)
		}
	}
	if n := len(w.holdsSent()); n != 2 {
		t.Errorf("%d orders, want 2", n)
	}
}

func TestAHoldOnAPersonGoesToEveryRegister(t *testing.T) {
	w := newWorld(t)
	person := strings.Repeat("0", 32)
	if _, err := w.open().HoldAll(w.ctx, HoldOrder{Subjects: []string{person}, Matter: "m", Authority: "a", Reason: "r"}); err != nil {
		t.Fatal(err)
	}
	var through []string
	for _, h := range w.holdsSent() {
		through = append(through, h.Collection)
	}
	if !slices.Equal(through, []string{"us-a", "us-ab"}) {
		t.Errorf("sent through %v", through)
	}
}

func TestAHoldThatBindsNothingIsAnError(t *testing.T) {
	w := newWorld(t)
	c := w.open()
	w.store("us-a", otherID, record.InsidePresent, false)
	order := HoldOrder{IDs: []string{otherID, anID}, Matter: "m", Authority: "a", Reason: "r"}
	if _, err := c.HoldAll(w.ctx, order); !errors.Is(err, ErrAbsent) || !strings.Contains(err.Error(), anID) || strings.Contains(err.Error(), otherID) {
		t.Errorf("with an id of nothing: %v", err)
	}
	w.ledger.with(func() { w.ledger.gone[record.Ref{Collection: "us-a", ID: anID}] = true })
	if _, err := c.HoldAll(w.ctx, order); !errors.Is(err, ErrGone) {
		t.Errorf("with a purged record: %v", err)
	}
	elsewhere := order
	elsewhere.Collection, elsewhere.IDs = "us-ab", []string{otherID}
	if _, err := c.HoldAll(w.ctx, elsewhere); !errors.Is(err, ErrAbsent) {
		t.Errorf("in a collection that does not hold the record: %v", err)
	}
	if sent := w.holdsSent(); len(sent) > 0 {
		t.Errorf("%d orders were written", len(sent))
	}
	order.IDs = []string{otherID} // the ledger says that it is still not held
	if _, err := c.HoldAll(w.ctx, order); !errors.Is(err, ErrGone) {
		t.Errorf("purged in the same moment: %v", err)
	}
}
