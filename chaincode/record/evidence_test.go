package record_test

import (
	"bytes"
	"errors"
	"testing"

	"domicile/chaincode/record"
)

func TestEvidence_opens_with_the_regions_key_and_for_its_record_only(t *testing.T) {
	key, err := record.EvidenceCipherKey([]byte("index key of a region"))
	if err != nil || len(key) != record.EvidenceKeyLen {
		t.Fatal(len(key), err)
	}
	ref := record.Ref{Collection: "us-a", ID: record.NewID()}
	e := record.Evidence{Version: record.Version, Prints: []record.Print{record.PrintOf([]byte("0123456789abcdef"))}}
	box, err := record.SealEvidence(key, []byte("drawn"), ref, e)
	if err != nil {
		t.Fatal(err)
	}
	got, err := record.OpenEvidence(key, box, ref)
	if err != nil || len(got.Prints) != 1 || got.Prints[0] != e.Prints[0] {
		t.Errorf("comes back as %+v, %v", got, err)
	}
	other, _ := record.EvidenceCipherKey([]byte("another region's"))
	flipped := bytes.Clone(box)
	flipped[len(flipped)-1] ^= 1
	for name, open := range map[string]func() (record.Evidence, error){
		"another key": func() (record.Evidence, error) { return record.OpenEvidence(other, box, ref) },
		"no key":      func() (record.Evidence, error) { return record.OpenEvidence(nil, box, ref) },
		"another record": func() (record.Evidence, error) {
			return record.OpenEvidence(key, box, record.Ref{Collection: "us-b", ID: ref.ID})
		},
		"flipped": func() (record.Evidence, error) { return record.OpenEvidence(key, flipped, ref) },
		"cut":     func() (record.Evidence, error) { return record.OpenEvidence(key, box[:5], ref) },
	} {
		if _, err := open(); !errors.Is(err, record.ErrEvidence) {
			t.Errorf("with %s: %v", name, err)
		}
	}
	if _, err := record.SealEvidence(key[:5], nil, ref, e); err == nil {
		t.Error("sealed under a short key")
	}
}

// A client that repeats its seed must not repeat a nonce for another text.
func TestEvidence_of_two_records_with_one_seed_has_two_nonces(t *testing.T) {
	key, _ := record.EvidenceCipherKey([]byte("k"))
	box := func(b string) []byte {
		out, err := record.SealEvidence(key, []byte("drawn"), record.Ref{}, record.Evidence{Version: 1, Prints: []record.Print{record.PrintOf([]byte(b))}})
		if err != nil {
			t.Fatal(err)
		}
		return out[:12]
	}
	if bytes.Equal(box("a"), box("b")) {
		t.Error("one nonce for two texts")
	}
}

func TestA_print_has_the_documented_form(t *testing.T) {
	p := record.PrintOf([]byte("0123456789abcdef"))
	if p.Len != 16 || len(p.Roll) != 16 || p.Sum != "9f9f5111f7b27a781f1f1ddde5ebc2dd2b796bfc7365c9c28b548e564176929f" {
		t.Errorf("%+v", p)
	}
}
