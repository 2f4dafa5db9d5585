package certificate

import (
	"cmp"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"domicile/chaincode/record"
)

// world is a channel of which the test holds every key, so that it can sign what no honest peer or orderer would.
type world struct {
	t        testing.TB
	orgs     map[string]*org
	peers    map[string]*member // peer0 of each organisation
	client   *member
	orderers []*member
}

type org struct {
	name string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	crl  []byte
}

type member struct {
	org  string
	cert *x509.Certificate
	pem  []byte
	key  *ecdsa.PrivateKey
}

func (m *member) identity() []byte {
	b, _ := proto.Marshal(&msp.SerializedIdentity{Mspid: m.org, IdBytes: m.pem})
	return b
}

func (m *member) sign(t testing.TB, message ...[]byte) []byte {
	sum := sha256.Sum256(slices.Concat(message...))
	sig, err := m.key.Sign(rand.Reader, sum[:], crypto.SHA256)
	must(t, err)
	sig, err = withLowS(&m.key.PublicKey, sig)
	must(t, err)
	return sig
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func marshal(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	must(t, err)
	return b
}

// serials numbers certificates; tests that run side by side draw from it.
var serials atomic.Int64

func newOrg(t testing.TB, name string) *org {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca." + name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, NotBefore: time.Unix(1e9, 0), NotAfter: time.Unix(4e9, 0), SubjectKeyId: []byte(name),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	return &org{name: name, cert: cert, key: key}
}

func pemOf(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func (o *org) issue(t testing.TB, units ...string) *member {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(100 + serials.Add(1)), Subject: pkix.Name{CommonName: "m", OrganizationalUnit: units},
		NotBefore: time.Unix(1e9, 0), NotAfter: time.Unix(1.1e9, 0), // expired long ago: nobody signs a time
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, o.cert, key.Public(), o.key)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	return &member{org: o.name, cert: cert, pem: pemOf(der), key: key}
}

func (o *org) revoke(t testing.TB, m *member) {
	t.Helper()
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: time.Unix(1e9, 0), NextUpdate: time.Unix(2e9, 0),
		RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: m.cert.SerialNumber, RevocationTime: time.Unix(1e9, 0)}},
	}, o.cert, o.key)
	must(t, err)
	o.crl = pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
}

func (o *org) msp(t testing.TB) *common.ConfigGroup {
	t.Helper()
	ou := func(name string) *msp.FabricOUIdentifier {
		return &msp.FabricOUIdentifier{Certificate: pemOf(o.cert.Raw), OrganizationalUnitIdentifier: name}
	}
	c := &msp.FabricMSPConfig{Name: o.name, RootCerts: [][]byte{pemOf(o.cert.Raw)}, FabricNodeOus: &msp.FabricNodeOUs{
		Enable: true, ClientOuIdentifier: ou("client"), PeerOuIdentifier: ou("peer"), AdminOuIdentifier: ou("admin"), OrdererOuIdentifier: ou("orderer"),
	}}
	if o.crl != nil {
		c.RevocationList = [][]byte{o.crl}
	}
	return &common.ConfigGroup{Values: map[string]*common.ConfigValue{"MSP": {Value: marshal(t, &msp.MSPConfig{Config: marshal(t, c)})}}}
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, orgs: map[string]*org{}, peers: map[string]*member{}}
	for _, name := range []string{"UsA", "UsB", "EuA", "UkA", "Orderers"} {
		w.orgs[name] = newOrg(t, name)
	}
	for _, name := range []string{"UsA", "UsB", "EuA", "UkA"} {
		w.peers[name] = w.orgs[name].issue(t, "peer")
	}
	w.client = w.orgs["UsA"].issue(t, "client")
	for range 4 {
		w.orderers = append(w.orderers, w.orgs["Orderers"].issue(t, "orderer"))
	}
	return w
}

