package chaincode

import (
	"cmp"
	"slices"

	"domicile/chaincode/record"
)

// hold is [record.OpHold]. It reads and writes only keys made of tokens, so that
// nobody who knows a public id can see that its record is held. It writes the
// document of every target, also of one that is held already, because what is left
// out would tell.
func hold(c *call, req *record.HoldRequest) ([]byte, error) {
	if req.Query != nil {
		return nil, holdQuery(c, req)
	}
	targets, draw, err := c.targets(req)
	if err != nil {
		return nil, err
	}
	matter := c.matter(req)
	if matter.First = first(targets, matter); matter.First == "" && req.For != matter.SetBy {
		matter.First = req.For
	}
	var full offenders
	for _, t := range targets {
		if i := t.index(req.Matter); i >= 0 {
			// Set already: the first word stays, and only who else may not release
			// it is added.
			if m := &t.doc.Matters[i]; m.First == "" && req.For != m.SetBy {
				m.First = req.For
			}
			continue
		}
		if len(t.doc.Matters) >= maxMatters {
			full.add(record.CodeTooLarge, t.name)
		}
		t.doc.Matters = append(t.doc.Matters, matter)
	}
	if err := full.err(); err != nil {
		return nil, err
	}
	return nil, c.writeTargets(targets, draw, holdEntry(record.OpHold, req))
}

// release is [record.OpRelease]. Nobody releases what he set himself.
func release(c *call, req *record.HoldRequest) ([]byte, error) {
	if req.For != "" {
		return nil, record.Fail(record.CodeBadRequest, "field for is for setting a hold")
	}
	if req.Query != nil {
		return nil, releaseQuery(c, req)
	}
	targets, draw, err := c.targets(req)
	if err != nil {
		return nil, err
	}
	var bad offenders
	for _, t := range targets {
		i := t.index(req.Matter)
		switch {
		case i < 0:
			bad.add(record.CodeNotHeld, t.name)
		case t.doc.Matters[i].SetBy == c.who.id || t.doc.Matters[i].First == c.who.id:
			bad.add(record.CodeSamePerson, t.name)
		default:
			t.doc.Matters = slices.Delete(slices.Clone(t.doc.Matters), i, i+1)
		}
	}
	if err := bad.err(); err != nil {
		return nil, err
	}
	return nil, c.writeTargets(targets, draw, holdEntry(record.OpRelease, req))
}

func (c *call) matter(req *record.HoldRequest) record.Matter {
	return record.Matter{
		Matter: req.Matter, Authority: req.Authority, Reason: req.Reason, SetBy: c.who.id, SetAt: c.at(),
	}
}

// first is who set a matter that stands on one of the targets already, "" when it is
// the same person or stands on none: extending a hold does not free its setter.
func first(targets []*target, m record.Matter) string {
	for _, t := range targets {
		if i := t.index(m.Matter); i >= 0 {
			if by := cmp.Or(t.doc.Matters[i].First, t.doc.Matters[i].SetBy); by != m.SetBy {
				return by
			}
		}
	}
	return ""
}

func holdEntry(what string, req *record.HoldRequest) record.LogEntry {
	return record.LogEntry{
		Op: what, IDs: req.IDs, Subjects: req.Subjects, Matter: req.Matter, For: req.For, Query: req.Query,
		Authority: req.Authority, Reason: req.Reason,
	}
}

func (t *target) index(matter string) int {
	return slices.IndexFunc(t.doc.Matters, func(m record.Matter) bool { return m.Matter == matter })
}

// targets checks a hold request and reads what is known of its targets now.
func (c *call) targets(req *record.HoldRequest) ([]*target, *record.Drawer, error) {
	if err := checkTargets(req.IDs, req.Subjects); err != nil {
		return nil, nil, err
	}
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
	if len(req.For) > maxMatter {
		return nil, record.Fail(record.CodeBadRequest, "field for is too long")
	}
	if err := checkText(req.Matter, "matter", maxMatter); err != nil {
		return nil, err
	}
	return checkAct(req.Authority, req.Reason, req.Seed)
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

// holds is [record.OpHolds].
func holds(c *call, req *record.HoldsRequest) ([]byte, error) {
	if !req.Queries || len(req.IDs)+len(req.Subjects) > 0 {
		if err := checkTargets(req.IDs, req.Subjects); err != nil {
			return nil, err
		}
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
		out[i].Limits = t.doc.Limits
		if i < len(req.IDs) {
			out[i].ID = t.name
		} else {
			out[i].Subject = t.token
		}
	}
	if req.Queries {
		queries, err := h.queries(c.coll.Name)
		if err != nil {
			return nil, err
		}
		for _, q := range queries {
			out = append(out, record.Hold{Query: &q, Matters: []record.Matter{q.Matter}})
		}
	}
	return encode(out)
}
