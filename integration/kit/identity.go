package kit

import (
	"fmt"
	"os"

	"github.com/hyperledger/fabric-gateway/pkg/identity"
)

// Identity is a certificate, and how its holder signs.
type Identity struct {
	ID   *identity.X509Identity
	Sign identity.Sign
}

// ReadIdentity reads the identity of a member of org from two PEM files.
func ReadIdentity(org, certificate, key string) (*Identity, error) {
	certPEM, err := os.ReadFile(certificate)
	if err != nil {
		return nil, fmt.Errorf("identity of %s: %w", org, err)
	}
	keyPEM, err := os.ReadFile(key)
	if err != nil {
		return nil, fmt.Errorf("identity of %s: %w", org, err)
	}
	return NewIdentity(org, certPEM, keyPEM)
}

// NewIdentity makes the identity of a member of org from a certificate and its key.
func NewIdentity(org string, certPEM, keyPEM []byte) (*Identity, error) {
	cert, err := identity.CertificateFromPEM(certPEM)
	if err != nil {
		return nil, fmt.Errorf("identity of %s: certificate: %w", org, err)
	}
	key, err := identity.PrivateKeyFromPEM(keyPEM)
	if err != nil {
		return nil, fmt.Errorf("identity of %s: key: %w", org, err)
	}
	id, err := identity.NewX509Identity(org, cert)
	if err != nil {
		return nil, fmt.Errorf("identity of %s: %w", org, err)
	}
	sign, err := identity.NewPrivateKeySign(key)
	if err != nil {
		return nil, fmt.Errorf("identity of %s: %w", org, err)
	}
	return &Identity{ID: id, Sign: sign}, nil
}
