package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// config is the server's environment.
type config struct {
	id, address, msp string
	tls              *tls.Config // nil: in clear
}

func loadConfig(env func(string) string) (config, error) {
	c := config{id: env("CHAINCODE_ID"), address: env("CHAINCODE_SERVER_ADDRESS"), msp: env("CORE_PEER_LOCALMSPID")}
	var missing []error
	for _, name := range []string{"CHAINCODE_ID", "CHAINCODE_SERVER_ADDRESS", "CORE_PEER_LOCALMSPID"} {
		if env(name) == "" {
			missing = append(missing, fmt.Errorf("environment variable %s is not set", name))
		}
	}
	if len(missing) > 0 {
		return c, errors.Join(missing...)
	}
	switch v := env("CHAINCODE_TLS_DISABLED"); v {
	case "true":
		return c, nil
	case "", "false":
	default:
		return c, fmt.Errorf("CHAINCODE_TLS_DISABLED is %q, want true or false", v)
	}
	var err error
	c.tls, err = mutualTLS(env("CHAINCODE_TLS_CERT_FILE"), env("CHAINCODE_TLS_KEY_FILE"), env("CHAINCODE_TLS_CLIENT_CA_FILE"))
	return c, err
}

// mutualTLS demands a client certificate of the organisation's CA: anybody else
// who connected could run the contract against states of his own making.
func mutualTLS(cert, key, clientCA string) (*tls.Config, error) {
	if cert == "" || key == "" || clientCA == "" {
		return nil, errors.New("CHAINCODE_TLS_CERT_FILE, CHAINCODE_TLS_KEY_FILE and CHAINCODE_TLS_CLIENT_CA_FILE must be set (or CHAINCODE_TLS_DISABLED=true to debug)")
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("CHAINCODE_TLS_CERT_FILE and CHAINCODE_TLS_KEY_FILE: %w", err)
	}
	pem, err := os.ReadFile(clientCA)
	if err != nil {
		return nil, fmt.Errorf("CHAINCODE_TLS_CLIENT_CA_FILE: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("CHAINCODE_TLS_CLIENT_CA_FILE: no certificate in %s", clientCA)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair},
		ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}, nil
}
