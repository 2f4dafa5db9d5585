package record

import "encoding/json"

// Custody says on what footing a collection holds a record.
const (
	Custodial = "custodial" // the holder's own record: purged when retention ends
	Disclosed = "disclosed" // a copy given under terms: withdrawn when they end
)

// PutRequest stores records, all in one collection. The i-th record's resource
// is in the transient field BodyField(i).
type PutRequest struct {
	Version    int         `json:"v"`
	Region     string      `json:"region"`
	Collection string      `json:"collection"`
	Records    []PutRecord `json:"records"` // 1 to MaxRecords, ids unique
}

// PutRecord is one record of a [PutRequest].
type PutRecord struct {
	ID       string   `json:"id"`
	Seed     []byte   `json:"seed"`               // SeedLen random bytes, new for each attempt
	Resource string   `json:"resource,omitempty"` // ResourceToken of Type/id, when it has an id
	Subjects []string `json:"subjects,omitempty"` // SubjectToken and IdentifierToken of its people, at most MaxSubjects
	Replaces string   `json:"replaces,omitempty"` // id of the record this one replaces
	Custody  string   `json:"custody,omitempty"`  // Custodial (default) or Disclosed
	// Labels is the label set at rest: every label of the resource and what the
	// labelling service added. Empty asks the contract to take the resource's own
	// labels and the holder's default confidentiality; with labelling rules in the
	// private part, Rules must name them.
	Labels []Label `json:"labels,omitempty"`
	Rules  string  `json:"rules,omitempty"` // hex SHA-256 of the rule set, see collections.Private
	// Facts are what is known about its subjects now: they give the first due
	// date. A purge reads those on the ledger itself.
	Facts     []Fact   `json:"facts,omitempty"`
	Classes   []string `json:"classes,omitempty"`   // retention classes the custodian declares
	MovedFrom *Ref     `json:"movedFrom,omitempty"` // record of a sibling collection that this one continues, byte for byte
	Terms     *Terms   `json:"terms,omitempty"`     // disclosed copies only
	// History, with MovedFrom only, is the label history of the record it continues,
	// and when its labels differ from that one's, one more entry for those. Of an
	// entry without By the contract fills in who, when and the transaction.
	History []Relabel `json:"history,omitempty"`
	// Due and Row, with MovedFrom only, are the due date accepted for the record it
	// continues and the row that gave it: a move never makes a record due earlier. An
	// empty Due leaves the copy without a date until an officer accepts one.
	Due string `json:"due,omitempty"`
	Row string `json:"row,omitempty"`
	// RowRegion is the region of Row, for regions that lie within each other.
	RowRegion string `json:"rowRegion,omitempty"`
}

// Meta is the stored metadata of a record, at [MetaKey], inside a private value
// with a salt of its own that is never given to anyone.
type Meta struct {
	Version int     `json:"v"`
	ID      string  `json:"id"`
	Type    string  `json:"type"`             // FHIR resource type
	Labels  []Label `json:"labels,omitempty"` // at rest
	End     string  `json:"end,omitempty"`    // clinical end date, YYYY-MM-DD
	Due     string  `json:"due,omitempty"`    // first day it may be purged, as accepted last: at put or by an amendment
	Row     string  `json:"row,omitempty"`    // name of the retention row that gave Due
	// RowRegion is the region whose row that is: regions that lie within each other may
	// have rows of one name.
	RowRegion string   `json:"rowRegion,omitempty"`
	Custody   string   `json:"custody"`            // Custodial or Disclosed
	Resource  string   `json:"resource,omitempty"` // token
	Subjects  []string `json:"subjects,omitempty"` // tokens, all of them
	Replaces  string   `json:"replaces,omitempty"`
	Index     []string `json:"index"` // private keys of the index entries, padding included
	Size      int      `json:"size"`  // bytes of the resource
	SHA256    string   `json:"sha256"`
	PutAt     string   `json:"putAt"` // transaction time, RFC 3339 UTC
	PutTx     string   `json:"putTx"`
	PutBytes  int      `json:"putBytes,omitempty"` // resources put in PutTx into the collection; 0 in records older than the field
	PutCount  int      `json:"putCount,omitempty"` // records put in PutTx into the collection

	Content     string    `json:"content"`               // digest of the canonical form, see fhir.Resource.Digest
	LabelDigest string    `json:"labelDigest"`           // see ds4p.Digest
	Rules       string    `json:"rules,omitempty"`       // rule set the labels came from
	History     []Relabel `json:"history,omitempty"`     // older label sets, oldest first
	Quarantined bool      `json:"quarantined,omitempty"` // carries a label nobody here knows: not released to readers
	Classes     []string  `json:"classes,omitempty"`     // retention classes declared with the put
	Inline      *bool     `json:"inline,omitempty"`      // elements of the resource have inline labels; nil in records older than the field
	Held        []string  `json:"held,omitempty"`        // matters of holds by query that took it at put or relabel
	Review      *Review   `json:"review,omitempty"`
	MovedFrom   *Ref      `json:"movedFrom,omitempty"`
	Terms       *Terms    `json:"terms,omitempty"`
	Canary      bool      `json:"canary,omitempty"` // about nobody, see CanaryRequest; only the contract sets it
}

