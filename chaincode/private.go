package chaincode

import (
	"domicile/chaincode/record"
	"domicile/collections"
)

// setPrivate is [record.OpPrivate]: the holder's routing and role codes, and, the
// first time, the secret under which holds on records are filed.
func setPrivate(c *call, req *record.PrivateRequest) ([]byte, error) {
	draw, err := record.NewDrawer(req.Seed)
	if err != nil {
		return nil, record.Fail(record.CodeBadRequest, "field seed must have 32 bytes")
	}
	part, err := collections.ParsePrivate(req.Document)
	if err != nil {
		return nil, record.Fail(record.CodeBadPolicy, "field document does not parse as a private part")
	}
	if part.Log != c.log {
		return nil, record.Fail(record.CodeBadPolicy, "field document is the private part of another log collection")
	}
	if err := part.Check(c.region); err != nil {
		return nil, record.Fail(record.CodeBadPolicy, "field document does not fit the region's policy")
	}
	secret, err := c.hash(c.log, record.KeySecret)
	if err != nil {
		return nil, err
	}
	out := []kv{{record.KeyPrivate, record.EncodeValue(draw.Salt("private"), req.Document)}}
	if secret == nil {
		out = append(out, kv{record.KeySecret, record.EncodeValue(draw.Salt("secret"), draw.Salt("secret value"))})
	}
	entry, err := c.logEntry(draw, record.LogEntry{Op: record.OpPrivate})
	if err != nil {
		return nil, err
	}
	return nil, c.write(c.log, append(out, entry))
}
