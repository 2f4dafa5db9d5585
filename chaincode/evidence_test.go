package chaincode_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
)

var evidenceCipher, _ = record.EvidenceCipherKey([]byte("an index key"))

// leaving makes a purge leave evidence.
func leaving(c chaincodetest.Call) chaincodetest.Call {
	c.Transient[record.FieldEvidence] = evidenceCipher
	return c
}

func (w *world) evidence(coll, after string, limit int) record.EvidencePage {
	w.t.Helper()
	var p record.EvidencePage
	w.mustRead(record.RolePurger, record.OpEvidence, record.EvidenceRequest{Version: 1, Region: "us", Collection: coll, After: after, Limit: limit}, &p)
	return p
}

// printsOf opens the evidence of a record among the entries.
func (w *world) printsOf(p record.EvidencePage, coll, id string) []record.Print {
	w.t.Helper()
	i := slices.IndexFunc(p.Entries, func(e record.EvidenceEntry) bool { return e.ID == id })
	if i < 0 {
		return nil
	}
	e, err := record.OpenEvidence(evidenceCipher, p.Entries[i].Box, record.Ref{Collection: coll, ID: id})
	if err != nil {
		w.t.Fatal(err)
	}
	return e.Prints
}

func endCall(coll string, keys []string, orgs ...string) chaincodetest.Call {
	r := record.EvidenceEndRequest{Version: 1, Region: "us", Collection: coll, Seed: chaincodetest.Random(record.SeedLen), Keys: keys}
	for _, o := range orgs {
		r.Attestations = append(r.Attestations, record.AttestationOf{Org: o, SHA256: strings.Repeat("ab", 32)})
	}
	return chaincodetest.Write(usHospital(record.RolePurger), record.OpEvidenceEnd, r, atHospital)
}

// What is only deleted stays in the private data store of every peer for ever.
func TestI9_whatever_leaves_a_collection_is_purged_and_never_only_deleted(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	id, gone := w.put("us-a", encounter("2001-01-31")), w.put("us-a", encounter("2001-01-31"))
	w.submit(leaving(purgeCall("us-a", gone)))
	failed := purgeRequest("us-a")
	failed.Ground, failed.Authority, failed.Reason = record.GroundFailed, "a", "r"
	failed.Keys = []string{record.RecordKey(record.NewID())}
	body := purgeRequest("us-a", id)
	body.Part = record.PartBody
	for name, c := range map[string]chaincodetest.Call{
		"a record":            purgeCall("us-a", id),
		"its body":            act(usHospital(record.RolePurger), record.OpPurge, body),
		"an attempt's key":    act(usHospital(record.RolePurger), record.OpPurge, failed),
		"evidence":            endCall("us-a", []string{w.evidence("us-a", "", 0).Entries[0].Key}, "UsHospital"),
		"an amended due date": amendCall(theOfficer, "us-a", record.AmendRecord{ID: id, Accept: true, Reason: "r"}),
	} {
		tx, err := w.Endorsed(c)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if s := tx.Shape(); strings.Contains(s, "del=true,purge=false") || !strings.Contains(s, "purge=true") {
			t.Errorf("%s: %s", name, s)
		}
	}
}

func TestI11_a_purge_leaves_prints_of_the_salts_and_index_keys_of_what_it_purged(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	id := w.put("us-a", encounter("2001-01-31"), func(r *record.PutRecord) { r.Subjects = tokens(2) })
	value, err := w.read(record.RoleReader, record.OpGet, record.GetRequest{Version: 1, Region: "us", Collection: "us-a", ID: id})
	if err != nil {
		t.Fatal(err)
	}
	salt, _, _ := record.DecodeValue(value)
	var tails []string
	for _, k := range w.Ledger.PrivateKeys("UsHospital", "us-a") {
		if !strings.HasPrefix(k, "r/") && !strings.HasPrefix(k, "m/") {
			tails = append(tails, k[len(k)-record.TailLen:])
		}
	}
	w.submit(leaving(purgeCall("us-a", id)))
	got := w.printsOf(w.evidence("us-a", "", 0), "us-a", id)
	if len(got) != record.KeysPerRecord {
		t.Errorf("%d prints, want one for each key of the record", len(got))
	}
	if !slices.Contains(got, record.PrintOf(salt)) {
		t.Error("none is of the record's salt")
	}
	for _, tail := range tails {
		if !slices.Contains(got, record.PrintOf([]byte(tail))) {
			t.Errorf("none is of the index key's tail %s", tail)
		}
	}
}

func TestI11_without_a_key_a_purge_works_and_leaves_no_evidence(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	id := w.put("us-a", encounter("2001-01-31"))
	w.submit(purgeCall("us-a", id))
	if p := w.evidence("us-a", "", 0); len(p.Entries) > 0 {
		t.Errorf("%d entries", len(p.Entries))
	}
	other := w.put("us-a", encounter("2001-01-31"))
	c := purgeCall("us-a", other)
	c.Transient[record.FieldEvidence] = []byte("short")
	w.refuses(c, record.CodeBadRequest)
	put := putCall("us-a", newRecord(), encounter("2001-01-31"))
	w.refuses(leaving(put), record.CodeBadRequest)
}

