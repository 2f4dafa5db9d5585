package chaincode_test

import (
	"slices"
	"strings"
	"testing"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
	"domicile/collections"
)

// How many hold keys a purge reads would tell how many people a record is about.
func TestI2_T07_purges_of_two_records_have_the_same_public_shape(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	var shapes []string
	for people := range record.SubjectSlots + 1 {
		id := w.put("us-a", encounter("1999-12-31"), func(r *record.PutRecord) { r.Subjects = tokens(people) })
		tx, err := w.Endorsed(purgeCall("us-a", id))
		if err != nil {
			t.Fatal(err)
		}
		shapes = append(shapes, tx.Shape())
	}
	if len(slices.Compact(shapes)) != 1 {
		t.Errorf("purges show how many people their records are about:\n%s", strings.Join(shapes, "\n"))
	}
}

func TestI8_a_write_refuses_a_key_it_would_not_read(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	c := putCall("us-a", newRecord(), encounter("1999-12-31"))
	c.Transient[record.FieldKey] = chaincodetest.Random(record.SealKeyLen)
	w.refuses(c, record.CodeBadRequest)
}

func TestI9_a_change_of_the_private_part_is_logged(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	count := func() (n int) {
		for _, k := range w.Ledger.PrivateKeys("UsHospital", "us-a-log") {
			if strings.HasPrefix(k, "log/") {
				n++
			}
		}
		return n
	}
	before := count()
	us, _ := collections.Demo().Region("us")
	log, _ := us.Collection("us-a-log")
	w.submit(w.PrivatePart("us", log))
	if got := count(); got != before+1 {
		t.Errorf("%d entries in the log, want %d", got, before+1)
	}
}
