package chaincode_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"domicile/chaincode"
	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
	"domicile/collections"
	"domicile/fhir"
	"domicile/fhir/ds4p"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
)

// TestI2: what a block shows of a put is the same whatever the resource is.
func TestI2_T06_two_private_inputs_write_the_same_public_shape(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	variants := map[string]struct {
		body   []byte
		change func(*record.PutRecord)
	}{
		"with a due date":    {encounter("1999-12-31"), func(*record.PutRecord) {}},
		"without a due date": {[]byte(`{"resourceType":"Organization"}`), func(*record.PutRecord) {}},
		"with a resource":    {encounter("1999-12-31"), func(r *record.PutRecord) { r.Resource = record.ResourceToken(r.Seed, "Encounter/1") }},
		"with many subjects": {encounter("1999-12-31"), func(r *record.PutRecord) { r.Subjects = tokens(20) }},
		"with one subject":   {encounter("1999-12-31"), func(r *record.PutRecord) { r.Subjects = tokens(1) }},
		"that replaces":      {encounter("1999-12-31"), func(r *record.PutRecord) { r.Replaces = record.NewID() }},
		"with a label":       {encounter("1999-12-31", "DELAU"), func(*record.PutRecord) {}},
		"with labels given": {encounter("1999-12-31"), func(r *record.PutRecord) {
			r.Labels = []record.Label{{System: ds4p.SystemConfidentiality, Code: "N", Origin: record.OriginDefault}}
		}},
		"with facts":          {encounter("1999-12-31"), func(r *record.PutRecord) { r.Facts = []record.Fact{{Kind: record.FactBirth, Date: "1980"}} }},
		"with classes":        {encounter("1999-12-31"), func(r *record.PutRecord) { r.Classes = []string{"trial"} }},
		"with a large body":   {append(encounter("1999-12-31"), bytes.Repeat([]byte(" "), 100_000)...), func(*record.PutRecord) {}},
		"with a repeated one": {encounter("1999-12-31"), func(r *record.PutRecord) { s := tokens(1); r.Subjects = append(s, s...) }},
	}
	var want, first string
	for name, v := range variants {
		rec := newRecord()
		v.change(&rec)
		tx, err := w.Endorsed(putCall("us-a", rec, v.body))
		if err != nil {
			t.Fatal(err)
		}
		if want == "" {
			want, first = tx.Shape(), name
		}
		if tx.Shape() != want {
			t.Errorf("a put %s shows %s\na put %s shows %s", name, tx.Shape(), first, want)
		}
	}
	if !strings.Contains(want, fmt.Sprintf("del=false,purge=false:%d", record.KeysPerRecord)) {
		t.Errorf("a put does not write %d keys: %s", record.KeysPerRecord, want)
	}
}

func tokens(n int) []string {
	var out []string
	for i := range n {
		out = append(out, record.SubjectToken(chaincodetest.Random(32), fmt.Sprint("Patient/", i)))
	}
	return out
}

// TestI2: a hold touches no key that anybody could compute from a public id.
func TestI2_a_hold_touches_no_key_that_holds_the_public_id(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	id := w.put("us-a", encounter("1999-12-31"))
	tx, err := w.Endorsed(holdCall(record.OpHold, id))
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{record.RecordKey(id), record.MetaKey(id), record.GoneKey("us-a", id), record.HoldKey(id)} {
		if bytes.Contains(tx.Public(), chaincodetest.KeyHash(key)) {
			t.Errorf("the block shows that %s was touched", key[:2])
		}
	}
	put, err := w.Endorsed(putCall("us-a", newRecord(), encounter("1999-12-31")))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(put.Public(), []byte("put")) || bytes.Contains(tx.Public(), []byte("hold")) {
		t.Error("the operation is public")
	}
}

