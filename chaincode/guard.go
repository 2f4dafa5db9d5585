package chaincode

import (
	"bytes"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"
)

// guarding is a key-level endorsement policy in the making. The shim's helper
// can only demand all of a list of organisations; regions need OutOf and OR.
type guarding interface {
	rule(*envelope) *common.SignaturePolicy
}

type envelope struct {
	ids   []*msp.MSPPrincipal
	index map[string]int32
}

type peerOf string // any peer of this MSP

type threshold struct {
	n    int32
	subs []guarding
}

func outOf(n int, subs ...guarding) threshold { return threshold{int32(n), subs} }

func (p peerOf) rule(e *envelope) *common.SignaturePolicy {
	i, ok := e.index[string(p)]
	if !ok {
		role, err := proto.Marshal(&msp.MSPRole{MspIdentifier: string(p), Role: msp.MSPRole_PEER})
		if err != nil {
			panic("chaincode: marshalling a role cannot fail")
		}
		i = int32(len(e.ids))
		e.index[string(p)] = i
		e.ids = append(e.ids, &msp.MSPPrincipal{PrincipalClassification: msp.MSPPrincipal_ROLE, Principal: role})
	}
	return &common.SignaturePolicy{Type: &common.SignaturePolicy_SignedBy{SignedBy: i}}
}

func (t threshold) rule(e *envelope) *common.SignaturePolicy {
	out := &common.SignaturePolicy_NOutOf{N: t.n}
	for _, s := range t.subs {
		out.Rules = append(out.Rules, s.rule(e))
	}
	return &common.SignaturePolicy{Type: &common.SignaturePolicy_NOutOf_{NOutOf: out}}
}

// guard makes a key's next writes need these endorsements, when it does not ask
// for them already: changing a key's policy twice in one block invalidates the
// later transaction.
func guard(stub shim.ChaincodeStubInterface, key string, g guarding) error {
	e := &envelope{index: map[string]int32{}}
	rule := g.rule(e)
	want, err := proto.MarshalOptions{Deterministic: true}.Marshal(&common.SignaturePolicyEnvelope{Rule: rule, Identities: e.ids})
	if err != nil {
		return internal("encoding an endorsement policy")
	}
	have, err := stub.GetStateValidationParameter(key)
	if err != nil {
		return internal("reading an endorsement policy")
	}
	if bytes.Equal(have, want) {
		return nil
	}
	if err := stub.SetStateValidationParameter(key, want); err != nil {
		return internal("setting an endorsement policy")
	}
	return nil
}
