package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"

	"domicile/chaincode/record"
	"domicile/gateway"
)

// A resource is put, read back, and checked against the public ledger as anybody
// could who is handed its salt and its bytes.
func Example() {
	ctx := context.Background()
	settings, err := gateway.LoadSettings(os.Getenv("DOMICILE_SETTINGS"))
	if err != nil {
		log.Fatal(err)
	}
	c, err := gateway.Open(ctx, settings)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	in := strings.NewReader(`{"resourceType":"Basic","id":"example"}`)
	for receipt, err := range c.Import(ctx, in, gateway.ImportOptions{}) {
		if err != nil {
			log.Fatal(err)
		}
		r, err := c.Get(ctx, receipt.ID)
		if errors.Is(err, gateway.ErrGone) {
			continue
		}
		if err != nil {
			log.Fatal(err)
		}
		verdict, err := c.Verify(ctx, r.ID, record.Hash(r.Salt, r.Bytes), gateway.From("eu"))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(r.ID, verdict.Match)
	}
}

// A service follows what is anchored and purged, and continues where it stopped.
func ExampleClient_Feed() {
	ctx := context.Background()
	var c *gateway.Client // from Open
	cp := gateway.NewFileCheckpoint("/var/lib/app/domicile.checkpoint")
	for e, err := range c.Feed(ctx, cp, gateway.FeedOptions{Region: "us"}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.Kind, e.ID)
	}
}

// What to do about an error follows from its code, never from its text.
func ExampleIDs() {
	err := fmt.Errorf("purging: %w", record.Fail(record.CodeHeld, "aaaaaaaaaaaaaaaaaaaaaaaaaa"))
	fmt.Println(errors.Is(err, gateway.ErrHeld), gateway.Retryable(err), gateway.IDs(err))
	// Output: true false [aaaaaaaaaaaaaaaaaaaaaaaaaa]
}
