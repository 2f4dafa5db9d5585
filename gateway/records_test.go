package gateway

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"domicile/chaincode/record"
)

func TestGetReturnsTheBytesAndRefusesAltered(t *testing.T) {
	w := newWorld(t)
	c := w.open()
	in := " {\"resourceType\":\"Basic\",\n\"id\":\"x\"} "
	rs := runImport(t, w.ctx, c, in, ImportOptions{})
	noErrors(t, rs)
	got, err := c.Get(w.ctx, rs[0].ID)
	if err != nil || string(got.Bytes) != in || got.Hash != rs[0].Hash || got.Collection != "us-a" {
		t.Fatalf("%+v %v", got, err)
	}
	w.ledger.with(func() {
		x := w.ledger.records[record.Ref{Collection: "us-a", ID: rs[0].ID}]
		x.value = append(slices.Clone(x.value), '\n')
	})
	if _, err := c.Get(w.ctx, rs[0].ID); !errors.Is(err, ErrMismatch) {
		t.Fatalf("altered: %v", err)
	}
	if _, err := c.Get(w.ctx, anID); !errors.Is(err, ErrAbsent) {
		t.Fatalf("absent: %v", err)
	}
}

func TestListPagesAndYieldsEachLiveRecordOnce(t *testing.T) {
	w := newWorld(t)
	c := w.open()
	rs := runImport(t, w.ctx, c, bundle(20), ImportOptions{})
	noErrors(t, rs)
	purged := record.Ref{Collection: rs[2].Collection, ID: rs[2].ID}
	w.ledger.with(func() { w.ledger.gone[purged] = true }) // the index still lists it
	ids := map[string]int{}
	for e, err := range c.List(w.ctx, ListQuery{Subjects: []string{strings.Repeat("0", 32), strings.Repeat("1", 32)}}) {
		if err != nil {
			t.Fatal(err)
		}
		ids[e.ID]++
	}
	if len(ids) != 20 || ids[purged.ID] != 0 {
		t.Fatalf("%d ids: %v", len(ids), ids)
	}
	for id, n := range ids {
		if n != 1 {
			t.Errorf("%s came %d times", id, n)
		}
	}
	ls, err := c.Locate(w.ctx, []string{rs[4].ID, anID, purged.ID})
	if err != nil || ls[0].Collection != rs[4].Collection || ls[1].State.State != record.InsideAbsent || ls[2].State.State != record.InsideGone {
		t.Errorf("%+v %v", ls, err)
	}
}

func TestProofsComeFromAnyHealthyRegion(t *testing.T) {
	w := newWorld(t)
	c := w.open()
	for _, p := range []*fakePeer{w.a, w.b, w.payer} {
		p.onFail(func(seen) error { return status.Error(codes.Unavailable, "down") })
	}
	ps, err := c.Proof(w.ctx, []string{anID})
	if err != nil || ps[0].State != record.StateUnknown {
		t.Fatalf("%+v %v", ps, err)
	}
	if _, err := c.Proof(w.ctx, []string{anID}, From("us")); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a named region is not replaced by another: %v", err)
	}
	if _, err := c.Proof(w.ctx, []string{anID}, From("uk")); !errors.Is(err, ErrSettings) {
		t.Errorf("a region without a peer: %v", err)
	}
	if got := c.ProofRegions(); !slices.Equal(got, []string{"us", "eu"}) {
		t.Errorf("regions %v", got)
	}
	if _, err := c.Proof(w.ctx, []string{"Jane Roe"}); !errors.Is(err, record.Fail(record.CodeBadRequest, "")) || strings.Contains(err.Error(), "Jane") {
		t.Errorf("what is no id is not sent: %v", err)
	}
}
