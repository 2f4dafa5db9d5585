package sample_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"testing"

	"domicile/fhir"
	"domicile/internal/sample"
)

func generate(t *testing.T, o sample.Options) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := sample.Write(&b, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTheSameSeedGivesTheSameBytesAndAnotherSeedOthers(t *testing.T) {
	a, b := generate(t, sample.Options{Seed: 1}), generate(t, sample.Options{Seed: 1})
	if !bytes.Equal(a, b) {
		t.Error("two Bundles of one seed differ")
	}
	sum := sha256.Sum256(generate(t, sample.Options{Seed: 7, Entries: 50}))
	const want = "cef2039a1abf0b7afe0ddd0409128e0d32d8d25cd5cd9ef91241eb698283ddc9"
	if got := hex.EncodeToString(sum[:]); got != want {
		t.Errorf("the Bundle of seed 7 has digest %s, want %s; a change invalidates ids of earlier demo imports", got, want)
	}
	if bytes.Equal(a, generate(t, sample.Options{Seed: 2})) {
		t.Error("seeds 1 and 2 give the same Bundle")
	}
}

func TestTheDefaultBundleIsStrictFHIROfFourMegabytesWithAThousandEntries(t *testing.T) {
	b := generate(t, sample.Options{Seed: 3})
	if n := len(b); n < 3_800_000 || n > 4_500_000 {
		t.Errorf("%d bytes", n)
	}
	sum, err := fhir.Inspect(bytes.NewReader(b), fhir.SplitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var records, labelled, ended, old int
	types := map[string]int{}
	for e, err := range fhir.Split(bytes.NewReader(b), sum) {
		if err != nil {
			t.Fatal(err)
		}
		records++
		types[e.Resource.Type]++
		if len(e.Resource.Security()) > 0 {
			labelled++
		}
		if d, ok := e.Resource.EndDate(); ok {
			ended++
			if d.Year < 2015 {
				old++
			}
		}
		if e.Resource.Type == "Patient" && len(e.Resource.Identifiers()) != 5 {
			t.Errorf("a Patient has %d identifiers", len(e.Resource.Identifiers()))
		}
	}
	if records != 1000 || labelled < 80 || ended < 600 || ended == records || old < 200 || old == ended {
		t.Errorf("%d records, %d labelled, %d with an end, %d old, types %v", records, labelled, ended, old, types)
	}
}

func TestOptionsOutOfRangeAreRefused(t *testing.T) {
	for _, o := range []sample.Options{{Entries: -1}, {EntryBytes: -1}, {Year: 3}} {
		if err := sample.Write(&bytes.Buffer{}, o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}

func ExampleWrite() {
	if err := sample.Write(&bytes.Buffer{}, sample.Options{Seed: 1, Entries: 3}); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	// Output:
}
