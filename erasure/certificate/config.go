package certificate

import (
	"encoding/hex"
	"slices"
	"strings"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"
)

// configuration is what one configuration block puts into force.
type configuration struct {
	block      uint64
	sequence   uint64
	channel    string
	orgs       map[string]*authority // with peers, by MSP id
	regions    []string              // each region's MSP ids, joined by "+"
	regionOf   map[string]int        // MSP id to index in regions
	consenters map[uint32]consenter
}

// consenter is an orderer that signs blocks.
type consenter struct {
	org  *authority
	cert []byte // PEM
}

// quorum is the number of consenters that must sign a block: Fabric's ComputeBFTQuorum (common/policies/bft.go). Fewer
// than a third of them can be faulty without two quorums disagreeing.
func (c *configuration) quorum() int {
	n := len(c.consenters)
	f := (n - 1) / 3
	return (n + f + 2) / 2 // ⌈(n+f+1)/2⌉
}

// readConfiguration decodes the one transaction of a configuration block.
func readConfiguration(block uint64, data [][]byte) (*configuration, error) {
	env, payload, header, cfg := &common.Envelope{}, &common.Payload{}, &common.ChannelHeader{}, &common.ConfigEnvelope{}
	if len(data) != 1 || proto.Unmarshal(data[0], env) != nil || proto.Unmarshal(env.GetPayload(), payload) != nil ||
		proto.Unmarshal(payload.GetHeader().GetChannelHeader(), header) != nil || header.GetType() != int32(common.HeaderType_CONFIG) ||
		proto.Unmarshal(payload.GetData(), cfg) != nil {
		return nil, fail("", "is not a configuration")
	}
	root := cfg.GetConfig().GetChannelGroup()
	app, orderer := root.GetGroups()["Application"], root.GetGroups()["Orderer"]
	c := &configuration{block: block, sequence: cfg.GetConfig().GetSequence(), channel: header.GetChannelId()}
	var err error
	if c.orgs, err = authorities(app); err != nil {
		return nil, err
	}
	if err := c.readConsenters(orderer); err != nil {
		return nil, err
	}
	return c, c.readRegions(app)
}

// openGenesis reads the block in which all trust begins, and returns its header's hash in hex.
func openGenesis(b []byte) (hash string, c *configuration, err error) {
	block := &common.Block{}
	if len(b) > MaxGenesis || proto.Unmarshal(b, block) != nil || block.GetHeader().GetNumber() != 0 {
		return "", nil, fail("", "the given file is not a genesis block")
	}
	first := Block{PreviousHash: block.GetHeader().GetPreviousHash(), DataHash: block.GetHeader().GetDataHash(), Data: block.GetData().GetData()}
	if err := first.intact(); err != nil {
		return "", nil, err
	}
	c, err = readConfiguration(0, first.Data)
	return hex.EncodeToString(first.hash()), c, err
}

func authorities(g *common.ConfigGroup) (map[string]*authority, error) {
	out := map[string]*authority{}
	for _, org := range g.GetGroups() {
		a, err := newAuthority(org.GetValues()["MSP"].GetValue())
		if err != nil {
			return nil, err
		}
		if a.id == "" || out[a.id] != nil {
			return nil, fail("", "two organisations have one name, or one has none")
		}
		out[a.id] = a
	}
	return out, nil
}

func (c *configuration) readConsenters(g *common.ConfigGroup) error {
	// orderer.ConsensusType.type; the package of its generated code links gRPC.
	kind, err := dig(g.GetValues()["ConsensusType"].GetValue(), 1)
	if err != nil || string(kind) != "BFT" {
		return fail("", "the orderers are not byzantine fault tolerant: a block would rest on one orderer's word")
	}
	orgs, err := authorities(g)
	if err != nil {
		return err
	}
	all := &common.Orderers{}
	if proto.Unmarshal(g.GetValues()["Orderers"].GetValue(), all) != nil || len(all.GetConsenterMapping()) == 0 {
		return fail("", "names no consenters")
	}
	c.consenters = map[uint32]consenter{}
	for _, o := range all.GetConsenterMapping() {
		if _, twice := c.consenters[o.GetId()]; twice || orgs[o.GetMspId()] == nil {
			return fail("", "consenter %d is there twice, or of no organisation", o.GetId())
		}
		c.consenters[o.GetId()] = consenter{orgs[o.GetMspId()], o.GetIdentity()}
	}
	return nil
}

// readRegions reads the regions from the policy LifecycleEndorsement: all of a list of "a peer of one of these
// organisations", as network.Topology.GovernancePolicy writes it.
func (c *configuration) readRegions(g *common.ConfigGroup) error {
	const shape = "the policy LifecycleEndorsement does not say which organisations make a region"
	p, env := g.GetPolicies()["LifecycleEndorsement"].GetPolicy(), &common.SignaturePolicyEnvelope{}
	if p.GetType() != int32(common.Policy_SIGNATURE) || proto.Unmarshal(p.GetValue(), env) != nil {
		return fail("", shape)
	}
	all := env.GetRule().GetNOutOf()
	if len(all.GetRules()) == 0 || int(all.GetN()) != len(all.GetRules()) {
		return fail("", shape)
	}
	c.regionOf = map[string]int{}
	for i, rule := range all.GetRules() {
		leaves := []*common.SignaturePolicy{rule}
		if any := rule.GetNOutOf(); any != nil {
			if any.GetN() != 1 {
				return fail("", shape)
			}
			leaves = any.GetRules()
		}
		var names []string
		for _, leaf := range leaves {
			org, ok := peerOf(env, leaf)
			if _, twice := c.regionOf[org]; !ok || twice || c.orgs[org] == nil {
				return fail("", shape)
			}
			c.regionOf[org] = i
			names = append(names, org)
		}
		slices.Sort(names)
		c.regions = append(c.regions, strings.Join(names, "+"))
	}
	return nil
}

// peerOf returns the organisation whose peers a leaf of a policy asks for.
func peerOf(env *common.SignaturePolicyEnvelope, leaf *common.SignaturePolicy) (string, bool) {
	by, ok := leaf.GetType().(*common.SignaturePolicy_SignedBy)
	if !ok || by.SignedBy < 0 || int(by.SignedBy) >= len(env.GetIdentities()) {
		return "", false
	}
	p, role := env.GetIdentities()[by.SignedBy], &msp.MSPRole{}
	if p.GetPrincipalClassification() != msp.MSPPrincipal_ROLE || proto.Unmarshal(p.GetPrincipal(), role) != nil {
		return "", false
	}
	return role.GetMspIdentifier(), role.GetRole() == msp.MSPRole_PEER
}
