package record

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
)

// SealKeyLen is the length in bytes of the key a reader passes in [FieldKey].
const SealKeyLen = 32

// sealBlock is the granularity, in bytes, to which sealed answers are padded,
// so that their length says little.
const sealBlock = 1024

// Sealed is the public form of an answer of [FuncRead]. A read that is
// submitted by mistake puts this, and not plaintext, into every block.
type Sealed struct {
	Version int    `json:"v"`
	TxID    string `json:"txId"`   // the transaction id the key was bound to
	Box     []byte `json:"sealed"` // nonce ‖ AES-256-GCM ciphertext of the padded answer
}

// Seal encrypts an answer under a key derived (HKDF-SHA-256) from the caller's
// key and the transaction id, and returns the JSON of a [Sealed]. The nonce
// depends on the plaintext, so two endorsers that answer differently to one
// transaction never reuse it.
func Seal(key []byte, txID string, answer []byte) ([]byte, error) {
	aead, nonceKey, err := sealKeys(key, txID)
	if err != nil {
		return nil, err
	}
	plain := pad(answer)
	h := hmac.New(sha256.New, nonceKey)
	h.Write(plain)
	nonce := h.Sum(nil)[:aead.NonceSize()]
	box := aead.Seal(nonce, nonce, plain, []byte(txID))
	return json.Marshal(Sealed{Version: Version, TxID: txID, Box: box})
}

// ErrSealed says that a sealed answer cannot be opened: the key is not the one
// it was asked with, or the answer was altered.
var ErrSealed = errors.New("sealed answer does not open with this key")

// Open is the inverse of [Seal].
func Open(key, sealed []byte) ([]byte, error) {
	var s Sealed
	if err := json.Unmarshal(sealed, &s); err != nil {
		return nil, fmt.Errorf("not a sealed answer: %w", err)
	}
	if s.Version != Version {
		return nil, fmt.Errorf("sealed answer has version %d, want %d", s.Version, Version)
	}
	aead, _, err := sealKeys(key, s.TxID)
	if err != nil {
		return nil, err
	}
	n := aead.NonceSize()
	if len(s.Box) < n {
		return nil, ErrSealed
	}
	plain, err := aead.Open(nil, s.Box[:n], s.Box[n:], []byte(s.TxID))
	if err != nil {
		return nil, ErrSealed
	}
	return unpad(plain)
}

func sealKeys(key []byte, txID string) (cipher.AEAD, []byte, error) {
	if len(key) != SealKeyLen {
		return nil, nil, fmt.Errorf("sealing key has %d bytes, want %d", len(key), SealKeyLen)
	}
	okm, err := hkdf.Key(sha256.New, key, []byte(txID), "domicile seal 1", 64)
	if err != nil {
		return nil, nil, err
	}
	block, err := aes.NewCipher(okm[:32])
	if err != nil {
		return nil, nil, err
	}
	aead, err := cipher.NewGCM(block)
	return aead, okm[32:], err
}

// pad prefixes the length and fills with zeros to a multiple of sealBlock.
func pad(b []byte) []byte {
	n := 4 + len(b)
	out := make([]byte, (n+sealBlock-1)/sealBlock*sealBlock)
	binary.BigEndian.PutUint32(out, uint32(len(b)))
	copy(out[4:], b)
	return out
}

func unpad(b []byte) ([]byte, error) {
	if len(b) < 4 {
		return nil, ErrSealed
	}
	n := int(binary.BigEndian.Uint32(b))
	if n > len(b)-4 {
		return nil, ErrSealed
	}
	return b[4 : 4+n : 4+n], nil
}
