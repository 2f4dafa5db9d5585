package network

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Consensus protocols of the ordering service.
const (
	// BFT is SmartBFT: it needs at least four orderers and survives the loss,
	// or the treason, of (n-1)/3 of them.
	BFT = "bft"
	// Raft is etcd/raft: any number of orderers, crash faults only.
	Raft = "raft"
)

// TopologySchema is the only value of the `schema` key that is understood.
const TopologySchema = 1

// DefaultBatchInterval is how long an orderer waits for more transactions
// before it cuts a block.
const DefaultBatchInterval = 200 * time.Millisecond

// Topology says which regions exist, who lives in them and how blocks are
// ordered. It is a plain value: build one in Go or read one from YAML.
type Topology struct {
	// Schema is the version of the file format, TopologySchema.
	Schema int `yaml:"schema" json:"schema"`
	// Consensus is BFT (the default) or Raft.
	Consensus string `yaml:"consensus" json:"consensus"`
	// BatchInterval is the time after which a block is cut even if it is not
	// full. Default DefaultBatchInterval.
	BatchInterval time.Duration `yaml:"batchInterval" json:"batchInterval"`
	// Regions in the order in which policies name them.
	Regions []Region `yaml:"regions" json:"regions"`
}

// Region is one jurisdiction: its orderers and its organizations.
type Region struct {
	// Name in lower case, for example "us" or "us-wa".
	Name string `yaml:"name" json:"name"`
	// Octet is the second octet of every address of the region, 1 to 254. The
	// regions us, eu, uk and au have 10, 20, 30 and 40 by default.
	Octet int `yaml:"octet" json:"octet"`
	// Orderers is the number of ordering nodes, all of one orderer
	// organization named after the region (UsOrderer). 0 to 9.
	Orderers int `yaml:"orderers" json:"orderers"`
	// Organizations that hold records in the region.
	Organizations []Organization `yaml:"organizations" json:"organizations"`
}

// Organization is one member of the channel. Its name is its MSP id.
type Organization struct {
	// Name and MSP id, for example "UsHospital".
	Name string `yaml:"name" json:"name"`
	// Peers is how many peers it runs, 1 to 40. The first is its anchor.
	Peers int `yaml:"peers" json:"peers"`
}

// DefaultTopology is the four-region network: 16 peers of six organizations
// and one SmartBFT orderer in each region, so that any one region may be lost.
func DefaultTopology() Topology {
	return Topology{
		Schema: TopologySchema, Consensus: BFT, BatchInterval: DefaultBatchInterval,
		Regions: []Region{
			{Name: "us", Octet: 10, Orderers: 1, Organizations: []Organization{{"UsHospital", 3}, {"UsPayer", 2}}},
			{Name: "eu", Octet: 20, Orderers: 1, Organizations: []Organization{{"EuHospital", 3}, {"EuSponsor", 2}}},
			{Name: "uk", Octet: 30, Orderers: 1, Organizations: []Organization{{"UkTrust", 3}}},
			{Name: "au", Octet: 40, Orderers: 1, Organizations: []Organization{{"AuHealth", 3}}},
		},
	}
}

// SmallTopology is two regions with two peers and two orderers each: the
// smallest network that still runs the consensus of the default one. SmartBFT
// needs four orderers; with two in each region the loss of a region stops
// ordering, which a test network can afford and Raft would not cure (two of
// four is no majority either).
func SmallTopology() Topology {
	return Topology{
		Schema: TopologySchema, Consensus: BFT, BatchInterval: DefaultBatchInterval,
		Regions: []Region{
			{Name: "us", Octet: 10, Orderers: 2, Organizations: []Organization{{"UsHospital", 2}}},
			{Name: "eu", Octet: 20, Orderers: 2, Organizations: []Organization{{"EuHospital", 2}}},
		},
	}
}

// RaftTopology is DefaultTopology ordered by Raft.
func RaftTopology() Topology {
	t := DefaultTopology()
	t.Consensus = Raft
	return t
}

// NamedTopology is the shipped topology called default, small or raft.
func NamedTopology(name string) (Topology, bool) {
	switch name {
	case "default":
		return DefaultTopology(), true
	case "small":
		return SmallTopology(), true
	case "raft":
		return RaftTopology(), true
	}
	return Topology{}, false
}

// ReadTopology reads and checks the topology in the YAML file at path.
// Unknown keys are errors that name their line.
func ReadTopology(path string) (Topology, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return Topology{}, fmt.Errorf("read topology: %w", err)
	}
	t, err := ParseTopology(b)
	if err != nil {
		return Topology{}, fmt.Errorf("topology %s: %w", path, err)
	}
	return t, nil
}

// ParseTopology reads a topology from YAML text, fills in defaults and checks
// it. See Topology for the keys.
func ParseTopology(text []byte) (Topology, error) {
	var t Topology
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&t); err != nil {
		if errors.Is(err, io.EOF) {
			return Topology{}, errors.New("the file is empty")
		}
		return Topology{}, err
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return Topology{}, errors.New("more than one YAML document; keep the first")
	}
	t.fillDefaults()
	if err := t.Validate(); err != nil {
		return Topology{}, err
	}
	return t, nil
}

var knownOctets = map[string]int{"us": 10, "eu": 20, "uk": 30, "au": 40}

