package certificate

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"domicile/chaincode/record"
)

// The messages of Fabric's package peer are taken apart here by field number: its generated code links gRPC, and a
// verifier should link nothing that can dial.

var errWire = errors.New("does not decode")

// fields calls f for every field of a message. A varint is handed over in n, bytes in b.
func fields(m []byte, f func(num protowire.Number, b []byte, n uint64)) error {
	for len(m) > 0 {
		num, typ, l := protowire.ConsumeTag(m)
		if l < 0 {
			return errWire
		}
		m = m[l:]
		var b []byte
		var n uint64
		switch typ {
		case protowire.BytesType:
			b, l = protowire.ConsumeBytes(m)
		case protowire.VarintType:
			n, l = protowire.ConsumeVarint(m)
		default:
			l = protowire.ConsumeFieldValue(num, typ, m)
		}
		if l < 0 {
			return errWire
		}
		f(num, b, n)
		m = m[l:]
	}
	return nil
}

// only checks that a message has none but the fields 1 to last, each at most once. Signed bytes are often several messages
// in a row without a mark where one ends: a field that could stand at the end of one or the beginning of the next would
// let somebody cut them elsewhere and leave every signature valid.
func only(m []byte, last protowire.Number) error {
	var seen [16]bool
	surplus := false
	err := fields(m, func(n protowire.Number, _ []byte, _ uint64) {
		if n > last || seen[n] {
			surplus = true
			return
		}
		seen[n] = true
	})
	if err != nil || surplus {
		return errWire
	}
	return nil
}

// list returns the values of a repeated field of messages or bytes.
func list(m []byte, num protowire.Number) ([][]byte, error) {
	var out [][]byte
	err := fields(m, func(n protowire.Number, b []byte, _ uint64) {
		if n == num {
			out = append(out, b)
		}
	})
	return out, err
}

// dig follows a path of fields that may occur once at most; nil when one is absent. Fabric's own parsers merge a field
// that is repeated, so a message in which one is has no single meaning and is refused.
func dig(m []byte, path ...protowire.Number) ([]byte, error) {
	for _, num := range path {
		found, err := list(m, num)
		if err != nil || len(found) > 1 {
			return nil, errWire
		}
		if len(found) == 0 {
			return nil, nil
		}
		m = found[0]
	}
	return m, nil
}

// number returns a varint field, 0 when absent.
func number(m []byte, num protowire.Number) (uint64, error) {
	var out uint64
	seen := 0
	err := fields(m, func(n protowire.Number, _ []byte, v uint64) {
		if n == num {
			out, seen = v, seen+1
		}
	})
	if seen > 1 {
		err = errWire
	}
	return out, err
}

// transaction is an endorsed transaction or read, decoded; nothing in it is checked yet.
type transaction struct {
	parts     Receipt
	channel   *common.ChannelHeader
	header    *common.SignatureHeader
	hash      []byte // of the proposal, as endorsed
	function  string
	chaincode []string // every place that names it
	status    uint64
	set       set // of the contract's namespace
}

// set is what a transaction read and wrote.
type set struct {
	reads       map[key][]*kvrwset.Version
	writes      map[key][]write
	collections []string
}

// key names a public key (no collection), or a private one by the hash that Fabric shows of it.
type key struct{ collection, name string }

func private(collection, name string) key {
	sum := sha256.Sum256([]byte(name))
	return key{collection, string(sum[:])}
}

func public(name string) key { return key{"", name} }

// write is what became of a key; value is a private value's hash.
type write struct {
	value           []byte
	deleted, purged bool
}

// read returns the version at which a key was read: nil if it was absent. ok is false when it was not read, or more than
// once.
func (s set) read(k key) (v *kvrwset.Version, ok bool) {
	if len(s.reads[k]) != 1 {
		return nil, false
	}
	return s.reads[k][0], true
}

// write returns the only write of a key.
func (s set) write(k key) (w write, ok bool) {
	if len(s.writes[k]) != 1 {
		return write{}, false
	}
	return s.writes[k][0], true
}

// time is what the submitting client stated, within the window that the endorsers allow.
func (t *transaction) time() string {
	return t.channel.GetTimestamp().AsTime().UTC().Format(time.RFC3339)
}

// reader digs and keeps the first error.
type reader struct{ err error }

func (r *reader) dig(m []byte, path ...protowire.Number) []byte {
	b, err := dig(m, path...)
	r.err = errors.Join(r.err, err)
	return b
}

func (r *reader) list(m []byte, num protowire.Number) [][]byte {
	l, err := list(m, num)
	r.err = errors.Join(r.err, err)
	return l
}

func (r *reader) message(b []byte, m proto.Message) {
	r.err = errors.Join(r.err, proto.Unmarshal(b, m))
}

