package integration

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
	"domicile/collections"
	"domicile/erasure"
	"domicile/gateway"
	"domicile/integration/kit"
	"domicile/internal/cli"
)

// patience bounds one test that hangs. It is long because tests run beside each other
// on machines of which the slow ones take four times as long as the quick.
const patience = 15 * time.Minute

// domicile runs the command in this process, on the shared network.
func domicile(ctx context.Context, stdin []byte, args ...string) kit.Answer {
	return kit.Domicile(ctx, shared.Dir(), stdin, args...)
}

// runInto runs the command with its output going elsewhere.
func runInto(ctx context.Context, out io.Writer, args ...string) int {
	return cli.Run(ctx, append([]string{"--dir", shared.Dir()}, args...), bytes.NewReader(nil), out, io.Discard)
}

// must runs the command and wants it to end with the status.
func must(ctx context.Context, t *testing.T, status int, stdin []byte, args ...string) kit.Answer {
	t.Helper()
	a := domicile(ctx, stdin, args...)
	if a.Status != status {
		t.Fatalf("domicile %s: status %d, want %d\n%s%s", strings.Join(args, " "), a.Status, status, a.Out, a.Words)
	}
	// The command waits for one peer; tests go on with others.
	block := uint64(0)
	for _, m := range blockNumber.FindAllStringSubmatch(a.Out, -1) {
		n, _ := strconv.ParseUint(m[1], 10, 64)
		block = max(block, n)
	}
	if err := shared.heights.wait(ctx, block); err != nil {
		t.Fatal(err)
	}
	return a
}

var blockNumber = regexp.MustCompile(`"block":\s*([0-9]+)`)

// putOne puts one resource with the command, in a region.
func putOne(ctx context.Context, t *testing.T, region string, body []byte, more ...string) gateway.Receipt {
	t.Helper()
	list := kit.Receipts(t, must(ctx, t, 0, body, append([]string{"record", "put", "--region", region, "-"}, more...)...))
	if len(list) != 1 {
		t.Fatalf("%d records of one resource", len(list))
	}
	return list[0]
}

// open makes the product's client for a user.
func open(ctx context.Context, t *testing.T, org, role string, opts ...gateway.Option) *gateway.Client {
	t.Helper()
	s, err := gateway.LoadSettings(filepath.Join(shared.Dir(), "settings", org+"."+role+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := gateway.Open(ctx, s, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

const (
	longAgo = "1985-06-15"
	farOff  = "2199-06-15"
)

// encounter is a resource whose care ended on a day.
func encounter(end, words string) []byte {
	return fmt.Appendf(nil, `{"resourceType":"Encounter","status":"finished","class":{"code":"AMB"},"period":{"end":%q},`+
		`"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">%s</div>"}}`, end, words)
}

// unique is a word that is nowhere else.
func unique() string { return "w" + rand.Text() }

// home is a collection and who holds it.
type home struct {
	region, coll string
	members      []string
}

var (
	usA  = home{"us", "us-a", []string{"UsHospital"}}
	usAB = home{"us", "us-ab", []string{"UsHospital", "UsPayer"}}
	euA  = home{"eu", "eu-a", []string{"EuHospital"}}
	euAB = home{"eu", "eu-ab", []string{"EuHospital", "EuSponsor"}}
	ukA  = home{"uk", "uk-a", []string{"UkTrust"}}
	auA  = home{"au", "au-a", []string{"AuHealth"}}
)

func (h home) as(role string) chaincodetest.Identity {
	return chaincodetest.Identity{Org: h.members[0], Role: role}
}

func (h home) put(body []byte) (record.PutRecord, chaincodetest.Call) {
	r := record.PutRecord{ID: record.NewID(), Seed: chaincodetest.Random(record.SeedLen)}
	return r, h.putAs(r, body)
}

func (h home) putAs(r record.PutRecord, body []byte) chaincodetest.Call {
	if len(h.members) > 1 {
		r.Custody = record.Disclosed
	}
	return chaincodetest.Write(h.as(record.RoleWriter), record.OpPut, record.PutRequest{
		Version: record.Version, Region: h.region, Collection: h.coll, Records: []record.PutRecord{r},
	}, h.members, body)
}

func (h home) get(id string) chaincodetest.Call {
	return chaincodetest.Read(h.as(record.RoleReader), record.OpGet, record.GetRequest{
		Version: record.Version, Region: h.region, Collection: h.coll, ID: id,
	}, h.members[0])
}

func (h home) purge(ids ...string) chaincodetest.Call {
	return chaincodetest.Write(h.as(record.RolePurger), record.OpPurge, record.PurgeRequest{
		Version: record.Version, Region: h.region, Collection: h.coll, Seed: chaincodetest.Random(record.SeedLen),
		Ground: record.GroundDue, IDs: ids,
	}, h.members)
}

func (h home) hold(op, matter string, ids ...string) chaincodetest.Call {
	as := record.RoleOfficer
	if op == record.OpRelease {
		as = chaincodetest.SecondOfficer // another person than the one who held
	}
	return chaincodetest.Write(h.as(as), op, record.HoldRequest{
		Version: record.Version, Region: h.region, Collection: h.coll, Seed: chaincodetest.Random(record.SeedLen),
		IDs: ids, Matter: matter, Authority: "court", Reason: "pending",
	}, h.members)
}

// submit wants a transaction to take effect.
func submit(ctx context.Context, t *testing.T, c chaincodetest.Call) chaincodetest.Receipt {
	t.Helper()
	r, err := shared.Submit(ctx, c)
	if err != nil || r.Code != chaincodetest.Valid {
		t.Fatalf("%s %s: %v %s", c.Function, c.Transient[record.FieldOp], err, r.Code)
	}
	return r
}

// ordered wants a transaction to reach a block, valid or not: either way it stays
// there for ever.
func ordered(ctx context.Context, t *testing.T, c chaincodetest.Call) chaincodetest.Receipt {
	t.Helper()
	r, err := shared.Submit(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// refused wants an endorsement refused with a code.
func refused(ctx context.Context, t *testing.T, c chaincodetest.Call, want record.Code) {
	t.Helper()
	r, err := shared.Submit(ctx, c)
	if err == nil {
		t.Errorf("%s %s was endorsed and became %s in block %d", c.Function, c.Transient[record.FieldOp], r.Code, r.Block)
	}
	wantCode(t, err, want)
}

func wantCode(t *testing.T, err error, want record.Code) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want %s", want)
	} else if e, ok := record.ParseError(err.Error()); !ok || e.Code != want {
		t.Errorf("error %q, want %s", err, want)
	}
}

// proofAt is what one organisation's peer says about a record.
func proofAt(ctx context.Context, t *testing.T, org, id string) record.Proof {
	t.Helper()
	b, err := shared.Evaluate(ctx, chaincodetest.Public(chaincodetest.Identity{Org: org}, record.FuncProof,
		record.ProofRequest{Version: record.Version, IDs: []string{id}}))
	if err != nil {
		t.Fatal(err)
	}
	var p []record.Proof
	if err := json.Unmarshal(b, &p); err != nil || len(p) != 1 {
		t.Fatalf("%d proofs: %v", len(p), err)
	}
	return p[0]
}

// block reads and decodes one block.
func block(ctx context.Context, t *testing.T, number uint64) *erasure.StoredBlock {
	t.Helper()
	b, err := shared.Block(ctx, number)
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := erasure.DecodeBlock(b)
	if err != nil {
		t.Fatal(err)
	}
	return &erasure.StoredBlock{Block: decoded}
}

// demoPolicy is the policy in force, for tests that look into it.
var demoPolicy = collections.Demo()
