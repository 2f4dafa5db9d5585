package gateway

import (
	"errors"
	"strings"
	"testing"

	"domicile/chaincode/record"
)

func TestAnchorsOfARecordThatEndorsersDoNotKnowYetAreRepeated(t *testing.T) {
	w := newWorld(t)
	c := w.open()
	rs := runImport(t, w.ctx, c, bundle(20), ImportOptions{NoAnchor: true})
	noErrors(t, rs)
	var refs []record.AnchorRef
	for _, r := range rs {
		refs = append(refs, record.AnchorRef{Ref: record.Ref{Collection: r.Collection, ID: r.ID}, Hash: r.Hash})
	}
	never := record.AnchorRef{Ref: record.Ref{Collection: "us-a", ID: anID}, Hash: strings.Repeat("0", 64)}
	w.ledger.with(func() { w.ledger.behind[refs[3].ID], w.ledger.behind[refs[4].ID], w.ledger.conflicts = 2, 3, 1 })
	_, err := c.Anchor(w.ctx, "us", append(refs, never))
	failed := IDErrors(err)
	if len(failed) != 1 || failed[0].ID != anID || !errors.Is(failed[0], ErrAbsent) {
		t.Fatalf("got %v", err)
	}
	w.ledger.with(func() {
		if len(w.ledger.anchors) != 21 {
			t.Errorf("%d anchors", len(w.ledger.anchors))
		}
	})
}

func TestAnchorsNameNoOrganisationsAndCarryNothingPrivate(t *testing.T) {
	w := newWorld(t)
	c := w.open()
	noErrors(t, runImport(t, w.ctx, c, bundle(5), ImportOptions{}))
	if _, err := c.Tombstone(w.ctx, []record.Ref{{Collection: "us-a", ID: anID}}); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, s := range w.a.saw() {
		if s.function == record.FuncAnchor || s.function == record.FuncTombstone {
			n++
			if len(s.orgs) > 0 || len(s.transient) > 0 {
				t.Errorf("%s: %v %v", s.function, s.orgs, s.transient)
			}
		}
	}
	if n == 0 {
		t.Error("no public transaction seen")
	}
}

func TestATombstoneOfALiveRecordIsRefusedAlone(t *testing.T) {
	w := newWorld(t)
	c := w.open()
	rs := runImport(t, w.ctx, c, `{"resourceType":"Basic","id":"x"}`, ImportOptions{})
	noErrors(t, rs)
	live := record.Ref{Collection: rs[0].Collection, ID: rs[0].ID}
	r, err := c.Tombstone(w.ctx, []record.Ref{live, {Collection: "us-a", ID: anID}})
	failed := IDErrors(err)
	if len(failed) != 1 || failed[0].ID != live.ID || !errors.Is(failed[0], ErrLive) || r.Block == 0 {
		t.Fatalf("%+v %v", r, err)
	}
}

func TestAnAnchorOfARecordPurgedMeanwhileIsGone(t *testing.T) {
	w := newWorld(t)
	ref := record.Ref{Collection: "us-a", ID: anID}
	w.ledger.anchors[ref] = record.Anchor{Version: 1, Region: "us", TombstoneTx: "t"}
	_, err := w.open().Anchor(w.ctx, "us", []record.AnchorRef{{Ref: ref, Hash: strings.Repeat("0", 64)}})
	if failed := IDErrors(err); len(failed) != 1 || !errors.Is(failed[0], ErrGone) {
		t.Fatalf("got %v", err)
	}
}
