package certificate

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
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
	block := &common.Block{}
	if len(genesis) > MaxGenesis || proto.Unmarshal(genesis, block) != nil {
		return fail("genesis", "the given file is not a genesis block")
	}
	first := Block{Number: block.GetHeader().GetNumber(), PreviousHash: block.GetHeader().GetPreviousHash(), DataHash: block.GetHeader().GetDataHash(), Data: block.GetData().GetData()}
	if first.Number != 0 {
		return fail("genesis", "the given file is block %d, not a genesis block", first.Number)
	}
	if err := first.intact(); err != nil {
		return within("genesis", err)
	}
	if v.c.Genesis != hex.EncodeToString(first.hash()) {
		return fail("genesis", "the certificate is of the channel whose genesis block has the hash %.64q, the given block has %x", v.c.Genesis, first.hash())
	}
	cfg, err := readConfiguration(0, first.Data)
	if err != nil {
		return within("genesis", err)
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
		{"record", v.named}, {"put", v.checkPut}, {"anchor", v.checkAnchor}, {"purge", v.checkPurge},
		{"tombstone", v.checkTombstone}, {"receipt", v.checkReceipt}, {"annex", v.checkAnnex},
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
			return nil, within(fmt.Sprintf("endorsements[%d]", i), cmpError(err, fail("endorser", "signs twice")))
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

func cmpError(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
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

// set is what the event read and wrote under the contract's name.
func (e *event) set() *set {
	if s := e.sets[record.DefaultChaincode]; s != nil {
		return s
	}
	return &set{}
}

// is reports whether a version names this transaction.
func (p Place) is(v *kvrwset.Version) bool {
	return v != nil && v.GetBlockNum() == p.Block && v.GetTxNum() == p.Tx
}

// named checks the record's own fields and the order of the transactions.
func (v *verifier) named() error {
	r := v.c.Record
	if record.CheckID(r.ID) != nil || r.Collection == "" {
		return fail("id", "is not a record's")
	}
	if h, err := hex.DecodeString(r.Hash); err != nil || len(h) != sha256.Size || hex.EncodeToString(h) != r.Hash {
		return fail("hash", "is not 64 lower-case hex digits")
	}
	places := []Place{v.c.Put}
	if v.c.Anchor != nil {
		places = append(places, *v.c.Anchor)
	}
	places = append(places, v.c.Purge, v.c.Tombstone)
	for i := range places[1:] {
		if !places[i].before(places[i+1]) {
			return fail("", "the transactions are not in the order put, anchor, purge, tombstone")
		}
	}
	return nil
}

// checkPut: the hash was written under the record's key.
func (v *verifier) checkPut() error {
	r := v.c.Record
	w := v.put.set().privateWrite(r.Collection, record.RecordKey(r.ID))
	if w == nil || w.GetIsDelete() || w.GetIsPurge() {
		return fail("", "the transaction does not write the record")
	}
	if hex.EncodeToString(w.GetValueHash()) != r.Hash {
		return fail("", "the transaction writes the record with another hash")
	}
	return nil
}

// checkAnchor: peers of two regions found the put's hash in their own state and published it.
func (v *verifier) checkAnchor() error {
	if v.anchor == nil {
		return nil
	}
	r := v.c.Record
	if read, ok := v.anchor.set().privateRead(r.Collection, record.RecordKey(r.ID)); !ok || !v.c.Put.is(read) {
		return fail("", "its endorsers did not read the record as the put wrote it")
	}
	doc, err := v.anchor.document(r.Ref)
	if err != nil {
		return err
	}
	want := record.Anchor{Version: record.Version, Region: doc.Region, Hash: r.Hash, AnchoredAt: v.anchor.time(), AnchorTx: v.c.Anchor.TxID}
	if doc != want {
		return fail("", "what it published is not this record's hash, time and transaction")
	}
	v.doc = doc
	return v.anchor.fromTwoRegions()
}

// document is the public state that the event wrote of a record.
func (e *event) document(r record.Ref) (doc record.Anchor, err error) {
	b := e.set().publicWrite(record.AnchorKey(r.Collection, r.ID))
	if b == nil || json.Unmarshal(b, &doc) != nil {
		return doc, fail("", "it publishes nothing about the record")
	}
	return doc, nil
}

// checkPurge: the record's key was purged and the register entered, in one transaction.
func (v *verifier) checkPurge() error {
	r, s := v.c.Record, v.purge.set()
	w := s.privateWrite(r.Collection, record.RecordKey(r.ID))
	if w == nil || !w.GetIsPurge() || !w.GetIsDelete() {
		return fail("", "the transaction does not purge the record")
	}
	if read, ok := s.privateRead(r.Collection, record.RecordKey(r.ID)); !ok || !v.c.Put.is(read) {
		return fail("", "its endorsers did not read the record as the put wrote it")
	}
	for collection := range s.private {
		if w := s.privateWrite(collection, record.GoneKey(r.Collection, r.ID)); w != nil && !w.GetIsDelete() {
			if v.log != "" {
				return fail("", "the transaction enters two registers")
			}
			v.log, v.register = collection, w.GetValueHash()
		}
	}
	if v.log == "" || v.log == r.Collection {
		return fail("", "the transaction enters no register")
	}
	return nil
}

// checkTombstone: peers of two regions found the register's entry as the purge wrote it, the record absent and the
// anchor, if any, as it was; and published that.
func (v *verifier) checkTombstone() error {
	r, s := v.c.Record, v.tombstone.set()
	if read, ok := s.privateRead(v.log, record.GoneKey(r.Collection, r.ID)); !ok || !v.c.Purge.is(read) {
		return fail("", "its endorsers did not read the register as the purge wrote it")
	}
	if read, ok := s.privateRead(r.Collection, record.RecordKey(r.ID)); !ok || read != nil {
		return fail("", "its endorsers did not find the record absent")
	}
	read, ok := s.publicRead(record.AnchorKey(r.Collection, r.ID))
	switch {
	case !ok:
		return fail("", "its endorsers did not look for the anchor")
	case v.anchor != nil && !v.c.Anchor.is(read):
		return fail("", "its endorsers did not read the anchor as it was written")
	case v.anchor == nil && read != nil:
		return fail("", "its endorsers read an anchor, which the certificate lacks")
	}
	doc, err := v.tombstone.document(r.Ref)
	if err != nil {
		return err
	}
	want := v.doc
	want.Version, want.Region, want.PurgedAt, want.TombstoneTx = record.Version, doc.Region, v.tombstone.time(), v.c.Tombstone.TxID
	if doc != want || v.anchor != nil && doc.Region != v.doc.Region {
		return fail("", "what it published is not this record's hash, times and transactions")
	}
	v.doc = doc
	return v.tombstone.fromTwoRegions()
}

// checkReceipt: peers of two regions read the tombstone as it was written.
func (v *verifier) checkReceipt() error {
	r := v.c.Record
	if read, ok := v.receipt.set().publicRead(record.AnchorKey(r.Collection, r.ID)); !ok || !v.c.Tombstone.is(read) {
		return fail("", "its endorsers did not read the tombstone as it was written")
	}
	return v.receipt.fromTwoRegions()
}

// checkAnnex: the register's entry is the one whose hash the purge wrote.
func (v *verifier) checkAnnex() error {
	if v.c.Annex == nil {
		return nil
	}
	sum := sha256.Sum256(v.c.Annex.Register)
	if !bytes.Equal(sum[:], v.register) {
		return fail("register", "is not what the purge entered: its hash differs from the ledger's")
	}
	_, payload, err := record.DecodeValue(v.c.Annex.Register)
	v.gone = &record.Gone{}
	if err != nil || json.Unmarshal(payload, v.gone) != nil {
		return fail("register", "does not decode")
	}
	if g := v.gone; g.Hash != v.c.Record.Hash || g.Collection != v.c.Record.Collection || g.Tx != v.c.Purge.TxID {
		return fail("register", "the holder entered another record, hash or transaction than the ledger shows")
	}
	return nil
}
