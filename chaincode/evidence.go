package chaincode

import (
	"encoding/json"

	"domicile/chaincode/record"
)

// evidenceKey is the key under which a purge leaves evidence, nil for none.
func (c *call) evidenceKey() ([]byte, error) {
	key, ok := c.transient[record.FieldEvidence]
	if ok && len(key) != record.EvidenceKeyLen {
		return nil, record.Fail(record.CodeBadRequest, "transient field evidence must have 32 bytes")
	}
	return key, nil
}

// salted returns salt and payload of a private value, which must be there. Other
// reads of the key leave the same trace in the block, so evidence shows nothing.
func (c *call) salted(coll, key string) (salt, payload []byte, err error) {
	v, err := c.stub.GetPrivateData(coll, key)
	if err != nil {
		return nil, nil, missing(err)
	}
	if salt, payload, err = record.DecodeValue(v); err != nil {
		return nil, nil, internal("decoding a private value")
	}
	return salt, payload, nil
}

// evidenceOf is the entry that lets operators look for the bytes of a record that is
// about to go.
func (c *call) evidenceOf(d *doomed, key []byte, draw *record.Drawer) (kv, error) {
	e := record.Evidence{Version: record.Version}
	for _, k := range []string{record.RecordKey(d.meta.ID), record.MetaKey(d.meta.ID)} {
		salt, body, err := c.salted(c.coll.Name, k)
		if err != nil {
			return kv{}, err
		}
		e.Prints = append(e.Prints, record.PrintOf(salt))
		if d.meta.Canary && k == record.RecordKey(d.meta.ID) {
			e.Canary = &record.CanaryBytes{Salt: salt, Body: body}
		}
	}
	for _, k := range d.meta.Index {
		e.Prints = append(e.Prints, record.PrintOf([]byte(k[max(0, len(k)-record.TailLen):])))
	}
	ref := record.Ref{Collection: c.coll.Name, ID: d.meta.ID}
	label := "evidence " + d.meta.ID
	box, err := record.SealEvidence(key, draw.Salt(label+" nonce"), ref, e)
	if err != nil {
		return kv{}, internal("sealing evidence")
	}
	doc, err := json.Marshal(record.SealedEvidence{
		Version: record.Version, Collection: ref.Collection, ID: ref.ID, At: c.at(), Tx: c.stub.GetTxID(), Box: box,
	})
	if err != nil {
		return kv{}, internal("encoding evidence")
	}
	return kv{record.EvidenceKey(draw.Nonce(label)), record.EncodeValue(draw.Salt(label), doc)}, nil
}

// evidence is [record.OpEvidence].
func evidence(c *call, req *record.EvidenceRequest) ([]byte, error) {
	limit, err := pageLimit(req.Limit)
	if err != nil {
		return nil, err
	}
	s := scan{c.log, under(record.EvidencePrefix)}
	if req.After != "" {
		if !record.CheckEvidenceKey(req.After) {
			return nil, record.Fail(record.CodeBadRequest, "field after is not the next of a page of this list")
		}
		s.start = req.After + "\x00"
	}
	p := record.EvidencePage{Entries: []record.EvidenceEntry{}}
	p.Next, err = c.walk(s, func() bool { return len(p.Entries) == limit }, func(key string, payload []byte) error {
		e := record.EvidenceEntry{Key: key}
		if json.Unmarshal(payload, &e.SealedEvidence) != nil {
			return internal("decoding evidence")
		}
		if e.Collection == c.coll.Name {
			p.Entries = append(p.Entries, e)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return encode(p)
}
