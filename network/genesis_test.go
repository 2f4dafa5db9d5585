package network

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hyperledger/fabric-admin-sdk/pkg/chaincode"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer/smartbft"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares got with testdata/name.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := writeFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err, "(write it with -update)")
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s differs (-want +got):\n%s", path, d)
	}
}

func TestTheGenesisBlockOfTheDefaultTopologyIsAsAgreed(t *testing.T) {
	for name, topology := range map[string]Topology{"genesis-default.json": DefaultTopology(), "genesis-raft.json": RaftTopology()} {
		bin := testBin(t)
		dir := t.TempDir()
		nodes := plan(topology, 1, dir)
		if err := writePKI(dir, topology, nodes); err != nil {
			t.Fatal(err)
		}
		block, err := makeGenesis(context.Background(), dir, bin, topology, nodes)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(block.Data.Data[0])
		if !bytes.Equal(sum[:], block.Header.DataHash) {
			t.Error("the data hash does not match the data")
		}
		b, err := json.MarshalIndent(describe(t, configOf(t, block)), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name, append(b, '\n'))
	}
}

func configOf(t *testing.T, block *common.Block) *common.ConfigGroup {
	t.Helper()
	env, payload, cfg := new(common.Envelope), new(common.Payload), new(common.ConfigEnvelope)
	decode(t, block.GetData().GetData()[0], env)
	decode(t, env.GetPayload(), payload)
	decode(t, payload.GetData(), cfg)
	return cfg.GetConfig().GetChannelGroup()
}

func decode(t *testing.T, b []byte, m proto.Message) {
	t.Helper()
	if err := proto.Unmarshal(b, m); err != nil {
		t.Fatal(err)
	}
}

// described is a configuration group in a form that is the same on every run.
type described struct {
	Policies map[string]string    `json:"policies,omitempty"`
	Values   map[string]any       `json:"values,omitempty"`
	Groups   map[string]described `json:"groups,omitempty"`
}

func describe(t *testing.T, g *common.ConfigGroup) described {
	t.Helper()
	d := described{map[string]string{}, map[string]any{}, map[string]described{}}
	for name, p := range g.GetPolicies() {
		d.Policies[name] = policyText(t, p.GetPolicy()) + " (changed by " + p.GetModPolicy() + ")"
	}
	for name, v := range g.GetValues() {
		if value := valueText(t, name, v.GetValue()); value != nil {
			d.Values[name] = value
		}
	}
	for name, sub := range g.GetGroups() {
		d.Groups[name] = describe(t, sub)
	}
	return d
}

func policyText(t *testing.T, p *common.Policy) string {
	t.Helper()
	if p.GetType() == int32(common.Policy_IMPLICIT_META) {
		m := new(common.ImplicitMetaPolicy)
		decode(t, p.GetValue(), m)
		return m.GetRule().String() + " " + m.GetSubPolicy()
	}
	s := new(common.SignaturePolicyEnvelope)
	decode(t, p.GetValue(), s)
	if ids := s.GetIdentities(); len(ids) == 1 && ids[0].GetPrincipalClassification() == msp.MSPPrincipal_ORGANIZATION_UNIT {
		unit := new(msp.OrganizationUnit)
		decode(t, ids[0].GetPrincipal(), unit)
		if len(unit.GetCertifiersIdentifier()) != sha256.Size {
			t.Errorf("the unit of %s names no certifier", unit.GetMspIdentifier())
		}
		return unit.GetMspIdentifier() + " unit " + unit.GetOrganizationalUnitIdentifier()
	}
	if ids := s.GetIdentities(); len(ids) > 0 && ids[0].GetPrincipalClassification() == msp.MSPPrincipal_IDENTITY {
		return "signatures of orderer certificates"
	}
	text, err := chaincode.SignaturePolicyEnvelopeToString(s)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// valueText leaves certificates out.
func valueText(t *testing.T, name string, b []byte) any {
	t.Helper()
	switch name {
	case "ACLs":
		acls := new(peer.ACLs)
		decode(t, b, acls)
		out := map[string]string{}
		for resource, a := range acls.GetAcls() {
			out[resource] = a.GetPolicyRef()
		}
		return out
	case "Capabilities":
		c := new(common.Capabilities)
		decode(t, b, c)
		out := []string{}
		for name := range c.GetCapabilities() {
			out = append(out, name)
		}
		return out
	case "AnchorPeers":
		a := new(peer.AnchorPeers)
		decode(t, b, a)
		return a.GetAnchorPeers()
	case "Endpoints":
		a := new(common.OrdererAddresses)
		decode(t, b, a)
		return a.GetAddresses()
	case "BatchTimeout":
		bt := new(orderer.BatchTimeout)
		decode(t, b, bt)
		return bt.GetTimeout()
	case "ConsensusType":
		c := new(orderer.ConsensusType)
		decode(t, b, c)
		if c.GetType() != "BFT" {
			return c.GetType()
		}
		o := new(smartbft.Options)
		decode(t, c.GetMetadata(), o)
		return map[string]string{
			"batch": o.GetRequestBatchMaxInterval(), "forward": o.GetRequestForwardTimeout(),
			"complain": o.GetRequestComplainTimeout(), "viewChange": o.GetViewChangeTimeout(),
			"heartbeat": o.GetLeaderHeartbeatTimeout(), "rotation": o.GetLeaderRotation().String(),
		}
	}
	return nil
}

func TestOnlyTheUnitsOfNamedOrganizationsAreAddedToABlock(t *testing.T) {
	ca, err := newAuthority()
	if err != nil {
		t.Fatal(err)
	}
	pem, err := ca.pem()
	if err != nil {
		t.Fatal(err)
	}
	block := func() *common.Block {
		group := &common.ConfigGroup{Groups: map[string]*common.ConfigGroup{"Application": {
			Groups: map[string]*common.ConfigGroup{"UsHospital": {Policies: map[string]*common.ConfigPolicy{}}},
		}}}
		b := encode(t, &common.ConfigEnvelope{Config: &common.Config{ChannelGroup: group}})
		b = encode(t, &common.Payload{Data: b})
		b = encode(t, &common.Envelope{Payload: b})
		return &common.Block{Header: &common.BlockHeader{}, Data: &common.BlockData{Data: [][]byte{b}}}
	}
	b := block()
	if err := addStreamers(b, map[string][]byte{"UsHospital": pem.cert}); err != nil {
		t.Fatal(err)
	}
	policies := configOf(t, b).GetGroups()["Application"].GetGroups()["UsHospital"].GetPolicies()
	if got := policyText(t, policies[streamersPolicy].GetPolicy()); got != "UsHospital unit auditor" {
		t.Errorf("policy is %q", got)
	}
	for name, cas := range map[string]map[string][]byte{
		"an organization that is not there": {"EuHospital": pem.cert},
		"a certificate that is none":        {"UsHospital": []byte("x")},
	} {
		if err := addStreamers(block(), cas); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if err := addStreamers(&common.Block{}, nil); err == nil || !strings.Contains(err.Error(), "one transaction") {
		t.Errorf("an empty block: %v", err)
	}
}

func encode(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
