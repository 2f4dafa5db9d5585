package record_test

import (
	"bytes"
	"fmt"

	"domicile/chaincode/record"
)

// A verifier gets a resource and its salt from whoever may show it, the hash from
// the public ledger, and needs nothing else.
func Example() {
	salt := bytes.Repeat([]byte{0xab}, record.SaltLen)
	resource := []byte(`{"resourceType":"Patient"}`)
	onLedger := "41f6e4dfe3bc2d0f33d3c8367a57062853c55578cd792c2ae78ce4375e7f60ea"
	altered := bytes.Replace(resource, []byte("Patient"), []byte("Person"), 1)
	fmt.Println(record.Hash(salt, resource) == onLedger, record.Hash(salt, altered) == onLedger)
	// Output:
	// true false
}

func ExampleParseError() {
	e, ok := record.ParseError("chaincode response 500, HELD: aaaaaaaaaaaaaaaaaaaaaaaaaa")
	fmt.Println(ok, e.Code)
	info, _ := record.Explain(e.Code)
	fmt.Println(info.Fix)
	// Output:
	// true HELD
	// Release the hold first, with the authority to do so.
}
