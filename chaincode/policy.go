package chaincode

import (
	"encoding/hex"
	"strings"

	"domicile/chaincode/record"
	"domicile/collections"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
)

// policyPart is the value of one region's policy key.
type policyPart struct {
	key string
	raw []byte
}

// policyParts reads every region's part, in the order of the keys.
func policyParts(stub shim.ChaincodeStubInterface) ([]policyPart, error) {
	start, end := record.PolicyRange()
	return publicRange(stub, start, end)
}

func publicRange(stub shim.ChaincodeStubInterface, start, end string) ([]policyPart, error) {
	it, err := stub.GetStateByRange(start, end)
	if err != nil {
		return nil, internal("reading a public range")
	}
	defer it.Close()
	var out []policyPart
	for it.HasNext() {
		kv, err := it.Next()
		if err != nil {
			return nil, internal("reading a public range")
		}
		out = append(out, policyPart{kv.GetKey(), kv.GetValue()})
	}
	return out, nil
}

// inForce is the policy on the ledger, nil when there is none yet.
func inForce(stub shim.ChaincodeStubInterface) (*collections.Policy, error) {
	parts, err := policyParts(stub)
	if err != nil || len(parts) == 0 {
		return nil, err
	}
	raw := make([][]byte, len(parts))
	for i, p := range parts {
		raw[i] = p.raw
	}
	p, err := collections.Assemble(raw...)
	if err != nil {
		return nil, record.Fail(record.CodeBadPolicy, "the parts of the policy on the ledger do not fit together")
	}
	return p, nil
}

// Policy is [record.FuncPolicy].
func (c *contract) Policy(ctx context) (string, error) {
	if err := noTransient(ctx); err != nil {
		return "", err
	}
	p, err := inForce(ctx.GetStub())
	if err != nil {
		return "", coding(err)
	}
	if p == nil {
		return "", record.Fail(record.CodeNoPolicy, "no policy on the ledger")
	}
	return string(p.Public()), nil
}

// PolicyStatus is [record.FuncPolicyStatus].
func (c *contract) PolicyStatus(ctx context) (string, error) {
	if err := noTransient(ctx); err != nil {
		return "", err
	}
	s := record.PolicyStatus{Approvals: map[string]string{}}
	p, err := inForce(ctx.GetStub())
	if err != nil {
		return "", coding(err)
	}
	if p != nil {
		s.Committed = p.Digest()
	}
	prefix := record.ApproveKey("")
	given, err := publicRange(ctx.GetStub(), prefix, strings.TrimSuffix(prefix, "/")+"0")
	if err != nil {
		return "", coding(err)
	}
	for _, a := range given {
		s.Approvals[strings.TrimPrefix(a.key, prefix)] = string(a.raw)
	}
	return asJSON(s)
}

// PolicyApprove is [record.FuncPolicyApprove]. From the first approval on, only a
// peer of the organisation itself can endorse its next one: else two other
// regions together could write an approval in its name.
func (c *contract) PolicyApprove(ctx context, digest string) error {
	if err := noTransient(ctx); err != nil {
		return err
	}
	if b, err := hex.DecodeString(digest); err != nil || len(b) != 32 || hex.EncodeToString(b) != digest {
		return record.Fail(record.CodeBadRequest, "the digest is not 64 lower-case hex digits")
	}
	who, err := callerOf(ctx)
	if err != nil {
		return err
	}
	if !who.admin {
		return record.Fail(record.CodeForbidden, "only an administrator approves for an organisation")
	}
	stub := ctx.GetStub()
	key := record.ApproveKey(who.msp)
	if err := stub.PutState(key, []byte(digest)); err != nil {
		return internal("writing the approval")
	}
	return coding(guard(stub, key, outOf(1, peerOf(who.msp))))
}
