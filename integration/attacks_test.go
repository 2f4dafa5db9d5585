package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	gatewaypb "github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/types/known/timestamppb"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
	"domicile/erasure"
	"domicile/network"
)

const (
	policyFailure = "ENDORSEMENT_POLICY_FAILURE"
	conflict      = "MVCC_READ_CONFLICT"
)

// T08: who may do what, asked of the holder's own peer by everybody.
func TestT08_OnlyTheHoldersRolesActOnACollection(t *testing.T) {
	t.Parallel()
	ctx := testContext(t, patience)
	homes := []home{usA, usAB}
	if *soak {
		homes = append(homes, euA, ukA, auA)
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, 8)
	for _, h := range homes {
		for _, org := range demoPolicy.Organizations() {
			for _, role := range append(network.ClientRoles(), chaincodetest.Admin, "") {
				for op, may := range roleOps(h) {
					want := record.CodeForbidden
					if slices.Contains(h.members, org) && slices.Contains(may.roles, role) {
						want = may.code
					}
					slots <- struct{}{}
					wg.Go(func() {
						defer func() { <-slots }()
						call := may.call
						call.As = chaincodetest.Identity{Org: org, Role: role}
						_, err := shared.Evaluate(ctx, call)
						if err == nil && want == "" {
							return
						}
						if err == nil || record.CodeOf(coded(err)) != want {
							t.Errorf("%s by %q of %s on %s: %v, want %s", op, role, org, h.coll, err, want)
						}
					})
				}
			}
		}
	}
	wg.Wait()
}

func coded(err error) error {
	if e, ok := record.ParseError(err.Error()); ok {
		return e
	}
	return err
}

type allowed struct {
	call  chaincodetest.Call
	roles []string
	code  record.Code // the answer to those who may: about a record that is not there
}

func roleOps(h home) map[string]allowed {
	_, put := h.put([]byte(`no JSON`))
	id := record.NewID()
	inspect := chaincodetest.Read(h.as("reader"), record.OpInspect,
		record.InspectRequest{Version: record.Version, Region: h.region, Collection: h.coll, IDs: []string{id}}, h.members[0])
	list := chaincodetest.Read(h.as("reader"), record.OpList,
		record.ListRequest{Version: record.Version, Region: h.region, Collection: h.coll, Limit: 1}, h.members[0])
	return map[string]allowed{
		"put":     {put, []string{"writer"}, record.CodeBadResource},
		"get":     {h.get(id), []string{"reader", "writer"}, record.CodeAbsent},
		"inspect": {inspect, network.ClientRoles(), ""},
		"list":    {list, []string{"reader", "writer", "officer", "auditor"}, ""},
		"release": {h.hold(record.OpRelease, "none", id), []string{"officer"}, record.CodeNotHeld},
		"purge":   {h.purge(id), []string{"purger"}, record.CodeAbsent},
	}
}

// T11: bytes of a transaction that the validators refused stay with the holders,
// and are purged by key.
func TestT11_BytesOfARefusedTransactionStayInsideAndCanBePurged(t *testing.T) {
	t.Parallel()
	ctx := testContext(t, patience)
	c := &canaries{}
	rec, put := usAB.put(encounter(longAgo, c.word("narrative")))
	put.Endorsers = []string{"UsHospital"} // one of two
	r, err := shared.Submit(ctx, put)
	if err != nil || r.Code != policyFailure {
		t.Fatalf("%v %v", r, err)
	}
	submit(ctx, t, chaincodetest.Write(usAB.as("purger"), record.OpPurge, record.PurgeRequest{
		Version: record.Version, Region: "us", Collection: "us-ab", Seed: chaincodetest.Random(record.SeedLen),
		Ground: record.GroundFailed, Keys: []string{record.RecordKey(rec.ID), record.MetaKey(rec.ID)}, Reason: "refused", Authority: "test",
	}, usAB.members))
	c.scan(ctx, t, usAB.members...)
	c.scanBlocks(ctx, t)
}

