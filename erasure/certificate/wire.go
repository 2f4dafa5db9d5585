package certificate

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
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
	sets      map[string]*set // by namespace
}

// set is what a transaction read and wrote in one namespace.
type set struct {
	public  *kvrwset.KVRWSet
	private map[string]*kvrwset.HashedRWSet // by collection
}

// time is what the submitting client stated, within the window that the endorsers allow.
func (t *transaction) time() string {
	return t.channel.GetTimestamp().AsTime().UTC().Format(time.RFC3339)
}

// split takes the payload of an endorser transaction apart.
func split(payload *common.Payload) (Receipt, error) {
	r := Receipt{ChannelHeader: payload.GetHeader().GetChannelHeader(), SignatureHeader: payload.GetHeader().GetSignatureHeader()}
	actions, err := list(payload.GetData(), 1)
	if err != nil || len(actions) != 1 {
		return r, fail("", "is not a transaction with one action")
	}
	action, err1 := dig(actions[0], 2)
	endorsed, err2 := dig(action, 2)
	var err3, err4 error
	r.Proposal, err3 = dig(action, 1)
	r.Response, err4 = dig(endorsed, 1)
	list, err5 := list(endorsed, 2)
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return r, fail("", "does not decode")
	}
	for _, e := range list {
		who, err1 := dig(e, 1)
		sig, err2 := dig(e, 2)
		if err1 != nil || err2 != nil {
			return r, fail("", "an endorsement does not decode")
		}
		r.Endorsements = append(r.Endorsements, Endorsement{who, sig})
	}
	return r, nil
}

// decodeTransaction decodes what the parts say.
func decodeTransaction(r Receipt) (*transaction, error) {
	t := &transaction{parts: r, channel: &common.ChannelHeader{}, header: &common.SignatureHeader{}, sets: map[string]*set{}}
	if proto.Unmarshal(r.ChannelHeader, t.channel) != nil || proto.Unmarshal(r.SignatureHeader, t.header) != nil {
		return nil, fail("", "the headers do not decode")
	}
	if t.channel.GetType() != int32(common.HeaderType_ENDORSER_TRANSACTION) || t.channel.GetTimestamp().CheckValid() != nil {
		return nil, fail("", "is not an endorsed transaction")
	}
	var errs [8]error
	var spec, action, response, args []byte
	var names [3][]byte
	names[0], errs[0] = dig(t.channel.GetExtension(), 2, 2) // ChaincodeHeaderExtension.chaincode_id.name
	spec, errs[1] = dig(r.Proposal, 1, 1)                   // ChaincodeProposalPayload.input: ChaincodeInvocationSpec.chaincode_spec
	names[1], errs[2] = dig(spec, 2, 2)
	args, errs[3] = dig(spec, 3)
	action, errs[4] = dig(r.Response, 2) // ProposalResponsePayload.extension: ChaincodeAction
	t.hash, errs[5] = dig(r.Response, 1)
	response, errs[6] = dig(action, 3)
	names[2], errs[7] = dig(action, 4, 2)
	results, err1 := dig(action, 1)
	function, err2 := list(args, 1)
	var err3 error
	t.status, err3 = number(response, 1)
	if errors.Join(errs[:]...) != nil || errors.Join(err1, err2, err3) != nil || len(function) == 0 {
		return nil, fail("", "does not decode")
	}
	t.function = string(function[0])
	for _, n := range names {
		t.chaincode = append(t.chaincode, string(n))
	}
	return t, t.readSets(results)
}

func (t *transaction) readSets(results []byte) error {
	all := &rwset.TxReadWriteSet{}
	if proto.Unmarshal(results, all) != nil {
		return fail("", "its read and write sets do not decode")
	}
	for _, ns := range all.GetNsRwset() {
		s := &set{public: &kvrwset.KVRWSet{}, private: map[string]*kvrwset.HashedRWSet{}}
		if t.sets[ns.GetNamespace()] != nil || proto.Unmarshal(ns.GetRwset(), s.public) != nil {
			return fail("", "its public read and write sets do not decode")
		}
		for _, c := range ns.GetCollectionHashedRwset() {
			h := &kvrwset.HashedRWSet{}
			if s.private[c.GetCollectionName()] != nil || proto.Unmarshal(c.GetHashedRwset(), h) != nil {
				return fail("", "its private read and write sets do not decode")
			}
			s.private[c.GetCollectionName()] = h
		}
		t.sets[ns.GetNamespace()] = s
	}
	return nil
}

// keyHash is the hash by which Fabric names a private key in public.
func keyHash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return string(sum[:])
}

// privateRead returns the version at which a private key was read: nil if it was absent. ok is false when it was not
// read, or more than once.
func (s *set) privateRead(collection, key string) (v *kvrwset.Version, ok bool) {
	n := 0
	for _, r := range s.private[collection].GetHashedReads() {
		if string(r.GetKeyHash()) == keyHash(key) {
			v, n = r.GetVersion(), n+1
		}
	}
	return v, n == 1
}

// privateWrite returns the only write of a private key.
func (s *set) privateWrite(collection, key string) *kvrwset.KVWriteHash {
	var out *kvrwset.KVWriteHash
	n := 0
	for _, w := range s.private[collection].GetHashedWrites() {
		if string(w.GetKeyHash()) == keyHash(key) {
			out, n = w, n+1
		}
	}
	if n != 1 {
		return nil
	}
	return out
}

// publicRead is privateRead for a public key.
func (s *set) publicRead(key string) (v *kvrwset.Version, ok bool) {
	n := 0
	for _, r := range s.public.GetReads() {
		if r.GetKey() == key {
			v, n = r.GetVersion(), n+1
		}
	}
	return v, n == 1
}

// publicWrite returns the value of the only write of a public key, nil for a deletion or none.
func (s *set) publicWrite(key string) []byte {
	var out []byte
	n := 0
	for _, w := range s.public.GetWrites() {
		if w.GetKey() == key {
			n++
			if !w.GetIsDelete() {
				out = w.GetValue()
			}
		}
	}
	if n != 1 {
		return nil
	}
	return out
}

// txID is the id that Fabric derives from who proposed a transaction.
func (t *transaction) txID() string {
	sum := sha256.Sum256(append(append([]byte{}, t.header.GetNonce()...), t.header.GetCreator()...))
	return hex.EncodeToString(sum[:])
}
