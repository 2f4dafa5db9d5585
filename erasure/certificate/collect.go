package certificate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"google.golang.org/protobuf/proto"

	"domicile/chaincode/record"
)

// Newest asks a [Ledger] for the last block it has.
const Newest = math.MaxUint64

// ErrNotPurged is returned by [Collect] for a record without a tombstone.
var ErrNotPurged = errors.New("certificate: the record has no tombstone")

// Ledger is what [Collect] reads. Nobody has to trust it: [Verify] checks every answer.
type Ledger interface {
	// BlockByNumber returns a block, or the last one for [Newest].
	BlockByNumber(ctx context.Context, number uint64) (*common.Block, error)
	// BlockByTx returns the block that holds a transaction.
	BlockByTx(ctx context.Context, txID string) (*common.Block, error)
	// Proof returns the proof of a record and the payload (a common.Payload) of the transaction by which peers of at
	// least two regions endorsed this answer. It must never be submitted.
	Proof(ctx context.Context, r record.Ref) (p record.Proof, payload []byte, err error)
}

// Collect makes the certificate of a purged record. From the tombstone on each transaction names the one before it by
// the version of what it read. The error is [ErrNotPurged], the ledger's, or says which transaction is not what the
// contract makes; a certificate that [Verify] refuses is not returned.
func Collect(ctx context.Context, l Ledger, r record.Ref) (*Certificate, error) {
	proof, payload, err := l.Proof(ctx, r)
	if err != nil {
		return nil, err
	}
	if proof.State != record.StatePurged {
		return nil, fmt.Errorf("%w: record %s is %s", ErrNotPurged, r.ID, proof.State)
	}
	k := &collector{ledger: l, ref: r, kept: map[uint64]*common.Block{}}
	c := &Certificate{Version: Version, Kind: Kind, Channel: "", Chaincode: record.DefaultChaincode, Record: Record{Ref: r}}
	if c.Receipt, err = receipt(payload); err != nil {
		return nil, err
	}
	if err := k.transactions(ctx, c, proof.TombstoneTx); err != nil {
		return nil, err
	}
	if err := k.configurations(ctx, c); err != nil {
		return nil, err
	}
	genesis, err := k.finish(ctx, c)
	if err != nil {
		return nil, err
	}
	file, err := c.Encode()
	if err != nil {
		return nil, err
	}
	if _, err := Verify(file, genesis); err != nil {
		return nil, fmt.Errorf("the ledger's own blocks do not prove the destruction: %w", err)
	}
	return c, nil
}

func receipt(payload []byte) (Receipt, error) {
	p := &common.Payload{}
	if proto.Unmarshal(payload, p) != nil {
		return Receipt{}, fail("receipt", "does not decode")
	}
	r, err := split(p)
	return r, within("receipt", err)
}

type collector struct {
	ledger Ledger
	ref    record.Ref
	kept   map[uint64]*common.Block
}

// transactions finds the four transactions, last one first.
func (k *collector) transactions(ctx context.Context, c *Certificate, tombstone string) error {
	b, err := k.ledger.BlockByTx(ctx, tombstone)
	if err != nil {
		return fmt.Errorf("the block of the tombstone: %w", err)
	}
	var stone, purge, anchor, put *transaction
	for i := range b.GetData().GetData() {
		if t, err := at(b, uint64(i)); err == nil && t.txID() == tombstone {
			stone, c.Tombstone = t, k.keep(b, uint64(i), t)
		}
	}
	if stone == nil {
		return fail("tombstone", "is not in the block that the peer says")
	}
	for _, collection := range stone.set.collections {
		if v, ok := stone.set.read(private(collection, record.GoneKey(k.ref.Collection, k.ref.ID))); ok && v != nil {
			if purge, c.Purge, err = k.follow(ctx, v); err != nil {
				return fmt.Errorf("the purge: %w", err)
			}
		}
	}
	if purge == nil {
		return fail("tombstone", "does not name the purge")
	}
	last := purge
	if v, ok := stone.set.read(public(record.AnchorKey(k.ref.Collection, k.ref.ID))); ok && v != nil {
		c.Anchor = &Place{}
		if anchor, *c.Anchor, err = k.follow(ctx, v); err != nil {
			return fmt.Errorf("the anchor: %w", err)
		}
		last = anchor
	}
	own := private(k.ref.Collection, record.RecordKey(k.ref.ID))
	v, ok := last.set.read(own)
	if !ok || v == nil {
		return fail("purge", "does not name the put")
	}
	if put, c.Put, err = k.follow(ctx, v); err != nil {
		return fmt.Errorf("the put: %w", err)
	}
	c.Channel = put.channel.GetChannelId()
	if w, ok := put.set.write(own); ok {
		c.Record.Hash = fmt.Sprintf("%x", w.value)
	}
	return nil
}