// regionPolicy is LifecycleEndorsement: every one of the regions us (two organisations), eu and uk.
func regionPolicy(t testing.TB, n int32, without string) *common.Policy {
	t.Helper()
	env := &common.SignaturePolicyEnvelope{}
	leaf := func(name string) *common.SignaturePolicy {
		env.Identities = append(env.Identities, &msp.MSPPrincipal{Principal: marshal(t, &msp.MSPRole{MspIdentifier: name, Role: msp.MSPRole_PEER})})
		return &common.SignaturePolicy{Type: &common.SignaturePolicy_SignedBy{SignedBy: int32(len(env.Identities) - 1)}}
	}
	outOf := func(n int32, rules ...*common.SignaturePolicy) *common.SignaturePolicy {
		return &common.SignaturePolicy{Type: &common.SignaturePolicy_NOutOf_{NOutOf: &common.SignaturePolicy_NOutOf{N: n, Rules: rules}}}
	}
	rules := []*common.SignaturePolicy{outOf(1, leaf("UsA"), leaf("UsB")), outOf(1, leaf("EuA"))}
	if without != "UkA" {
		rules = append(rules, leaf("UkA"))
	}
	env.Rule = outOf(n, rules...)
	return &common.Policy{Type: int32(common.Policy_SIGNATURE), Value: marshal(t, env)}
}

// settings of a configuration.
type settings struct {
	sequence  uint64
	channel   string
	consensus string
	regions   int32 // of three that LifecycleEndorsement asks for
	consenter []*member
	without   string // an organisation that was removed
}

func (w *world) settings() settings {
	return settings{channel: "global", consensus: "BFT", regions: 3, consenter: w.orderers}
}

// config is the one transaction of a configuration block.
func (w *world) config(s settings) []byte {
	app := &common.ConfigGroup{Groups: map[string]*common.ConfigGroup{}, Policies: map[string]*common.ConfigPolicy{
		"LifecycleEndorsement": {Policy: regionPolicy(w.t, s.regions, s.without)},
	}}
	for name, o := range w.orgs {
		if name != "Orderers" && name != s.without {
			app.Groups[name] = o.msp(w.t)
		}
	}
	all := &common.Orderers{}
	for i, c := range s.consenter {
		all.ConsenterMapping = append(all.ConsenterMapping, &common.Consenter{Id: uint32(i + 1), MspId: c.org, Identity: c.pem})
	}
	group := &common.ConfigGroup{
		Groups: map[string]*common.ConfigGroup{"Orderers": w.orgs["Orderers"].msp(w.t)},
		Values: map[string]*common.ConfigValue{
			"ConsensusType": {Value: marshal(w.t, &orderer.ConsensusType{Type: s.consensus})},
			"Orderers":      {Value: marshal(w.t, all)},
		},
	}
	root := &common.ConfigGroup{Groups: map[string]*common.ConfigGroup{"Application": app, "Orderer": group}}
	payload := &common.Payload{
		Header: &common.Header{ChannelHeader: marshal(w.t, &common.ChannelHeader{Type: int32(common.HeaderType_CONFIG), ChannelId: s.channel})},
		Data:   marshal(w.t, &common.ConfigEnvelope{Config: &common.Config{Sequence: s.sequence, ChannelGroup: root}}),
	}
	return marshal(w.t, &common.Envelope{Payload: marshal(w.t, payload)})
}

// call is one transaction before it is signed.
type call struct {
	function  string
	chaincode string
	channel   string
	creator   *member
	nonce     []byte
	at        time.Time
	status    int32
	public    *kvrwset.KVRWSet
	private   map[string]*kvrwset.HashedRWSet
	endorsers []*member
	header    string // transaction of the channel header. Default: its own
	proposed  []byte // hash that the endorsers sign. Default: of the proposal
}

func (w *world) call(function string, endorsers ...string) *call {
	c := &call{
		function: function, chaincode: record.DefaultChaincode, channel: "global", creator: w.client, nonce: []byte(rand.Text()),
		at: time.Date(2026, 3, 1, 12, 0, 0, 5e6, time.UTC), status: 200, public: &kvrwset.KVRWSet{}, private: map[string]*kvrwset.HashedRWSet{},
	}
	for _, e := range endorsers {
		c.endorsers = append(c.endorsers, w.peers[e])
	}
	return c
}

func (c *call) txID() string {
	sum := sha256.Sum256(append(append([]byte{}, c.nonce...), c.creator.identity()...))
	return hex.EncodeToString(sum[:])
}

func (c *call) time() string { return c.at.Format(time.RFC3339) }

