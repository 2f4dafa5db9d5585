package chaincode

import (
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"
)

// The in-memory ledger knows peers only, so no other test sees whom a policy names.
func TestI4_a_policy_key_asks_for_peers_and_nobody_else(t *testing.T) {
	e := &envelope{index: map[string]int32{}}
	peerOf("A").rule(e)
	if len(e.ids) != 1 || e.ids[0].PrincipalClassification != msp.MSPPrincipal_ROLE {
		t.Fatalf("%d principals", len(e.ids))
	}
	var role msp.MSPRole
	if err := proto.Unmarshal(e.ids[0].Principal, &role); err != nil || role.Role != msp.MSPRole_PEER || role.MspIdentifier != "A" {
		t.Errorf("the policy asks for a %s of %q (%v)", role.Role, role.MspIdentifier, err)
	}
}
