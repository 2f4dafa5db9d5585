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
	return c.pages(req.After, req.Limit, scan{c.coll.Name, s})
}

var dueKey = regexp.MustCompile(`^due/(\d{4}-\d{2}-\d{2})/(?:[0-9a-f]{16})?[0-9a-f]{32}$`)

// due is [record.OpDue].
func due(c *call, req *record.DueRequest) ([]byte, error) {
	var day fhir.Date
	if err := day.UnmarshalText([]byte(req.Before)); err != nil || day.IsZero() {
		return nil, record.Fail(record.CodeBadRequest, "field before is not a date YYYY-MM-DD")
	}
	first := strings.TrimSuffix(record.DueKey("", ""), "/") // "due/"
	s := span{first, under(record.DueKey(day.String(), "")).end}
	return c.pages(req.After, req.Limit, scan{c.coll.Name, s}, scan{c.log, under(record.TodoKey(""))})
}

// scan is one range of one collection.
type scan struct {
	collection string
	span
}

// pages reads at most limit entries of the scans, whose key ranges ascend, from
// behind a key on.
func (c *call) pages(after string, limit int, scans ...scan) ([]byte, error) {
	limit, err := pageLimit(limit)
	if err != nil {
		return nil, err
	}
	known := after == ""
	p := record.Page{Entries: []record.Entry{}}
	for _, s := range scans {
		if after >= s.end {
			continue
		}
		if after >= s.start {
			known = true
			s.start = after + "\x00"
		}
		if !known {
			break
		}
		if full, err := c.page(s, limit, &p); err != nil {
			return nil, err
		} else if full {
			return encode(p)
		}
	}
	if !known {
		return nil, record.Fail(record.CodeBadRequest, "field after is not the next of a page of this list")
	}
	p.Next = ""
	return encode(p)
}

// page adds the entries of one scan to p until p has limit of them, or as many
// were read as a page can have, and reports whether it stopped for that. Entries of
// a sibling collection are read and left out; without a bound on them the ledger
// would cut the range where nobody sees it.
func (c *call) page(s scan, limit int, p *record.Page) (full bool, err error) {
	it, err := c.stub.GetPrivateDataByRange(s.collection, s.start, s.end)
	if err != nil {
		return false, missing(err)
	}
	defer it.Close()
	last := ""
	for read := 0; it.HasNext(); read++ {
		kv, err := it.Next()
		if err != nil {
			return false, internal("reading a range")
		}
		if len(p.Entries) == limit || read == record.MaxPage {
			return true, nil
		}
		e, ours, err := c.entryOf(kv.GetKey(), kv.GetValue())
		if err != nil {
			return false, err
		}
		if ours {
			p.Entries = append(p.Entries, e)
		}
		last = kv.GetKey()
		p.Next = last
	}
	return false, c.uncut(s, last)
}

// walk hands on the payloads of a range, until full says that the page is, or as many
// were read as a page can have. next is the key to go on behind, empty at the end.
func (c *call) walk(s scan, full func() bool, take func(key string, payload []byte) error) (next string, err error) {
	it, err := c.stub.GetPrivateDataByRange(s.collection, s.start, s.end)
	if err != nil {
		return "", missing(err)
	}
	defer it.Close()
	last := ""
	for read := 0; it.HasNext(); read++ {
		kv, err := it.Next()
		if err != nil {
			return "", internal("reading a range")
		}
		if full() || read == record.MaxPage {
			return last, nil
		}
		_, payload, err := record.DecodeValue(kv.GetValue())
		if err != nil {
			return "", internal("decoding a private value")
		}
		if err := take(kv.GetKey(), payload); err != nil {
			return "", err
		}
		last = kv.GetKey()
	}
	return "", c.uncut(s, last)
}

// pageLimit is how many entries a page may have.
func pageLimit(asked int) (int, error) {
	if asked == 0 {
		return record.MaxPage, nil
	}
	if asked < 1 || asked > record.MaxPage {
		return 0, record.Fail(record.CodeBadRequest, "field limit must be 1 to 1000")
	}
	return asked, nil
}

// uncut checks that a scan ended where its range does: a peer ends a range without
// a word at its query limit (ledger.state.totalQueryLimit), and then what is behind
// the last key would never be found.
func (c *call) uncut(s scan, last string) error {
	if last == "" {
		return nil
	}
	it, err := c.stub.GetPrivateDataByRange(s.collection, last+"\x00", s.end)
	if err != nil {
		return missing(err)
	}
	defer it.Close()
	if it.HasNext() {
		return record.Fail(record.CodeInternal, "the peer cut a range: its ledger.state.totalQueryLimit must be above 1000")
	}
	return nil
}

// entryOf decodes an index entry; ours is false for one of another collection of
// the same holder.
func (c *call) entryOf(key string, value []byte) (e record.Entry, ours bool, err error) {
	if id, ok := strings.CutPrefix(key, record.MetaKey("")); ok {
		return record.Entry{ID: id}, true, nil
	}
	_, payload, err := record.DecodeValue(value)
	if err != nil {
		return e, false, internal("decoding an index entry")
	}
	if strings.HasPrefix(key, record.TodoKey("")) {
		var todo record.Todo
		if err := json.Unmarshal(payload, &todo); err != nil {
			return e, false, internal("decoding an index entry")
		}
		return record.Entry{ID: todo.ID, Gone: true, Canary: todo.Canary}, todo.Collection == c.coll.Name, nil
	}
	var stored record.IndexEntry
	if err := json.Unmarshal(payload, &stored); err != nil {
		return e, false, internal("decoding an index entry")
	}
	e.ID = stored.ID
	if m := dueKey.FindStringSubmatch(key); m != nil {
		e.Date, e.Size, e.Canary = m[1], stored.Size, stored.Canary
	}
	return e, true, nil
}