func (c *call) in(collection string) *kvrwset.HashedRWSet {
	if c.private[collection] == nil {
		c.private[collection] = &kvrwset.HashedRWSet{}
	}
	return c.private[collection]
}

// reads adds a private read; no place: the key was absent.
func (c *call) reads(collection, key string, at ...Place) {
	s := c.in(collection)
	s.HashedReads = append(s.HashedReads, &kvrwset.KVReadHash{KeyHash: hashOf(key), Version: version(at)})
}

func (c *call) readsPublic(key string, at ...Place) {
	c.public.Reads = append(c.public.Reads, &kvrwset.KVRead{Key: key, Version: version(at)})
}

func version(at []Place) *kvrwset.Version {
	if len(at) == 0 {
		return nil
	}
	return &kvrwset.Version{BlockNum: at[0].Block, TxNum: at[0].Tx}
}

func (c *call) writes(collection, key string, value []byte) {
	sum := sha256.Sum256(value)
	s := c.in(collection)
	s.HashedWrites = append(s.HashedWrites, &kvrwset.KVWriteHash{KeyHash: hashOf(key), ValueHash: sum[:]})
}

func (c *call) purges(collection, key string) {
	s := c.in(collection)
	s.HashedWrites = append(s.HashedWrites, &kvrwset.KVWriteHash{KeyHash: hashOf(key), IsDelete: true, IsPurge: true})
}

func (c *call) publishes(key string, doc record.Anchor) {
	b, _ := json.Marshal(doc)
	c.public.Writes = append(c.public.Writes, &kvrwset.KVWrite{Key: key, Value: b})
}

// payload signs the call as its endorsers.
func (w *world) payload(c *call) []byte {
	t := w.t
	cc := &peer.ChaincodeID{Name: c.chaincode}
	header := &common.Header{
		ChannelHeader: marshal(t, &common.ChannelHeader{
			Type: int32(common.HeaderType_ENDORSER_TRANSACTION), ChannelId: c.channel, TxId: cmp.Or(c.header, c.txID()), Timestamp: timestamppb.New(c.at),
			Extension: marshal(t, &peer.ChaincodeHeaderExtension{ChaincodeId: cc}),
		}),
		SignatureHeader: marshal(t, &common.SignatureHeader{Creator: c.creator.identity(), Nonce: c.nonce}),
	}
	proposal := marshal(t, &peer.ChaincodeProposalPayload{Input: marshal(t, &peer.ChaincodeInvocationSpec{ChaincodeSpec: &peer.ChaincodeSpec{
		ChaincodeId: cc, Input: &peer.ChaincodeInput{Args: [][]byte{[]byte(c.function)}},
	}})})
	ns := &rwset.NsReadWriteSet{Namespace: c.chaincode, Rwset: marshal(t, c.public)}
	for name, s := range c.private {
		ns.CollectionHashedRwset = append(ns.CollectionHashedRwset, &rwset.CollectionHashedReadWriteSet{CollectionName: name, HashedRwset: marshal(t, s)})
	}
	hash := sha256.Sum256(slices.Concat(header.ChannelHeader, header.SignatureHeader, proposal))
	if c.proposed == nil {
		c.proposed = hash[:]
	}
	response := marshal(t, &peer.ProposalResponsePayload{ProposalHash: c.proposed, Extension: marshal(t, &peer.ChaincodeAction{
		Results: marshal(t, &rwset.TxReadWriteSet{NsRwset: []*rwset.NsReadWriteSet{{Namespace: "_lifecycle"}, ns}}), ChaincodeId: cc, Response: &peer.Response{Status: c.status},
	})})
	action := &peer.ChaincodeEndorsedAction{ProposalResponsePayload: response}
	for _, e := range c.endorsers {
		action.Endorsements = append(action.Endorsements, &peer.Endorsement{Endorser: e.identity(), Signature: e.sign(t, response, e.identity())})
	}
	return marshal(t, &common.Payload{Header: header, Data: marshal(t, &peer.Transaction{Actions: []*peer.TransactionAction{{
		Header:  header.SignatureHeader,
		Payload: marshal(t, &peer.ChaincodeActionPayload{ChaincodeProposalPayload: proposal, Action: action}),
	}}})})
}

