package cli

import (
	"encoding/json"
	"fmt"

	"github.com/hyperledger/fabric-admin-sdk/pkg/chaincode"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"domicile/network"
)

// sameDefinition compares what two definitions mean: one policy may be written in
// several ways, and the network renders the committed one anew.
func sameDefinition(x, y network.Definition) (bool, error) {
	if same, err := samePolicy(x.EndorsementPolicy, y.EndorsementPolicy); err != nil || !same {
		return false, err
	}
	a, err := collectionsOf(x.CollectionsConfig)
	if err != nil {
		return false, err
	}
	b, err := collectionsOf(y.CollectionsConfig)
	if err != nil || len(a) != len(b) {
		return false, err
	}
	for name, c := range a {
		if d, ok := b[name]; !ok || !proto.Equal(c, d) {
			return false, nil
		}
	}
	return true, nil
}

func samePolicy(x, y string) (bool, error) {
	a, err := chaincode.NewApplicationPolicy(x, "")
	if err != nil {
		return false, fmt.Errorf("endorsement policy: %w", err)
	}
	b, err := chaincode.NewApplicationPolicy(y, "")
	if err != nil {
		return false, fmt.Errorf("endorsement policy: %w", err)
	}
	return proto.Equal(a, b), nil
}

// collectionsOf reads Fabric's collections_config.json.
func collectionsOf(config []byte) (map[string]*peer.StaticCollectionConfig, error) {
	var list []struct {
		Name, Policy                    string
		RequiredPeerCount, MaxPeerCount int32
		BlockToLive                     uint64
		MemberOnlyRead, MemberOnlyWrite bool
		EndorsementPolicy               struct{ SignaturePolicy, ChannelConfigPolicy string }
	}
	if len(config) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(config, &list); err != nil {
		return nil, fmt.Errorf("collections: %w", err)
	}
	out := map[string]*peer.StaticCollectionConfig{}
	for _, c := range list {
		members, err := chaincode.NewApplicationPolicy(c.Policy, "")
		if err != nil {
			return nil, fmt.Errorf("collection %s: %w", c.Name, err)
		}
		s := &peer.StaticCollectionConfig{
			Name: c.Name, RequiredPeerCount: c.RequiredPeerCount, MaximumPeerCount: c.MaxPeerCount,
			BlockToLive: c.BlockToLive, MemberOnlyRead: c.MemberOnlyRead, MemberOnlyWrite: c.MemberOnlyWrite,
			MemberOrgsPolicy: &peer.CollectionPolicyConfig{
				Payload: &peer.CollectionPolicyConfig_SignaturePolicy{SignaturePolicy: members.GetSignaturePolicy()},
			},
		}
		if e := c.EndorsementPolicy; e.SignaturePolicy != "" || e.ChannelConfigPolicy != "" {
			if s.EndorsementPolicy, err = chaincode.NewApplicationPolicy(e.SignaturePolicy, e.ChannelConfigPolicy); err != nil {
				return nil, fmt.Errorf("collection %s: %w", c.Name, err)
			}
		}
		out[c.Name] = s
	}
	return out, nil
}
