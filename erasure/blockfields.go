package erasure

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"
)

// Field is a decoded part of a block and its bytes.
type Field struct {
	// Path names the part: tx[0].args[1], tx[0].creator.subject, tx[0].rwset.basic.coll.eu-a.writes[0].keyhash. Names of
	// namespaces and collections appear in it; both are fields themselves too.
	Path string
	// Bytes are shared with the block: do not change them.
	Bytes []byte
}

// BlockFields takes a block apart: each envelope's header, creator (subject, attributes and other extensions of the
// certificate), chaincode arguments, transient data (which Fabric never stores; it is looked for all the same), response,
// event, read and write sets with their hashed parts, endorsers; then the block's header and metadata. What is text in
// base64 or hex, or compressed by gzip, is added once more decoded, under the path of its field and "~base64", "~hex" or
// "~gzip". What cannot be decoded is a field as a whole: each envelope is there raw too, last, as tx[i].envelope.
func BlockFields(b *common.Block) []Field {
	f := &fields{}
	for i, env := range b.GetData().GetData() {
		path := fmt.Sprintf("tx[%d]", i)
		f.envelope(path, env)
		f.add(path+".envelope", env)
	}
	f.add("header.datahash", b.GetHeader().GetDataHash())
	f.add("header.previoushash", b.GetHeader().GetPreviousHash())
	for i, m := range b.GetMetadata().GetMetadata() {
		path := fmt.Sprintf("metadata[%d]", i)
		f.add(path, m)
		f.blockMetadata(path, m)
	}
	return f.withDecoded()
}

type fields struct{ list []Field }

func (f *fields) add(path string, b []byte) {
	if len(b) > 0 {
		f.list = append(f.list, Field{path, b})
	}
}

func (f *fields) text(path, s string) { f.add(path, []byte(s)) }

// decode parses b into m. What does not parse becomes a field of its own.
func (f *fields) decode(path string, b []byte, m proto.Message) bool {
	if err := proto.Unmarshal(b, m); err != nil {
		f.add(path+".undecoded", b)
		return false
	}
	if u := m.ProtoReflect().GetUnknown(); len(u) > 0 {
		f.add(path+".unknown", u)
	}
	return true
}

func (f *fields) blockMetadata(path string, b []byte) {
	m := &common.Metadata{}
	if proto.Unmarshal(b, m) != nil {
		return // the transactions' validation flags, for one, are not a message
	}
	f.add(path+".value", m.Value)
	for i, s := range m.Signatures {
		h := &common.SignatureHeader{}
		if p := fmt.Sprintf("%s.signature[%d]", path, i); f.decode(p, s.SignatureHeader, h) {
			f.identity(p+".signer", h.Creator)
			f.add(p+".nonce", h.Nonce)
		}
	}
}

func (f *fields) envelope(path string, b []byte) {
	env, payload := &common.Envelope{}, &common.Payload{}
	if !f.decode(path, b, env) || !f.decode(path+".payload", env.Payload, payload) {
		return
	}
	f.add(path+".signature", env.Signature)
	ch, sh := &common.ChannelHeader{}, &common.SignatureHeader{}
	if f.decode(path+".signatureheader", payload.GetHeader().GetSignatureHeader(), sh) {
		f.identity(path+".creator", sh.Creator)
		f.add(path+".nonce", sh.Nonce)
	}
	if !f.decode(path+".channelheader", payload.GetHeader().GetChannelHeader(), ch) {
		f.add(path+".data", payload.Data)
		return
	}
	f.text(path+".channel", ch.ChannelId)
	f.text(path+".id", ch.TxId)
	f.add(path+".tlscerthash", ch.TlsCertHash)
	f.extension(path+".extension", ch.Extension)
	if common.HeaderType(ch.Type) != common.HeaderType_ENDORSER_TRANSACTION {
		f.add(path+".data", payload.Data)
		return
	}
	tx := &peer.Transaction{}
	if !f.decode(path+".transaction", payload.Data, tx) {
		return
	}
	for i, a := range tx.Actions {
		p := path
		if len(tx.Actions) > 1 {
			p = fmt.Sprintf("%s.action[%d]", path, i)
		}
		f.action(p, a, sh.Creator)
	}
}