func (w *world) envelope(c *call) []byte {
	p := w.payload(c)
	return marshal(w.t, &common.Envelope{Payload: p, Signature: c.creator.sign(w.t, p)})
}

// block makes a block that the given orderers (ids from 1) sign.
func (w *world) block(number, lastConfig uint64, previous []byte, signers map[uint32]*member, data ...[]byte) *common.Block {
	sum := sha256.Sum256(slices.Concat(data...))
	b := Block{Number: number, PreviousHash: previous, DataHash: sum[:], Data: data}
	m := &common.Metadata{Value: marshal(w.t, &common.OrdererBlockMetadata{LastConfig: &common.LastConfig{Index: lastConfig}, ConsenterMetadata: []byte("view")})}
	for id, o := range signers {
		h := marshal(w.t, &common.IdentifierHeader{Identifier: id, Nonce: []byte("n")})
		m.Signatures = append(m.Signatures, &common.MetadataSignature{IdentifierHeader: h, Signature: o.sign(w.t, m.Value, h, b.header())})
	}
	return &common.Block{
		Header:   &common.BlockHeader{Number: number, PreviousHash: previous, DataHash: sum[:]},
		Data:     &common.BlockData{Data: data},
		Metadata: &common.BlockMetadata{Metadata: [][]byte{marshal(w.t, m), nil, {0}}},
	}
}

func three(orderers []*member) map[uint32]*member {
	return map[uint32]*member{1: orderers[0], 2: orderers[1], 3: orderers[2]}
}

// story is the life of one record on the channel: put in block 1, anchor in 2, a new configuration in 3, purge in 4,
// tombstone in 5. Tests change it before it is signed.
type story struct {
	*world
	ref                                    record.Ref
	value, register                        []byte
	put, anchor, purge, tombstone, receipt *call
	genesis, second                        settings
	unanchored                             bool
	others                                 []*call               // what a forger takes instead
	signers                                [6]map[uint32]*member // of each block
	last                                   [6]uint64             // what each block says of the last configuration
	chain                                  []*common.Block
	data                                   [6][][]byte
	blocks                                 [6]*common.Block
}

var (
	putAt    = Place{Block: 1}
	anchorAt = Place{Block: 2}
	purgeAt  = Place{Block: 4}
	stoneAt  = Place{Block: 5}
)

func (s *story) key() string { return record.RecordKey(s.ref.ID) }

func (s *story) goneKey() string { return record.GoneKey(s.ref.Collection, s.ref.ID) }

func (s *story) anchorKey() string { return record.AnchorKey(s.ref.Collection, s.ref.ID) }

func (s *story) hash() string {
	sum := sha256.Sum256(s.value)
	return hex.EncodeToString(sum[:])
}

func newStory(t testing.TB, unanchored bool) *story {
	t.Helper()
	s := &story{world: newWorld(t), ref: record.Ref{Collection: "us-a", ID: record.NewID()}, value: []byte("salt and resource"), unanchored: unanchored}
	s.genesis, s.second = s.settings(), s.settings()
	s.second.sequence = 1
	s.put = s.call(record.FuncWrite, "UsA")
	s.put.writes("us-a", s.key(), s.value)
	s.anchor = s.call(record.FuncAnchor, "UsB", "EuA")
	s.anchor.reads("us-a", s.key(), putAt)
	s.anchor.readsPublic(s.anchorKey())
	doc := record.Anchor{Version: record.Version, Region: "us"}
	s.purge = s.call(record.FuncWrite, "UsA")
	s.purge.reads("us-a", s.key(), putAt)
	s.purge.purges("us-a", s.key())
	gone, _ := json.Marshal(record.Gone{Version: 1, Collection: "us-a", Hash: s.hash(), Ground: "due", Authority: "law", Tx: s.purge.txID()})
	s.register = record.EncodeValue(make([]byte, record.SaltLen), gone)
	s.purge.writes("us-a-log", s.goneKey(), s.register)
	s.tombstone = s.call(record.FuncTombstone, "EuA", "UkA")
	s.tombstone.reads("us-a-log", s.goneKey(), purgeAt)
	s.tombstone.reads("us-a", s.key())
	if unanchored {
		s.tombstone.readsPublic(s.anchorKey())
	} else {
		doc.Hash, doc.AnchoredAt, doc.AnchorTx = s.hash(), s.anchor.time(), s.anchor.txID()
		s.anchor.publishes(s.anchorKey(), doc)
		s.tombstone.readsPublic(s.anchorKey(), anchorAt)
	}
	doc.PurgedAt, doc.TombstoneTx = s.tombstone.time(), s.tombstone.txID()
	s.tombstone.publishes(s.anchorKey(), doc)
	s.receipt = s.call(record.FuncProof, "UsA", "EuA")
	s.receipt.readsPublic(s.anchorKey(), stoneAt)
	for i := range s.signers {
		s.signers[i] = three(s.orderers)
	}
	s.last = [6]uint64{0, 0, 0, 3, 3, 3}
	return s
}

