package erasure

import (
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
)

// rwset adds a transaction's read and write sets.
func (f *fields) rwset(path string, b []byte) {
	tx := &rwset.TxReadWriteSet{}
	if !f.decode(path, b, tx) {
		return
	}
	for _, ns := range tx.NsRwset {
		p := path + "." + ns.Namespace
		f.text(p+".namespace", ns.Namespace)
		kv := &kvrwset.KVRWSet{}
		if f.decode(p, ns.Rwset, kv) {
			f.publicSet(p, kv)
		}
		for _, c := range ns.CollectionHashedRwset {
			cp := p + "." + c.CollectionName
			f.text(cp+".collection", c.CollectionName)
			f.add(cp+".hash", c.PvtRwsetHash)
			hashed := &kvrwset.HashedRWSet{}
			if f.decode(cp, c.HashedRwset, hashed) {
				f.hashedSet(cp, hashed)
			}
		}
	}
}

func (f *fields) publicSet(path string, kv *kvrwset.KVRWSet) {
	for i, r := range kv.Reads {
		f.text(fmt.Sprintf("%s.reads[%d].key", path, i), r.Key)
	}
	for i, q := range kv.RangeQueriesInfo {
		p := fmt.Sprintf("%s.ranges[%d]", path, i)
		f.text(p+".start", q.StartKey)
		f.text(p+".end", q.EndKey)
		for j, r := range q.GetRawReads().GetKvReads() {
			f.text(fmt.Sprintf("%s.reads[%d].key", p, j), r.Key)
		}
		for j, h := range q.GetReadsMerkleHashes().GetMaxLevelHashes() {
			f.add(fmt.Sprintf("%s.hashes[%d]", p, j), h)
		}
	}
	for i, w := range kv.Writes {
		p := fmt.Sprintf("%s.writes[%d]", path, i)
		f.text(p+".key", w.Key)
		f.add(p+".value", w.Value)
	}
	for i, w := range kv.MetadataWrites {
		p := fmt.Sprintf("%s.metadata[%d]", path, i)
		f.text(p+".key", w.Key)
		f.metadata(p, w.Entries)
	}
}

func (f *fields) hashedSet(path string, kv *kvrwset.HashedRWSet) {
	for i, r := range kv.HashedReads {
		f.add(fmt.Sprintf("%s.reads[%d].keyhash", path, i), r.KeyHash)
	}
	for i, w := range kv.HashedWrites {
		p := fmt.Sprintf("%s.writes[%d]", path, i)
		f.add(p+".keyhash", w.KeyHash)
		f.add(p+".valuehash", w.ValueHash)
	}
	for i, w := range kv.MetadataWrites {
		p := fmt.Sprintf("%s.metadata[%d]", path, i)
		f.add(p+".keyhash", w.KeyHash)
		f.metadata(p, w.Entries)
	}
}

func (f *fields) metadata(path string, entries []*kvrwset.KVMetadataEntry) {
	for i, e := range entries {
		p := fmt.Sprintf("%s.entries[%d]", path, i)
		f.text(p+".name", e.Name)
		f.add(p+".value", e.Value)
	}
}
