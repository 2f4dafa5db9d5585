package integration

import (
	"context"
	"os"
	"strings"
	"testing"

	"domicile/chaincode/record"
)

// TestT03_PurgedKeysAreInNoLog: Fabric's default writes the raw key of everything it
// purges to the peer's log.
func TestT03_PurgedKeysAreInNoLog(t *testing.T) {
	t.Parallel()
	ctx := testContext(t, patience)
	rec, put := usA.put(encounter(longAgo, unique()))
	submit(ctx, t, put)
	submit(ctx, t, usA.purge(rec.ID))
	nodes, err := shared.Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		b, err := os.ReadFile(n.LogFile)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{record.RecordKey(rec.ID), record.MetaKey(rec.ID), rec.ID} {
			if strings.Contains(string(b), key) {
				t.Errorf("the log of %s holds a key of the purged record", n.Name)
			}
		}
	}
}

// TestT07_PurgesHaveOneShape: what a purge reads, writes and deletes in public does
// not depend on how many people a record was about, or on its size.
func TestT07_PurgesHaveOneShape(t *testing.T) {
	t.Parallel()
	ctx := testContext(t, patience)
	small := shapeOfPurge(ctx, t, encounter(longAgo, "x"), 0)
	large := shapeOfPurge(ctx, t, encounter(longAgo, strings.Repeat("y", 4000)), record.SubjectSlots)
	if small != large {
		t.Errorf("the shapes differ:\n%s\n%s", small, large)
	}
}

func shapeOfPurge(ctx context.Context, t *testing.T, body []byte, people int) string {
	t.Helper()
	rec := recordAbout(people)
	submit(ctx, t, usA.putAs(rec, body))
	r := submit(ctx, t, usA.purge(rec.ID))
	return shapeOf(t, block(ctx, t, r.Block), r.TxID)
}
