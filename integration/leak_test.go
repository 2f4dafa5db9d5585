package integration

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
	"domicile/erasure"
	"domicile/integration/kit"
	"domicile/network"
)

// canaries are words that must stay where they belong.
type canaries struct {
	mu   sync.Mutex
	list []erasure.Pattern
}

// word makes one; place says where it is used.
func (c *canaries) word(place string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := unique()
	c.list = append(c.list, erasure.Pattern{Name: place, Bytes: []byte(w)})
	return w
}

func (c *canaries) bytes(place string, b []byte) {
	c.list = append(c.list, erasure.Pattern{Name: place, Bytes: b})
}

// patient has a canary in every kind of field.
func (c *canaries) patient() []byte {
	return fmt.Appendf(nil, `{"resourceType":"Patient","id":%q,"meta":{"versionId":%q,"source":%q,`+
		`"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"N","display":%q}],"tag":[{"code":%q}]},`+
		`"language":"en","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">%s</div>"},`+
		`"contained":[{"resourceType":"Organization","id":"o","name":%q}],"extension":[{"url":"http://example.org/x","valueString":%q}],`+
		`"identifier":[{"system":%q,"value":%q}],"name":[{"family":%q,"given":[%q],"_family":{"extension":[{"url":"http://example.org/y","valueString":%q}]}}],`+
		`"birthDate":"1970-01-01","_birthDate":{"id":%q,"extension":[{"url":"http://example.org/z","valueString":%q}]},"address":[{"line":[%q]}]}`,
		c.word("resource id"), c.word("versionId"), c.word("source"), c.word("label display"), c.word("tag"), c.word("narrative"),
		c.word("contained"), c.word("extension"), c.word("identifier system"), c.word("identifier value"), c.word("family"), c.word("given"),
		c.word("primitive extension"), c.word("element id"), c.word("date extension"), c.word("address"))
}

// oldVisit is due at once and about somebody.
func (c *canaries) oldVisit() []byte {
	return fmt.Appendf(nil, `{"resourceType":"Encounter","id":%q,"status":"finished","class":{"code":"AMB","display":%q},`+
		`"subject":{"reference":"Patient/%s","display":%q},"period":{"end":"1985-06-15"},"reasonCode":[{"text":%q}]}`,
		c.word("visit id"), c.word("class"), c.word("reference"), c.word("subject display"), c.word("reason"))
}

// TestT02_NothingOfARecordLeavesItsHoldersStores takes canaries through everything a
// user or a clumsy program can do, then searches every file of every node and every
// block.
func TestT02_NothingOfARecordLeavesItsHoldersStores(t *testing.T) {
	t.Parallel()
	ctx := testContext(t, patience)
	c := &canaries{}
	c.live(ctx, t)
	c.held(ctx, t)
	c.failures(ctx, t)
	r := c.scan(ctx, t)
	inStores := map[string]bool{}
	for _, f := range r.Findings {
		if strings.Contains(f.Path, "pvtdataStore") {
			inStores[f.Pattern] = true
		}
	}
	for _, want := range []string{"narrative", "primitive extension", "reason", "matter", "salt"} {
		if !inStores[want] {
			t.Errorf("the search does not find the %s even where it belongs, so it proves nothing", want)
		}
	}
	c.scanBlocks(ctx, t)
}

// live puts a record that stays: put, get, salt, list, verify from elsewhere.
func (c *canaries) live(ctx context.Context, t *testing.T) {
	body := c.patient()
	r := putOne(ctx, t, "us", body)
	if got := must(ctx, t, 0, nil, "record", "get", "--region", "us", r.ID); got.Out != string(body) {
		t.Error("the bytes came back changed")
	}
	got, err := open(ctx, t, "UsHospital", "reader").Get(ctx, r.ID)
	if err != nil {
		t.Fatal(err)
	}
	c.bytes("salt", got.Salt)
	must(ctx, t, 0, body, "record", "list", "--region", "us", "--subject", "-")
	salt := strings.TrimSpace(must(ctx, t, 0, nil, "record", "get", "--region", "us", "--salt", r.ID).Out)
	must(ctx, t, 0, body, "proof", "verify", "--every-region", "--salt", salt, r.ID, "-")
	must(ctx, t, 1, nil, "record", "get", "--region", "eu", r.ID)
	ordered(ctx, t, usA.get(r.ID)) // a read, submitted by mistake
	if _, err := shared.Evaluate(ctx, usA.putAs(record.PutRecord{ID: record.NewID(), Seed: chaincodetest.Random(record.SeedLen)},
		encounter(longAgo, c.word("evaluated put")))); err != nil {
		t.Error(err) // a write, evaluated by mistake
	}
	_, never := usA.put(encounter(longAgo, c.word("never submitted")))
	if _, err := shared.endorse(ctx, never); err != nil {
		t.Error(err)
	}
}

