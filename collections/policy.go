package collections

import (
	"slices"
	"strings"
)

// Version is the schema version of policies and private parts. Any other version
// is refused: an old program never guesses what a newer file means.
const Version = 1

// MaxSize is the size limit in bytes of every document that this package reads.
const MaxSize = 1 << 20

// Peer counts of a collection that names none. One other peer must have received
// the private data before a transaction is endorsed; two are tried.
const (
	DefaultRequiredPeerCount = 1
	DefaultMaxPeerCount      = 2
)

// Policy is the public part of a residency policy in its canonical order: regions,
// organisations, collections, members and retention rows are sorted by name,
// whatever their order in the file. Values come from [Parse], [ParsePublic] or
// [Assemble], are valid and are not to be changed.
type Policy struct {
	Version int      `json:"version"` // always [Version]
	Name    string   `json:"name"`
	Regions []Region `json:"regions"` // at least two that lie in no other
}

// Region is a jurisdiction that records do not leave.
type Region struct {
	Name string `json:"name"`
	// Within names the region that this one lies in, such as us for us-wa; ""
	// for none.
	Within string `json:"within,omitempty"`
	// Jurisdictions are ISO 3166 codes such as US, US-WA or EU. Rows and
	// custodians name one of them or a part of one.
	Jurisdictions []string `json:"jurisdictions"`
	// Organizations are the MSP ids of the region's own organisations, at least
	// one. An organisation is in one region.
	Organizations []string     `json:"organizations"`
	Collections   []Collection `json:"collections"`
	Retention     []Row        `json:"retention,omitempty"`
	Transfers     []Transfer   `json:"transfers,omitempty"`
}

// Collection is one private data collection. Its name says who holds it and never
// why: the name stands in clear in every block that touches the collection.
type Collection struct {
	Name string `json:"name"`
	// Members are the MSP ids of the holders: of the region, or of a region
	// within it.
	Members []string `json:"members"`
	// Log is the log collection of the same holders, which keeps their holds,
	// their register of purged records and their private part of the policy.
	// Empty: the collection is itself a log.
	Log string `json:"log,omitempty"`
	// RequiredPeerCount is how many other member peers must have received private
	// data before its transaction is endorsed. At least 1; defaults to
	// [DefaultRequiredPeerCount].
	RequiredPeerCount int `json:"requiredPeerCount"`
	// MaxPeerCount is to how many other member peers the endorsing peer tries to
	// send private data at once. Defaults to the greater of [DefaultMaxPeerCount]
	// and RequiredPeerCount.
	MaxPeerCount int `json:"maxPeerCount"`
	// Roles lists, by member MSP, the roles that its people may have here. A log
	// has the roles of all collections that name it; a file gives it none.
	Roles map[string][]string `json:"roles,omitempty"`
}

// Transfer is a basis on which copies of records may be given to another region.
// It permits nothing by itself: no program moves records because of it.
type Transfer struct {
	To        string `json:"to"`        // a region
	Basis     string `json:"basis"`     // such as a consent or an adequacy decision
	Authority string `json:"authority"` // the law or contract behind it
}

// Roles a person's certificate can stand for, in the order used everywhere. See
// the role names of package chaincode/record.
var roles = []string{"writer", "reader", "officer", "purger", "auditor"}

// Roles returns the names of all roles.
func Roles() []string { return slices.Clone(roles) }

// Region returns the region of a name.
func (p *Policy) Region(name string) (*Region, bool) {
	for i := range p.Regions {
		if p.Regions[i].Name == name {
			return &p.Regions[i], true
		}
	}
	return nil, false
}

// RegionOf returns the region of an organisation.
func (p *Policy) RegionOf(msp string) (*Region, bool) {
	for i := range p.Regions {
		if slices.Contains(p.Regions[i].Organizations, msp) {
			return &p.Regions[i], true
		}
	}
	return nil, false
}

// Collection returns a collection and its region.
func (p *Policy) Collection(name string) (*Region, *Collection, bool) {
	for i := range p.Regions {
		if c, ok := p.Regions[i].Collection(name); ok {
			return &p.Regions[i], c, true
		}
	}
	return nil, nil, false
}

// Organizations returns all organisations, sorted.
func (p *Policy) Organizations() []string {
	var all []string
	for _, r := range p.Regions {
		all = append(all, r.Organizations...)
	}
	slices.Sort(all)
	return all
}

// demoMark begins every authority of a demo policy.
const demoMark = "DEMO, not law"

// IsDemo tells whether any authority in the policy is a demonstration's. Plans
// made under such a policy say so.
func (p *Policy) IsDemo() bool {
	return slices.ContainsFunc(p.Regions, func(r Region) bool { return r.IsDemo() })
}

// IsDemo is [Policy.IsDemo] of one region.
func (r *Region) IsDemo() bool {
	return slices.ContainsFunc(r.Retention, func(row Row) bool { return isDemo(row.Authority) }) ||
		slices.ContainsFunc(r.Transfers, func(t Transfer) bool { return isDemo(t.Authority) })
}

func isDemo(authority string) bool { return strings.HasPrefix(authority, demoMark) }

// Collection returns the collection of a name, log or not.
func (r *Region) Collection(name string) (*Collection, bool) {
	for i := range r.Collections {
		if r.Collections[i].Name == name {
			return &r.Collections[i], true
		}
	}
	return nil, false
}

// Row returns the retention row of a name.
func (r *Region) Row(name string) (*Row, bool) {
	for i := range r.Retention {
		if r.Retention[i].Name == name {
			return &r.Retention[i], true
		}
	}
	return nil, false
}

// Records returns the record collections that msp holds, all of them if msp is
// "", sorted by name.
func (r *Region) Records(msp string) []Collection {
	return r.filter(msp, false)
}

// Logs returns the log collections that msp holds, all of them if msp is "",
// sorted by name.
func (r *Region) Logs(msp string) []Collection {
	return r.filter(msp, true)
}

func (r *Region) filter(msp string, log bool) []Collection {
	var out []Collection
	for _, c := range r.Collections {
		if c.IsLog() == log && (msp == "" || c.Holds(msp)) {
			out = append(out, c)
		}
	}
	return out
}

// IsLog tells whether the collection is a log.
func (c *Collection) IsLog() bool { return c.Log == "" }

// Holds tells whether an organisation is a member.
func (c *Collection) Holds(msp string) bool { return slices.Contains(c.Members, msp) }

// Allows tells whether people of an organisation may have a role here.
func (c *Collection) Allows(msp, role string) bool {
	return c.Holds(msp) && slices.Contains(c.Roles[msp], role)
}