func TestI11_a_purge_in_two_steps_leaves_the_evidence_with_its_first(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	id := w.put("us-a", encounter("2001-01-31"))
	for _, part := range []record.Part{record.PartBody, record.PartRest} {
		r := purgeRequest("us-a", id)
		r.Part = part
		w.submit(leaving(chaincodetest.Write(usHospital(record.RolePurger), record.OpPurge, r, atHospital)))
		p := w.evidence("us-a", "", 0)
		if len(p.Entries) != 1 || len(w.printsOf(p, "us-a", id)) != record.KeysPerRecord {
			t.Errorf("after the part %s: %d entries", part, len(p.Entries))
		}
	}
}

// Evidence of a purge must not show in its block which records are alike, and must
// read no key that the purge would not read without it.
func TestI2_evidence_changes_a_purge_by_one_key_for_each_record_and_no_read(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	reads := func(shape string) string { r, _, _ := strings.Cut(shape, "write"); return r }
	var with []string
	for people := range 3 {
		for _, leave := range []bool{true, false} {
			id := w.put("us-a", encounter("1999-12-31"), func(r *record.PutRecord) { r.Subjects = tokens(people) })
			c := purgeCall("us-a", id)
			if leave {
				c = leaving(c)
			}
			tx, err := w.Endorsed(c)
			if err != nil {
				t.Fatal(err)
			}
			if leave {
				with = append(with, tx.Shape())
			} else if reads(with[0]) != reads(tx.Shape()) {
				t.Errorf("the reads differ:\n%s\n%s", with[0], tx.Shape())
			}
		}
	}
	if len(slices.Compact(with)) != 1 {
		t.Errorf("shapes differ:\n%s", strings.Join(with, "\n"))
	}
}

func TestEvidence_is_listed_by_collection_in_pages_and_to_whom_it_concerns(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	ids := map[string]bool{}
	for range 5 {
		id := w.put("us-a", encounter("2001-01-31"))
		w.submit(leaving(purgeCall("us-a", id)))
		ids[id] = true
	}
	other := w.put("us-a2", encounter("2001-01-31", "ETH"))
	w.submit(leaving(purgeCall("us-a2", other)))
	got, pages := map[string]bool{}, 0
	for after, more := "", true; more; pages++ {
		p := w.evidence("us-a", after, 2)
		for _, e := range p.Entries {
			got[e.ID] = ids[e.ID] && e.Collection == "us-a" && e.At != "" && e.Tx != ""
		}
		after, more = p.Next, p.Next != ""
	}
	if len(got) != len(ids) || pages < 3 {
		t.Errorf("%d of %d records in %d pages", len(got), len(ids), pages)
	}
	for id, ok := range got {
		if !ok {
			t.Errorf("%s is not one of the collection's, or lacks a field", id)
		}
	}
	if p := w.evidence("us-a2", "", 0); len(p.Entries) != 1 || p.Entries[0].ID != other {
		t.Errorf("us-a2 has %d entries", len(p.Entries))
	}
	for _, r := range []record.EvidenceRequest{{Limit: -1}, {Limit: record.MaxPage + 1}, {After: "r/"}, {After: "todo/x"}} {
		r.Version, r.Region, r.Collection = 1, "us", "us-a"
		_, err := w.read(record.RolePurger, record.OpEvidence, r)
		wantCode(t, err, record.CodeBadRequest)
	}
	_, err := w.read(record.RoleReader, record.OpEvidence, record.EvidenceRequest{Version: 1, Region: "us", Collection: "us-a"})
	wantCode(t, err, record.CodeForbidden)
}

func TestEvidence_ends_with_an_attestation_of_every_holder_and_leaves_a_log_entry(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	id := w.put("us-a", encounter("2001-01-31"))
	w.submit(leaving(purgeCall("us-a", id)))
	key := w.evidence("us-a", "", 0).Entries[0].Key
	w.refuses(endCall("us-a", []string{key}), record.CodeBadRequest)
	w.refuses(endCall("us-a", []string{key}, "UsPayer"), record.CodeBadRequest)
	w.refuses(endCall("us-a", []string{key, key}, "UsHospital"), record.CodeBadRequest)
	w.refuses(endCall("us-a", []string{record.GoneKey("us-a", id)}, "UsHospital"), record.CodeBadRequest)
	w.refuses(endCall("us-a", nil, "UsHospital"), record.CodeBadRequest)
	w.refuses(endCall("us-a2", []string{key}, "UsHospital"), record.CodeAbsent)
	c := endCall("us-a", []string{key}, "UsHospital")
	c.As = usHospital(record.RoleOfficer)
	w.refuses(c, record.CodeForbidden)

	logged := w.logSize()
	w.submit(endCall("us-a", []string{key}, "UsHospital"))
	if p := w.evidence("us-a", "", 0); len(p.Entries) > 0 {
		t.Errorf("%d entries are left", len(p.Entries))
	}
	if got := w.logSize(); got != logged+1 {
		t.Errorf("%d new entries in the log", got-logged)
	}
	w.refuses(endCall("us-a", []string{key}, "UsHospital"), record.CodeAbsent)
}

func (w *world) logSize() (n int) {
	for _, k := range w.Ledger.PrivateKeys("UsHospital", "us-a-log") {
		if strings.HasPrefix(k, "log/") {
			n++
		}
	}
	return n
}

func TestEvidence_in_the_log_cannot_be_read_without_the_regions_key(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	id := w.put("us-a", encounter("2001-01-31"))
	w.submit(leaving(purgeCall("us-a", id)))
	box := w.evidence("us-a", "", 0).Entries[0].Box
	if bytes.Contains(box, []byte("prints")) {
		t.Error("the box is not sealed")
	}
}
