// Command bare is the chaincode server of the benchmark: the contract of package
// chaincode with two more functions, the least a private put and a purge can be.
// All run in one process, under one definition and on one collection, so that
// nothing but their own work tells them apart.
//
// Bare takes a collection as argument and puts every field of the transient map
// into it, name as key; BarePurge purges the keys that the fields are named after.
// They check nothing. Never run them on a real network.
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

// Names of the added functions.
const (
	Put   = "Bare"
	Purge = "BarePurge"
)

type wrapped struct{ shim.Chaincode }

// Invoke implements [shim.Chaincode].
func (w wrapped) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	fn, args := stub.GetFunctionAndParameters()
	if (fn != Put && fn != Purge) || len(args) != 1 {
		return w.Chaincode.Invoke(stub)
	}
	fields, err := stub.GetTransient()
	if err != nil {
		return shim.Error(err.Error())
	}
	if fn == Purge {
		stub.StartWriteBatch() // thousands of keys
	}
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		if fn == Purge {
			err = stub.PurgePrivateData(args[0], key)
		} else {
			err = stub.PutPrivateData(args[0], key, fields[key])
		}
		if err != nil {
			return shim.Error(err.Error())
		}
	}
	if fn == Purge {
		if err := stub.FinishWriteBatch(); err != nil {
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
