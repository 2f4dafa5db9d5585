package purge

import (
	"context"
	"crypto/rand"

	"domicile/chaincode/record"
)

// Ledger is what purging needs of one region's ledger: a gateway client, or a
// test's. Implementations name the region; the caller's identity needs the role
// purger (officer is enough for Due and Inspect).
//
// Consistency: Due is a hint from an index, possibly stale, and may miss what was
// written a moment ago. Inspect reads each record by its own key and is what
// decisions rest on; the contract checks them once more.
//
// Durability: Purge and Tombstone return nil only after the transaction was
// committed as valid. After an error the outcome may be either; the caller finds
// out with Inspect.
//
// Idempotence: a second Purge of the same records answers GONE; a second Tombstone
// changes nothing and succeeds. So both may be repeated, by several processes at
// once: of two racing purges one wins and the other gets CONFLICT or GONE, of two that
// settle the same tombstones CONFLICT or SETTLED.
//
// Errors carry a [record.Code]. A refusal that concerns some records of a request
// only (NOT_DUE, HELD, GONE, ABSENT, LIVE) names their ids in its detail, and then
// nothing of the request took effect.
//
// Methods may be called from several goroutines.
type Ledger interface {
	// Due returns one page of what is to be purged from a collection: the due
	// index up to and including the day before (YYYY-MM-DD), then records
	// that are gone without a tombstone. after is the Next of the page before.
	Due(ctx context.Context, collection, before, after string) (record.Page, error)
	// Inspect returns the state of 1 to [record.MaxRecords] records.
	Inspect(ctx context.Context, collection string, ids []string) ([]record.State, error)
	// Purge purges the records of the request. Version, region and seed are
	// the implementation's to fill in where they are zero.
	Purge(ctx context.Context, request record.PurgeRequest) (Receipt, error)
	// Tombstone has at least two regions confirm that 1 to
	// [record.MaxRecords] records are gone.
	Tombstone(ctx context.Context, refs []record.Ref) (Receipt, error)
}

// Peers is what pacing needs to know of the peers that keep plaintext of the
// region: a gateway client, or a test's.
type Peers interface {
	// Heights asks every peer how many blocks it has processed, one entry for
	// each in a fixed order. A peer that does not answer has an error of its
	// own; the method fails only when none can be asked. It returns within
	// seconds, whatever the peers do.
	Heights(ctx context.Context) ([]Height, error)
	// Heartbeat commits a transaction that changes nothing and names nobody,
	// so that an idle channel gets a block.
	Heartbeat(ctx context.Context) (Receipt, error)
}

// Height is how many blocks one peer has processed: with height h its last block
// has the number h-1, and the sweep that block asked for has begun.
type Height struct {
	Peer   string
	Height uint64
	Err    error // it did not answer; Height means nothing
}

// Receipt names the committed transaction of a write.
type Receipt struct {
	TxID  string `json:"txId,omitempty"`
	Block uint64 `json:"block,omitempty"`
	// WithoutEvidence: a purge left nothing that operators could look for.
	WithoutEvidence bool `json:"withoutEvidence,omitempty"`
}

// DryRun returns a Ledger that reads from l and writes nothing: Purge and Tombstone
// succeed with an empty [Receipt]. Records that it pretended to purge are still
// there when they are read again.
func DryRun(l Ledger) Ledger { return dryRun{l} }

type dryRun struct{ Ledger }

func (dryRun) Purge(context.Context, record.PurgeRequest) (Receipt, error) {
	return Receipt{}, nil
}

func (dryRun) Tombstone(context.Context, []record.Ref) (Receipt, error) {
	return Receipt{}, nil
}

// newSeed returns the fresh random bytes every private write carries.
func newSeed() []byte {
	b := make([]byte, record.SeedLen)
	rand.Read(b) //nolint:errcheck // never fails
	return b
}
