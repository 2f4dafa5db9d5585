package gateway

import (
	"context"
	"slices"
	"strings"

	"domicile/chaincode/record"
)

// Notice is owed to an organisation that was given what is erased or restricted: GDPR
// article 19; RCW 19.373.040 for what is deleted.
type Notice struct {
	To      string   `json:"to"`                // MSP id
	Erased  []string `json:"erased,omitempty"`  // record ids, sorted
	Limited []string `json:"limited,omitempty"` // record ids, sorted
}

// Notices lists the other members of the collections that records lie in, or lay in, and
// which records each must be told of. It changes nothing and knows no recipient outside
// the ledger: those are in the holder's accounting of disclosures.
func (c *Client) Notices(ctx context.Context, erased, limited []record.Ref) ([]Notice, error) {
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
	return notices(c.settings.Org, members, erased, limited), nil
}

func notices(own string, members map[string][]string, erased, limited []record.Ref) []Notice {
	byOrg := map[string]*Notice{}
	tell := func(refs []record.Ref, put func(*Notice, string)) {
		for _, r := range refs {
			for _, m := range members[r.Collection] {
				if m == own {
					continue
				}
				if byOrg[m] == nil {
					byOrg[m] = &Notice{To: m}
				}
				put(byOrg[m], r.ID)
			}
		}
	}
	tell(erased, func(n *Notice, id string) { n.Erased = append(n.Erased, id) })
	tell(limited, func(n *Notice, id string) { n.Limited = append(n.Limited, id) })
	out := []Notice{}
	for _, n := range byOrg {
		slices.Sort(n.Erased)
		slices.Sort(n.Limited)
		out = append(out, *n)
	}
	slices.SortFunc(out, func(a, b Notice) int { return strings.Compare(a.To, b.To) })
	return out
}

// notify fills in the notices of a plan. Restriction is GDPR's.
func (p *ErasurePlan) notify(ctx context.Context, c *Client) (err error) {
	var erased, limited []record.Ref
	for _, r := range p.Records {
		ref := record.Ref{Collection: r.Collection, ID: r.ID}
		switch {
		case r.Allowed && len(r.Matters) == 0:
			erased = append(erased, ref)
		case !r.Allowed && p.Law == record.LawGDPR:
			limited = append(limited, ref)
		}
	}
	p.Notices, err = c.Notices(ctx, erased, limited)
	return err
}