// IndexEntry is the stored payload of a due, subject or resource index key.
type IndexEntry struct {
	ID     string `json:"id,omitempty"` // empty in padding
	Size   int    `json:"size,omitempty"`
	Canary bool   `json:"canary,omitempty"` // about nobody: to be counted nowhere
}

// GetRequest asks for one record's value.
type GetRequest struct {
	Version    int    `json:"v"`
	Region     string `json:"region"`
	Collection string `json:"collection"`
	ID         string `json:"id"`
}

// InspectRequest asks for the state of records, each read by its own key.
type InspectRequest struct {
	Version    int      `json:"v"`
	Region     string   `json:"region"`
	Collection string   `json:"collection"`
	IDs        []string `json:"ids"` // 1 to MaxRecords
}

// States of a record inside its region.
const (
	InsideAbsent  = "absent"
	InsidePresent = "present"
	InsidePartial = "partial" // body purged, metadata not yet
	InsideGone    = "gone"
)

// State is the answer for one id of an [InspectRequest].
type State struct {
	ID          string `json:"id"`
	State       string `json:"state"`
	Hash        string `json:"hash,omitempty"`   // private data hash while present, from the gone register after
	SHA256      string `json:"sha256,omitempty"` // of the resource bytes alone
	Size        int    `json:"size,omitempty"`
	PutTx       string `json:"putTx,omitempty"`
	PutBytes    int    `json:"putBytes,omitempty"` // resources put with it in PutTx, its own included; 0: not known
	PutCount    int    `json:"putCount,omitempty"` // records put with it in PutTx, itself included; 0: not known
	PutAt       string `json:"putAt,omitempty"`
	Replaces    string `json:"replaces,omitempty"`
	DueDate     string `json:"dueDate,omitempty"`   // by the policy in force and the one at put, the later
	IsDue       bool   `json:"isDue,omitempty"`     // DueDate reached at the transaction time
	Authority   string `json:"authority,omitempty"` // of the row that gave DueDate
	Held        bool   `json:"held,omitempty"`      // by record, subject or query
	Code        Code   `json:"code,omitempty"`      // why it could not be purged as due, "" when it could
	Rules       string `json:"rules,omitempty"`     // rule set its labels came from
	Content     string `json:"content,omitempty"`   // digest of the canonical form
	Quarantined bool   `json:"quarantined,omitempty"`
	MovedFrom   *Ref   `json:"movedFrom,omitempty"`
	Canary      bool   `json:"canary,omitempty"` // about nobody, in no count
	Ground      string `json:"ground,omitempty"` // once gone
	PurgedAt    string `json:"purgedAt,omitempty"`
	PurgeTx     string `json:"purgeTx,omitempty"`
}

