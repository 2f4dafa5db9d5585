package record

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"regexp"
)

// Evidence of erasure: what lets an operator look for a record's bytes after its
// purge, kept encrypted in the holder's log until somebody has looked. Losing it costs
// the evidence and nothing else.

const (
	// OpEvidence is the operation of [FuncRead] that lists it: [EvidenceRequest]
	// -> [EvidencePage].
	OpEvidence = "evidence"
	// OpAttest is the operation of [FuncWrite] by which an operator registers what
	// a signed attestation says: [AttestRequest].
	OpAttest = "attest"
	// OpEvidenceEnd is the operation of [FuncWrite] that purges it once an operator
	// of every holder has registered a clean search: [EvidenceEndRequest].
	OpEvidenceEnd = "evidence-end"
	// OpCanary is the operation of [FuncWrite] that stores a record about nobody,
	// to be purged with the next batch: [CanaryRequest].
	OpCanary = "canary"

	// FieldEvidence is the transient field of [OpPurge] with the key, of
	// [EvidenceKeyLen] bytes, under which the purge leaves evidence. Without it
	// the purge leaves none.
	FieldEvidence = "evidence"
	// EvidenceKeyLen is the length of that key in bytes.
	EvidenceKeyLen = 32

	prefixEvidence = "fp/"
)

// EvidenceKey is the key, in a log collection, of the evidence of one purge; nonce is
// 32 hex digits. It does not name the record, so that nobody outside can tell when
// whose erasure was attested.
func EvidenceKey(nonce string) string { return prefixEvidence + nonce }

// EvidencePrefix begins every [EvidenceKey].
const EvidencePrefix = prefixEvidence

var evidenceKey = regexp.MustCompile(`^` + prefixEvidence + `[0-9a-f]{32}$`)

// CheckEvidenceKey reports whether k has the form of an [EvidenceKey].
func CheckEvidenceKey(k string) bool { return evidenceKey.MatchString(k) }

// EvidenceCipherKey derives the value of [FieldEvidence] from a region's index key
// (HKDF-SHA-256, RFC 5869).
func EvidenceCipherKey(indexKey []byte) ([]byte, error) {
	return hkdf.Key(sha256.New, indexKey, nil, "domicile evidence 1", EvidenceKeyLen)
}

// RollBase is the base of the polynomial, modulo 2^64, of [Roll]. It is odd, so that
// no byte is shifted out.
const RollBase = 0x9e3779b97f4a7c15

// Roll is the rolling hash of b that a search compares at every position.
func Roll(b []byte) uint64 {
	var h uint64
	for _, c := range b {
		h = h*RollBase + uint64(c) + 1
	}
	return h
}

// Print finds a random byte string without being able to tell it: its rolling hash
// and the SHA-256 that confirms a hit.
type Print struct {
	Len  int    `json:"len"`    // bytes it stands for
	Roll string `json:"roll"`   // 16 hex digits
	Sum  string `json:"sha256"` // 64 hex digits
}

// PrintOf returns the print of b.
func PrintOf(b []byte) Print {
	var roll [8]byte
	binary.BigEndian.PutUint64(roll[:], Roll(b))
	sum := sha256.Sum256(b)
	return Print{len(b), hex.EncodeToString(roll[:]), hex.EncodeToString(sum[:])}
}

// TailLen is how many characters at the end of an index key's nonce make its print:
// tables of databases cut off what a key shares with the one before it.
const TailLen = 16

// Evidence is what a purge leaves for the search. Of every record it has the same
// number of prints: of the salts of its value and of its metadata, and of the tails of
// its index keys.
type Evidence struct {
	Version int     `json:"v"`
	Prints  []Print `json:"prints"`
	// Canary is the whole of a record about nobody, so that others may search for
	// it, too.
	Canary *CanaryBytes `json:"canary,omitempty"`
}

// CanaryBytes are salt and resource of a canary.
type CanaryBytes struct {
	Salt []byte `json:"salt"`
	Body []byte `json:"body"`
}

// SealedEvidence is the stored document at [EvidenceKey].
type SealedEvidence struct {
	Version    int    `json:"v"`
	Collection string `json:"collection"` // that held the record
	ID         string `json:"id"`
	At         string `json:"at"`  // transaction time of the purge
	Tx         string `json:"tx"`  // its transaction
	Box        []byte `json:"box"` // see SealEvidence
	// Attested is the latest registration of each organisation.
	Attested []Registration `json:"attested,omitempty"`
}

