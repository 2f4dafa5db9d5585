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
