package chaincode

import (
	"encoding/json"

	"domicile/chaincode/record"
)

// get is [record.OpGet]: the stored value, salt and all.
func get(c *call, req *record.GetRequest) ([]byte, error) {
	if record.CheckID(req.ID) != nil {
		return nil, record.Fail(record.CodeBadRequest, "field id is not a record id")
	}
	shut, err := c.shut(req.ID)
	if err != nil {
		return nil, err
	}
	officer := c.role == record.RoleOfficer
	switch {
	case officer && shut == "":
		return nil, record.Fail(record.CodeForbidden, "an officer reads what is closed to others, and nothing else")
	case !officer && shut != "":
		return nil, record.Fail(shut, req.ID)
	}
	v, err := c.stub.GetPrivateData(c.coll.Name, record.RecordKey(req.ID))
	if err != nil {
		return nil, missing(err)
	}
	if v != nil {
		return v, nil
	}
	gone, err := c.goneIn(req.ID)
	if err != nil {
		return nil, err
	}
	if gone != "" {
		return nil, record.Fail(record.CodeGone, req.ID)
	}
	return nil, record.Fail(record.CodeAbsent, req.ID)
}

// shut returns the code of what closes a record to readers and writers, "" when
// nothing does: access to one of its people is restricted, or it carries a label
// that nobody knows.
func (c *call) shut(id string) (record.Code, error) {
	h, err := c.holdings()
	if err != nil {
		return "", err
	}
	var meta record.Meta
	if present, err := c.document(c.coll.Name, record.MetaKey(id), &meta); err != nil || !present {
		return "", err
	}
	b, err := h.about(&meta, c.coll.Name)
	switch {
	case err != nil:
		return "", err
	case b.limited:
		return record.CodeLimited, nil
	case meta.Quarantined:
		return record.CodeQuarantined, nil
	}
	return "", nil
}

// getPrivate is [record.OpGetPrivate].
func getPrivate(c *call, _ *record.GetPrivateRequest) ([]byte, error) {
	return c.partRaw, nil
}

func encode(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, internal("encoding the answer")
	}
	return b, nil
}
