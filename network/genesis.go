package network

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"
)

// streamersPolicy is the policy that certificates must meet to stream whole
// blocks, private data included (ACL event/Block).
const streamersPolicy = "Streamers"

// channelConfig fills templates/configtx.yaml.tmpl.
type channelConfig struct {
	AppAdmins, OrdererAdmins, Lifecycle string
	OrdererType, BatchInterval          string
	BFT                                 bool
	MaxMessages, MaxBytes               int
	StreamersPolicy                     string
	Orderers                            []consenter
	OrdererOrgs, Orgs                   []channelOrg
}

type consenter struct {
	Host, Org, Identity, TLSCert string
	Port                         int
}

type channelOrg struct {
	Name, MSPDir string
	Endpoints    []string // of its orderers
	AnchorHost   string
	AnchorPort   int
}

func newChannelConfig(dir string, t Topology, nodes []spec) channelConfig {
	c := channelConfig{
		AppAdmins:       t.GovernancePolicy("admin"),
		OrdererAdmins:   t.ordererGovernance(),
		Lifecycle:       t.GovernancePolicy("peer"),
		OrdererType:     "etcdraft",
		BatchInterval:   t.BatchInterval.String(),
		BFT:             t.Consensus == BFT,
		MaxMessages:     fabricMaxBatch,
		MaxBytes:        fabricMaxBlockSize,
		StreamersPolicy: streamersPolicy,
	}
	if c.BFT {
		c.OrdererType = "BFT"
	}
	mspDir := func(org string) string { return filepath.Join(dir, "orgs", org, "msp") }
	for _, s := range ofKind(nodes, KindOrderer) {
		c.Orderers = append(c.Orderers, consenter{
			Host: s.ip, Port: portOrderer, Org: s.org, TLSCert: s.tlsCert(),
			Identity: filepath.Join(s.mspDir(), "signcerts", "cert.pem"),
		})
		if s.index == 0 {
			c.OrdererOrgs = append(c.OrdererOrgs, channelOrg{Name: s.org, MSPDir: mspDir(s.org)})
		}
		last := &c.OrdererOrgs[len(c.OrdererOrgs)-1]
		last.Endpoints = append(last.Endpoints, s.address())
	}
	for _, s := range ofKind(nodes, KindPeer) {
		if s.index == 0 {
			c.Orgs = append(c.Orgs, channelOrg{Name: s.org, MSPDir: mspDir(s.org), AnchorHost: s.ip, AnchorPort: portPeer})
		}
	}
	return c
}

// makeGenesis runs configtxgen and adds what its input cannot say. The block
// is returned and written to DIR/genesis.block.
func makeGenesis(ctx context.Context, dir, binDir string, t Topology, nodes []spec) (*common.Block, error) {
	cfg := newChannelConfig(dir, t, nodes)
	cfgDir := filepath.Join(dir, "channel")
	if err := render(filepath.Join(cfgDir, "configtx.yaml"), "configtx.yaml.tmpl", cfg); err != nil {
		return nil, err
	}
	raw := filepath.Join(cfgDir, "configtxgen.block")
	cmd := exec.CommandContext(ctx, filepath.Join(binDir, "configtxgen"),
		"-profile", "Domicile", "-channelID", Channel, "-configPath", cfgDir, "-outputBlock", raw)
	// Not the caller's environment: CONFIGTX_* variables would change the channel.
	cmd.Env = append(baseEnv(), "FABRIC_CFG_PATH="+cfgDir)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("make the genesis block with configtxgen: %w: %s", err, lastLine(out))
	}
	b, err := os.ReadFile(raw)
	if err != nil {
		return nil, fmt.Errorf("read the genesis block: %w", err)
	}
	block := new(common.Block)
	if err := proto.Unmarshal(b, block); err != nil {
		return nil, fmt.Errorf("decode the genesis block: %w", err)
	}
	cas := map[string][]byte{}
	for _, o := range cfg.Orgs {
		if cas[o.Name], err = os.ReadFile(filepath.Join(o.MSPDir, "cacerts", "ca.pem")); err != nil {
			return nil, fmt.Errorf("read the CA certificate of %s: %w", o.Name, err)
		}
	}
	if err := addStreamers(block, cas); err != nil {
		return nil, fmt.Errorf("patch the genesis block: %w", err)
	}
	if b, err = proto.Marshal(block); err != nil {
		return nil, fmt.Errorf("encode the genesis block: %w", err)
	}
	return block, writeFile(genesisPath(dir), b, 0o644)
}

