package erasure_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	wire "domicile/chaincode/record"
	"domicile/erasure"
)

// salts are n random values of 32 bytes.
func salts(n int) [][]byte {
	r := rand.New(rand.NewPCG(7, uint64(n)))
	out := make([][]byte, n)
	for i := range out {
		out[i] = make([]byte, 32)
		for j := range out[i] {
			out[i][j] = byte(r.Uint32())
		}
	}
	return out
}

func scanPrints(t *testing.T, dir string, f ...erasure.Fingerprint) *erasure.Report {
	t.Helper()
	r, err := erasure.Scan(t.Context(), erasure.Options{Roots: []string{dir}, Fingerprints: f})
	must(t, err)
	return r
}

func TestAFingerprintFindsTheSaltOfAPurgedRecordInEveryFormOfResidue(t *testing.T) {
	t.Parallel()
	salt := salts(1)[0]
	print := erasure.FingerprintOf("r1", salt)
	payload := bytes.Repeat([]byte(`{"resourceType":"Observation"} `), 60)
	value := append(append([]byte{1}, salt...), payload...)
	for name, plant := range map[string]func(dir string){
		"raw":  func(dir string) { write(t, dir, "core", append(noise(100_001), value...)) },
		"gzip": func(dir string) { write(t, dir, "old.log.gz", gz(t, append(noise(70_001), value...))) },
		"a journal, across the border of a 32 KiB block": func(dir string) {
			db := open(t, filepath.Join(dir, "db"))
			must(t, db.Put([]byte("a"), noise(32<<10-7-30), nil))
			must(t, db.Put([]byte("r/1"), value, nil))
			must(t, db.Delete([]byte("r/1"), nil))
			must(t, db.Close())
		},
		"a compressed table, deleted": func(dir string) {
			db := open(t, filepath.Join(dir, "db"))
			must(t, db.Put([]byte("r/1"), value, nil))
			must(t, db.Delete([]byte("r/1"), nil))
			must(t, db.Close())
			db = open(t, filepath.Join(dir, "db"))
			must(t, db.Close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			plant(dir)
			if r := scanPrints(t, dir, print); len(r.Findings) == 0 {
				t.Errorf("nothing found; not covered: %v", r.NotCovered)
			}
		})
	}
}

func TestAFingerprintFindsNothingElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var prints []erasure.Fingerprint
	for i, s := range salts(200) {
		prints = append(prints, erasure.FingerprintOf("r", s))
		s[i%32] ^= 1
		write(t, dir, "near", s)
	}
	write(t, dir, "noise", noise(3<<20))
	if r := scanPrints(t, dir, prints...); len(r.Findings) > 0 {
		t.Errorf("findings %v", r.Findings)
	}
}

func TestTheTailOfAnIndexKeysNonceIsFoundInKeys(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := open(t, filepath.Join(dir, "db"))
	for _, nonce := range []string{"00112233445566778899aabbccddeeff", "00112233445566770123456789abcdef"} {
		must(t, db.Put([]byte("domicile$us-a-"+"due/2026-01-01/"+nonce), []byte("v"), nil))
	}
	must(t, db.Close())
	f := erasure.FingerprintOf("i1", []byte("0123456789abcdef"))
	if r := scanPrints(t, dir, f); len(r.Findings) == 0 {
		t.Error("nothing found")
	}
}

func TestAFingerprintsJSONComesBackAsItWas(t *testing.T) {
	t.Parallel()
	f := erasure.FingerprintOf("r1", salts(1)[0])
	b, err := json.Marshal(f)
	must(t, err)
	var g erasure.Fingerprint
	must(t, json.Unmarshal(b, &g))
	if f != g {
		t.Errorf("%v, was %v", g, f)
	}
	for _, bad := range []string{`{}`, `{"name":"x","len":3,"roll":"0000000000000000","sha256":""}`, `[]`} {
		if json.Unmarshal([]byte(bad), &g) == nil {
			t.Errorf("%s is taken for a fingerprint", bad)
		}
	}
}

func FuzzFingerprint(f *testing.F) {
	f.Add([]byte("0123456789abcdef0123456789abcdef"), 5, 32)
	f.Fuzz(func(t *testing.T, text []byte, at, length int) {
		if length < erasure.MinFingerprint || length > erasure.MaxFingerprint || at < 0 || at > len(text)-length {
			t.Skip()
		}
		path := filepath.Join(t.TempDir(), "f")
		must(t, os.WriteFile(path, text, 0o600))
		if r := scanPrints(t, path, erasure.FingerprintOf("x", text[at:at+length])); len(r.Findings) == 0 {
			t.Error("not found where it is")
		}
	})
}

func TestAPrintOfTheLedgerFindsWhatItIsOf(t *testing.T) {
	t.Parallel()
	salt := salts(1)[0]
	f, err := erasure.FingerprintFrom("r", wire.PrintOf(salt))
	must(t, err)
	if want := erasure.FingerprintOf("r", salt); f != want {
		t.Errorf("%v, want %v", f, want)
	}
	if _, err := erasure.FingerprintFrom("r", wire.Print{Len: 32}); err == nil {
		t.Error("an empty print is taken")
	}
}
