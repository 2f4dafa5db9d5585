package gateway

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"

	"domicile/chaincode/record"
)

// signer is the client's identity: who it is and how it signs.
type signer struct {
	id      *identity.X509Identity
	creator []byte // serialised identity, as messages carry it
	hash    hash.Hash
	sign    identity.Sign
}

// loadSigner reads certificate and key. Errors name files, never key material.
func loadSigner(org string, files IdentityFiles) (*signer, error) {
	certPEM, err := os.ReadFile(files.Certificate)
	if err != nil {
		return nil, fmt.Errorf("identity.certificate: %w", err)
	}
	cert, err := identity.CertificateFromPEM(certPEM)
	if err != nil {
		return nil, fmt.Errorf("identity.certificate: %s holds no PEM certificate: %w", files.Certificate, err)
	}
	keyPEM, err := os.ReadFile(files.Key)
	if err != nil {
		return nil, fmt.Errorf("identity.key: %w", err)
	}
	key, err := identity.PrivateKeyFromPEM(keyPEM)
	if err != nil {
		return nil, fmt.Errorf("identity.key: %s holds no PEM private key", files.Key)
	}
	return newSigner(org, cert, key)
}

func newSigner(org string, cert *x509.Certificate, key crypto.PrivateKey) (*signer, error) {
	pub, ok := key.(interface{ Public() crypto.PublicKey })
	certPub, comparable := cert.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !comparable || !certPub.Equal(pub.Public()) {
		return nil, errors.New("identity: the key does not belong to the certificate")
	}
	sign, err := identity.NewPrivateKeySign(key)
	if err != nil {
		return nil, fmt.Errorf("identity.key: neither ECDSA nor Ed25519: %w", err)
	}
	id, err := identity.NewX509Identity(org, cert)
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	s := &signer{id: id, hash: hash.SHA256, sign: sign}
	if _, ok := key.(ed25519.PrivateKey); ok {
		s.hash = hash.NONE // Ed25519 signs the message itself (RFC 8032)
	}
	s.creator, err = proto.Marshal(&msp.SerializedIdentity{Mspid: org, IdBytes: id.Credentials()})
	return s, err
}

// loadIndexKey reads 32 bytes, raw or in hex.
func loadIndexKey(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("indexKey: %w", err)
	}
	if len(b) == record.IndexKeyLen {
		return b, nil
	}
	key := make([]byte, hex.DecodedLen(len(bytes.TrimSpace(b))))
	if n, err := hex.Decode(key, bytes.TrimSpace(b)); err == nil && n == record.IndexKeyLen {
		return key, nil
	}
	return nil, fmt.Errorf("indexKey: %s holds neither %d bytes nor as many in hex", path, record.IndexKeyLen)
}