// write signs everything and makes the chain.
func (s *story) write() {
	s.chain = nil
	other := s.call(record.FuncWrite, "UsA")
	data := [6][][]byte{
		{s.config(s.genesis)}, {s.envelope(s.put)}, {s.envelope(s.anchor)}, {s.config(s.second)}, {s.envelope(s.purge)}, {s.envelope(s.tombstone)},
	}
	if s.unanchored {
		data[2] = [][]byte{s.envelope(other)}
	}
	var previous []byte
	for i := range data {
		if s.data[i] != nil {
			data[i] = s.data[i]
		}
		b := s.block(uint64(i), s.last[i], previous, s.signers[i], data[i]...)
		if s.blocks[i] != nil {
			b = s.blocks[i]
		}
		own := Block{Number: uint64(i), PreviousHash: b.Header.PreviousHash, DataHash: b.Header.DataHash}
		previous = own.hash()
		s.chain = append(s.chain, b)
	}
}

// certificate writes the story and puts the certificate together without Collect, which would refuse a bad one.
func (s *story) certificate() (c *Certificate, genesis []byte) {
	s.write()
	c = &Certificate{
		Version: Version, Kind: Kind, Channel: "global", Chaincode: record.DefaultChaincode, Record: Record{s.ref, s.hash()},
		Put: putAt, Purge: purgeAt, Tombstone: stoneAt, Configurations: []uint64{3},
	}
	c.Put.TxID, c.Purge.TxID, c.Tombstone.TxID = s.put.txID(), s.purge.txID(), s.tombstone.txID()
	if !s.unanchored {
		c.Anchor = &Place{2, 0, s.anchor.txID()}
	}
	for i, b := range s.chain {
		if i == 0 || i == 2 && s.unanchored {
			continue
		}
		kept, err := newBlock(b)
		must(s.t, err)
		c.Blocks = append(c.Blocks, kept)
	}
	first := Block{DataHash: s.chain[0].Header.DataHash}
	c.Genesis = hex.EncodeToString(first.hash())
	var err error
	c.Receipt, err = receipt(s.payload(s.receipt))
	must(s.t, err)
	return c, marshal(s.t, s.chain[0])
}

// The story's chain is a [Ledger].

var errNoBlock = errors.New("no such block")

func (s *story) BlockByNumber(_ context.Context, n uint64) (*common.Block, error) {
	if n == Newest {
		n = uint64(len(s.chain)) - 1
	}
	if n >= uint64(len(s.chain)) {
		return nil, errNoBlock
	}
	return s.chain[n], nil
}

func (s *story) BlockByTx(_ context.Context, id string) (*common.Block, error) {
	for i, c := range []*call{nil, s.put, s.anchor, nil, s.purge, s.tombstone} {
		if c != nil && c.txID() == id {
			return s.chain[i], nil
		}
	}
	return nil, errNoBlock
}

func (s *story) Proof(context.Context, record.Ref) (record.Proof, []byte, error) {
	return record.Proof{ID: s.ref.ID, Collection: s.ref.Collection, State: record.StatePurged, TombstoneTx: s.tombstone.txID()}, s.payload(s.receipt), nil
}

type hashed = *kvrwset.HashedRWSet

func newCall() *call { return &call{private: map[string]hashed{}} }

func hashOf(key string) []byte {
	sum := sha256.Sum256([]byte(key))
	return sum[:]
}

func hexOf(b []byte) string { return hex.EncodeToString(b) }
