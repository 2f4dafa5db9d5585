package collections

import (
	"fmt"
	"strings"
)

// Finding is one remark of [PeerCheck].
type Finding struct {
	Collection string
	Peers      int  // peers of the collection's members
	Error      bool // false: a warning
	Text       string
}

// String returns "error: …" or "warning: …".
func (f Finding) String() string {
	if f.Error {
		return "error: " + f.Text
	}
	return "warning: " + f.Text
}

// PeerCheck compares a policy with the number of peers of each organisation.
// Fewer peers than a put needs (the endorser and requiredPeerCount others, so at
// least two) are an error: puts and purges are refused. Exactly as many are a
// warning: one stopped peer blocks them. Members without any peer are an error.
// Findings are in the order of the policy.
func PeerCheck(p *Policy, peersByOrg map[string]int) []Finding {
	var out []Finding
	for _, r := range p.Regions {
		for _, c := range r.Collections {
			out = append(out, c.peerCheck(peersByOrg)...)
		}
	}
	return out
}

func (c *Collection) peerCheck(peersByOrg map[string]int) []Finding {
	total, need := 0, c.RequiredPeerCount+1
	var without []string
	for _, m := range c.Members {
		if peersByOrg[m] < 1 {
			without = append(without, m)
		}
		total += max(0, peersByOrg[m])
	}
	f := Finding{Collection: c.Name, Peers: total}
	switch {
	case total < need:
		f.Error = true
		f.Text = fmt.Sprintf("collection %s has %d member peer(s) and needs %d (the endorser and requiredPeerCount %d): puts and purges will be refused; give %s more peers",
			c.Name, total, need, c.RequiredPeerCount, strings.Join(c.Members, ", "))
	case len(without) > 0:
		f.Error = true
		f.Text = fmt.Sprintf("collection %s has members without a peer: %s; give each at least one", c.Name, strings.Join(without, ", "))
	case total == need:
		f.Text = fmt.Sprintf("collection %s has just %d member peers: while one is stopped, puts and purges are refused; three are better", c.Name, total)
	default:
		return nil
	}
	return []Finding{f}
}
