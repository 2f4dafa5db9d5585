package record

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
)

// SaltLen is the length in bytes of the random salt in every private value.
const SaltLen = 32

// SeedLen is the length in bytes of the random seed a client sends with each
// private write. The contract draws salts and nonces from it, because every
// endorser must arrive at the same bytes.
const SeedLen = 32

// valueVersion is the first byte of every private value.
const valueVersion = 0x01

// EncodeValue returns a private value: 0x01, the 32-byte salt, the payload.
func EncodeValue(salt, payload []byte) []byte {
	v := make([]byte, 0, 1+SaltLen+len(payload))
	v = append(v, valueVersion)
	v = append(v, salt...)
	return append(v, payload...)
}

// DecodeValue splits a private value into salt and payload, which alias v.
func DecodeValue(v []byte) (salt, payload []byte, err error) {
	if len(v) < 1+SaltLen {
		return nil, nil, errors.New("private value is shorter than its header of 33 bytes")
	}
	if v[0] != valueVersion {
		return nil, nil, fmt.Errorf("private value has format %d, want %d", v[0], valueVersion)
	}
	return v[1 : 1+SaltLen], v[1+SaltLen:], nil
}

// Hash is the anchor hash of a resource: the lower-case hex SHA-256 of its
// private value. It equals, by Fabric's own rule, the private data hash that
// every peer of the channel keeps. With standard tools:
//
//	{ printf '\001'; printf %s "$SALT" | xxd -r -p; cat resource.json; } | sha256sum
func Hash(salt, resource []byte) string {
	h := sha256.New()
	h.Write([]byte{valueVersion})
	h.Write(salt)
	h.Write(resource)
	return hex.EncodeToString(h.Sum(nil))
}

// Drawer draws salts and nonces from a client's seed (HKDF-SHA-256, RFC 5869),
// one independent value per label.
type Drawer struct{ prk []byte }

// NewDrawer returns a Drawer, or an error when the seed is not [SeedLen] bytes.
func NewDrawer(seed []byte) (*Drawer, error) {
	if len(seed) != SeedLen {
		return nil, fmt.Errorf("seed has %d bytes, want %d", len(seed), SeedLen)
	}
	prk, err := hkdf.Extract(sha256.New, seed, []byte("domicile seed"))
	if err != nil {
		return nil, err
	}
	return &Drawer{prk}, nil
}

// Salt draws the 32-byte salt of the value labelled label.
func (d *Drawer) Salt(label string) []byte { return d.draw("salt "+label, SaltLen) }

// Nonce draws 128 bits in hex for the key labelled label.
func (d *Drawer) Nonce(label string) string {
	return hex.EncodeToString(d.draw("nonce "+label, 16))
}

func (d *Drawer) draw(info string, n int) []byte {
	out, err := hkdf.Expand(sha256.New, d.prk, info, n)
	if err != nil { // only for n > 255*32
		panic(err)
	}
	return out
}
