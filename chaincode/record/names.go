package record

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

// Version is the schema version of every request, answer and stored document
// written by this package. A document of another version is refused with
// [CodeVersion]: old readers never guess at new writers.
const Version = 1

// Chaincode and channel names a network uses unless its settings say otherwise.
const (
	DefaultChaincode = "domicile"
	DefaultChannel   = "global"
)

// The functions of the contract. Names are matched exactly: the contract API's
// "Contract:function" and lower-case spellings are refused, so no call has two
// names, and the number of arguments is exact.
const (
	// FuncWrite is the one public name of every private write. No arguments;
	// operation in the transient field [FieldOp]. Submitted, never evaluated.
	FuncWrite = "Write"
	// FuncRead is the one public name of every private read. No arguments;
	// evaluated; its answer is sealed (see [Seal]).
	FuncRead = "Read"
	// FuncAnchor publishes record hashes: one argument, an [AnchorRequest].
	FuncAnchor = "Anchor"
	// FuncTombstone publishes purges: one argument, a [TombstoneRequest].
	FuncTombstone = "Tombstone"
	// FuncProof answers a [ProofRequest] with a list of [Proof]; evaluated.
	FuncProof = "Proof"
	// FuncVerify answers a [VerifyRequest] with a [Verdict]; evaluated.
	FuncVerify = "Verify"
	// FuncPolicy answers the public policy on the ledger; no arguments; evaluated.
	FuncPolicy = "Policy"
	// FuncPolicyStatus answers a [PolicyStatus]; no arguments; evaluated.
	FuncPolicyStatus = "PolicyStatus"
	// FuncPolicyApprove records the caller's organisation's approval of a
	// policy: one argument, the lower-case hex SHA-256 of its public JSON.
	FuncPolicyApprove = "PolicyApprove"
	// FuncPolicyCommit puts an approved public policy into force: one
	// argument, its public JSON.
	FuncPolicyCommit = "PolicyCommit"
)

// Functions lists every callable function with its exact number of arguments,
// the function name not counted.
var Functions = map[string]int{
	FuncWrite: 0, FuncRead: 0,
	FuncAnchor: 1, FuncTombstone: 1, FuncProof: 1, FuncVerify: 1,
	FuncPolicy: 0, FuncPolicyStatus: 0, FuncPolicyApprove: 1, FuncPolicyCommit: 1,
}

// Fields of the transient map of [FuncWrite] and [FuncRead].
const (
	// FieldOp holds the operation, one of the Op constants.
	FieldOp = "op"
	// FieldRequest holds the JSON request of the operation.
	FieldRequest = "request"
	// FieldBody, followed by the index of the record in the request, holds
	// one resource, byte for byte. See [BodyField].
	FieldBody = "body/"
	// FieldKey holds the caller's 32 random bytes under which the answer of
	// [FuncRead] is sealed.
	FieldKey = "key"
)

// BodyField names the transient field of the i-th record's resource bytes.
func BodyField(i int) string { return FieldBody + strconv.Itoa(i) }

// Operations of [FuncWrite].
const (
	OpPut     = "put"     // PutRequest + bodies
	OpHold    = "hold"    // HoldRequest
	OpRelease = "release" // HoldRequest
	OpPurge   = "purge"   // PurgeRequest
	OpPrivate = "private" // PrivateRequest: sets the holder-private policy part
	OpFacts   = "facts"   // FactsRequest
	OpAmend   = "amend"   // AmendRequest
	OpLimit   = "limit"   // LimitRequest
	OpCase    = "case"    // CaseRequest
)

// Operations of [FuncRead].
const (
	OpGet        = "get"         // GetRequest     -> the stored value (see DecodeValue)
	OpInspect    = "inspect"     // InspectRequest -> []State
	OpList       = "list"        // ListRequest    -> Page
	OpDue        = "due"         // DueRequest     -> Page
	OpHolds      = "holds"       // HoldsRequest   -> []Hold
	OpGetPrivate = "get-private" // GetPrivateRequest -> the JSON given to OpPrivate
	OpFactsOf    = "facts-of"    // FactsOfRequest -> []SubjectFacts
	OpExplain    = "explain"     // ExplainRequest -> []Explanation
	OpCases      = "cases"       // CasesRequest   -> Case
)

// Keys in a private data collection and in the public state. None but the
// record and gone keys, which others must be able to compute from a public id,
// can be guessed: they end in at least 128 secret random bits.
const (
	prefixRecord = "r/"
	prefixMeta   = "m/"
	prefixDue    = "due/"
	prefixSub    = "sub/"
	prefixRes    = "res/"
	prefixPad    = "pad/"
	prefixHold   = "hold/"
	prefixGone   = "gone/"
	prefixTodo   = "todo/"
	prefixLog    = "log/"

	// KeyPrivate is the key, in a log collection, of the holder-private part
	// of the policy.
	KeyPrivate = "private"
	// KeySecret is the key, in a log collection, of 32 random bytes written
	// once, from which hold keys of records are derived. It never leaves the
	// holders' peers.
	KeySecret = "secret"
)

// RecordKey is the private key of a record's value.
func RecordKey(id string) string { return prefixRecord + id }

// MetaKey is the private key of a record's metadata. An amendment rewrites it, of
// records that change and of others that fill the batch up, so that watching its hash
// says little.
func MetaKey(id string) string { return prefixMeta + id }

