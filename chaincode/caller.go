package chaincode

import (
	"crypto/sha256"
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
	id       string // MSP and a digest of the certificate: opaque, and the same for nobody else
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
	sum := sha256.Sum256(cert.Raw)
	units := cert.Subject.OrganizationalUnit
	admin := slices.Contains(units, adminUnit)
	return caller{
		msp: msp, code: code, admin: admin, operator: admin || slices.Contains(units, operatorUnit),
		id: msp + "/" + hex.EncodeToString(sum[:16]),
	}, nil
}