func holdCall(op string, ids ...string) chaincodetest.Call {
	return chaincodetest.Write(officer(op), op, record.HoldRequest{
		Version: 1, Region: "us", Collection: "us-a", Seed: chaincodetest.Random(32), IDs: ids, Matter: "m", Authority: "a", Reason: "r",
	}, atHospital)
}

// T05: the same resource twice gives two unrelated hashes.
func TestI7_T05_the_same_resource_twice_has_two_hashes(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	a, b := w.put("us-a", encounter("1999-12-31")), w.put("us-a", encounter("1999-12-31"))
	if w.state("us-a", a).Hash == w.state("us-a", b).Hash {
		t.Error("equal resources have equal hashes")
	}
}

func TestI5_T01_a_submitted_read_leaves_no_plaintext_in_any_block(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	id := w.put("us-a", secret("1999-12-31"))
	for op, req := range map[string]any{
		record.OpGet:     record.GetRequest{Version: 1, Region: "us", Collection: "us-a", ID: id},
		record.OpInspect: record.InspectRequest{Version: 1, Region: "us", Collection: "us-a", IDs: []string{id}},
		record.OpList:    record.ListRequest{Version: 1, Region: "us", Collection: "us-a"},
	} {
		if _, err := w.Submit(context.Background(), chaincodetest.Read(usHospital(record.RoleReader), op, req, "UsHospital")); err != nil {
			t.Fatal(err)
		}
	}
	for _, needle := range []string{canary, `"resourceType"`, "1999-12-31"} {
		if hits := w.Find([]byte(needle)); len(hits) > 0 {
			t.Errorf("blocks %v show %q", hits, needle)
		}
	}
}

// T18: an old proposal of a record that was put and purged meanwhile.
func TestI10_T18_a_put_endorsed_before_and_submitted_after_put_and_purge_is_refused(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	rec := newRecord()
	late, err := w.Endorsed(putCall("us-a", rec, encounter("1999-12-31")))
	if err != nil {
		t.Fatal(err)
	}
	w.submit(putCall("us-a", rec, encounter("1999-12-31")))
	w.submit(purgeCall("us-a", rec.ID))
	if b := w.Commit(late); b.Codes[0].String() != "MVCC_READ_CONFLICT" {
		t.Errorf("the late put is %s", b.Codes[0])
	}
	if s := w.state("us-a", rec.ID); s.State != record.InsideGone {
		t.Errorf("the record is %s", s.State)
	}
	// Its bytes came into the block's private data all the same; they are
	// purged by key, now that no hash is live.
	if len(w.residue("UsHospital", record.RecordKey(rec.ID))) == 0 {
		t.Fatal("the ledger did not keep the refused bytes, as Fabric does")
	}
	req := purgeRequest("us-a")
	req.Ground, req.Reason, req.Authority = record.GroundFailed, "late", "test"
	for _, s := range w.Store("UsHospital") {
		if s.TxID == late.TxID {
			req.Keys = append(req.Keys, s.Key)
		}
	}
	w.submit(chaincodetest.Write(usHospital(record.RolePurger), record.OpPurge, req, atHospital))
	if left := w.residue("UsHospital", record.RecordKey(rec.ID)); len(left) != 0 {
		t.Errorf("%d versions are left", len(left))
	}
	b := w.Commit(late)
	if b.Codes[0].String() != "DUPLICATE_TXID" {
		t.Errorf("the same envelope again is %s", b.Codes[0])
	}
}

func (w *world) residue(org, key string) []chaincodetest.Stored {
	var out []chaincodetest.Stored
	for _, s := range w.Store(org) {
		if s.Key == key {
			out = append(out, s)
		}
	}
	return out
}

