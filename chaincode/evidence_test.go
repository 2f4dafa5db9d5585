package chaincode_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

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

func endCall(coll string, keys ...string) chaincodetest.Call {
	return chaincodetest.Write(usHospital(record.RolePurger), record.OpEvidenceEnd, record.EvidenceEndRequest{
		Version: 1, Region: "us", Collection: coll, Seed: chaincodetest.Random(record.SeedLen), Keys: keys,
	}, atHospital)
}

// attestCall registers a search, clean and begun now, unless changed.
func (w *world) attestCall(coll string, keys []string, change ...func(*record.Search)) chaincodetest.Call {
	s := record.Search{SHA256: strings.Repeat("ab", 32), SearchedAt: time.Now().UTC().Format(time.RFC3339), Height: 9}
	for _, f := range change {
		f(&s)
	}
	return chaincodetest.Write(usHospital(chaincodetest.Operator), record.OpAttest, record.AttestRequest{
		Version: 1, Region: "us", Collection: coll, Seed: chaincodetest.Random(record.SeedLen), Keys: keys, Search: s,
	}, atHospital)
}

// What is only deleted stays in the private data store of every peer for ever.
func TestI9_whatever_leaves_a_collection_is_purged_and_never_only_deleted(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	id, gone := w.put("us-a", encounter("2001-01-31")), w.put("us-a", encounter("2001-01-31"))
	w.submit(leaving(purgeCall("us-a", gone)))
	w.submit(chaincodetest.Public(usHospital(record.RolePurger), record.FuncTombstone, record.TombstoneRequest{
		Version: 1, Region: "us", Records: []record.Ref{{Collection: "us-a", ID: gone}},
	}))
	key := w.evidence("us-a", "", 0).Entries[0].Key
	w.submit(w.attestCall("us-a", []string{key}))
	failed := purgeRequest("us-a")
	failed.Ground, failed.Authority, failed.Reason = record.GroundFailed, "a", "r"
	failed.Keys = []string{record.RecordKey(record.NewID())}
	body := purgeRequest("us-a", id)
	body.Part = record.PartBody
	settle := purgeRequest("us-a")
	settle.Settle = []string{gone}
	for name, c := range map[string]chaincodetest.Call{
		"a record":            purgeCall("us-a", id),
		"its body":            act(usHospital(record.RolePurger), record.OpPurge, body),
		"an attempt's key":    act(usHospital(record.RolePurger), record.OpPurge, failed),
		"evidence":            endCall("us-a", key),
		"a settled tombstone": act(usHospital(record.RolePurger), record.OpPurge, settle),
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

// Else only one of them could ever be looked for.
func TestI11_every_record_of_a_batch_leaves_evidence_of_its_own(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	ids := w.putTogether("us-a", 3, encounter("2001-01-31"))
	w.submit(leaving(purgeCall("us-a", ids...)))
	p := w.evidence("us-a", "", 0)
	if len(p.Entries) != len(ids) {
		t.Fatalf("%d entries for %d records", len(p.Entries), len(ids))
	}
	for _, id := range ids {
		if n := len(w.printsOf(p, "us-a", id)); n != record.KeysPerRecord {
			t.Errorf("%d prints of %s", n, id)
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

func TestEvidence_ends_once_every_holder_registered_a_clean_search_and_leaves_a_log_entry(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	id := w.put("us-a", encounter("2001-01-31"))
	w.submit(leaving(purgeCall("us-a", id)))
	key := w.evidence("us-a", "", 0).Entries[0].Key
	w.refuses(endCall("us-a", key), record.CodeNotAttested)
	w.refuses(endCall("us-a", key, key), record.CodeBadRequest)
	w.refuses(endCall("us-a", record.GoneKey("us-a", id)), record.CodeBadRequest)
	w.refuses(endCall("us-a"), record.CodeBadRequest)
	w.refuses(endCall("us-a2", key), record.CodeAbsent)
	for _, role := range []string{record.RoleOfficer, chaincodetest.Admin, chaincodetest.Operator} {
		c := endCall("us-a", key)
		c.As = usHospital(role)
		w.refuses(c, record.CodeForbidden)
	}

	logged := w.logSize()
	w.submit(w.attestCall("us-a", []string{key}))
	w.submit(endCall("us-a", key))
	if p := w.evidence("us-a", "", 0); len(p.Entries) > 0 {
		t.Errorf("%d entries are left", len(p.Entries))
	}
	if got := w.logSize(); got != logged+2 {
		t.Errorf("%d new entries in the log", got-logged)
	}
	w.refuses(endCall("us-a", key), record.CodeAbsent)
	w.refuses(w.attestCall("us-a", []string{key}), record.CodeAbsent)
}

func TestEvidence_stays_where_a_search_found_something_or_left_something_out(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	id := w.put("us-a", encounter("2001-01-31"))
	w.submit(leaving(purgeCall("us-a", id)))
	key := w.evidence("us-a", "", 0).Entries[0].Key
	for name, spoil := range map[string]func(*record.Search){
		"residue":                         func(s *record.Search) { s.Found = 1 },
		"a peer that was not searched":    func(s *record.Search) { s.Missing = 1 },
		"a file that could not be opened": func(s *record.Search) { s.Gaps = 1 },
	} {
		w.submit(w.attestCall("us-a", []string{key}))
		w.submit(w.attestCall("us-a", []string{key}, spoil)) // the later word counts
		if e := w.refuses(endCall("us-a", key), record.CodeNotAttested); !strings.Contains(e.Detail, "UsHospital") {
			t.Errorf("%s: the refusal names nobody: %s", name, e.Detail)
		}
	}
	w.submit(w.attestCall("us-a", []string{key}))
	w.submit(endCall("us-a", key))
}

func TestEvidence_stays_when_an_earlier_clean_search_is_registered_after_a_later_one_that_found_something(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	for range 2 {
		w.submit(leaving(purgeCall("us-a", w.put("us-a", encounter("2001-01-31")))))
	}
	e := w.evidence("us-a", "", 0).Entries
	first := w.attestCall("us-a", []string{e[0].Key})
	later := func(s *record.Search) {
		at, err := time.Parse(time.RFC3339, s.SearchedAt)
		if err != nil {
			t.Fatal(err)
		}
		s.SearchedAt, s.Found = at.Add(time.Minute).Format(time.RFC3339), 1
	}
	w.submit(first)
	w.submit(w.attestCall("us-a", []string{e[0].Key}, later))
	w.refuses(first, record.CodeNotAttested)
	w.refuses(w.attestCall("us-a", []string{e[1].Key, e[0].Key}), record.CodeNotAttested)
	w.refuses(endCall("us-a", e[0].Key), record.CodeNotAttested)
	w.submit(w.attestCall("us-a", []string{e[0].Key}, later, func(s *record.Search) { s.Found = 0 })) // begun no earlier
	w.submit(endCall("us-a", e[0].Key))
}

func TestEvidence_of_one_record_does_not_end_with_a_search_for_another(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	for range 2 {
		w.submit(leaving(purgeCall("us-a", w.put("us-a", encounter("2001-01-31")))))
	}
	e := w.evidence("us-a", "", 0).Entries
	w.submit(w.attestCall("us-a", []string{e[0].Key}))
	if r := w.refuses(endCall("us-a", e[0].Key, e[1].Key), record.CodeNotAttested); !strings.Contains(r.Detail, "keys[1]") {
		t.Error(r.Detail)
	}
	w.submit(endCall("us-a", e[0].Key))
}

func TestA_search_is_registered_only_for_what_was_purged_before_it_began(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	id := w.put("us-a", encounter("2001-01-31"))
	w.refuses(w.attestCall("us-a", []string{record.EvidenceKey(strings.Repeat("0", 32))}), record.CodeAbsent)
	w.submit(leaving(purgeCall("us-a", id)))
	e := w.evidence("us-a", "", 0).Entries[0]
	for name, c := range map[string]struct {
		code   record.Code
		change func(*record.Search)
	}{
		"begun before the purge": {record.CodeNotAttested, func(s *record.Search) {
			at, _ := time.Parse(time.RFC3339, e.At)
			s.SearchedAt = at.Add(-time.Second).Format(time.RFC3339)
		}},
		"begun in the future":    {record.CodeBadRequest, func(s *record.Search) { s.SearchedAt = "2999-01-01T00:00:00Z" }},
		"a time of another zone": {record.CodeBadRequest, func(s *record.Search) { s.SearchedAt = "2026-01-01T00:00:00+01:00" }},
		"no time":                {record.CodeBadRequest, func(s *record.Search) { s.SearchedAt = "" }},
		"no height":              {record.CodeBadRequest, func(s *record.Search) { s.Height = 0 }},
		"no hash":                {record.CodeBadRequest, func(s *record.Search) { s.SHA256 = "" }},
		"capitals in the hash":   {record.CodeBadRequest, func(s *record.Search) { s.SHA256 = strings.Repeat("AB", 32) }},
		"less than nothing":      {record.CodeBadRequest, func(s *record.Search) { s.Found = -1 }},
		"fewer than no nodes":    {record.CodeBadRequest, func(s *record.Search) { s.Missing = -1 }},
		"fewer than no gaps":     {record.CodeBadRequest, func(s *record.Search) { s.Gaps = -1 }},
	} {
		t.Run(name, func(t *testing.T) { w.refuses(w.attestCall("us-a", []string{e.Key}, c.change), c.code) })
	}
	for _, who := range []chaincodetest.Identity{
		usHospital(record.RolePurger), usHospital(record.RoleAuditor), usHospital(""), {Org: "UsPayer", Role: chaincodetest.Admin},
	} {
		c := w.attestCall("us-a", []string{e.Key})
		c.As = who
		w.refuses(c, record.CodeForbidden)
	}
	w.refuses(endCall("us-a", e.Key), record.CodeNotAttested)
}

// Outsiders must not learn from a block whether a search found anything.
func TestI2_registrations_have_one_shape_whatever_was_found(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	id := w.put("us-a", encounter("2001-01-31"))
	w.submit(leaving(purgeCall("us-a", id)))
	key := w.evidence("us-a", "", 0).Entries[0].Key
	var shapes []string
	for range 2 { // the first registration and one that replaces another
		for _, found := range []int{0, 1, 99} {
			tx, err := w.Endorsed(w.attestCall("us-a", []string{key}, func(s *record.Search) { s.Found = found }))
			if err != nil {
				t.Fatal(err)
			}
			shapes = append(shapes, tx.Shape())
		}
		w.submit(w.attestCall("us-a", []string{key}))
	}
	if len(slices.Compact(shapes)) != 1 {
		t.Errorf("shapes differ:\n%s", strings.Join(shapes, "\n"))
	}
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
