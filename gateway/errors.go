package gateway

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"domicile/chaincode/record"
)

// Sentinels, one per decision a caller makes; use them with errors.Is. The
// whole list of codes with explanations is [record.Codes].
var (
	ErrForbidden       error = record.Fail(record.CodeForbidden, "")       // role or organisation may not
	ErrWrongPeer       error = record.Fail(record.CodeWrongPeer, "")       // settings point to a peer that does not hold the collection
	ErrNoPolicy        error = record.Fail(record.CodeNoPolicy, "")        // no policy in force yet
	ErrBadResource     error = record.Fail(record.CodeBadResource, "")     // the resource is not strict FHIR JSON
	ErrTooLarge        error = record.Fail(record.CodeTooLarge, "")        // over 16 MiB
	ErrWrongCollection error = record.Fail(record.CodeWrongCollection, "") // labels route elsewhere
	ErrExists          error = record.Fail(record.CodeExists, "")          // id taken
	ErrGone            error = record.Fail(record.CodeGone, "")            // purged, never to come back
	ErrAbsent          error = record.Fail(record.CodeAbsent, "")          // no such record here
	ErrNotDue          error = record.Fail(record.CodeNotDue, "")          // retention has not ended
	ErrHeld            error = record.Fail(record.CodeHeld, "")            // a legal hold forbids it
	ErrNotHeld         error = record.Fail(record.CodeNotHeld, "")         // no such hold to release
	ErrLive            error = record.Fail(record.CodeLive, "")            // not residue: a live record
	ErrMismatch        error = record.Fail(record.CodeMismatch, "")        // hash differs from the ledger's
	ErrMissingData     error = record.Fail(record.CodeMissingData, "")     // this peer has no bytes yet; retry
	ErrNotApproved     error = record.Fail(record.CodeNotApproved, "")     // policy lacks approvals
	ErrUnavailable     error = record.Fail(record.CodeUnavailable, "")     // no peer or too few orderers; retry
	ErrTimeout         error = record.Fail(record.CodeTimeout, "")         // a stage ran out of time; retry
	ErrConflict        error = record.Fail(record.CodeConflict, "")        // MVCC, again and again; retry
	ErrInvalidated     error = record.Fail(record.CodeInvalidated, "")     // ordered, but invalid
	ErrUnknownOutcome  error = record.Fail(record.CodeUnknown, "")         // the context ended before the ledger said
	ErrIDReused        error = record.Fail(record.CodeIDReused, "")        // import name used for other bytes
	ErrSettings        error = record.Fail(record.CodeSettings, "")        // settings missing or wrong
	ErrInput           error = record.Fail(record.CodeInput, "")           // input cannot be read
	ErrUnknownLabel    error = record.Fail(record.CodeUnknownLabel, "")    // a label that nobody here knows
	ErrBadLabels       error = record.Fail(record.CodeBadLabels, "")       // the label set breaks a rule
	ErrStaleRules      error = record.Fail(record.CodeStaleRules, "")      // labels from another rule set
	ErrDowngrade       error = record.Fail(record.CodeDowngrade, "")       // only an officer, with a reason
	ErrNeedsReview     error = record.Fail(record.CodeNeedsReview, "")     // a person must approve first
	ErrRetained        error = record.Fail(record.CodeRetained, "")        // a floor forbids the erasure
	ErrLimited         error = record.Fail(record.CodeLimited, "")         // access is restricted
	ErrQuarantined     error = record.Fail(record.CodeQuarantined, "")     // not released to readers
	ErrSamePerson      error = record.Fail(record.CodeSamePerson, "")      // needs a second person
	ErrNotMoved        error = record.Fail(record.CodeNotMoved, "")        // no proved copy elsewhere
	ErrNoCase          error = record.Fail(record.CodeNoCase, "")          // no such case of erasure
	ErrClosed          error = record.Fail(record.CodeClosed, "")          // members of the collection change; retry
	ErrNotAttested     error = record.Fail(record.CodeNotAttested, "")     // a holder owes a clean search
	ErrSettled         error = record.Fail(record.CodeSettled, "")         // nothing left to settle: another run did it
	ErrInvalidFHIR     error = record.Fail(record.CodeInvalidFHIR, "")     // breaks the structure of FHIR R4
	ErrRules           error = record.Fail(record.CodeRules, "")           // labelling rules missing or other
)

