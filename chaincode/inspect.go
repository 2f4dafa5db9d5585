package chaincode

import (
	"encoding/hex"

	"domicile/chaincode/record"
)

// inspect is [record.OpInspect]: each record read by its own keys, never through
// an index.
func inspect(c *call, req *record.InspectRequest) ([]byte, error) {
	if err := count(len(req.IDs), "ids"); err != nil {
		return nil, err
	}
	if err := checkIDs(req.IDs); err != nil {
		return nil, err
	}
	held, err := c.holdings()
	if err != nil {
		return nil, err
	}
	states := make([]record.State, len(req.IDs))
	for i, id := range req.IDs {
		if states[i], err = c.state(id, held); err != nil {
			return nil, err
		}
	}
	return encode(states)
}

func (c *call) state(id string, held *holdings) (record.State, error) {
	s := record.State{ID: id, State: record.InsideAbsent}
	hash, err := c.hash(c.coll.Name, record.RecordKey(id))
	if err != nil {
		return s, err
	}
	var meta record.Meta
	present, err := c.document(c.coll.Name, record.MetaKey(id), &meta)
	if err != nil {
		return s, err
	}
	var gone record.Gone
	where, err := c.goneIn(id)
	if err != nil {
		return s, err
	}
	if where != "" {
		if _, err := c.document(c.log, record.GoneKey(where, id), &gone); err != nil {
			return s, err
		}
		s.State, s.Hash = record.InsideGone, gone.Hash
		s.Ground, s.PurgedAt, s.PurgeTx = string(gone.Ground), gone.At, gone.Tx
		if present {
			s.State = record.InsidePartial
		}
	} else if hash != nil && present {
		s.State, s.Hash = record.InsidePresent, hex.EncodeToString(hash)
	}
	if present {
		err = c.describe(&s, &meta, held)
	}
	return s, err
}

// describe adds what the metadata tells.
func (c *call) describe(s *record.State, meta *record.Meta, held *holdings) error {
	s.SHA256, s.Size, s.Replaces = meta.SHA256, meta.Size, meta.Replaces
	s.PutTx, s.PutAt, s.Canary = meta.PutTx, meta.PutAt, meta.Canary
	s.PutBytes, s.PutCount = meta.PutBytes, meta.PutCount
	s.Rules, s.Content, s.Quarantined, s.MovedFrom = meta.Rules, meta.Content, meta.Quarantined, meta.MovedFrom
	b, err := held.about(meta, c.coll.Name)
	if err != nil {
		return err
	}
	j, err := c.judge(meta, b)
	if err != nil {
		return err
	}
	if !j.due.IsZero() {
		s.DueDate, s.Authority = j.due.String(), j.authority
		s.IsDue = j.due.Compare(c.today()) <= 0
	}
	s.Held, s.Code = len(b.matters) > 0, j.code
	return nil
}
