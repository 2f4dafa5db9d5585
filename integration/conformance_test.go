package integration

import (
	"testing"

	"domicile/chaincode/chaincodetest"
)

// TestConformance runs the contract's conformance suite, one test for each promise,
// on the real network: what holds in memory must hold here.
func TestConformance(t *testing.T) {
	t.Parallel()
	chaincodetest.Exercise(t, func(*testing.T) chaincodetest.Network { return shared })
}
