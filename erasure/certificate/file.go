package certificate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"domicile/chaincode/record"
)

// Version is the version of the file that this package writes and reads. Others are refused.
const Version = 1

// Kind is the value of the field kind.
const Kind = "domicile certificate of destruction"

// Limits of what is read.
const (
	// MaxSize is the largest certificate, in bytes: four blocks of the size at which a Domicile network cuts them (2 MB)
	// in base64, and as much again for the rest. Checking takes some eight times the size of the file in memory.
	MaxSize = 32 << 20
	// MaxGenesis is the largest genesis block, in bytes.
	MaxGenesis = 4 << 20
	// MaxAttestation is the largest attestation, in bytes: MaxRecords records, and as much again.
	MaxAttestation = 16 << 20
	// MaxRecords is how many records one attestation may name.
	MaxRecords = 100_000
	// maxItems bounds the objects, lists and their members in a file, because a short item can take much memory.
	maxItems = 500_000
	// maxPart is the largest part of a receipt, in bytes, for the same reason: it is decoded before it is believed.
	maxPart = 1 << 20
)

// Certificate is the file. Every field is checked by [Verify] against something signed; fields of type []byte are
// base64 in JSON.
type Certificate struct {
	Version int    `json:"version"`
	Kind    string `json:"kind"`
	// Channel and Chaincode are the names of both.
	Channel   string `json:"channel"`
	Chaincode string `json:"chaincode"`
	// Genesis is the SHA-256 of the genesis block's header, in hex. It tells whether a genesis block is the right
	// one; trust comes from the block that the verifier was given.
	Genesis string `json:"genesis"`
	Record  Record `json:"record"`
	// Put wrote the record. Anchor confirmed its hash in public; absent: the record was purged before that. Purge
	// removed it, Tombstone confirmed that in public.
	Put       Place  `json:"put"`
	Anchor    *Place `json:"anchor,omitempty"`
	Purge     Place  `json:"purge"`
	Tombstone Place  `json:"tombstone"`
	// Configurations are the numbers of all configuration blocks after the genesis block, ascending.
	Configurations []uint64 `json:"configurations"`
	// Blocks are the configuration blocks and those of the four transactions, ascending, each once.
	Blocks []Block `json:"blocks"`
	// Receipt is a read of the tombstone.
	Receipt Receipt `json:"receipt"`
	// Attestations are the operators' statements about their disks.
	Attestations []Attestation `json:"attestations,omitempty"`
	// Annex is private. It is there only if the holder added it.
	Annex *Annex `json:"annex,omitempty"`
}

// Record names the record and the hash under which it existed (see [record.Hash]), in hex.
type Record struct {
	record.Ref
	Hash string `json:"hash"`
}

// Place is where a transaction stands.
type Place struct {
	Block uint64 `json:"block"`
	Tx    uint64 `json:"tx"` // its position in the block, from 0
	TxID  string `json:"txId"`
}

// before reports whether p comes before q on the ledger.
func (p Place) before(q Place) bool { return p.Block < q.Block || p.Block == q.Block && p.Tx < q.Tx }

// Block is a block without what nobody signs.
type Block struct {
	Number       uint64   `json:"number"`
	PreviousHash []byte   `json:"previousHash"`
	DataHash     []byte   `json:"dataHash"`
	Data         [][]byte `json:"data"`
	// Metadata is the value that the orderers sign beside the header: a common.OrdererBlockMetadata.
	Metadata   []byte           `json:"metadata"`
	Signatures []BlockSignature `json:"signatures"`
}

// BlockSignature is an orderer's signature on Metadata, Identifier (a common.IdentifierHeader) and the block's header.
type BlockSignature struct {
	Identifier []byte `json:"identifier"`
	Signature  []byte `json:"signature"`
}

// Receipt is a read of the contract that peers endorsed and nobody submitted. The parts are those of a transaction.
type Receipt struct {
	ChannelHeader   []byte        `json:"channelHeader"`
	SignatureHeader []byte        `json:"signatureHeader"`
	Proposal        []byte        `json:"proposal"` // without transient data, of which there is none
	Response        []byte        `json:"response"`
	Endorsements    []Endorsement `json:"endorsements"`
}

// Endorsement is a peer's signature on a response and its own identity.
type Endorsement struct {
	Endorser  []byte `json:"endorser"`
	Signature []byte `json:"signature"`
}

// Annex is what the holder's register of destruction says. Its hash is on the ledger, so it is checked; it names
// ground, authority and the certificate that purged, which are nobody else's business.
type Annex struct {
	// Register is the stored value of the register's entry: a salt and a [record.Gone].
	Register []byte `json:"register"`
}

// Mismatch is the error of everything that does not hold. Field is the path of the place in the file, such as
// blocks[2].signatures[0], or genesis for the given block.
type Mismatch struct{ Field, Reason string }

func (m *Mismatch) Error() string { return "certificate: " + m.Field + ": " + m.Reason }

func fail(field, format string, args ...any) error {
	return &Mismatch{field, fmt.Sprintf(format, args...)}
}

// within puts the path of the surrounding field before that of err's.
func within(field string, err error) error {
	var m *Mismatch
	if err == nil {
		return nil
	}
	if errors.As(err, &m) {
		if m.Field == "" {
			return &Mismatch{field, m.Reason}
		}
		return &Mismatch{field + "." + m.Field, m.Reason}
	}
	return &Mismatch{field, err.Error()}
}

// Encode writes the certificate as JSON with indentation.
func (c *Certificate) Encode() ([]byte, error) { return encode(c) }

// Decode reads a certificate and checks its form alone. Besides white space there is one form of each certificate:
// unknown, repeated or reordered fields are refused. Errors are [*Mismatch].
func Decode(b []byte) (*Certificate, error) {
	c := &Certificate{}
	if err := decode(b, c, MaxSize); err != nil {
		return nil, within("file", err)
	}
	if c.Version != Version {
		return nil, fail("version", "is %d, this program knows %d", c.Version, Version)
	}
	if c.Kind != Kind {
		return nil, fail("kind", "is not %q", Kind)
	}
	if c.Configurations == nil {
		return nil, fail("configurations", "is null: a list without any is []")
	}
	for _, part := range [][]byte{c.Receipt.ChannelHeader, c.Receipt.SignatureHeader, c.Receipt.Proposal, c.Receipt.Response} {
		if len(part) > maxPart {
			return nil, fail("receipt", "a part is longer than %d bytes", maxPart)
		}
	}
	return c, nil
}

func compact(v any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

func encode(v any) ([]byte, error) {
	b, err := compact(v)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, b, "", " "); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// decode reads JSON that must be, but for white space, what encode would write. So no two readers can understand the
// same bytes differently.
func decode(b []byte, into any, limit int) error {
	if len(b) > limit {
		return fail("", "longer than %d bytes", limit)
	}
	if bytes.Count(b, []byte(","))+bytes.Count(b, []byte("{"))+bytes.Count(b, []byte("[")) > maxItems {
		return fail("", "holds more than %d items", maxItems)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fail("", "not readable: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fail("", "something follows the end")
	}
	again, err := compact(into)
	if err != nil {
		return fail("", "not readable: %v", err)
	}
	var given bytes.Buffer
	if err := json.Compact(&given, b); err != nil {
		return fail("", "not readable: %v", err)
	}
	if !bytes.Equal(given.Bytes(), again) {
		return fail("", "not in the one form a certificate has: a field is repeated, empty, out of order or spelt otherwise")
	}
	return nil
}