// DueKey is the private key of a due-index entry: date is YYYY-MM-DD, the first
// day the record may be purged; nonce is 32 hex digits, after [TxCluster] of the
// record's put transaction in entries written since that exists.
func DueKey(date, nonce string) string { return prefixDue + date + "/" + nonce }

// clusterLen is how many hex digits [TxCluster] has.
const clusterLen = 16

// TxCluster is what the due entries of the records of one put transaction have in
// common in front of their nonces, so that the due index lists records of one
// transaction side by side and a purge may take them together: a peer rewrites the
// private write set of a transaction once for each purge that touches it. It is the
// beginning of a hash of the transaction's public id, so it adds nothing to a key's
// secrecy, and it takes nothing away: the nonce has its 128 bits all the same.
func TxCluster(txID string) string {
	sum := sha256.Sum256([]byte("domicile due " + txID))
	return hex.EncodeToString(sum[:clusterLen/2])
}

// SubjectKey is the private key of a subject-index entry.
func SubjectKey(token, nonce string) string { return prefixSub + token + "/" + nonce }

// ResourceKey is the private key of a resource-index entry.
func ResourceKey(token, nonce string) string { return prefixRes + token + "/" + nonce }

// PadKey is a private key that indexes nothing: it makes every record write the
// same number of keys.
func PadKey(nonce string) string { return prefixPad + nonce }

// HoldKey is the key, in a log collection, of what stands about one record, subject
// or case, or of all holds by query; token comes from [HoldToken], [SubjectToken],
// [CaseToken] or [QueriesToken].
func HoldKey(token string) string { return prefixHold + token }

// UndatedDue is the date in the due index of a record that no date was found for:
// it is listed, and never due.
const UndatedDue = "9999-12-31"

// GoneKey is the key, in a log collection, that a purge of a record of collection
// writes and that makes its id unusable for ever, in every collection of the log.
// It names the collection so that no tombstone can be published for a sibling
// that never held the record.
func GoneKey(collection, id string) string { return prefixGone + collection + "/" + id }

// TodoKey is the key, in a log collection, that a purge writes and that goes once
// the record's tombstone is public: the list of tombstones still to publish.
func TodoKey(id string) string { return prefixTodo + id }

// LogKey is the key, in a log collection, of one log entry.
func LogKey(at, nonce string) string { return prefixLog + at + "/" + nonce }

// maxKeyLen bounds a private key that a caller names, in bytes.
const maxKeyLen = 128

// IsRecordKey reports whether k has the form of a key of a record collection, the
// only ones that ground failed purges.
func IsRecordKey(k string) bool {
	for _, p := range []string{prefixRecord, prefixMeta, prefixDue, prefixSub, prefixRes, prefixPad} {
		if strings.HasPrefix(k, p) && len(k) > len(p) && len(k) <= maxKeyLen {
			return true
		}
	}
	return false
}

// Public state keys.
const (
	prefixAnchor  = "a/"
	prefixPolicy  = "policy/"
	prefixApprove = "approve/"
)

// AnchorKey is the public key of a record's anchor or tombstone. Collection
// names hold no '/', so two records never share one.
func AnchorKey(collection, id string) string { return prefixAnchor + collection + "/" + id }

// PolicyKey is the public key of a region's part of the policy.
func PolicyKey(region string) string { return prefixPolicy + region }

// PolicyRange is the half-open range that holds every [PolicyKey].
func PolicyRange() (start, end string) { return prefixPolicy, "policy0" }

// ApproveKey is the public key of an organisation's approval of a policy.
func ApproveKey(msp string) string { return prefixApprove + msp }

// Names of the events that [FuncAnchor] and [FuncTombstone] set; the payload is
// an [Event].
const (
	EventAnchored = "anchored"
	EventPurged   = "purged"
)

// Role names. A certificate carries an opaque code in the attribute
// [RoleAttribute]; the holder-private policy maps codes to roles.
const (
	RoleWriter  = "writer"  // put, amend, facts, get, list, explain
	RoleReader  = "reader"  // get, list
	RoleOfficer = "officer" // compliance officer: hold, release, limit, case, amend, facts, explain, log; get of what is closed to others
	RolePurger  = "purger"  // due, explain, purge
	RoleAuditor = "auditor" // holds, cases, explain, list, log; streams blocks

	RoleAttribute = "domicile.role"
)

// Roles lists every role name.
func Roles() []string {
	return []string{RoleWriter, RoleReader, RoleOfficer, RolePurger, RoleAuditor}
}

// Limits the contract enforces.
const (
	// MaxBody is the largest resource, in bytes.
	MaxBody = 16 << 20
	// MaxRecords is the most records in one put, purge, anchor, tombstone,
	// inspect or proof request.
	MaxRecords = 100
	// MaxSubjects is the most subject tokens a record's metadata keeps.
	MaxSubjects = 64
	// SubjectSlots is how many of them are indexed for listing. The rest
	// still count for holds.
	SubjectSlots = 4
	// KeysPerRecord is the number of private keys every record writes:
	// value, metadata, due, resource and SubjectSlots subject entries, those of
	// the resource and of subjects padded when unused.
	KeysPerRecord = 4 + SubjectSlots
	// MaxPage is the most entries in one page of OpList or OpDue.
	MaxPage = 1000
)

// Start and advice for clients: sizes that keep a purge's sweep linear on
// Fabric 3.1.
const (
	// BatchRecords is how many records a put transaction should carry.
	BatchRecords = 10
	// BatchBytes is how many bytes of resources a put transaction should
	// carry; a larger record travels alone and is purged in two parts.
	BatchBytes = 512 << 10
)
