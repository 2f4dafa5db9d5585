package chaincode

import (
	"fmt"
	"slices"

	"domicile/chaincode/record"
)

// erasureCase is [record.OpCase].
func erasureCase(c *call, req *record.CaseRequest) ([]byte, error) {
	draw, err := checkCase(req)
	if err != nil {
		return nil, err
	}
	h, err := c.holdings()
	if err != nil {
		return nil, err
	}
	t := &target{token: record.CaseToken(h.secret, req.Case), name: "case"}
	if t.doc, err = h.on(t.token); err != nil {
		return nil, err
	}
	if t.doc.Case, err = c.act(t.doc.Case, req); err != nil {
		return nil, err
	}
	return nil, c.writeTargets([]*target{t}, draw, record.LogEntry{
		Op: record.OpCase + " " + req.Action, Subjects: req.Subjects, Matter: req.Case, Authority: req.Authority, Reason: req.Reason,
	})
}

func checkCase(req *record.CaseRequest) (*record.Drawer, error) {
	if err := checkText(req.Case, "case", maxMatter); err != nil {
		return nil, err
	}
	switch req.Action {
	case record.CaseOpen:
		if err := checkOpening(req); err != nil {
			return nil, err
		}
	case record.CaseApprove, record.CaseClose:
		if req.Law != "" || len(req.Subjects) > 0 || req.Received != "" || req.Deadline != "" || req.Others {
			return nil, record.Fail(record.CodeBadRequest, "law, subjects, received, deadline and others are for opening a case only")
		}
	default:
		return nil, record.Fail(record.CodeBadRequest, "field action is none of open, approve, close")
	}
	return checkAct(req.Authority, req.Reason, req.Seed)
}

func checkOpening(req *record.CaseRequest) error {
	if req.Law != record.LawGDPR && req.Law != record.LawMHMDA {
		return record.Fail(record.CodeBadRequest, "field law is not one the contract knows")
	}
	if err := checkTargets(nil, req.Subjects); err != nil {
		return err
	}
	for i, s := range req.Subjects {
		if slices.Contains(req.Subjects[:i], s) {
			return record.Fail(record.CodeBadRequest, fmt.Sprintf("subjects[%d] is there twice", i))
		}
	}
	received, err := checkDay(req.Received, "received")
	if err != nil {
		return err
	}
	if received.IsZero() {
		return record.Fail(record.CodeBadRequest, "field received is missing")
	}
	deadline, err := checkDay(req.Deadline, "deadline")
	if err != nil {
		return err
	}
	if !deadline.IsZero() && deadline.Compare(received) < 0 {
		return record.Fail(record.CodeBadRequest, "field deadline is before received")
	}
	return nil
}

// act is the case after the request. Opening, approving and closing again changes
// nothing.
func (c *call) act(old *record.Case, req *record.CaseRequest) (*record.Case, error) {
	if req.Action == record.CaseOpen {
		return c.opened(old, req)
	}
	if old == nil {
		return nil, record.Fail(record.CodeNoCase, "no case of this reference is open")
	}
	next := *old
	switch {
	case req.Action == record.CaseClose && old.ClosedAt == "":
		next.ClosedAt = c.at()
	case req.Action == record.CaseClose:
	case old.ClosedAt != "":
		return nil, record.Fail(record.CodeNoCase, "the case is closed")
	case old.ApprovedBy != "":
	case old.OpenedBy == c.who.id:
		return nil, record.Fail(record.CodeSamePerson, "case")
	default:
		next.ApprovedBy, next.ApprovedAt = c.who.id, c.at()
	}
	return &next, nil
}

func (c *call) opened(old *record.Case, req *record.CaseRequest) (*record.Case, error) {
	if old != nil {
		same := old.ClosedAt == "" && old.Law == req.Law && old.Received == req.Received &&
			old.Deadline == req.Deadline && old.Others == req.Others && slices.Equal(old.Subjects, req.Subjects)
		if !same {
			return nil, record.Fail(record.CodeExists, "another case has this reference; give this one its own")
		}
		return old, nil
	}
	if received, err := checkDay(req.Received, "received"); err != nil || received.Compare(c.latestToday()) > 0 {
		return nil, record.Fail(record.CodeBadRequest, "field received is a day that has not begun anywhere; the deadline would be as late")
	}
	return &record.Case{
		Version: record.Version, Case: req.Case, Law: req.Law, Subjects: req.Subjects,
		Received: req.Received, Deadline: req.Deadline, Others: req.Others, Authority: req.Authority, Reason: req.Reason,
		OpenedBy: c.who.id, OpenedAt: c.at(),
	}, nil
}

// cases is [record.OpCases].
func cases(c *call, req *record.CasesRequest) ([]byte, error) {
	if err := checkText(req.Case, "case", maxMatter); err != nil {
		return nil, err
	}
	h, err := c.holdings()
	if err != nil {
		return nil, err
	}
	doc, err := h.on(record.CaseToken(h.secret, req.Case))
	if err != nil {
		return nil, err
	}
	if doc.Case == nil {
		return nil, record.Fail(record.CodeNoCase, "no case of this reference")
	}
	return encode(doc.Case)
}