// ListRequest lists ids of a collection from an index: a hint, possibly stale.
// Exactly one of Subject and Resource may be set; with neither, every live id.
type ListRequest struct {
	Version    int    `json:"v"`
	Region     string `json:"region"`
	Collection string `json:"collection"`
	Subject    string `json:"subject,omitempty"`
	Resource   string `json:"resource,omitempty"`
	After      string `json:"after,omitempty"` // Page.Next of the page before
	Limit      int    `json:"limit,omitempty"` // 1 to MaxPage, 0 = MaxPage
}

// DueRequest lists the due index up to and including a date, and after its last
// entry the records of the collection that were purged and whose tombstone nobody
// has settled yet ([Entry.Gone], [PurgeRequest.Settle]): together, everything a
// purge still has to do, so that a run killed between purge and tombstone leaves
// nothing unfinished. A page may be empty and yet have a Next.
type DueRequest struct {
	Version    int    `json:"v"`
	Region     string `json:"region"`
	Collection string `json:"collection"`
	Before     string `json:"before"` // YYYY-MM-DD: entries whose due date is this day or earlier
	After      string `json:"after,omitempty"`
	Limit      int    `json:"limit,omitempty"`
}

// Page is one page of an index scan.
type Page struct {
	Entries []Entry `json:"entries"`
	Next    string  `json:"next,omitempty"` // empty: the end
}

// Entry is one index hit.
type Entry struct {
	ID     string `json:"id"`
	Date   string `json:"date,omitempty"`   // due date, in the due index
	Size   int    `json:"size,omitempty"`   // bytes, in the due index
	Gone   bool   `json:"gone,omitempty"`   // purged, tombstone not settled (OpDue)
	Canary bool   `json:"canary,omitempty"` // about nobody: to be counted nowhere (OpDue)
}

// HoldRequest sets or releases a legal hold of one matter on records and
// subjects of a holder.
type HoldRequest struct {
	Version    int      `json:"v"`
	Region     string   `json:"region"`
	Collection string   `json:"collection"` // any record collection of the holder
	Seed       []byte   `json:"seed"`
	IDs        []string `json:"ids,omitempty"`      // records
	Subjects   []string `json:"subjects,omitempty"` // tokens
	Query      *Query   `json:"query,omitempty"`    // records of the request's collection; alone, without ids and subjects
	Matter     string   `json:"matter"`             // the case's reference, 1 to 200 bytes
	// For, to set, is who first set a hold that this one carries on to another record,
	// as [Matter].SetBy: that person releases this one no more than his own.
	For       string `json:"for,omitempty"`
	Authority string `json:"authority"` // who ordered it and under what
	Reason    string `json:"reason"`
}

// Holds is the stored document at [HoldKey]: all that stands about one record or
// one subject. One document for all of it, so that nobody outside can tell a hold
// from a fact.
type Holds struct {
	Version int         `json:"v"`
	Matters []Matter    `json:"matters"` // empty once all are released
	Facts   []Fact      `json:"facts,omitempty"`
	Limits  []Limit     `json:"limits,omitempty"`
	Queries []HeldQuery `json:"queries,omitempty"` // only at [QueriesToken]
	Case    *Case       `json:"case,omitempty"`    // only at [CaseToken]
	Paused  *Pause      `json:"paused,omitempty"`  // only at [PauseToken]
}

// HeldQuery is a hold by query.
type HeldQuery struct {
	Collection string `json:"collection"`
	Query      Query  `json:"query"`
	Matter     Matter `json:"matter"`
}

// Matter is one legal hold. SetBy is the caller's opaque id as a person.
type Matter struct {
	Matter    string `json:"matter"`
	Authority string `json:"authority"`
	Reason    string `json:"reason"`
	SetBy     string `json:"setBy"`
	SetAt     string `json:"setAt"`
	// First is who set it on another target of the request that extended it to this
	// one, as a move does; he does not release it here either.
	First string `json:"first,omitempty"`
}

