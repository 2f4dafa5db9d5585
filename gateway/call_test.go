package gateway

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"domicile/chaincode/record"
	"domicile/collections"
)

const anID = "aaaaaaaaaaaaaaaaaaaaaaaaaa"

var errDown = status.Error(codes.Unavailable, "connection refused")

func hold(w *world, c *Client) (TxReceipt, error) {
	return c.Hold(w.ctx, HoldOrder{IDs: []string{anID}, Matter: "m", Authority: "a", Reason: "r"})
}

func TestPrivateCallsNameTheirOrganisationsAndReachOwnPeersOnly(t *testing.T) {
	w := newWorld(t)
	c := w.open()
	if _, err := hold(w, c); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Inspect(w.ctx, "us-a", []string{anID}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Hold(w.ctx, HoldOrder{Collection: "us-ab", Matter: "m"}); err != nil {
		t.Fatal(err)
	}
	for _, p := range w.peers() {
		for _, s := range p.saw() {
			if len(s.transient) == 0 {
				continue
			}
			if p.Org != "UsHospital" {
				t.Errorf("%s of %s saw a private call: %s %s", p.Name, p.Org, s.method, s.op)
			}
			if len(s.orgs) == 0 {
				t.Errorf("%s %s named no organisations", s.method, s.op)
			}
		}
	}
	last := w.a.saw()
	var orgs []string
	for _, s := range last {
		if s.method == "Endorse" {
			orgs = s.orgs
		}
	}
	if strings.Join(orgs, " ") != "UsHospital UsPayer" {
		t.Errorf("a collection of two holders was endorsed by %v", orgs)
	}
}

func TestPrivateCallsAreRefusedWhenAConfiguredPeerIsOfAnotherRegion(t *testing.T) {
	w := newWorld(t)
	liar := startPeer(t, w.ledger, "liar", "EuHospital", "us")
	w.s.Peers = append(w.s.Peers, liar.Peer)
	c := w.open()
	_, err := c.Inspect(w.ctx, "us-a", []string{anID})
	if !errors.Is(err, ErrSettings) || !strings.Contains(err.Error(), "liar") {
		t.Fatalf("got %v", err)
	}
	if _, err := hold(w, c); !errors.Is(err, ErrSettings) {
		t.Fatalf("got %v", err)
	}
	for _, p := range append(w.peers(), liar) {
		if n := p.count(func(s seen) bool { return len(s.transient) > 0 }); n > 0 {
			t.Errorf("%d private messages reached %s", n, p.Name)
		}
	}
}

func TestPrivateCallsAreRefusedWhenAMemberOfTheCollectionIsOutsideTheRegion(t *testing.T) {
	w := newWorld(t)
	c := w.open()
	if _, err := c.Policy(w.ctx); err != nil {
		t.Fatal(err)
	}
	// The ledger's own rules forbid such a policy; the client does not rely on it.
	col := &collections.Collection{Name: "us-x", Members: []string{"UsHospital", "EuHospital"}, Log: "us-x-log"}
	if _, err := c.endorsers(w.ctx, col); !errors.Is(err, record.Fail(record.CodeBadPolicy, "")) {
		t.Fatalf("got %v", err)
	}
}

func TestAPrivateCallWithoutOrganisationsIsNeverMade(t *testing.T) {
	c := newWorld(t).open()
	x := &call{function: record.FuncWrite, transient: func() (map[string][]byte, error) {
		t.Error("the private part was made")
		return nil, nil
	}}
	if _, err := c.proposal(x); record.CodeOf(err) != record.CodeInternal {
		t.Errorf("got %v", err)
	}
}

func TestACollectionTheOrganisationDoesNotHoldIsNotAskedFor(t *testing.T) {
	w := newWorld(t)
	c := w.open()
	for name, want := range map[string]error{"us-b": ErrForbidden, "eu-a": record.Fail(record.CodeBadRequest, "")} {
		if _, err := c.Inspect(w.ctx, name, []string{anID}); !errors.Is(err, want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestAPeerWithTheCertificateOfAnotherCAGetsNothing(t *testing.T) {
	w := newWorld(t)
	for i := range w.s.Peers {
		if w.s.Peers[i].Org == w.s.Org {
			w.s.Peers[i].TLSCA = w.eu.TLSCA
		}
	}
	c := w.open()
	if _, err := c.Inspect(w.ctx, "us-a", []string{anID}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a read: %v", err)
	}
	if _, err := hold(w, c); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a write: %v", err)
	}
	if n := len(w.a.saw()) + len(w.b.saw()); n > 0 {
		t.Errorf("%d messages reached peers that the CA does not know", n)
	}
}

func TestI5_eachReadHasASealingKeyOfItsOwn(t *testing.T) {
	w := newWorld(t)
	c := w.open()
	for range 2 {
		if _, err := c.Inspect(w.ctx, "us-a", []string{anID}); err != nil {
			t.Fatal(err)
		}
	}
	reads, keys := 0, map[string]bool{}
	for _, s := range append(w.a.saw(), w.b.saw()...) {
		if s.op != record.OpInspect {
			continue
		}
		key := s.transient[record.FieldKey]
		if len(key) != record.SealKeyLen || bytes.Equal(key, make([]byte, record.SealKeyLen)) {
			t.Errorf("a read is sealed under %x", key)
		}
		reads++
		keys[string(key)] = true
	}
	if reads != 2 || len(keys) != reads {
		t.Errorf("%d keys for %d reads", len(keys), reads)
	}
}

func TestFailoverStaysWithThePeersOfTheHolder(t *testing.T) {
	w := newWorld(t)
	c := w.open()
	w.a.onFail(func(seen) error { return errDown })
	if _, err := hold(w, c); err != nil {
		t.Fatalf("with one peer of two down: %v", err)
	}
	w.b.onFail(func(seen) error { return errDown })
	_, err := c.Inspect(w.ctx, "us-a", []string{anID})
	var e *EvaluateError
	if !errors.As(err, &e) || !errors.Is(err, ErrUnavailable) || !Retryable(err) || !e.Retryable() {
		t.Fatalf("with both down: %v", err)
	}
	if _, err := hold(w, c); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("a write with both down: %v", err)
	}
	private := func(s seen) bool { return len(s.transient) > 0 }
	if n := w.payer.count(private) + w.eu.count(private); n > 0 {
		t.Fatalf("%d private messages left the holder", n)
	}
}

func TestAStoppedPeerIsPassedOver(t *testing.T) {
	w := newWorld(t)
	w.a.server.Stop()
	if _, err := hold(w, w.open()); err != nil {
		t.Fatal(err)
	}
}

func TestOneProposalServesAllAttemptsToEndorse(t *testing.T) {
	w := newWorld(t)
	w.a.onFail(func(s seen) error {
		if s.method == "Endorse" {
			return status.Error(codes.Aborted, "failed to distribute private collection, txID x")
		}
		return nil
	})
	if _, err := hold(w, w.open()); err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, s := range append(w.a.saw(), w.b.saw()...) {
		if s.method == "Endorse" {
			ids[s.txID] = true
		}
	}
	if len(ids) != 1 {
		t.Fatalf("%d transaction ids for one write", len(ids))
	}
}

func TestALostSubmitAnswerIsResolvedWithTheSameEnvelope(t *testing.T) {
	cases := map[string]struct {
		fail, after func(w *world) func(seen) error
		sends       int
	}{
		"the answer was lost after ordering":    {after: onceAt("Submit", errDown), sends: 2},
		"the envelope was lost before ordering": {fail: onceAt("Submit", errDown), sends: 1},
		"slow orderers say already processed": {after: onceAt("Submit", status.Error(codes.Unavailable,
			"insufficient number of orderers could successfully process transaction to satisfy quorum requirement")), sends: 1},
		"too few orderers, nothing ordered": {fail: onceAt("Submit", status.Error(codes.Unavailable,
			"insufficient number of orderers could successfully process transaction to satisfy quorum requirement")), sends: 1},
		"the commit status timed out once": {fail: onceAt("CommitStatus", status.Error(codes.DeadlineExceeded, "")), sends: 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.s.Timeouts.Commit = 200 * time.Millisecond
			if tc.fail != nil {
				w.a.onFail(tc.fail(w))
			}
			if tc.after != nil {
				w.a.onAfter(tc.after(w))
			}
			r, err := hold(w, w.open())
			if err != nil {
				t.Fatal(err)
			}
			if r.Block == 0 || r.TxID == "" {
				t.Fatalf("receipt %+v", r)
			}
			w.ledger.with(func() {
				if len(w.ledger.ordered) < tc.sends {
					t.Errorf("ordered %d times, want at least %d", len(w.ledger.ordered), tc.sends)
				}
				for _, id := range w.ledger.ordered {
					if id != r.TxID {
						t.Errorf("another transaction %s was ordered", id)
					}
				}
			})
		})
	}
}

func TestASecondCopyInABlockIsNoFailure(t *testing.T) {
	w := newWorld(t)
	w.ledger.duplicates = 1
	r, err := hold(w, w.open())
	if err != nil {
		t.Fatal(err)
	}
	w.ledger.with(func() {
		if len(w.ledger.ordered) != 1 || w.ledger.ordered[0] != r.TxID || w.ledger.duplicates != 0 {
			t.Errorf("%s was ordered as %v, %d duplicates not told", r.TxID, w.ledger.ordered, w.ledger.duplicates)
		}
	})
}

// onceAt answers the first call of a method with err.
func onceAt(m string, err error) func(*world) func(seen) error {
	return func(*world) func(seen) error {
		var done atomic.Bool
		return func(s seen) error {
			if s.method != m || done.Swap(true) {
				return nil
			}
			return err
		}
	}
}

func TestTheOutcomeIsUnknownWhenTheContextEndsBeforeTheCommit(t *testing.T) {
	w := newWorld(t)
	w.s.Timeouts.Commit = 50 * time.Millisecond
	w.ledger.hold = true
	var txID string
	c := w.open(WithBeforeSubmit(func(_ context.Context, a Attempt) error { txID = a.TxID; return nil }))
	if _, err := c.Policy(w.ctx); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	for _, p := range w.peers() {
		p.onFail(func(s seen) error {
			if s.method == "CommitStatus" {
				cancel()
			}
			return nil
		})
	}
	_, err := c.Hold(ctx, HoldOrder{IDs: []string{anID}, Matter: "m"})
	var e *CommitError
	if !errors.As(err, &e) || !errors.Is(err, ErrUnknownOutcome) || !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if e.TxID == "" || e.TxID != txID {
		t.Fatalf("transaction %q, announced before submit %q", e.TxID, txID)
	}
}

func TestAnEnvelopeNoOrdererTakesIsGivenUp(t *testing.T) {
	w := newWorld(t)
	w.s.Timeouts.Commit = 20 * time.Millisecond
	for _, p := range w.peers() {
		p.onFail(func(s seen) error {
			if s.method == "Submit" {
				return status.Error(codes.Unavailable, "no orderers could successfully process transaction")
			}
			return nil
		})
	}
	_, err := hold(w, w.open())
	var e *SubmitError
	if !errors.As(err, &e) || !errors.Is(err, ErrUnknownOutcome) || !Retryable(err) {
		t.Fatalf("got %v", err)
	}
}

func TestAConflictIsEndorsedAnewWithAnotherSeed(t *testing.T) {
	w := newWorld(t)
	w.ledger.conflicts = 2
	if _, err := hold(w, w.open()); err != nil {
		t.Fatal(err)
	}
	seeds := map[string]bool{}
	for _, s := range w.a.saw() {
		if s.method == "Endorse" {
			seeds[string(decode[record.HoldRequest](s.transient[record.FieldRequest]).Seed)] = true
		}
	}
	if len(seeds) != 3 {
		t.Fatalf("%d seeds in 3 attempts", len(seeds))
	}
}

func TestConflictsWithoutEndAreReported(t *testing.T) {
	w := newWorld(t)
	w.ledger.conflicts = 1000
	_, err := hold(w, w.open())
	var e *CommitError
	if !errors.As(err, &e) || !errors.Is(err, ErrConflict) || e.Validation != peer.TxValidationCode_MVCC_READ_CONFLICT {
		t.Fatalf("got %v", err)
	}
}

func TestTheHookMayAbandonATransaction(t *testing.T) {
	w := newWorld(t)
	no := errors.New("no")
	_, err := hold(w, w.open(WithBeforeSubmit(func(context.Context, Attempt) error { return no })))
	if !errors.Is(err, no) || w.a.count(method("Submit")) > 0 {
		t.Fatalf("got %v", err)
	}
}

// secret is what no error and no log may repeat of a peer's answer.
const secret = "Jane Roe 555-12-3456"

var refusals = map[string]struct {
	in    string
	grpc  codes.Code
	want  record.Code
	retry bool
}{
	"a coded refusal":                     {"chaincode response 500, HELD: " + anID, codes.Aborted, record.CodeHeld, false},
	"more behind a coded refusal":         {"chaincode response 500, HELD: " + anID + "\n" + secret, codes.Aborted, record.CodeHeld, false},
	"a refusal without a code":            {"chaincode response 500, bad argument " + secret, codes.Aborted, record.CodeInternal, false},
	"a code outside the contract's words": {"echo GONE: " + secret, codes.Aborted, record.CodeUnavailable, true},
	"access control":                      {"access denied: channel [global] creator org [" + secret + "]", codes.FailedPrecondition, record.CodeForbidden, false},
	"the clock":                           {"request unauthorized due to incorrect timestamp " + secret, codes.FailedPrecondition, record.CodeSettings, false},
	"too few peers":                       {"required to disseminate to at least 1 peers " + secret, codes.Aborted, record.CodeUnavailable, true},
	"a dead chaincode server":             {"could not launch chaincode " + secret, codes.Aborted, record.CodeUnavailable, true},
	"a stage that ran out of time":        {secret, codes.DeadlineExceeded, record.CodeTimeout, true},
	"a refused certificate":               {secret, codes.PermissionDenied, record.CodeForbidden, false},
	"a malformed message":                 {secret, codes.InvalidArgument, record.CodeInternal, false},
	"anything else":                       {secret, codes.Unknown, record.CodeUnavailable, true},
}

func TestRefusalsKeepTheirCodeAndNothingElse(t *testing.T) {
	for name, tc := range refusals {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for _, p := range w.peers() {
				p.onFail(func(s seen) error {
					if s.method == "Endorse" {
						return status.Error(tc.grpc, tc.in)
					}
					return nil
				})
			}
			_, err := hold(w, w.open())
			var e *EndorseError
			if !errors.As(err, &e) || e.Code() != tc.want || Retryable(err) != tc.retry {
				t.Fatalf("got %v", err)
			}
			if strings.Contains(err.Error(), "Jane") {
				t.Errorf("the text leaks: %v", err)
			}
		})
	}
}

