package network

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hyperledger/fabric-admin-sdk/pkg/chaincode"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"
)

// collectionJSON is one entry of Fabric's collections_config.json
// (internal/peer/chaincode/common.go). Fabric ignores keys it does not know
// and invents peer counts; this reader does neither.
type collectionJSON struct {
	Name              string                 `json:"name"`
	Policy            string                 `json:"policy"`
	RequiredPeerCount *int32                 `json:"requiredPeerCount"`
	MaxPeerCount      *int32                 `json:"maxPeerCount"`
	BlockToLive       uint64                 `json:"blockToLive"`
	MemberOnlyRead    bool                   `json:"memberOnlyRead"`
	MemberOnlyWrite   bool                   `json:"memberOnlyWrite"`
	EndorsementPolicy *endorsementPolicyJSON `json:"endorsementPolicy,omitempty"`
}

type endorsementPolicyJSON struct {
	SignaturePolicy     string `json:"signaturePolicy,omitempty"`
	ChannelConfigPolicy string `json:"channelConfigPolicy,omitempty"`
}

// parseCollections reads collections_config.json; empty text means none.
func parseCollections(text []byte) (*peer.CollectionConfigPackage, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, nil
	}
	var list []collectionJSON
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&list); err != nil {
		return nil, fmt.Errorf("collections: %w", err)
	}
	if dec.More() {
		return nil, errors.New("collections: text after the list")
	}
	out := new(peer.CollectionConfigPackage)
	for _, c := range list {
		config, err := c.toProto()
		if err != nil {
			return nil, fmt.Errorf("collection %q: %w", c.Name, err)
		}
		out.Config = append(out.Config, &peer.CollectionConfig{
			Payload: &peer.CollectionConfig_StaticCollectionConfig{StaticCollectionConfig: config},
		})
	}
	return out, nil
}

func (c collectionJSON) toProto() (*peer.StaticCollectionConfig, error) {
	if c.RequiredPeerCount == nil || c.MaxPeerCount == nil {
		return nil, errors.New("requiredPeerCount and maxPeerCount must be given")
	}
	members, err := chaincode.NewApplicationPolicy(c.Policy, "")
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	out := &peer.StaticCollectionConfig{
		Name: c.Name,
		MemberOrgsPolicy: &peer.CollectionPolicyConfig{
			Payload: &peer.CollectionPolicyConfig_SignaturePolicy{SignaturePolicy: members.GetSignaturePolicy()},
		},
		RequiredPeerCount: *c.RequiredPeerCount, MaximumPeerCount: *c.MaxPeerCount, BlockToLive: c.BlockToLive,
		MemberOnlyRead: c.MemberOnlyRead, MemberOnlyWrite: c.MemberOnlyWrite,
	}
	switch e := c.EndorsementPolicy; {
	case e == nil:
	case e.ChannelConfigPolicy != "" && e.SignaturePolicy != "":
		return nil, errors.New("endorsementPolicy: give signaturePolicy or channelConfigPolicy, not both")
	case e.ChannelConfigPolicy != "":
		out.EndorsementPolicy = &peer.ApplicationPolicy{
			Type: &peer.ApplicationPolicy_ChannelConfigPolicyReference{ChannelConfigPolicyReference: e.ChannelConfigPolicy},
		}
	default:
		if out.EndorsementPolicy, err = chaincode.NewApplicationPolicy(e.SignaturePolicy, ""); err != nil {
			return nil, fmt.Errorf("endorsementPolicy: %w", err)
		}
	}
	return out, nil
}

