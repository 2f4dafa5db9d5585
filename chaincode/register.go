package chaincode

import "domicile/chaincode/record"

// register is [record.OpRegister]: the stored value, salt and all.
func register(c *call, req *record.RegisterRequest) ([]byte, error) {
	if record.CheckID(req.ID) != nil {
		return nil, record.Fail(record.CodeBadRequest, "field id is not a record id")
	}
	v, err := c.stub.GetPrivateData(c.log, record.GoneKey(c.coll.Name, req.ID))
	if err != nil {
		return nil, missing(err)
	}
	if v == nil {
		return nil, record.Fail(record.CodeAbsent, req.ID)
	}
	return v, nil
}
