package ds4p_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"domicile/fhir"
	"domicile/fhir/ds4p"
)

// vector is one entry of testdata/digest.json: labels as [system, code, basis
// system, basis code], the text that is hashed, and the digest.
type vector struct {
	Name   string      `json:"name"`
	Labels [][4]string `json:"labels"`
	Text   string      `json:"text"`
	Digest string      `json:"digest"`
}

func TestDigestFollowsItsVectors(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "digest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(b, &vectors); err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for _, v := range vectors {
		sum := sha256.Sum256([]byte(v.Text))
		if want := "ds4p-1/sha256:" + hex.EncodeToString(sum[:]); v.Digest != want {
			t.Errorf("%s: the vector says %s, its text makes %s", v.Name, v.Digest, want)
		}
		var set []ds4p.Label
		for _, l := range v.Labels {
			set = append(set, ds4p.Label{System: l[0], Code: l[1], Basis: fhir.Coding{System: l[2], Code: l[3]}, Origin: v.Name, Rule: v.Name})
		}
		if got := ds4p.Digest(set); got != v.Digest {
			t.Errorf("%s: got %s, want %s", v.Name, got, v.Digest)
		}
		if other, ok := seen[v.Text]; ok && other != v.Digest {
			t.Errorf("%s: equal texts, different digests", v.Name)
		}
		seen[v.Text] = v.Digest
	}
	if len(vectors) < 6 {
		t.Errorf("only %d vectors", len(vectors))
	}
}
