package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
	"domicile/integration/kit"
)

// failedLine is one line of purge failed --json.
type failedLine struct {
	Collection, Key, Code, Kept string
	Purged                      bool
	Peers                       []string
}

// failedKeys runs purge failed and returns its lines about one record.
func failedKeys(t *testing.T, id string, more ...string) map[string]failedLine {
	t.Helper()
	a := must(testContext(t, patience), t, 0, nil, append([]string{"purge", "failed", "--region", "us", "--org", "UsHospital", "--json"}, more...)...)
	out := map[string]failedLine{}
	d := json.NewDecoder(strings.NewReader(a.Out))
	for d.More() {
		var l failedLine
		if err := d.Decode(&l); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(l.Key, id) {
			out[l.Key] = l
		}
	}
	return out
}

// refusedAttempt puts a record of two holders with the endorsement of one: the validators refuse it,
// and its bytes stay with the peers.
func refusedAttempt(ctx context.Context, t *testing.T) (record.PutRecord, chaincodetest.Call) {
	t.Helper()
	rec, put := usAB.put(encounter(longAgo, unique()))
	put.Endorsers = []string{"UsHospital"}
	r, err := shared.Submit(ctx, put)
	if err != nil || r.Code != policyFailure {
		t.Fatalf("%v %v", r, err)
	}
	if err := shared.heights.wait(ctx, r.Block); err != nil {
		t.Fatal(err)
	}
	return rec, put
}

// Ground failed (I9): every member peer's stream is searched for the keys of refused
// attempts, and only keys without a live hash are purged.
func TestI9_BytesOfRefusedAttemptsAreFoundOnEveryPeerAndPurgedUnlessARecordLives(t *testing.T) {
	t.Parallel()
	ctx := testContext(t, patience)
	rec, put := refusedAttempt(ctx, t)
	want := []string{record.RecordKey(rec.ID), record.MetaKey(rec.ID)}
	found := failedKeys(t, rec.ID)
	for _, k := range want {
		if l := found[k]; l.Collection != "us-ab" || l.Purged || len(l.Peers) == 0 || l.Code == "" {
			t.Errorf("%s: %+v", k, l)
		}
	}
	// The same id is put properly: now the keys belong to a record.
	put.Endorsers = usAB.members
	if r, err := shared.Submit(ctx, put); err != nil || r.Code != "VALID" {
		t.Fatalf("%v %v", r, err)
	}
	execute := []string{"--execute", "--authority", "test", "--reason", "residue"}
	found = failedKeys(t, rec.ID, execute...)
	for _, k := range want {
		if l := found[k]; l.Purged || l.Kept != "belongs to a record" {
			t.Errorf("a live record's %s: %+v", k, l)
		}
	}
	// Another one that stays refused is purged, and then no stream has it any more.
	gone, _ := refusedAttempt(ctx, t)
	for k, l := range failedKeys(t, gone.ID, execute...) {
		if !l.Purged {
			t.Errorf("%s: %+v", k, l)
		}
	}
	err := kit.Eventually(ctx, func() error {
		if n := len(failedKeys(t, gone.ID)); n > 0 {
			return fmt.Errorf("%d keys", n)
		}
		return nil
	})
	if err != nil {
		t.Errorf("the purged keys are still in a stream: %v", err)
	}
	if a := domicile(ctx, nil, "--as", "purger@UsHospital", "record", "get", "--region", "us", gone.ID); a.Status == 0 {
		t.Error("the refused attempt can be read")
	}
}
