package record_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"domicile/chaincode/record"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// vector is what any other implementation must come to.
func vector(t *testing.T) string {
	seed := bytes.Repeat([]byte{7}, record.SeedLen)
	draw, err := record.NewDrawer(seed)
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(`{"resourceType":"Patient"}`)
	key := bytes.Repeat([]byte{9}, record.IndexKeyLen)
	return "seed         " + hex.EncodeToString(seed) +
		"\nsalt r       " + hex.EncodeToString(draw.Salt("r")) +
		"\nnonce due    " + draw.Nonce("due") +
		"\nbody         " + string(body) +
		"\nhash         " + record.Hash(draw.Salt("r"), body) +
		"\nindex key    " + hex.EncodeToString(key) +
		"\nimport id    " + record.ImportID(key, "import", 3, 0) +
		"\nsubject      " + record.SubjectToken(key, "Patient/1") +
		"\nidentifier   " + record.IdentifierToken(key, "urn:x", "1") +
		"\nresource     " + record.ResourceToken(key, "Patient/1") +
		"\nhold         " + record.HoldToken(key, "aaaaaaaaaaaaaaaaaaaaaaaaaa") + "\n"
}

func TestHashes_salts_ids_and_tokens_are_those_of_the_golden_vector(t *testing.T) {
	file := filepath.Join("testdata", "vector.golden")
	got := vector(t)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s\nRecords already on ledgers could no longer be found or verified.", got, want)
	}
}

func TestI7_the_hash_is_the_plain_SHA256_of_the_stored_value(t *testing.T) {
	salt, body := bytes.Repeat([]byte{1}, record.SaltLen), []byte("bytes")
	v := record.EncodeValue(salt, body)
	sum := sha256.Sum256(v)
	if record.Hash(salt, body) != hex.EncodeToString(sum[:]) {
		t.Error("Hash and the stored value disagree")
	}
	s, b, err := record.DecodeValue(v)
	if err != nil || !bytes.Equal(s, salt) || !bytes.Equal(b, body) {
		t.Errorf("decoded %x %q (%v)", s, b, err)
	}
}

func TestDecodeValue_refuses(t *testing.T) {
	for name, v := range map[string][]byte{
		"nothing":          nil,
		"a short header":   make([]byte, record.SaltLen),
		"another format":   append([]byte{2}, make([]byte, record.SaltLen)...),
		"bytes of nothing": make([]byte, 1+record.SaltLen),
	} {
		if _, _, err := record.DecodeValue(v); err == nil {
			t.Errorf("DecodeValue takes %s", name)
		}
	}
	if _, _, err := record.DecodeValue(record.EncodeValue(make([]byte, record.SaltLen), nil)); err != nil {
		t.Errorf("an empty payload: %v", err)
	}
}

func TestA_drawer_gives_independent_values_by_label(t *testing.T) {
	for _, n := range []int{0, 31, 33} {
		if _, err := record.NewDrawer(make([]byte, n)); err == nil {
			t.Errorf("a seed of %d bytes is taken", n)
		}
	}
	a, err := record.NewDrawer(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(a.Salt("r"), a.Salt("m")) || !bytes.Equal(a.Salt("r"), a.Salt("r")) {
		t.Error("salts do not go by label")
	}
	if bytes.HasPrefix(a.Salt("r"), a.Salt("r")[:16]) && hex.EncodeToString(a.Salt("r")[:16]) == a.Nonce("r") {
		t.Error("a nonce shows a salt")
	}
}

func FuzzDecodeValue(f *testing.F) {
	f.Add(record.EncodeValue(make([]byte, 32), []byte("x")))
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, v []byte) {
		salt, payload, err := record.DecodeValue(v)
		if err == nil && !bytes.Equal(record.EncodeValue(salt, payload), v) {
			t.Errorf("%x does not encode back", v)
		}
	})
}
