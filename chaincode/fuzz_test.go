package chaincode_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
)

// FuzzWriteRequest throws hostile transient maps at every private operation: none
// may crash the contract, leave a private write behind a refusal, or come back in
// an error; and what is accepted, two endorsers accept alike.
func FuzzWriteRequest(f *testing.F) {
	w := newWorld(f, chaincodetest.Options{})
	rec := newRecord()
	put, _ := json.Marshal(putRequest("us-a", rec))
	f.Add(record.FuncWrite, record.OpPut, put, "body/0", encounter("1999-12-31"))
	for _, r := range slices.Concat(putRefusals, otherRefusals, healthRefusals) {
		c := r.call(w, rec.ID, rec.ID, rec.ID)
		if len(c.Transient[record.BodyField(0)]) < 10_000 {
			f.Add(c.Function, string(c.Transient[record.FieldOp]), c.Transient[record.FieldRequest], "body/0", c.Transient[record.BodyField(0)])
		}
	}
	f.Add(record.FuncRead, record.OpList, []byte(`{"v":1,"region":"us","collection":"us-a","after":"`+canary+`"}`), "x", []byte(nil))
	f.Add(record.FuncRead, record.OpDue, []byte(`{"v":1,"region":"us","collection":"us-a","before":"`+canary+`"}`), "x", []byte(nil))
	f.Add(record.FuncWrite, record.OpPrivate, []byte(`{"v":1,"region":"us","collection":"us-a-log","seed":"","document":{"`+canary+`":1}}`), "x", []byte(nil))
	f.Add(record.FuncRead, record.OpFactsOf, []byte(`{"v":1,"region":"us","collection":"us-a","subjects":["`+canary+`"]}`), "x", []byte(nil))
	f.Add(record.FuncRead, record.OpExplain, []byte(`{"v":1,"region":"us","collection":"us-a","ids":["`+rec.ID+`"]}`), "x", []byte(nil))
	f.Add(record.FuncRead, record.OpCases, []byte(`{"v":1,"region":"us","collection":"us-a","case":"`+canary+`"}`), "x", []byte(nil))
	f.Add(record.FuncRead, record.OpHolds, []byte(`{"v":1,"region":"us","collection":"us-a","queries":true}`), "x", []byte(nil))
	roles := append(record.Roles(), chaincodetest.Admin)
	f.Fuzz(func(t *testing.T, function, op string, request []byte, field string, body []byte) {
		for _, role := range roles {
			c := chaincodetest.Call{As: usHospital(role), Function: function, Endorsers: atHospital, Transient: map[string][]byte{
				record.FieldOp: []byte(op), record.FieldRequest: request, field: body,
			}}
			if function == record.FuncRead {
				c.Transient[record.FieldKey] = make([]byte, record.SealKeyLen)
			}
			_, err := w.Endorsed(c)
			if err == nil {
				w.DropTransient() // what was endorsed is never submitted
				continue
			}
			if errors.Is(err, chaincodetest.ErrDiffer) {
				t.Fatal(err)
			}
			e, ok := record.ParseError(err.Error())
			if !ok || e.Code == record.CodeInternal {
				t.Fatalf("error %q", err)
			}
			if strings.Contains(err.Error(), canary) {
				t.Fatalf("error %q repeats the request", err)
			}
			(&world{w.Memory, t}).nothingHandedOut()
		}
	})
}

// TestI12_T19: two peers of two organisations come to the same result, over all
// resources at hand.
func TestI12_T19_two_endorsers_agree_over_every_resource(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	for _, body := range corpus(t) {
		rec := newRecord()
		rec.Subjects, rec.Resource = tokens(6), record.ResourceToken(rec.Seed, "X/1")
		c := putCall("us-ab", rec, body)
		c.Endorsers = []string{"UsHospital", "UsPayer"}
		if r, err := w.Submit(context.Background(), c); err != nil || r.Code != chaincodetest.Valid {
			t.Fatalf("%.80s: %s (%v)", body, r.Code, err)
		}
		purge := purgeRequest("us-ab", rec.ID)
		p := chaincodetest.Write(usHospital(record.RolePurger), record.OpPurge, purge, c.Endorsers)
		if _, err := w.Submit(context.Background(), p); err != nil {
			wantCode(t, err, record.CodeNotDue)
		}
	}
}

// corpus is some resources of our own and, where it is, the shared test data.
func corpus(t *testing.T) [][]byte {
	out := [][]byte{
		encounter("1999-12-31", "HIV", "PSY"), encounter("2199"),
		[]byte(`{"resourceType":"Observation","status":"final","code":{"text":"x"},"effectiveDateTime":"2001-02-30"}`),
		[]byte(`{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.10},"effectiveInstant":"2001-02-28T23:59:60-12:00"}`),
		[]byte(`{"resourceType":"Patient"}`),
		[]byte(`{"resourceType":"Bundle","type":"document","entry":[{"resource":{"resourceType":"Composition"}}]}`),
	}
	files, _ := filepath.Glob("../../shared/data/fhir/*/*.json")
	more, _ := filepath.Glob("../../shared/data/fhir/*.json")
	if files = append(files, more...); len(files) == 0 {
		t.Log("NO SHARED DATA: ../shared/data is absent, only built-in resources are tried")
	}
	for i, f := range files {
		if i%7 != 0 { // a sample: package fhir reads them all
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) < 1<<20 && json.Valid(b) && bytes.Contains(b, []byte(`"resourceType"`)) && !bytes.Contains(b, []byte(`"id":"bad`)) {
			out = append(out, b)
		}
	}
	return out
}

func BenchmarkPut10x2KB(b *testing.B) {
	w := newWorld(b, chaincodetest.Options{})
	body := encounter("1999-12-31")
	pad := strings.Repeat("x", 2048-len(body))
	body = bytes.Replace(body, []byte(`"status":"finished"`), []byte(`"status":"finished","text":{"status":"generated","div":"`+pad+`"}`), 1)
	b.SetBytes(int64(10 * len(body)))
	for b.Loop() {
		b.StopTimer()
		recs := make([]record.PutRecord, 10)
		bodies := make([][]byte, 10)
		for i := range recs {
			recs[i], bodies[i] = newRecord(), body
			recs[i].Subjects = tokens(2)
		}
		c := chaincodetest.Write(usHospital(record.RoleWriter), record.OpPut, putRequest("us-a", recs...), atHospital, bodies...)
		b.StartTimer()
		if _, err := w.Endorsed(c); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		w.DropTransient()
		b.StartTimer()
	}
}
