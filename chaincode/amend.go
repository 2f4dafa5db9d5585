package chaincode

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"domicile/chaincode/record"
	"domicile/chaincode/record/atrest"
	"domicile/collections"
	"domicile/fhir/ds4p"
)

// amend is [record.OpAmend]. It reads no key of a subject, for the reason that put
// reads none, and of every record it reads and writes the same keys.
func amend(c *call, req *record.AmendRequest) ([]byte, error) {
	draw, err := c.checkAmend(req)
	if err != nil {
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
	var bad offenders
	list := make([]amendment, len(req.Records))
	for i := range req.Records {
		a := &list[i]
		a.req = &req.Records[i]
		code, err := a.apply(c, queries)
		if err != nil {
			return nil, err
		}
		if code != "" {
			bad.add(code, a.req.ID)
		}
	}
	if err := bad.err(); err != nil {
		return nil, err
	}
	return nil, c.rewrite(list, draw)
}

func (c *call) checkAmend(req *record.AmendRequest) (*record.Drawer, error) {
	if err := count(len(req.Records), "records"); err != nil {
		return nil, err
	}
	if len(req.Records) > record.AmendRecords {
		return nil, record.Fail(record.CodeTooLarge, fmt.Sprintf("field records has more than %d entries", record.AmendRecords))
	}
	ids := make([]string, len(req.Records))
	for i := range req.Records {
		ids[i] = req.Records[i].ID
		if err := c.checkAmendRecord(&req.Records[i], fmt.Sprintf("records[%d]", i)); err != nil {
			return nil, err
		}
	}
	if err := checkIDs(ids); err != nil {
		return nil, err
	}
	return drawer(req.Seed)
}

func (c *call) checkAmendRecord(r *record.AmendRecord, at string) error {
	officer := c.role == record.RoleOfficer
	switch {
	case (r.Accept || r.Review) && !officer:
		return record.Fail(record.CodeForbidden, "only an officer accepts an earlier date or approves a destruction")
	case (r.Accept || r.Review) && strings.TrimSpace(r.Reason) == "":
		return record.Fail(record.CodeBadRequest, at+".reason is missing")
	case r.Review && strings.TrimSpace(r.Authority) == "":
		return record.Fail(record.CodeBadRequest, at+".authority is missing")
	case len(r.Reason) > maxText || len(r.Authority) > maxText:
		return record.Fail(record.CodeBadRequest, fmt.Sprintf("%s.reason and authority have at most %d bytes", at, maxText))
	case !r.Relabel && (len(r.Labels) > 0 || r.Rules != ""):
		return record.Fail(record.CodeBadRequest, at+".labels and rules are for relabelling")
	case r.Rules != "" && !rulesForm.MatchString(r.Rules):
		return record.Fail(record.CodeBadRequest, at+".rules is not 64 lower-case hex digits")
	}
	if err := checkLabels(r.Labels, at+".labels"); err != nil {
		return err
	}
	return checkFacts(r.Facts, at+".facts")
}

// amendment is one record on its way to new metadata.
type amendment struct {
	req     *record.AmendRecord
	meta    record.Meta
	changed bool // something that the log tells
	labels  bool // the set of labels
}

// apply makes the new metadata and returns the code of what forbids it.
func (a *amendment) apply(c *call, queries []record.HeldQuery) (record.Code, error) {
	present, err := c.document(c.coll.Name, record.MetaKey(a.req.ID), &a.meta)
	if err != nil {
		return "", err
	}
	body, err := c.hash(c.coll.Name, record.RecordKey(a.req.ID))
	if err != nil {
		return "", err
	}
	if !present || body == nil {
		gone, err := c.goneIn(a.req.ID)
		if gone != "" {
			return record.CodeGone, err
		}
		return record.CodeAbsent, err
	}
	if a.req.Relabel {
		if err := a.relabel(c, queries); err != nil {
			return "", err
		}
	}
	if err := a.date(c); err != nil {
		return "", err
	}
	if !a.req.Review {
		return "", nil
	}
	if a.meta.Due == "" {
		return record.CodeNotDue, nil
	}
	a.changed = true
	a.meta.Review = &record.Review{
		By: c.who.id, At: c.at(), Tx: c.stub.GetTxID(), Authority: a.req.Authority, Reason: a.req.Reason, Due: a.meta.Due, Law: c.law(),
	}
	return "", nil
}

// relabel replaces the set of labels and keeps the old one in the history. A set
// that asks for another collection is taken: the record then waits for its move,
// where it is no less protected than before.
func (a *amendment) relabel(c *call, queries []record.HeldQuery) error {
	id, officer := a.req.ID, c.role == record.RoleOfficer
	rules := a.req.Rules
	if want := c.part.Labels.Rules; want != "" && rules != want {
		if !officer || rules != "" {
			return record.Fail(record.CodeStaleRules, id)
		}
		rules = a.meta.Rules // a person's own set comes from no rules
	}
	old, labels := atrest.Labels(a.meta.Labels), atrest.Labels(a.req.Labels)
	words := c.part.Vocabulary()
	set, err := c.settle(id, labels, ds4p.Inbound{})
	if err != nil {
		return err
	}
	if atrest.NeedsInline(&a.meta) && !atrest.ProcessesInline(a.req.Labels) {
		return record.Fail(record.CodeBadLabels, id+" "+ruleInline)
	}
	reasoned := officer && strings.TrimSpace(a.req.Reason) != ""
	if a.meta.Quarantined && !reasoned {
		if err := c.stillUnknown(id, &set); err != nil {
			return err
		}
	}
	carried := carries(ds4p.Inbound{Labels: old})
	if err := c.sourced(id, labels, carried, reasoned); err != nil {
		return err
	}
	if words.Downgrade(old, set.labels) && !reasoned {
		return record.Fail(record.CodeDowngrade, id)
	}
	if digest := ds4p.Digest(set.labels); digest != a.meta.LabelDigest {
		if len(a.meta.History) >= maxHistory {
			return record.Fail(record.CodeTooLarge, id)
		}
		a.meta.History = append(a.meta.History, record.Relabel{
			Labels: a.meta.Labels, Digest: a.meta.LabelDigest, Rules: a.meta.Rules,
			By: c.who.id, At: c.at(), Tx: c.stub.GetTxID(), Reason: a.req.Reason,
		})
		a.meta.LabelDigest, a.labels, a.changed = digest, true, true
	}
	// What a query takes by the labels until now stays taken, as what it takes by the new
	// ones is: no relabelling ends a hold.
	held := heldBy(words, queries, &a.meta)
	a.meta.Labels, a.meta.Rules, a.meta.Quarantined = atrest.Stored(set.labels), rules, set.quarantined
	a.meta.Held = unique(slices.Concat(a.meta.Held, held, heldBy(words, queries, &a.meta)))
	return nil
}

// date dates the record anew: a later date is taken over, an earlier one only when
// an officer accepts it. What nobody can date keeps the date it had, and the facts on
// the ledger forbid its purge.
func (a *amendment) date(c *call) error {
	if !a.req.Relabel && !a.req.Accept && len(a.req.Facts) == 0 {
		return nil
	}
	k, err := c.caseOf(&a.meta, factsInForce(a.req.Facts))
	if err != nil {
		return err
	}
	now := collections.Assess(k)
	if now.Verdict == collections.VerdictNever {
		return nil
	}
	accepted, err := storedDue(&a.meta)
	if err != nil {
		return err
	}
	later := !accepted.IsZero() && now.Due.Compare(accepted) > 0
	if later || a.req.Accept {
		a.changed = a.changed || now.Due != accepted
		a.meta.Due, a.meta.Row, a.meta.RowRegion = now.Due.String(), now.Row, now.Region
	}
	return nil
}

// rewrite writes new metadata and a new due entry of every record, changed or not.
func (c *call) rewrite(list []amendment, draw *record.Drawer) error {
	out := make([]kv, 0, 2*len(list))
	old := make([]string, len(list))
	e := record.LogEntry{Op: record.OpAmend}
	var digests, reasons, authorities []string
	for i := range list {
		meta := &list[i].meta
		if len(meta.Index) == 0 {
			return internal("finding a record's due entry")
		}
		entry, err := json.Marshal(record.IndexEntry{ID: meta.ID, Size: meta.Size, Canary: meta.Canary})
		if err != nil {
			return internal("encoding an index entry")
		}
		old[i] = meta.Index[0] // see index: the due entry stands first
		meta.Index[0] = dueKeyOf(meta, draw.Nonce("due "+meta.ID))
		m, err := json.Marshal(meta)
		if err != nil {
			return internal("encoding metadata")
		}
		out = append(out,
			kv{meta.Index[0], record.EncodeValue(draw.Salt("due "+meta.ID), entry)},
			kv{record.MetaKey(meta.ID), record.EncodeValue(draw.Salt("m "+meta.ID), m)})
		if list[i].changed {
			e.IDs = append(e.IDs, meta.ID)
			reasons, authorities = append(reasons, list[i].req.Reason), append(authorities, list[i].req.Authority)
		}
		if list[i].labels {
			digests = append(digests, meta.LabelDigest)
		}
	}
	e.Labels, e.Reason, e.Authority = strings.Join(digests, " "), joined(reasons), joined(authorities)
	log, err := c.logEntry(draw, e)
	if err != nil {
		return err
	}
	return c.replace(old, out, log)
}

// replace purges keys of the record collection and puts values there and one in the
// log. Nothing may fail after it.
func (c *call) replace(old []string, out []kv, log kv) error {
	c.stub.StartWriteBatch()
	for _, k := range old {
		if err := c.stub.PurgePrivateData(c.coll.Name, k); err != nil {
			return internal("purging")
		}
	}
	for _, w := range out {
		if err := c.stub.PutPrivateData(c.coll.Name, w.key, w.value); err != nil {
			return internal("writing private data")
		}
	}
	return c.write(c.log, []kv{log})
}

// joined lists distinct texts, empty ones left out.
func joined(list []string) string {
	list = unique(list)
	return strings.Join(slices.DeleteFunc(list, func(s string) bool { return s == "" }), "; ")
}
