package collections

import "testing"

func TestTooFewPeersAreAnErrorAndJustEnoughAWarning(t *testing.T) {
	p := parse(t, base)
	for _, c := range []struct {
		name       string
		collection string
		peers      map[string]int
		want       string // "", "warning" or "error"
	}{
		{"three peers", "us-a", map[string]int{"UsHospital": 3}, ""},
		{"two peers", "us-a", map[string]int{"UsHospital": 2}, "warning"},
		{"one peer", "us-a", map[string]int{"UsHospital": 1}, "error"},
		{"no peer", "us-a", nil, "error"},
		{"members count together", "us-ab", map[string]int{"UsHospital": 2, "UsPayer": 1}, ""},
		{"one peer of each of two members", "us-ab", map[string]int{"UsHospital": 1, "UsPayer": 1}, "warning"},
		{"a member without peers", "us-ab", map[string]int{"UsHospital": 3}, "error"},
		{"a log", "us-a-log", map[string]int{"UsHospital": 1}, "error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			for _, f := range PeerCheck(p, c.peers) {
				if f.Collection != c.collection {
					continue
				}
				if got = "warning"; f.Error {
					got = "error"
				}
				if f.String()[:len(got)] != got {
					t.Error(f)
				}
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestMorePeersAreNeededForAHigherRequiredPeerCount(t *testing.T) {
	p := parse(t, mustEdit(t, mustEdit(t, base, "requiredPeerCount: 1", "requiredPeerCount: 2"), "maxPeerCount: 2", "maxPeerCount: 2"))
	found := PeerCheck(p, map[string]int{"UsHospital": 2, "UsPayer": 2, "WaClinic": 3, "EuHospital": 3})
	if len(found) != 3 || found[0].Collection != "us-a" || !found[0].Error || found[1].Error {
		t.Error(found)
	}
}
