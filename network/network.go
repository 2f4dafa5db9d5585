package network

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hyperledger/fabric-admin-sdk/pkg/identity"
	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
)

// MaxMessageBytes is what clients must be ready to receive: a record of
// 16 MiB, its salt and the envelope around it.
const MaxMessageBytes = 32 << 20

// Network is a network in a directory, running or not. Its methods may be
// called from several goroutines.
type Network struct {
	dir   string
	state *state
	nodes []spec
}

// Open finds the network in dir. It need not run. The error is ErrNoNetwork if
// dir holds none, or one whose making was cut short.
func Open(dir string) (*Network, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	st, err := readState(dir)
	if err != nil {
		return nil, err
	}
	if st.Phase != phaseReady {
		return nil, fmt.Errorf("%s: its making was cut short, bring it up again or take down what is left: %w", dir, ErrNoNetwork)
	}
	return open(dir, st), nil
}

func open(dir string, st *state) *Network {
	return &Network{dir: dir, state: st, nodes: plan(st.Topology, st.Instance, dir)}
}

// Dir is the absolute path of the network's directory.
func (n *Network) Dir() string { return n.dir }

// Topology is the topology the network was built with.
func (n *Network) Topology() Topology { return n.state.Topology }

// BinDir is where Fabric's programs are.
func (n *Network) BinDir() string { return n.state.BinDir }

// GenesisPath is the file of the channel's first block.
func (n *Network) GenesisPath() string { return genesisPath(n.dir) }

// PeerEndpoint is what a client needs to talk to a peer.
type PeerEndpoint struct {
	Name      string `json:"name"`   // "peer0.UsHospital"
	Org       string `json:"org"`    // organization and MSP id
	Region    string `json:"region"` // "us"
	Address   string `json:"address"`
	TLSCAPath string `json:"tlsCaPath"` // PEM of the CA that signed its TLS certificate
}

// Peers lists all peers in topology order, running or not.
func (n *Network) Peers() []PeerEndpoint {
	var out []PeerEndpoint
	for _, s := range ofKind(n.nodes, KindPeer) {
		out = append(out, PeerEndpoint{Name: s.name, Org: s.org, Region: s.region, Address: s.address(), TLSCAPath: s.tlsCA()})
	}
	return out
}

// OrdererEndpoint is the address of an orderer and the CA of its TLS certificate.
type OrdererEndpoint struct {
	Name      string `json:"name"`
	Org       string `json:"org"`
	Region    string `json:"region"`
	Address   string `json:"address"`
	TLSCAPath string `json:"tlsCaPath"`
}

// Orderers lists all orderers in topology order.
func (n *Network) Orderers() []OrdererEndpoint {
	var out []OrdererEndpoint
	for _, s := range ofKind(n.nodes, KindOrderer) {
		out = append(out, OrdererEndpoint{Name: s.name, Org: s.org, Region: s.region, Address: s.address(), TLSCAPath: s.tlsCA()})
	}
	return out
}

// Dial connects to the peer with that name and waits until the connection
// stands or ctx ends. The caller closes it.
func (n *Network) Dial(ctx context.Context, peer string) (*grpc.ClientConn, error) {
	s, err := n.node(peer)
	if err != nil {
		return nil, err
	}
	if s.kind == KindChaincode {
		return nil, fmt.Errorf("%s is a chaincode server: only its organization's peers may connect to it", peer)
	}
	return dial(ctx, s)
}

func dial(ctx context.Context, s spec) (*grpc.ClientConn, error) {
	creds, err := credentials.NewClientTLSFromFile(s.tlsCA(), "")
	if err != nil {
		return nil, fmt.Errorf("CA of %s: %w", s.name, err)
	}
	conn, err := grpc.NewClient("passthrough:///"+s.address(),
		grpc.WithTransportCredentials(creds),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(MaxMessageBytes), grpc.MaxCallSendMsgSize(MaxMessageBytes)),
		grpc.WithConnectParams(dialParams),
	)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", s.name, err)
	}
	conn.Connect()
	for state := conn.GetState(); state != connectivity.Ready; state = conn.GetState() {
		if state == connectivity.Idle {
			conn.Connect()
		}
		if !conn.WaitForStateChange(ctx, state) {
			conn.Close()
			return nil, fmt.Errorf("dial %s at %s: %w", s.name, s.address(), context.Cause(ctx))
		}
	}
	return conn, nil
}

var dialParams = func() grpc.ConnectParams {
	p := grpc.ConnectParams{MinConnectTimeout: 3 * time.Second}
	p.Backoff.BaseDelay, p.Backoff.Multiplier, p.Backoff.MaxDelay = 50*time.Millisecond, 1.5, time.Second
	return p
}()