func TestI10_a_purge_leaves_no_key_of_the_record_anywhere(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	before := len(w.PrivateKeys("UsHospital", "us-a"))
	rec := newRecord()
	rec.Subjects, rec.Resource = tokens(9), record.ResourceToken(rec.Seed, "Encounter/1")
	w.submit(putCall("us-a", rec, secret("1999-12-31")))
	if n := len(w.PrivateKeys("UsHospital", "us-a")); n != before+record.KeysPerRecord {
		t.Errorf("%d keys, want %d", n-before, record.KeysPerRecord)
	}
	w.submit(purgeCall("us-a", rec.ID))
	if n := len(w.PrivateKeys("UsHospital", "us-a")); n != before {
		t.Errorf("%d keys are left", n-before)
	}
	for _, org := range []string{"UsHospital", "UsPayer", "EuHospital"} {
		for _, s := range append(w.Store(org), w.Transient(org)...) {
			if bytes.Contains(s.Value, []byte(canary)) {
				t.Errorf("%s's peer still has the resource", org)
			}
		}
	}
}

// T16: the time is the transaction's, and peers bound it.
func TestI9_T16_a_purge_with_a_false_time_is_refused(t *testing.T) {
	now := time.Date(2026, 4, 1, 3, 59, 0, 0, time.UTC) // the last minute of March in New York
	w := newWorld(t, chaincodetest.Options{Now: func() time.Time { return now }})
	id := w.put("us-a", encounter("2020-03-31")) // 6 years: due from 2026-04-01
	if s := w.state("us-a", id); s.DueDate != "2026-04-01" || s.IsDue {
		t.Fatalf("due %s, already %v", s.DueDate, s.IsDue)
	}
	w.refuses(purgeCall("us-a", id), record.CodeNotDue)
	p, err := w.Proposal(purgeCall("us-a", id))
	if err != nil {
		t.Fatal(err)
	}
	p.Time = now.Add(5 * time.Minute)
	if _, err := w.Endorse(p, "UsHospital"); err == nil || !strings.Contains(err.Error(), "timestamp") {
		t.Errorf("a proposal from the future: %v", err)
	}
	now = now.Add(time.Minute) // midnight
	w.submit(purgeCall("us-a", id))
}

// T21: a policy change never shortens what was promised at put.
func TestI9_T21_the_later_of_the_date_at_put_and_the_policy_now_counts(t *testing.T) {
	now := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	w := newWorld(t, chaincodetest.Options{Now: func() time.Time { return now }})
	id := w.put("us-a", encounter("2020-03-31"))
	w.adopt(func(p *collections.Policy) {
		for i := range p.Regions {
			if p.Regions[i].Name != "us" {
				continue
			}
			rows := append([]collections.Row{}, p.Regions[i].Retention...)
			for j := range rows {
				rows[j].Until = []collections.Until{{Trigger: collections.TriggerEnd, Keep: fhir.Period{N: 20, Unit: 'y'}}}
			}
			p.Regions[i].Retention = rows
		}
	})
	if s := w.state("us-a", id); s.DueDate != "2040-04-01" {
		t.Errorf("after a longer policy it is due %s", s.DueDate)
	}
	w.refuses(purgeCall("us-a", id), record.CodeNotDue)
	second := w.put("us-a", encounter("2020-03-31"))
	w.adopt(func(*collections.Policy) {}) // back to the demo policy
	if s := w.state("us-a", id); s.DueDate != "2026-04-01" {
		t.Errorf("after the old policy again it is due %s", s.DueDate)
	}
	if s := w.state("us-a", second); s.DueDate != "2040-04-01" {
		t.Errorf("what was put under the longer policy is due %s", s.DueDate)
	}
}

func TestI9_holds_of_two_matters_race_and_both_stand_in_the_end(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	id := w.put("us-a", encounter("1999-12-31"))
	a, b := holdCall(record.OpHold, id), holdCall(record.OpHold, id)
	b.Transient[record.FieldRequest] = bytes.Replace(b.Transient[record.FieldRequest], []byte(`"matter":"m"`), []byte(`"matter":"n"`), 1)
	got, err := w.SubmitTogether(context.Background(), []chaincodetest.Call{a, b})
	if err != nil || got[0].Code != chaincodetest.Valid || got[1].Code != "MVCC_READ_CONFLICT" {
		t.Fatalf("%+v (%v)", got, err)
	}
	w.submit(b)
	w.submit(holdCall(record.OpRelease, id))
	w.refuses(purgeCall("us-a", id), record.CodeHeld)
}

