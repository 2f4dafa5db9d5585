package gateway

import (
	"context"
	"slices"

	"domicile/chaincode/record"
	"domicile/chaincode/record/atrest"
)

// SetLabels gives a record a label set that a person decided on, with a reason: the
// role is officer. Labels that the record has already keep their origin; the others
// get [record.OriginOfficer]. When the set asks for another collection, the record
// moves with the next [Client.RunLabels].
func (c *Client) SetLabels(ctx context.Context, collection, id string, labels []record.Label, reason string) (TxReceipt, error) {
	why, err := c.Explain(ctx, collection, []string{id})
	if err != nil {
		return TxReceipt{}, err
	}
	m := why[0].Meta
	if m == nil {
		return TxReceipt{}, record.Fail(record.CodeAbsent, id)
	}
	set := slices.Clone(labels)
	for i := range set {
		l := &set[i]
		l.Origin, l.Rule = record.OriginOfficer, ""
		for _, old := range m.Labels {
			if old.System == l.System && old.Code == l.Code && old.BasisSystem == l.BasisSystem && old.BasisCode == l.BasisCode {
				l.Origin, l.Rule = old.Origin, old.Rule
			}
		}
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
		ID: id, Facts: Valid(why[0].Facts), Relabel: true, Labels: set, Rules: part.Labels.Rules, Reason: reason,
	}})
	if err != nil {
		return TxReceipt{}, err
	}
	return done[len(done)-1], nil
}

// Downgrades reports whether a new set protects a record less than the one it has,
// by the words of the holder's private part.
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