func genesisPath(dir string) string { return filepath.Join(dir, "channel", "genesis.block") }

// addStreamers gives every organization in cas (MSP id to PEM of its CA) a
// policy that only its certificates with the unit streamerUnit meet, and
// recomputes the block's data hash.
func addStreamers(block *common.Block, cas map[string][]byte) error {
	if len(block.GetData().GetData()) != 1 {
		return errors.New("the block must hold exactly one transaction")
	}
	env, payload, cfg := new(common.Envelope), new(common.Payload), new(common.ConfigEnvelope)
	if err := proto.Unmarshal(block.Data.Data[0], env); err != nil {
		return fmt.Errorf("decode envelope: %w", err)
	}
	if err := proto.Unmarshal(env.GetPayload(), payload); err != nil {
		return fmt.Errorf("decode payload: %w", err)
	}
	if err := proto.Unmarshal(payload.GetData(), cfg); err != nil {
		return fmt.Errorf("decode configuration: %w", err)
	}
	app := cfg.GetConfig().GetChannelGroup().GetGroups()["Application"]
	for org, ca := range cas {
		group := app.GetGroups()[org]
		if group == nil {
			return fmt.Errorf("the configuration has no organization %s", org)
		}
		policy, err := unitPolicy(org, streamerUnit, ca)
		if err != nil {
			return err
		}
		if group.Policies == nil {
			group.Policies = map[string]*common.ConfigPolicy{}
		}
		group.Policies[streamersPolicy] = &common.ConfigPolicy{ModPolicy: "Admins", Policy: policy}
	}
	var err error
	if payload.Data, err = proto.Marshal(cfg); err != nil {
		return fmt.Errorf("encode configuration: %w", err)
	}
	if env.Payload, err = proto.Marshal(payload); err != nil {
		return fmt.Errorf("encode payload: %w", err)
	}
	if block.Data.Data[0], err = proto.Marshal(env); err != nil {
		return fmt.Errorf("encode envelope: %w", err)
	}
	sum := sha256.Sum256(block.Data.Data[0])
	block.Header.DataHash = sum[:]
	return nil
}

// unitPolicy is met by one signature of a certificate of the organization that
// carries the unit. The certifier is named by the SHA-256 of its certificate
// (Fabric, msp/mspimpl.go getCertificationChainIdentifierFromChain).
func unitPolicy(org, unit string, caPEM []byte) (*common.Policy, error) {
	block, _ := pem.Decode(caPEM)
	if block == nil {
		return nil, fmt.Errorf("the CA certificate of %s is not PEM", org)
	}
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("the CA certificate of %s: %w", org, err)
	}
	certifier := sha256.Sum256(ca.Raw)
	principal, err := proto.Marshal(&msp.OrganizationUnit{
		MspIdentifier: org, OrganizationalUnitIdentifier: unit, CertifiersIdentifier: certifier[:],
	})
	if err != nil {
		return nil, fmt.Errorf("encode principal: %w", err)
	}
	value, err := proto.Marshal(&common.SignaturePolicyEnvelope{
		Identities: []*msp.MSPPrincipal{{
			PrincipalClassification: msp.MSPPrincipal_ORGANIZATION_UNIT, Principal: principal,
		}},
		Rule: &common.SignaturePolicy{Type: &common.SignaturePolicy_NOutOf_{NOutOf: &common.SignaturePolicy_NOutOf{
			N: 1, Rules: []*common.SignaturePolicy{{Type: &common.SignaturePolicy_SignedBy{SignedBy: 0}}},
		}}},
	})
	if err != nil {
		return nil, fmt.Errorf("encode policy: %w", err)
	}
	return &common.Policy{Type: int32(common.Policy_SIGNATURE), Value: value}, nil
}

// lastLine is the last line with text, cut to 300 bytes.
func lastLine(b []byte) string {
	lines := strings.Split(string(bytes.TrimSpace(b)), "\n")
	s := strings.TrimSpace(lines[len(lines)-1])
	return s[:min(len(s), 300)]
}
