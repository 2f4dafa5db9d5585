package gateway

import (
	"context"

	"domicile/chaincode/record"
	"domicile/chaincode/record/atrest"
	"domicile/fhir/ds4p"
)

// given are the origins of labels that do not come from a resource's bytes and rules: the
// next version of the resource would not have them, and nobody would have taken them away.
var given = map[string]bool{
	ds4p.OriginOfficer: true, ds4p.OriginDeclared: true, ds4p.OriginConsent: true, ds4p.OriginPosture: true,
	ds4p.OriginBundle: true, ds4p.OriginReplaced: true,
}

// replaced returns the labels that a record carries forward from the one it replaces. One
// that is not there any more has none.
func (c *Client) replaced(ctx context.Context, id string) ([]ds4p.Label, error) {
	found, err := c.Locate(ctx, []string{id})
	if err != nil || found[0].State.State != record.InsidePresent {
		return nil, err
	}
	why, err := c.Explain(ctx, found[0].Collection, []string{id})
	if err != nil || why[0].Meta == nil {
		return nil, err
	}
	var out []ds4p.Label
	for _, l := range atrest.Labels(why[0].Meta.Labels) {
		if given[l.Origin] {
			l.Origin = ds4p.OriginReplaced
			out = append(out, l)
		}
	}
	return out, nil
}
