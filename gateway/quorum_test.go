package gateway

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	gatewaypb "github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	"domicile/chaincode/record"
	"domicile/collections"
)

// ofThree makes us-ab a collection of three holders of the region.
func (w *world) ofThree() {
	w.t.Helper()
	p, err := collections.ParsePublic(w.ledger.policy.Public())
	if err != nil {
		w.t.Fatal(err)
	}
	r, _ := p.Region("us")
	r.Organizations = []string{"UsHospital", "UsLab", "UsPayer"}
	for i := range r.Collections {
		if c := &r.Collections[i]; len(c.Members) == 2 {
			c.Members = []string{"UsHospital", "UsLab", "UsPayer"}
		}
	}
	w.ledger.policy = p
}

// tells is an error of Fabric's gateway about peers of some organisations.
func tells(message string, orgs ...string) error {
	texts := map[string]string{}
	for _, o := range orgs {
		texts[o] = message
	}
	return refusedBy(texts)
}

// refusedBy is what a gateway answers when organisations refused, by what each says.
func refusedBy(texts map[string]string) error {
	st := status.New(codes.Aborted, "failed to collect enough transaction endorsements, see attached details for more info")
	for org, text := range texts {
		var err error
		st, err = st.WithDetails(protoadapt.MessageV1Of(&gatewaypb.ErrorDetail{Address: "a:1", MspId: org, Message: text}))
		must(err)
	}
	return st.Err()
}

func TestAWriteGoesOnWithoutAHolderWhileAMajorityEndorses(t *testing.T) {
	lacks := "chaincode response 500, " + record.Fail(record.CodeMissingData, "this peer lacks it").Error()
	none := status.Error(codes.Unavailable, "failed to find any endorsing peers for org(s): UsPayer")
	for name, x := range map[string]struct {
		err  func(orgs []string) error
		want string // the organisations of the last attempt
		ok   bool
	}{
		"one lacks the bytes": {func(orgs []string) error {
			if slices.Contains(orgs, "UsPayer") {
				return tells(lacks, "UsPayer", "UsPayer")
			}
			return nil
		}, "UsHospital UsLab", true},
		"one has no live peer": {func(orgs []string) error {
			if slices.Contains(orgs, "UsPayer") {
				return none
			}
			return nil
		}, "UsHospital UsLab", true},
		"one has none, for whose dead peers the others wait at first": {func() func([]string) error {
			var first atomic.Bool
			return func(orgs []string) error {
				switch {
				case first.CompareAndSwap(false, true):
					return tells("failed to distribute private collection, txID x", "UsHospital", "UsLab")
				case slices.Contains(orgs, "UsPayer"):
					return none
				}
				return nil
			}
		}(), "UsHospital UsLab", true},
		"two have none":          {func([]string) error { return status.Error(codes.Unavailable, none.Error()+", UsLab") }, "UsHospital UsLab UsPayer", false},
		"the own one lacks them": {func([]string) error { return tells(lacks, "UsHospital") }, "UsHospital UsLab UsPayer", false},
		"one refuses, and nobody goes on without it": {func(orgs []string) error {
			if !slices.Contains(orgs, "UsPayer") {
				return nil
			}
			return tells("chaincode response 500, "+record.Fail(record.CodeHeld, anID).Error(), "UsPayer")
		}, "UsHospital UsLab UsPayer", false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.ofThree()
			for _, p := range []*fakePeer{w.a, w.b} {
				p.onFail(func(s seen) error {
					if s.method != "Endorse" {
						return nil
					}
					return x.err(s.orgs)
				})
			}
			_, err := w.open().Hold(w.ctx, HoldOrder{Collection: "us-ab", IDs: []string{anID}, Matter: "m"})
			if (err == nil) != x.ok {
				t.Fatal(err)
			}
			var last string
			ids := map[string]bool{}
			for _, s := range append(w.a.saw(), w.b.saw()...) {
				if s.method == "Endorse" {
					ids[s.txID] = true
					if last == "" || x.ok && len(s.orgs) < 3 {
						last = strings.Join(s.orgs, " ")
					}
				}
			}
			if last != x.want || len(ids) != 1 {
				t.Errorf("last asked %s, %d transaction ids", last, len(ids))
			}
			if private := w.payer.count(func(s seen) bool { return len(s.transient) > 0 }); private > 0 {
				t.Error("a private message went to another organisation's gateway peer")
			}
		})
	}
}

func TestOfTwoHoldersBothAreNamed(t *testing.T) {
	w := newWorld(t)
	w.a.onFail(func(s seen) error {
		if s.method == "Endorse" && len(s.orgs) < 2 {
			t.Errorf("only %v is named", s.orgs)
		}
		if s.method == "Endorse" {
			return tells("failed to connect", "UsPayer")
		}
		return nil
	})
	w.b.onFail(func(seen) error { return errDown })
	if _, err := w.open().Hold(w.ctx, HoldOrder{Collection: "us-ab", IDs: []string{anID}, Matter: "m"}); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
}

func TestAWriteToFormerMembersIsMadeOnceMoreForThoseOfToday(t *testing.T) {
	w := newWorld(t)
	w.ofThree()
	c := w.open()
	if _, err := c.Policy(w.ctx); err != nil {
		t.Fatal(err)
	}
	w.ledger.policy = collections.Demo() // UsLab has left
	var asked []string
	for _, p := range []*fakePeer{w.a, w.b} {
		p.onFail(func(s seen) error {
			if s.method != "Endorse" {
				return nil
			}
			asked = append(asked, strings.Join(s.orgs, " "))
			if slices.Contains(s.orgs, "UsLab") {
				return tells("chaincode response 500, "+record.Fail(record.CodeWrongPeer, "not a holder").Error(), "UsLab")
			}
			return nil
		})
	}
	if _, err := c.Hold(w.ctx, HoldOrder{Collection: "us-ab", IDs: []string{anID}, Matter: "m"}); err != nil {
		t.Fatal(err)
	}
	if strings.Join(asked, ", ") != "UsHospital UsLab UsPayer, UsHospital UsPayer" {
		t.Errorf("asked %v", asked)
	}
}
