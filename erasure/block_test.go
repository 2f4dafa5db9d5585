package erasure_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"iter"
	"math/big"
	"strings"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"domicile/erasure"
)

// txParts are the parts of a transaction in which a test can plant a leak.
type txParts struct {
	args              [][]byte
	transient         map[string][]byte
	message           string
	payload           []byte
	eventName         string
	event             []byte
	key               string
	value             []byte
	collection        string
	keyHash           []byte
	subject, attr     string
	metadata          []byte
	unknown           []byte
	channel, endorser string
}

func marshal(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func identity(t testing.TB, subject, attr string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: subject, OrganizationalUnit: []string{"client"}}}
	if attr != "" {
		tmpl.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4, 5, 6, 7, 8, 1}, Value: []byte(`{"attrs":{"role":"` + attr + `"}}`)}}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return marshal(t, &msp.SerializedIdentity{Mspid: "Eu1MSP", IdBytes: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})})
}

func results(t testing.TB, p txParts) []byte {
	t.Helper()
	kv := &kvrwset.KVRWSet{
		Reads:            []*kvrwset.KVRead{{Key: "read"}},
		Writes:           []*kvrwset.KVWrite{{Key: p.key, Value: p.value}},
		MetadataWrites:   []*kvrwset.KVMetadataWrite{{Key: "m", Entries: []*kvrwset.KVMetadataEntry{{Name: "VALIDATION_PARAMETER", Value: p.metadata}}}},
		RangeQueriesInfo: []*kvrwset.RangeQueryInfo{{StartKey: "a", EndKey: "b"}},
	}
	hashed := &kvrwset.HashedRWSet{HashedWrites: []*kvrwset.KVWriteHash{{KeyHash: p.keyHash, ValueHash: []byte("value hash")}}}
	return marshal(t, &rwset.TxReadWriteSet{NsRwset: []*rwset.NsReadWriteSet{{
		Namespace: "domicile", Rwset: marshal(t, kv),
		CollectionHashedRwset: []*rwset.CollectionHashedReadWriteSet{{CollectionName: p.collection, HashedRwset: marshal(t, hashed), PvtRwsetHash: []byte("hash")}},
	}}})
}

func envelope(t testing.TB, p txParts) []byte {
	t.Helper()
	creator := marshal(t, &common.SignatureHeader{Creator: identity(t, p.subject, p.attr), Nonce: []byte("nonce")})
	input := marshal(t, &peer.ChaincodeInvocationSpec{ChaincodeSpec: &peer.ChaincodeSpec{
		ChaincodeId: &peer.ChaincodeID{Name: "domicile"}, Input: &peer.ChaincodeInput{Args: p.args},
	}})
	action := marshal(t, &peer.ChaincodeAction{
		Results: results(t, p), ChaincodeId: &peer.ChaincodeID{Name: "domicile", Version: "1"},
		Response: &peer.Response{Status: 200, Message: p.message, Payload: p.payload},
		Events:   marshal(t, &peer.ChaincodeEvent{ChaincodeId: "domicile", EventName: p.eventName, Payload: p.event}),
	})
	tx := marshal(t, &peer.Transaction{Actions: []*peer.TransactionAction{{Header: creator, Payload: marshal(t, &peer.ChaincodeActionPayload{
		ChaincodeProposalPayload: marshal(t, &peer.ChaincodeProposalPayload{Input: input, TransientMap: p.transient}),
		Action: &peer.ChaincodeEndorsedAction{
			ProposalResponsePayload: marshal(t, &peer.ProposalResponsePayload{ProposalHash: []byte("h"), Extension: action}),
			Endorsements:            []*peer.Endorsement{{Endorser: identity(t, p.endorser, ""), Signature: []byte("sig")}},
		},
	})}}})
	channel := &common.ChannelHeader{Type: int32(common.HeaderType_ENDORSER_TRANSACTION), ChannelId: p.channel, TxId: "id"}
	if p.unknown != nil {
		channel.ProtoReflect().SetUnknown(protowire.AppendBytes(protowire.AppendTag(nil, 99, protowire.BytesType), p.unknown))
	}
	payload := &common.Payload{Header: &common.Header{ChannelHeader: marshal(t, channel), SignatureHeader: creator}, Data: tx}
	return marshal(t, &common.Envelope{Payload: marshal(t, payload), Signature: []byte("signature")})
}

