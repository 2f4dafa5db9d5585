package chaincodetest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"

	"domicile/chaincode/record"
)

// Identity is who makes a call. Org is an MSP id of the demo policy. Role is one
// of [record.Roles], [SecondOfficer], [Admin], or empty for a member whose
// certificate carries no role code.
type Identity struct{ Org, Role string }

const (
	// Admin is the role of an administrator's [Identity].
	Admin = "admin"
	// SecondOfficer is the role of an [Identity] with the role code of an officer
	// and a certificate of its own: another person.
	SecondOfficer = "officer2"
	// RenewedOfficer is the role of an [Identity] that is the officer with another
	// certificate: the same person. [Memory] alone has it.
	RenewedOfficer = "officer, renewed"
	// Operator is the role of an [Identity] that may sign attestations and has no
	// role code. Known to [Memory] only.
	Operator = "operator"
)

// Call is one invocation of the contract. Endorsers are organisations, one peer
// of each; none for a submission means that the network plans it. An evaluation
// goes to a peer of the first of them, or of the caller's organisation.
type Call struct {
	As        Identity
	Function  string
	Args      []string
	Transient map[string][]byte
	Endorsers []string
}

// Receipt is the fate of an ordered transaction. Code is the name of Fabric's
// validation code; "VALID" means that it took effect.
type Receipt struct {
	TxID  string
	Block uint64
	Code  string
}

// Valid is the [Receipt] code of a transaction that took effect.
const Valid = "VALID"

// Network is a channel on which the contract runs with the demo policy in force,
// the private part of each log collection set, and certificates whose codes map
// to the roles of [Identity]. It may be shared: tests isolate themselves by
// fresh ids.
type Network interface {
	// Submit endorses, orders and waits for the commit. A refused endorsement is
	// an error whose text holds the contract's code; a transaction that the
	// validators refused is a Receipt with another code than "VALID".
	Submit(ctx context.Context, c Call) (Receipt, error)
	// Evaluate returns the contract's answer without ordering anything.
	Evaluate(ctx context.Context, c Call) ([]byte, error)
	// SubmitTogether endorses all calls first, then has them ordered in this
	// order, in as few blocks as possible.
	SubmitTogether(ctx context.Context, calls []Call) ([]Receipt, error)
	// Block returns the bytes of one block as members of the channel get it.
	Block(ctx context.Context, number uint64) ([]byte, error)
}

// Write makes the call of a private write, endorsed by these organisations.
func Write(as Identity, op string, req any, endorsers []string, bodies ...[]byte) Call {
	transient := map[string][]byte{record.FieldOp: []byte(op), record.FieldRequest: mustJSON(req)}
	for i, b := range bodies {
		transient[record.BodyField(i)] = b
	}
	return Call{As: as, Function: record.FuncWrite, Transient: transient, Endorsers: endorsers}
}

// Read makes the call of a private read at a peer of the organisation, with a
// fresh sealing key.
func Read(as Identity, op string, req any, org string) Call {
	return Call{
		As: as, Function: record.FuncRead, Endorsers: []string{org},
		Transient: map[string][]byte{
			record.FieldOp: []byte(op), record.FieldRequest: mustJSON(req), record.FieldKey: Random(record.SealKeyLen),
		},
	}
}

// Public makes the call of a public function with one JSON argument.
func Public(as Identity, function string, req any) Call {
	return Call{As: as, Function: function, Args: []string{string(mustJSON(req))}}
}

// Open unseals the answer of a [Read] call.
func (c Call) Open(sealed []byte) ([]byte, error) {
	return record.Open(c.Transient[record.FieldKey], sealed)
}

// Random returns n random bytes.
func Random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) //nolint:errcheck // never fails since Go 1.24
	return b
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("chaincodetest: %T cannot be JSON: %v", v, err))
	}
	return b
}
