package chaincode

import (
	"encoding/json"

	"domicile/chaincode/record"
)

// explain is [record.OpExplain]: every record read by its own keys.
func explain(c *call, req *record.ExplainRequest) ([]byte, error) {
	if err := count(len(req.IDs), "ids"); err != nil {
		return nil, err
	}
	if err := checkIDs(req.IDs); err != nil {
		return nil, err
	}
	h, err := c.holdings()
	if err != nil {
		return nil, err
	}
	out := make([]record.Explanation, len(req.IDs))
	for i, id := range req.IDs {
		if out[i], err = c.explanation(id, h); err != nil {
			return nil, err
		}
	}
	return encode(out)
}

func (c *call) explanation(id string, h *holdings) (record.Explanation, error) {
	e := record.Explanation{ID: id}
	var meta record.Meta
	present, err := c.document(c.coll.Name, record.MetaKey(id), &meta)
	if err != nil {
		return e, err
	}
	if body, err := c.hash(c.coll.Name, record.RecordKey(id)); err != nil || !present || body == nil {
		return e, err
	}
	b, err := h.about(&meta, c.coll.Name)
	if err != nil {
		return e, err
	}
	j, err := c.judge(&meta, b)
	if err != nil {
		return e, err
	}
	if e.Assessment, err = json.Marshal(j.assessment); err != nil {
		return e, internal("encoding an assessment")
	}
	e.Meta, e.Facts, e.Matters, e.Limited, e.Code = &meta, b.facts, b.matters, b.limited, j.code
	if !j.due.IsZero() {
		e.Due = j.due.String()
	}
	return e, nil
}
