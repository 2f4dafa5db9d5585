package chaincode_test

import (
	"fmt"

	"domicile/chaincode"
)

// A server of one organisation's peers makes the contract once and serves it to
// all of them; see domicile/chaincode/ccaas.
func ExampleNew() {
	cc, err := chaincode.New(chaincode.WithPeerMSP(func() (string, error) { return "UsHospital", nil }))
	fmt.Println(cc != nil, err)
	// Output: true <nil>
}
