package chaincode

import (
	"encoding/json"

	"domicile/chaincode/record"

	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"
)

// contract holds the functions that the contract API dispatches to. Arguments
// and results are strings, which it passes on as they are.
type contract struct {
	contractapi.Contract
	peerMSP  func() (string, error)
	policies *cache
}

type context = contractapi.TransactionContextInterface

// Write is [record.FuncWrite].
func (c *contract) Write(ctx context) error {
	_, err := c.private(ctx, writes, false)
	return coding(err)
}

// Read is [record.FuncRead]. The key is looked at before anything is read.
func (c *contract) Read(ctx context) (string, error) {
	transient, err := ctx.GetStub().GetTransient()
	if err != nil {
		return "", internal("transient map")
	}
	key := transient[record.FieldKey]
	if len(key) != record.SealKeyLen {
		return "", record.Fail(record.CodeNoKey, "transient field key must hold 32 bytes")
	}
	answer, err := c.private(ctx, reads, true)
	if err != nil {
		return "", coding(err)
	}
	sealed, err := record.Seal(key, ctx.GetStub().GetTxID(), answer)
	if err != nil {
		return "", internal("sealing the answer")
	}
	return string(sealed), nil
}

// Anchor is [record.FuncAnchor].
func (c *contract) Anchor(ctx context, request string) error {
	return public(c, ctx, request, c.anchor)
}

// Tombstone is [record.FuncTombstone].
func (c *contract) Tombstone(ctx context, request string) error {
	return public(c, ctx, request, c.tombstone)
}

// Proof is [record.FuncProof].
func (c *contract) Proof(ctx context, request string) (string, error) {
	return answer(c, ctx, request, c.proof)
}

// Verify is [record.FuncVerify].
func (c *contract) Verify(ctx context, request string) (string, error) {
	return answer(c, ctx, request, c.verify)
}

// public runs a function that writes public state and answers nothing.
func public[T any](c *contract, ctx context, request string, run func(context, *T) error) error {
	req := new(T)
	if err := c.openPublic(ctx, request, req); err != nil {
		return coding(err)
	}
	return coding(run(ctx, req))
}

// answer runs a function that reads public state.
func answer[T, A any](c *contract, ctx context, request string, run func(context, *T) (A, error)) (string, error) {
	req := new(T)
	if err := c.openPublic(ctx, request, req); err != nil {
		return "", coding(err)
	}
	a, err := run(ctx, req)
	if err != nil {
		return "", coding(err)
	}
	return asJSON(a)
}

func asJSON(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", internal("encoding the answer")
	}
	return string(b), nil
}

// openPublic refuses transient data: a public function needs none, and whatever
// it holds would reach peers of other regions.
func (c *contract) openPublic(ctx context, request string, req any) error {
	if err := noTransient(ctx); err != nil {
		return err
	}
	return decodeStrict([]byte(request), req)
}

func noTransient(ctx context) error {
	transient, err := ctx.GetStub().GetTransient()
	if err != nil {
		return internal("transient map")
	}
	if len(transient) > 0 {
		return record.Fail(record.CodeBadRequest, "a public function takes no transient data")
	}
	return nil
}

// coding makes sure that an error has a code and no other text than our own.
func coding(err error) error {
	if err == nil || record.CodeOf(err) != "" {
		return err
	}
	return internal("an error without a code")
}

func internal(where string) error { return record.Fail(record.CodeInternal, where+" failed") }

func version(v int) error {
	if v != record.Version {
		return record.Fail(record.CodeVersion, "field v must be 1")
	}
	return nil
}
