package record

import (
	"errors"
	"regexp"
	"slices"
	"strings"
)

// Code is a stable error code. Texts may change; codes do not.
type Code string

// The codes. The contract sends the first group, clients add the second.
const (
	CodeBadFunction     Code = "BAD_FUNCTION"
	CodeBadRequest      Code = "BAD_REQUEST"
	CodeVersion         Code = "VERSION"
	CodeBadResource     Code = "BAD_RESOURCE"
	CodeTooLarge        Code = "TOO_LARGE"
	CodeForbidden       Code = "FORBIDDEN"
	CodeWrongPeer       Code = "WRONG_PEER"
	CodeNoPolicy        Code = "NO_POLICY"
	CodeBadPolicy       Code = "BAD_POLICY"
	CodeNotApproved     Code = "NOT_APPROVED"
	CodeWrongCollection Code = "WRONG_COLLECTION"
	CodeExists          Code = "EXISTS"
	CodeGone            Code = "GONE"
	CodeAbsent          Code = "ABSENT"
	CodeNotDue          Code = "NOT_DUE"
	CodeHeld            Code = "HELD"
	CodeNotHeld         Code = "NOT_HELD"
	CodeLive            Code = "LIVE"
	CodeMismatch        Code = "MISMATCH"
	CodeNoKey           Code = "NO_KEY"
	CodeMissingData     Code = "MISSING_DATA"
	CodeInternal        Code = "INTERNAL"

	CodeUnavailable Code = "UNAVAILABLE"
	CodeTimeout     Code = "TIMEOUT"
	CodeConflict    Code = "CONFLICT"
	CodeInvalidated Code = "INVALIDATED"
	CodeUnknown     Code = "UNKNOWN_OUTCOME"
	CodeIDReused    Code = "ID_REUSED"
	CodeSettings    Code = "SETTINGS"
	CodeInput       Code = "INPUT"
)

// Info explains a code to a person.
type Info struct {
	Code   Code
	Origin string // "contract" or "client"
	Means  string // what happened, one sentence
	Fix    string // what to do about it, one sentence
	Retry  bool   // whether the same request may succeed later unchanged
}

