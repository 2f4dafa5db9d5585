package chaincode

import (
	"crypto/sha256"
	"encoding/hex"

	"domicile/chaincode/record"
	"domicile/chaincode/record/atrest"
	"domicile/fhir"
	"domicile/fhir/ds4p"
)

// canary is [record.OpCanary]. It reads and writes what a put of one record does. One that
// a hold by query would bind is refused with [record.CodeHeld]: nothing would take it away.
func canary(c *call, req *record.CanaryRequest) ([]byte, error) {
	draw, err := drawer(req.Seed)
	if err != nil {
		return nil, err
	}
	if record.CheckID(req.ID) != nil {
		return nil, record.Fail(record.CodeBadRequest, "field id is not a record id")
	}
	due, err := checkDay(req.Due, "due")
	if err != nil {
		return nil, err
	}
	if due.IsZero() || due.Compare(c.today()) > 0 {
		return nil, record.Fail(record.CodeBadRequest, "field due is missing or not yet reached")
	}
	h, err := c.holdings()
	if err != nil {
		return nil, err
	}
	queries, err := h.queries(c.coll.Name)
	if err != nil {
		return nil, err
	}
	writes, err := c.canaryWrites(req.ID, due, draw, queries)
	if err != nil {
		return nil, err
	}
	if err := c.fresh([]record.PutRecord{{ID: req.ID}}); err != nil {
		return nil, err
	}
	return nil, c.write(c.coll.Name, writes)
}

func (c *call) canaryWrites(id string, due fhir.Date, draw *record.Drawer, queries []record.HeldQuery) ([]kv, error) {
	body := record.CanaryBody(draw)
	res, err := fhir.Parse(body)
	if err != nil {
		return nil, internal("making a canary")
	}
	sum := sha256.Sum256(body)
	labels := record.CanaryLabels()
	meta := record.Meta{
		Version: record.Version, ID: id, Canary: true, Type: res.Type, Custody: custody(c.coll), Due: due.String(),
		Size: len(body), SHA256: hex.EncodeToString(sum[:]), PutAt: c.at(), PutTx: c.stub.GetTxID(), PutBytes: len(body), PutCount: 1,
		Content: res.Digest(), Labels: labels, LabelDigest: ds4p.Digest(atrest.Labels(labels)),
	}
	if len(heldBy(c.part.Vocabulary(), queries, &meta)) > 0 {
		return nil, record.Fail(record.CodeHeld, id)
	}
	return writesOf(draw, &meta, body)
}

// judgeCanary is [call.judge] of a canary, to which no retention row applies. A hold
// binds it all the same: whoever set it may have had a reason.
func (c *call) judgeCanary(meta *record.Meta, b bearing) (judgement, error) {
	j := judgement{bearing: b, authority: record.CanaryAuthority}
	var err error
	if j.due, err = storedDue(meta); err != nil {
		return j, err
	}
	switch {
	case len(b.matters) > 0:
		j.code = record.CodeHeld
	case j.due.IsZero() || j.due.Compare(c.today()) > 0:
		j.code = record.CodeNotDue
	}
	return j, nil
}
