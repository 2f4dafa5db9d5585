package chaincodetest_test

import (
	"testing"

	"domicile/chaincode/chaincodetest"
)

func TestConformance(t *testing.T) {
	n := chaincodetest.Start(t, chaincodetest.Options{}) // shared, as a real network would be
	chaincodetest.Exercise(t, func(*testing.T) chaincodetest.Network { return n })
}
