package chaincode_test

import (
	"context"
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
