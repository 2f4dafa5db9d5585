package chaincode_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
)

// canary is in every hostile value of these tests: no error may repeat it and
// no peer may keep it.
const canary = "Canary7f3a"

type refusal struct {
	name string
	want record.Code
	call func(w *world, live, gone, held string) chaincodetest.Call
}

// putWith is a put of one record with a change.
func putWith(change func(r *record.PutRequest, c *chaincodetest.Call)) func(*world, string, string, string) chaincodetest.Call {
	return func(w *world, _, _, _ string) chaincodetest.Call {
		req := putRequest("us-a", newRecord())
		c := putCall("us-a", req.Records[0], secret("1999-12-31"))
		change(&req, &c)
		if _, raw := c.Transient["raw"]; raw {
			c.Transient[record.FieldRequest] = c.Transient["raw"]
			delete(c.Transient, "raw")
			return c
		}
		b, _ := json.Marshal(req)
		c.Transient[record.FieldRequest] = b
		return c
	}
}

// secondWith is a put whose first record is sound and whose second one is changed.
func secondWith(change func(r *record.PutRecord, c *chaincodetest.Call, live, gone string)) func(*world, string, string, string) chaincodetest.Call {
	return func(_ *world, live, gone, _ string) chaincodetest.Call {
		recs := []record.PutRecord{newRecord(), newRecord()}
		c := chaincodetest.Write(usHospital(record.RoleWriter), record.OpPut, nil, atHospital, secret("1999-12-31"), secret("1999-12-31"))
		change(&recs[1], &c, live, gone)
		b, _ := json.Marshal(putRequest("us-a", recs...))
		c.Transient[record.FieldRequest] = b
		return c
	}
}

// secondBody is a put whose second record has other bytes.
func secondBody(b []byte) func(*world, string, string, string) chaincodetest.Call {
	return secondWith(func(_ *record.PutRecord, c *chaincodetest.Call, _, _ string) { c.Transient[record.BodyField(1)] = b })
}

// body is a put of other bytes.
func body(b string) func(*world, string, string, string) chaincodetest.Call {
	return putWith(func(_ *record.PutRequest, c *chaincodetest.Call) { c.Transient[record.BodyField(0)] = []byte(b) })
}

// request is a put whose request is this text, with ID in place of %ID.
func request(text string) func(*world, string, string, string) chaincodetest.Call {
	return putWith(func(r *record.PutRequest, c *chaincodetest.Call) {
		rec, _ := json.Marshal(r.Records[0])
		c.Transient["raw"] = []byte(strings.ReplaceAll(text, "%REC", string(rec)))
	})
}