// HoldsRequest asks which holds bind records or subjects.
type HoldsRequest struct {
	Version    int      `json:"v"`
	Region     string   `json:"region"`
	Collection string   `json:"collection"`
	IDs        []string `json:"ids,omitempty"`
	Subjects   []string `json:"subjects,omitempty"`
	Queries    bool     `json:"queries,omitempty"` // all holds by query of the collection, too
}

// Hold is one answer to a [HoldsRequest]: exactly one of ID, Subject and Query is set.
type Hold struct {
	ID      string     `json:"id,omitempty"`
	Subject string     `json:"subject,omitempty"`
	Query   *HeldQuery `json:"query,omitempty"`
	Matters []Matter   `json:"matters"`
	Limits  []Limit    `json:"limits,omitempty"`
}

// Ground is a reason for which the contract purges.
type Ground string

// The grounds the contract knows.
const (
	GroundDue       Ground = "due"       // retention has ended under the policy
	GroundFailed    Ground = "failed"    // bytes of an attempt that never became a record
	GroundMoved     Ground = "moved"     // the same bytes are anchored in another collection of the holder
	GroundWithdrawn Ground = "withdrawn" // a disclosed copy whose terms have ended
	GroundForced    Ground = "forced"    // an approved case of erasure under a law
)

// Part says which keys of a record a purge takes.
type Part string

// Parts. A record over BatchBytes is purged in two: its body first, alone, and
// after that purge was swept the rest, because Fabric 3.1 rewrites the whole
// write set once per purged key.
const (
	PartAll  Part = "all" // the default
	PartBody Part = "body"
	PartRest Part = "rest"
)

// PurgeRequest purges records of one collection, or keys of failed attempts.
type PurgeRequest struct {
	Version    int      `json:"v"`
	Region     string   `json:"region"`
	Collection string   `json:"collection"`
	Seed       []byte   `json:"seed"`
	Ground     Ground   `json:"ground"`
	Part       Part     `json:"part,omitempty"`
	IDs        []string `json:"ids,omitempty"`  // 1 to MaxRecords, for every ground but failed
	Keys       []string `json:"keys,omitempty"` // for ground failed: private keys without a live hash
	// Settle names records whose tombstone is public, so that OpDue need not
	// list them any more. With ground due, and then IDs may be empty; [CodeSettled]
	// when all of them are off the list already.
	Settle    []string `json:"settle,omitempty"`
	Reason    string   `json:"reason,omitempty"`
	Authority string   `json:"authority,omitempty"` // ground failed: who decided; due: taken from the policy
	Targets   []Target `json:"targets,omitempty"`   // ground moved
	Case      string   `json:"case,omitempty"`      // ground forced
}

// Todo is the stored document at [TodoKey].
type Todo struct {
	Version    int    `json:"v"`
	Collection string `json:"collection"`
	ID         string `json:"id"`
	Canary     bool   `json:"canary,omitempty"`
}

// Gone is the stored document at [GoneKey].
type Gone struct {
	Version    int    `json:"v"`
	Collection string `json:"collection"` // that held the record
	Hash       string `json:"hash"`       // of the purged value
	Ground     Ground `json:"ground"`
	Row        string `json:"row,omitempty"`
	Authority  string `json:"authority"`
	At         string `json:"at"`
	Tx         string `json:"tx"`
	By         string `json:"by"`
}

// PrivateRequest sets the holder-private part of the policy in a log
// collection, and, the first time, the secret of its hold keys.
type PrivateRequest struct {
	Version    int             `json:"v"`
	Region     string          `json:"region"`
	Collection string          `json:"collection"` // the log collection
	Seed       []byte          `json:"seed"`
	Document   json.RawMessage `json:"document"` // see package collections
}

// GetPrivateRequest asks for the holder-private part of the policy.
type GetPrivateRequest struct {
	Version    int    `json:"v"`
	Region     string `json:"region"`
	Collection string `json:"collection"` // the log collection
}
