package chaincode

import "domicile/chaincode/record"

// tombstone is [record.FuncTombstone]. Each endorser requires, in its own state,
// that the record's key is absent and the register's is present; the version of
// the latter in the read set names the purge and proves that it was valid.
func (c *contract) tombstone(ctx context, req *record.TombstoneRequest) error {
	a, err := c.anchoring(ctx, req.Version, req.Region, req.Records)
	if err != nil {
		return err
	}
	return a.publish(record.EventPurged, req.Records, func(i int) (record.Code, error) { return a.bury(req.Records[i]) })
}

func (a *anchoring) bury(r record.Ref) (record.Code, error) {
	doc, err := a.stored(r)
	if err != nil {
		return "", err
	}
	gone, err := a.hash(a.logs[r.Collection], record.GoneKey(r.Collection, r.ID))
	if err != nil {
		return "", err
	}
	live, err := a.hash(r.Collection, record.RecordKey(r.ID))
	switch {
	case err != nil:
		return "", err
	case live != "":
		return record.CodeLive, nil
	case gone == "":
		return record.CodeAbsent, nil
	case doc.PurgedAt == "":
		doc.PurgedAt, doc.TombstoneTx = a.at, a.stub.GetTxID()
		a.plan(r, doc)
	}
	return "", nil
}