// node finds a node by name.
func (n *Network) node(name string) (spec, error) {
	for _, s := range n.nodes {
		if s.name == name {
			return s, nil
		}
	}
	return spec{}, fmt.Errorf("no node is called %q; `status` lists the names", name)
}

// orgDir is the folder of an organization's certificates; orderer
// organizations are included.
func (n *Network) orgDir(org string) (string, error) {
	if !slices.ContainsFunc(n.nodes, func(s spec) bool { return s.org == org }) {
		return "", fmt.Errorf("no organization is called %q", org)
	}
	return filepath.Join(n.dir, "orgs", org), nil
}

// Identity names the PEM files of the certificate and key of an organization's
// user: RoleAdmin or one of ClientUsers.
func (n *Network) Identity(org, role string) (certPath, keyPath string, err error) {
	msp, err := n.MSPDir(org, role)
	if err != nil {
		return "", "", err
	}
	return filepath.Join(msp, "signcerts", "cert.pem"), filepath.Join(msp, "keystore", "private.key"), nil
}

// MSPDir is the folder with the identity of a user in the form that Fabric's
// own programs read (CORE_PEER_MSPCONFIGPATH).
func (n *Network) MSPDir(org, role string) (string, error) {
	dir, err := n.orgDir(org)
	if err != nil {
		return "", err
	}
	msp := userMSP(dir, role)
	if _, err := os.Stat(msp); err != nil {
		return "", fmt.Errorf("%s has no user %q; users are %s and %s", org, role, RoleAdmin, strings.Join(ClientUsers(), ", "))
	}
	return msp, nil
}

// RoleCodes maps the opaque codes in the certificates of an organization's
// users to their roles.
func (n *Network) RoleCodes(org string) (map[string]string, error) {
	dir, err := n.orgDir(org)
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(filepath.Join(dir, "roles.json"))
	if err != nil {
		return nil, fmt.Errorf("role codes of %s: %w", org, err)
	}
	var codes map[string]string
	if err := json.Unmarshal(b, &codes); err != nil {
		return nil, fmt.Errorf("role codes of %s: %w", org, err)
	}
	return codes, nil
}

// IndexKeyPath is the file of a region's 32-byte index key, mode 0600. It is
// made once, at random; whoever has it can recompute the region's tokens.
func (n *Network) IndexKeyPath(region string) (string, error) {
	for _, r := range n.state.Topology.Regions {
		if r.Name == region {
			return indexKeyPath(n.dir, region), nil
		}
	}
	return "", fmt.Errorf("no region is called %q", region)
}

// PeerCLIEnv is the environment in which Fabric's own peer program acts as an
// organization's user and talks to the peer with that name. Add it to
// os.Environ. For `peer chaincode invoke`, also name an orderer with -o, --tls
// and --cafile (see Orderers).
func (n *Network) PeerCLIEnv(org, role, peer string) ([]string, error) {
	s, err := n.node(peer)
	if err != nil {
		return nil, err
	}
	if s.kind != KindPeer {
		return nil, fmt.Errorf("%s is not a peer", peer)
	}
	msp, err := n.MSPDir(org, role)
	if err != nil {
		return nil, err
	}
	return []string{
		"FABRIC_CFG_PATH=" + s.configDir(),
		"CORE_PEER_ADDRESS=" + s.address(),
		"CORE_PEER_LOCALMSPID=" + org,
		"CORE_PEER_MSPCONFIGPATH=" + msp,
		"CORE_PEER_TLS_ENABLED=true",
		"CORE_PEER_TLS_ROOTCERT_FILE=" + s.tlsCA(),
	}, nil
}

// signer loads a user's identity for signing proposals.
func (n *Network) signer(org, role string) (identity.SigningIdentity, error) {
	certPath, keyPath, err := n.Identity(org, role)
	if err != nil {
		return nil, err
	}
	cert, err := identity.ReadCertificate(certPath)
	if err != nil {
		return nil, fmt.Errorf("certificate of %s %s: %w", org, role, err)
	}
	key, err := identity.ReadPrivateKey(keyPath)
	if err != nil {
		return nil, fmt.Errorf("key of %s %s: %w", org, role, err)
	}
	return identity.NewPrivateKeySigningIdentity(org, cert, key)
}

// caPool is the certificate pool with one PEM file.
func caPool(path string) (*x509.CertPool, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("%s holds no certificate", path)
	}
	return pool, nil
}