// T12: whatever is sent, the chaincode server's log does not repeat it, and it
// goes on serving.
func TestT12_TheChaincodeLogRepeatsNothingOfMalformedRequests(t *testing.T) {
	t.Parallel()
	ctx := testContext(t, patience)
	c := &canaries{}
	for i := range 40 {
		_, put := auA.put([]byte(`{"resourceType":"Patient","language":"` + c.word(fmt.Sprint("body ", i)) + `"}`))
		field := []string{record.FieldOp, record.FieldRequest, record.BodyField(0)}[i%3]
		b := bytes.Clone(put.Transient[field])
		at := int(chaincodetest.Random(1)[0]) % len(b)
		put.Transient[field] = slices.Concat(b[:at], []byte(`"{[`+c.word(fmt.Sprint("mutation ", i))), b[at:])
		if i%5 == 0 {
			put.Function = c.word(fmt.Sprint("function ", i))
		}
		if _, err := shared.Evaluate(ctx, put); err == nil {
			continue // a mutation inside a string value is still a resource
		} else if e, ok := record.ParseError(err.Error()); !ok {
			t.Errorf("no code in %q", err)
		} else if slices.ContainsFunc(c.list, func(p erasure.Pattern) bool { return strings.Contains(e.Error(), string(p.Bytes)) }) {
			t.Errorf("the error repeats the request: %v", e)
		}
	}
	c.scan(ctx, t, "AuHealth")
	rec, put := auA.put(encounter(farOff, unique()))
	submit(ctx, t, put)
	if _, err := shared.Evaluate(ctx, auA.get(rec.ID)); err != nil {
		t.Error(err)
	}
}

// T13: endorsers who are no members sign a write that they cannot see. Two regions
// of them satisfy the chaincode's policy, and still the collection's decides.
func TestT13_AWriteSignedByNonMembersIsInvalid(t *testing.T) {
	t.Parallel()
	ctx := testContext(t, patience)
	rec, put := usA.put(encounter(longAgo, unique()))
	for _, signers := range [][]string{{"EuHospital", "UkTrust", "AuHealth"}, {"UsPayer", "EuHospital"}} {
		if r := forge(ctx, t, put, nil, signers...); r.Code != policyFailure {
			t.Errorf("signed by %v: %s", signers, r.Code)
		}
	}
	if r := forge(ctx, t, put, nil, "UsHospital"); r.Code != chaincodetest.Valid {
		t.Errorf("the same, signed by the holder: %s; so the forgery itself is broken", r.Code)
	}
	if p := proofAt(ctx, t, "UkTrust", rec.ID); p.State != record.StateUnanchored {
		t.Errorf("%+v", p)
	}
}

// T14: Fabric takes a read that non-members signed, with any answer they like. So
// nothing here trusts one: verifying compares hashes.
func TestT14_AForgedReadIsCommittedAndProvesNothing(t *testing.T) {
	t.Parallel()
	ctx := testContext(t, patience)
	r := putOne(ctx, t, "us", encounter(farOff, unique()))
	false1 := strings.Repeat("ab", 32)
	lie, err := json.Marshal(record.Verdict{Proof: record.Proof{ID: r.ID, Hash: false1, State: record.StateActive}, Match: true})
	if err != nil {
		t.Fatal(err)
	}
	got := forge(ctx, t, usA.get(r.ID), func(a *peer.ChaincodeAction) { a.Response.Payload = lie }, "EuHospital", "UkTrust")
	if got.Code != chaincodetest.Valid {
		t.Logf("this Fabric refuses it: %s", got.Code)
	}
	v, err := open(ctx, t, "AuHealth", "reader").Verify(ctx, r.ID, false1)
	if err != nil || v.Match || v.Hash != r.Hash {
		t.Errorf("after the forged read: %+v, %v", v, err)
	}
}