// renderCollections is the inverse of parseCollections.
func renderCollections(p *peer.CollectionConfigPackage) ([]byte, error) {
	list := []collectionJSON{}
	for _, config := range p.GetConfig() {
		s := config.GetStaticCollectionConfig()
		policy, err := chaincode.SignaturePolicyEnvelopeToString(s.GetMemberOrgsPolicy().GetSignaturePolicy())
		if err != nil {
			return nil, fmt.Errorf("collection %q: %w", s.GetName(), err)
		}
		c := collectionJSON{
			Name: s.GetName(), Policy: policy,
			RequiredPeerCount: proto.Int32(s.GetRequiredPeerCount()), MaxPeerCount: proto.Int32(s.GetMaximumPeerCount()),
			BlockToLive: s.GetBlockToLive(), MemberOnlyRead: s.GetMemberOnlyRead(), MemberOnlyWrite: s.GetMemberOnlyWrite(),
		}
		if e := s.GetEndorsementPolicy(); e != nil {
			c.EndorsementPolicy = &endorsementPolicyJSON{ChannelConfigPolicy: e.GetChannelConfigPolicyReference()}
			if sp := e.GetSignaturePolicy(); sp != nil {
				if c.EndorsementPolicy.SignaturePolicy, err = chaincode.SignaturePolicyEnvelopeToString(sp); err != nil {
					return nil, fmt.Errorf("collection %q: %w", s.GetName(), err)
				}
			}
		}
		list = append(list, c)
	}
	return json.MarshalIndent(list, "", "  ")
}

// sameCollections compares without regard to the order of collections.
func sameCollections(a, b *peer.CollectionConfigPackage) bool {
	return proto.Equal(sortCollections(a), sortCollections(b))
}

func sortCollections(p *peer.CollectionConfigPackage) *peer.CollectionConfigPackage {
	list := slices.Clone(p.GetConfig())
	slices.SortFunc(list, func(a, b *peer.CollectionConfig) int {
		return strings.Compare(a.GetStaticCollectionConfig().GetName(), b.GetStaticCollectionConfig().GetName())
	})
	return &peer.CollectionConfigPackage{Config: list}
}

// membersOf lists the MSP ids that a collection's policy names.
func membersOf(c *peer.StaticCollectionConfig) ([]string, error) {
	var out []string
	for _, p := range c.GetMemberOrgsPolicy().GetSignaturePolicy().GetIdentities() {
		role := new(msp.MSPRole)
		if err := proto.Unmarshal(p.GetPrincipal(), role); err != nil {
			return nil, fmt.Errorf("collection %q: decode a member: %w", c.GetName(), err)
		}
		if !slices.Contains(out, role.GetMspIdentifier()) {
			out = append(out, role.GetMspIdentifier())
		}
	}
	return out, nil
}

// CheckMembers compares a collection configuration with a topology: fewer than
// two member peers for a collection is an error, since what one peer alone
// holds cannot be endorsed with requiredPeerCount 1; exactly two is a warning,
// since one dead peer then blocks puts and purges.
func CheckMembers(t Topology, collectionsConfig []byte) ([]Finding, error) {
	p, err := parseCollections(collectionsConfig)
	if err != nil {
		return nil, err
	}
	var out []Finding
	for _, config := range p.GetConfig() {
		c := config.GetStaticCollectionConfig()
		members, err := membersOf(c)
		if err != nil {
			return nil, err
		}
		peers := 0
		for _, org := range members {
			peers += t.PeersOf(org)
		}
		f := Finding{Check: CheckMemberPeers, Severity: OK, Message: fmt.Sprintf("collection %s has %d member peers", c.GetName(), peers)}
		switch {
		case peers < 2:
			f.Severity = Error
			f.Message += "; at least 2 are needed to hold its data twice: add peers to its members"
		case peers == 2:
			f.Severity = Warn
			f.Message += "; if one stops, puts and purges stop: 3 are better"
		}
		out = append(out, f)
	}
	return out, nil
}

// checkDefinition refuses a new network whose chaincode definition is
// malformed or whose collections cannot work, before anything is made.
func (o Options) checkDefinition(t Topology) error {
	if o.EndorsementPolicy != "" {
		if _, err := chaincode.NewApplicationPolicy(o.EndorsementPolicy, ""); err != nil {
			return fmt.Errorf("endorsement policy %q: %w", o.EndorsementPolicy, err)
		}
	}
	findings, err := CheckMembers(t, o.CollectionsConfig)
	if err != nil {
		return err
	}
	var errs []error
	for _, f := range findings {
		switch f.Severity {
		case Error:
			errs = append(errs, errors.New(f.Message))
		case Warn:
			o.say("warning: %s", f.Message)
		}
	}
	return errors.Join(errs...)
}
