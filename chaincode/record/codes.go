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
	CodeUnknownLabel    Code = "UNKNOWN_LABEL"
	CodeBadLabels       Code = "BAD_LABELS"
	CodeStaleRules      Code = "STALE_RULES"
	CodeDowngrade       Code = "DOWNGRADE"
	CodeNeedsReview     Code = "NEEDS_REVIEW"
	CodeRetained        Code = "RETAINED"
	CodeLimited         Code = "LIMITED"
	CodeQuarantined     Code = "QUARANTINED"
	CodeSamePerson      Code = "SAME_PERSON"
	CodeNotMoved        Code = "NOT_MOVED"
	CodeNoCase          Code = "NO_CASE"
	CodeShared          Code = "SHARED"
	CodePaused          Code = "PAUSED"
	CodeNotAttested     Code = "NOT_ATTESTED"
	CodeClosed          Code = "CLOSED"
	CodeSettled         Code = "SETTLED"
	CodeInternal        Code = "INTERNAL"

	CodeUnavailable Code = "UNAVAILABLE"
	CodeTimeout     Code = "TIMEOUT"
	CodeConflict    Code = "CONFLICT"
	CodeInvalidated Code = "INVALIDATED"
	CodeUnknown     Code = "UNKNOWN_OUTCOME"
	CodeIDReused    Code = "ID_REUSED"
	CodeSettings    Code = "SETTINGS"
	CodeInput       Code = "INPUT"
	CodeInvalidFHIR Code = "INVALID_FHIR"
	CodeRules       Code = "RULES"
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
	{CodeTooLarge, "contract", "A resource is over 16 MiB, a request holds too many records, or a list kept about a record or a person is full.", "Split it; a single resource over 16 MiB cannot be kept.", false},
	{CodeForbidden, "contract", "The caller's organisation or role does not allow this operation on this collection.", "Use a certificate whose role fits (--as ROLE@ORG), or have the policy grant the role.", false},
	{CodeWrongPeer, "contract", "The request reached a peer whose organisation does not hold the collection, and was refused before anything was read or written.", "Send private requests to gateway peers of the holder only and name the endorsing organisations.", false},
	{CodeNoPolicy, "contract", "No policy is in force for the region, or the holder's private part is not set.", "Run domicile policy apply.", false},
	{CodeBadPolicy, "contract", "The policy does not parse or breaks a rule.", "Run domicile policy check on the file.", false},
	{CodeNotApproved, "contract", "The policy lacks approvals: the region it changes and a majority of the others must approve.", "Run domicile policy status to see who is missing.", false},
	{CodeWrongCollection, "contract", "The resource's labels route it to another collection than the one asked for.", "Let the gateway route, or correct the labels or the routing table.", false},
	{CodeExists, "contract", "A record with this id is already there.", "Nothing to do if it is the same record: puts are idempotent in the client. Otherwise use another import name.", false},
	{CodeGone, "contract", "The record was purged. Its id can never be used again.", "Nothing brings a purged record back; put a new record under a new id if there is a lawful reason.", false},
	{CodeAbsent, "contract", "There is no such record.", "Check id and region; a record of another region is not visible here.", false},
	{CodeNotDue, "contract", "The record's retention has not ended, nobody can say when it ends, or the terms of a disclosed copy still run.", "See domicile retention explain for what decides and what is missing.", false},
	{CodeHeld, "contract", "A legal hold forbids the purge.", "Release the hold first, with the authority to do so.", false},
	{CodeNotHeld, "contract", "There is no hold of this matter to release, or no restriction of access of this reference to lift.", "See what stands with domicile hold list.", false},
	{CodeLive, "contract", "The key belongs to a live record, so it is not the residue of a failed attempt.", "Purge the record on another ground, when one applies.", false},
	{CodeMismatch, "contract", "The hash does not match the one on the ledger.", "Check salt and file; if both are right, the copy was altered.", false},
	{CodeNoKey, "contract", "A private read came without a 32-byte key to seal the answer under.", "Pass 32 random bytes in the transient field \"key\".", false},
	{CodeMissingData, "contract", "This peer knows the record's hash but has not received its bytes yet.", "Ask another peer of the holder, or wait for reconciliation.", true},
	{CodeUnknownLabel, "contract", "The resource carries a security label that nobody here knows, and the collection refuses such.", "Correct the label, add its code system to the private part's local systems, or have the collection quarantine such records.", false},
	{CodeBadLabels, "contract", "The label set breaks a rule for labels at rest (one confidentiality code, a basis for each label under several policies, PROCESSINLINELABEL with inline labels, no label of the resource left out, 42CFRPart2 from a source fact only (P1), and where the holder's posture asks for it (P2)).", "Let the gateway label the resource, or correct the labels that the rule names.", false},
	{CodeStaleRules, "contract", "The labels come from another rule set than the one the private part names.", "Load the rule set that the private part names by its SHA-256, then put or relabel again.", false},
	{CodeDowngrade, "contract", "The new label set lacks a label that the record has, or lowers its confidentiality.", "An officer may do that, with a reason: domicile label set --reason.", false},
	{CodeNeedsReview, "contract", "A row that keeps the record is not confirmed, or asks for a person's review before destruction.", "See domicile retention explain; confirm the row or approve the record as an officer.", false},
	{CodeRetained, "contract", "A retention floor forbids the erasure.", "Answer the request within its time limit and name the exception; access can be limited until the floor ends (domicile retention erasure).", false},
	{CodeLimited, "contract", "Access to what concerns this person is restricted.", "An officer may still read; another officer may lift the restriction.", false},
	{CodeQuarantined, "contract", "The record carries a label that nobody here knows and is not released to readers.", "An officer relabels it, with a reason.", false},
	{CodeSamePerson, "contract", "The act needs two persons, and this is the first one again.", "Have another officer do it.", false},
	{CodeNotMoved, "contract", "The record's bytes are not anchored in the collection it is said to have moved to, or its holds were not carried along.", "Let domicile label run finish the move; it can be repeated.", false},
	{CodeNoCase, "contract", "There is no approved, open case of erasure that covers the record.", "Open the case and have another officer approve it.", false},
	{CodeShared, "contract", "The record is also about somebody whom the case of erasure does not name.", "Weigh that person's rights; then open the case with their records too (domicile retention erasure --others), or leave the record.", false},
	{CodePaused, "contract", "An officer has stopped the holder's purges.", "See why with domicile purge pause --show; an officer ends it with domicile purge resume.", false},
	{CodeNotAttested, "contract", "An organisation that holds the collection has not registered a search that came after the purge, left nothing out and found nothing, so the evidence stays.", "The organisation that the message names runs domicile purge scrub and domicile purge attest.", false},
	{CodeClosed, "contract", "The holder takes no writes while the members of its collections change.", "Run the same command again when domicile policy commit (or apply) has ended; if it was interrupted, run that again.", true},
	{CodeSettled, "contract", "All tombstones that the request names are off the list of what is to do, so it would write nothing, and the peers mark a private transaction that writes nothing invalid.", "Nothing to do: another run settled them.", false},
	{CodeInternal, "contract", "The contract met a condition it does not handle.", "Report it with the transaction id; nothing was written.", false},
	{CodeUnavailable, "client", "No gateway peer of the region, or too few orderers, could be reached.", "Check domicile network status and doctor; then run the same command again.", true},
	{CodeTimeout, "client", "A stage did not finish in its time limit.", "Run the same command again: every step is idempotent.", true},
	{CodeConflict, "client", "Another transaction changed the same keys first (MVCC).", "Run the same command again.", true},
	{CodeInvalidated, "client", "The transaction was ordered but the peers marked it invalid.", "See the validation code in the message; bytes of a refused put are purged on ground \"failed\".", false},
	{CodeUnknown, "client", "The answer was lost and the ledger has not said yet whether the transaction took effect.", "Run the same command again: it finds out first.", true},
	{CodeIDReused, "client", "The import's id is taken by a record with other bytes.", "Give the import another --import name.", false},
	{CodeSettings, "client", "A setting is missing or wrong.", "Correct the file and key that the message names.", false},
	{CodeInput, "client", "The input cannot be read as FHIR JSON, a Bundle or NDJSON.", "Correct the input at the place the message names; nothing was sent.", false},
	{CodeInvalidFHIR, "client", "The resource breaks the structure of FHIR R4, and the collection takes valid resources only.", "Correct the elements that the message names; nothing was sent.", false},
	{CodeRules, "client", "The labelling rules cannot be loaded, or are not those the private part names.", "Give the files whose SHA-256 the private part names.", false},
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
