package chaincodetest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"domicile/chaincode/record"
)

// desk is where one conformance test works: a network and a record holder of
// the demo policy.
type desk struct {
	t   *testing.T
	ctx context.Context
	n   Network
	// region, org and coll are where the desk keeps its records.
	region, org, coll string
	members           []string // of coll
}

// callTime bounds one conformance test on the slowest network.
const callTime = 2 * time.Minute

func newDesk(t *testing.T, n Network) *desk {
	ctx, cancel := context.WithTimeout(context.Background(), callTime)
	t.Cleanup(cancel)
	return &desk{t: t, ctx: ctx, n: n, region: "us", org: "UsHospital", coll: "us-a", members: []string{"UsHospital"}}
}

func (d *desk) at(region, coll string, members ...string) *desk {
	out := *d
	out.region, out.coll, out.org, out.members = region, coll, members[0], members
	return &out
}

func (d *desk) as(role string) Identity { return Identity{d.org, role} }

// Ends of care, far enough from today to need no clock.
const (
	longAgo = "1985-06-15"
	farOff  = "2199-06-15"
)

// resource is an Encounter with a mark in it that must never be seen outside.
func resource(end, mark string) []byte {
	return fmt.Appendf(nil, `{"resourceType":"Encounter","id":"x","status":"finished","class":{"code":"AMB"},"period":{"end":%q},"text":{"status":"generated","div":%q}}`, end, mark)
}

func newPut() record.PutRecord {
	return record.PutRecord{ID: record.NewID(), Seed: Random(record.SeedLen)}
}

func (d *desk) putCall(rec record.PutRecord, body []byte) Call {
	return Write(d.as(record.RoleWriter), record.OpPut, record.PutRequest{
		Version: record.Version, Region: d.region, Collection: d.coll, Records: []record.PutRecord{rec},
	}, d.members, body)
}

// put stores a resource and returns its record.
func (d *desk) put(end string, subjects ...string) record.PutRecord {
	d.t.Helper()
	rec := newPut()
	rec.Subjects = subjects
	d.submit(d.putCall(rec, resource(end, "plain")))
	return rec
}

func (d *desk) purgeCall(part record.Part, ids ...string) Call {
	return Write(d.as(record.RolePurger), record.OpPurge, record.PurgeRequest{
		Version: record.Version, Region: d.region, Collection: d.coll, Seed: Random(record.SeedLen),
		Ground: record.GroundDue, Part: part, IDs: ids,
	}, d.members)
}

func (d *desk) failedCall(keys ...string) Call {
	return Write(d.as(record.RolePurger), record.OpPurge, record.PurgeRequest{
		Version: record.Version, Region: d.region, Collection: d.coll, Seed: Random(record.SeedLen),
		Ground: record.GroundFailed, Keys: keys, Reason: "attempt was refused", Authority: "test",
	}, d.members)
}

// holdCall sets a hold as one officer and releases it as the other.
func (d *desk) holdCall(op, matter string, ids, subjects []string) Call {
	return Write(d.as(officer(op)), op, record.HoldRequest{
		Version: record.Version, Region: d.region, Collection: d.coll, Seed: Random(record.SeedLen),
		IDs: ids, Subjects: subjects, Matter: matter, Authority: "court", Reason: "pending",
	}, d.members)
}

func (d *desk) anchorCall(hash string, ids ...string) Call {
	req := record.AnchorRequest{Version: record.Version, Region: d.region}
	for _, id := range ids {
		req.Records = append(req.Records, record.AnchorRef{Ref: record.Ref{Collection: d.coll, ID: id}, Hash: hash})
	}
	return Public(d.as(record.RoleWriter), record.FuncAnchor, req)
}

func (d *desk) tombstoneCall(ids ...string) Call {
	req := record.TombstoneRequest{Version: record.Version, Region: d.region}
	for _, id := range ids {
		req.Records = append(req.Records, record.Ref{Collection: d.coll, ID: id})
	}
	return Public(d.as(record.RolePurger), record.FuncTombstone, req)
}