// held puts a record that is due, holds it, fails to purge it, and purges it.
func (c *canaries) held(ctx context.Context, t *testing.T) {
	body := c.oldVisit()
	r := putOne(ctx, t, "us", body)
	matter := c.word("matter")
	order := []string{"--region", "us", "--matter", matter, "--authority", c.word("authority"), "--reason", c.word("why"), r.ID}
	must(ctx, t, 0, nil, append([]string{"record", "hold"}, order...)...)
	refused(ctx, t, usA.purge(r.ID), record.CodeHeld)
	must(ctx, t, 0, nil, "record", "list", "--region", "us", "--held")
	must(ctx, t, 0, nil, append([]string{"record", "release"}, order...)...)
	submit(ctx, t, usA.purge(r.ID))
	purger := open(ctx, t, "UsHospital", "purger")
	if _, err := purger.Tombstone(ctx, []record.Ref{{Collection: "us-a", ID: r.ID}}); err != nil {
		t.Fatal(err)
	}
	again := kit.Receipts(t, must(ctx, t, 1, body, "record", "put", "--region", "us", "-"))
	if len(again) != 1 || !again[0].Gone || again[0].ID != r.ID {
		t.Errorf("the purged resource put again: %+v", again)
	}
	again0 := usA.putAs(record.PutRecord{ID: r.ID, Seed: chaincodetest.Random(record.SeedLen)}, encounter(longAgo, c.word("put again")))
	refused(ctx, t, again0, record.CodeGone)
}

// failures provokes every refusal of a put, and errors elsewhere.
func (c *canaries) failures(ctx context.Context, t *testing.T) {
	fail := func(place string, want record.Code, change func(*record.PutRecord, *chaincodetest.Call), body string) {
		t.Helper()
		r, call := usA.put([]byte(strings.ReplaceAll(body, "$", c.word(place))))
		if change != nil {
			change(&r, &call)
		}
		refused(ctx, t, call, want)
	}
	const fine = `{"resourceType":"Patient","language":"$"}`
	fail("not JSON", record.CodeBadResource, nil, `$`)
	fail("duplicate key", record.CodeBadResource, nil, `{"resourceType":"Patient","$":1,"$":2}`)
	fail("case variant", record.CodeBadResource, nil, `{"resourceType":"Patient","a$":1,"A$":2}`)
	fail("no type", record.CodeBadResource, nil, `{"id":"$"}`)
	fail("odd type", record.CodeBadResource, nil, `{"resourceType":"$ $"}`)
	fail("wrong collection", record.CodeWrongCollection, nil,
		`{"resourceType":"Patient","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"SUD","display":"$"}]}}`)
	fail("wrong peer", record.CodeWrongPeer, func(_ *record.PutRecord, call *chaincodetest.Call) { call.Endorsers = []string{"EuHospital"} }, fine)
	fail("payer's peer", record.CodeWrongPeer, func(_ *record.PutRecord, call *chaincodetest.Call) { call.Endorsers = []string{"UsPayer"} }, fine)
	fail("foreign caller", record.CodeForbidden, func(_ *record.PutRecord, call *chaincodetest.Call) { call.As.Org = "EuHospital" }, fine)
	fail("wrong role", record.CodeForbidden, func(_ *record.PutRecord, call *chaincodetest.Call) { call.As.Role = "reader" }, fine)
	fail("bad id", record.CodeBadRequest, func(r *record.PutRecord, call *chaincodetest.Call) {
		r.ID = c.word("id itself")
		*call = usA.putAs(*r, call.Transient[record.BodyField(0)])
	}, fine)
	fail("bad token", record.CodeBadRequest, func(r *record.PutRecord, call *chaincodetest.Call) {
		r.Subjects = []string{c.word("token itself")}
		*call = usA.putAs(*r, call.Transient[record.BodyField(0)])
	}, fine)
	fail("unknown field", record.CodeBadRequest, func(_ *record.PutRecord, call *chaincodetest.Call) {
		call.Transient[record.FieldRequest] = fmt.Appendf(nil, `{"v":1,%q:%q}`, c.word("field name"), c.word("field value"))
	}, fine)
	fail("surplus transient", record.CodeBadRequest, func(_ *record.PutRecord, call *chaincodetest.Call) {
		call.Transient[c.word("transient name")] = []byte(c.word("transient value"))
	}, fine)
	fail("operation", record.CodeBadRequest, func(_ *record.PutRecord, call *chaincodetest.Call) {
		call.Transient[record.FieldOp] = []byte(c.word("operation itself"))
	}, fine)
	_, twice := usA.put([]byte(`{"resourceType":"Patient","language":"` + c.word("exists") + `"}`))
	submit(ctx, t, twice)
	refused(ctx, t, twice, record.CodeExists)
	release := usA.hold(record.OpRelease, c.word("matter never set"), record.NewID())
	refused(ctx, t, release, record.CodeNotHeld)
	keyless := usA.get(record.NewID())
	delete(keyless.Transient, record.FieldKey)
	_, err := shared.Evaluate(ctx, keyless)
	wantCode(t, err, record.CodeNoKey)
	// In the command line of the product too. It names the place by its path, in which
	// only names that a FHIR element could have are shown.
	for _, body := range []string{`$`, `{"resourceType":"Patient","at $":1,"at $":2}`, `{"resourceType":"Bundle","type":"batch","entry":[{"resource":{"a":"$"}}]}`} {
		w := c.word("command's input")
		if a := must(ctx, t, 1, []byte(strings.ReplaceAll(body, "$", w)), "record", "put", "--region", "us", "-"); strings.Contains(a.Words+a.Out, w) {
			t.Errorf("the command repeats its input: %s", a.Words)
		}
	}
}

