package gateway

import (
	"context"
	"slices"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"

	"domicile/chaincode/record"
	"domicile/erasure/certificate"
)

// PurgeBlocks tells which block purged each record, by what a peer of the client's own
// organisation has: of pending evidence by the transaction that left it, of other
// records by their tombstones, which are public. A record of which the peer knows
// neither is left out.
func (c *Client) PurgeBlocks(ctx context.Context, pending []Evidence, others []record.Ref) (map[record.Ref]uint64, error) {
	out := map[record.Ref]uint64{}
	numbers := map[string]uint64{} // by transaction; 0: the peer does not know it
	for _, e := range pending {
		n, asked := numbers[e.Tx]
		if !asked {
			l := newBlockLookup(c) // not kept: blocks of many purges are large together
			b, err := l.of(ctx, e.Tx)
			if err != nil {
				return nil, err
			}
			n = b.GetHeader().GetNumber()
			numbers[e.Tx] = n
		}
		if n > 0 {
			out[e.Ref] = n
		}
	}
	others = slices.DeleteFunc(slices.Clone(others), func(r record.Ref) bool { _, known := out[r]; return known })
	for chunk := range slices.Chunk(others, record.MaxRecords) {
		l := newBlockLookup(c)
		if err := l.byTombstone(ctx, chunk, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// blockLookup fetches each block once, and keeps it.
type blockLookup struct {
	c      *Client
	blocks map[string]*common.Block
}

func newBlockLookup(c *Client) blockLookup {
	return blockLookup{c: c, blocks: map[string]*common.Block{}}
}

// of is the block of a transaction, nil when the peer does not know it.
func (l *blockLookup) of(ctx context.Context, txID string) (*common.Block, error) {
	if b, ok := l.blocks[txID]; ok {
		return b, nil
	}
	b, err := l.c.block(ctx, "GetBlockByTxID", txID)
	if err != nil && record.CodeOf(err) != record.CodeAbsent {
		return nil, err
	}
	l.blocks[txID] = b
	return b, nil
}

func (l *blockLookup) byTombstone(ctx context.Context, refs []record.Ref, out map[record.Ref]uint64) error {
	var ids []string
	for _, r := range refs {
		if !slices.Contains(ids, r.ID) {
			ids = append(ids, r.ID)
		}
	}
	proofs, err := l.c.Proof(ctx, ids)
	if err != nil {
		return err
	}
	for _, p := range proofs {
		r := record.Ref{Collection: p.Collection, ID: p.ID}
		if p.TombstoneTx == "" || !slices.Contains(refs, r) {
			continue
		}
		b, err := l.of(ctx, p.TombstoneTx)
		if err != nil {
			return err
		}
		if n, ok := certificate.PurgeBlock(b, p.TombstoneTx, r); ok {
			out[r] = n
		}
	}
	return nil
}
