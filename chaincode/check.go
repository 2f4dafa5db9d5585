package chaincode

import (
	"fmt"
	"strings"

	"domicile/chaincode/record"
)

// maxText bounds the words a request may carry, in bytes: reasons, authorities.
const maxText = 2000

// count refuses an empty or too long list.
func count(n int, what string) error {
	switch {
	case n == 0:
		return record.Fail(record.CodeBadRequest, "field "+what+" is empty")
	case n > record.MaxRecords:
		return record.Fail(record.CodeTooLarge, fmt.Sprintf("field %s has more than %d entries", what, record.MaxRecords))
	}
	return nil
}

// checkIDs refuses ids that are malformed or repeated. Malformed ones are named
// by their place, for they may hold anything.
func checkIDs(ids []string) error {
	seen := make(map[string]bool, len(ids))
	for i, id := range ids {
		if record.CheckID(id) != nil {
			return record.Fail(record.CodeBadRequest, fmt.Sprintf("ids[%d] is not a record id", i))
		}
		if seen[id] {
			return record.Fail(record.CodeBadRequest, fmt.Sprintf("ids[%d] is there twice", i))
		}
		seen[id] = true
	}
	return nil
}

func checkTokens(tokens []string, what string) error {
	for i, t := range tokens {
		if !record.CheckToken(t) {
			return record.Fail(record.CodeBadRequest, fmt.Sprintf("%s[%d] is not a token", what, i))
		}
	}
	return nil
}

// checkText refuses a text that is empty or longer than limit bytes.
func checkText(text, what string, limit int) error {
	if strings.TrimSpace(text) == "" || len(text) > limit {
		return record.Fail(record.CodeBadRequest, fmt.Sprintf("field %s must have 1 to %d bytes", what, limit))
	}
	return nil
}

// offenders collects ids by the code they fail with, so that one answer tells a
// client everything it has to leave out of the next attempt.
type offenders struct {
	order []record.Code
	ids   map[record.Code][]string
}

func (o *offenders) add(c record.Code, id string) {
	if o.ids == nil {
		o.ids = map[record.Code][]string{}
	}
	if o.ids[c] == nil {
		o.order = append(o.order, c)
	}
	o.ids[c] = append(o.ids[c], id)
}

// err is the first code met with all its ids; the ids of other codes follow.
func (o *offenders) err() error {
	if len(o.order) == 0 {
		return nil
	}
	text := strings.Join(o.ids[o.order[0]], " ")
	for _, c := range o.order[1:] {
		text += "; " + string(c) + " " + strings.Join(o.ids[c], " ")
	}
	return record.Fail(o.order[0], text)
}
