package chaincode

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"domicile/chaincode/record"
)

// Bounds of what is kept about one record, subject or holder.
const (
	maxMatter  = 200 // bytes of a matter's or case's reference
	maxMatters = 100 // matters, and restrictions of access, on one target
)

// target is one thing about which the holder keeps a document: a record, a
// subject, the holds by query, a case. Hold, fact, restriction and case write the
// same keys in the same form, so that nobody outside can tell them apart.
type target struct {
	token string
	name  string // how an error names it: the id, or the place in the request
	doc   record.Holds
}

// value is the target's document; once the last matter is released it stays,
// empty, because a deleted key would show that nothing holds any more.
func (t *target) value(draw *record.Drawer) (kv, error) {
	t.doc.Version = record.Version
	if t.doc.Matters == nil {
		t.doc.Matters = []record.Matter{}
	}
	b, err := json.Marshal(t.doc)
	if err != nil {
		return kv{}, internal("encoding a register document")
	}
	return kv{record.HoldKey(t.token), record.EncodeValue(draw.Salt("hold/"+t.token), b)}, nil
}

// writeTargets writes the documents of all targets and the log entry, also when
// nothing changed: an idempotent repetition is an act too, and which documents are
// left out would tell what they said before.
func (c *call) writeTargets(targets []*target, draw *record.Drawer, e record.LogEntry) error {
	out := make([]kv, 0, len(targets)+1)
	for _, t := range targets {
		w, err := t.value(draw)
		if err != nil {
			return err
		}
		out = append(out, w)
	}
	entry, err := c.logEntry(draw, e)
	if err != nil {
		return err
	}
	return c.write(c.log, append(out, entry))
}

// logEntry completes an entry of the holder's log.
func (c *call) logEntry(draw *record.Drawer, e record.LogEntry) (kv, error) {
	if !slices.Contains(record.LogOps(), e.Op) {
		return kv{}, internal("naming a log entry")
	}
	e.Version, e.Collection, e.By, e.At, e.Tx = record.Version, c.coll.Name, c.who.id, c.at(), c.stub.GetTxID()
	b, err := json.Marshal(e)
	if err != nil {
		return kv{}, internal("encoding a log entry")
	}
	return kv{record.LogKey(e.At, draw.Nonce("log")), record.EncodeValue(draw.Salt("log"), b)}, nil
}

// checkAct checks what every act of an officer gives.
func checkAct(authority, reason string, seed []byte) (*record.Drawer, error) {
	if err := checkText(authority, "authority", maxText); err != nil {
		return nil, err
	}
	if err := checkText(reason, "reason", maxText); err != nil {
		return nil, err
	}
	return drawer(seed)
}

func drawer(seed []byte) (*record.Drawer, error) {
	draw, err := record.NewDrawer(seed)
	if err != nil {
		return nil, record.Fail(record.CodeBadRequest, "field seed must have 32 bytes")
	}
	return draw, nil
}

// holdings reads the register by its fixed keys, each one once.
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

// queries are the holds by query in force on a collection.
func (h *holdings) queries(coll string) ([]record.HeldQuery, error) {
	doc, err := h.on(record.QueriesToken(h.secret))
	if err != nil {
		return nil, err
	}
	var out []record.HeldQuery
	for _, q := range doc.Queries {
		if q.Collection == coll {
			out = append(out, q)
		}
	}
	return out, nil
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

// bearing is all in the register that bears on one record.
type bearing struct {
	matters []string      // distinct, of holds on it, its subjects, and by query
	own     []string      // those of them that stand on the record itself or by query
	facts   []record.Fact // in force, about any of its subjects
	limited bool
	setters []setter // of the matters in own
}

// setter is who set a matter that stands on a record itself or by query.
type setter struct{ matter, by, before string }

// first is who set it before anybody extended it.
func (s setter) first() string { return cmp.Or(s.before, s.by) }

// about reads everything that bears on a record of a collection. Every key is read even after the
// first hold, so that the transaction conflicts with whatever changes any of them
// in the same block.
func (h *holdings) about(meta *record.Meta, coll string) (bearing, error) {
	var b bearing
	tokens := append([]string{record.HoldToken(h.secret, meta.ID)}, meta.Subjects...)
	for i := len(tokens); i <= record.SubjectSlots; i++ {
		// Keys that nobody ever writes: the number of reads would tell how
		// many people a record is about, and so what kind it is.
		tokens = append(tokens, record.HoldToken(h.secret, meta.ID+"/"+strconv.Itoa(i)))
	}
	for i, token := range tokens {
		doc, err := h.on(token)
		if err != nil {
			return b, err
		}
		for _, m := range doc.Matters {
			b.matters = append(b.matters, m.Matter)
			if i == 0 {
				b.own = append(b.own, m.Matter)
				b.setters = append(b.setters, setter{m.Matter, m.SetBy, m.First})
			}
		}
		if i > 0 {
			b.facts = append(b.facts, factsInForce(doc.Facts)...)
			b.limited = b.limited || len(doc.Limits) > 0
		}
	}
	queries, err := h.queries(coll)
	if err != nil {
		return b, err
	}
	words := h.c.part.Vocabulary()
	for _, q := range queries {
		if slices.Contains(meta.Held, q.Matter.Matter) || matches(words, &q.Query, meta) {
			b.matters = append(b.matters, q.Matter.Matter)
			b.own = append(b.own, q.Matter.Matter)
			b.setters = append(b.setters, setter{q.Matter.Matter, q.Matter.SetBy, q.Matter.First})
		}
	}
	b.matters, b.own = unique(b.matters), unique(b.own)
	return b, nil
}
