// Command bare is the chaincode server of the benchmark: the contract of package
// chaincode with one more function, the least a private put can be. Both run in
// one process, under one definition and on one collection, so that nothing but
// their own work tells them apart.
//
// Bare takes a collection as argument and puts every field of the transient map
// into it, name as key. It checks nothing. Never run it on a real network.
package main

import (
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"domicile/chaincode"
)

// Function is the name of the added function.
const Function = "Bare"

type wrapped struct{ shim.Chaincode }

// Invoke implements [shim.Chaincode].
func (w wrapped) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	fn, args := stub.GetFunctionAndParameters()
	if fn != Function || len(args) != 1 {
		return w.Chaincode.Invoke(stub)
	}
	fields, err := stub.GetTransient()
	if err != nil {
		return shim.Error(err.Error())
	}
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		if err := stub.PutPrivateData(args[0], key, fields[key]); err != nil {
			return shim.Error(err.Error())
		}
	}
	return shim.Success(nil)
}

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
}

// serve takes the environment that chaincode/ccaas takes.
func serve() error {
	msp := os.Getenv("CORE_PEER_LOCALMSPID")
	cc, err := chaincode.New(chaincode.WithPeerMSP(func() (string, error) { return msp, nil }))
	if err != nil {
		return err
	}
	var pem [3][]byte
	for i, name := range []string{"CHAINCODE_TLS_CERT_FILE", "CHAINCODE_TLS_KEY_FILE", "CHAINCODE_TLS_CLIENT_CA_FILE"} {
		if pem[i], err = os.ReadFile(os.Getenv(name)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	server := shim.ChaincodeServer{
		CCID: os.Getenv("CHAINCODE_ID"), Address: os.Getenv("CHAINCODE_SERVER_ADDRESS"), CC: wrapped{cc},
		TLSProps: shim.TLSProperties{Cert: pem[0], Key: pem[1], ClientCACerts: pem[2]},
	}
	return server.Start()
}
