package purge_test

import (
	"context"
	"fmt"

	"domicile/chaincode/record"
	"domicile/purge"
)

// quiet is a ledger with nothing to do; a real one is a gateway client.
type quiet struct{}

func (quiet) Due(context.Context, string, string, string) (record.Page, error) {
	return record.Page{}, nil
}

func (quiet) Inspect(context.Context, string, []string) ([]record.State, error) { return nil, nil }

func (quiet) Purge(context.Context, record.PurgeRequest) (purge.Receipt, error) {
	return purge.Receipt{}, nil
}

func (quiet) Tombstone(context.Context, []record.Ref) (purge.Receipt, error) {
	return purge.Receipt{}, nil
}

func ExampleRun() {
	var ledger purge.Ledger = quiet{}
	dry := purge.DryRun(ledger) // leave this out to purge
	result, err := purge.Run(context.Background(), dry, purge.Options{
		Collections: []string{"us-a", "us-a2"}, Before: "2026-06-01",
	})
	fmt.Println(result.Purged, result.Tombstoned, err)
	// Output: 0 0 <nil>
}
