package chaincode

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"time"

	"domicile/chaincode/record"
	"domicile/chaincode/record/atrest"
	"domicile/collections"
	"domicile/fhir"
	"domicile/fhir/ds4p"
)

// Bounds of the classes declared with one record.
const (
	maxClasses  = 32
	maxClassLen = 64 // bytes
)

var (
	rulesForm = regexp.MustCompile(`^[0-9a-f]{64}$`)
	classForm = regexp.MustCompile(`^[A-Za-z0-9]+([-_][A-Za-z0-9]+)*$`)
)

// checkHealth checks what a record says of labels, facts, classes, terms and where it
// came from.
func checkHealth(c *call, r *record.PutRecord, at string) error {
	if err := checkLabels(r.Labels, at+".labels"); err != nil {
		return err
	}
	if r.Rules != "" && !rulesForm.MatchString(r.Rules) {
		return record.Fail(record.CodeBadRequest, at+".rules is not 64 lower-case hex digits")
	}
	if err := checkFacts(r.Facts, at+".facts"); err != nil {
		return err
	}
	if len(r.Classes) > maxClasses {
		return record.Fail(record.CodeTooLarge, fmt.Sprintf("%s has more than %d classes", at, maxClasses))
	}
	for i, class := range r.Classes {
		if !classForm.MatchString(class) || len(class) > maxClassLen || slices.Contains(r.Classes[:i], class) {
			return record.Fail(record.CodeBadRequest, fmt.Sprintf("%s.classes[%d] is no name of a class, or there twice", at, i))
		}
	}
	if r.Terms != nil {
		if custody(c.coll) != record.Disclosed {
			return record.Fail(record.CodeBadRequest, at+".terms is for copies held for others")
		}
		if _, err := checkDay(r.Terms.Until, at+".terms.until"); err != nil {
			return err
		}
		if err := checkText(r.Terms.Authority, at+".terms.authority", maxText); err != nil {
			return err
		}
	}
	return checkOrigin(c, r, at)
}

// checkOrigin checks where a record came from. Whether that is true is looked at
// when the record it continues is purged as moved.
func checkOrigin(c *call, r *record.PutRecord, at string) error {
	if m := r.MovedFrom; m != nil {
		if m.Collection == c.coll.Name || !slices.Contains(c.siblings(), m.Collection) || record.CheckID(m.ID) != nil || m.ID == r.ID {
			return record.Fail(record.CodeBadRequest, at+".movedFrom names no record of another collection of the holder")
		}
	} else if len(r.History) > 0 || r.Due != "" || r.Row != "" || r.RowRegion != "" {
		return record.Fail(record.CodeBadRequest, at+".history, due and row are for a record that continues another")
	}
	if _, err := checkDay(r.Due, at+".due"); err != nil {
		return err
	}
	if max(len(r.Row), len(r.RowRegion)) > maxMatter {
		return record.Fail(record.CodeBadRequest, at+".row or rowRegion is too long")
	}
	if len(r.History) > maxHistory {
		return record.Fail(record.CodeTooLarge, fmt.Sprintf("%s has more than %d older label sets", at, maxHistory))
	}
	for i, h := range r.History {
		in := fmt.Sprintf("%s.history[%d]", at, i)
		if err := checkLabels(h.Labels, in+".labels"); err != nil {
			return err
		}
		if _, err := time.Parse(time.RFC3339, h.At); h.At != "" && err != nil {
			return record.Fail(record.CodeBadRequest, in+".at is not a time")
		}
		if h.Digest != ds4p.Digest(atrest.Labels(h.Labels)) || max(len(h.By), len(h.Tx), len(h.Rules)) > maxMatter || len(h.Reason) > maxText {
			return record.Fail(record.CodeBadRequest, in+" has another digest than its labels, or a text that is too long")
		}
	}
	return nil
}

// prepare parses, labels and routes one resource and builds its private writes,
// always [record.KeysPerRecord] of them.
func prepare(c *call, r *record.PutRecord, i int, queries []record.HeldQuery) ([]kv, error) {
	body := c.transient[record.BodyField(i)]
	res, err := fhir.Parse(body)
	if err != nil {
		return nil, badResource(err, r.ID)
	}
	set, err := c.labelsOf(r, res)
	if err != nil {
		return nil, err
	}
	if len(c.coll.Members) == 1 && c.part.Route(res.Type, set.asked) != c.coll.Name {
		return nil, record.Fail(record.CodeWrongCollection, r.ID)
	}
	meta, err := c.metaOf(r, res, set, queries)
	if err != nil {
		return nil, err
	}
	draw, err := record.NewDrawer(r.Seed)
	if err != nil {
		return nil, internal("drawing salts")
	}
	return writesOf(draw, &meta, body)
}