var putRefusals = []refusal{
	{"a malformed id", record.CodeBadRequest, putWith(func(r *record.PutRequest, _ *chaincodetest.Call) { r.Records[0].ID = canary })},
	{"an upper-case id", record.CodeBadRequest, putWith(func(r *record.PutRequest, _ *chaincodetest.Call) {
		r.Records[0].ID = strings.ToUpper(r.Records[0].ID)
	})},
	{"two records of one id", record.CodeBadRequest, putWith(func(r *record.PutRequest, _ *chaincodetest.Call) {
		r.Records = append(r.Records, r.Records[0])
	})},
	{"two records of one seed", record.CodeBadRequest, putWith(func(r *record.PutRequest, c *chaincodetest.Call) {
		r.Records = append(r.Records, newRecord())
		r.Records[1].Seed = r.Records[0].Seed
		c.Transient[record.BodyField(1)] = encounter("1999-12-31")
	})},
	{"a short seed", record.CodeBadRequest, putWith(func(r *record.PutRequest, _ *chaincodetest.Call) { r.Records[0].Seed = r.Records[0].Seed[1:] })},
	{"no records", record.CodeBadRequest, putWith(func(r *record.PutRequest, _ *chaincodetest.Call) { r.Records = nil })},
	{"too many records", record.CodeTooLarge, putWith(func(r *record.PutRequest, _ *chaincodetest.Call) {
		r.Records = make([]record.PutRecord, record.MaxRecords+1)
	})},
	{"a subject in clear", record.CodeBadRequest, putWith(func(r *record.PutRequest, _ *chaincodetest.Call) {
		r.Records[0].Subjects = []string{"Patient/" + canary}
	})},
	{"too many subjects", record.CodeBadRequest, putWith(func(r *record.PutRequest, _ *chaincodetest.Call) {
		r.Records[0].Subjects = make([]string, record.MaxSubjects+1)
	})},
	{"a resource token in clear", record.CodeBadRequest, putWith(func(r *record.PutRequest, _ *chaincodetest.Call) { r.Records[0].Resource = canary })},
	{"a record that replaces itself", record.CodeBadRequest, putWith(func(r *record.PutRequest, _ *chaincodetest.Call) { r.Records[0].Replaces = r.Records[0].ID })},
	{"another custody", record.CodeBadRequest, putWith(func(r *record.PutRequest, _ *chaincodetest.Call) { r.Records[0].Custody = record.Disclosed })},
	{"no body", record.CodeBadRequest, putWith(func(_ *record.PutRequest, c *chaincodetest.Call) { delete(c.Transient, record.BodyField(0)) })},
	{"a body too many", record.CodeBadRequest, putWith(func(_ *record.PutRequest, c *chaincodetest.Call) { c.Transient[record.BodyField(1)] = []byte(canary) })},
	{"a body under another index", record.CodeBadRequest, putWith(func(_ *record.PutRequest, c *chaincodetest.Call) {
		c.Transient[record.BodyField(1)] = c.Transient[record.BodyField(0)]
		delete(c.Transient, record.BodyField(0))
	})},
	{"a transient field that nobody reads", record.CodeBadRequest, putWith(func(_ *record.PutRequest, c *chaincodetest.Call) { c.Transient[canary] = []byte(canary) })},
	{"an oversized body", record.CodeTooLarge, putWith(func(_ *record.PutRequest, c *chaincodetest.Call) {
		c.Transient[record.BodyField(0)] = make([]byte, record.MaxBody+1)
	})},
	{"another version", record.CodeVersion, putWith(func(r *record.PutRequest, _ *chaincodetest.Call) { r.Version = 2 })},
	{"an unknown region", record.CodeNoPolicy, putWith(func(r *record.PutRequest, _ *chaincodetest.Call) { r.Region = canary })},
	{"an unknown collection", record.CodeBadRequest, putWith(func(r *record.PutRequest, _ *chaincodetest.Call) { r.Collection = canary })},
	{"a log collection", record.CodeBadRequest, putWith(func(r *record.PutRequest, _ *chaincodetest.Call) { r.Collection = "us-a-log" })},
	{"another holder's collection", record.CodeWrongPeer, putWith(func(r *record.PutRequest, _ *chaincodetest.Call) { r.Collection = "us-b" })},
	{"a collection that the labels do not lead to", record.CodeWrongCollection, putWith(func(r *record.PutRequest, _ *chaincodetest.Call) { r.Collection = "us-a2" })},
	{"another region's collection", record.CodeBadRequest, putWith(func(r *record.PutRequest, _ *chaincodetest.Call) { r.Collection = "eu-a" })},
	{"labels that lead elsewhere", record.CodeWrongCollection, body(string(secret("1999-12-31", "ETH")))},
	{"bytes that are not JSON", record.CodeBadResource, body(canary)},
	{"a key twice", record.CodeBadResource, body(`{"resourceType":"Patient","` + canary + `":1,"` + canary + `":2}`)},
	{"a key twice in an element", record.CodeBadResource, body(`{"resourceType":"Patient","contact":[{"` + canary + `":{"a":1,"a":2}}]}`)},
	{"a key in two cases", record.CodeBadResource, body(`{"resourceType":"Patient","meta":{"security":[]},"Meta":"` + canary + `"}`)},
	{"no resourceType", record.CodeBadResource, body(`{"id":"` + canary + `"}`)},
	{"invalid UTF-8", record.CodeBadResource, body("{\"resourceType\":\"Patient\",\"" + canary + "\":\"\xff\"}")},
	{"two documents", record.CodeBadResource, body(`{"resourceType":"Patient"} {"` + canary + `":1}`)},
	{"a deep document", record.CodeBadResource, body(`{"resourceType":"Patient","a":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}`)},
	{"too many labels", record.CodeBadResource, body(string(encounter("1999-12-31", make([]string, 257)...)))},
	{"a request that is not JSON", record.CodeBadRequest, request(canary)},
	{"an unknown key", record.CodeBadRequest, request(`{"v":1,"region":"us","collection":"us-a","` + canary + `":1,"records":[%REC]}`)},
	{"a repeated key", record.CodeBadRequest, request(`{"v":1,"region":"us","region":"us","collection":"us-a","records":[%REC]}`)},
	{"a key in another case", record.CodeBadRequest, request(`{"v":1,"Region":"us","collection":"us-a","records":[%REC]}`)},
	{"a list in place of a text", record.CodeBadRequest, request(`{"v":1,"region":["` + canary + `"],"collection":"us-a","records":[%REC]}`)},
	{"a text in place of a number", record.CodeBadRequest, request(`{"v":"` + canary + `","region":"us","collection":"us-a","records":[%REC]}`)},
	{"a second document", record.CodeBadRequest, request(`{"v":1,"region":"us","collection":"us-a","records":[%REC]}{}`)},
	{"invalid UTF-8 in the request", record.CodeBadRequest, request("{\"v\":1,\"region\":\"\xff\"}")},
	{"an endless list", record.CodeBadRequest, request(`{"v":1,"records":` + strings.Repeat("[", 1000) + `}`)},
	{"null", record.CodeVersion, request(`null`)},
	{"an id in use", record.CodeExists, func(_ *world, live, _, _ string) chaincodetest.Call {
		rec := newRecord()
		rec.ID = live
		return putCall("us-a", rec, secret("1999-12-31"))
	}},
	{"an id that was purged", record.CodeGone, func(_ *world, _, gone, _ string) chaincodetest.Call {
		rec := newRecord()
		rec.ID = gone
		return putCall("us-a", rec, secret("1999-12-31"))
	}},
	{"a second record that is not JSON", record.CodeBadResource, secondBody([]byte(canary))},
	{"a second record whose labels lead elsewhere", record.CodeWrongCollection, secondBody(secret("1999-12-31", "ETH"))},
	{"a second record of an id in use", record.CodeExists, secondWith(func(r *record.PutRecord, _ *chaincodetest.Call, live, _ string) { r.ID = live })},
	{"a second record of an id that was purged", record.CodeGone, secondWith(func(r *record.PutRecord, _ *chaincodetest.Call, _, gone string) { r.ID = gone })},
	{"a second record that is too large", record.CodeTooLarge, secondBody(make([]byte, record.MaxBody+1))},
	{"an operation that is none", record.CodeBadRequest, putWith(func(_ *record.PutRequest, c *chaincodetest.Call) { c.Transient[record.FieldOp] = []byte(canary) })},
	{"a read operation", record.CodeBadRequest, putWith(func(_ *record.PutRequest, c *chaincodetest.Call) { c.Transient[record.FieldOp] = []byte(record.OpGet) })},
	{"a caller with another role", record.CodeForbidden, putWith(func(_ *record.PutRequest, c *chaincodetest.Call) { c.As.Role = record.RoleReader })},
	{"a caller without a role", record.CodeForbidden, putWith(func(_ *record.PutRequest, c *chaincodetest.Call) { c.As.Role = "" })},
	{"a caller of another holder", record.CodeForbidden, putWith(func(_ *record.PutRequest, c *chaincodetest.Call) { c.As.Org = "UsPayer" })},
	{"a peer of another holder", record.CodeWrongPeer, putWith(func(_ *record.PutRequest, c *chaincodetest.Call) { c.Endorsers = []string{"UsPayer"} })},
	{"a peer of another region", record.CodeWrongPeer, putWith(func(_ *record.PutRequest, c *chaincodetest.Call) { c.Endorsers = []string{"EuHospital"} })},
}

