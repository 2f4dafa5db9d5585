package certificate

import (
	"bytes"
	"crypto/sha256"
	"encoding/asn1"
	"fmt"
	"math/big"
	"slices"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// newBlock keeps what is signed of a block.
func newBlock(b *common.Block) (Block, error) {
	out := Block{
		Number: b.GetHeader().GetNumber(), PreviousHash: b.GetHeader().GetPreviousHash(), DataHash: b.GetHeader().GetDataHash(),
		Data: b.GetData().GetData(),
	}
	var m common.Metadata
	if all := b.GetMetadata().GetMetadata(); len(all) == 0 || proto.Unmarshal(all[common.BlockMetadataIndex_SIGNATURES], &m) != nil {
		return out, fail("", "has no signatures")
	}
	out.Metadata = m.GetValue()
	for _, s := range m.GetSignatures() {
		out.Signatures = append(out.Signatures, BlockSignature{s.GetIdentifierHeader(), s.GetSignature()})
	}
	return out, nil
}

// header is the block's header as it is hashed and signed (Fabric, protoutil.BlockHeaderBytes).
func (b *Block) header() []byte {
	out, err := asn1.Marshal(struct {
		Number       *big.Int
		PreviousHash []byte
		DataHash     []byte
	}{new(big.Int).SetUint64(b.Number), b.PreviousHash, b.DataHash})
	if err != nil {
		panic(err) // three plain values
	}
	return out
}

// hash is what the next block's previous hash is.
func (b *Block) hash() []byte {
	sum := sha256.Sum256(b.header())
	return sum[:]
}

// lastConfig is the number of the configuration block that the orderers say is in force after this block.
func (b *Block) lastConfig() (uint64, error) {
	m := &common.OrdererBlockMetadata{}
	if only(b.Metadata, 2) != nil || proto.Unmarshal(b.Metadata, m) != nil || m.GetLastConfig() == nil {
		return 0, fail("metadata", "does not name the last configuration")
	}
	return m.GetLastConfig().GetIndex(), nil
}

// intact checks the data against the header. The hash is over all envelopes in a row and does not say where one ends, so
// each must be exactly one: a payload and at most one signature.
func (b *Block) intact() error {
	h := sha256.New()
	for i, d := range b.Data {
		h.Write(d)
		var count [3]int
		err := fields(d, func(n protowire.Number, b []byte, _ uint64) { count[min(n, 3)-1]++ })
		if err != nil || count[0] != 1 || count[1] > 1 || count[2] > 0 {
			return fail(fmt.Sprintf("data[%d]", i), "is not one envelope")
		}
	}
	if len(b.Data) == 0 || !bytes.Equal(h.Sum(nil), b.DataHash) {
		return fail("dataHash", "is not the hash of the data")
	}
	return nil
}

// signed checks that a quorum of c's consenters signed the block, and that none of the signatures is wrong.
func (b *Block) signed(c *configuration) error {
	seen := map[uint32]bool{}
	for i, s := range b.Signatures {
		if err := b.signedBy(c, s, seen); err != nil {
			return within(fmt.Sprintf("signatures[%d]", i), err)
		}
	}
	if len(seen) < c.quorum() {
		return fail("signatures", "%d of %d orderers signed, %d must", len(seen), len(c.consenters), c.quorum())
	}
	return nil
}

func (b *Block) signedBy(c *configuration, s BlockSignature, seen map[uint32]bool) error {
	id := &common.IdentifierHeader{}
	if only(s.Identifier, 2) != nil || proto.Unmarshal(s.Identifier, id) != nil {
		return fail("identifier", "does not decode")
	}
	o, ok := c.consenters[id.GetIdentifier()]
	if !ok || seen[id.GetIdentifier()] {
		return fail("identifier", "orderer %d is none, or signs twice", id.GetIdentifier())
	}
	seen[id.GetIdentifier()] = true
	cert, role, err := o.org.member(o.cert)
	if err != nil {
		return err
	}
	if role != "orderer" {
		return fail("identifier", "orderer %d has the certificate of a %s", id.GetIdentifier(), role)
	}
	return within("signature", checkSignature(cert, slices.Concat(b.Metadata, s.Identifier, b.header()), s.Signature))
}