func block(number uint64, envelopes ...[]byte) *common.Block {
	sum := sha256.Sum256(bytes.Join(envelopes, nil))
	return &common.Block{
		Header:   &common.BlockHeader{Number: number, DataHash: sum[:], PreviousHash: sum[:]},
		Data:     &common.BlockData{Data: envelopes},
		Metadata: &common.BlockMetadata{Metadata: [][]byte{{}, {}, {0}}},
	}
}

// stored serializes a block as Fabric's block files hold it.
func stored(b *common.Block) []byte {
	out := protowire.AppendVarint(nil, b.Header.Number)
	out = protowire.AppendBytes(out, b.Header.DataHash)
	out = protowire.AppendBytes(out, b.Header.PreviousHash)
	for _, list := range [][][]byte{b.Data.Data, b.Metadata.Metadata} {
		out = protowire.AppendVarint(out, uint64(len(list)))
		for _, e := range list {
			out = protowire.AppendBytes(out, e)
		}
	}
	return out
}

func seq(blocks ...*common.Block) iter.Seq2[*erasure.StoredBlock, error] {
	return func(yield func(*erasure.StoredBlock, error) bool) {
		for _, b := range blocks {
			if !yield(&erasure.StoredBlock{Block: b}, nil) {
				return
			}
		}
	}
}

func TestALeakInABlockIsToldByItsPlace(t *testing.T) {
	for _, c := range []struct {
		path string
		form erasure.Form
		tx   txParts
	}{
		{"tx[0].args[1]", "block", txParts{args: [][]byte{[]byte("Put"), []byte("x" + canary)}}},
		{"tx[0].args[0]", "block/hex", txParts{args: [][]byte{[]byte(hex.EncodeToString([]byte(canary)))}}},
		{"tx[0].args[0]~base64~base64", "block", txParts{args: [][]byte{[]byte(base64.StdEncoding.EncodeToString([]byte(base64.RawURLEncoding.EncodeToString([]byte("a" + canary)))))}}},
		{"tx[0].args[0]~gzip", "block", txParts{args: [][]byte{gz(t, []byte(canary))}}},
		{"tx[0].transient[0].value", "block", txParts{transient: map[string][]byte{"k": []byte(canary)}}},
		{"tx[0].transient[0].key", "block", txParts{transient: map[string][]byte{canary: []byte("v")}}},
		{"tx[0].response.message", "block", txParts{message: canary}},
		{"tx[0].response.payload", "block", txParts{payload: []byte(canary)}},
		{"tx[0].event.name", "block", txParts{eventName: canary}},
		{"tx[0].event.payload", "block", txParts{event: []byte(canary)}},
		{"tx[0].rwset.domicile.writes[0].key", "block", txParts{key: canary}},
		{"tx[0].rwset.domicile.writes[0].value", "block", txParts{value: []byte(canary)}},
		{"tx[0].rwset.domicile.metadata[0].entries[0].value", "block", txParts{metadata: []byte(canary)}},
		{"tx[0].rwset.domicile.eu-a.writes[0].keyhash", "block", txParts{collection: "eu-a", keyHash: []byte(canary)}},
		{"tx[0].creator.subject", "block", txParts{subject: canary}},
		{"tx[0].creator.attributes", "block", txParts{attr: canary}},
		{"tx[0].endorsement[0].subject", "block", txParts{endorser: canary}},
		{"tx[0].channel", "block", txParts{channel: canary}},
		{"tx[0].channelheader.unknown", "block", txParts{unknown: []byte(canary)}},
	} {
		t.Run(c.path, func(t *testing.T) {
			r, err := erasure.ScanBlocks(t.Context(), seq(block(12, envelope(t, c.tx))), patterns(canary))
			must(t, err)
			want := "block 12 " + c.path
			for _, f := range r.Findings {
				if strings.HasSuffix(f.Path, ".envelope") {
					t.Errorf("told the envelope though the place is known")
				}
				if f.Path == want && f.Form == c.form {
					want = ""
				}
			}
			if want != "" {
				t.Fatalf("no %s at %s in %+v", c.form, want, r.Findings)
			}
		})
	}
}

