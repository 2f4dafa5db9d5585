package certificate

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"domicile/chaincode/record"
)

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

// metaKey is the key of the record's metadata, which a large record loses in a transaction of its own.
func (v *verifier) metaKey() key {
	return private(v.c.Record.Collection, record.MetaKey(v.c.Record.ID))
}

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
	if read, ok := v.receipt.set.read(v.key()); ok && read != nil {
		return fail("", "its endorsers found the record present")
	}
	if w, _ := v.purge.set.write(v.metaKey()); w.purged {
		if read, ok := v.receipt.set.read(v.metaKey()); ok && read != nil {
			return fail("", "its endorsers found the metadata present, which the purge took along")
		}
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
