package chaincode

import (
	"encoding/json"

	"domicile/chaincode/record"
)

// maxExamined is how many entries of the register one page looks at.
const maxExamined = record.MaxPage

// pending adds to a page, which is at the end of the due index, the records of the
// collection that the register of purged records names and that have no tombstone
// yet. after is a key of the register or its prefix.
func (c *call) pending(p record.Page, after string, limit int) ([]byte, error) {
	if limit == 0 {
		limit = record.MaxPage
	}
	if limit < 1 || limit > record.MaxPage {
		return nil, record.Fail(record.CodeBadRequest, "field limit must be 1 to 1000")
	}
	it, err := c.stub.GetPrivateDataByRange(c.log, after+"\x00", under(record.GoneKey("")).end)
	if err != nil {
		return nil, missing(err)
	}
	defer it.Close()
	for examined := 0; it.HasNext(); examined++ {
		if len(p.Entries) == limit || examined == maxExamined {
			p.Next = after
			break
		}
		kv, err := it.Next()
		if err != nil {
			return nil, internal("reading a range")
		}
		after = kv.GetKey()
		id, unconfirmed, err := c.unconfirmed(after, kv.GetValue())
		if err != nil {
			return nil, err
		}
		if unconfirmed {
			p.Entries = append(p.Entries, record.Entry{ID: id, Gone: true})
		}
	}
	return encode(p)
}

// unconfirmed reports whether a register entry is of this collection and its record
// has no tombstone in this peer's state.
func (c *call) unconfirmed(key string, value []byte) (id string, yes bool, err error) {
	id = key[len(record.GoneKey("")):]
	_, payload, err := record.DecodeValue(value)
	if err != nil {
		return "", false, internal("decoding a register entry")
	}
	var gone record.Gone
	if err := json.Unmarshal(payload, &gone); err != nil {
		return "", false, internal("decoding a register entry")
	}
	if gone.Collection != c.coll.Name {
		return id, false, nil
	}
	b, err := c.stub.GetState(record.AnchorKey(c.coll.Name, id))
	if err != nil {
		return "", false, internal("reading an anchor")
	}
	var anchor record.Anchor
	if b != nil {
		if err := json.Unmarshal(b, &anchor); err != nil {
			return "", false, internal("decoding an anchor")
		}
	}
	return id, anchor.PurgedAt == "", nil
}
