package chaincode

import (
	"fmt"
	"slices"

	"domicile/chaincode/record"
	"domicile/fhir"
)

// maxSource bounds the words that say what a fact was taken from, in bytes.
const maxSource = 200

// officerFacts are the kinds that only an officer records.
var officerFacts = []string{record.FactDiscontinued, record.FactErasure}

// facts is [record.OpFacts]. Nothing is overwritten: a fact stays where it is, and
// one that was wrong is taken back by another entry. Only of very many events, of which
// the latest counts alone, the oldest are left to the log.
func facts(c *call, req *record.FactsRequest) ([]byte, error) {
	draw, err := drawer(req.Seed)
	if err != nil {
		return nil, err
	}
	if err := count(len(req.Subjects), "subjects"); err != nil {
		return nil, err
	}
	tokens := make([]string, len(req.Subjects))
	for i := range req.Subjects {
		if err := c.checkSubjectFacts(&req.Subjects[i], i); err != nil {
			return nil, err
		}
		tokens[i] = req.Subjects[i].Subject
	}
	h, err := c.holdings()
	if err != nil {
		return nil, err
	}
	targets, err := h.all(nil, tokens)
	if err != nil {
		return nil, err
	}
	entry := record.LogEntry{Op: record.OpFacts, Subjects: tokens}
	for i, t := range targets {
		added, err := c.addFacts(t, req.Subjects[i].Facts)
		if err != nil {
			return nil, err
		}
		entry.Facts = append(entry.Facts, added...)
	}
	return nil, c.writeTargets(targets, draw, entry)
}

func (c *call) checkSubjectFacts(s *record.SubjectFacts, i int) error {
	at := fmt.Sprintf("subjects[%d]", i)
	if !record.CheckToken(s.Subject) {
		return record.Fail(record.CodeBadRequest, at+".subject is not a token")
	}
	if len(s.Facts) == 0 {
		return record.Fail(record.CodeBadRequest, at+".facts is empty")
	}
	if err := checkFacts(s.Facts, at+".facts"); err != nil {
		return err
	}
	for _, f := range s.Facts {
		if (f.Withdrawn || slices.Contains(officerFacts, f.Kind)) && c.role != record.RoleOfficer {
			return record.Fail(record.CodeForbidden, "only an officer records this kind of fact, or takes one back")
		}
		if f.Withdrawn && f.Reason == "" {
			return record.Fail(record.CodeBadRequest, at+".facts takes one back without a reason")
		}
		if f.By != "" || f.At != "" || f.Tx != "" {
			return record.Fail(record.CodeBadRequest, at+".facts names who, when or a transaction, which the contract fills in")
		}
	}
	return nil
}

// checkFacts checks the form of a list of facts, and that it is not too long.
func checkFacts(list []record.Fact, at string) error {
	if len(list) > record.MaxFacts {
		return record.Fail(record.CodeTooLarge, fmt.Sprintf("%s has more than %d entries", at, record.MaxFacts))
	}
	for i, f := range list {
		if !slices.Contains(record.FactKinds(), f.Kind) {
			return record.Fail(record.CodeBadRequest, fmt.Sprintf("%s[%d].kind is not one the contract knows", at, i))
		}
		if _, ok := factDate(f.Date); !ok {
			return record.Fail(record.CodeBadRequest, fmt.Sprintf("%s[%d].date is not YYYY, YYYY-MM or YYYY-MM-DD", at, i))
		}
		if len(f.Source) > maxSource || len(f.Reason) > maxText {
			return record.Fail(record.CodeBadRequest, fmt.Sprintf("%s[%d] has a source or reason that is too long", at, i))
		}
	}
	return nil
}

// factDate reads a FHIR date without a time.
func factDate(text string) (fhir.Date, bool) {
	if len(text) > len("2006-01-02") {
		return fhir.Date{}, false
	}
	d, err := fhir.ParseDate(text)
	return d, err == nil
}

