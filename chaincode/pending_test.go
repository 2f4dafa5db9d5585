package chaincode_test

import (
	"testing"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
)

// A purge takes the due index entry with it, so a run that dies before the tombstone
// must find its records another way (I12).
func TestI12_due_lists_purged_records_until_their_tombstone_is_settled(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	id := w.put("us-a", encounter("2001-01-31"))
	other := w.put("us-a2", encounter("2001-01-31", "ETH"))
	w.submit(purgeCall("us-a", id))
	w.submit(purgeCall("us-a2", other))

	due := func(limit int) (all []record.Entry) {
		t.Helper()
		for after := ""; ; {
			var p record.Page
			w.mustRead(record.RolePurger, record.OpDue, record.DueRequest{
				Version: 1, Region: "us", Collection: "us-a", Before: "2026-01-01", After: after, Limit: limit,
			}, &p)
			all = append(all, p.Entries...)
			if p.Next == "" {
				return all
			}
			if p.Next <= after {
				t.Fatalf("next %q after %q", p.Next, after)
			}
			after = p.Next
		}
	}
	if got := due(0); len(got) != 1 || got[0] != (record.Entry{ID: id, Gone: true}) {
		t.Fatalf("after the purge: %+v", got)
	}
	live := w.put("us-a", encounter("2002-01-31"))
	if got := due(1); len(got) != 2 || got[0].ID != live || got[0].Gone || got[1].ID != id || !got[1].Gone {
		t.Fatalf("page by page: %+v", got)
	}
	w.submit(chaincodetest.Public(usHospital(record.RolePurger), record.FuncTombstone, record.TombstoneRequest{
		Version: 1, Region: "us", Records: []record.Ref{{Collection: "us-a", ID: id}},
	}))
	settle := purgeRequest("us-a")
	settle.Settle = []string{id}
	w.submit(chaincodetest.Write(usHospital(record.RolePurger), record.OpPurge, settle, atHospital))
	if got := due(0); len(got) != 1 || got[0].ID != live {
		t.Fatalf("after settling: %+v", got)
	}
	settle.Settle = []string{live}
	w.refuses(chaincodetest.Write(usHospital(record.RolePurger), record.OpPurge, settle, atHospital), record.CodeAbsent)
}
