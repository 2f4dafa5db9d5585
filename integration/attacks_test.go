package integration

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	gatewaypb "github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
	"domicile/erasure"
	"domicile/gateway"
	"domicile/network"
)

const (
	policyFailure = "ENDORSEMENT_POLICY_FAILURE"
	conflict      = "MVCC_READ_CONFLICT"
)

func TestT01_ASubmittedReadLeavesOnlyCiphertextInItsBlock(t *testing.T) {
	t.Parallel()
	ctx := testContext(t, patience)
	c := &canaries{}
	rec, put := usA.put(encounter(farOff, c.word("narrative")))
	submit(ctx, t, put)
	get := usA.get(rec.ID)
	r := ordered(ctx, t, get)
	b := block(ctx, t, r.Block)
	found, err := erasure.ScanBlocks(ctx, func(yield func(*erasure.StoredBlock, error) bool) { yield(b, nil) }, c.list)
	if err != nil || !found.Clean() {
		t.Errorf("the block shows plaintext: %+v, %v", found, err)
	}
	opened := false
	for _, f := range erasure.BlockFields(b.Block) {
		if strings.HasSuffix(f.Path, ".response.payload") {
			v, err := get.Open(f.Bytes)
			opened = opened || err == nil && bytes.Contains(v, c.list[0].Bytes)
		}
		if bytes.Contains(f.Bytes, get.Transient[record.FieldKey]) {
			t.Errorf("the block holds the key, in %s", f.Path)
		}
	}
	if !opened {
		t.Error("the answer in the block is not the sealed record")
	}
}

// T04: whoever knows every byte of a resource and has all of the channel cannot
// find it there, because the salt is not there.
func TestT04_KnownBytesCannotBeFoundByTheirHash(t *testing.T) {
	t.Parallel()
	ctx := testContext(t, patience)
	body := encounter(longAgo, unique())
	rec, put := usA.put(body)
	r := submit(ctx, t, put)
	known := [][]byte{body, slices.Concat([]byte{1}, body), slices.Concat([]byte{1}, make([]byte, record.SaltLen), body), []byte(rec.ID)}
	var guesses [][]byte
	for _, k := range known {
		h := sha256.Sum256(k)
		guesses = append(guesses, h[:])
	}
	fields := erasure.BlockFields(block(ctx, t, r.Block).Block)
	if len(fields) == 0 {
		t.Fatal("an empty block")
	}
	for _, f := range fields {
		for _, g := range guesses {
			if bytes.Contains(f.Bytes, g) || bytes.Contains(f.Bytes, []byte(hex.EncodeToString(g))) {
				t.Errorf("%s holds a hash that can be guessed", f.Path)
			}
		}
		if bytes.Contains(f.Bytes, put.Transient[record.FieldRequest]) || bytes.Contains(f.Bytes, rec.Seed) {
			t.Errorf("%s holds the request or its seed", f.Path)
		}
	}
}

func TestT05_TheSameBytesTwiceHaveTwoHashes(t *testing.T) {
	t.Parallel()
	ctx := testContext(t, patience)
	body := encounter(longAgo, unique())
	hashes := map[string]bool{}
	for i, region := range []string{"us", "us", "eu"} {
		hashes[putOne(ctx, t, region, body, "--import", fmt.Sprint(unique(), i)).Hash] = true
	}
	if len(hashes) != 3 {
		t.Errorf("%d hashes of three records with the same bytes", len(hashes))
	}
}

// T06 and T07, beside chaincode's TestI2_T06: what a block shows of a put depends
// neither on the resource nor on how many people it is about.
func TestT06_TwoPutsHaveTheSameShapeInTheBlock(t *testing.T) {
	t.Parallel()
	ctx := testContext(t, patience)
	first := shapeOfPut(ctx, t, []byte(`{"resourceType":"Organization","name":"x"}`), 0)
	second := shapeOfPut(ctx, t, encounter(longAgo, unique()), 6)
	if first != second {
		t.Errorf("the shapes differ:\n%s\n%s", first, second)
	}
}

// recordAbout is a new record about so many people.
func recordAbout(people int) record.PutRecord {
	rec := record.PutRecord{ID: record.NewID(), Seed: chaincodetest.Random(record.SeedLen)}
	for range people {
		rec.Subjects = append(rec.Subjects, record.SubjectToken(chaincodetest.Random(32), "Patient/x"))
	}
	return rec
}

