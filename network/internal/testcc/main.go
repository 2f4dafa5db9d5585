// Command testcc is a minimal chaincode server for the tests of package
// network: it puts and gets one value of a private collection.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

type contract struct{}

// Init implements shim.Chaincode.
func (contract) Init(shim.ChaincodeStubInterface) *peer.Response { return shim.Success(nil) }

// Invoke implements shim.Chaincode: put and get take the collection as argument
// and key and value from the transient map; msp tells whose server this is.
func (contract) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	fn, args := stub.GetFunctionAndParameters()
	transient, err := stub.GetTransient()
	if err != nil {
		return shim.Error(err.Error())
	}
	key := string(transient["key"])
	switch {
	case fn == "put" && len(args) == 1:
		err = stub.PutPrivateData(args[0], key, transient["value"])
	case fn == "purge" && len(args) == 1:
		err = stub.PurgePrivateData(args[0], key)
	case fn == "get" && len(args) == 1:
		var value []byte
		if value, err = stub.GetPrivateData(args[0], key); err == nil {
			return shim.Success(value)
		}
	case fn == "hash" && len(args) == 1:
		var value []byte
		if value, err = stub.GetPrivateDataHash(args[0], key); err == nil {
			return shim.Success(value)
		}
	case fn == "msp" && len(args) == 0:
		return shim.Success([]byte(os.Getenv("CORE_PEER_LOCALMSPID")))
	default:
		err = errors.New("unknown function or wrong number of arguments")
	}
	if err != nil {
		return shim.Error(err.Error())
	}
	return shim.Success(nil)
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := serve(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "testcc:", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context) error {
	cert, err := tls.LoadX509KeyPair(os.Getenv("CHAINCODE_TLS_CERT_FILE"), os.Getenv("CHAINCODE_TLS_KEY_FILE"))
	if err != nil {
		return err
	}
	ca, err := os.ReadFile(os.Getenv("CHAINCODE_TLS_CLIENT_CA_FILE"))
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return errors.New("no client CA")
	}
	l, err := net.Listen("tcp", os.Getenv("CHAINCODE_SERVER_ADDRESS"))
	if err != nil {
		return err
	}
	s := grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{cert}, ClientCAs: pool,
		ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12,
	})))
	peer.RegisterChaincodeServer(s, &shim.ChaincodeServer{CCID: os.Getenv("CHAINCODE_ID"), CC: contract{}})
	healthpb.RegisterHealthServer(s, health.NewServer())
	go func() {
		<-ctx.Done()
		s.Stop()
	}()
	return s.Serve(l)
}