func (d *desk) submit(c Call) Receipt {
	d.t.Helper()
	r, err := d.n.Submit(d.ctx, c)
	if err != nil {
		d.t.Fatalf("%s %s: %v", c.Function, c.Transient[record.FieldOp], err)
	}
	if r.Code != Valid {
		d.t.Fatalf("%s %s: validators say %s", c.Function, c.Transient[record.FieldOp], r.Code)
	}
	return r
}

// refused wants an endorsement refused with a code, and nothing of the request
// in the words.
func (d *desk) refused(c Call, want record.Code) *record.Error {
	d.t.Helper()
	_, err := d.n.Submit(d.ctx, c)
	return d.code(err, want)
}

func (d *desk) code(err error, want record.Code) *record.Error {
	d.t.Helper()
	if err == nil {
		d.t.Fatalf("no error, want %s", want)
	}
	e, ok := record.ParseError(err.Error())
	if !ok || e.Code != want {
		d.t.Fatalf("error %q, want %s", err, want)
	}
	return e
}

// together submits calls in one go and wants these validation codes.
func (d *desk) together(calls []Call, want ...string) []Receipt {
	d.t.Helper()
	got, err := d.n.SubmitTogether(d.ctx, calls)
	if err != nil {
		d.t.Fatalf("submitting together: %v", err)
	}
	for i, r := range got {
		if r.Code != want[i] {
			d.t.Errorf("transaction %d: %s, want %s", i, r.Code, want[i])
		}
	}
	return got
}

// read evaluates a private read at home and decodes the unsealed answer, into
// raw bytes when out is *[]byte.
func (d *desk) read(role, op string, req, out any) {
	d.t.Helper()
	c := Read(d.as(role), op, req, d.org)
	sealed, err := d.n.Evaluate(d.ctx, c)
	if err != nil {
		d.t.Fatalf("%s: %v", op, err)
	}
	b, err := c.Open(sealed)
	if err != nil {
		d.t.Fatalf("%s: %v", op, err)
	}
	if raw, ok := out.(*[]byte); ok {
		*raw = b
		return
	}
	if err := json.Unmarshal(b, out); err != nil {
		d.t.Fatalf("%s: %v", op, err)
	}
}

func (d *desk) state(id string) record.State {
	d.t.Helper()
	var s []record.State
	d.read(record.RoleReader, record.OpInspect, record.InspectRequest{
		Version: record.Version, Region: d.region, Collection: d.coll, IDs: []string{id},
	}, &s)
	return s[0]
}

func (d *desk) wantState(id, want string) {
	d.t.Helper()
	if got := d.state(id).State; got != want {
		d.t.Errorf("the record is %s, want %s", got, want)
	}
}

func (d *desk) getCall(id string) Call {
	return Read(d.as(record.RoleReader), record.OpGet, record.GetRequest{
		Version: record.Version, Region: d.region, Collection: d.coll, ID: id,
	}, d.org)
}

// proof asks a peer of any organisation.
func (d *desk) proof(org, id string) record.Proof {
	d.t.Helper()
	c := Public(Identity{Org: org}, record.FuncProof, record.ProofRequest{Version: record.Version, IDs: []string{id}})
	b, err := d.n.Evaluate(d.ctx, c)
	if err != nil {
		d.t.Fatalf("proof at %s: %v", org, err)
	}
	var p []record.Proof
	if err := json.Unmarshal(b, &p); err != nil || len(p) != 1 {
		d.t.Fatalf("proof at %s: %d answers (%v)", org, len(p), err)
	}
	return p[0]
}

// absentFrom wants none of these bytes in a block.
func (d *desk) absentFrom(block uint64, marks ...string) {
	d.t.Helper()
	b, err := d.n.Block(d.ctx, block)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, m := range marks {
		if bytes.Contains(b, []byte(m)) {
			d.t.Errorf("block %d shows %q", block, m)
		}
	}
}

// mark is a word that is nowhere else.
func mark() string { return "mark" + record.NewID() }

func token() string { return record.SubjectToken(Random(32), "Patient/x") }

// officer is who does the first or the second act of those that need two persons.
func officer(op string) string {
	if op == record.OpRelease {
		return SecondOfficer
	}
	return record.RoleOfficer
}
