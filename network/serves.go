package network

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/hyperledger/fabric-admin-sdk/pkg/channel"
	"github.com/hyperledger/fabric-admin-sdk/pkg/discovery"
	discoverypb "github.com/hyperledger/fabric-protos-go-apiv2/discovery"
	"github.com/hyperledger/fabric-protos-go-apiv2/gossip"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// errNoChannel says that a node answers but has not the channel.
var errNoChannel = errors.New("the channel is missing")

// answers reports whether something accepts connections at the address.
func answers(ctx context.Context, address string) error {
	d := net.Dialer{Timeout: statusPatience}
	conn, err := d.DialContext(ctx, "tcp4", address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// serves reports whether a node does its work.
func (n *Network) serves(ctx context.Context, s spec) error {
	if s.kind == KindChaincode {
		return n.chaincodeServes(ctx, s)
	}
	_, err := n.height(ctx, s)
	return err
}

// height is the number of blocks of the channel on an orderer or peer;
// errNoChannel if it answers but has not the channel.
func (n *Network) height(ctx context.Context, s spec) (uint64, error) {
	if s.kind == KindOrderer {
		info, ok, err := n.ordererChannel(ctx, s)
		if err == nil && !ok {
			err = fmt.Errorf("%s: %w", s.name, errNoChannel)
		}
		return info.Height, err
	}
	if err := answers(ctx, s.address()); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, statusPatience)
	defer cancel()
	conn, err := dial(ctx, s)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	id, err := n.signer(s.org, RoleReader)
	if err != nil {
		return 0, err
	}
	info, err := channel.GetBlockChainInfo(ctx, conn, id, Channel)
	if err == nil && info.GetHeight() > 0 {
		return info.GetHeight(), nil
	}
	// qscc refuses a channel that is not there with the same error as any
	// other; the list of channels tells.
	admin, adminErr := n.signer(s.org, RoleAdmin)
	if adminErr != nil {
		return 0, adminErr
	}
	channels, listErr := channel.ListChannelOnPeer(ctx, conn, admin)
	if listErr != nil {
		return 0, fmt.Errorf("%s: list channels: %w", s.name, listErr)
	}
	for _, c := range channels {
		if c.GetChannelId() == Channel {
			return 0, errors.Join(fmt.Errorf("%s does not tell its height", s.name), err)
		}
	}
	return 0, fmt.Errorf("%s: %w", s.name, errNoChannel)
}

// ledgerBroken reports whether the peer said since its last start that it cannot load
// its ledger, after which it goes on running and calls itself healthy, or cannot add a
// block to it, which ends it at every start. Both follow from private data that was
// purged and is wanted once more (see [Network.Rejoin]).
func ledgerBroken(s spec) bool {
	broken := false
	eachLogLine(s, func(line string) { broken = breaksLedger(line, broken) })
	return broken
}

// breaksLedger is whether the ledger is broken after a line of the log (Fabric,
// core/peer/peer.go, gossip/state/state.go).
func breaksLedger(line string, broken bool) bool {
	switch {
	case strings.Contains(line, "Starting peer:"):
		return false
	case strings.Contains(line, "Failed to load ledger"),
		strings.Contains(line, "Cannot commit block to the ledger due to hash of pvt data"):
		return true
	}
	return broken
}

// chaincodeServes asks the health service of a chaincode server, with mutual
// TLS as the organization's peers use it.
func (n *Network) chaincodeServes(ctx context.Context, s spec) error {
	if err := answers(ctx, s.address()); err != nil {
		return err
	}
	pool, err := caPool(s.tlsCA())
	if err != nil {
		return err
	}
	dir := filepath.Join(n.dir, "orgs", s.org, "users", RoleAdmin, "tls")
	cert, err := tls.LoadX509KeyPair(filepath.Join(dir, "client.crt"), filepath.Join(dir, "client.key"))
	if err != nil {
		return fmt.Errorf("operator certificate of %s: %w", s.org, err)
	}
	conn, err := grpc.NewClient("passthrough:///"+s.address(), grpc.WithTransportCredentials(credentials.NewTLS(
		&tls.Config{RootCAs: pool, Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})))
	if err != nil {
		return fmt.Errorf("dial %s: %w", s.name, err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, statusPatience)
	defer cancel()
	resp, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{}, grpc.WaitForReady(true))
	if status.Code(err) == codes.Unimplemented {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: health: %w", s.name, err)
	}
	if resp.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		return fmt.Errorf("%s: health: %s", s.name, resp.GetStatus())
	}
	return nil
}

// discoveryPoll is how often a peer is asked whom it knows.
const discoveryPoll = 100 * time.Millisecond

// WaitDiscovered waits until every running peer knows every other running
// peer, with the chaincode: only then can any of them plan endorsements and
// hand on private data. Call it after StartNode before the next put; it takes
// a few seconds.
//
// A peer that ends while it is waited for is an error; the others do not wait for it.
func (n *Network) WaitDiscovered(ctx context.Context) error {
	return n.waitDiscovered(ctx, func(spec) bool { return true })
}

