package gateway

import (
	"testing"

	"domicile/chaincode/record"
)

// Ids are public: equal ones would show that two holders keep the same file.
func TestTheSameImportElsewhereHasOtherIds(t *testing.T) {
	for name, o := range map[string]ImportOptions{"by its content": {}, "by a name": {Name: "monday"}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			seen := map[string]string{}
			add := func(rs []result) {
				t.Helper()
				noErrors(t, rs)
				for _, r := range rs {
					if at := seen[r.ID]; at != "" {
						t.Errorf("%s is in %s and in %s", r.ID, at, r.Collection)
					}
					seen[r.ID] = r.Collection
				}
			}
			add(runImport(t, w.ctx, w.open(), bundle(3), o))
			shared := o
			shared.Collection = "us-ab"
			add(runImport(t, w.ctx, w.open(), bundle(3), shared))
			w.s.Org = "UsPayer"
			add(runImport(t, w.ctx, w.open(), bundle(3), o))
		})
	}
}

func TestAnAnchorOfTheSameIDElsewhereIsNotTheRecordsOwn(t *testing.T) {
	w := newWorld(t)
	c := w.open()
	first := runImport(t, w.ctx, c, bundle(3), ImportOptions{NoAnchor: true})
	noErrors(t, first)
	w.ledger.with(func() {
		for _, r := range first {
			w.ledger.anchors[record.Ref{Collection: "eu-a", ID: r.ID}] = record.Anchor{Version: 1, Region: "eu", AnchorTx: "t"}
		}
	})
	noErrors(t, runImport(t, w.ctx, c, bundle(3), ImportOptions{}))
	for _, r := range first {
		if _, ok := w.ledger.anchors[record.Ref{Collection: r.Collection, ID: r.ID}]; !ok {
			t.Errorf("%s in %s stays without an anchor", r.ID, r.Collection)
		}
	}
}
