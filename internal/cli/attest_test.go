package cli

import (
	"bytes"
	"strings"
	"testing"

	"domicile/chaincode/record"
	"domicile/gateway"
	"domicile/purge"
)

func TestARunThatMetAnotherSaysWhatThatMayHaveLeft(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		result  purge.Result
		execute bool
		want    bool
	}{
		{"alone", purge.Result{Purged: 3}, true, false},
		{"a record was gone when its turn came", purge.Result{Skipped: map[record.Code]int{record.CodeGone: 1}}, true, true},
		{"a transaction met another", purge.Result{Conflicts: 1}, true, true},
		{"a dry run", purge.Result{Conflicts: 1}, false, false},
	} {
		var words bytes.Buffer
		a := &app{err: &words}
		a.sayPurged(&c.result, nil, c.execute)
		if got := strings.Contains(words.String(), "domicile purge failed"); got != c.want {
			t.Errorf("%s: %s", c.name, words.String())
		}
	}
}

// More records wait than one attestation can name: search after search comes to all.
func TestSearchesOneAfterAnotherComeToEveryRecord(t *testing.T) {
	t.Parallel()
	var pending []gateway.Evidence
	for range 7 {
		pending = append(pending, gateway.Evidence{Ref: record.Ref{Collection: "us-a", ID: record.NewID()}})
	}
	register := func(r record.Registration, list []gateway.Evidence) {
		for _, e := range list {
			for i := range pending {
				if pending[i].Ref == e.Ref {
					pending[i].Attested = append(pending[i].Attested, r)
				}
			}
		}
	}
	register(record.Registration{Org: "UsPayer"}, pending)                                         // another holder
	register(record.Registration{Org: "UsHospital", Search: record.Search{Found: 1}}, pending[:1]) // not clean
	seen := map[string]bool{}
	for range 3 {
		chosen := mostInNeed(pending, "UsHospital", 3)
		if len(chosen) != 3 {
			t.Fatalf("%d chosen", len(chosen))
		}
		for _, e := range chosen {
			seen[e.ID] = true
		}
		register(record.Registration{Org: "UsHospital"}, chosen)
	}
	if len(seen) != len(pending) {
		t.Errorf("%d of %d records were searched for", len(seen), len(pending))
	}
	if got := mostInNeed(pending, "UsHospital", 100); len(got) != len(pending) {
		t.Errorf("%d of all", len(got))
	}
}
