package certificate

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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
	w, ok := v.put.set.write(v.key())
	switch {
	case !ok || w.deleted || w.purged:
		return fail("", "the transaction does not write the record")
	case hex.EncodeToString(w.value) != v.c.Record.Hash:
		return fail("", "the transaction writes the record with another hash")
	}
	return nil
}

// key is the record's private key, anchorKey its public one, goneKey that of its entry in a register.
func (v *verifier) key() key { return private(v.c.Record.Collection, record.RecordKey(v.c.Record.ID)) }

func (v *verifier) anchorKey() key {
	return public(record.AnchorKey(v.c.Record.Collection, v.c.Record.ID))
}

func (v *verifier) goneKey(log string) key {
	return private(log, record.GoneKey(v.c.Record.Collection, v.c.Record.ID))
}

// readAt reports whether the event read a key as the transaction at a place wrote it.
func (e *event) readAt(k key, p Place) bool {
	read, ok := e.set.read(k)
	return ok && read != nil && read.GetBlockNum() == p.Block && read.GetTxNum() == p.Tx
}

// foundNone reports whether the event looked for a key and found none.
func (e *event) foundNone(k key) bool {
	read, ok := e.set.read(k)
	return ok && read == nil
}

// checkAnchor: peers of two regions found the put's hash in their own state and published it.
func (v *verifier) checkAnchor() error {
	if v.anchor == nil {
		return nil
	}
	if !v.anchor.readAt(v.key(), v.c.Put) {
		return fail("", "its endorsers did not read the record as the put wrote it")
	}
	doc, err := v.document(v.anchor)
	if err != nil {
		return err
	}
	v.doc = record.Anchor{Version: record.Version, Region: doc.Region, Hash: v.c.Record.Hash, AnchoredAt: v.anchor.time(), AnchorTx: v.c.Anchor.TxID}
	if doc != v.doc {
		return fail("", "what it published is not this record's hash, time and transaction")
	}
	return v.anchor.fromTwoRegions()
}

// document is the public state that an event wrote of the record.
func (v *verifier) document(e *event) (doc record.Anchor, err error) {
	w, ok := e.set.write(v.anchorKey())
	if !ok || w.deleted || json.Unmarshal(w.value, &doc) != nil {
		return doc, fail("", "it publishes nothing about the record")
	}
	return doc, nil
}

// checkPurge: the record's key was purged and the register entered, in one transaction.
func (v *verifier) checkPurge() error {
	if w, ok := v.purge.set.write(v.key()); !ok || !w.purged || !w.deleted {
		return fail("", "the transaction does not purge the record")
	}
	if !v.purge.readAt(v.key(), v.c.Put) {
		return fail("", "its endorsers did not read the record as the put wrote it")
	}
	for _, collection := range v.purge.set.collections {
		w, ok := v.purge.set.write(v.goneKey(collection))
		if ok && v.log != "" {
			return fail("", "the transaction enters two registers")
		}
		if ok && !w.deleted {
			v.log, v.register = collection, w.value
		}
	}
	if v.log == "" || v.log == v.c.Record.Collection {
		return fail("", "the transaction enters no register")
	}
	return nil
}

// checkTombstone: peers of two regions found the register's entry as the purge wrote it, the record absent and the
// anchor, if any, as it was; and published that.
func (v *verifier) checkTombstone() error {
	t := v.tombstone
	switch {
	case !t.readAt(v.goneKey(v.log), v.c.Purge):
		return fail("", "its endorsers did not read the register as the purge wrote it")
	case !t.foundNone(v.key()):
		return fail("", "its endorsers did not find the record absent")
	case v.anchor == nil && !t.foundNone(v.anchorKey()):
		return fail("", "its endorsers did not find an anchor absent, and the certificate has none")
	case v.anchor != nil && !t.readAt(v.anchorKey(), *v.c.Anchor):
		return fail("", "its endorsers did not read the anchor as it was written")
	}
	doc, err := v.document(t)
	if err != nil {
		return err
	}
	want := v.doc
	want.Version, want.PurgedAt, want.TombstoneTx = record.Version, t.time(), v.c.Tombstone.TxID
	if v.anchor == nil {
		want.Region = doc.Region // a name; who is in a region says the configuration
	}
	if doc != want {
		return fail("", "what it published is not this record's hash, times and transactions")
	}
	return t.fromTwoRegions()
}

// checkReceipt: peers of two regions read the tombstone as it was written.
func (v *verifier) checkReceipt() error {
	if !v.receipt.readAt(v.anchorKey(), v.c.Tombstone) {
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
