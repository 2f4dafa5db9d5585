// Package purgetest is the real contract on an in-memory channel as a
// [purge.Ledger], for tests and benchmarks of purges at sizes that no network would
// hold. It counts what the ledger is asked for.
package purgetest

import (
	"context"
	"encoding/json"
	"fmt"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
	"domicile/purge"
)

// Where the records are.
const (
	Region     = "us"
	Org        = "UsHospital"
	Collection = "us-a"
)

// Ledger is a channel of the demo policy, seen by the purger of [Org].
type Ledger struct {
	*chaincodetest.Memory
	// Page is the most entries in an answer of Due. 0 means [record.MaxPage].
	Page int
}

var _ purge.Ledger = (*Ledger)(nil)

// New starts a channel.
func New(o chaincodetest.Options) (*Ledger, error) {
	m, err := chaincodetest.NewMemory(o)
	if err != nil {
		return nil, err
	}
	return &Ledger{Memory: m}, nil
}

func as(role string) chaincodetest.Identity {
	return chaincodetest.Identity{Org: Org, Role: role}
}

// Load puts n Encounters that ended on a day (YYYY-MM-DD), ten in a transaction.
func (l *Ledger) Load(ctx context.Context, n int, end string) error {
	body := fmt.Appendf(nil, `{"resourceType":"Encounter","status":"finished","class":{"code":"AMB"},"period":{"end":%q}}`, end)
	for n > 0 {
		q := record.PutRequest{Version: record.Version, Region: Region, Collection: Collection}
		var bodies [][]byte
		for range min(n, record.BatchRecords) {
			q.Records = append(q.Records, record.PutRecord{ID: record.NewID(), Seed: chaincodetest.Random(record.SeedLen)})
			bodies = append(bodies, body)
		}
		if _, err := l.write(ctx, chaincodetest.Write(as(record.RoleWriter), record.OpPut, q, []string{Org}, bodies...)); err != nil {
			return err
		}
		n -= len(q.Records)
	}
	return nil
}

// coded gives an error of the contract its code, as a client does.
func coded(err error) error {
	if e, ok := record.ParseError(err.Error()); ok {
		return e
	}
	return err
}

func (l *Ledger) read(ctx context.Context, op string, request, answer any) error {
	call := chaincodetest.Read(as(record.RolePurger), op, request, Org)
	sealed, err := l.Evaluate(ctx, call)
	if err != nil {
		return coded(err)
	}
	b, err := call.Open(sealed)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, answer)
}

func (l *Ledger) write(ctx context.Context, call chaincodetest.Call) (purge.Receipt, error) {
	r, err := l.Submit(ctx, call)
	switch {
	case err != nil:
		return purge.Receipt{}, coded(err)
	case r.Code == "MVCC_READ_CONFLICT":
		return purge.Receipt{}, record.Fail(record.CodeConflict, r.TxID)
	case r.Code != chaincodetest.Valid:
		return purge.Receipt{}, record.Fail(record.CodeInvalidated, r.Code)
	}
	return purge.Receipt{TxID: r.TxID, Block: r.Block}, nil
}

// Due implements [purge.Ledger].
func (l *Ledger) Due(ctx context.Context, collection, before, after string) (record.Page, error) {
	var p record.Page
	err := l.read(ctx, record.OpDue, record.DueRequest{
		Version: record.Version, Region: Region, Collection: collection, Before: before, After: after, Limit: l.Page,
	}, &p)
	return p, err
}

// Inspect implements [purge.Ledger].
func (l *Ledger) Inspect(ctx context.Context, collection string, ids []string) ([]record.State, error) {
	var s []record.State
	err := l.read(ctx, record.OpInspect, record.InspectRequest{Version: record.Version, Region: Region, Collection: collection, IDs: ids}, &s)
	return s, err
}

// Purge implements [purge.Ledger].
func (l *Ledger) Purge(ctx context.Context, q record.PurgeRequest) (purge.Receipt, error) {
	q.Region = Region
	return l.write(ctx, chaincodetest.Write(as(record.RolePurger), record.OpPurge, q, []string{Org}))
}

// Tombstone implements [purge.Ledger].
func (l *Ledger) Tombstone(ctx context.Context, refs []record.Ref) (purge.Receipt, error) {
	return l.write(ctx, chaincodetest.Public(as(record.RolePurger), record.FuncTombstone,
		record.TombstoneRequest{Version: record.Version, Region: Region, Records: refs}))
}
