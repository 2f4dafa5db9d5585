package chaincode

import (
	"encoding/hex"
	"encoding/json"
	"strings"

	"domicile/chaincode/record"
)

// purge is [record.OpPurge].
func purge(c *call, req *record.PurgeRequest) ([]byte, error) {
	draw, err := record.NewDrawer(req.Seed)
	if err != nil {
		return nil, record.Fail(record.CodeBadRequest, "field seed must have 32 bytes")
	}
	if _, err := c.evidenceKey(); err != nil {
		return nil, err
	}
	if err := c.unpaused(req); err != nil {
		return nil, err
	}
	if req.Ground == record.GroundFailed {
		return nil, purgeFailed(c, req, draw)
	}
	return nil, purgeRecords(c, req, draw)
}

// doomed is one record that may go.
type doomed struct {
	meta      record.Meta
	hash      []byte // of the value
	row       string // of the policy, ground due only
	authority string
}

// judging says whether a ground allows a record to go: the code of the first
// obstacle, or none and then the row and authority.
type judging func(d *doomed, b bearing) (record.Code, error)

func purgeRecords(c *call, req *record.PurgeRequest, draw *record.Drawer) error {
	part, err := checkPurge(req)
	if err != nil {
		return err
	}
	var bad offenders
	var list []doomed
	var held *holdings
	var allows judging
	if part != record.PartRest {
		if held, err = c.holdings(); err != nil {
			return err
		}
		if allows, err = c.ground(req, held); err != nil {
			return err
		}
	}
	for _, id := range req.IDs {
		d := doomed{}
		code, err := d.judge(c, id, part, held, allows)
		if err != nil {
			return err
		}
		if code != "" {
			bad.add(code, id)
			continue
		}
		list = append(list, d)
	}
	if err := bad.err(); err != nil {
		return err
	}
	settled, err := c.settled(req.Settle)
	if err != nil {
		return err
	}
	if len(list)+len(settled) == 0 {
		// It would be ordered, and marked invalid: what writes to no collection is
		// judged by the policy of the chaincode, which one holder does not meet.
		return record.Fail(record.CodeSettled, strings.Join(req.Settle, " "))
	}
	return c.destroy(list, req.Ground, part, settled, draw)
}

// ground returns what judges records on the ground of a request.
func (c *call) ground(req *record.PurgeRequest, h *holdings) (judging, error) {
	switch req.Ground {
	case record.GroundMoved:
		return c.moved(req, h)
	case record.GroundWithdrawn:
		return c.orCanary(c.withdrawn), nil
	case record.GroundForced:
		allows, err := c.forced(req, h)
		return c.orCanary(allows), err
	}
	return c.overdue, nil
}

// orCanary lets a canary go with what a ground destroys, as it may with what is due.
func (c *call) orCanary(allows judging) judging {
	return func(d *doomed, b bearing) (record.Code, error) {
		if d.meta.Canary {
			return c.overdue(d, b)
		}
		return allows(d, b)
	}
}

// overdue is the verdict of ground due.
func (c *call) overdue(d *doomed, b bearing) (record.Code, error) {
	j, err := c.judge(&d.meta, b)
	d.row, d.authority = j.row, j.authority
	return j.code, err
}

// settled returns the keys of the to-do entries that a public tombstone answers.
func (c *call) settled(ids []string) ([]string, error) {
	var bad offenders
	var keys []string
	for _, id := range ids {
		doc, err := anchorAt(c.stub, record.AnchorKey(c.coll.Name, id))
		if err != nil {
			return nil, err
		}
		if doc.PurgedAt == "" {
			bad.add(record.CodeAbsent, id)
			continue
		}
		todo, err := c.hash(c.log, record.TodoKey(id))
		if err != nil {
			return nil, err
		}
		if todo != nil {
			keys = append(keys, record.TodoKey(id))
		}
	}
	return keys, bad.err()
}

// checkPurge checks a request on any ground but failed.
func checkPurge(req *record.PurgeRequest) (record.Part, error) {
	part := req.Part
	if part == "" {
		part = record.PartAll
	}
	if part != record.PartAll && part != record.PartBody && part != record.PartRest {
		return "", record.Fail(record.CodeBadRequest, "field part is none of all, body, rest")
	}
	if err := checkGround(req, part); err != nil {
		return "", err
	}
	if len(req.Keys) > 0 {
		return "", record.Fail(record.CodeBadRequest, "field keys is for ground failed only")
	}
	if req.Authority != "" || req.Reason != "" {
		return "", record.Fail(record.CodeBadRequest, "the ground has its authority on the ledger, and takes no other and no reason")
	}
	if err := count(len(req.IDs)+len(req.Settle), "ids and settle together"); err != nil {
		return "", err
	}
	if err := checkIDs(req.Settle); err != nil {
		return "", err
	}
	return part, checkIDs(req.IDs)
}

