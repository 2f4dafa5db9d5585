package chaincode_test

import (
	"strings"
	"testing"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
)

// putTogether puts n records in one transaction.
func (w *world) putTogether(coll string, n int, body []byte) (ids []string) {
	w.t.Helper()
	req := putRequest(coll)
	var bodies [][]byte
	for range n {
		rec := newRecord()
		req.Records, ids = append(req.Records, rec), append(ids, rec.ID)
		bodies = append(bodies, body)
	}
	w.submit(chaincodetest.Write(writer, record.OpPut, req, atHospital, bodies...))
	return ids
}

// A purge takes records of one transaction together, so that peers rewrite its write
// set once; the index has to list them together.
func TestTheDueIndexListsTheRecordsOfATransactionSideBySide(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	const txs, each = 12, 10
	of := map[string]int{}
	for tx := range txs {
		for _, id := range w.putTogether("us-a", each, encounter("1999-12-31")) {
			of[id] = tx
		}
	}
	var page record.Page
	w.mustRead(record.RolePurger, record.OpDue, record.DueRequest{Version: 1, Region: "us", Collection: "us-a", Before: "2026-01-01"}, &page)
	changes, last := 0, -1
	for _, e := range page.Entries {
		if tx := of[e.ID]; tx != last {
			changes, last = changes+1, tx
		}
		if e.Date == "" || e.Size == 0 {
			t.Fatalf("entry %+v lacks its date or size", e)
		}
	}
	if len(page.Entries) != txs*each || changes != txs {
		t.Errorf("%d entries of %d transactions, which change %d times", len(page.Entries), txs, changes)
	}
}

func TestARecordKnowsHowMuchWasPutWithIt(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	body := encounter("1999-12-31")
	var states []record.State
	w.mustRead(record.RolePurger, record.OpInspect, record.InspectRequest{
		Version: 1, Region: "us", Collection: "us-a", IDs: w.putTogether("us-a", 3, body),
	}, &states)
	for _, s := range states {
		if s.PutCount != 3 || s.PutBytes != 3*len(body) || s.PutTx == "" {
			t.Errorf("%d records of %d bytes in %q, want 3 of %d", s.PutCount, s.PutBytes, s.PutTx, 3*len(body))
		}
	}
}

func TestTheClusterOfATransactionHasItsForm(t *testing.T) {
	a, b := record.TxCluster("a"), record.TxCluster("b")
	if len(a) != 16 || a == b || strings.Trim(a, "0123456789abcdef") != "" || a != record.TxCluster("a") {
		t.Errorf("%q and %q", a, b)
	}
}
