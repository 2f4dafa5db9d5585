package chaincode_test

import (
	"testing"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
)

// Collections of one holder share a log. Outsiders see only hashes of its keys, so
// the register's key must say in which collection the record was.
func TestI10_no_tombstone_for_a_sibling_that_never_held_the_record(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	id := w.put("us-a", encounter("2001-01-31"))
	w.submit(purgeCall("us-a", id))
	bury := func(coll string) chaincodetest.Call {
		return chaincodetest.Public(usHospital(record.RolePurger), record.FuncTombstone, record.TombstoneRequest{
			Version: 1, Region: "us", Records: []record.Ref{{Collection: coll, ID: id}},
		})
	}
	w.refuses(bury("us-a2"), record.CodeAbsent)
	w.submit(bury("us-a"))
}

func TestI10_an_id_is_used_once_among_all_collections_of_a_holder(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	rec := newRecord()
	again := func() chaincodetest.Call {
		r := newRecord()
		r.ID = rec.ID
		return putCall("us-a2", r, encounter("2001-01-31", "ETH"))
	}
	w.submit(putCall("us-a", rec, encounter("2001-01-31")))
	w.refuses(again(), record.CodeExists)
	w.submit(purgeCall("us-a", rec.ID))
	w.refuses(again(), record.CodeGone)
	if s := w.state("us-a2", rec.ID); s.State != record.InsideGone {
		t.Errorf("state in the sibling: %s", s.State)
	}
}
