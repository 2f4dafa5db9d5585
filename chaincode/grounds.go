package chaincode

import (
	"encoding/hex"
	"fmt"
	"slices"

	"domicile/chaincode/record"
	"domicile/chaincode/record/atrest"
	"domicile/collections"
	"domicile/fhir"
)

// movedAuthority is what the register says of a record that moved: no law is asked,
// because nothing is lost.
const movedAuthority = "the same bytes are anchored in another collection of the holder"

// moved is the verdict of ground moved. A hold forbids it no more than it forbids
// the put of the copy, as long as the copy is held as well.
func (c *call) moved(req *record.PurgeRequest, h *holdings) (judging, error) {
	targets := map[string]record.Target{}
	for i, t := range req.Targets {
		at := fmt.Sprintf("targets[%d]", i)
		if t.ID != req.IDs[i] {
			return nil, record.Fail(record.CodeBadRequest, at+".id is not the one of ids")
		}
		if t.Collection == c.coll.Name || !slices.Contains(c.siblings(), t.Collection) || record.CheckID(t.To) != nil {
			return nil, record.Fail(record.CodeBadRequest, at+" names no record of another collection of the holder")
		}
		targets[t.ID] = t
	}
	return func(d *doomed, b bearing) (record.Code, error) {
		d.authority = movedAuthority
		return c.arrived(d, b, targets[d.meta.ID], h)
	}, nil
}

// arrived compares a record with its copy. Everything is read before anything is
// judged.
func (c *call) arrived(d *doomed, b bearing, t record.Target, h *holdings) (record.Code, error) {
	var twin record.Meta
	present, err := c.document(t.Collection, record.MetaKey(t.To), &twin)
	if err != nil {
		return "", err
	}
	hash, err := c.hash(t.Collection, record.RecordKey(t.To))
	if err != nil {
		return "", err
	}
	anchor, err := anchorAt(c.stub, record.AnchorKey(t.Collection, t.To))
	if err != nil {
		return "", err
	}
	if !present || hash == nil {
		return record.CodeNotMoved, nil
	}
	on, err := h.about(&twin, t.Collection)
	if err != nil {
		return "", err
	}
	words := c.part.Vocabulary()
	from := record.Ref{Collection: c.coll.Name, ID: d.meta.ID}
	switch {
	case twin.MovedFrom == nil || *twin.MovedFrom != from || twin.SHA256 != d.meta.SHA256,
		anchor.PurgedAt != "" || anchor.Hash != hex.EncodeToString(hash),
		!within(d.meta.Subjects, twin.Subjects) || !within(b.own, on.own) || !answered(b.setters, on.setters),
		!continues(&d.meta, &twin), twin.Due != "" && (d.meta.Due == "" || twin.Due < d.meta.Due):
		return record.CodeNotMoved, nil
	case words.Downgrade(atrest.Labels(d.meta.Labels), atrest.Labels(twin.Labels)):
		return record.CodeDowngrade, nil
	case !keeps(&d.meta, &twin):
		return record.CodeNotMoved, nil
	}
	return "", nil
}

func within(list, all []string) bool {
	return !slices.ContainsFunc(list, func(s string) bool { return !slices.Contains(all, s) })
}

// answered tells whether each matter that holds a record is on its copy with the word
// of one who first set it, who may then not release it there either.
func answered(record, twin []setter) bool {
	same := func(s setter) bool {
		return slices.ContainsFunc(twin, func(t setter) bool {
			return t.matter == s.matter && (t.by == s.first() || t.before == s.first())
		})
	}
	return !slices.ContainsFunc(record, func(s setter) bool {
		return !slices.ContainsFunc(record, func(o setter) bool { return o.matter == s.matter && same(o) })
	})
}

// continues tells whether the label history of a copy goes on where that of the
// record ends.
func continues(meta, twin *record.Meta) bool {
	past := meta.History
	if twin.LabelDigest != meta.LabelDigest {
		past = append(slices.Clone(past), record.Relabel{Digest: meta.LabelDigest})
	}
	return len(twin.History) >= len(past) &&
		slices.EqualFunc(past, twin.History[:len(past)], func(a, b record.Relabel) bool { return a.Digest == b.Digest })
}

// keeps tells whether a copy is kept on the same footing as the record and at least as
// long: no date was made earlier, none was given to what nobody has dated, and it is of
// every class that the custodian declared.
func keeps(meta, twin *record.Meta) bool {
	later := twin.Due == "" || meta.Due != "" && twin.Due >= meta.Due
	terms := meta.Terms == nil && twin.Terms == nil || meta.Terms != nil && twin.Terms != nil && *meta.Terms == *twin.Terms
	return later && terms && meta.Custody == twin.Custody && within(meta.Classes, twin.Classes)
}

// withdrawn is the verdict of ground withdrawn: a disclosed copy whose terms have
// ended, by date or because a consent ended.
func (c *call) withdrawn(d *doomed, b bearing) (record.Code, error) {
	if len(b.matters) > 0 {
		return record.CodeHeld, nil
	}
	terms := d.meta.Terms
	if d.meta.Custody != record.Disclosed || terms == nil {
		return record.CodeNotDue, nil
	}
	d.authority = terms.Authority
	today := c.today()
	ended := false
	if terms.Until != "" {
		var until fhir.Date
		if err := until.UnmarshalText([]byte(terms.Until)); err != nil {
			return "", internal("reading stored terms")
		}
		ended = until.Compare(today) < 0
	}
	for _, f := range b.facts {
		// The end of a consent that was on record before the copy was made is not
		// the end of the consent that the copy was made under.
		day, ok := factDate(f.Date)
		if ok && f.Kind == record.FactConsentEnd && f.At >= d.meta.PutAt && day.Compare(today) < 0 {
			ended = true
		}
	}
	if !ended {
		return record.CodeNotDue, nil
	}
	return "", nil
}

// forced is the verdict of ground forced: an approved case covers the record, no
// hold and no floor keeps it.
func (c *call) forced(req *record.PurgeRequest, h *holdings) (judging, error) {
	doc, err := h.on(record.CaseToken(h.secret, req.Case))
	if err != nil {
		return nil, err
	}
	k := doc.Case
	if k == nil || k.ApprovedBy == "" || k.ClosedAt != "" {
		return nil, record.Fail(record.CodeNoCase, "no approved and open case of this reference")
	}
	return func(d *doomed, b bearing) (record.Code, error) {
		d.authority = k.Law + ": " + k.Authority
		return c.covered(d, b, k)
	}, nil
}

func (c *call) covered(d *doomed, b bearing, k *record.Case) (record.Code, error) {
	covered := slices.ContainsFunc(d.meta.Subjects, func(s string) bool { return slices.Contains(k.Subjects, s) })
	if !covered {
		return record.CodeNoCase, nil
	}
	if !k.Others && !within(d.meta.Subjects, k.Subjects) {
		return record.CodeShared, nil
	}
	if len(b.matters) > 0 {
		return record.CodeHeld, nil
	}
	law, err := c.caseOf(&d.meta, b.facts)
	if err != nil {
		return "", err
	}
	var received fhir.Date
	if err := received.UnmarshalText([]byte(k.Received)); err != nil {
		return "", internal("reading a stored date")
	}
	if !collections.Erase(law, k.Law, received, c.today()).Allowed {
		return record.CodeRetained, nil
	}
	return "", nil
}