// T20: one peer's private value was tampered with.
func TestI7_T20_a_value_planted_on_one_peer_does_not_match_the_anchor(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	id := w.put("us-a", encounter("1999-12-31"))
	hash := w.state("us-a", id).Hash
	forged := record.EncodeValue(chaincodetest.Random(32), encounter("2020-01-01"))
	if err := w.Plant("UsHospital", "us-a", record.RecordKey(id), forged); err != nil {
		t.Fatal(err)
	}
	v, err := w.read(record.RoleReader, record.OpGet, record.GetRequest{Version: 1, Region: "us", Collection: "us-a", ID: id})
	if err != nil {
		t.Fatal(err)
	}
	salt, body, err := record.DecodeValue(v)
	if err != nil || record.Hash(salt, body) == hash {
		t.Errorf("the forged value passes (%v)", err)
	}
}

func TestI1_a_peer_that_lacks_the_newest_bytes_says_so(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	w.Isolate("UsHospital", true)
	id := w.put("us-a", encounter("1999-12-31"))
	get := record.GetRequest{Version: 1, Region: "us", Collection: "us-a", ID: id}
	_, err := w.read(record.RoleReader, record.OpGet, get)
	wantCode(t, err, record.CodeMissingData)
	w.refuses(purgeCall("us-a", id), record.CodeMissingData)
}

// panicking is a peer whose ledger hands the contract something that no honest
// peer would.
type panicking struct{ shim.ChaincodeStubInterface }

func (panicking) GetTransient() (map[string][]byte, error) { panic("secret " + canary) }

func TestI13_a_panic_is_an_answer_and_its_value_is_not_logged(t *testing.T) {
	var log bytes.Buffer
	cc, err := chaincode.New(chaincode.WithCrashLog(&log))
	if err != nil {
		t.Fatal(err)
	}
	resp := cc.Invoke(panicking{fakeStub{args: [][]byte{[]byte(record.FuncWrite)}}})
	if !strings.HasPrefix(resp.GetMessage(), "INTERNAL: ") || strings.Contains(resp.GetMessage(), canary) {
		t.Errorf("answer %q", resp.GetMessage())
	}
	if strings.Contains(log.String(), canary) || !strings.Contains(log.String(), "GetTransient") {
		t.Errorf("log %q", log.String())
	}
	if r := cc.Init(fakeStub{}); !strings.HasPrefix(r.GetMessage(), "BAD_FUNCTION: ") {
		t.Errorf("Init answers %q", r.GetMessage())
	}
	if r := cc.Invoke(fakeStub{}); !strings.HasPrefix(r.GetMessage(), "BAD_FUNCTION: ") {
		t.Errorf("no function: %q", r.GetMessage())
	}
}

// fakeStub has arguments and no creator; everything else would crash.
type fakeStub struct {
	shim.ChaincodeStubInterface
	args [][]byte
}

func (s fakeStub) GetArgs() [][]byte { return s.args }

func (s fakeStub) GetCreator() ([]byte, error) { return nil, io.ErrUnexpectedEOF }

func (s fakeStub) GetFunctionAndParameters() (string, []string) { return string(s.args[0]), nil }

func TestI13_an_unreadable_creator_is_forbidden_and_no_crash(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	p, err := w.Proposal(chaincodetest.Call{As: usHospital(""), Function: record.FuncPolicyApprove, Args: []string{strings.Repeat("0", 64)}})
	if err != nil {
		t.Fatal(err)
	}
	p.Creator = []byte("\x0a\x0aUsHospital") // an organisation and no certificate
	_, err = w.Endorse(p, "UsHospital")
	wantCode(t, err, record.CodeForbidden)
}