// writesOf are the writes of a new record, and it enters the index keys in meta.
func writesOf(draw *record.Drawer, meta *record.Meta, body []byte) ([]kv, error) {
	writes := index(draw, meta)
	for _, w := range writes {
		meta.Index = append(meta.Index, w.key)
	}
	m, err := json.Marshal(meta)
	if err != nil {
		return nil, internal("encoding metadata")
	}
	return append(writes,
		kv{record.RecordKey(meta.ID), record.EncodeValue(draw.Salt("r"), body)},
		kv{record.MetaKey(meta.ID), record.EncodeValue(draw.Salt("m"), m)}), nil
}

// labelsOf is the set at rest of a record that is put.
func (c *call) labelsOf(r *record.PutRecord, res *fhir.Resource) (labelSet, error) {
	if rules := c.part.Labels.Rules; rules != "" && r.Rules != rules {
		return labelSet{}, record.Fail(record.CodeStaleRules, r.ID)
	}
	in := ds4p.Read(res)
	if len(in.Labels)+len(in.Inline) > maxLabels {
		return labelSet{}, record.Fail(record.CodeBadResource, fmt.Sprintf("%s has more than %d security labels", r.ID, maxLabels))
	}
	labels := atrest.Labels(r.Labels)
	if len(labels) == 0 {
		labels = c.plainLabels(res)
	}
	set, err := c.settle(r.ID, labels, in)
	if err != nil {
		return set, err
	}
	set.inline = in.OnElements()
	origin, err := c.originOf(r)
	if err != nil {
		return set, err
	}
	carried := origin != nil && carries(ds4p.Inbound{Labels: atrest.Labels(origin.Labels)})
	if err := c.sourced(r.ID, labels, carries(in) || carried, false); err != nil {
		return set, err
	}
	if err := c.programme(res, labels, origin, r.ID); err != nil {
		return set, err
	}
	until := r.Terms != nil && r.Terms.Until != ""
	if custody(c.coll) == record.Disclosed && ds4p.ShortPurge(labels) && !until {
		return set, record.Fail(record.CodeBadLabels, r.ID+" T11 asks for terms with an end")
	}
	return set, nil
}

// originOf is what is kept about the record that this one continues, nil for one that
// continues none. It is read whatever the labels are, so that reading it tells nothing
// but the move.
func (c *call) originOf(r *record.PutRecord) (*record.Meta, error) {
	if r.MovedFrom == nil {
		return nil, nil
	}
	var origin record.Meta
	present, err := c.document(r.MovedFrom.Collection, record.MetaKey(r.MovedFrom.ID), &origin)
	if err != nil {
		return nil, err
	}
	if !present {
		return nil, record.Fail(record.CodeNotMoved, r.ID)
	}
	return &origin, nil
}

// digestOf is the SHA-256 of the bytes of a resource, in hex.
func digestOf(res *fhir.Resource) string {
	sum := sha256.Sum256(res.Raw)
	return hex.EncodeToString(sum[:])
}

func (c *call) metaOf(r *record.PutRecord, res *fhir.Resource, set labelSet, queries []record.HeldQuery) (record.Meta, error) {
	meta := record.Meta{
		Version: record.Version, ID: r.ID, Type: res.Type, Custody: custody(c.coll),
		Resource: r.Resource, Replaces: r.Replaces, Subjects: unique(r.Subjects),
		Size: len(res.Raw), SHA256: digestOf(res), PutAt: c.at(), PutTx: c.stub.GetTxID(),
		Content: res.Digest(), Labels: atrest.Stored(set.labels), LabelDigest: ds4p.Digest(set.labels), Rules: r.Rules,
		Quarantined: set.quarantined, Classes: r.Classes, MovedFrom: r.MovedFrom, Terms: r.Terms,
		Inline: &set.inline,
	}
	meta.PutCount, meta.PutBytes = c.bodies()
	for _, h := range r.History {
		if h.By == "" {
			h.By, h.At, h.Tx = c.who.id, c.at(), c.stub.GetTxID()
		}
		meta.History = append(meta.History, h)
	}
	if end, ok := res.EndDateIn(c.zone()); ok {
		meta.End = end.String()
	}
	words := c.part.Vocabulary()
	meta.Held = heldBy(words, queries, &meta)
	k, err := c.caseOf(&meta, factsInForce(r.Facts))
	if err != nil {
		return meta, err
	}
	if a := collections.Assess(k); a.Verdict != collections.VerdictNever {
		meta.Due, meta.Row, meta.RowRegion = a.Due.String(), a.Row, a.Region
	}
	if r.MovedFrom != nil && (r.Due == "" || r.Due > meta.Due) {
		meta.Due, meta.Row, meta.RowRegion = r.Due, r.Row, r.RowRegion
	}
	return meta, nil
}
