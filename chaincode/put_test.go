package chaincode_test

import (
	"bytes"
	"strings"
	"testing"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
)

func TestI7_bytes_come_back_exactly_and_the_hash_is_that_of_salt_and_bytes(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	body := append(encounter("2024-01-31"), "\n \n"...)
	rec := newRecord()
	w.submit(putCall("us-a", rec, body))

	v, err := w.read(record.RoleReader, record.OpGet, record.GetRequest{Version: 1, Region: "us", Collection: "us-a", ID: rec.ID})
	if err != nil {
		t.Fatal(err)
	}
	salt, got, err := record.DecodeValue(v)
	if err != nil || !bytes.Equal(got, body) {
		t.Fatalf("got %q (%v), want %q", got, err, body)
	}
	draw, err := record.NewDrawer(rec.Seed)
	if err != nil || !bytes.Equal(salt, draw.Salt("r")) {
		t.Fatalf("the salt is not the one drawn from the seed (%v)", err)
	}
	if h := w.state("us-a", rec.ID).Hash; h != record.Hash(salt, body) {
		t.Fatalf("hash %s, want %s", h, record.Hash(salt, body))
	}
}

// A salt that two values share, or that stays when a value changes, tells which hashes
// are of one record, and lets small values be guessed.
func TestI2_every_value_of_a_record_has_a_salt_of_its_own_and_metadata_a_new_one_at_each_rewrite(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	id := w.put("us-a", encounter("1999-12-31"), func(r *record.PutRecord) { r.Subjects = tokens(2) })
	seen := map[string]string{}
	use := func(key string) {
		t.Helper()
		salt := w.saltOf("us-a", key)
		if other, ok := seen[salt]; ok {
			t.Errorf("%.3s has the salt of %.3s", key, other)
		}
		seen[salt] = key
	}
	keys := w.PrivateKeys("UsHospital", "us-a")
	for _, k := range keys {
		use(k)
	}
	if len(keys) != record.KeysPerRecord {
		t.Errorf("%d keys", len(keys))
	}
	for range 2 {
		w.submit(amendCall(writer, "us-a", record.AmendRecord{ID: id}))
		use(record.MetaKey(id))
		for _, k := range w.PrivateKeys("UsHospital", "us-a") {
			if strings.HasPrefix(k, "due/") {
				use(k)
			}
		}
	}
}

// saltOf is the salt of a private value.
func (w *world) saltOf(coll, key string) string {
	w.t.Helper()
	salt, _, err := record.DecodeValue(w.Private("UsHospital", coll, key))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(salt)
}