func purgeWith(change func(r *record.PurgeRequest, live, gone, held string)) func(*world, string, string, string) chaincodetest.Call {
	return func(_ *world, live, gone, held string) chaincodetest.Call {
		req := purgeRequest("us-a", live)
		change(&req, live, gone, held)
		return chaincodetest.Write(usHospital(record.RolePurger), record.OpPurge, req, atHospital)
	}
}

func holdWith(op string, change func(r *record.HoldRequest)) func(*world, string, string, string) chaincodetest.Call {
	return func(_ *world, live, _, _ string) chaincodetest.Call {
		req := record.HoldRequest{Version: 1, Region: "us", Collection: "us-a", Seed: chaincodetest.Random(32), IDs: []string{live}, Matter: canary, Authority: canary, Reason: canary}
		change(&req)
		return chaincodetest.Write(officer(op), op, req, atHospital)
	}
}

var otherRefusals = []refusal{
	{"a purge of what is not due", record.CodeNotDue, purgeWith(func(*record.PurgeRequest, string, string, string) {})},
	{"a purge of what is held", record.CodeHeld, purgeWith(func(r *record.PurgeRequest, _, _, held string) { r.IDs = []string{held} })},
	{"a purge of what is gone", record.CodeGone, purgeWith(func(r *record.PurgeRequest, _, gone, _ string) { r.IDs = []string{gone} })},
	{"a purge of what never was", record.CodeAbsent, purgeWith(func(r *record.PurgeRequest, _, _, _ string) { r.IDs = []string{record.NewID()} })},
	{"a purge of a malformed id", record.CodeBadRequest, purgeWith(func(r *record.PurgeRequest, _, _, _ string) { r.IDs = []string{canary} })},
	{"a purge of an id twice", record.CodeBadRequest, purgeWith(func(r *record.PurgeRequest, live, _, _ string) { r.IDs = []string{live, live} })},
	{"a purge of nothing", record.CodeBadRequest, purgeWith(func(r *record.PurgeRequest, _, _, _ string) { r.IDs = nil })},
	{"a purge of too much", record.CodeTooLarge, purgeWith(func(r *record.PurgeRequest, _, _, _ string) { r.IDs = make([]string, record.MaxRecords+1) })},
	{"a purge on another ground", record.CodeBadRequest, purgeWith(func(r *record.PurgeRequest, _, _, _ string) { r.Ground = canary })},
	{"a purge of another part", record.CodeBadRequest, purgeWith(func(r *record.PurgeRequest, _, _, _ string) { r.Part = canary })},
	{"a due purge of keys of the caller's choice", record.CodeBadRequest, purgeWith(func(r *record.PurgeRequest, _, _, _ string) { r.Keys = []string{"r/" + canary} })},
	{"a due purge on the caller's authority", record.CodeBadRequest, purgeWith(func(r *record.PurgeRequest, _, _, _ string) { r.Authority = canary })},
	{"a purge without a seed", record.CodeBadRequest, purgeWith(func(r *record.PurgeRequest, _, _, _ string) { r.Seed = nil })},
	{"the rest of a live record", record.CodeLive, purgeWith(func(r *record.PurgeRequest, _, _, held string) { r.IDs, r.Part = []string{held}, record.PartRest })},
	{"residue of a live record", record.CodeLive, purgeWith(func(r *record.PurgeRequest, live, _, _ string) {
		r.IDs, r.Ground, r.Keys, r.Authority, r.Reason = nil, record.GroundFailed, []string{record.RecordKey(live)}, canary, canary
	})},
	{"residue under a key that is none of a record", record.CodeBadRequest, purgeWith(func(r *record.PurgeRequest, _, _, _ string) {
		r.IDs, r.Ground, r.Keys, r.Authority, r.Reason = nil, record.GroundFailed, []string{canary}, canary, canary
	})},
	{"residue without an authority", record.CodeBadRequest, purgeWith(func(r *record.PurgeRequest, _, _, _ string) {
		r.IDs, r.Ground, r.Keys, r.Reason = nil, record.GroundFailed, []string{"r/x"}, canary
	})},
	{"residue without a reason", record.CodeBadRequest, purgeWith(func(r *record.PurgeRequest, _, _, _ string) {
		r.IDs, r.Ground, r.Keys, r.Authority = nil, record.GroundFailed, []string{"r/x"}, canary
	})},
	{"residue by id", record.CodeBadRequest, purgeWith(func(r *record.PurgeRequest, _, _, _ string) {
		r.Ground, r.Keys, r.Authority, r.Reason = record.GroundFailed, []string{"r/x"}, canary, canary
	})},
	{"a hold without a matter", record.CodeBadRequest, holdWith(record.OpHold, func(r *record.HoldRequest) { r.Matter = "" })},
	{"a hold of a long matter", record.CodeBadRequest, holdWith(record.OpHold, func(r *record.HoldRequest) { r.Matter = strings.Repeat("x", 201) })},
	{"a hold without an authority", record.CodeBadRequest, holdWith(record.OpHold, func(r *record.HoldRequest) { r.Authority = " " })},
	{"a hold without a reason", record.CodeBadRequest, holdWith(record.OpHold, func(r *record.HoldRequest) { r.Reason = "" })},
	{"a hold of nothing", record.CodeBadRequest, holdWith(record.OpHold, func(r *record.HoldRequest) { r.IDs = nil })},
	{"a hold of a subject in clear", record.CodeBadRequest, holdWith(record.OpHold, func(r *record.HoldRequest) { r.Subjects = []string{canary} })},
	{"a hold of a subject twice", record.CodeBadRequest, holdWith(record.OpHold, func(r *record.HoldRequest) {
		s := record.SubjectToken(make([]byte, 32), "Patient/1")
		r.Subjects = []string{s, s}
	})},
	{"a hold on the log itself", record.CodeBadRequest, holdWith(record.OpHold, func(r *record.HoldRequest) { r.Collection = "us-a-log" })},
	{"a release of what is not held", record.CodeNotHeld, holdWith(record.OpRelease, func(*record.HoldRequest) {})},
}

