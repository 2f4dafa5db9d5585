package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"

	"domicile/chaincode"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
)

const (
	// maxMessage is the largest message in bytes, Fabric's own limit
	// (fabric-chaincode-go shim/internal/client.go).
	maxMessage = 100 << 20
	// drainTime is how long transactions under way may take to finish at a
	// stop. Peers give a call up after chaincode.executetimeout, 30 s.
	drainTime = 10 * time.Second
)

// run serves until ctx ends.
func run(ctx context.Context, env func(string) string, log *slog.Logger) error {
	cfg, err := loadConfig(env)
	if err != nil {
		return err
	}
	cc, err := chaincode.New(chaincode.WithPeerMSP(func() (string, error) { return cfg.msp, nil }))
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", cfg.address)
	if err != nil {
		return fmt.Errorf("CHAINCODE_SERVER_ADDRESS: %w", err)
	}
	if cfg.tls == nil {
		log.Warn("TLS is off: private data crosses this connection in clear")
	}
	log.Info("chaincode server is up", "address", l.Addr().String(), "id", cfg.id, "msp", cfg.msp)
	return serve(ctx, l, cfg, cc, log)
}

// serve runs the gRPC server on l until ctx ends, then lets transactions finish.
func serve(ctx context.Context, l net.Listener, cfg config, cc shim.Chaincode, log *slog.Logger) error {
	gs := grpc.NewServer(options(cfg)...)
	hs := health.NewServer()
	healthpb.RegisterHealthServer(gs, hs)
	svc := newService(&shim.ChaincodeServer{CCID: cfg.id, CC: cc})
	peer.RegisterChaincodeServer(gs, svc)

	served := make(chan error, 1)
	go func() { served <- gs.Serve(l) }()
	select {
	case err := <-served:
		return fmt.Errorf("gRPC server: %w", err)
	case <-ctx.Done():
	}
	log.Info("stopping")
	hs.Shutdown()
	unfinished := svc.drain(drainTime)
	if unfinished > 0 {
		log.Warn("transactions cut off", "count", unfinished)
	}
	stopped := make(chan struct{})
	go func() { gs.GracefulStop(); close(stopped) }()
	select {
	case <-stopped:
	case <-time.After(drainTime):
		gs.Stop()
	}
	<-served
	log.Info("stopped")
	return nil
}

func options(cfg config) []grpc.ServerOption {
	opts := []grpc.ServerOption{
		grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage),
		grpc.ConnectionTimeout(5 * time.Second),
		// As fabric-chaincode-go shim/internal/server.go, which peers are set up for.
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute, Timeout: 20 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Minute, PermitWithoutStream: true}),
	}
	if cfg.tls != nil {
		opts = append(opts, grpc.Creds(credentials.NewTLS(cfg.tls)))
	}
	return opts
}

// errStopping ends the peers' streams once their transactions are finished; the
// peers connect again at their next call.
var errStopping = status.Error(codes.Unavailable, "the chaincode server is stopping")