// checkGround checks what only some grounds take.
func checkGround(req *record.PurgeRequest, part record.Part) error {
	switch req.Ground {
	case record.GroundDue, record.GroundMoved, record.GroundWithdrawn, record.GroundForced:
	default:
		return record.Fail(record.CodeBadRequest, "field ground is not one the contract knows")
	}
	if req.Ground != record.GroundDue && len(req.Settle) > 0 {
		return record.Fail(record.CodeBadRequest, "field settle is for ground due")
	}
	if req.Ground != record.GroundMoved && len(req.Targets) > 0 {
		return record.Fail(record.CodeBadRequest, "field targets is for ground moved")
	}
	if req.Ground != record.GroundForced && req.Case != "" {
		return record.Fail(record.CodeBadRequest, "field case is for ground forced")
	}
	if part == record.PartRest {
		return nil // judged with its body
	}
	if req.Ground == record.GroundMoved && len(req.Targets) != len(req.IDs) {
		return record.Fail(record.CodeBadRequest, "field targets must name where each of ids has moved to, in the same order")
	}
	if req.Ground == record.GroundForced {
		return checkText(req.Case, "case", maxMatter)
	}
	return nil
}

// judge reads all that bears on one record and returns the code of the first
// obstacle, or none.
func (d *doomed) judge(c *call, id string, part record.Part, held *holdings, allows judging) (record.Code, error) {
	present, err := c.document(c.coll.Name, record.MetaKey(id), &d.meta)
	if err != nil {
		return "", err
	}
	gone, err := c.hash(c.log, record.GoneKey(c.coll.Name, id))
	if err != nil {
		return "", err
	}
	switch {
	case !present && gone == nil:
		return record.CodeAbsent, nil
	case !present:
		return record.CodeGone, nil
	case part == record.PartRest && gone == nil:
		return record.CodeLive, nil
	case part == record.PartRest:
		return "", nil
	case gone != nil:
		return record.CodeGone, nil
	}
	if d.hash, err = c.hash(c.coll.Name, record.RecordKey(id)); err != nil {
		return "", err
	}
	if d.hash == nil {
		return record.CodeAbsent, nil
	}
	b, err := held.about(&d.meta, c.coll.Name)
	if err != nil {
		return "", err
	}
	return allows(d, b)
}

// destroy purges the keys, which come from the metadata and never from the
// caller, and enters the ids in the register of what is gone.
func (c *call) destroy(list []doomed, ground record.Ground, part record.Part, settled []string, draw *record.Drawer) error {
	evidence, err := c.evidenceKey()
	if err != nil {
		return err
	}
	var keys []string
	var register []kv
	for i := range list {
		d := &list[i]
		if part != record.PartRest {
			keys = append(keys, record.RecordKey(d.meta.ID))
			entries, err := c.goneEntries(d, ground, draw)
			if err != nil {
				return err
			}
			register = append(register, entries...)
			if evidence != nil {
				e, err := c.evidenceOf(d, evidence, draw)
				if err != nil {
					return err
				}
				register = append(register, e)
			}
		}
		if part != record.PartBody {
			keys = append(append(keys, record.MetaKey(d.meta.ID)), d.meta.Index...)
		}
	}
	c.stub.StartWriteBatch()
	for _, k := range keys {
		if err := c.stub.PurgePrivateData(c.coll.Name, k); err != nil {
			return internal("purging")
		}
	}
	for _, k := range settled {
		if err := c.stub.PurgePrivateData(c.log, k); err != nil {
			return internal("purging")
		}
	}
	return c.write(c.log, register)
}

// goneEntries are the register entry of a record and its place on the list of
// tombstones to publish.
func (c *call) goneEntries(d *doomed, ground record.Ground, draw *record.Drawer) ([]kv, error) {
	if d.meta.Canary {
		ground = record.GroundCanary
	}
	gone, err := json.Marshal(record.Gone{
		Version: record.Version, Collection: c.coll.Name, Hash: hex.EncodeToString(d.hash), Ground: ground,
		Row: d.row, Authority: d.authority, At: c.at(), Tx: c.stub.GetTxID(), By: c.who.id,
	})
	if err != nil {
		return nil, internal("encoding the register entry")
	}
	todo, err := json.Marshal(record.Todo{Version: record.Version, Collection: c.coll.Name, ID: d.meta.ID, Canary: d.meta.Canary})
	if err != nil {
		return nil, internal("encoding the register entry")
	}
	entry := func(key string, doc []byte) kv { return kv{key, record.EncodeValue(draw.Salt(key), doc)} }
	return []kv{entry(record.GoneKey(c.coll.Name, d.meta.ID), gone), entry(record.TodoKey(d.meta.ID), todo)}, nil
}