// mayHold are the stores of a holder's peers in which plaintext belongs.
var mayHold = []string{"ledgersData/pvtdataStore/", "ledgersData/stateLeveldb/", "transientstore/"}

// scan searches every file of every node and reports what is where it may not be.
func (c *canaries) scan(ctx context.Context, t *testing.T, holders ...string) *erasure.Report {
	t.Helper()
	if len(holders) == 0 {
		holders = []string{"UsHospital"}
	}
	nodes, err := shared.Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	owner := map[string]network.Node{}
	var roots []string
	for _, x := range nodes {
		root := filepath.Dir(x.DataDir) // its certificates, configuration and log too
		owner[root] = x
		roots = append(roots, root)
	}
	r, err := erasure.Scan(ctx, erasure.Options{Roots: roots, Patterns: c.list})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d canaries, %d files, %d MB, %d findings", len(c.list), r.Files, r.Bytes>>20, len(r.Findings))
	for _, f := range r.Findings {
		x := owner[f.Root]
		if x.Kind == network.KindPeer && slices.Contains(holders, x.Org) &&
			slices.ContainsFunc(mayHold, func(s string) bool { return strings.Contains(filepath.ToSlash(f.Path), s) }) {
			continue
		}
		t.Errorf("LEAK: %s of a record in %s at %s (%s), %d times", f.Pattern, f.Path, x.Name, f.Form, f.Count)
	}
	for _, gap := range r.NotCovered {
		t.Errorf("not searched: %s", gap)
	}
	return r
}

// scanBlocks decodes every block that a stranger can fetch and searches its fields.
func (c *canaries) scanBlocks(ctx context.Context, t *testing.T) {
	t.Helper()
	top := shared.heights.top()
	var fetchErr error
	blocks := func(yield func(*erasure.StoredBlock, error) bool) {
		for n := range top {
			b, err := shared.Block(ctx, n)
			if err != nil {
				fetchErr = err
				return
			}
			decoded, err := erasure.DecodeBlock(b)
			if !yield(&erasure.StoredBlock{Block: decoded}, err) {
				return
			}
		}
	}
	r, err := erasure.ScanBlocks(ctx, blocks, c.list)
	if err != nil || fetchErr != nil || uint64(r.Files) != top {
		t.Fatalf("%v %v: %d of %d blocks searched", err, fetchErr, r.Files, top)
	}
	for _, f := range r.Findings {
		t.Errorf("LEAK: %s of a record in %s (%s)", f.Pattern, f.Path, f.Form)
	}
	for _, gap := range r.NotCovered {
		t.Errorf("not searched: %s", gap)
	}
}

// TestTheSearchFindsPlantedLeaks shows that the gates above would not pass blindly:
// a word is planted in a public transaction and found in the blocks that a stranger
// fetches and on the disks of all regions. (erasure tests each form of storage.)
func TestTheSearchFindsPlantedLeaks(t *testing.T) {
	t.Parallel()
	ctx := testContext(t, patience)
	id := strings.ToLower(record.NewID())
	// The digest that an organisation approves is free text of 64 hex digits.
	digest := fmt.Sprintf("%x", chaincodetest.Random(32))
	admin := chaincodetest.Identity{Org: "AuHealth", Role: chaincodetest.Admin}
	r := submit(ctx, t, chaincodetest.Call{As: admin, Function: record.FuncPolicyApprove, Args: []string{digest}})
	t.Cleanup(func() {
		submit(context.WithoutCancel(ctx), t, chaincodetest.Call{As: admin, Function: record.FuncPolicyApprove, Args: []string{demoPolicy.Digest()}})
	})
	patterns := []erasure.Pattern{{Name: "planted", Bytes: []byte(digest)}, {Name: "absent", Bytes: []byte(id)}}
	found, err := erasure.ScanBlocks(ctx, func(yield func(*erasure.StoredBlock, error) bool) { yield(block(ctx, t, r.Block), nil) }, patterns)
	if err != nil || !slices.ContainsFunc(found.Findings, func(f erasure.Finding) bool { return strings.Contains(f.Path, "args[1]") }) {
		t.Errorf("in the block: %+v, %v", found, err)
	}
	for _, name := range []string{"orderer0.UsOrderer", "peer0.UkTrust"} {
		dir := filepath.Join(shared.Dir(), "nodes", name)
		if _, err := os.Stat(dir); err != nil {
			t.Fatal(err)
		}
		found, err := erasure.Scan(ctx, erasure.Options{Roots: []string{dir}, Patterns: patterns})
		if err != nil || len(found.Findings) == 0 {
			t.Errorf("on the disk of %s nothing is found (%v)", name, err)
		}
		for _, f := range found.Findings {
			if f.Pattern == "absent" {
				t.Errorf("found what is not there: %+v", f)
			}
		}
	}
}