func TestI8_no_refusal_leaves_a_byte_with_any_peer_and_no_error_repeats_its_request(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	live := w.put("us-a", encounter("2199-12-31"))
	gone := w.put("us-a", encounter("1999-12-31"))
	w.submit(purgeCall("us-a", gone))
	held := w.put("us-a", encounter("1999-12-31"))
	w.submit(chaincodetest.Write(usHospital(record.RoleOfficer), record.OpHold, record.HoldRequest{
		Version: 1, Region: "us", Collection: "us-a", Seed: chaincodetest.Random(32), IDs: []string{held}, Matter: "m", Authority: "a", Reason: "r",
	}, atHospital))
	height := w.Height()
	for _, r := range slices.Concat(putRefusals, otherRefusals, healthRefusals) {
		t.Run(r.name, func(t *testing.T) {
			sub := &world{w.Memory, t}
			e := sub.refuses(r.call(sub, live, gone, held), r.want)
			if strings.Contains(e.Error(), canary) {
				t.Errorf("the error repeats the request: %q", e)
			}
			sub.nothingHandedOut()
		})
	}
	if w.Height() != height {
		t.Error("a refused call reached a block")
	}
}

// nothingHandedOut wants every transient store empty.
func (w *world) nothingHandedOut() {
	w.t.Helper()
	for _, org := range []string{"UsHospital", "UsPayer", "EuHospital", "EuSponsor", "UkTrust", "AuHealth"} {
		if held := w.Transient(org); len(held) > 0 {
			w.t.Errorf("%s's peer was handed %d private writes, first of %s", org, len(held), held[0].Collection)
		}
	}
}