// T15: below the threshold nothing passes: one of two holders, one region of two.
func TestT15_TooFewAccomplicesChangeNothing(t *testing.T) {
	t.Parallel()
	ctx := testContext(t, patience)
	rec, put := usAB.put(encounter(longAgo, unique()))
	submit(ctx, t, put)
	purge := usAB.purge(rec.ID)
	if r := forge(ctx, t, purge, nil, "UsHospital"); r.Code != policyFailure {
		t.Errorf("a purge signed by one of two holders: %s", r.Code)
	}
	anyCall := chaincodetest.Call{As: usA.as("admin"), Function: record.FuncPolicyApprove, Args: []string{demoPolicy.Digest()}}
	for _, signers := range [][]string{{"UsHospital", "UsPayer"}, {"EuSponsor"}} {
		anchor := publicWrite(t, record.AnchorKey("eu-a", record.NewID()), []byte(`{}`))
		if r := forge(ctx, t, anyCall, func(a *peer.ChaincodeAction) { a.Results = anchor }, signers...); r.Code != policyFailure {
			t.Errorf("an anchor signed by %v: %s", signers, r.Code)
		}
	}
}

// T16: the transaction's time is the caller's, inside a window of two minutes.
func TestT16_AProposalWithAFalseTimeIsRefused(t *testing.T) {
	t.Parallel()
	ctx := testContext(t, patience)
	rec, put := usA.put(encounter(longAgo, unique()))
	submit(ctx, t, put)
	for _, shift := range []time.Duration{-10 * time.Minute, 10 * time.Minute, 40 * 365 * 24 * time.Hour} {
		c := usA.purge(rec.ID)
		p, err := shared.proposal(ctx, c)
		if err != nil {
			t.Fatal(err)
		}
		moved := backdated(ctx, t, c, p, time.Now().Add(shift))
		if _, err := moved.EndorseWithContext(ctx); err == nil || !strings.Contains(plainly(err).Error(), "timestamp") {
			t.Errorf("a time shifted by %v: %v", shift, err)
		}
	}
	refused(ctx, t, func() chaincodetest.Call { c := usA.purge(rec.ID); c.As.Role = "officer"; return c }(), record.CodeForbidden)
	submit(ctx, t, usA.purge(rec.ID))
}

