// Command ccaas serves the contract to the peers of one organisation, as
// Fabric's "chaincode as a service" over mutual TLS.
//
// It is configured by its environment:
//
//	CHAINCODE_ID                  package id, as the peers know it
//	CHAINCODE_SERVER_ADDRESS      host:port to listen on
//	CORE_PEER_LOCALMSPID          MSP id of the peers' organisation: the contract
//	                              refuses private calls for what it does not hold
//	CHAINCODE_TLS_CERT_FILE       PEM certificate of this server
//	CHAINCODE_TLS_KEY_FILE        PEM key of this server
//	CHAINCODE_TLS_CLIENT_CA_FILE  PEM certificates of the CA that the peers'
//	                              client certificates come from
//	CHAINCODE_TLS_DISABLED        "true" serves in clear, for debugging on one's own
//	                              machine
//
// On SIGTERM or SIGINT it stops taking transactions, finishes those under way
// and exits with status 0. The gRPC health service (grpc.health.v1) says
// SERVING until then. Logs go to standard error and hold no request data.
package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, os.Getenv, log); err != nil {
		log.Error("chaincode server failed", "error", err)
		os.Exit(1)
	}
}
