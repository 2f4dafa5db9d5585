package cli

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"os"

	"domicile/chaincode/record"
	"domicile/erasure/certificate"
	"domicile/network"
)

// genesisFor is the genesis block that a statement is bound to.
func (a *app) genesisFor(ctx context.Context, o attestFlags, org string) ([]byte, error) {
	path := o.genesis
	if path == "" && a.settings == "" {
		n, err := network.Open(a.dir)
		if err != nil {
			return nil, err
		}
		path = n.GenesisPath()
	}
	if path != "" {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, openError(err)
		}
		return b, nil
	}
	client, err := a.connect(ctx, where{o.region, org, record.RolePurger})
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return client.Genesis(ctx)
}

func sign(s certificate.Statement, op operator) (*certificate.Attestation, error) {
	cert, err := os.ReadFile(op.certificate)
	if err != nil {
		return nil, openError(err)
	}
	text, err := os.ReadFile(op.key)
	if err != nil {
		return nil, openError(err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, usagef("%s holds no key in PEM", op.key)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, usagef("%s is no PKCS #8 key", op.key)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, usagef("%s is no key that signs", op.key)
	}
	return certificate.Sign(s, cert, signer)
}