// PurgeBlock reads from the block of a tombstone which block purged a record: the one whose entry in the register the
// tombstone's endorsers read. Nothing is checked.
func PurgeBlock(b *common.Block, tombstone string, r record.Ref) (number uint64, ok bool) {
	for i := range b.GetData().GetData() {
		t, err := at(b, uint64(i))
		if err != nil || t.txID() != tombstone {
			continue
		}
		for _, collection := range t.set.collections {
			if v, read := t.set.read(private(collection, record.GoneKey(r.Collection, r.ID))); read && v != nil {
				return v.GetBlockNum(), true
			}
		}
	}
	return 0, false
}

// at decodes one transaction of a block.
func at(b *common.Block, i uint64) (*transaction, error) {
	env, payload := &common.Envelope{}, &common.Payload{}
	if i >= uint64(len(b.GetData().GetData())) || proto.Unmarshal(b.GetData().GetData()[i], env) != nil || proto.Unmarshal(env.GetPayload(), payload) != nil {
		return nil, fail("", "does not decode")
	}
	parts, err := split(payload)
	if err != nil {
		return nil, err
	}
	return decodeTransaction(parts)
}

// follow fetches the transaction that a version names.
func (k *collector) follow(ctx context.Context, v *kvrwset.Version) (*transaction, Place, error) {
	b, ok := k.kept[v.GetBlockNum()]
	if !ok {
		var err error
		if b, err = k.ledger.BlockByNumber(ctx, v.GetBlockNum()); err != nil {
			return nil, Place{}, err
		}
	}
	t, err := at(b, v.GetTxNum())
	if err != nil {
		return nil, Place{}, err
	}
	return t, k.keep(b, v.GetTxNum(), t), nil
}

func (k *collector) keep(b *common.Block, i uint64, t *transaction) Place {
	k.kept[b.GetHeader().GetNumber()] = b
	return Place{Block: b.GetHeader().GetNumber(), Tx: i, TxID: t.txID()}
}

// configurations walks back from the last configuration: the block before a configuration names the one before it.
func (k *collector) configurations(ctx context.Context, c *Certificate) error {
	c.Configurations = []uint64{}
	for next := uint64(Newest); next != 0; {
		b, err := k.ledger.BlockByNumber(ctx, next)
		if err != nil {
			return fmt.Errorf("a block for its last configuration: %w", err)
		}
		signed, err := newBlock(b)
		if err != nil {
			return fmt.Errorf("block %d: %w", b.GetHeader().GetNumber(), err)
		}
		last, err := signed.lastConfig()
		if err != nil || last > signed.Number {
			return fmt.Errorf("block %d does not name the last configuration", signed.Number)
		}
		if last == 0 {
			break
		}
		config, err := k.ledger.BlockByNumber(ctx, last)
		if err != nil {
			return fmt.Errorf("configuration block %d: %w", last, err)
		}
		k.kept[last] = config
		c.Configurations = append(c.Configurations, last)
		next = last - 1
	}
	slices.Reverse(c.Configurations)
	return nil
}

// finish adds the blocks and returns the genesis block.
func (k *collector) finish(ctx context.Context, c *Certificate) (genesis []byte, err error) {
	for _, n := range slices.Sorted(maps.Keys(k.kept)) {
		b, err := newBlock(k.kept[n])
		if err != nil {
			return nil, fmt.Errorf("block %d: %w", n, err)
		}
		c.Blocks = append(c.Blocks, b)
	}
	first, err := k.ledger.BlockByNumber(ctx, 0)
	if err != nil {
		return nil, fmt.Errorf("the genesis block: %w", err)
	}
	b := Block{PreviousHash: first.GetHeader().GetPreviousHash(), DataHash: first.GetHeader().GetDataHash()}
	c.Genesis = fmt.Sprintf("%x", b.hash())
	return proto.Marshal(first)
}
