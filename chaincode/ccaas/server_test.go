package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"domicile/chaincode"
	"domicile/internal/leak"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"
)

// TestMain looks for goroutines that are left. One of the shim's own stays when the
// stream ends while its last message is being handed over (shim/handler.go).
func TestMain(m *testing.M) {
	leak.Main(m, goleak.IgnoreTopFunction("github.com/hyperledger/fabric-chaincode-go/v2/shim.(*Handler).serialSendAsync.func1"))
}

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func environment(changes ...string) func(string) string {
	env := map[string]string{
		"CHAINCODE_ID": "domicile:1", "CHAINCODE_SERVER_ADDRESS": "127.0.0.1:0",
		"CORE_PEER_LOCALMSPID": "UsHospital", "CHAINCODE_TLS_DISABLED": "true",
	}
	for _, c := range changes {
		k, v, _ := strings.Cut(c, "=")
		env[k] = v
	}
	return func(k string) string { return env[k] }
}

func TestThe_server_refuses_to_start(t *testing.T) {
	for name, c := range map[string]struct{ change, want string }{
		"without its peers' organisation": {"CORE_PEER_LOCALMSPID=", "CORE_PEER_LOCALMSPID"},
		"without its package id":          {"CHAINCODE_ID=", "CHAINCODE_ID"},
		"without an address":              {"CHAINCODE_SERVER_ADDRESS=", "CHAINCODE_SERVER_ADDRESS"},
		"without TLS":                     {"CHAINCODE_TLS_DISABLED=", "CHAINCODE_TLS_CERT_FILE"},
		"when TLS is half switched off":   {"CHAINCODE_TLS_DISABLED=yes", "CHAINCODE_TLS_DISABLED"},
	} {
		t.Run(name, func(t *testing.T) {
			err := run(t.Context(), environment(c.change), quiet)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want one that names %s", err, c.want)
			}
		})
	}
}

// start serves cc and returns the address and a function that stops the server
// and returns its error.
func start(t *testing.T, cfg config, cc shim.Chaincode) (string, func() error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- serve(ctx, l, cfg, cc, quiet) }()
	stopped := false
	stop := func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-done
	}
	t.Cleanup(func() { _ = stop() })
	return l.Addr().String(), stop
}

func dial(t *testing.T, addr string, creds credentials.TransportCredentials) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(creds))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// register opens a stream as a peer does and sees the contract registered.
func register(t *testing.T, conn *grpc.ClientConn) peer.Chaincode_ConnectClient {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	stream, err := peer.NewChaincodeClient(conn).Connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	m, err := stream.Recv()
	if err != nil || m.GetType() != peer.ChaincodeMessage_REGISTER {
		t.Fatalf("got %v (%v), want REGISTER", m.GetType(), err)
	}
	for _, kind := range []peer.ChaincodeMessage_Type{peer.ChaincodeMessage_REGISTERED, peer.ChaincodeMessage_READY} {
		if err := stream.Send(&peer.ChaincodeMessage{Type: kind}); err != nil {
			t.Fatal(err)
		}
	}
	return stream
}

func transaction(t *testing.T, stream peer.Chaincode_ConnectClient, id, function string) {
	t.Helper()
	in, err := proto.Marshal(&peer.ChaincodeInput{Args: [][]byte{[]byte(function)}})
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&peer.ChaincodeMessage{Type: peer.ChaincodeMessage_TRANSACTION, Txid: id, ChannelId: "global", Payload: in}); err != nil {
		t.Fatal(err)
	}
}

func answer(t *testing.T, stream peer.Chaincode_ConnectClient) string {
	t.Helper()
	m, err := stream.Recv()
	if err != nil || m.GetType() != peer.ChaincodeMessage_COMPLETED {
		t.Fatalf("got %v (%v), want COMPLETED", m.GetType(), err)
	}
	var r peer.Response
	if err := proto.Unmarshal(m.GetPayload(), &r); err != nil {
		t.Fatal(err)
	}
	return r.GetMessage()
}

