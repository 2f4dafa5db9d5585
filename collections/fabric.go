package collections

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// fabricCollection is one element of Fabric's collections_config.json
// (internal/peer/chaincode/common.go, collectionConfigJson).
type fabricCollection struct {
	Name              string            `json:"name"`
	Policy            string            `json:"policy"`
	RequiredPeerCount int               `json:"requiredPeerCount"`
	MaxPeerCount      int               `json:"maxPeerCount"`
	BlockToLive       uint64            `json:"blockToLive"`
	MemberOnlyRead    bool              `json:"memberOnlyRead"`
	MemberOnlyWrite   bool              `json:"memberOnlyWrite"`
	EndorsementPolicy fabricEndorsement `json:"endorsementPolicy"`
}

type fabricEndorsement struct {
	SignaturePolicy string `json:"signaturePolicy"`
}

// Fabric returns the collection configuration for Fabric's chaincode lifecycle:
// indented JSON, collections sorted by name within sorted regions. Every
// collection has memberOnlyRead and memberOnlyWrite, blockToLive 0 (Fabric never
// deletes by block count; the purge does, by the calendar) and an endorsement
// policy of a majority of its holders' peers.
func (p *Policy) Fabric() []byte {
	var out []fabricCollection
	for _, r := range p.Regions {
		for _, c := range r.Collections {
			out = append(out, fabricCollection{
				Name:              c.Name,
				Policy:            anyOf(c.Members, "member"),
				RequiredPeerCount: c.RequiredPeerCount,
				MaxPeerCount:      c.MaxPeerCount,
				MemberOnlyRead:    true,
				MemberOnlyWrite:   true,
				EndorsementPolicy: fabricEndorsement{c.endorsement()},
			})
		}
	}
	b, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		panic("collections: " + err.Error()) // only strings, numbers and booleans
	}
	return append(b, '\n')
}

// Endorsers returns how many of the collection's members must endorse a write:
// more than half.
func (c *Collection) Endorsers() int { return len(c.Members)/2 + 1 }

func (c *Collection) endorsement() string {
	if len(c.Members) == 1 {
		return anyOf(c.Members, "peer")
	}
	return fmt.Sprintf("OutOf(%d, %s)", c.Endorsers(), strings.Join(principals(c.Members, "peer"), ", "))
}

// EndorsementPolicy returns the endorsement policy of the chaincode, which guards
// public writes: peers of two regions that lie in no other region. A region speaks
// through any organisation of its own or of a region within it.
func (p *Policy) EndorsementPolicy() string {
	var parts []string
	for _, r := range p.Regions {
		if r.Within != "" {
			continue
		}
		var orgs []string
		for _, o := range p.Regions {
			if p.inside(o.Name, r.Name) {
				orgs = append(orgs, o.Organizations...)
			}
		}
		slices.Sort(orgs)
		parts = append(parts, anyOf(orgs, "peer"))
	}
	return "OutOf(2, " + strings.Join(parts, ", ") + ")"
}

func anyOf(msps []string, role string) string {
	return "OR(" + strings.Join(principals(msps, role), ",") + ")"
}

func principals(msps []string, role string) []string {
	out := make([]string, len(msps))
	for i, m := range msps {
		out[i] = "'" + m + "." + role + "'"
	}
	return out
}
