package record

import "encoding/json"

// Where a label at rest comes from.
const (
	OriginInbound  = "inbound"  // meta.security of the resource, as received
	OriginInline   = "inline"   // inline label inside the resource
	OriginBundle   = "bundle"   // the Bundle that the resource came in, or its entry there
	OriginReplaced = "replaced" // the record that this one replaces, from other than its bytes
	OriginRule     = "rule"     // a labelling rule matched a code of the resource
	OriginDefault  = "default"  // the holder's default confidentiality
	OriginMap      = "map"      // confidentiality that the holder gives a sensitivity
	OriginPosture  = "posture"  // the holder is a Part 2 programme
	OriginConsent  = "consent"  // a Part 2 consent of the same input
	OriginDeclared = "declared" // the custodian said so with the import
	OriginPolicy   = "policy"   // handling that a policy label brings with it (marks, obligations)
	OriginOfficer  = "officer"  // a person, with a reason, in the label history
)

// Label is one security label at rest.
type Label struct {
	System string `json:"system,omitempty"`
	Code   string `json:"code"`
	// Basis is the policy the label rests on (extension-sec-label-basis); required
	// of every label of a set with more than one policy label.
	BasisSystem string `json:"basisSystem,omitempty"`
	BasisCode   string `json:"basisCode,omitempty"`
	Origin      string `json:"origin,omitempty"` // one of the Origin constants
	Rule        string `json:"rule,omitempty"`   // canonical URL|version of the rule, with OriginRule
}

// Relabel is one entry of a record's label history: the set that was replaced.
type Relabel struct {
	Labels []Label `json:"labels"`          // before
	Digest string  `json:"digest"`          // label digest before
	Rules  string  `json:"rules,omitempty"` // rule set before
	By     string  `json:"by"`              // opaque id of the person
	At     string  `json:"at"`              // transaction time
	Tx     string  `json:"tx"`
	Reason string  `json:"reason,omitempty"` // required of a downgrade
}

// Kinds of facts that start or bound retention periods.
const (
	FactLastEncounter = "last-encounter"
	FactBirth         = "birth"
	FactDeath         = "death"
	FactTreatmentEnd  = "treatment-end"
	FactTrialEnd      = "trial-end"
	FactConsentEnd    = "consent-end"
	FactDiscontinued  = "programme-discontinued" // officer only
	FactErasure       = "erasure-request"        // officer only
)

// FactKinds lists every kind of fact.
func FactKinds() []string {
	return []string{FactLastEncounter, FactBirth, FactDeath, FactTreatmentEnd, FactTrialEnd, FactConsentEnd, FactDiscontinued, FactErasure}
}

// Fact is a dated event about a person. Date is a FHIR date: YYYY, YYYY-MM or
// YYYY-MM-DD; an imprecise one counts as the last day it can mean.
type Fact struct {
	Kind string `json:"kind"`
	Date string `json:"date"`
	// Source says what the fact was taken from, without naming anybody: a record
	// id, "import", or the holder's own reference.
	Source    string `json:"source,omitempty"`
	Withdrawn bool   `json:"withdrawn,omitempty"` // takes back an equal kind and date; officer, with a reason
	Reason    string `json:"reason,omitempty"`
	By        string `json:"by,omitempty"` // filled in by the contract
	At        string `json:"at,omitempty"`
	Tx        string `json:"tx,omitempty"`
}

// FactsRequest ([OpFacts], writer or officer) records facts about people. Facts
// that are there already are skipped; nothing is ever overwritten.
type FactsRequest struct {
	Version    int            `json:"v"`
	Region     string         `json:"region"`
	Collection string         `json:"collection"` // any record collection of the holder
	Seed       []byte         `json:"seed"`
	Subjects   []SubjectFacts `json:"subjects"` // 1 to MaxRecords, tokens unique
}

