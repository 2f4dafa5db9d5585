package chaincode

import (
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"slices"

	"domicile/chaincode/record"

	"github.com/hyperledger/fabric-chaincode-go/v2/pkg/cid"
)

// adminUnit is the organisational unit of administrators; the MSP lets a
// certificate have exactly one of client, peer, admin and orderer.
const adminUnit = "admin"

// operatorUnit is that of clients who may sign attestations besides administrators
// (erasure/certificate.OperatorUnit).
const operatorUnit = "operator"

// caller is who signed the proposal.
type caller struct {
	msp   string
	code  string // value of the role attribute, opaque; empty when there is none
	admin bool
	// operator may speak for the disks of the organisation: an administrator or a
	// client with the unit of operators.
	operator bool
	id       string // MSP and a digest of who they are: opaque, the same for all certificates of a person
}

// callerOf reads the creator's certificate. The contract API hands on a nil
// identity when it cannot, and its methods would then crash.
func callerOf(ctx context) (caller, error) {
	id, ok := ctx.GetClientIdentity().(*cid.ClientID)
	if !ok || id == nil {
		return caller{}, record.Fail(record.CodeForbidden, "the creator has no readable certificate")
	}
	cert, err := id.GetX509Certificate()
	if err != nil || cert == nil {
		return caller{}, record.Fail(record.CodeForbidden, "the creator has no readable certificate")
	}
	msp, err := id.GetMSPID()
	if err != nil || msp == "" {
		return caller{}, record.Fail(record.CodeForbidden, "the creator names no organisation")
	}
	code, _, err := id.GetAttributeValue(record.RoleAttribute)
	if err != nil {
		return caller{}, record.Fail(record.CodeForbidden, "the creator's attributes are unreadable")
	}
	enrolled, _, err := id.GetAttributeValue(enrollmentAttribute)
	if err != nil {
		return caller{}, record.Fail(record.CodeForbidden, "the creator's attributes are unreadable")
	}
	units := cert.Subject.OrganizationalUnit
	admin := slices.Contains(units, adminUnit)
	return caller{
		msp: msp, code: code, admin: admin, operator: admin || slices.Contains(units, operatorUnit),
		id: msp + "/" + person(cert, enrolled),
	}, nil
}

// enrollmentAttribute is where Fabric's CA writes for whom it made a certificate; its
// common name is the same (fabric-ca, lib/server/config.go and attrmgr).
const enrollmentAttribute = "hf.EnrollmentID"

// person is an opaque word for whom a certificate was made, so that a second
// certificate, a renewed one among others, makes nobody a second person. A certificate
// that names nobody stands for itself.
func person(cert *x509.Certificate, enrolled string) string {
	who := []byte(cmp.Or(enrolled, cert.Subject.CommonName))
	if len(who) == 0 {
		who = cert.Raw
	}
	sum := sha256.Sum256(who)
	return hex.EncodeToString(sum[:16])
}