// split takes the payload of an endorser transaction apart.
func split(payload *common.Payload) (Receipt, error) {
	out := Receipt{ChannelHeader: payload.GetHeader().GetChannelHeader(), SignatureHeader: payload.GetHeader().GetSignatureHeader()}
	r := &reader{}
	actions := r.list(payload.GetData(), 1)
	if len(actions) != 1 {
		return out, fail("", "is not a transaction with one action")
	}
	action := r.dig(actions[0], 2)
	endorsed := r.dig(action, 2)
	out.Proposal, out.Response = r.dig(action, 1), r.dig(endorsed, 1)
	for _, e := range r.list(endorsed, 2) {
		out.Endorsements = append(out.Endorsements, Endorsement{r.dig(e, 1), r.dig(e, 2)})
	}
	if r.err != nil {
		return out, fail("", "the transaction does not decode")
	}
	return out, nil
}

// decodeTransaction decodes what the parts say.
func decodeTransaction(parts Receipt) (*transaction, error) {
	t := &transaction{parts: parts, channel: &common.ChannelHeader{}, header: &common.SignatureHeader{}}
	r := &reader{}
	for _, m := range []struct {
		bytes []byte
		last  protowire.Number
	}{{parts.ChannelHeader, 8}, {parts.SignatureHeader, 2}, {parts.Proposal, 1}, {parts.Response, 2}} {
		r.err = errors.Join(r.err, only(m.bytes, m.last))
	}
	r.message(parts.ChannelHeader, t.channel)
	r.message(parts.SignatureHeader, t.header)
	spec := r.dig(parts.Proposal, 1, 1) // ChaincodeProposalPayload.input: ChaincodeInvocationSpec.chaincode_spec
	action := r.dig(parts.Response, 2)  // ProposalResponsePayload.extension: ChaincodeAction
	t.hash = r.dig(parts.Response, 1)   // ProposalResponsePayload.proposal_hash
	args := r.list(r.dig(spec, 3), 1)   // ChaincodeSpec.input.args
	for _, name := range [][]byte{
		r.dig(t.channel.GetExtension(), 2, 2), // ChaincodeHeaderExtension.chaincode_id.name
		r.dig(spec, 2, 2),                     // ChaincodeSpec.chaincode_id.name
		r.dig(action, 4, 2),                   // ChaincodeAction.chaincode_id.name
	} {
		t.chaincode = append(t.chaincode, string(name))
	}
	status, err := number(r.dig(action, 3), 1) // ChaincodeAction.response.status
	if r.err != nil || err != nil || len(args) == 0 {
		return nil, fail("", "the transaction does not decode")
	}
	if t.channel.GetType() != int32(common.HeaderType_ENDORSER_TRANSACTION) || t.channel.GetTimestamp().CheckValid() != nil {
		return nil, fail("", "is not an endorsed transaction")
	}
	t.function, t.status = string(args[0]), status
	t.set, err = readSet(r.dig(action, 1))
	return t, err
}

// readSet decodes what was read and written under the contract's name. Other namespaces, such as the definition of the
// chaincode, are of no concern.
func readSet(results []byte) (set, error) {
	s := set{reads: map[key][]*kvrwset.Version{}, writes: map[key][]write{}}
	all, r := &rwset.TxReadWriteSet{}, &reader{}
	r.message(results, all)
	for _, ns := range all.GetNsRwset() {
		if ns.GetNamespace() != record.DefaultChaincode {
			continue
		}
		kv := &kvrwset.KVRWSet{}
		r.message(ns.GetRwset(), kv)
		for _, x := range kv.GetReads() {
			s.reads[public(x.GetKey())] = append(s.reads[public(x.GetKey())], x.GetVersion())
		}
		for _, x := range kv.GetWrites() {
			s.writes[public(x.GetKey())] = append(s.writes[public(x.GetKey())], write{x.GetValue(), x.GetIsDelete(), false})
		}
		for _, c := range ns.GetCollectionHashedRwset() {
			h := &kvrwset.HashedRWSet{}
			r.message(c.GetHashedRwset(), h)
			s.collections = append(s.collections, c.GetCollectionName())
			for _, x := range h.GetHashedReads() {
				k := key{c.GetCollectionName(), string(x.GetKeyHash())}
				s.reads[k] = append(s.reads[k], x.GetVersion())
			}
			for _, x := range h.GetHashedWrites() {
				k := key{c.GetCollectionName(), string(x.GetKeyHash())}
				s.writes[k] = append(s.writes[k], write{x.GetValueHash(), x.GetIsDelete(), x.GetIsPurge()})
			}
		}
	}
	if r.err != nil || slices.Contains(s.collections, "") {
		return s, fail("", "the read and write sets do not decode")
	}
	return s, nil
}

// txID is the id that Fabric derives from who proposed a transaction.
func (t *transaction) txID() string {
	sum := sha256.Sum256(append(append([]byte{}, t.header.GetNonce()...), t.header.GetCreator()...))
	return hex.EncodeToString(sum[:])
}
