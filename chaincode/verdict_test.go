package chaincode

import (
	"encoding/hex"
	"strings"
	"testing"

	"domicile/chaincode/record"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
)

// hashStub has one private data hash.
type hashStub struct {
	shim.ChaincodeStubInterface
	hash []byte
}

func (s hashStub) GetPrivateDataHash(string, string) ([]byte, error) { return s.hash, nil }

// All peers of the in-memory ledger share their hashes, so none differs there.
func TestI6_a_peer_whose_own_hash_differs_says_so_and_matches_nothing(t *testing.T) {
	anchored, other := strings.Repeat("ab", 32), strings.Repeat("cd", 32)
	for name, c := range map[string]struct {
		own   string // "" for none
		match bool
	}{
		"the same hash":                   {anchored, true},
		"another hash":                    {other, false},
		"none: purged and not yet buried": {"", true},
	} {
		var stub hashStub
		if c.own != "" {
			stub.hash, _ = hex.DecodeString(c.own)
		}
		p := record.Proof{Collection: "us-a", ID: record.NewID(), State: record.StateActive, Hash: anchored}
		v, err := verdict(stub, p, anchored)
		if err != nil || v.Match != c.match || v.PeerHash != c.own {
			t.Errorf("%s: %+v (%v)", name, v, err)
		}
	}
}