// Failure is what the error types of all stages have in common. Its text is a
// code, ids, and the peer's name.
type Failure struct {
	// Peer is the name of the gateway peer that answered last; empty if none.
	Peer string
	// TxID is the transaction's id; empty for reads.
	TxID string
	// Coded holds the code and, scrubbed, the ids and fields it names.
	Coded *record.Error
	// cause is the context's error, when that is what ended the call.
	cause error
}

// Code is the stable code of the failure.
func (f *Failure) Code() record.Code { return f.Coded.Code }

// Retryable reports whether the same request may succeed later unchanged.
func (f *Failure) Retryable() bool { return retryableCode(f.Coded.Code) }

// IDs returns the record ids that the failure names.
func (f *Failure) IDs() []string { return idsIn(f.Coded.Detail) }

// Unwrap returns the coded error and, if the context ended the call, its error.
func (f *Failure) Unwrap() []error {
	if f.cause == nil {
		return []error{f.Coded}
	}
	return []error{f.Coded, f.cause}
}

func (f *Failure) text(stage string) string {
	s := f.Coded.Error() + " (" + stage
	if f.Peer != "" {
		s += " by " + f.Peer
	}
	if f.TxID != "" {
		s += ", transaction " + f.TxID
	}
	return s + ")"
}

// EvaluateError is a read that failed. Nothing was written.
type EvaluateError struct{ Failure }

// Error returns code, detail and place.
func (e *EvaluateError) Error() string { return e.text("evaluate") }

// EndorseError is a write that was refused or could not be endorsed. Nothing
// reached the ledger. An attempt that was simulated may have left its bytes in
// transient stores of the region's own peers for a few blocks.
type EndorseError struct{ Failure }

// Error returns code, detail and place.
func (e *EndorseError) Error() string { return e.text("endorse") }

// SubmitError is an endorsed write that no orderer is known to have accepted.
// With [ErrUnknownOutcome] it may still be ordered.
type SubmitError struct{ Failure }

// Error returns code, detail and place.
func (e *SubmitError) Error() string { return e.text("submit") }

// CommitError is a write that was ordered and either marked invalid, or whose
// status is not known yet ([ErrUnknownOutcome]).
type CommitError struct {
	Failure
	// Validation is the peers' verdict when Code is INVALIDATED or CONFLICT.
	Validation peer.TxValidationCode
	// Block is the number of the block that holds the invalid transaction.
	Block uint64
}

// Error returns code, detail and place.
func (e *CommitError) Error() string { return e.text("commit") }

// IDError is the failure of one record in a call about many. Such calls join
// them with errors.Join; see [IDErrors].
type IDError struct {
	ID  string
	Err error
}

// Error returns the id and the cause.
func (e *IDError) Error() string { return e.ID + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *IDError) Unwrap() error { return e.Err }

// IDErrors collects every [*IDError] in err's tree.
func IDErrors(err error) []*IDError {
	var out []*IDError
	var walk func(error)
	walk = func(err error) {
		switch x := err.(type) {
		case nil:
		case *IDError:
			out = append(out, x)
		case interface{ Unwrap() []error }:
			for _, e := range x.Unwrap() {
				walk(e)
			}
		case interface{ Unwrap() error }:
			walk(x.Unwrap())
		}
	}
	walk(err)
	return out
}

// Retryable reports whether the same request may succeed later unchanged: the
// code says so. An error without a code is not retryable.
func Retryable(err error) bool {
	return err != nil && !errors.Is(err, context.Canceled) && retryableCode(record.CodeOf(err))
}

func retryableCode(c record.Code) bool {
	info, ok := record.Explain(c)
	return ok && info.Retry
}

var idText = regexp.MustCompile(`\b[a-z2-7]{26}\b`)

// IDs returns the well-formed record ids that err's code names, so that a
// caller can go on without them.
func IDs(err error) []string {
	var e *record.Error
	if !errors.As(err, &e) {
		return nil
	}
	return idsIn(e.Detail)
}

func idsIn(detail string) []string {
	ids := idText.FindAllString(detail, -1)
	ids = slices.DeleteFunc(ids, func(id string) bool { return record.CheckID(id) != nil })
	return slices.Compact(ids)
}

// coded makes a plain error with a code. what is made of constant words and ids.
func coded(c record.Code, format string, a ...any) error {
	return record.Fail(c, fmt.Sprintf(format, a...))
}
