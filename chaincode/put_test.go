package chaincode_test

import (
	"bytes"
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
