package integration

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
	"domicile/erasure"
)

func TestT01_ASubmittedReadLeavesOnlyCiphertextInItsBlock(t *testing.T) {
	t.Parallel()
	ctx := testContext(t, patience)
	c := &canaries{}
	rec, put := usA.put(encounter(farOff, c.word("narrative")))
	submit(ctx, t, put)
	get := usA.get(rec.ID)
	r := ordered(ctx, t, get)
	b := block(ctx, t, r.Block)
	found, err := erasure.ScanBlocks(ctx, func(yield func(*erasure.StoredBlock, error) bool) { yield(b, nil) }, c.list)
	if err != nil || !found.Clean() {
		t.Errorf("the block shows plaintext: %+v, %v", found, err)
	}
	opened := false
	for _, f := range erasure.BlockFields(b.Block) {
		if strings.HasSuffix(f.Path, ".response.payload") {
			v, err := get.Open(f.Bytes)
			opened = opened || err == nil && bytes.Contains(v, c.list[0].Bytes)
		}
		if bytes.Contains(f.Bytes, get.Transient[record.FieldKey]) {
			t.Errorf("the block holds the key, in %s", f.Path)
		}
	}
	if !opened {
		t.Error("the answer in the block is not the sealed record")
	}
}

// T04: whoever knows every byte of a resource and has all of the channel cannot
// find it there, because the salt is not there.
func TestT04_KnownBytesCannotBeFoundByTheirHash(t *testing.T) {
	t.Parallel()
	ctx := testContext(t, patience)
	body := encounter(longAgo, unique())
	rec, put := usA.put(body)
	r := submit(ctx, t, put)
	known := [][]byte{body, slices.Concat([]byte{1}, body), slices.Concat([]byte{1}, make([]byte, record.SaltLen), body), []byte(rec.ID)}
	var guesses [][]byte
	for _, k := range known {
		h := sha256.Sum256(k)
		guesses = append(guesses, h[:])
	}
	fields := erasure.BlockFields(block(ctx, t, r.Block).Block)
	if len(fields) == 0 {
		t.Fatal("an empty block")
	}
	for _, f := range fields {
		for _, g := range guesses {
			if bytes.Contains(f.Bytes, g) || bytes.Contains(f.Bytes, []byte(hex.EncodeToString(g))) {
				t.Errorf("%s holds a hash that can be guessed", f.Path)
			}
		}
		if bytes.Contains(f.Bytes, put.Transient[record.FieldRequest]) || bytes.Contains(f.Bytes, rec.Seed) {
			t.Errorf("%s holds the request or its seed", f.Path)
		}
	}
}

func TestT05_TheSameBytesTwiceHaveTwoHashes(t *testing.T) {
	t.Parallel()
	ctx := testContext(t, patience)
	body := encounter(longAgo, unique())
	hashes := map[string]bool{}
	for i, region := range []string{"us", "us", "eu"} {
		hashes[putOne(ctx, t, region, body, "--import", fmt.Sprint(unique(), i)).Hash] = true
	}
	if len(hashes) != 3 {
		t.Errorf("%d hashes of three records with the same bytes", len(hashes))
	}
}

// T06 and T07, beside chaincode's TestI2_T06: what a block shows of a put depends
// neither on the resource nor on how many people it is about.
func TestT06_TwoPutsHaveTheSameShapeInTheBlock(t *testing.T) {
	t.Parallel()
	ctx := testContext(t, patience)
	first := shapeOfPut(ctx, t, []byte(`{"resourceType":"Organization","name":"x"}`), 0)
	second := shapeOfPut(ctx, t, encounter(longAgo, unique()), 6)
	if first != second {
		t.Errorf("the shapes differ:\n%s\n%s", first, second)
	}
}

// recordAbout is a new record about so many people.
func recordAbout(people int) record.PutRecord {
	rec := record.PutRecord{ID: record.NewID(), Seed: chaincodetest.Random(record.SeedLen)}
	for range people {
		rec.Subjects = append(rec.Subjects, record.SubjectToken(chaincodetest.Random(32), "Patient/x"))
	}
	return rec
}

func shapeOfPut(ctx context.Context, t *testing.T, body []byte, people int) string {
	t.Helper()
	r := submit(ctx, t, usA.putAs(recordAbout(people), body))
	return shapeOf(t, block(ctx, t, r.Block), r.TxID)
}

// shapeOf lists what a transaction shows of its reads and writes, without values.
func shapeOf(t *testing.T, b *erasure.StoredBlock, txID string) string {
	t.Helper()
	var shape []string
	for _, f := range txFields(t, b, txID) {
		if strings.Contains(f.Path, "rwset") && !strings.Contains(f.Path, "version") {
			shape = append(shape, fmt.Sprintf("%s:%d", f.Path, len(f.Bytes)))
		}
	}
	if len(shape) < record.KeysPerRecord {
		t.Fatalf("no write set in %v", shape)
	}
	slices.Sort(shape)
	return strings.Join(shape, "\n")
}

// txFields are the fields of one transaction, named as if it were the only one.
func txFields(t *testing.T, b *erasure.StoredBlock, txID string) []erasure.Field {
	t.Helper()
	all := erasure.BlockFields(b.Block)
	i := slices.IndexFunc(all, func(f erasure.Field) bool { return strings.HasSuffix(f.Path, ".id") && string(f.Bytes) == txID })
	if i < 0 {
		t.Fatal("the block does not hold the transaction")
	}
	prefix, _, _ := strings.Cut(all[i].Path, ".")
	var out []erasure.Field
	for _, f := range all {
		if rest, ok := strings.CutPrefix(f.Path, prefix+"."); ok {
			out = append(out, erasure.Field{Path: rest, Bytes: f.Bytes})
		}
	}
	return out
}
