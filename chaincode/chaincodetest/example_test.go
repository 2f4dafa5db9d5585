package chaincodetest_test

import (
	"context"
	"fmt"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
)

// A record is put in one region, and a peer of another tells its state.
func Example() {
	ctx := context.Background()
	n, err := chaincodetest.NewMemory(chaincodetest.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	id := record.NewID()
	put := chaincodetest.Write(chaincodetest.Identity{Org: "UsHospital", Role: record.RoleWriter}, record.OpPut, record.PutRequest{
		Version: record.Version, Region: "us", Collection: "us-a",
		Records: []record.PutRecord{{ID: id, Seed: chaincodetest.Random(record.SeedLen)}},
	}, []string{"UsHospital"}, []byte(`{"resourceType":"Patient"}`))
	receipt, err := n.Submit(ctx, put)
	fmt.Println(receipt.Code, err)

	ask := chaincodetest.Public(chaincodetest.Identity{Org: "EuHospital"}, record.FuncProof, record.ProofRequest{Version: record.Version, IDs: []string{id}})
	_, err = n.Evaluate(ctx, ask)
	fmt.Println("proof", err)
	// Output:
	// VALID <nil>
	// proof <nil>
}