func (t *Topology) fillDefaults() {
	if t.Consensus == "" {
		t.Consensus = BFT
	}
	if t.BatchInterval == 0 {
		t.BatchInterval = DefaultBatchInterval
	}
	for i := range t.Regions {
		if r := &t.Regions[i]; r.Octet == 0 {
			r.Octet = knownOctets[r.Name]
		}
	}
}

var (
	regionName = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	orgName    = regexp.MustCompile(`^[A-Z][A-Za-z0-9]{1,40}$`)
)

// Validate reports everything that is wrong with the topology, joined.
func (t Topology) Validate() error {
	var errs []error
	bad := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	if t.Schema != TopologySchema {
		bad("schema %d is not known; this program reads schema %d", t.Schema, TopologySchema)
	}
	if t.BatchInterval < time.Millisecond || t.BatchInterval > 10*time.Second {
		bad("batchInterval %v is outside 1ms to 10s", t.BatchInterval)
	}
	orderers := 0
	names, octets := map[string]bool{}, map[int]string{}
	for _, r := range t.Regions {
		orderers += r.Orderers
		if names[r.Name] {
			bad("region %q appears twice", r.Name)
		}
		names[r.Name] = true
		if other, taken := octets[r.Octet]; taken {
			bad("regions %q and %q share the octet %d", other, r.Name, r.Octet)
		}
		octets[r.Octet] = r.Name
		errs = append(errs, r.validate(names)...)
	}
	switch {
	case len(t.Regions) == 0:
		bad("no regions")
	case t.Consensus == BFT && orderers < 4:
		bad("consensus bft needs at least 4 orderers, the topology has %d; add orderers or use raft", orderers)
	case t.Consensus == Raft && orderers < 1:
		bad("consensus raft needs at least 1 orderer")
	case t.Consensus != BFT && t.Consensus != Raft:
		bad("consensus %q is neither bft nor raft", t.Consensus)
	}
	return errors.Join(errs...)
}

// validate checks one region; names holds every name taken so far.
func (r Region) validate(names map[string]bool) []error {
	var errs []error
	bad := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	if !regionName.MatchString(r.Name) {
		bad("region name %q must be lower case letters, digits and single dashes", r.Name)
	}
	if r.Octet < 1 || r.Octet > 254 {
		bad("region %q: octet %d is outside 1 to 254", r.Name, r.Octet)
	}
	if r.Orderers < 0 || r.Orderers > 9 {
		bad("region %q: %d orderers; 0 to 9 are possible", r.Name, r.Orderers)
	}
	if len(r.Organizations) == 0 || len(r.Organizations) > 40 {
		bad("region %q has %d organizations; 1 to 40 are possible", r.Name, len(r.Organizations))
	}
	names[r.ordererOrg()] = true
	peers := 0
	for _, o := range r.Organizations {
		if !orgName.MatchString(o.Name) {
			bad("organization name %q must begin with a capital letter and hold only letters and digits", o.Name)
		}
		if names[o.Name] {
			bad("organization %q appears twice", o.Name)
		}
		names[o.Name] = true
		if o.Peers < 1 || o.Peers > 40 {
			bad("organization %q: %d peers; 1 to 40 are possible", o.Name, o.Peers)
		}
		peers += o.Peers
	}
	if peers > 180 {
		bad("region %q has %d peers; 180 are possible", r.Name, peers)
	}
	return errs
}

// ordererOrg is the name and MSP id of the region's orderer organization.
func (r Region) ordererOrg() string {
	var b strings.Builder
	for _, part := range strings.Split(r.Name, "-") {
		if part != "" {
			b.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return b.String() + "Orderer"
}

// GovernancePolicy is the Fabric signature policy that every region must meet:
// AND over the regions of OR over the region's organizations, in the given MSP
// role ("admin" or "peer"). Counting organizations instead would let the
// regions with most of them decide for the others.
func (t Topology) GovernancePolicy(role string) string {
	return "AND(" + strings.Join(t.perRegion(role), ", ") + ")"
}

// AnchorPolicy is the default chaincode endorsement policy: peers of any two
// regions (of the only one, if there is one).
func (t Topology) AnchorPolicy() string {
	n := min(2, len(t.Regions))
	return fmt.Sprintf("OutOf(%d, %s)", n, strings.Join(t.perRegion("peer"), ", "))
}

func (t Topology) perRegion(role string) []string {
	var out []string
	for _, r := range t.Regions {
		var orgs []string
		for _, o := range r.Organizations {
			orgs = append(orgs, o.Name)
		}
		out = append(out, orOf(orgs, role))
	}
	return out
}

// ordererGovernance is GovernancePolicy over the orderer organizations.
func (t Topology) ordererGovernance() string {
	var out []string
	for _, r := range t.Regions {
		if r.Orderers > 0 {
			out = append(out, orOf([]string{r.ordererOrg()}, "admin"))
		}
	}
	return "AND(" + strings.Join(out, ", ") + ")"
}

func orOf(orgs []string, role string) string {
	quoted := make([]string, len(orgs))
	for i, o := range orgs {
		quoted[i] = "'" + o + "." + role + "'"
	}
	return "OR(" + strings.Join(quoted, ", ") + ")"
}

// PeersOf is the number of peers of the organization with that MSP id, 0 if
// there is none.
func (t Topology) PeersOf(org string) int {
	for _, r := range t.Regions {
		for _, o := range r.Organizations {
			if o.Name == org {
				return o.Peers
			}
		}
	}
	return 0
}
