package chaincode_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
)

// world is an in-memory network and the people of UsHospital on it.
type world struct {
	*chaincodetest.Memory
	t testing.TB
}

func newWorld(t testing.TB, o chaincodetest.Options) *world {
	t.Helper()
	return &world{chaincodetest.Start(t, o), t}
}

func usHospital(role string) chaincodetest.Identity {
	return chaincodetest.Identity{Org: "UsHospital", Role: role}
}

var atHospital = []string{"UsHospital"}

// encounter is a resource that ended on a day, with any labels.
func encounter(end string, labels ...string) []byte {
	security := ""
	for i, l := range labels {
		if i > 0 {
			security += ","
		}
		security += fmt.Sprintf(`{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":%q}`, l)
	}
	return fmt.Appendf(nil, `{"resourceType":"Encounter","id":"e1","meta":{"security":[%s]},"status":"finished","class":{"code":"AMB"},"period":{"start":"1999-01-01","end":%q}}`, security, end)
}

// secret is an encounter with the canary in its narrative.
func secret(end string, labels ...string) []byte {
	return bytes.Replace(encounter(end, labels...), []byte(`"status":"finished"`),
		[]byte(`"text":{"status":"generated","div":"<div>`+canary+`</div>"},"status":"finished"`), 1)
}

func newRecord() record.PutRecord {
	return record.PutRecord{ID: record.NewID(), Seed: chaincodetest.Random(record.SeedLen)}
}

func putRequest(coll string, recs ...record.PutRecord) record.PutRequest {
	return record.PutRequest{Version: 1, Region: "us", Collection: coll, Records: recs}
}

func putCall(coll string, rec record.PutRecord, body []byte) chaincodetest.Call {
	return chaincodetest.Write(usHospital(record.RoleWriter), record.OpPut, putRequest(coll, rec), atHospital, body)
}

// submit fails the test unless the call takes effect.
func (w *world) submit(c chaincodetest.Call) chaincodetest.Receipt {
	w.t.Helper()
	r, err := w.Submit(context.Background(), c)
	if err != nil {
		w.t.Fatalf("submit %s: %v", c.Transient[record.FieldOp], err)
	}
	if r.Code != chaincodetest.Valid {
		w.t.Fatalf("submit %s: %s", c.Transient[record.FieldOp], r.Code)
	}
	return r
}

// refuses fails the test unless the call is refused with a code.
func (w *world) refuses(c chaincodetest.Call, code record.Code) *record.Error {
	w.t.Helper()
	_, err := w.Submit(context.Background(), c)
	return wantCode(w.t, err, code)
}

func wantCode(t testing.TB, err error, code record.Code) *record.Error {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %s", code)
	}
	e, ok := record.ParseError(err.Error())
	if !ok || e.Code != code {
		t.Fatalf("error %q, want %s", err, code)
	}
	return e
}

// read evaluates a private read and unseals the answer.
func (w *world) read(role, op string, req any) ([]byte, error) {
	w.t.Helper()
	c := chaincodetest.Read(usHospital(role), op, req, "UsHospital")
	sealed, err := w.Evaluate(context.Background(), c)
	if err != nil {
		return nil, err
	}
	return c.Open(sealed)
}

func (w *world) mustRead(role, op string, req, answer any) {
	w.t.Helper()
	b, err := w.read(role, op, req)
	if err != nil {
		w.t.Fatalf("%s: %v", op, err)
	}
	if err := json.Unmarshal(b, answer); err != nil {
		w.t.Fatalf("%s: %v", op, err)
	}
}

// put stores one resource and returns its id.
func (w *world) put(coll string, body []byte, change ...func(*record.PutRecord)) string {
	w.t.Helper()
	rec := newRecord()
	for _, f := range change {
		f(&rec)
	}
	w.submit(putCall(coll, rec, body))
	return rec.ID
}

func (w *world) state(coll, id string) record.State {
	w.t.Helper()
	var s []record.State
	w.mustRead(record.RoleReader, record.OpInspect, record.InspectRequest{Version: 1, Region: "us", Collection: coll, IDs: []string{id}}, &s)
	return s[0]
}

func purgeRequest(coll string, ids ...string) record.PurgeRequest {
	return record.PurgeRequest{
		Version: 1, Region: "us", Collection: coll, Seed: chaincodetest.Random(32), Ground: record.GroundDue, IDs: ids,
	}
}

func purgeCall(coll string, ids ...string) chaincodetest.Call {
	return chaincodetest.Write(usHospital(record.RolePurger), record.OpPurge, purgeRequest(coll, ids...), atHospital)
}

// officer is who does the first or the second act of those that need two persons.
func officer(op string) chaincodetest.Identity {
	if op == record.OpRelease {
		return usHospital(chaincodetest.SecondOfficer)
	}
	return usHospital(record.RoleOfficer)
}
