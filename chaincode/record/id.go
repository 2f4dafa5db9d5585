package record

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
)

// IDLen is the length of a record id: 128 bits in lower-case base32.
const IDLen = 26

// IndexKeyLen is the length in bytes of a region's index key.
const IndexKeyLen = 32

var idEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// NewID returns a random record id.
func NewID() string {
	var b [16]byte
	rand.Read(b[:]) //nolint:errcheck // never fails since Go 1.24
	return idEncoding.EncodeToString(b[:])
}

// ImportID returns the id of the ordinal-th record of a named import. A second
// run of the same import finds its own ids, so nothing is stored twice and no
// client keeps state. attempt starts at 0.
func ImportID(indexKey []byte, importName string, ordinal, attempt int) string {
	m := mac(indexKey, "id", []byte(importName))
	var n [16]byte
	binary.BigEndian.PutUint64(n[:8], uint64(ordinal))
	binary.BigEndian.PutUint64(n[8:], uint64(attempt))
	return idEncoding.EncodeToString(mac(m, "ordinal", n[:])[:16])
}

// ErrBadID says that a string is not a record id.
var ErrBadID = errors.New("a record id is 26 characters a-z, 2-7")

// CheckID reports whether id is well formed: exactly 26 characters that decode
// to 16 bytes and encode back to the same.
func CheckID(id string) error {
	b, err := idEncoding.DecodeString(id)
	if err != nil || len(b) != 16 || idEncoding.EncodeToString(b) != id {
		return ErrBadID
	}
	return nil
}

// SubjectToken is the index token of a person: reference is "Type/id" as
// resolved inside its Bundle. Only a holder of the region's index key can
// compute it.
func SubjectToken(indexKey []byte, reference string) string {
	return token(indexKey, "subject", reference)
}

// IdentifierToken is the index token of a person's business identifier, such
// as a medical record number: the FHIR Identifier's system and value.
func IdentifierToken(indexKey []byte, system, value string) string {
	return token(indexKey, "identifier", system+"\x00"+value)
}

// ResourceToken is the index token of a FHIR resource: reference is "Type/id".
func ResourceToken(indexKey []byte, reference string) string {
	return token(indexKey, "resource", reference)
}

// HoldToken is the token under which holds on one record are kept; secret is
// the value at [KeySecret] of the log collection.
func HoldToken(secret []byte, id string) string { return token(secret, "hold", id) }

// QueriesToken is the token of the one document that lists the holds by query.
func QueriesToken(secret []byte) string { return token(secret, "queries", "") }

// CaseToken is the token under which a case of forced erasure is kept.
func CaseToken(secret []byte, reference string) string { return token(secret, "case", reference) }

// TokenLen is the length of a token: 128 bits in hex.
const TokenLen = 32

// CheckToken reports whether s has the form of a token.
func CheckToken(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == TokenLen/2 && strings.ToLower(s) == s
}

func token(key []byte, kind, text string) string {
	return hex.EncodeToString(mac(key, kind, []byte(text))[:TokenLen/2])
}

// mac is HMAC-SHA-256 over kind, a zero byte and data; kinds hold no zero byte.
func mac(key []byte, kind string, data []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte("domicile " + kind + "\x00"))
	h.Write(data)
	return h.Sum(nil)
}
