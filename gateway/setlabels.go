package gateway

import (
	"context"
	"slices"

	"domicile/chaincode/record"
	"domicile/chaincode/record/atrest"
	"domicile/fhir/ds4p"
)

// SetLabels gives a record a label set that a person decided on, with a reason, as
// [DecidedSet] completes it: the role is officer. When the set asks for another
// collection, the record moves with the next [Client.RunLabels].
func (c *Client) SetLabels(ctx context.Context, collection, id string, labels []record.Label, reason string) (TxReceipt, error) {
	why, err := c.Explain(ctx, collection, []string{id})
	if err != nil {
		return TxReceipt{}, err
	}
	m := why[0].Meta
	if m == nil {
		return TxReceipt{}, record.Fail(record.CodeAbsent, id)
	}
	col, err := c.holding(ctx, collection)
	if err != nil {
		return TxReceipt{}, err
	}
	part, err := c.cachedPrivate(ctx, col.Log)
	if err != nil {
		return TxReceipt{}, err
	}
	done, err := c.Amend(ctx, collection, []record.AmendRecord{{
		ID: id, Facts: Valid(why[0].Facts), Relabel: true, Labels: DecidedSet(m, labels), Rules: part.Labels.Rules, Reason: reason,
	}})
	if err != nil {
		return TxReceipt{}, err
	}
	return done[len(done)-1], nil
}

// DecidedSet is the set at rest that a record gets when a person decides on labels.
// Those that the record has already keep their origin; the others get
// [record.OriginOfficer]. A label without a basis keeps the one that it has on the
// record. While elements of the resource have labels of their own, the obligation to
// process those stays, or comes back, whether the person names it or not.
func DecidedSet(m *record.Meta, labels []record.Label) []record.Label {
	if atrest.NeedsInline(m) && !atrest.ProcessesInline(labels) {
		labels = append(slices.Clone(labels), record.Label{System: ds4p.ProcessInline.System, Code: ds4p.ProcessInline.Code})
	}
	set := withBases(m.Labels, labels)
	for i := range set {
		l := &set[i]
		l.Origin, l.Rule = record.OriginOfficer, ""
		for _, old := range m.Labels {
			if old.System == l.System && old.Code == l.Code && old.BasisSystem == l.BasisSystem && old.BasisCode == l.BasisCode {
				l.Origin, l.Rule = old.Origin, old.Rule
			}
		}
	}
	return set
}

// withBases gives labels that name no basis the one that they have in the old set.
func withBases(old, labels []record.Label) []record.Label {
	set := slices.Clone(labels)
	for i := range set {
		l := &set[i]
		at := slices.IndexFunc(old, func(o record.Label) bool { return o.System == l.System && o.Code == l.Code })
		if l.BasisCode == "" && at >= 0 {
			l.BasisSystem, l.BasisCode = old[at].BasisSystem, old[at].BasisCode
		}
	}
	return set
}

// Downgrades reports which labels of an old set a new one lacks, by the words of the
// holder's private part.
func (c *Client) Downgrades(ctx context.Context, collection string, old, set []record.Label) (lacks []record.Label, err error) {
	col, err := c.holding(ctx, collection)
	if err != nil {
		return nil, err
	}
	part, err := c.cachedPrivate(ctx, col.Log)
	if err != nil {
		return nil, err
	}
	words := part.Vocabulary()
	return atrest.Stored(words.Missing(atrest.Labels(old), atrest.Labels(set))), nil
}