var infos = []Info{
	{CodeBadFunction, "contract", "The function does not exist under exactly this name, or was called with another number of arguments.", "Use the names and arities in docs/architecture.md; private operations take no arguments, everything goes in the transient map.", false},
	{CodeBadRequest, "contract", "The request is malformed: a field is missing, has the wrong form or is out of range.", "Correct the field the message names; nothing was written.", false},
	{CodeVersion, "contract", "The request or a stored document has a schema version this program does not know.", "Upgrade the older side; nothing was written.", false},
	{CodeBadResource, "contract", "The resource is not strict FHIR JSON (one document, unique keys, valid UTF-8, a resourceType, depth at most 64).", "Correct the resource at the place the message names; nothing was written.", false},
	{CodeTooLarge, "contract", "A resource is over 16 MiB or a request holds too many records.", "Split it; a single resource over 16 MiB cannot be kept.", false},
	{CodeForbidden, "contract", "The caller's organisation or role does not allow this operation on this collection.", "Use a certificate whose role fits (--as ROLE@ORG), or have the policy grant the role.", false},
	{CodeWrongPeer, "contract", "The request reached a peer whose organisation does not hold the collection, and was refused before anything was read or written.", "Send private requests to gateway peers of the holder only and name the endorsing organisations.", false},
	{CodeNoPolicy, "contract", "No policy is in force for the region, or the holder's private part is not set.", "Run domicile policy apply.", false},
	{CodeBadPolicy, "contract", "The policy does not parse or breaks a rule.", "Run domicile policy check on the file.", false},
	{CodeNotApproved, "contract", "The policy lacks approvals: the region it changes and a majority of the others must approve.", "Run domicile policy status to see who is missing.", false},
	{CodeWrongCollection, "contract", "The resource's labels route it to another collection than the one asked for.", "Let the gateway route, or correct the labels or the routing table.", false},
	{CodeExists, "contract", "A record with this id is already there.", "Nothing to do if it is the same record: puts are idempotent in the client. Otherwise use another import name.", false},
	{CodeGone, "contract", "The record was purged. Its id can never be used again.", "Nothing brings a purged record back; put a new record under a new id if there is a lawful reason.", false},
	{CodeAbsent, "contract", "There is no such record.", "Check id and region; a record of another region is not visible here.", false},
	{CodeNotDue, "contract", "The record's retention has not ended, or no retention row applies to it.", "See domicile purge plan for what is due and when.", false},
	{CodeHeld, "contract", "A legal hold forbids the purge.", "Release the hold first, with the authority to do so.", false},
	{CodeNotHeld, "contract", "There is no hold of this matter to release.", "See which matters hold the record with domicile record list --held.", false},
	{CodeLive, "contract", "The key belongs to a live record, so it is not the residue of a failed attempt.", "Purge the record on another ground, when one applies.", false},
	{CodeMismatch, "contract", "The hash does not match the one on the ledger.", "Check salt and file; if both are right, the copy was altered.", false},
	{CodeNoKey, "contract", "A private read came without a 32-byte key to seal the answer under.", "Pass 32 random bytes in the transient field \"key\".", false},
	{CodeMissingData, "contract", "This peer knows the record's hash but has not received its bytes yet.", "Ask another peer of the holder, or wait for reconciliation.", true},
	{CodeInternal, "contract", "The contract met a condition it does not handle.", "Report it with the transaction id; nothing was written.", false},
	{CodeUnavailable, "client", "No gateway peer of the region, or too few orderers, could be reached.", "Check domicile network status and doctor; then run the same command again.", true},
	{CodeTimeout, "client", "A stage did not finish in its time limit.", "Run the same command again: every step is idempotent.", true},
	{CodeConflict, "client", "Another transaction changed the same keys first (MVCC).", "Run the same command again.", true},
	{CodeInvalidated, "client", "The transaction was ordered but the peers marked it invalid.", "See the validation code in the message; bytes of a refused put are purged on ground \"failed\".", false},
	{CodeUnknown, "client", "The answer was lost and the ledger has not said yet whether the transaction took effect.", "Run the same command again: it finds out first.", true},
	{CodeIDReused, "client", "The import's id is taken by a record with other bytes.", "Give the import another --import name.", false},
	{CodeSettings, "client", "A setting is missing or wrong.", "Correct the file and key that the message names.", false},
	{CodeInput, "client", "The input cannot be read as FHIR JSON, a Bundle or NDJSON.", "Correct the input at the place the message names; nothing was sent.", false},
}

// Codes lists every code with its explanation, in a fixed order.
func Codes() []Info { return slices.Clone(infos) }

// Explain returns the explanation of a code.
func Explain(c Code) (Info, bool) {
	i := slices.IndexFunc(infos, func(x Info) bool { return x.Code == c })
	if i < 0 {
		return Info{}, false
	}
	return infos[i], true
}

// Error is an error with a code. Detail names ids, fields and places only:
// never resource bytes, labels, names or identifiers of people.
type Error struct {
	Code   Code
	Detail string
}

// Fail returns an error with a code. There is no formatting variant on purpose: it
// would invite values into messages. Make detail of constant words and opaque ids.
func Fail(c Code, detail string) *Error { return &Error{c, detail} }

// Error returns "CODE: detail".
func (e *Error) Error() string { return string(e.Code) + ": " + e.Detail }

// Is reports whether target is an [Error] of the same code, so that
// errors.Is(err, &Error{Code: CodeGone}) works.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && (t.Detail == "" || t.Detail == e.Detail)
}

var codeText = regexp.MustCompile(`([A-Z][A-Z_]{2,30}): `)

// ParseError finds a coded error in a text that crossed contract API, peer and
// gateway, which put their own words before it. Only known codes count.
func ParseError(text string) (*Error, bool) {
	for _, loc := range codeText.FindAllStringSubmatchIndex(text, -1) {
		c := Code(text[loc[2]:loc[3]])
		if _, known := Explain(c); known {
			return &Error{c, strings.TrimSpace(text[loc[1]:])}, true
		}
	}
	return nil, false
}

// CodeOf returns the code of err, or "" when it has none.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