func shapeOfPut(ctx context.Context, t *testing.T, body []byte, people int) string {
	t.Helper()
	r := submit(ctx, t, usA.putAs(recordAbout(people), body))
	return shapeOf(t, block(ctx, t, r.Block), r.TxID)
}

// shapeOf lists what a transaction shows of its reads and writes, without values.
func shapeOf(t *testing.T, b *erasure.StoredBlock, txID string) string {
	t.Helper()
	var shape []string
	for _, f := range txFields(t, b, txID) {
		if strings.Contains(f.Path, "rwset") && !strings.Contains(f.Path, "version") {
			shape = append(shape, fmt.Sprintf("%s:%d", f.Path, len(f.Bytes)))
		}
	}
	if len(shape) < record.KeysPerRecord {
		t.Fatalf("no write set in %v", shape)
	}
	slices.Sort(shape)
	return strings.Join(shape, "\n")
}

// txFields are the fields of one transaction, named as if it were the only one.
func txFields(t *testing.T, b *erasure.StoredBlock, txID string) []erasure.Field {
	t.Helper()
	all := erasure.BlockFields(b.Block)
	i := slices.IndexFunc(all, func(f erasure.Field) bool { return strings.HasSuffix(f.Path, ".id") && string(f.Bytes) == txID })
	if i < 0 {
		t.Fatal("the block does not hold the transaction")
	}
	prefix, _, _ := strings.Cut(all[i].Path, ".")
	var out []erasure.Field
	for _, f := range all {
		if rest, ok := strings.CutPrefix(f.Path, prefix+"."); ok {
			out = append(out, erasure.Field{Path: rest, Bytes: f.Bytes})
		}
	}
	return out
}

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

// T09: with every peer of the holder out of reach the client asks nobody else.
func TestT09_NoPrivateCallLeavesTheRegionWhenItsPeersAreDown(t *testing.T) {
	t.Parallel()
	ctx := testContext(t, patience)
	w := &wire{dialled: map[string]bool{}}
	for _, role := range []string{"reader", "writer", "officer", "purger"} {
		c := open(ctx, t, "AuHealth", role, gateway.WithDialOptions(grpc.WithContextDialer(w.dial)), gateway.WithRetry(2, 10*time.Millisecond))
		w.mend()
		_, err := c.Policy(ctx)
		if err == nil {
			_, err = c.Collections(ctx) // so that the client knows where to send the call
		}
		if err != nil {
			t.Fatal(err)
		}
		w.cut()
		switch role {
		case "reader":
			_, err = c.Get(ctx, record.NewID())
		case "writer":
			for _, e := range c.Import(ctx, bytes.NewReader(encounter(longAgo, unique())), gateway.ImportOptions{}) {
				err = errors.Join(err, e)
			}
		case "officer":
			_, err = c.Hold(ctx, gateway.HoldOrder{Collection: "au-a", IDs: []string{record.NewID()}, Matter: "m", Authority: "a", Reason: "r"})
		case "purger":
			_, err = c.Purge(ctx, record.PurgeRequest{Collection: "au-a", Ground: record.GroundDue, IDs: []string{record.NewID()}})
		}
		if !gateway.Retryable(err) {
			t.Errorf("%s: %v, want an error that says to try later", role, err)
		}
	}
	for addr := range w.dialled {
		if !strings.HasPrefix(addr, "127.40.") {
			t.Errorf("a private call went to %s", addr)
		}
	}
	if len(w.dialled) == 0 {
		t.Error("nobody was dialled")
	}
}

// wire connects a client, notes to whom, and can be cut.
type wire struct {
	mu      sync.Mutex
	dialled map[string]bool
	isCut   bool
	conns   []net.Conn
}

func (w *wire) dial(ctx context.Context, addr string) (net.Conn, error) {
	w.mu.Lock()
	w.dialled[addr] = true
	down := w.isCut
	w.mu.Unlock()
	if down && strings.HasPrefix(addr, "127.40.") {
		return nil, errors.New("cut")
	}
	c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err == nil {
		w.mu.Lock()
		w.conns = append(w.conns, c)
		w.mu.Unlock()
	}
	return c, err
}

func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.isCut = false
}

func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.isCut = true
	for _, c := range w.conns {
		c.Close()
	}
	w.conns = nil
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
