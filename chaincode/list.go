package chaincode

import (
	"encoding/json"
	"regexp"
	"strings"

	"domicile/chaincode/record"
	"domicile/fhir"
)

// span is a half-open range of private keys.
type span struct{ start, end string }

// under is every key that begins with prefix, which ends in '/'.
func under(prefix string) span {
	return span{prefix, strings.TrimSuffix(prefix, "/") + "0"} // '0' follows '/'
}

// list is [record.OpList]. What it answers is a hint: private ranges may be
// stale, and every decision reads single keys again.
func list(c *call, req *record.ListRequest) ([]byte, error) {
	if req.Subject != "" && req.Resource != "" {
		return nil, record.Fail(record.CodeBadRequest, "only one of subject and resource may be set")
	}
	s := under(record.MetaKey(""))
	for _, t := range []struct {
		token, name string
		key         func(string, string) string
	}{{req.Subject, "subject", record.SubjectKey}, {req.Resource, "resource", record.ResourceKey}} {
		if t.token == "" {
			continue
		}
		if !record.CheckToken(t.token) {
			return nil, record.Fail(record.CodeBadRequest, "field "+t.name+" is not a token")
		}
		s = under(t.key(t.token, ""))
	}
	return c.page(s, req.After, req.Limit)
}

var dueKey = regexp.MustCompile(`^due/(\d{4}-\d{2}-\d{2})/[0-9a-f]{32}$`)

// due is [record.OpDue].
func due(c *call, req *record.DueRequest) ([]byte, error) {
	var day fhir.Date
	if err := day.UnmarshalText([]byte(req.Before)); err != nil || day.IsZero() {
		return nil, record.Fail(record.CodeBadRequest, "field before is not a date YYYY-MM-DD")
	}
	first := strings.TrimSuffix(record.DueKey("", ""), "/") // "due/"
	s := span{first, under(record.DueKey(day.String(), "")).end}
	if strings.HasPrefix(req.After, record.GoneKey("")) {
		return c.pending(record.Page{Entries: []record.Entry{}}, req.After, req.Limit)
	}
	b, err := c.page(s, req.After, req.Limit)
	if err != nil {
		return nil, err
	}
	var p record.Page
	if err := json.Unmarshal(b, &p); err != nil {
		return nil, internal("reading a page")
	}
	if p.Next != "" {
		return b, nil
	}
	return c.pending(p, record.GoneKey(""), req.Limit)
}

// page reads at most limit entries of a span, from behind a key on.
func (c *call) page(s span, after string, limit int) ([]byte, error) {
	if limit == 0 {
		limit = record.MaxPage
	}
	if limit < 1 || limit > record.MaxPage {
		return nil, record.Fail(record.CodeBadRequest, "field limit must be 1 to 1000")
	}
	if after != "" {
		if after < s.start || after >= s.end {
			return nil, record.Fail(record.CodeBadRequest, "field after is not the next of a page of this list")
		}
		s.start = after + "\x00"
	}
	it, err := c.stub.GetPrivateDataByRange(c.coll.Name, s.start, s.end)
	if err != nil {
		return nil, missing(err)
	}
	defer it.Close()
	p := record.Page{Entries: []record.Entry{}}
	last := ""
	for it.HasNext() {
		kv, err := it.Next()
		if err != nil {
			return nil, internal("reading a range")
		}
		if len(p.Entries) == limit {
			p.Next = last
			break
		}
		e, err := entryOf(kv.GetKey(), kv.GetValue())
		if err != nil {
			return nil, err
		}
		p.Entries = append(p.Entries, e)
		last = kv.GetKey()
	}
	return encode(p)
}

func entryOf(key string, value []byte) (record.Entry, error) {
	if id, ok := strings.CutPrefix(key, record.MetaKey("")); ok {
		return record.Entry{ID: id}, nil
	}
	_, payload, err := record.DecodeValue(value)
	if err != nil {
		return record.Entry{}, internal("decoding an index entry")
	}
	var stored record.IndexEntry
	if err := json.Unmarshal(payload, &stored); err != nil {
		return record.Entry{}, internal("decoding an index entry")
	}
	e := record.Entry{ID: stored.ID}
	if m := dueKey.FindStringSubmatch(key); m != nil {
		e.Date, e.Size = m[1], stored.Size
	}
	return e, nil
}
