package chaincode

import (
	"slices"

	"domicile/chaincode/record"
)

// limit is [record.OpLimit]. Nobody lifts what he set himself.
func limit(c *call, req *record.LimitRequest) ([]byte, error) {
	if err := checkTargets(nil, req.Subjects); err != nil {
		return nil, err
	}
	if err := checkText(req.Reference, "reference", maxMatter); err != nil {
		return nil, err
	}
	draw, err := checkAct(req.Authority, req.Reason, req.Seed)
	if err != nil {
		return nil, err
	}
	h, err := c.holdings()
	if err != nil {
		return nil, err
	}
	targets, err := h.all(nil, req.Subjects)
	if err != nil {
		return nil, err
	}
	var bad offenders
	for _, t := range targets {
		if code := c.restrict(t, req); code != "" {
			bad.add(code, t.name)
		}
	}
	if err := bad.err(); err != nil {
		return nil, err
	}
	what := record.OpLimit
	if req.Lift {
		what = record.LogLift
	}
	return nil, c.writeTargets(targets, draw, record.LogEntry{
		Op: what, Subjects: req.Subjects, Matter: req.Reference, Authority: req.Authority, Reason: req.Reason,
	})
}

// restrict sets or lifts one restriction, and returns the code of what forbids it.
func (c *call) restrict(t *target, req *record.LimitRequest) record.Code {
	i := slices.IndexFunc(t.doc.Limits, func(l record.Limit) bool { return l.Reference == req.Reference })
	switch {
	case !req.Lift && i >= 0:
	case !req.Lift && len(t.doc.Limits) >= maxMatters:
		return record.CodeTooLarge
	case !req.Lift:
		t.doc.Limits = append(t.doc.Limits, record.Limit{
			Reference: req.Reference, Authority: req.Authority, Reason: req.Reason, SetBy: c.who.id, SetAt: c.at(),
		})
	case i < 0:
		return record.CodeNotHeld
	case t.doc.Limits[i].SetBy == c.who.id:
		return record.CodeSamePerson
	default:
		t.doc.Limits = slices.Delete(slices.Clone(t.doc.Limits), i, i+1)
	}
	return ""
}
