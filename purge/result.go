package purge

import "domicile/chaincode/record"

// What an [Event] says.
const (
	EventBody       = "body"       // the body of a large record was purged
	EventPurged     = "purged"     // all that belongs to the record was purged
	EventTombstoned = "tombstoned" // other regions confirmed it
	EventSkipped    = "skipped"    // it stays, for the reason in Code
	EventFailed     = "failed"     // an error in the way; run again
)

// Event is one thing that happened to one record.
type Event struct {
	Kind string `json:"event"`
	Item
	Receipt
	Code record.Code `json:"code,omitempty"`
}

// Result counts what a run did.
type Result struct {
	Purged     int                 `json:"purged"`     // records of which nothing is left
	Bytes      int64               `json:"bytes"`      // of their resources
	Tombstoned int                 `json:"tombstoned"` // records confirmed by other regions
	Skipped    map[record.Code]int `json:"skipped,omitempty"`
	Failed     int                 `json:"failed"` // records on which a step failed
	// Failures counts Failed by code; "" is an error without one.
	Failures map[record.Code]int `json:"failures,omitempty"`
	// Left could have been purged and was not: the run was cut short, or a step
	// failed. Oldest is the earliest due date among them. What a run that was
	// cut short did not read is not counted: later entries of the index, which are
	// due no earlier, and other collections, of which nothing is known.
	Left   int    `json:"left,omitempty"`
	Oldest string `json:"oldest,omitempty"`
	// WithoutEvidence were purged when no peer had their bytes, or by a caller who keeps
	// no evidence: no search of disks
	// will look for them.
	WithoutEvidence int `json:"withoutEvidence,omitempty"`
	// HeldBack wait for others to fill up their batch; see Options.HoldBack.
	HeldBack int `json:"heldBack,omitempty"`
	// Canaries were purged, too; they are in no other count. CanaryFailures
	// could not be stored.
	Canaries       int `json:"canaries,omitempty"`
	CanaryFailures int `json:"canaryFailures,omitempty"`
	Batches        int `json:"batches,omitempty"`   // purge transactions
	Short          int `json:"short,omitempty"`     // of them, with fewer records than asked for
	Conflicts      int `json:"conflicts,omitempty"` // transactions that another run was faster than
	Lagged         int `json:"lagged,omitempty"`    // batches that some peer did not process in time
	// Paused says that an officer has stopped the holder's purges.
	Paused bool `json:"paused,omitempty"`
	// Cut says why the run ended before all was read; empty: it did not.
	Cut string `json:"cut,omitempty"`
	// Block is the last block that a purge or tombstone of the run is in.
	Block uint64 `json:"block,omitempty"`
}

// InTheWay counts the failures that lie in a record, so that trying again soon will
// not help; the others lie in the ledger.
func (r *Result) InTheWay() (n int) {
	for code, k := range r.Failures {
		if !outage(code) {
			n += k
		}
	}
	return n
}

// Why a run was cut short.
const (
	CutStopped = "stopped" // ctx ended
	CutLimit   = "limit"   // Options.Limit
	CutOutage  = "outage"  // the ledger stayed out of reach
	CutRefused = "refused" // the caller may not, or purges are paused
)