// SubjectFacts are facts about one subject token: in requests, and in the answer
// to a [FactsOfRequest].
type SubjectFacts struct {
	Subject string `json:"subject"`
	Facts   []Fact `json:"facts"` // in a request 1 to MaxFacts
}

// MaxFacts bounds the facts kept about one subject.
const MaxFacts = 256

// FactsOfRequest ([OpFactsOf], any role) asks for the facts about subjects.
type FactsOfRequest struct {
	Version    int      `json:"v"`
	Region     string   `json:"region"`
	Collection string   `json:"collection"`
	Subjects   []string `json:"subjects"` // 1 to MaxRecords
}

// Limit restricts access to everything about a subject (GDPR article 18): readers
// and writers are refused, officers and auditors are not.
type Limit struct {
	Reference string `json:"reference"` // the case, as matters have
	Authority string `json:"authority"`
	Reason    string `json:"reason"`
	SetBy     string `json:"setBy"`
	SetAt     string `json:"setAt"`
}

// LimitRequest ([OpLimit], officer) sets or lifts the restriction of access to
// subjects. Lifting needs another person than the one who set it.
type LimitRequest struct {
	Version    int      `json:"v"`
	Region     string   `json:"region"`
	Collection string   `json:"collection"`
	Seed       []byte   `json:"seed"`
	Subjects   []string `json:"subjects"`
	Lift       bool     `json:"lift,omitempty"`
	Reference  string   `json:"reference"`
	Authority  string   `json:"authority"`
	Reason     string   `json:"reason"`
}

// Query chooses records by what their metadata says; all parts that are given must
// match, and at least one must be given.
type Query struct {
	Types  []string `json:"types,omitempty"`  // FHIR resource types
	Labels []Label  `json:"labels,omitempty"` // any of them, by is-a; system and code only
	From   string   `json:"from,omitempty"`   // clinical end date on or after; a record without one matches
	To     string   `json:"to,omitempty"`     // on or before
}

// MaxQueries bounds the holds by query that are in force at once.
const MaxQueries = 100

// AmendRequest ([OpAmend]) rewrites the metadata of records: labels, acceptance of
// a due date, a reviewer's approval. For every record it names it does the same
// writes, whether anything changes or not, so that a batch may be filled up with
// records that stay as they are and nobody outside can tell which was meant.
type AmendRequest struct {
	Version    int           `json:"v"`
	Region     string        `json:"region"`
	Collection string        `json:"collection"`
	Seed       []byte        `json:"seed"`
	Records    []AmendRecord `json:"records"` // 1 to AmendRecords, ids unique
}

// AmendRecords is how many records one amendment carries; clients fill up to it.
const AmendRecords = 10

// AmendRecord says what changes of one record; with only an id and facts, nothing.
type AmendRecord struct {
	ID    string `json:"id"`
	Facts []Fact `json:"facts,omitempty"` // about its subjects, as [PutRecord.Facts]
	// Labels, when Relabel is set, is the whole new set at rest and Rules the
	// rule set it came from. A set that lacks a label the record has, or lowers its
	// confidentiality, is a downgrade: officer only, with a Reason.
	Relabel bool    `json:"relabel,omitempty"`
	Labels  []Label `json:"labels,omitempty"`
	Rules   string  `json:"rules,omitempty"`
	// Accept lets the due date become earlier than the one accepted before:
	// officer only, with a Reason. A later one is always taken over.
	Accept bool `json:"accept,omitempty"`
	// Review approves the destruction of a record whose row asks for review:
	// officer only, with Authority and Reason.
	Review    bool   `json:"review,omitempty"`
	Authority string `json:"authority,omitempty"`
	Reason    string `json:"reason,omitempty"`
}

// Review is a person's approval that a record may be destroyed once it is due.
type Review struct {
	By        string `json:"by"`
	At        string `json:"at"`
	Tx        string `json:"tx"`
	Authority string `json:"authority"`
	Reason    string `json:"reason"`
	Due       string `json:"due"` // the date it was given for; a later date asks again
	Law       string `json:"law"` // digest of the retention rows it was given under; others ask again
}

