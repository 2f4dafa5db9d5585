package chaincode

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"domicile/chaincode/record"
)

// maxMatter bounds a matter's reference, in bytes.
const maxMatter = 200

// target is one thing that can be held: a record or a subject.
type target struct {
	token string
	name  string // how an error names it: the id, or the subject's place in the request
	doc   record.Holds
}

// hold is [record.OpHold]. It reads and writes only keys made of tokens, so that
// nobody who knows a public id can see that its record is held.
func hold(c *call, req *record.HoldRequest) ([]byte, error) {
	targets, draw, err := c.targets(req)
	if err != nil {
		return nil, err
	}
	matter := record.Matter{
		Matter: req.Matter, Authority: req.Authority, Reason: req.Reason, SetBy: c.who.id, SetAt: c.at(),
	}
	var out []kv
	for _, t := range targets {
		if t.index(req.Matter) >= 0 {
			continue // set already: the first word stays
		}
		t.doc.Matters = append(t.doc.Matters, matter)
		if out, err = t.appendTo(out, draw); err != nil {
			return nil, err
		}
	}
	return nil, c.writeHolds(record.OpHold, req, draw, out)
}

// release is [record.OpRelease].
func release(c *call, req *record.HoldRequest) ([]byte, error) {
	targets, draw, err := c.targets(req)
	if err != nil {
		return nil, err
	}
	var out []kv
	var free offenders
	for _, t := range targets {
		i := t.index(req.Matter)
		if i < 0 {
			free.add(record.CodeNotHeld, t.name)
			continue
		}
		t.doc.Matters = slices.Delete(t.doc.Matters, i, i+1)
		if out, err = t.appendTo(out, draw); err != nil {
			return nil, err
		}
	}
	if err := free.err(); err != nil {
		return nil, err
	}
	return nil, c.writeHolds(record.OpRelease, req, draw, out)
}

func (t *target) index(matter string) int {
	return slices.IndexFunc(t.doc.Matters, func(m record.Matter) bool { return m.Matter == matter })
}

// appendTo adds the rewritten document; once the last matter is released it
// stays, empty, because a deleted key would show that nothing holds any more.
func (t *target) appendTo(out []kv, draw *record.Drawer) ([]kv, error) {
	t.doc.Version = record.Version
	if t.doc.Matters == nil {
		t.doc.Matters = []record.Matter{}
	}
	b, err := json.Marshal(t.doc)
	if err != nil {
		return nil, internal("encoding a hold")
	}
	return append(out, kv{record.HoldKey(t.token), record.EncodeValue(draw.Salt("hold/"+t.token), b)}), nil
}

// targets checks a hold request and reads what holds its targets now.
func (c *call) targets(req *record.HoldRequest) ([]*target, *record.Drawer, error) {
	draw, err := checkHold(req)
	if err != nil {
		return nil, nil, err
	}
	h, err := c.holdings()
	if err != nil {
		return nil, nil, err
	}
	out, err := h.all(req.IDs, req.Subjects)
	return out, draw, err
}

func checkHold(req *record.HoldRequest) (*record.Drawer, error) {
	if err := checkTargets(req.IDs, req.Subjects); err != nil {
		return nil, err
	}
	if err := checkText(req.Matter, "matter", maxMatter); err != nil {
		return nil, err
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

func checkTargets(ids, subjects []string) error {
	if err := count(len(ids)+len(subjects), "ids and subjects together"); err != nil {
		return err
	}
	if err := checkIDs(ids); err != nil {
		return err
	}
	return checkTokens(subjects, "subjects")
}

// writeHolds writes the changed documents and the log entry, which is there even
// when nothing changed: an idempotent repetition is an act too, and a transaction
// without any write would need other endorsers.
func (c *call) writeHolds(what string, req *record.HoldRequest, draw *record.Drawer, out []kv) error {
	entry, err := c.logEntry(draw, record.LogEntry{
		Op: what, IDs: req.IDs, Subjects: req.Subjects, Matter: req.Matter, Authority: req.Authority, Reason: req.Reason,
	})
	if err != nil {
		return err
	}
	return c.write(c.log, append(out, entry))
}

// logEntry completes an entry of the holder's log.
func (c *call) logEntry(draw *record.Drawer, e record.LogEntry) (kv, error) {
	e.Version, e.By, e.At, e.Tx = record.Version, c.who.id, c.at(), c.stub.GetTxID()
	b, err := json.Marshal(e)
	if err != nil {
		return kv{}, internal("encoding a log entry")
	}
	return kv{record.LogKey(e.At, draw.Nonce("log")), record.EncodeValue(draw.Salt("log"), b)}, nil
}

// holdings reads holds by their fixed keys, each one once.
type holdings struct {
	c      *call
	secret []byte
	seen   map[string]record.Holds
}

func (c *call) holdings() (*holdings, error) {
	secret, err := c.read(c.log, record.KeySecret)
	if err != nil {
		return nil, err
	}
	if secret == nil {
		return nil, record.Fail(record.CodeNoPolicy, "the holder's private part is not set")
	}
	return &holdings{c, secret, map[string]record.Holds{}}, nil
}

func (h *holdings) on(token string) (record.Holds, error) {
	if doc, ok := h.seen[token]; ok {
		return doc, nil
	}
	var doc record.Holds
	if _, err := h.c.document(h.c.log, record.HoldKey(token), &doc); err != nil {
		return doc, err
	}
	h.seen[token] = doc
	return doc, nil
}

// binds reports whether any matter holds a record, itself or through a subject.
// Every key is read even after the first hit, so that the transaction conflicts
// with whatever changes any of them in the same block.
func (h *holdings) binds(meta *record.Meta) (bool, error) {
	tokens := append([]string{record.HoldToken(h.secret, meta.ID)}, meta.Subjects...)
	for i := len(tokens); i <= record.SubjectSlots; i++ {
		// Keys that nobody ever writes: the number of reads would tell how
		// many people a record is about, and so what kind it is.
		tokens = append(tokens, record.HoldToken(h.secret, meta.ID+"/"+strconv.Itoa(i)))
	}
	held := false
	for _, token := range tokens {
		doc, err := h.on(token)
		if err != nil {
			return false, err
		}
		held = held || len(doc.Matters) > 0
	}
	return held, nil
}

func (h *holdings) all(ids, subjects []string) ([]*target, error) {
	var out []*target
	for _, id := range ids {
		out = append(out, &target{token: record.HoldToken(h.secret, id), name: id})
	}
	for i, s := range subjects {
		if slices.Contains(subjects[:i], s) {
			return nil, record.Fail(record.CodeBadRequest, fmt.Sprintf("subjects[%d] is there twice", i))
		}
		out = append(out, &target{token: s, name: fmt.Sprintf("subjects[%d]", i)})
	}
	for _, t := range out {
		var err error
		if t.doc, err = h.on(t.token); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// holds is [record.OpHolds].
func holds(c *call, req *record.HoldsRequest) ([]byte, error) {
	if err := checkTargets(req.IDs, req.Subjects); err != nil {
		return nil, err
	}
	h, err := c.holdings()
	if err != nil {
		return nil, err
	}
	targets, err := h.all(req.IDs, req.Subjects)
	if err != nil {
		return nil, err
	}
	out := make([]record.Hold, len(targets))
	for i, t := range targets {
		out[i].Matters = append([]record.Matter{}, t.doc.Matters...)
		if i < len(req.IDs) {
			out[i].ID = t.name
		} else {
			out[i].Subject = t.token
		}
	}
	return encode(out)
}
