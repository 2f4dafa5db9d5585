package gateway

import (
	"context"
	"slices"
	"strings"

	"domicile/chaincode/record"
)

// Notice is owed to an organisation that was given what was erased: GDPR article 19;
// RCW 19.373.040.
type Notice struct {
	To     string   `json:"to"`     // MSP id
	Erased []string `json:"erased"` // record ids, sorted
}

// Notices lists the other members of the collections that erased records lay in, and
// which records each must be told of. It changes nothing and knows no recipient outside
// the ledger: those are in the holder's accounting of disclosures.
func (c *Client) Notices(ctx context.Context, erased []record.Ref) ([]Notice, error) {
	p, err := c.Policy(ctx)
	if err != nil {
		return nil, err
	}
	members := map[string][]string{}
	for _, r := range p.Around(c.settings.Region) {
		for i := range r.Collections {
			members[r.Collections[i].Name] = r.Collections[i].Members
		}
	}
	return notices(c.settings.Org, members, erased), nil
}

func notices(own string, members map[string][]string, erased []record.Ref) []Notice {
	byOrg := map[string][]string{}
	for _, r := range erased {
		for _, m := range members[r.Collection] {
			if m != own {
				byOrg[m] = append(byOrg[m], r.ID)
			}
		}
	}
	out := []Notice{}
	for org, ids := range byOrg {
		slices.Sort(ids)
		out = append(out, Notice{org, ids})
	}
	slices.SortFunc(out, func(a, b Notice) int { return strings.Compare(a.To, b.To) })
	return out
}
