package certificate

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"slices"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"
)

// authority is one organisation's membership rules, from the configuration.
type authority struct {
	id      string
	roots   *x509.CertPool
	middle  *x509.CertPool
	revoked []*x509.RevocationList
	units   map[string]unit // by role: client, peer, admin, orderer
}

// unit is the organisational unit that marks a role, and the authority that must have issued it, if any.
type unit struct {
	name   string
	issuer *x509.Certificate
}

func newAuthority(value []byte) (*authority, error) {
	outer, c := &msp.MSPConfig{}, &msp.FabricMSPConfig{}
	if proto.Unmarshal(value, outer) != nil || outer.GetType() != 0 || proto.Unmarshal(outer.GetConfig(), c) != nil {
		return nil, fail("", "an organisation's membership rules do not decode, or are not about X.509")
	}
	a := &authority{id: c.GetName(), roots: x509.NewCertPool(), middle: x509.NewCertPool(), units: map[string]unit{}}
	for pool, certs := range map[*x509.CertPool][][]byte{a.roots: c.GetRootCerts(), a.middle: c.GetIntermediateCerts()} {
		for _, raw := range certs {
			cert, err := parseCertificate(raw)
			if err != nil {
				return nil, fail("", "a certificate authority of %s: %v", a.id, err)
			}
			pool.AddCert(cert)
		}
	}
	for _, raw := range c.GetRevocationList() {
		if block, _ := pem.Decode(raw); block != nil {
			raw = block.Bytes
		}
		crl, err := x509.ParseRevocationList(raw)
		if err != nil {
			return nil, fail("", "a revocation list of %s: %v", a.id, err)
		}
		a.revoked = append(a.revoked, crl)
	}
	if !c.GetFabricNodeOus().GetEnable() {
		return a, nil
	}
	o := c.GetFabricNodeOus()
	for role, ou := range map[string]*msp.FabricOUIdentifier{
		"client": o.GetClientOuIdentifier(), "peer": o.GetPeerOuIdentifier(),
		"admin": o.GetAdminOuIdentifier(), "orderer": o.GetOrdererOuIdentifier(),
	} {
		u := unit{name: ou.GetOrganizationalUnitIdentifier()}
		if len(ou.GetCertificate()) > 0 {
			var err error
			if u.issuer, err = parseCertificate(ou.GetCertificate()); err != nil {
				return nil, fail("", "the unit %s of %s: %v", role, a.id, err)
			}
		}
		if u.name != "" {
			a.units[role] = u
		}
	}
	return a, nil
}

func parseCertificate(raw []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, fail("", "is not PEM")
	}
	return x509.ParseCertificate(block.Bytes)
}

// member checks that a certificate (PEM) was issued by the organisation's authorities, is not revoked and has exactly
// one of the four roles, and returns it with that role. Fabric does the same (msp/mspimplvalidate.go). Whether it had
// expired is not judged: that needs a time that nobody signs.
func (a *authority) member(raw []byte) (cert *x509.Certificate, role string, err error) {
	if cert, err = parseCertificate(raw); err != nil {
		return nil, "", fail("", "the certificate does not parse")
	}
	chains, err := cert.Verify(x509.VerifyOptions{
		Roots: a.roots, Intermediates: a.middle, CurrentTime: cert.NotBefore.Add(time.Second),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return nil, "", fail("", "the certificate is not of the authorities of %s: %v", a.id, err)
	}
	if cert.IsCA {
		return nil, "", fail("", "is the certificate of an authority, not of a member")
	}
	for _, crl := range a.revoked {
		for _, r := range crl.RevokedCertificateEntries {
			if slices.Equal(crl.RawIssuer, cert.RawIssuer) && r.SerialNumber.Cmp(cert.SerialNumber) == 0 {
				return nil, "", fail("", "%s has revoked the certificate", a.id)
			}
		}
	}
	for name, u := range a.units {
		if !slices.Contains(cert.Subject.OrganizationalUnit, u.name) {
			continue
		}
		if role != "" || u.issuer != nil && (len(chains[0]) < 2 || !chains[0][1].Equal(u.issuer)) {
			return nil, "", fail("", "the certificate's role is ambiguous or from the wrong authority")
		}
		role = name
	}
	if role == "" {
		return nil, "", fail("", "the certificate has none of the roles of %s", a.id)
	}
	return cert, role, nil
}

// checkSignature checks a signature as Fabric makes them: ECDSA over SHA-256 with the smaller S, or Ed25519.
func checkSignature(cert *x509.Certificate, message, signature []byte) error {
	switch key := cert.PublicKey.(type) {
	case *ecdsa.PublicKey:
		sum := sha256.Sum256(message)
		if ecdsa.VerifyASN1(key, sum[:], signature) && lowS(key, signature) {
			return nil
		}
	case ed25519.PublicKey:
		if ed25519.Verify(key, message, signature) {
			return nil
		}
	default:
		return fail("", "the certificate's key is neither ECDSA nor Ed25519")
	}
	return fail("", "the signature is not valid")
}

// lowS reports whether S is the smaller of the two values that would verify: without this rule anybody could change a
// signature into another valid one.
func lowS(key *ecdsa.PublicKey, signature []byte) bool {
	var s struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(signature, &s); err != nil {
		return false
	}
	half := new(big.Int).Rsh(key.Curve.Params().N, 1)
	return s.S.Cmp(half) <= 0
}

// identity takes a serialized identity apart.
func identity(raw []byte) (org string, certificate []byte, err error) {
	id := &msp.SerializedIdentity{}
	if only(raw, 2) != nil || proto.Unmarshal(raw, id) != nil || id.GetMspid() == "" {
		return "", nil, fail("", "the identity does not decode")
	}
	return id.GetMspid(), id.GetIdBytes(), nil
}