func TestThe_contract_answers_over_a_stream_and_health_says_serving(t *testing.T) {
	cc, err := chaincode.New()
	if err != nil {
		t.Fatal(err)
	}
	addr, stop := start(t, config{id: "domicile:1"}, cc)
	conn := dial(t, addr, insecure.NewCredentials())
	h, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil || h.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		t.Fatalf("health %v (%v)", h.GetStatus(), err)
	}
	stream := register(t, conn)
	transaction(t, stream, "t1", "write")
	if got := answer(t, stream); !strings.HasPrefix(got, "BAD_FUNCTION: ") {
		t.Fatalf("answer %q", got)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err == nil {
		t.Fatal("the stream outlived the server")
	}
}

// slow answers only when told to.
type slow struct{ entered, leave chan struct{} }

func (s slow) Init(shim.ChaincodeStubInterface) *peer.Response { return shim.Success(nil) }

func (s slow) Invoke(shim.ChaincodeStubInterface) *peer.Response {
	s.entered <- struct{}{}
	<-s.leave
	return &peer.Response{Status: shim.OK, Message: "finished"}
}

func TestA_stop_lets_a_transaction_finish_and_refuses_new_ones(t *testing.T) {
	cc := slow{make(chan struct{}), make(chan struct{})}
	addr, stop := start(t, config{id: "domicile:1"}, cc)
	stream := register(t, dial(t, addr, insecure.NewCredentials()))
	transaction(t, stream, "t1", "Write")
	<-cc.entered
	done := make(chan error, 1)
	go func() { done <- stop() }()
	// The refusal can be asked for only once the server has noticed the stop;
	// until then the contract would take the transaction and wait.
	for i := 2; ; i++ {
		transaction(t, stream, "t"+string(rune('0'+i)), "Write")
		got := make(chan string, 1)
		go func() { got <- answer(t, stream) }()
		select {
		case <-cc.entered:
			cc.leave <- struct{}{} // taken before the stop: let it finish, try again
			<-got
			continue
		case m := <-got:
			if !strings.HasPrefix(m, "UNAVAILABLE: ") {
				t.Errorf("answer %q, want UNAVAILABLE", m)
			}
		}
		break
	}
	cc.leave <- struct{}{}
	if m := answer(t, stream); m != "finished" {
		t.Fatalf("answer %q, want that of the first transaction", m)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// authority makes certificates for the TLS test.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{key, cert}
}

func (a authority) issue(t *testing.T, dir, name string) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	k, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return writePEM(t, dir, name+".pem", "CERTIFICATE", der), writePEM(t, dir, name+".key", "PRIVATE KEY", k)
}

func writePEM(t *testing.T, dir, name, kind string, der []byte) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestOnly_a_client_certificate_of_the_organisation_gets_in(t *testing.T) {
	dir := t.TempDir()
	ours, theirs := newAuthority(t), newAuthority(t)
	cert, key := ours.issue(t, dir, "server")
	cfg, err := loadConfig(environment("CHAINCODE_TLS_DISABLED=", "CHAINCODE_TLS_CERT_FILE="+cert, "CHAINCODE_TLS_KEY_FILE="+key,
		"CHAINCODE_TLS_CLIENT_CA_FILE="+writePEM(t, dir, "ca.pem", "CERTIFICATE", ours.cert.Raw)))
	if err != nil {
		t.Fatal(err)
	}
	addr, _ := start(t, cfg, slow{})
	pool := x509.NewCertPool()
	pool.AddCert(ours.cert)
	check := func(certs ...tls.Certificate) error {
		conn := dial(t, addr, credentials.NewTLS(&tls.Config{RootCAs: pool, Certificates: certs, MinVersion: tls.VersionTLS12}))
		_, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{})
		return err
	}
	load := func(a authority, name string) tls.Certificate {
		c, k := a.issue(t, dir, name)
		pair, err := tls.LoadX509KeyPair(c, k)
		if err != nil {
			t.Fatal(err)
		}
		return pair
	}
	if err := check(load(ours, "peer")); err != nil {
		t.Errorf("our peer: %v", err)
	}
	if check(load(theirs, "stranger")) == nil {
		t.Error("another CA's certificate got in")
	}
	if check() == nil {
		t.Error("no certificate got in")
	}
}