// addFacts appends what the target's document does not say yet, and returns it. A
// fact that was taken back comes in again by an officer only: else the next import
// would undo his word.
func (c *call) addFacts(t *target, list []record.Fact) ([]record.Fact, error) {
	var added []record.Fact
	for i, f := range list {
		last := latest(t.doc.Facts, f)
		switch {
		case f.Withdrawn && last == nil:
			return nil, record.Fail(record.CodeBadRequest, fmt.Sprintf("%s.facts[%d] takes back what is not recorded", t.name, i))
		case last != nil && last.Withdrawn == f.Withdrawn, last != nil && !f.Withdrawn && c.role != record.RoleOfficer:
			continue
		}
		f.By, f.At, f.Tx = c.who.id, c.at(), c.stub.GetTxID()
		t.doc.Facts = append(t.doc.Facts[:len(t.doc.Facts):len(t.doc.Facts)], f)
		added = append(added, f)
	}
	t.doc.Facts = withoutSuperseded(t.doc.Facts)
	if len(t.doc.Facts) > record.MaxFacts {
		return nil, record.Fail(record.CodeTooLarge, fmt.Sprintf("%s would have more than %d facts", t.name, record.MaxFacts))
	}
	return added, nil
}

// lastOnly are kinds of which every law counts from the latest event alone; spareEvents is
// how many of the latest stay, so that some of them may be taken back.
var lastOnly = []string{record.FactLastEncounter, record.FactTreatmentEnd, record.FactTrialEnd}

const spareEvents = 16

// withoutSuperseded leaves the oldest events out that later ones supersede, once a list is
// too long, so that whoever comes every week can be recorded for ever. They stay in the
// log. What was ever taken back stays, too: the next import must not bring it in again.
func withoutSuperseded(list []record.Fact) []record.Fact {
	over := len(list) - record.MaxFacts
	if over <= 0 {
		return list
	}
	var old []int
	for _, kind := range lastOnly {
		var events []int
		for i, f := range list {
			if f.Kind == kind && !slices.ContainsFunc(list, func(o record.Fact) bool { return o.Withdrawn && o.Kind == kind && o.Date == f.Date }) {
				events = append(events, i)
			}
		}
		slices.SortStableFunc(events, func(a, b int) int { return dayOf(list[a]).Compare(dayOf(list[b])) })
		old = append(old, events[:max(0, len(events)-spareEvents)]...)
	}
	slices.SortStableFunc(old, func(a, b int) int { return dayOf(list[a]).Compare(dayOf(list[b])) })
	old = old[:min(over, len(old))]
	var out []record.Fact
	for i, f := range list {
		if !slices.Contains(old, i) {
			out = append(out, f)
		}
	}
	return out
}

// dayOf is the last day that a checked fact can mean.
func dayOf(f record.Fact) fhir.Date {
	day, _ := factDate(f.Date)
	return day
}

// latest is the last entry of a kind and date, nil if there is none.
func latest(list []record.Fact, f record.Fact) *record.Fact {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].Kind == f.Kind && list[i].Date == f.Date {
			return &list[i]
		}
	}
	return nil
}

// factsInForce leaves out facts that were taken back, and repetitions. list is what
// is recorded under one token: what one token says is not taken back at another.
func factsInForce(list []record.Fact) []record.Fact {
	var out []record.Fact
	for i, f := range list {
		if last := latest(list, f); last == &list[i] && !f.Withdrawn {
			out = append(out, f)
		}
	}
	return out
}

// factsOf is [record.OpFactsOf].
func factsOf(c *call, req *record.FactsOfRequest) ([]byte, error) {
	if err := count(len(req.Subjects), "subjects"); err != nil {
		return nil, err
	}
	if err := checkTokens(req.Subjects, "subjects"); err != nil {
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
	out := make([]record.SubjectFacts, len(targets))
	for i, t := range targets {
		out[i] = record.SubjectFacts{Subject: t.token, Facts: append([]record.Fact{}, t.doc.Facts...)}
	}
	return encode(out)
}