func (f *fields) extension(path string, b []byte) {
	ext := &peer.ChaincodeHeaderExtension{}
	if len(b) > 0 && f.decode(path, b, ext) {
		f.chaincodeID(path+".chaincode", ext.ChaincodeId)
	}
}

func (f *fields) chaincodeID(path string, id *peer.ChaincodeID) {
	f.text(path+".name", id.GetName())
	f.text(path+".version", id.GetVersion())
	f.text(path+".path", id.GetPath())
}

// action adds one action of a transaction. Its header repeats the transaction's creator as a rule, which is not repeated
// here.
func (f *fields) action(path string, a *peer.TransactionAction, creator []byte) {
	h := &common.SignatureHeader{}
	if f.decode(path+".actionheader", a.Header, h) && string(h.Creator) != string(creator) {
		f.identity(path+".actioncreator", h.Creator)
		f.add(path+".actionnonce", h.Nonce)
	}
	p := &peer.ChaincodeActionPayload{}
	if !f.decode(path+".actionpayload", a.Payload, p) {
		return
	}
	f.proposal(path, p.ChaincodeProposalPayload)
	f.response(path, p.GetAction().GetProposalResponsePayload())
	for i, e := range p.GetAction().GetEndorsements() {
		ep := fmt.Sprintf("%s.endorsement[%d]", path, i)
		f.identity(ep, e.Endorser)
		f.add(ep+".signature", e.Signature)
	}
}

func (f *fields) proposal(path string, b []byte) {
	p, spec := &peer.ChaincodeProposalPayload{}, &peer.ChaincodeInvocationSpec{}
	if !f.decode(path+".proposal", b, p) {
		return
	}
	f.byName(path+".transient", p.TransientMap)
	if !f.decode(path+".input", p.Input, spec) {
		return
	}
	f.chaincodeID(path+".chaincode", spec.GetChaincodeSpec().GetChaincodeId())
	in := spec.GetChaincodeSpec().GetInput()
	for i, a := range in.GetArgs() {
		f.add(fmt.Sprintf("%s.args[%d]", path, i), a)
	}
	f.byName(path+".decorations", in.GetDecorations())
}

// byName adds the keys and values of a map, in the order of the keys. Paths have no keys, for these may be what leaks.
func (f *fields) byName(path string, m map[string][]byte) {
	for i, k := range slices.Sorted(maps.Keys(m)) {
		f.text(fmt.Sprintf("%s[%d].key", path, i), k)
		f.add(fmt.Sprintf("%s[%d].value", path, i), m[k])
	}
}

func (f *fields) response(path string, b []byte) {
	p, a := &peer.ProposalResponsePayload{}, &peer.ChaincodeAction{}
	if !f.decode(path+".responsepayload", b, p) {
		return
	}
	f.add(path+".proposalhash", p.ProposalHash)
	if !f.decode(path+".chaincodeaction", p.Extension, a) {
		return
	}
	f.text(path+".response.message", a.GetResponse().GetMessage())
	f.add(path+".response.payload", a.GetResponse().GetPayload())
	f.chaincodeID(path+".executed", a.ChaincodeId)
	if ev := (&peer.ChaincodeEvent{}); len(a.Events) > 0 && f.decode(path+".event", a.Events, ev) {
		f.text(path+".event.chaincode", ev.ChaincodeId)
		f.text(path+".event.id", ev.TxId)
		f.text(path+".event.name", ev.EventName)
		f.add(path+".event.payload", ev.Payload)
	}
	f.rwset(path+".rwset", a.Results)
}
