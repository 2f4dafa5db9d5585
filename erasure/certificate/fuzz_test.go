package certificate

import (
	"os"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"google.golang.org/protobuf/proto"
)

func fixture(f testing.TB, name string) []byte {
	f.Helper()
	b, err := os.ReadFile("testdata/" + name)
	must(f, err)
	return b
}

// FuzzVerify: whatever the file, there is an answer, and a changed file never holds.
func FuzzVerify(f *testing.F) {
	genesis := fixture(f, "genesis.block")
	s := newStory(f, false)
	c, small := s.certificate()
	b, err := c.Encode()
	must(f, err)
	f.Add(b, small)
	f.Add(fixture(f, "anchored.json"), genesis)
	f.Add([]byte(`{"version":1,"kind":"`+Kind+`"}`), genesis)
	f.Fuzz(func(t *testing.T, file, genesis []byte) {
		r, err := Verify(file, genesis)
		if (r == nil) == (err == nil) {
			t.Fatal("neither a report nor an error, or both")
		}
	})
}

// FuzzParts gives arbitrary bytes to every part that a certificate can hold, past the checks that come before it.
func FuzzParts(f *testing.F) {
	s := newStory(f, false)
	c, genesis := s.certificate()
	for _, b := range c.Blocks {
		f.Add(b.Data[0])
	}
	f.Add(genesis)
	f.Add(s.orgs["UsA"].crl)
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = readConfiguration(1, [][]byte{b})
		_, _ = newAuthority(b)
		block, payload, env := &common.Block{}, &common.Payload{}, &common.Envelope{}
		if proto.Unmarshal(b, block) == nil {
			_, _ = newBlock(block)
		}
		if proto.Unmarshal(b, env) == nil {
			_ = proto.Unmarshal(env.GetPayload(), payload)
			parts, err := split(payload)
			if err == nil {
				_, _ = decodeTransaction(parts)
			}
		}
		_, _ = decodeTransaction(Receipt{ChannelHeader: b, SignatureHeader: b, Proposal: b, Response: b})
		_, _, _ = s.authority(t).member(b)
		_, _, _ = identity(b)
		_ = checkSignature(s.client.cert, b, b)
	})
}

func (w *world) authority(t testing.TB) *authority {
	t.Helper()
	a, err := newAuthority(w.orgs["UsA"].msp(t).GetValues()["MSP"].GetValue())
	must(t, err)
	return a
}

// FuzzDecodeAttestation: what decodes encodes to the same.
func FuzzDecodeAttestation(f *testing.F) {
	c, err := Decode(fixture(f, "anchored.json"))
	must(f, err)
	b, err := c.Attestations[0].Encode()
	must(f, err)
	f.Add(b)
	genesis := fixture(f, "genesis.block")
	must(f, VerifyAttestation(&c.Attestations[0], genesis))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := DecodeAttestation(b)
		if err != nil {
			return
		}
		_ = VerifyAttestation(a, genesis)
		again, err := a.Encode()
		must(t, err)
		if _, err := DecodeAttestation(again); err != nil {
			t.Fatal(err)
		}
	})
}
