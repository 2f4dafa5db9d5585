package certificate

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"google.golang.org/protobuf/proto"

	"domicile/chaincode/record"
)

// minRegions is the number of regions whose peers must have signed anchor, tombstone and receipt.
const minRegions = 2

// Verify checks a certificate (the file's bytes) with the genesis block of the channel (a protobuf common.Block). The
// error is a [*Mismatch] that names the first field that does not hold; then the certificate proves nothing.
func Verify(file, genesis []byte) (*Report, error) {
	c, err := Decode(file)
	if err != nil {
		return nil, err
	}
	v := &verifier{c: c, blocks: map[uint64]int{}, used: map[uint64]bool{}}
	if err := v.ledger(genesis); err != nil {
		return nil, err
	}
	if err := v.transactions(); err != nil {
		return nil, err
	}
	return v.report()
}

type verifier struct {
	c       *Certificate
	blocks  map[uint64]int // number to index in c.Blocks
	used    map[uint64]bool
	configs []*configuration // ascending

	put, anchor, purge, tombstone, receipt *event
	log                                    string // the collection of the register
	doc                                    record.Anchor
	gone                                   *record.Gone
	register                               []byte // hash of the register's entry
}

// event is a checked transaction.
type event struct {
	*transaction
	place   Place
	creator string   // MSP id of who proposed it
	orgs    []string // MSP ids of the endorsing peers, sorted
	regions []string
}

// ledger checks everything about blocks: the configurations from the genesis block on, then each block's data and
// signatures.
func (v *verifier) ledger(genesis []byte) error {
	hash, cfg, err := openGenesis(genesis)
	if err != nil {
		return within("genesis", err)
	}
	if v.c.Genesis != hash {
		return fail("genesis", "the certificate is of the channel whose genesis block has the hash %.64q, the given block has %s", v.c.Genesis, hash)
	}
	if v.c.Channel != cfg.channel {
		return fail("channel", "the genesis block is of another channel")
	}
	v.configs = []*configuration{cfg}
	for i := range v.c.Blocks {
		if err := v.block(i); err != nil {
			return within(fmt.Sprintf("blocks[%d]", i), err)
		}
	}
	if len(v.c.Configurations) != len(v.configs)-1 {
		return fail("configurations", "lists blocks that are not among the blocks")
	}
	return nil
}

// block checks one block against the configuration in force before it.
func (v *verifier) block(i int) error {
	b, cfg := &v.c.Blocks[i], v.configs[len(v.configs)-1]
	if b.Number == 0 || i > 0 && b.Number <= v.c.Blocks[i-1].Number {
		return fail("number", "blocks must ascend, without the genesis block")
	}
	if i > 0 && b.Number == v.c.Blocks[i-1].Number+1 && !bytes.Equal(b.PreviousHash, v.c.Blocks[i-1].hash()) {
		return fail("previousHash", "is not the hash of the block before")
	}
	v.blocks[b.Number] = i
	if err := b.intact(); err != nil {
		return err
	}
	if err := b.signed(cfg); err != nil {
		return err
	}
	last, err := b.lastConfig()
	if err != nil {
		return err
	}
	n := len(v.configs) - 1
	if n >= len(v.c.Configurations) || v.c.Configurations[n] != b.Number {
		if last != cfg.block {
			return fail("metadata", "the orderers say that block %d was the last configuration, the file's is %d", last, cfg.block)
		}
		return nil
	}
	next, err := readConfiguration(b.Number, b.Data)
	if err != nil {
		return within("data[0]", err)
	}
	if last != b.Number || next.sequence != cfg.sequence+1 || next.channel != cfg.channel {
		return fail("data[0]", "is not the configuration that follows number %d of this channel", cfg.sequence)
	}
	v.configs, v.used[b.Number] = append(v.configs, next), true
	return nil
}

// at is the configuration in force for a block.
func (v *verifier) at(block uint64) *configuration {
	cfg := v.configs[0]
	for _, c := range v.configs {
		if c.block < block {
			cfg = c
		}
	}
	return cfg
}

// transactions checks the four transactions, the receipt and how they refer to each other.
func (v *verifier) transactions() error {
	for _, step := range []struct {
		field    string
		place    *Place
		function string
		into     **event
	}{
		{"put", &v.c.Put, record.FuncWrite, &v.put},
		{"anchor", v.c.Anchor, record.FuncAnchor, &v.anchor},
		{"purge", &v.c.Purge, record.FuncWrite, &v.purge},
		{"tombstone", &v.c.Tombstone, record.FuncTombstone, &v.tombstone},
	} {
		if step.place == nil {
			continue
		}
		e, err := v.event(*step.place, step.function)
		if err != nil {
			return within(step.field, err)
		}
		*step.into = e
	}
	for _, b := range v.c.Blocks {
		if !v.used[b.Number] {
			return fail(fmt.Sprintf("blocks[%d]", v.blocks[b.Number]), "is evidence of nothing")
		}
	}
	var err error
	if v.receipt, err = v.endorsed(v.c.Receipt, v.configs[len(v.configs)-1], record.FuncProof); err != nil {
		return within("receipt", err)
	}
	for _, check := range []struct {
		field string
		run   func() error
	}{
		{"record", v.named},
		{"put", v.checkPut},
		{"anchor", v.checkAnchor},
		{"purge", v.checkPurge},
		{"tombstone", v.checkTombstone},
		{"receipt", v.checkReceipt},
		{"annex", v.checkAnnex},
	} {
		if err := check.run(); err != nil {
			return within(check.field, err)
		}
	}
	return nil
}

