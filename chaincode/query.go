package chaincode

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"

	"domicile/chaincode/record"
	"domicile/collections"
	"domicile/fhir"
	"domicile/fhir/ds4p"
)

// Bounds of one query.
const (
	maxQueryItems = 100
	maxCodeLen    = 512 // bytes of a label's system or code
)

var typeForm = regexp.MustCompile(`^[A-Z][A-Za-z]{0,63}$`)

// holdQuery sets a hold on all records of a collection that a query chooses, also
// on those put later.
func holdQuery(c *call, req *record.HoldRequest) error {
	t, draw, err := c.queryTarget(req)
	if err != nil {
		return err
	}
	if findQuery(t.doc.Queries, c.coll.Name, req) < 0 {
		if len(t.doc.Queries) >= record.MaxQueries {
			return record.Fail(record.CodeTooLarge, t.name)
		}
		t.doc.Queries = append(t.doc.Queries, record.HeldQuery{Collection: c.coll.Name, Query: *req.Query, Matter: c.matter(req)})
	}
	return c.writeTargets([]*target{t}, draw, holdEntry(record.OpHold, req))
}

// releaseQuery ends the hold of one matter by one query, the same as it was set.
func releaseQuery(c *call, req *record.HoldRequest) error {
	t, draw, err := c.queryTarget(req)
	if err != nil {
		return err
	}
	i := findQuery(t.doc.Queries, c.coll.Name, req)
	switch {
	case i < 0:
		return record.Fail(record.CodeNotHeld, t.name)
	case t.doc.Queries[i].Matter.SetBy == c.who.id:
		return record.Fail(record.CodeSamePerson, t.name)
	}
	t.doc.Queries = slices.Delete(t.doc.Queries, i, i+1)
	return c.writeTargets([]*target{t}, draw, holdEntry(record.OpRelease, req))
}

// queryTarget is the one document of all holds by query. It is one, because every
// put reads it.
func (c *call) queryTarget(req *record.HoldRequest) (*target, *record.Drawer, error) {
	if len(req.IDs)+len(req.Subjects) > 0 {
		return nil, nil, record.Fail(record.CodeBadRequest, "field query stands alone, without ids and subjects")
	}
	if req.For != "" {
		return nil, nil, record.Fail(record.CodeBadRequest, "field for is for holds on records")
	}
	if err := checkQuery(req.Query); err != nil {
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
	t := &target{token: record.QueriesToken(h.secret), name: "query"}
	t.doc, err = h.on(t.token)
	return t, draw, err
}

func checkQuery(q *record.Query) error {
	if len(q.Types)+len(q.Labels) == 0 && q.From == "" && q.To == "" {
		return record.Fail(record.CodeBadRequest, "field query chooses by nothing")
	}
	if len(q.Types) > maxQueryItems || len(q.Labels) > maxQueryItems {
		return record.Fail(record.CodeTooLarge, fmt.Sprintf("field query has more than %d types or labels", maxQueryItems))
	}
	for i, t := range q.Types {
		if !typeForm.MatchString(t) {
			return record.Fail(record.CodeBadRequest, fmt.Sprintf("query.types[%d] is not a resource type", i))
		}
	}
	for i, l := range q.Labels {
		if l.Code == "" || len(l.Code) > maxCodeLen || len(l.System) > maxCodeLen || l != (record.Label{System: l.System, Code: l.Code}) {
			return record.Fail(record.CodeBadRequest, fmt.Sprintf("query.labels[%d] is not a system and a code", i))
		}
	}
	from, err := checkDay(q.From, "query.from")
	if err != nil {
		return err
	}
	to, err := checkDay(q.To, "query.to")
	if err != nil {
		return err
	}
	if !from.IsZero() && !to.IsZero() && from.Compare(to) > 0 {
		return record.Fail(record.CodeBadRequest, "query.from is after query.to")
	}
	return nil
}

// checkDay reads a day that may be left out, the zero Date when it is.
func checkDay(text, what string) (fhir.Date, error) {
	var day fhir.Date
	if text == "" {
		return day, nil
	}
	if err := day.UnmarshalText([]byte(text)); err != nil || day.IsZero() {
		return day, record.Fail(record.CodeBadRequest, "field "+what+" is not a date YYYY-MM-DD")
	}
	return day, nil
}

// findQuery returns the place of a hold of the request's matter by its query, -1
// for none. The order of types and labels does not matter.
func findQuery(list []record.HeldQuery, coll string, req *record.HoldRequest) int {
	return slices.IndexFunc(list, func(q record.HeldQuery) bool {
		return q.Collection == coll && q.Matter.Matter == req.Matter && sameQuery(&q.Query, req.Query)
	})
}

func sameQuery(a, b *record.Query) bool {
	less := func(x, y record.Label) int {
		return cmp.Or(cmp.Compare(x.System, y.System), cmp.Compare(x.Code, y.Code))
	}
	return a.From == b.From && a.To == b.To &&
		slices.Equal(slices.Sorted(slices.Values(a.Types)), slices.Sorted(slices.Values(b.Types))) &&
		slices.Equal(slices.SortedFunc(slices.Values(a.Labels), less), slices.SortedFunc(slices.Values(b.Labels), less))
}

// matches reports whether a query chooses a record, or may choose it.
func matches(words *ds4p.Vocabulary, q *record.Query, meta *record.Meta) bool {
	if len(q.Types) > 0 && !slices.Contains(q.Types, meta.Type) {
		return false
	}
	if !canEndIn(q, meta.End) {
		return false
	}
	if len(q.Labels) == 0 {
		return true
	}
	return slices.ContainsFunc(q.Labels, func(want record.Label) bool {
		return slices.ContainsFunc(meta.Labels, func(have record.Label) bool { return means(words, have, want) })
	})
}

// canEndIn tells whether care can have ended in the query's range of days. A record without
// a clinical end date may have ended on any day, so every range takes it; one whose date
// was a year, a month or a time of day, on any that it can mean.
func canEndIn(q *record.Query, end string) bool {
	var day fhir.Date
	if end == "" || day.UnmarshalText([]byte(end)) != nil {
		return true
	}
	can := collections.EndSpan(day)
	return (q.From == "" || can.Last.String() >= q.From) && (q.To == "" || can.First.String() <= q.To)
}

// means tells whether a label is the wanted one or a kind of it. A label that
// cannot be read could be any.
func means(words *ds4p.Vocabulary, have, want record.Label) bool {
	if have.Code == "" {
		return have.System == "" || want.System == "" || have.System == want.System
	}
	return words.IsA(fhir.Coding{System: have.System, Code: have.Code}, fhir.Coding{System: cmp.Or(want.System, have.System), Code: want.Code})
}

// heldBy lists the matters of the holds by query that take a record now.
func heldBy(words *ds4p.Vocabulary, queries []record.HeldQuery, meta *record.Meta) []string {
	var out []string
	for _, q := range queries {
		if matches(words, &q.Query, meta) {
			out = append(out, q.Matter.Matter)
		}
	}
	return unique(out)
}
