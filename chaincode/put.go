package chaincode

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"domicile/chaincode/record"
	"domicile/collections"
	"domicile/fhir"
)

// kv is one private write to come.
type kv struct {
	key   string
	value []byte
}

// put is [record.OpPut]. Everything is checked and built before the first write. It
// reads the holds by query and no key of a subject: that would tie the records of a
// person together in public. Holds and facts about people count at purge.
func put(c *call, req *record.PutRequest) ([]byte, error) {
	if err := checkPut(c, req); err != nil {
		return nil, err
	}
	h, err := c.holdings()
	if err != nil {
		return nil, err
	}
	queries, err := h.queries(c.coll.Name)
	if err != nil {
		return nil, err
	}
	out := make([]kv, 0, len(req.Records)*record.KeysPerRecord)
	for i := range req.Records {
		writes, err := prepare(c, &req.Records[i], i, queries)
		if err != nil {
			return nil, err
		}
		out = append(out, writes...)
	}
	if err := c.fresh(req.Records); err != nil {
		return nil, err
	}
	return nil, c.write(c.coll.Name, out)
}

// checkPut checks what needs no parsing.
func checkPut(c *call, req *record.PutRequest) error {
	if err := count(len(req.Records), "records"); err != nil {
		return err
	}
	ids := make([]string, len(req.Records))
	for i, r := range req.Records {
		ids[i] = r.ID
	}
	if err := checkIDs(ids); err != nil {
		return err
	}
	if bodies, _ := c.bodies(); bodies != len(req.Records) {
		return record.Fail(record.CodeBadRequest, "there must be one transient body for each record")
	}
	for i := range req.Records {
		if err := checkRecord(c, req.Records, i); err != nil {
			return err
		}
	}
	return nil
}

// bodies is how many resources the transaction puts, and their bytes.
func (c *call) bodies() (n, bytes int) {
	for k, v := range c.transient {
		if strings.HasPrefix(k, record.FieldBody) {
			n++
			bytes += len(v)
		}
	}
	return n, bytes
}

func checkRecord(c *call, all []record.PutRecord, i int) error {
	r := &all[i]
	at := "records[" + strconv.Itoa(i) + "]"
	if len(r.Seed) != record.SeedLen {
		return record.Fail(record.CodeBadRequest, at+".seed must have 32 bytes")
	}
	for _, other := range all[:i] {
		if bytes.Equal(other.Seed, r.Seed) {
			return record.Fail(record.CodeBadRequest, at+".seed is another record's")
		}
	}
	if len(r.Subjects) > record.MaxSubjects {
		return record.Fail(record.CodeBadRequest, fmt.Sprintf("%s has more than %d subjects", at, record.MaxSubjects))
	}
	if err := checkTokens(r.Subjects, at+".subjects"); err != nil {
		return err
	}
	if r.Resource != "" && !record.CheckToken(r.Resource) {
		return record.Fail(record.CodeBadRequest, at+".resource is not a token")
	}
	if r.Replaces != "" && (record.CheckID(r.Replaces) != nil || r.Replaces == r.ID) {
		return record.Fail(record.CodeBadRequest, at+".replaces is not the id of another record")
	}
	if want := custody(c.coll); r.Custody != "" && r.Custody != want {
		return record.Fail(record.CodeBadRequest, at+".custody is not that of the collection")
	}
	if err := checkHealth(c, r, at); err != nil {
		return err
	}
	body, ok := c.transient[record.BodyField(i)]
	if !ok {
		return record.Fail(record.CodeBadRequest, at+" has no transient body")
	}
	if len(body) > record.MaxBody {
		return record.Fail(record.CodeTooLarge, r.ID)
	}
	return nil
}

// custody of a collection: what several organisations hold are copies given
// under terms.
func custody(c *collections.Collection) string {
	if len(c.Members) > 1 {
		return record.Disclosed
	}
	return record.Custodial
}

func unique(list []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// index builds the index entries of a record; unused ones are padding, so that
// the number of keys tells nothing about the record. What is drawn for them depends
// on the id, too: a client that sends a seed twice must not overwrite the entries
// of another record, which would then never be found due.
func index(draw *record.Drawer, meta *record.Meta) []kv {
	entry, _ := json.Marshal(record.IndexEntry{ID: meta.ID, Size: meta.Size, Canary: meta.Canary})
	out := make([]kv, 0, record.KeysPerRecord)
	add := func(label string, used bool, key func(nonce string) string) {
		label += " " + meta.ID
		if !used {
			out = append(out, kv{record.PadKey(draw.Nonce(label)), record.EncodeValue(draw.Salt(label), []byte("{}"))})
			return
		}
		out = append(out, kv{key(draw.Nonce(label)), record.EncodeValue(draw.Salt(label), entry)})
	}
	add("due", true, func(n string) string { return dueKeyOf(meta, n) })
	add("res", meta.Resource != "", func(n string) string { return record.ResourceKey(meta.Resource, n) })
	for i := range record.SubjectSlots {
		add("sub"+strconv.Itoa(i), i < len(meta.Subjects), func(n string) string { return record.SubjectKey(meta.Subjects[i], n) })
	}
	return out
}

// dueKeyOf is the key of a record's due entry.
func dueKeyOf(meta *record.Meta, nonce string) string {
	return record.DueKey(dueEntry(meta), record.TxCluster(meta.PutTx)+nonce)
}

// dueEntry is the date of a record in the due index. One that nobody can date is in
// it too: what is never due can be listed, and the number of keys tells nothing.
func dueEntry(meta *record.Meta) string {
	if meta.Due == "" {
		return record.UndatedDue
	}
	return meta.Due
}

// badResource keeps the place and the rule of a parse error. Element names are
// left out too: what looks like one may be a name of a person.
func badResource(err error, id string) error {
	se, ok := err.(*fhir.SyntaxError)
	if !ok {
		return record.Fail(record.CodeBadResource, id)
	}
	if se.Reason == fhir.TooLarge {
		return record.Fail(record.CodeTooLarge, id)
	}
	return record.Fail(record.CodeBadResource,
		fmt.Sprintf("%s %s at line %d, column %d, byte %d", id, se.Reason, se.Line, se.Column, se.Offset))
}

// fresh refuses ids that are in use or were purged, in this collection or in
// another one of its holders that shares its log.
func (c *call) fresh(records []record.PutRecord) error {
	var gone, exists offenders
	for _, r := range records {
		if where, err := c.goneIn(r.ID); err != nil {
			return err
		} else if where != "" {
			gone.add(record.CodeGone, r.ID)
		}
		for _, coll := range c.siblings() {
			if h, err := c.hash(coll, record.RecordKey(r.ID)); err != nil {
				return err
			} else if h != nil {
				exists.add(record.CodeExists, r.ID)
			}
		}
	}
	if err := gone.err(); err != nil {
		return err
	}
	return exists.err()
}

// write puts private values in one batch. Nothing may fail after it.
func (c *call) write(coll string, out []kv) error {
	c.stub.StartWriteBatch()
	for _, w := range out {
		if err := c.stub.PutPrivateData(coll, w.key, w.value); err != nil {
			return internal("writing private data")
		}
	}
	if err := c.stub.FinishWriteBatch(); err != nil {
		return internal("writing private data")
	}
	return nil
}
