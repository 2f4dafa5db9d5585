package gateway

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"domicile/chaincode/record"
	"domicile/collections"
)

func TestAHeartbeatIsAPublicTransactionThatNamesNobody(t *testing.T) {
	w := newWorld(t)
	if _, err := w.open().Heartbeat(w.ctx); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, p := range w.peers() {
		for _, s := range p.saw() {
			if s.method != "Endorse" {
				continue
			}
			n++
			q := decode[record.VerifyRequest]([]byte(s.args[0]))
			if s.function != record.FuncVerify || len(s.transient) != 0 || len(s.orgs) != 0 || record.CheckID(q.ID) != nil || strings.Trim(q.Hash, "0") != "" {
				t.Errorf("sent %+v", s)
			}
		}
	}
	if n != 1 {
		t.Errorf("%d endorsements, want 1", n)
	}
}

// What was purged before an organization lost its last collection is on its peers until a
// block comes.
func TestAnOrganizationThatHoldsNothingAnyMoreSendsHeartbeats(t *testing.T) {
	w := newWorld(t)
	own, err := collections.ParsePublic(w.ledger.policy.Public()) // the demo policy is shared
	if err != nil {
		t.Fatal(err)
	}
	w.ledger.policy = own
	region, _ := own.Region("us")
	region.Collections = slices.DeleteFunc(region.Collections, func(c collections.Collection) bool { return c.Holds("UsHospital") })
	client := w.open()
	if _, err := client.Collections(w.ctx); record.CodeOf(err) != record.CodeForbidden {
		t.Fatalf("the organization still holds something: %v", err)
	}
	if _, err := client.Heartbeat(w.ctx); err != nil {
		t.Error(err)
	}
}

func TestEveryPeerOfTheRegionIsAskedForItsOwnHeight(t *testing.T) {
	w := newWorld(t)
	w.b.onFail(func(seen) error { return status.Error(codes.Unavailable, "down") })
	heights := w.open().Heights(w.ctx)
	up := 0
	for _, h := range heights {
		switch {
		case h.Peer == "b" && (h.Err == nil || record.CodeOf(h.Err) != record.CodeUnavailable):
			t.Errorf("the peer that is down: %+v", h)
		case h.Peer != "b" && (h.Err != nil || h.Height != 5):
			t.Errorf("%+v", h)
		case h.Peer != "b":
			up++
		}
	}
	if len(heights) != 3 || up != 2 {
		t.Errorf("heights %+v", heights)
	}
	for _, p := range w.peers() {
		for _, s := range p.saw() {
			if !slices.Equal(s.orgs, []string{p.Org}) {
				t.Errorf("%s was asked to involve %v", p.Name, s.orgs)
			}
		}
	}
}

// A pause of the collections that the organisation holds alone would let a purge of the
// same service through where it holds copies with others.
func TestAPauseReachesEveryLogOfTheHolderAndItsPeersAlone(t *testing.T) {
	w := newWorld(t)
	c := w.open()
	if _, err := c.Pause(w.ctx, PauseOrder{Except: []record.Ground{record.GroundForced}, Authority: "a", Reason: "r"}); err != nil {
		t.Fatal(err)
	}
	if p, err := c.Paused(w.ctx, ""); err != nil || p == nil || p.Reason != "r" {
		t.Errorf("%+v, %v", p, err)
	}
	n := 0
	for _, p := range w.peers() {
		for _, s := range p.saw() {
			if s.op != record.OpPause && s.op != record.OpPaused {
				continue
			}
			if !slices.Contains(s.orgs, p.Org) || slices.ContainsFunc(s.orgs, func(o string) bool { return o != "UsHospital" && o != "UsPayer" }) {
				t.Errorf("%s of %s saw %s for %v", p.Name, p.Org, s.op, s.orgs)
			}
			if s.op == record.OpPause && s.method == "Endorse" {
				n++
				q := decode[record.PauseRequest](s.transient[record.FieldRequest])
				if !q.Paused || len(q.Seed) != record.SeedLen || len(q.Except) != 1 || q.Region != "us" {
					t.Errorf("request %+v", q)
				}
			}
		}
	}
	if n != 2 {
		t.Errorf("%d orders, want one for each of us-a-log and us-ab-log", n)
	}
	if running, err := c.Running(w.ctx); err != nil || len(running) > 0 {
		t.Errorf("still running: %v, %v", running, err)
	}
}
