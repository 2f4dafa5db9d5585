package gateway

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"domicile/chaincode/record"
)

// maxReceive is the largest gRPC message the client takes: a sealed record of
// [record.MaxBody] bytes in its envelope fits twice.
const maxReceive = 32 << 20

// restAfterFailure is how long a peer that could not be reached is asked last.
const restAfterFailure = 2 * time.Second

// gatewayPeer is one peer and the one connection to it.
type gatewayPeer struct {
	Peer
	conn      *grpc.ClientConn
	failedAt  atomic.Int64 // Unix nanoseconds of the last failure; 0: none
	roundTrip atomic.Int64 // nanoseconds; 0: not measured
}

func dialPeer(p Peer, extra []grpc.DialOption) (*gatewayPeer, error) {
	pem, err := os.ReadFile(p.TLSCA)
	if err != nil {
		return nil, fmt.Errorf("tlsCA of peer %s: %w", p.Name, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("tlsCA of peer %s: %s holds no PEM certificate", p.Name, p.TLSCA)
	}
	opts := append([]grpc.DialOption{
		grpc.WithTransportCredentials(credentials.NewClientTLSFromCert(pool, "")),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxReceive), grpc.MaxCallSendMsgSize(maxReceive)),
		// Fabric peers close connections pinged more often than once a minute
		// (core.yaml, peer.keepalive.minInterval).
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 90 * time.Second, Timeout: 20 * time.Second}),
	}, extra...)
	conn, err := grpc.NewClient(p.Address, opts...)
	if err != nil {
		return nil, fmt.Errorf("address of peer %s: %w", p.Name, err)
	}
	return &gatewayPeer{Peer: p, conn: conn}, nil
}

// rested reports whether the peer did not fail a moment ago.
func (p *gatewayPeer) rested(now time.Time) bool {
	return now.UnixNano()-p.failedAt.Load() >= int64(restAfterFailure)
}

func (p *gatewayPeer) fail()    { p.failedAt.Store(time.Now().UnixNano()) }
func (p *gatewayPeer) succeed() { p.failedAt.Store(0) }

// measure takes the round trip of a call that every gRPC server answers, if
// only with Unimplemented, once the connection stands.
func (p *gatewayPeer) measure(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var best time.Duration
	for range 3 {
		start := time.Now()
		err := p.conn.Invoke(ctx, "/grpc.health.v1.Health/Check", &emptypb.Empty{}, &emptypb.Empty{})
		if err != nil && !answered(err) {
			p.fail()
			return err
		}
		if d := time.Since(start); best == 0 || d < best {
			best = d // the first call pays for the connection
		}
	}
	p.roundTrip.Store(int64(max(1, best)))
	p.succeed()
	return nil
}

// inOrder returns peers with those that failed a moment ago last, otherwise in
// the given order.
func inOrder(peers []*gatewayPeer) []*gatewayPeer {
	now := time.Now()
	out := slices.Clone(peers)
	slices.SortStableFunc(out, func(a, b *gatewayPeer) int { return cmp.Compare(rank(a, now), rank(b, now)) })
	return out
}

func rank(p *gatewayPeer, now time.Time) int {
	if p.rested(now) {
		return 0
	}
	return 1
}

// nearest returns peers by measured round trip, those that failed a moment ago
// and those never reached last.
func nearest(peers []*gatewayPeer) []*gatewayPeer {
	now := time.Now()
	out := slices.Clone(peers)
	key := func(p *gatewayPeer) int64 {
		rtt := p.roundTrip.Load()
		if rtt == 0 || !p.rested(now) {
			rtt += int64(time.Hour)
		}
		return rtt
	}
	slices.SortStableFunc(out, func(a, b *gatewayPeer) int { return cmp.Compare(key(a), key(b)) })
	return out
}

// route is a gRPC connection that goes to the peer its context names. With
// none it refuses: no message can leave by accident.
type route struct{}

type routeKey struct{}

func via(ctx context.Context, p *gatewayPeer) context.Context {
	return context.WithValue(ctx, routeKey{}, p)
}

var errNoRoute = errors.New("no peer was chosen for this message")

func (route) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	p, ok := ctx.Value(routeKey{}).(*gatewayPeer)
	if !ok {
		return errNoRoute
	}
	return p.conn.Invoke(ctx, method, args, reply, opts...)
}

func (route) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	p, ok := ctx.Value(routeKey{}).(*gatewayPeer)
	if !ok {
		return nil, errNoRoute
	}
	return p.conn.NewStream(ctx, desc, method, opts...)
}

// answered reports whether err came from a live server.
func answered(err error) bool {
	switch status.Code(err) {
	case codes.Unimplemented, codes.NotFound, codes.PermissionDenied, codes.Unauthenticated:
		return true
	}
	return false
}

// ownPeers are the gateway peers of the client's own organisation.
func ownPeers(peers []*gatewayPeer, org string) []*gatewayPeer {
	return slices.DeleteFunc(slices.Clone(peers), func(p *gatewayPeer) bool { return p.Org != org })
}

func unavailable(detail string) *record.Error { return record.Fail(record.CodeUnavailable, detail) }
