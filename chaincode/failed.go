package chaincode

import (
	"fmt"

	"domicile/chaincode/record"
)

// purgeFailed purges keys of attempts that reached a block but never became a
// record: validators refused the transaction, yet its bytes lie in the private
// data stores. A key with a live hash belongs to a record and is refused.
func purgeFailed(c *call, req *record.PurgeRequest, draw *record.Drawer) error {
	if err := checkFailed(req); err != nil {
		return err
	}
	var live offenders
	for i, k := range req.Keys {
		h, err := c.hash(c.coll.Name, k)
		if err != nil {
			return err
		}
		if h != nil {
			live.add(record.CodeLive, fmt.Sprintf("keys[%d]", i))
		}
	}
	if err := live.err(); err != nil {
		return err
	}
	entry, err := c.logEntry(draw, record.LogEntry{Op: record.LogPurgeFailed, Authority: req.Authority, Reason: req.Reason})
	if err != nil {
		return err
	}
	c.stub.StartWriteBatch()
	for _, k := range req.Keys {
		if err := c.stub.PurgePrivateData(c.coll.Name, k); err != nil {
			return internal("purging")
		}
	}
	return c.write(c.log, []kv{entry})
}

func checkFailed(req *record.PurgeRequest) error {
	if len(req.IDs) > 0 || req.Part != "" {
		return record.Fail(record.CodeBadRequest, "ground failed takes keys, not ids or part")
	}
	if n := len(req.Keys); n == 0 || n > record.MaxRecords*record.KeysPerRecord {
		return record.Fail(record.CodeBadRequest, "field keys must have 1 to 800 entries")
	}
	for i, k := range req.Keys {
		if !record.IsRecordKey(k) {
			return record.Fail(record.CodeBadRequest, fmt.Sprintf("keys[%d] is not a key of a record", i))
		}
	}
	if err := checkText(req.Authority, "authority", maxText); err != nil {
		return err
	}
	return checkText(req.Reason, "reason", maxText)
}