// event finds a transaction in its block and checks who signed it.
func (v *verifier) event(p Place, function string) (*event, error) {
	i, ok := v.blocks[p.Block]
	if !ok || p.Tx >= uint64(len(v.c.Blocks[i].Data)) {
		return nil, fail("block", "there is no transaction %d of a block %d in the file", p.Tx, p.Block)
	}
	v.used[p.Block] = true
	env, payload := &common.Envelope{}, &common.Payload{}
	if proto.Unmarshal(v.c.Blocks[i].Data[p.Tx], env) != nil || proto.Unmarshal(env.GetPayload(), payload) != nil {
		return nil, fail("tx", "the transaction does not decode")
	}
	parts, err := split(payload)
	if err != nil {
		return nil, err
	}
	cfg := v.at(p.Block)
	e, err := v.endorsed(parts, cfg, function)
	if err != nil {
		return nil, err
	}
	if e.txID() != p.TxID {
		return nil, fail("txId", "transaction %d of block %d has another id", p.Tx, p.Block)
	}
	e.place = p
	org, cert, err := identity(e.header.GetCreator())
	if err != nil || cfg.orgs[org] == nil {
		return nil, fail("tx", "who submitted the transaction is of no organisation of the channel")
	}
	who, _, err := cfg.orgs[org].member(cert)
	if err != nil {
		return nil, err
	}
	e.creator = org
	return e, checkSignature(who, env.GetPayload(), env.GetSignature())
}

// endorsed checks that the parts belong together and were signed by peers.
func (v *verifier) endorsed(parts Receipt, cfg *configuration, function string) (*event, error) {
	t, err := decodeTransaction(parts)
	if err != nil {
		return nil, err
	}
	for _, name := range t.chaincode {
		if name != v.c.Chaincode || name != record.DefaultChaincode {
			return nil, fail("", "is not a call of the chaincode %q", record.DefaultChaincode)
		}
	}
	switch hash := sha256.Sum256(slices.Concat(parts.ChannelHeader, parts.SignatureHeader, parts.Proposal)); {
	case !bytes.Equal(t.hash, hash[:]):
		return nil, fail("", "the endorsers signed another proposal")
	case t.channel.GetChannelId() != cfg.channel || t.channel.GetTxId() != t.txID():
		return nil, fail("", "the header is of another channel or transaction")
	case t.function != function || t.status != 200:
		return nil, fail("", "is not a successful call of %s", function)
	}
	e := &event{transaction: t}
	seen := map[string]bool{}
	for i, s := range parts.Endorsements {
		org, region, err := endorser(cfg, parts.Response, s)
		if err != nil || seen[string(s.Endorser)] {
			return nil, within(fmt.Sprintf("endorsements[%d]", i), cmp.Or(err, fail("endorser", "signs twice")))
		}
		seen[string(s.Endorser)] = true
		e.orgs, e.regions = append(e.orgs, org), append(e.regions, region)
	}
	if len(seen) == 0 {
		return nil, fail("endorsements", "nobody endorsed it")
	}
	slices.Sort(e.orgs)
	slices.Sort(e.regions)
	e.orgs, e.regions = slices.Compact(e.orgs), slices.Compact(e.regions)
	return e, nil
}

// endorser checks one endorsement and says of which organisation and region the peer is.
func endorser(cfg *configuration, response []byte, s Endorsement) (org, region string, err error) {
	org, cert, err := identity(s.Endorser)
	if err != nil || cfg.orgs[org] == nil {
		return "", "", fail("endorser", "is of no organisation of the channel")
	}
	peer, role, err := cfg.orgs[org].member(cert)
	if err != nil {
		return "", "", within("endorser", err)
	}
	i, ok := cfg.regionOf[org]
	if role != "peer" || !ok {
		return "", "", fail("endorser", "is not a peer of an organisation of a region")
	}
	return org, cfg.regions[i], within("signature", checkSignature(peer, slices.Concat(response, s.Endorser), s.Signature))
}

// fromTwoRegions checks that peers of enough regions endorsed.
func (e *event) fromTwoRegions() error {
	if len(e.regions) < minRegions {
		return fail("endorsements", "peers of %d region signed, %d must", len(e.regions), minRegions)
	}
	return nil
}