// ExplainRequest ([OpExplain], officer, purger, auditor, writer) asks why records
// are kept. The answer is a list of [Explanation].
type ExplainRequest struct {
	Version    int      `json:"v"`
	Region     string   `json:"region"`
	Collection string   `json:"collection"`
	IDs        []string `json:"ids"` // 1 to MaxRecords
}

// Explanation is everything that decided about one record: its metadata, the
// facts on the ledger and the assessment made of them (JSON of
// collections.Assessment), with what was accepted before.
type Explanation struct {
	ID         string          `json:"id"`
	Meta       *Meta           `json:"meta,omitempty"` // nil: absent or gone
	Facts      []Fact          `json:"facts,omitempty"`
	Assessment json.RawMessage `json:"assessment,omitempty"`
	Due        string          `json:"due,omitempty"`     // the date the contract would enforce
	Code       Code            `json:"code,omitempty"`    // why it cannot be purged as due now, "" if it can
	Matters    []string        `json:"matters,omitempty"` // holds on it, its subjects and by query
	Limited    bool            `json:"limited,omitempty"`
}

// Laws under which erasure can be forced.
const (
	LawGDPR  = "gdpr-17"
	LawMHMDA = "mhmda" // class consumer-health-data only
)

// CaseRequest ([OpCase], officer) opens, approves or closes a case of forced
// erasure. Approval needs another person than the opener.
type CaseRequest struct {
	Version    int      `json:"v"`
	Region     string   `json:"region"`
	Collection string   `json:"collection"`
	Seed       []byte   `json:"seed"`
	Case       string   `json:"case"`   // the holder's reference, 1 to 200 bytes
	Action     string   `json:"action"` // open, approve, close
	Law        string   `json:"law,omitempty"`
	Subjects   []string `json:"subjects,omitempty"`
	Received   string   `json:"received,omitempty"` // day the request was received, YYYY-MM-DD
	Deadline   string   `json:"deadline,omitempty"` // day by which it must be answered
	// Others, to open, lets the case destroy records that are also about people it
	// does not name. Without it those stay ([CodeShared]).
	Others    bool   `json:"others,omitempty"`
	Authority string `json:"authority"`
	Reason    string `json:"reason"`
}

// Actions of a [CaseRequest].
const (
	CaseOpen    = "open"
	CaseApprove = "approve"
	CaseClose   = "close"
)

// Case is the stored document of a forced erasure.
type Case struct {
	Version    int      `json:"v"`
	Case       string   `json:"case"`
	Law        string   `json:"law"`
	Subjects   []string `json:"subjects"`
	Received   string   `json:"received"`
	Deadline   string   `json:"deadline"`
	Others     bool     `json:"others,omitempty"` // as in [CaseRequest]
	Authority  string   `json:"authority"`
	Reason     string   `json:"reason"`
	OpenedBy   string   `json:"openedBy"`
	OpenedAt   string   `json:"openedAt"`
	ApprovedBy string   `json:"approvedBy,omitempty"`
	ApprovedAt string   `json:"approvedAt,omitempty"`
	ClosedAt   string   `json:"closedAt,omitempty"`
}

// CasesRequest ([OpCases], officer, purger, auditor) asks for one case.
type CasesRequest struct {
	Version    int    `json:"v"`
	Region     string `json:"region"`
	Collection string `json:"collection"`
	Case       string `json:"case"`
}

// Terms are the terms on which a disclosed copy is held: it may be withdrawn after
// Until (YYYY-MM-DD, the whole day included), or once a consent-end fact about one
// of its subjects has passed.
type Terms struct {
	Until     string `json:"until,omitempty"`
	Authority string `json:"authority"`
}

// Target names where a record has moved to, for ground moved.
type Target struct {
	ID         string `json:"id"` // as in IDs of the request, in the same order
	Collection string `json:"collection"`
	To         string `json:"to"` // id of the copy there
}
