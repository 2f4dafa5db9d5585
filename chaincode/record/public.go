package record

// Ref names one record in public: who holds it and its opaque id.
type Ref struct {
	Collection string `json:"collection"`
	ID         string `json:"id"`
}

// AnchorRequest asks the endorsers of at least two regions to confirm, each in
// its own state, that these hashes are those of the private values.
type AnchorRequest struct {
	Version int         `json:"v"`
	Region  string      `json:"region"`
	Records []AnchorRef `json:"records"` // 1 to MaxRecords
}

// AnchorRef is one record to anchor: Hash as by [Hash].
type AnchorRef struct {
	Ref
	Hash string `json:"hash"`
}

// TombstoneRequest asks the endorsers of at least two regions to confirm, each
// in its own state, that these records are gone.
type TombstoneRequest struct {
	Version int    `json:"v"`
	Region  string `json:"region"`
	Records []Ref  `json:"records"` // 1 to MaxRecords
}

// Anchor is the public state of one record, at [AnchorKey]. Times are
// transaction times, RFC 3339 in UTC with seconds, chosen by the submitting
// client within the peers' window (two minutes).
type Anchor struct {
	Version     int    `json:"v"`
	Region      string `json:"region"`
	Hash        string `json:"hash,omitempty"` // empty: purged before it was ever anchored
	AnchoredAt  string `json:"anchoredAt,omitempty"`
	AnchorTx    string `json:"anchorTx,omitempty"`
	PurgedAt    string `json:"purgedAt,omitempty"`
	TombstoneTx string `json:"tombstoneTx,omitempty"`
}

// States of a record in public.
const (
	StateUnanchored = "unanchored" // hash in the ledger, not yet confirmed by two regions
	StateActive     = "active"     // anchored, not purged
	StatePurged     = "purged"     // tombstone present
	StateUnknown    = "unknown"    // no trace of this id in this peer's state
)

// ProofRequest asks what the public ledger says of these ids.
type ProofRequest struct {
	Version int      `json:"v"`
	IDs     []string `json:"ids"` // 1 to MaxRecords
}

// Proof is what the public ledger says of one id.
type Proof struct {
	ID          string `json:"id"`
	Collection  string `json:"collection,omitempty"`
	Region      string `json:"region,omitempty"`
	Hash        string `json:"hash,omitempty"`
	State       string `json:"state"`
	AnchoredAt  string `json:"anchoredAt,omitempty"`
	TxID        string `json:"txId,omitempty"` // of the anchor
	PurgedAt    string `json:"purgedAt,omitempty"`
	TombstoneTx string `json:"tombstoneTxId,omitempty"`
	// Left says of a purged record what of it is still in the peer's state: LeftMetadata
	// between the two steps in which a large record goes, LeftRecord never.
	Left string `json:"left,omitempty"`
}

// What may be left of a purged record.
const (
	LeftMetadata = "metadata"
	LeftRecord   = "record"
)

// VerifyRequest asks whether a hash is the one of a record. Nothing keeps another
// holder from anchoring something of its own under a public id; then the request has
// to name the collection it means.
type VerifyRequest struct {
	Version    int    `json:"v"`
	ID         string `json:"id"`
	Hash       string `json:"hash"`
	Collection string `json:"collection,omitempty"`
}

// Verdict answers a [VerifyRequest]. Match compares with the anchor, and, while
// the record lives, with the private data hash in the answering peer's own
// state as well: a peer on which the two differ says so in PeerHash.
type Verdict struct {
	Proof
	Match    bool   `json:"match"`
	PeerHash string `json:"peerHash,omitempty"`
}

// Event is the payload of [EventAnchored] and [EventPurged]: ids only.
type Event struct {
	Version int    `json:"v"`
	Region  string `json:"region"`
	Records []Ref  `json:"records"`
}

// PolicyStatus answers [FuncPolicyStatus].
type PolicyStatus struct {
	Committed string            `json:"committed,omitempty"` // SHA-256 of the public JSON in force
	Approvals map[string]string `json:"approvals"`           // MSP -> SHA-256 it approves
}