// backdated is a proposal with another time in its header, signed anew.
func backdated(ctx context.Context, t *testing.T, c chaincodetest.Call, p *client.Proposal, at time.Time) *client.Proposal {
	t.Helper()
	b, err := p.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	proposed, proposal, header, ch := &gatewaypb.ProposedTransaction{}, &peer.Proposal{}, &common.Header{}, &common.ChannelHeader{}
	decode(t, b, proposed)
	decode(t, proposed.GetProposal().GetProposalBytes(), proposal)
	decode(t, proposal.GetHeader(), header)
	decode(t, header.GetChannelHeader(), ch)
	ch.Timestamp = timestamppb.New(at)
	header.ChannelHeader = encode(t, ch)
	proposal.Header = encode(t, header)
	proposed.Proposal = &peer.SignedProposal{ProposalBytes: encode(t, proposal)}
	shared.mu.Lock()
	defer shared.mu.Unlock()
	out, err := shared.gateways[gatewayName(c.As, door(c))].NewProposal(encode(t, proposed))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// T17: hold and purge side by side, in both orders, with two matters.
func TestT17_NoHeldRecordIsPurgedInEitherOrder(t *testing.T) {
	t.Parallel()
	ctx := testContext(t, patience)
	// Orderers may swap what arrives together, so each order is tried until it was seen.
	for _, holdFirst := range []bool{true, false} {
		var rec record.PutRecord
		for held := !holdFirst; held != holdFirst; {
			rec, held = holdAndPurge(ctx, t, holdFirst)
		}
		if !holdFirst {
			continue
		}
		submit(ctx, t, usA.hold(record.OpHold, "m2", rec.ID))
		submit(ctx, t, usA.hold(record.OpRelease, "m1", rec.ID))
		refused(ctx, t, usA.hold(record.OpRelease, "m1", rec.ID), record.CodeNotHeld)
		refused(ctx, t, usA.purge(rec.ID), record.CodeHeld)
		submit(ctx, t, usA.hold(record.OpRelease, "m2", rec.ID))
		submit(ctx, t, usA.purge(rec.ID))
	}
}

// holdAndPurge submits both together for a new record, and tells whether the hold came
// first: then the purge is invalid and the record held, else it is gone.
func holdAndPurge(ctx context.Context, t *testing.T, holdFirst bool) (rec record.PutRecord, held bool) {
	t.Helper()
	rec, put := usA.put(encounter(longAgo, unique()))
	submit(ctx, t, put)
	calls := []chaincodetest.Call{usA.hold(record.OpHold, "m1", rec.ID), usA.purge(rec.ID)}
	hold, purge := 0, 1
	if !holdFirst {
		slices.Reverse(calls)
		hold, purge = 1, 0
	}
	got, err := shared.SubmitTogether(ctx, calls)
	if err != nil || got[hold].Code != chaincodetest.Valid || got[purge].Code != chaincodetest.Valid && got[purge].Code != conflict {
		t.Fatalf("hold first %v: %v, %v", holdFirst, got, err)
	}
	if held = got[purge].Code == conflict; held {
		refused(ctx, t, usA.purge(rec.ID), record.CodeHeld)
	} else {
		refused(ctx, t, usA.purge(rec.ID), record.CodeGone)
	}
	return rec, held
}

// T18: an old envelope cannot bring a purged record back, and a second copy of one
// has no second effect.
func TestT18_APurgedRecordDoesNotComeBackByReplay(t *testing.T) {
	t.Parallel()
	ctx := testContext(t, patience)
	rec, put := usA.put(encounter(longAgo, unique()))
	late := usA.putAs(record.PutRecord{ID: rec.ID, Seed: chaincodetest.Random(record.SeedLen)}, encounter(longAgo, unique()))
	tx, err := shared.endorse(ctx, late) // before
	if err != nil {
		t.Fatal(err)
	}
	submit(ctx, t, put)
	submit(ctx, t, usA.purge(rec.ID))
	got, err := shared.order(ctx, late.As, door(late), []*client.Transaction{tx}) // after
	if err != nil || got[0].Code != conflict {
		t.Errorf("the old envelope: %v, %v", got, err)
	}
	again := usA.putAs(record.PutRecord{ID: rec.ID, Seed: chaincodetest.Random(record.SeedLen)}, encounter(longAgo, unique()))
	refused(ctx, t, again, record.CodeGone)
	c := open(ctx, t, "UsHospital", "purger")
	r, err := c.Tombstone(ctx, []record.Ref{{Collection: "us-a", ID: rec.ID}})
	if err == nil {
		err = shared.heights.wait(ctx, r.Block)
	}
	if err != nil {
		t.Fatal(err)
	}
	if p := proofAt(ctx, t, "EuSponsor", rec.ID); p.State != record.StatePurged {
		t.Errorf("%+v", p)
	}
}

// T19, beside chaincode's TestI12_T19: two endorsers, each with its own server
// process, come to the same write set for resources of every kind.
func TestT19_TwoEndorsersAgree(t *testing.T) {
	t.Parallel()
	ctx := testContext(t, patience)
	for _, body := range []string{
		`{"resourceType":"Patient","multipleBirthInteger":1.0e0,"birthDate":"1970-01-01"}`,
		`{"resourceType":"Observation","effectivePeriod":{"end":"2011-02-29"},"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"N"},{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}]},"valueQuantity":{"value":0.10}}`,
		`{"resourceType":"Bundle","type":"document","entry":[{"resource":{"resourceType":"Patient","id":"a"}}]}`,
		string(encounter(longAgo, "é\U0001f600")),
	} {
		_, put := usAB.put([]byte(body))
		submit(ctx, t, put) // the gateway refuses to assemble answers that differ
	}
}
