package chaincode

import (
	"encoding/json"
	"fmt"
	"slices"

	"domicile/chaincode/record"
)

// maxLogPage is how many bytes of entries fill a page of the log, those left out
// included. The last may exceed it, by as much as a request may have.
const maxLogPage = 4 << 20

// logbook is [record.OpLog].
func logbook(c *call, req *record.LogRequest) ([]byte, error) {
	s, err := c.logScan(req)
	if err != nil {
		return nil, err
	}
	limit, err := pageLimit(req.Limit)
	if err != nil {
		return nil, err
	}
	p, size := record.LogPage{Entries: []record.LogEntry{}}, 0
	full := func() bool { return len(p.Entries) == limit || size >= maxLogPage }
	p.Next, err = c.walk(s, full, func(_ string, payload []byte) error {
		var e record.LogEntry
		if json.Unmarshal(payload, &e) != nil {
			return internal("decoding a log entry")
		}
		if e.Version != record.Version {
			return record.Fail(record.CodeVersion, "a log entry of another version")
		}
		if size += len(payload); len(req.Ops) == 0 || slices.Contains(req.Ops, e.Op) {
			p.Entries = append(p.Entries, e)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return encode(p)
}

// logScan checks a request and returns the range it asks for.
func (c *call) logScan(req *record.LogRequest) (scan, error) {
	known := record.LogOps()
	if len(req.Ops) > len(known) {
		return scan{}, record.Fail(record.CodeTooLarge, "field ops has more entries than there are acts")
	}
	for i, op := range req.Ops {
		if !slices.Contains(known, op) {
			return scan{}, record.Fail(record.CodeBadRequest, fmt.Sprintf("ops[%d] is no act that the log knows", i))
		}
	}
	from, err := checkDay(req.From, "from")
	if err != nil {
		return scan{}, err
	}
	to, err := checkDay(req.To, "to")
	if err != nil {
		return scan{}, err
	}
	if !from.IsZero() && !to.IsZero() && from.Compare(to) > 0 {
		return scan{}, record.Fail(record.CodeBadRequest, "field from is after field to")
	}
	start, end := record.LogRange(req.From, req.To)
	if req.After == "" {
		return scan{c.log, span{start, end}}, nil
	}
	if !record.CheckLogKey(req.After) || req.After < start || req.After >= end {
		return scan{}, record.Fail(record.CodeBadRequest, "field after is not the next of a page of this list")
	}
	return scan{c.log, span{req.After + "\x00", end}}, nil
}
