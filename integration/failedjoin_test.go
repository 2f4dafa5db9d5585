package integration

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"domicile/chaincode/record"
	"domicile/integration/kit"
)

// union is what purge failed --join told.
type union struct {
	keys    map[string]failedLine
	missing []string // organisation or peer
}

// joined runs purge failed with more flags and wants it to end with the status.
func joined(t *testing.T, status int, id string, more ...string) union {
	t.Helper()
	a := must(testContext(t, patience), t, status, nil, append([]string{"purge", "failed", "--region", "us", "--json"}, more...)...)
	u := union{keys: map[string]failedLine{}}
	for d := json.NewDecoder(strings.NewReader(a.Out)); d.More(); {
		var l struct {
			failedLine
			Missing *struct{ Org, Peer string }
		}
		if err := d.Decode(&l); err != nil {
			t.Fatal(err)
		}
		if l.Missing != nil {
			u.missing = append(u.missing, l.Missing.Org+" "+l.Missing.Peer)
		}
		if strings.HasSuffix(l.Key, id) {
			u.keys[l.Key] = l.failedLine
		}
	}
	return u
}

// at reports whether a key was found on a peer of an organisation.
func at(l failedLine, org string) bool {
	return slices.ContainsFunc(l.Peers, func(p string) bool { return strings.HasSuffix(p, "."+org) })
}

// A jointly held collection is looked at by each of its holders' auditors on their own
// peers; one purges what all of them found, and hears who has not looked. Not parallel:
// it stops a node.
func TestI9_FindingsOfAllHoldersAreJoinedAndWhoIsMissingIsNamed(t *testing.T) {
	ctx := testContext(t, patience)
	rec, _ := refusedAttempt(ctx, t)
	hospital := []string{"--org", "UsHospital"}
	if u := joined(t, 0, rec.ID, hospital...); !slices.Equal(u.missing, []string{"UsPayer "}) {
		t.Errorf("alone, %q is named", u.missing)
	}
	payer, late := filepath.Join(t.TempDir(), "payer"), filepath.Join(t.TempDir(), "late")
	const away = "peer1.UsPayer"
	start := stopped(ctx, t, away)
	if u := joined(t, 1, rec.ID, "--org", "UsPayer", "-o", payer); !slices.Equal(u.missing, []string{"UsHospital ", "UsPayer " + away}) {
		t.Errorf("with a peer down the payer names %q", u.missing)
	}
	u := joined(t, 1, rec.ID, append(hospital, "--join", payer)...)
	if !slices.Equal(u.missing, []string{"UsPayer " + away}) {
		t.Errorf("joined, %q is named", u.missing)
	}
	key := record.RecordKey(rec.ID)
	if l := u.keys[key]; !at(l, "UsPayer") || !at(l, "UsHospital") || l.Purged {
		t.Errorf("the union says %+v", l)
	}
	start()
	// The peer is looked at once it runs; both findings together are complete.
	joined(t, 0, rec.ID, "--org", "UsPayer", "-o", late)
	u = joined(t, 0, rec.ID, append(hospital, "--join", payer+","+late, "--execute", "--authority", "test", "--reason", "residue")...)
	if len(u.missing) > 0 || !u.keys[key].Purged {
		t.Errorf("complete: missing %q, %+v", u.missing, u.keys[key])
	}
	err := kit.Eventually(ctx, func() error {
		if u := joined(t, 0, rec.ID, "--org", "UsPayer"); len(u.keys) > 0 {
			return fmt.Errorf("%+v", u.keys)
		}
		return nil
	})
	if err != nil {
		t.Errorf("after the purge peers of the other holder have its keys: %v", err)
	}
	// What is sealed for one region opens in no other.
	if a := domicile(ctx, nil, "purge", "failed", "--region", "eu", "--join", payer); a.Status != 1 || !strings.Contains(a.Words, "region's index key") {
		t.Errorf("another region joins it: %d %s", a.Status, a.Words)
	}
}