// Search is what an operator's attestation says in short. The contract cannot see
// disks: what it holds against a search is its own words.
type Search struct {
	SHA256 string `json:"sha256"` // of the attestation's file, hex
	// SearchedAt is when the search of the first node began, RFC 3339 in UTC.
	SearchedAt string `json:"searchedAt"`
	// Height is how many blocks the peer that was behind the others had.
	Height  uint64 `json:"height"`
	Found   int    `json:"found"`   // places in which bytes were found
	Missing int    `json:"missing"` // nodes that were not searched
	Gaps    int    `json:"gaps"`    // parts of stores on disks that could not be searched
}

// Clean reports whether the search found nothing and left nothing out.
func (s Search) Clean() bool { return s.Found == 0 && s.Missing == 0 && s.Gaps == 0 }

// Registration is a [Search] as the contract recorded it.
type Registration struct {
	Search
	Org string `json:"org"` // MSP id of who submitted it
	By  string `json:"by"`  // as in LogEntry
	At  string `json:"at"`  // transaction time
	Tx  string `json:"tx"`
}

// ErrEvidence says that evidence cannot be opened: the key is not the one it was
// sealed under, or it was altered.
var ErrEvidence = errors.New("evidence does not open with this region's index key")

// SealEvidence encrypts evidence of a record with AES-256-GCM. drawn is secret and
// drawn for this one box; the nonce depends on the plaintext as well, so that a client
// that repeats a seed repeats no nonce.
func SealEvidence(key, drawn []byte, r Ref, e Evidence) ([]byte, error) {
	aead, err := evidenceCipher(key)
	if err != nil {
		return nil, err
	}
	plain, err := packEvidence(e)
	if err != nil {
		return nil, err
	}
	h := hmac.New(sha256.New, drawn)
	h.Write(plain)
	nonce := h.Sum(nil)[:aead.NonceSize()]
	return aead.Seal(nonce, nonce, plain, evidenceOf(r)), nil
}

// OpenEvidence is the inverse of [SealEvidence]. Its error is [ErrEvidence].
func OpenEvidence(key, box []byte, r Ref) (Evidence, error) {
	var e Evidence
	aead, err := evidenceCipher(key)
	if err != nil || len(box) < aead.NonceSize() {
		return e, ErrEvidence
	}
	n := aead.NonceSize()
	plain, err := aead.Open(nil, box[:n], box[n:], evidenceOf(r))
	if err != nil {
		return e, ErrEvidence
	}
	if e, err = unpackEvidence(plain); err != nil || e.Version != Version {
		return Evidence{}, ErrEvidence
	}
	return e, nil
}

// evidenceOf ties a box to its record.
func evidenceOf(r Ref) []byte { return []byte("domicile evidence " + r.Collection + "/" + r.ID) }

func evidenceCipher(key []byte) (cipher.AEAD, error) {
	if len(key) != EvidenceKeyLen {
		return nil, errors.New("the key of evidence has not 32 bytes")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// EvidenceRequest ([OpEvidence]; purger, auditor, officer) lists the evidence of a
// collection's purged records that nobody has settled.
type EvidenceRequest struct {
	Version    int    `json:"v"`
	Region     string `json:"region"`
	Collection string `json:"collection"`
	After      string `json:"after,omitempty"` // EvidencePage.Next of the page before
	Limit      int    `json:"limit,omitempty"` // 1 to MaxPage, 0 = MaxPage
}

// EvidencePage is one page of evidence. It may be empty and yet have a Next.
type EvidencePage struct {
	Entries []EvidenceEntry `json:"entries"`
	Next    string          `json:"next,omitempty"` // empty: the end
}

// EvidenceEntry is the evidence of one record.
type EvidenceEntry struct {
	Key string `json:"key"`
	SealedEvidence
}

// AttestRequest ([OpAttest]; an administrator or operator of a holder) registers an
// attestation of the caller's own organisation with the evidence of the records that
// were looked for. It replaces the organisation's registration before it, so that
// residue found later counts, and no earlier search makes up for it.
//
// The evidence must be on the ledger, which shows that the registration came after
// the purge, and the search must have begun after the purge's own time:
// [CodeNotAttested], as for a search that began before the one that the organisation has
// registered. Clean or not, its transaction looks the same.
type AttestRequest struct {
	Version    int      `json:"v"`
	Region     string   `json:"region"`
	Collection string   `json:"collection"`
	Seed       []byte   `json:"seed"`
	Keys       []string `json:"keys"` // 1 to MaxRecords
	Search     Search   `json:"search"`
}

// EvidenceEndRequest ([OpEvidenceEnd]; purger) purges evidence that has served its
// purpose: every member of the collection has registered a clean search for it in a
// block before. Otherwise it is refused with [CodeNotAttested].
type EvidenceEndRequest struct {
	Version    int      `json:"v"`
	Region     string   `json:"region"`
	Collection string   `json:"collection"`
	Seed       []byte   `json:"seed"`
	Keys       []string `json:"keys"` // 1 to MaxRecords
}