func TestTransientDataOfAProposalIsAbsentFromABlock(t *testing.T) {
	b := block(1, envelope(t, txParts{args: [][]byte{[]byte("Put")}}))
	for _, f := range erasure.BlockFields(b) {
		if strings.Contains(f.Path, "transient") {
			t.Errorf("field %s", f.Path)
		}
	}
	r, err := erasure.ScanBlocks(t.Context(), seq(b), patterns(canary))
	must(t, err)
	if !r.Clean() || r.Files != 1 {
		t.Fatalf("%+v", r)
	}
}

func TestWhatDoesNotDecodeIsSearchedRaw(t *testing.T) {
	r, err := erasure.ScanBlocks(t.Context(), seq(block(3, append([]byte{0xff}, canary...))), patterns(canary))
	must(t, err)
	if len(r.Findings) != 1 || r.Findings[0].Path != "block 3 tx[0].undecoded" {
		t.Fatalf("%+v", r.Findings)
	}
}

func TestBlocksComeBackFromBothFormats(t *testing.T) {
	for _, n := range []uint64{0, 1, 9, 10, 11, 127, 128, 300, 1 << 40} { // 10 begins like the protobuf message
		b := block(n, envelope(t, txParts{args: [][]byte{[]byte("x")}}))
		for name, raw := range map[string][]byte{"stored": stored(b), "protobuf": marshal(t, b)} {
			got, err := erasure.DecodeBlock(raw)
			if err != nil || !proto.Equal(got, b) {
				t.Fatalf("block %d as %s: %v", n, name, err)
			}
		}
	}
	if _, err := erasure.DecodeBlock([]byte("garbage")); !errors.Is(err, erasure.ErrBlock) {
		t.Errorf("garbage: %v", err)
	}
}

func TestBlockFilesAreReadInOrderUpToATornTail(t *testing.T) {
	dir := t.TempDir()
	file := func(from, to uint64) []byte {
		var out []byte
		for n := from; n < to; n++ {
			raw := stored(block(n, envelope(t, txParts{args: [][]byte{[]byte(canary)}})))
			out = append(protowire.AppendVarint(out, uint64(len(raw))), raw...)
		}
		return out
	}
	write(t, dir, "chains/ch/blockfile_000000", file(0, 3))
	last := file(3, 5)
	write(t, dir, "chains/ch/blockfile_000001", last[:len(last)-10])
	write(t, dir, "index/000001.log", []byte("not a block file"))
	var numbers []uint64
	for b, err := range erasure.Blocks(dir) {
		must(t, err)
		numbers = append(numbers, b.Header.Number)
	}
	if len(numbers) != 4 || numbers[0] != 0 || numbers[3] != 3 {
		t.Fatalf("blocks %v, want 0 to 3", numbers)
	}
	r, err := erasure.ScanBlocks(t.Context(), erasure.Blocks(dir), patterns(canary))
	must(t, err)
	if len(r.Findings) != 4 || !strings.Contains(r.Findings[0].Path, "blockfile_000000) tx[0].args[0]") {
		t.Fatalf("%+v", r.Findings)
	}

	bad := file(5, 7)
	bad[4] ^= 0x80
	write(t, dir, "chains/ch/blockfile_000002", append([]byte{5, 1, 2, 3, 4, 5}, bad...))
	r, err = erasure.ScanBlocks(t.Context(), erasure.Blocks(dir), patterns(canary))
	must(t, err)
	if len(r.NotCovered) != 1 || !strings.Contains(r.NotCovered[0], "blockfile_000002") {
		t.Fatalf("not covered: %v", r.NotCovered)
	}
}
