package chaincodetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestAKeysetReturnsWhatASortedListWould(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	key := func() string { return fmt.Sprintf("%04x", r.IntN(6000)) }
	var set keyset
	model := map[string]bool{}
	for range 30_000 {
		k := key()
		if r.IntN(5) < 3 {
			set.add(k)
			model[k] = true
		} else {
			set.remove(k)
			delete(model, k)
		}
	}
	check := func(start, end string) {
		t.Helper()
		var want, got []string
		for _, k := range sorted(model) {
			if k >= start && (end == "" || k < end) {
				want = append(want, k)
			}
		}
		for c := set.from(start, end); ; {
			k, ok := c.next()
			if !ok {
				break
			}
			got = append(got, k)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("from %q to %q: %d keys, want %d", start, end, len(got), len(want))
		}
	}
	check("", "")
	check("zzzz", "")
	for range 300 {
		check(key(), key())
		check(key(), "")
	}
	for k := range model {
		set.remove(k)
	}
	model = map[string]bool{}
	check("", "")
	if len(set.pieces) != 0 {
		t.Errorf("an empty set has %d pieces", len(set.pieces))
	}
}
