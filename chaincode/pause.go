package chaincode

import (
	"encoding/json"

	"domicile/chaincode/record"
)

// pause is [record.OpPause]. Like a hold it writes one document and one log entry,
// also when nothing changes.
func pause(c *call, req *record.PauseRequest) ([]byte, error) {
	draw, err := checkPause(req)
	if err != nil {
		return nil, err
	}
	token, doc, err := c.pauseDoc()
	if err != nil {
		return nil, err
	}
	if !req.Paused {
		doc.Paused = nil
	} else if doc.Paused == nil || len(req.Except) != len(doc.Paused.Except) {
		doc.Paused = &record.Pause{
			Except: req.Except, Authority: req.Authority, Reason: req.Reason, SetBy: c.who.id, SetAt: c.at(),
		}
	}
	doc.Version = record.Version
	if doc.Matters == nil {
		doc.Matters = []record.Matter{}
	}
	b, err := json.Marshal(doc)
	if err != nil {
		return nil, internal("encoding a pause")
	}
	what := record.OpPause
	if !req.Paused {
		what = record.LogResume
	}
	entry, err := c.logEntry(draw, record.LogEntry{Op: what, Authority: req.Authority, Reason: req.Reason})
	if err != nil {
		return nil, err
	}
	return nil, c.write(c.log, []kv{{record.HoldKey(token), record.EncodeValue(draw.Salt("pause"), b)}, entry})
}

func checkPause(req *record.PauseRequest) (*record.Drawer, error) {
	if len(req.Except) > 0 && (!req.Paused || len(req.Except) > 1 || req.Except[0] != record.GroundForced) {
		return nil, record.Fail(record.CodeBadRequest, "field except may name the ground forced only, and of a pause only")
	}
	if err := checkText(req.Authority, "authority", maxText); err != nil {
		return nil, err
	}
	if err := checkText(req.Reason, "reason", maxText); err != nil {
		return nil, err
	}
	draw, err := record.NewDrawer(req.Seed)
	if err != nil {
		return nil, record.Fail(record.CodeBadRequest, "field seed must have 32 bytes")
	}
	return draw, nil
}

// pauseDoc reads the document that says whether purges are stopped.
func (c *call) pauseDoc() (token string, doc record.Holds, err error) {
	secret, err := c.read(c.log, record.KeySecret)
	if err != nil {
		return "", doc, err
	}
	if secret == nil {
		return "", doc, record.Fail(record.CodeNoPolicy, "the holder's private part is not set")
	}
	token = record.PauseToken(secret)
	_, err = c.document(c.log, record.HoldKey(token), &doc)
	return token, doc, err
}

// unpaused refuses a purge while the holder's purges are stopped. Every purge reads
// the same key, whatever its ground, so that a pause conflicts with all of them in
// its block and the read says nothing of the ground. What is left of a record whose
// body went is stopped whatever ground the request names. Taking published tombstones off
// the list destroys nothing and goes on.
func (c *call) unpaused(req *record.PurgeRequest) error {
	_, doc, err := c.pauseDoc()
	if err != nil {
		return err
	}
	ground := req.Ground
	if req.Part == record.PartRest {
		ground = record.GroundDue // it is not judged, so it proves no other
	}
	if doc.Paused.Stops(ground) && len(req.IDs) > 0 {
		return record.Fail(record.CodePaused, "an officer has stopped the holder's purges")
	}
	return nil
}

// paused is [record.OpPaused].
func paused(c *call, _ *record.PausedRequest) ([]byte, error) {
	_, doc, err := c.pauseDoc()
	if err != nil {
		return nil, err
	}
	return encode(record.Paused{Pause: doc.Paused})
}
