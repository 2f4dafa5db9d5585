package chaincode_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
	"domicile/collections"
)

// A field that no record reads would be a leak, however it is spelt.
func TestI2_a_put_with_a_body_that_belongs_to_no_record_is_refused(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	for _, field := range []string{"body/", "body/1", "body/00", "body/0/", "body/+0", "body/-1"} {
		c := putCall("us-a", newRecord(), encounter("1999-12-31"))
		c.Transient[field] = []byte(canary)
		_, err := w.Submit(context.Background(), c)
		if record.CodeOf(parsedError(err)) != record.CodeBadRequest {
			t.Errorf("with field %q: %v", field, err)
		}
	}
}

// parsedError is the coded error in an answer, nil when there is none.
func parsedError(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := record.ParseError(err.Error()); ok {
		return e
	}
	return nil
}

// A client that draws no fresh seeds hurts nobody's retention.
func TestI9_a_seed_sent_twice_hides_no_record_from_the_due_index(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	first, second := newRecord(), newRecord()
	second.Seed = first.Seed
	for _, rec := range []record.PutRecord{first, second} {
		w.submit(putCall("us-a", rec, encounter("1999-12-31")))
	}
	var page record.Page
	w.mustRead(record.RolePurger, record.OpDue, record.DueRequest{Version: 1, Region: "us", Collection: "us-a", Before: "2026-01-01"}, &page)
	for _, id := range []string{first.ID, second.ID} {
		if !slices.ContainsFunc(page.Entries, func(e record.Entry) bool { return e.ID == id }) {
			t.Errorf("record %s is not found due", id)
		}
	}
}

// The ledger cuts a range silently, so that no page may read on and on.
func TestA_page_of_what_is_due_ends_when_a_sibling_fills_the_register(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	for range (record.MaxPage + 100) / record.MaxRecords {
		req := putRequest("us-a2")
		var bodies [][]byte
		var ids []string
		for range record.MaxRecords {
			rec := newRecord()
			req.Records, ids = append(req.Records, rec), append(ids, rec.ID)
			bodies = append(bodies, encounter("1999-12-31", "ETH"))
		}
		w.submit(chaincodetest.Write(usHospital(record.RoleWriter), record.OpPut, req, atHospital, bodies...))
		w.submit(purgeCall("us-a2", ids...))
	}
	ours := w.put("us-a", encounter("1999-12-31"))
	w.submit(purgeCall("us-a", ours))
	found, pages := false, 0
	for after := ""; ; pages++ {
		var page record.Page
		w.mustRead(record.RolePurger, record.OpDue, record.DueRequest{Version: 1, Region: "us", Collection: "us-a", Before: "2026-01-01", After: after}, &page)
		for _, e := range page.Entries {
			found = found || e.ID == ours && e.Gone
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if !found || pages == 0 {
		t.Errorf("found %v after %d whole pages", found, pages)
	}
}

func TestI4_nothing_comes_to_lie_in_a_region_that_does_not_agree(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	p := changed(func(p *collections.Policy) {
		us, _ := p.Region("us")
		for i := range p.Regions {
			if r := &p.Regions[i]; r.Name == "uk" {
				r.Within, r.Retention = us.Name, slices.Clone(us.Retention)
			}
		}
	})
	for _, org := range []string{"UkTrust", "EuHospital", "EuSponsor", "AuHealth"} {
		w.submit(approve(org, p))
	}
	if e := w.refuses(commit("UkTrust", p), record.CodeNotApproved); !strings.HasSuffix(e.Detail, " us") {
		t.Errorf("missing is not us but: %s", e.Detail)
	}
	for _, org := range []string{"UsHospital", "UsPayer"} {
		w.submit(approve(org, p))
	}
	w.submit(commit("UkTrust", p))
}

// Ids are public once anchored. Another holder may use one for a record of its own.
func TestI6_nobody_passes_off_a_record_as_anothers(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	anchor := func(as chaincodetest.Identity, region, coll, id, hash string) {
		w.submit(chaincodetest.Public(as, record.FuncAnchor, record.AnchorRequest{
			Version: 1, Region: region, Records: []record.AnchorRef{{Ref: record.Ref{Collection: coll, ID: id}, Hash: hash}},
		}))
	}
	rec, body := newRecord(), encounter("2020-12-31")
	rec.ID = w.put("us-a", encounter("1999-12-31"))
	genuine := w.state("us-a", rec.ID).Hash
	anchor(usHospital(record.RoleWriter), "us", "us-a", rec.ID, genuine)
	eu := chaincodetest.Identity{Org: "EuHospital", Role: record.RoleWriter}
	w.submit(chaincodetest.Write(eu, record.OpPut, record.PutRequest{
		Version: 1, Region: "eu", Collection: "eu-a", Records: []record.PutRecord{rec},
	}, []string{"EuHospital"}, body))
	draw, err := record.NewDrawer(rec.Seed)
	if err != nil {
		t.Fatal(err)
	}
	forged := record.Hash(draw.Salt("r"), body)
	anchor(eu, "eu", "eu-a", rec.ID, forged)

	verify := func(hash, coll string) (v record.Verdict, err error) {
		b, err := w.Evaluate(context.Background(), chaincodetest.Public(usHospital(""), record.FuncVerify, record.VerifyRequest{
			Version: 1, ID: rec.ID, Hash: hash, Collection: coll,
		}))
		if err != nil {
			return v, err
		}
		return v, json.Unmarshal(b, &v)
	}
	for _, hash := range []string{genuine, forged} {
		if _, err := verify(hash, ""); record.CodeOf(parsedError(err)) != record.CodeBadRequest {
			t.Errorf("without a collection: %v", err)
		}
		v, err := verify(hash, "us-a")
		if err != nil || v.Match != (hash == genuine) || v.Collection != "us-a" {
			t.Errorf("in us-a: %+v, %v", v, err)
		}
	}
	if _, err := verify(genuine, "us-x"); record.CodeOf(parsedError(err)) != record.CodeBadRequest {
		t.Errorf("in no collection: %v", err)
	}
	if v, err := verify(genuine, "us-b"); err != nil || v.Match || v.State != record.StateUnknown {
		t.Errorf("in a collection without it: %+v, %v", v, err)
	}
}