// waitDiscovered waits until those peers that are asked know every running peer, as the
// process that runs now: of one that was killed the others still tell for a while, and may
// then forget it until it speaks again.
func (n *Network) waitDiscovered(ctx context.Context, asked func(spec) bool) error {
	started, err := n.incarnations(ctx, asked)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, s := range ofKind(n.nodes, KindPeer) {
		if s.takesPart() && asked(s) {
			g.Go(func() error {
				return n.askMembers(ctx, s, func(m members) error { return n.knowsAll(s, m, started) })
			})
		}
	}
	return g.Wait()
}

// incarnations is which process of itself every peer is that is asked, by address.
func (n *Network) incarnations(ctx context.Context, asked func(spec) bool) (members, error) {
	var mu sync.Mutex
	out := members{}
	g, ctx := errgroup.WithContext(ctx)
	for _, s := range ofKind(n.nodes, KindPeer) {
		if !s.takesPart() || !asked(s) {
			continue
		}
		g.Go(func() error {
			return n.askMembers(ctx, s, func(m members) error {
				mu.Lock()
				defer mu.Unlock()
				var ok bool
				if out[s.address()], ok = m[s.address()]; !ok {
					return fmt.Errorf("%s does not announce the chaincode", s.name)
				}
				return nil
			})
		})
	}
	return out, g.Wait()
}

// knowsAll is an error unless members are all peers that run, none in an earlier process
// than started.
func (n *Network) knowsAll(s spec, m, started members) error {
	want, have := n.runningPeers(), 0
	for address := range want {
		if inc, ok := m[address]; ok && inc >= started[address] {
			have++
		}
	}
	if have < len(want) {
		return fmt.Errorf("%s knows %d of %d peers", s.name, have, len(want))
	}
	return nil
}

// runningPeers are the addresses of the peers that take part.
func (n *Network) runningPeers() map[string]bool {
	out := map[string]bool{}
	for _, s := range ofKind(n.nodes, KindPeer) {
		if s.takesPart() {
			out[s.address()] = true
		}
	}
	return out
}

// takesPart reports whether a peer runs where the others can know it.
func (s spec) takesPart() bool {
	_, ok := s.running()
	return ok && !s.quarantined()
}

// members are the peers that one peer knows to have the chaincode, by address, with when
// their process began, in nanoseconds.
type members map[string]uint64

// askMembers asks a peer whom it knows until enough says that it is enough.
func (n *Network) askMembers(ctx context.Context, s spec, enough func(members) error) error {
	var conn *grpc.ClientConn
	err := until(ctx, func() error {
		if err := stillRuns(s); err != nil {
			return err
		}
		dialing, cancel := context.WithTimeout(ctx, statusPatience)
		defer cancel()
		var err error
		conn, err = dial(dialing, s)
		return err
	})
	if err != nil {
		return err
	}
	defer conn.Close()
	id, err := n.signer(s.org, RoleAdmin)
	if err != nil {
		return err
	}
	d := discovery.NewPeer(conn, id)
	for {
		if err := stillRuns(s); err != nil {
			return err
		}
		asking, cancel := context.WithTimeout(ctx, statusPatience)
		answer, err := d.PeerMembershipQuery(asking, Channel, nil)
		cancel()
		known := members{}
		for _, org := range answer.GetPeersByOrg() {
			for _, p := range org.GetPeers() {
				if endpoint, began, ok := chaincodePeer(p); ok {
					known[endpoint] = began
				}
			}
		}
		why := enough(known)
		if err == nil && why == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			if why == nil {
				return errors.Join(context.Cause(ctx), err)
			}
			return errors.Join(fmt.Errorf("%w: %w", why, context.Cause(ctx)), err)
		case <-time.After(discoveryPoll):
		}
	}
}

// stillRuns is a final error, with the reason if the log has one, once the node's
// process has ended.
func stillRuns(s spec) error {
	if _, ok := s.running(); ok {
		return nil
	}
	return &finalError{fmt.Errorf("%s ended; the last line of %s: %s", s.name, s.logFile(), s.logTail())}
}

// chaincodePeer is the address of a discovered peer, when its process began, in
// nanoseconds by its own clock, and whether it announces the chaincode.
func chaincodePeer(p *discoverypb.Peer) (address string, began uint64, ok bool) {
	alive, info := new(gossip.GossipMessage), new(gossip.GossipMessage)
	if proto.Unmarshal(p.GetMembershipInfo().GetPayload(), alive) != nil ||
		proto.Unmarshal(p.GetStateInfo().GetPayload(), info) != nil {
		return "", 0, false
	}
	for _, c := range info.GetStateInfo().GetProperties().GetChaincodes() {
		ok = ok || c.GetName() == Chaincode
	}
	msg := alive.GetAliveMsg()
	return msg.GetMembership().GetEndpoint(), msg.GetTimestamp().GetIncNum(), ok
}