func TestI13_theClientsLogKeepsTheCodeAndNothingElse(t *testing.T) {
	for name, tc := range refusals {
		t.Run(name, func(t *testing.T) {
			for _, stage := range []string{"Endorse", "Submit", "CommitStatus"} {
				w := newWorld(t)
				w.s.Timeouts.Commit = 20 * time.Millisecond
				for _, p := range w.peers() {
					p.onFail(onceAt(stage, status.Error(tc.grpc, tc.in))(w))
				}
				var log bytes.Buffer
				c := w.open(WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
				if _, err := hold(w, c); err != nil && strings.Contains(err.Error(), "Jane") {
					t.Errorf("%s: the text leaks: %v", stage, err)
				}
				if strings.Contains(log.String(), "Jane") {
					t.Errorf("%s: the log leaks: %s", stage, log.String())
				}
				if stage == "Endorse" && tc.retry && !strings.Contains(log.String(), "code="+string(tc.want)) {
					t.Errorf("no code %s in the log: %s", tc.want, log.String())
				}
			}
		})
	}
}

func TestI13_aDetailIsOneLineOfBoundedPrintableText(t *testing.T) {
	got := scrub(anID + "\x1b\u00fc " + strings.Repeat("a", 2*maxDetail) + "\n" + secret)
	if !strings.HasPrefix(got, anID+" aaa") || len(got) != maxDetail {
		t.Errorf("%d bytes: %.60q", len(got), got)
	}
}

func TestErrorsNameTheRecordsThatCausedThem(t *testing.T) {
	other := strings.Repeat("b", 26)
	err := error(&EndorseError{Failure{Coded: record.Fail(record.CodeNotDue, anID+", "+other)}})
	if got := IDs(err); len(got) != 1 || got[0] != anID {
		// other does not encode 128 bits, so it is no id
		t.Fatalf("got %v", got)
	}
}

func TestASlowPeerIsCutOffAtTheStageLimit(t *testing.T) {
	w := newWorld(t)
	w.s.Timeouts.Evaluate = time.Second
	release := make(chan struct{})
	defer close(release)
	slow := func(s seen) error {
		if s.op == record.OpInspect {
			<-release
		}
		return nil
	}
	w.a.onFail(slow)
	c := w.open()
	if _, err := c.Inspect(w.ctx, "us-a", []string{anID}); err != nil {
		t.Fatalf("the other peer should have answered: %v", err)
	}
	w.b.onFail(slow)
	if _, err := c.Inspect(w.ctx, "us-a", []string{anID}); !errors.Is(err, ErrTimeout) {
		t.Fatalf("got %v", err)
	}
}

func TestEndedContextsAreNotRetried(t *testing.T) {
	w := newWorld(t)
	c := w.open()
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	_, err := c.Inspect(ctx, "us-a", []string{anID})
	if !errors.Is(err, context.Canceled) || Retryable(err) {
		t.Fatalf("got %v", err)
	}
}

func TestAnAcceptedEnvelopeIsFollowedEvenWhenOrderersAreLostAfterwards(t *testing.T) {
	w := newWorld(t)
	w.s.Timeouts.Commit = 20 * time.Millisecond
	w.ledger.hold = true
	var sends, asks atomic.Int64
	for _, p := range w.peers() {
		p.onFail(func(s seen) error {
			switch s.method {
			case "Submit":
				if sends.Add(1) > 1 {
					return errDown
				}
			case "CommitStatus":
				if asks.Add(1) == 12 {
					w.ledger.with(func() { w.ledger.settle(s.txID) })
				}
			}
			return nil
		})
	}
	if _, err := hold(w, w.open()); err != nil {
		t.Fatalf("after %d questions: %v", asks.Load(), err)
	}
}

func TestClosingTellsWhoWaitsForAnAnchor(t *testing.T) {
	w := newWorld(t)
	c := w.open(WithAnchorBatch(100, time.Hour))
	told := make(chan error, 1)
	if err := c.anchors.add(w.ctx, record.AnchorRef{}, func(err error) { told <- err }); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-told; err == nil {
		t.Fatal("an anchor that was never sent was called done")
	}
	if err := c.anchors.add(w.ctx, record.AnchorRef{}, nil); err == nil {
		t.Fatal("a closed client takes anchors")
	}
}

// What peers of other organisations refuse and one of the client's own takes is asked for
// again, with the same proposal: one of them is behind.
func TestAWriteIsEndorsedAgainWhileAnEndorserIsBehind(t *testing.T) {
	writes := map[string]func(w *world, c *Client) (TxReceipt, error){
		"shared": func(w *world, c *Client) (TxReceipt, error) {
			return c.Release(w.ctx, HoldOrder{Collection: "us-ab", IDs: []string{anID}, Matter: "m"})
		},
		"public": func(w *world, c *Client) (TxReceipt, error) { return c.PolicyCommit(w.ctx, w.ledger.policy.Public()) },
	}
	const held, other = record.CodeNotHeld, "chaincode response 500, NOT_HELD: m"
	for name, x := range map[string]struct {
		behind int // so many endorsements are refused
		code   record.Code
		by     map[string]string // organisations, and what else than the code they say
		tries  int
	}{
		"all are up to date":           {0, held, nil, 1},
		"an endorser is behind":        {2, held, map[string]string{"UsPayer": ""}, 3},
		"one stays behind":             {1000, held, map[string]string{"UsPayer": ""}, lagTries},
		"two are":                      {2, held, map[string]string{"UsPayer": "", "EuHospital": other}, 3},
		"all agree that it is refused": {1000, held, map[string]string{"UsPayer": "", "UsHospital": other}, 1},
		"the own peer refuses":         {1000, held, map[string]string{"UsHospital": ""}, 1},
		"another one is lost":          {1000, held, map[string]string{"UsPayer": "", "EuHospital": "connection refused"}, 1},
		"the caller is not allowed":    {1000, record.CodeForbidden, map[string]string{"UsPayer": ""}, 1},
	} {
		for of, write := range writes {
			t.Run(name+", "+of, func(t *testing.T) {
				w := newWorld(t)
				proposals := map[string]int{}
				w.a.onFail(func(s seen) error {
					if s.method != "Endorse" {
						return nil
					}
					if proposals[s.txID]++; proposals[s.txID] > x.behind {
						return nil
					}
					texts := map[string]string{}
					for org, text := range x.by {
						if texts[org] = text; text == "" {
							texts[org] = "chaincode response 500, " + record.Fail(x.code, anID).Error()
						}
					}
					return refusedBy(texts)
				})
				_, err := write(w, w.open())
				if taken := x.tries > x.behind; taken != (err == nil) || !taken && record.CodeOf(err) != x.code {
					t.Errorf("got %v", err)
				}
				for _, n := range proposals {
					if len(proposals) != 1 || n != x.tries {
						t.Errorf("asked %v times, want one proposal, %d times", proposals, x.tries)
					}
				}
			})
		}
	}
}
