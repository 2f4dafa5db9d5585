package certificate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"

	"domicile/chaincode/record"
)

// verified encodes and verifies.
func verified(t testing.TB, c *Certificate, genesis []byte) (*Report, error) {
	t.Helper()
	b, err := c.Encode()
	must(t, err)
	return Verify(b, genesis)
}

func TestACertificateOfAHonestLedgerHolds(t *testing.T) {
	for name, unanchored := range map[string]bool{"anchored": false, "never anchored": true} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t, unanchored)
			c, genesis := s.certificate()
			r, err := verified(t, c, genesis)
			must(t, err)
			if (r.Anchor == nil) != unanchored || strings.Contains(strings.Join(r.Proves, " "), "never anchored") != unanchored {
				t.Errorf("%+v", r)
			}
			collected, err := Collect(t.Context(), s, s.ref)
			must(t, err)
			a, _ := c.Encode()
			b, _ := collected.Encode()
			if !sameButReceipt(t, a, b) {
				t.Errorf("collected:\n%s\nwant:\n%s", b, a)
			}
		})
	}
}

// sameButReceipt compares two certificates; signatures of a receipt differ each time.
func sameButReceipt(t *testing.T, a, b []byte) bool {
	t.Helper()
	var out [2]string
	for i, f := range [][]byte{a, b} {
		c, err := Decode(f)
		must(t, err)
		c.Receipt = Receipt{}
		f, err = c.Encode()
		must(t, err)
		out[i] = string(f)
	}
	return out[0] == out[1]
}

// TestWellSignedLiesAreCaught signs, with every key of the channel, what no honest node would sign.
func TestWellSignedLiesAreCaught(t *testing.T) {
	for _, c := range []struct {
		name, field string
		change      func(s *story)
	}{
		{"the put writes another hash", "put", func(s *story) {
			s.put.private = nil
			s.put.private = newCall().private
			s.put.writes("us-a", s.key(), []byte("else"))
		}},
		{"the put deletes", "put", func(s *story) { s.put.in("us-a").HashedWrites[0].IsDelete = true }},
		{"the put writes into another collection", "put", func(s *story) { s.put.private = map[string]hashed{"us-b": s.put.in("us-a")} }},
		{"the put writes twice", "put", func(s *story) { s.put.writes("us-a", s.key(), s.value) }},
		{"the put was no write", "put", func(s *story) { s.put.function = "Read" }},
		{"the put failed", "put", func(s *story) { s.put.status = 500 }},
		{"the put is of another chaincode", "put", func(s *story) { s.put.chaincode = "other" }},
		{"the put is of another channel", "put", func(s *story) { s.put.channel = "other" }},
		{"the put has no endorsement", "put.endorsements", func(s *story) { s.put.endorsers = nil }},
		{"the put is endorsed by a client", "put.endorsements[0].endorser", func(s *story) { s.put.endorsers = []*member{s.client} }},
		{"the put is submitted by a stranger", "put", func(s *story) { s.put.creator = newOrg(s.t, "UsA").issue(s.t, "client") }},
		{"the put is not signed by who submitted it", "put", func(s *story) {
			p := s.payload(s.put)
			s.data[1] = [][]byte{marshal(s.t, &common.Envelope{Payload: p, Signature: s.peers["UsA"].sign(s.t, p)})}
		}},
		{"the endorsers of the put signed another proposal", "put", func(s *story) { s.put.proposed = make([]byte, 32) }},
		{"the header of the put names another transaction", "put", func(s *story) { s.put.header = s.purge.txID() }},
		{"one peer endorses twice", "anchor.endorsements[1].endorser", func(s *story) { s.anchor.endorsers = []*member{s.peers["UsB"], s.peers["UsB"]} }},
		{"the anchor is of one region", "anchor.endorsements", func(s *story) { s.anchor.endorsers = []*member{s.peers["UsA"], s.peers["UsB"]} }},
		{"an endorser of the anchor has another authority", "anchor.endorsements[1].endorser", func(s *story) {
			s.anchor.endorsers[1] = newOrg(s.t, "EuA").issue(s.t, "peer")
		}},
		{"an endorser is an administrator and a peer", "anchor.endorsements[1].endorser", func(s *story) {
			s.anchor.endorsers[1] = s.orgs["EuA"].issue(s.t, "peer", "admin")
		}},
		{"an endorser of the anchor is revoked from the beginning", "anchor.endorsements[1].endorser", func(s *story) {
			s.orgs["EuA"].revoke(s.t, s.peers["EuA"])
		}},
		{"the anchor did not read the record", "anchor", func(s *story) { s.anchor.in("us-a").HashedReads = nil }},
		{"the anchor read the record absent", "anchor", func(s *story) { s.anchor.in("us-a").HashedReads[0].Version = nil }},
		{"the anchor read another version", "anchor", func(s *story) { s.anchor.in("us-a").HashedReads[0].Version.TxNum = 1 }},
		{"the anchor publishes another hash", "anchor", func(s *story) { s.publish(s.anchor, func(d *record.Anchor) { d.Hash = strings.Repeat("0", 64) }) }},
		{"the anchor publishes another time", "anchor", func(s *story) { s.publish(s.anchor, func(d *record.Anchor) { d.AnchoredAt = "2020-01-01T00:00:00Z" }) }},
		{"the anchor publishes a purge", "anchor", func(s *story) { s.publish(s.anchor, func(d *record.Anchor) { d.PurgedAt = "2020-01-01T00:00:00Z" }) }},
		{"the anchor publishes nothing", "anchor", func(s *story) { s.anchor.public.Writes = nil }},
		{"the purge only deletes", "purge", func(s *story) { s.purge.in("us-a").HashedWrites[0].IsPurge = false }},
		{"the purge is of another key", "purge", func(s *story) { s.purge.in("us-a").HashedWrites[0].KeyHash = []byte("else") }},
		{"the purge enters no register", "purge", func(s *story) { delete(s.purge.private, "us-a-log") }},
		{"the purge enters two registers", "purge", func(s *story) { s.purge.writes("us-b-log", s.goneKey(), s.register) }},
		{"the purge enters the register among the records", "purge", func(s *story) {
			delete(s.purge.private, "us-a-log")
			s.purge.writes("us-a", s.goneKey(), s.register)
		}},
		{"the purge read another version of the record", "purge", func(s *story) { s.purge.in("us-a").HashedReads[0].Version.BlockNum = 2 }},
		{"the tombstone read another register", "tombstone", func(s *story) { s.tombstone.in("us-a-log").HashedReads[0].Version.BlockNum = 3 }},
		{"the tombstone did not read the register", "tombstone", func(s *story) { delete(s.tombstone.private, "us-a-log") }},
		{"the tombstone found the record", "tombstone", func(s *story) { s.tombstone.in("us-a").HashedReads[0].Version = version([]Place{putAt}) }},
		{"the tombstone did not look for the record", "tombstone", func(s *story) { delete(s.tombstone.private, "us-a") }},
		{"the tombstone read another anchor", "tombstone", func(s *story) { s.tombstone.public.Reads[0].Version.BlockNum = 1 }},
		{"the tombstone read no anchor", "tombstone", func(s *story) { s.tombstone.public.Reads[0].Version = nil }},
		{"the tombstone did not look for the anchor", "tombstone", func(s *story) { s.tombstone.public.Reads = nil }},
		{"the tombstone is of one region", "tombstone.endorsements", func(s *story) { s.tombstone.endorsers = s.tombstone.endorsers[:1] }},
		{"the tombstone publishes another hash", "tombstone", func(s *story) { s.publish(s.tombstone, func(d *record.Anchor) { d.Hash = strings.Repeat("0", 64) }) }},
		{"the tombstone publishes another time", "tombstone", func(s *story) { s.publish(s.tombstone, func(d *record.Anchor) { d.PurgedAt = d.PurgedAt[:10] }) }},
		{"the tombstone publishes another region", "tombstone", func(s *story) { s.publish(s.tombstone, func(d *record.Anchor) { d.Region = "eu" }) }},
		{"the tombstone is an anchor", "tombstone", func(s *story) { s.tombstone.function = record.FuncAnchor }},
		{"the receipt read something else", "receipt", func(s *story) { s.receipt.public.Reads[0].Version.BlockNum = 2 }},
		{"the receipt is of one region", "receipt.endorsements", func(s *story) { s.receipt.endorsers = []*member{s.peers["UsA"], s.peers["UsB"]} }},
		{"the receipt was for something else", "receipt", func(s *story) { s.receipt.function = record.FuncVerify }},
		{"two orderers signed", "blocks[3].signatures", func(s *story) { delete(s.signers[4], 1) }},
		{"a stranger signs for an orderer", "blocks[3].signatures", func(s *story) { s.signers[4][3] = s.orgs["Orderers"].issue(s.t, "orderer") }},
		{"an orderer is of another authority", "blocks[0].signatures", func(s *story) {
			s.orderers[0] = newOrg(s.t, "Orderers").issue(s.t, "orderer")
			s.genesis.consenter, s.second.consenter, s.signers[1] = s.orderers, s.orderers, three(s.orderers)
		}},
		{"an orderer has the certificate of a peer", "blocks[0].signatures", func(s *story) {
			s.orderers[0] = s.orgs["Orderers"].issue(s.t, "peer")
			s.genesis.consenter, s.second.consenter, s.signers[1] = s.orderers, s.orderers, three(s.orderers)
		}},
		{"a fifth orderer signs", "blocks[3].signatures", func(s *story) { s.signers[4][5] = s.orgs["Orderers"].issue(s.t, "orderer") }},
		{"the new configuration is signed by the orderers that it names", "blocks[2].signatures", func(s *story) {
			s.second.consenter = s.fresh()
			for i := 3; i < 6; i++ {
				s.signers[i] = three(s.second.consenter)
			}
		}},
		{"a later block is signed by the old orderers", "blocks[3].signatures", func(s *story) { s.second.consenter = s.fresh() }},
		{"a configuration is left out before this one", "blocks[2].data[0]", func(s *story) { s.second.sequence = 2 }},
		{"the configuration is of another channel", "blocks[2].data[0]", func(s *story) { s.second.channel = "other" }},
		{"a block names another last configuration", "blocks[3].metadata", func(s *story) { s.last[4] = 2 }},
		{"the configuration does not name itself", "blocks[2].data[0]", func(s *story) { s.last[3] = 0 }},
		{"the orderers are not byzantine fault tolerant", "genesis", func(s *story) { s.genesis.consensus = "etcdraft" }},
		{"two of three regions may change the contract", "genesis", func(s *story) { s.genesis.regions = 2 }},
		{"the second configuration gives up the regions", "blocks[2].data[0]", func(s *story) { s.second.regions = 1 }},
		{"a block's envelopes are cut elsewhere", "blocks[0].data[0]", func(s *story) {
			e := s.envelope(s.put)
			s.data[1] = [][]byte{append(s.envelope(s.call(record.FuncWrite, "UsA")), e...)}
		}},
		{"a block does not follow the one before", "blocks[1].previousHash", func(s *story) {
			s.blocks[2] = s.block(2, 0, []byte("else"), three(s.orderers), s.envelope(s.anchor))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStory(t, false)
			c.change(s)
			cert, genesis := s.certificate()
			r, err := verified(t, cert, genesis)
			var m *Mismatch
			if !errors.As(err, &m) || r != nil {
				t.Fatalf("it holds: %v", err)
			}
			if m.Field != c.field && !strings.HasPrefix(m.Field, c.field+".") && !strings.HasPrefix(m.Field, c.field+"[") {
				t.Errorf("field %s (%s), want %s", m.Field, m.Reason, c.field)
			}
			if _, err := Collect(context.Background(), s, s.ref); err == nil {
				t.Error("Collect returns a certificate that does not hold")
			}
		})
	}
}

// publish changes what a call publishes.
func (s *story) publish(c *call, change func(*record.Anchor)) {
	var doc record.Anchor
	must(s.t, json.Unmarshal(c.public.Writes[0].Value, &doc))
	change(&doc)
	c.public.Writes = nil
	c.publishes(s.anchorKey(), doc)
}

func (w *world) fresh() []*member {
	var out []*member
	for range 4 {
		out = append(out, w.orgs["Orderers"].issue(w.t, "orderer"))
	}
	return out
}

func TestNewOrderersOfASignedConfigurationAreBelieved(t *testing.T) {
	s := newStory(t, false)
	s.second.consenter = s.fresh()
	s.signers[4], s.signers[5] = three(s.second.consenter), three(s.second.consenter)
	c, genesis := s.certificate()
	if _, err := verified(t, c, genesis); err != nil {
		t.Error(err)
	}
}

func TestATransactionIsFoundByItsPositionInTheBlock(t *testing.T) {
	s := newStory(t, false)
	s.tombstone.in("us-a-log").HashedReads[0].Version.TxNum = 1
	s.data[4] = [][]byte{s.envelope(s.call(record.FuncWrite, "UsA")), s.envelope(s.purge)}
	c, genesis := s.certificate()
	c.Purge.Tx = 1
	_, err := verified(t, c, genesis)
	must(t, err)
	c.Purge.Tx = 0
	wantField(t, c, genesis, "purge.txId")
	if got, err := Collect(t.Context(), s, s.ref); err != nil || got.Purge.Tx != 1 {
		t.Error(err)
	}
}

func TestARecordNeverAnchoredNeedsATombstoneThatFoundNoAnchor(t *testing.T) {
	s := newStory(t, true)
	s.tombstone.public.Reads[0].Version = version([]Place{anchorAt})
	c, genesis := s.certificate()
	wantField(t, c, genesis, "tombstone")
}

func wantField(t *testing.T, c *Certificate, genesis []byte, field string) {
	t.Helper()
	_, err := verified(t, c, genesis)
	var m *Mismatch
	if !errors.As(err, &m) || m.Field != field {
		t.Errorf("%v, want field %s", err, field)
	}
}

func TestTheAnnexIsTheRegistersEntryOrRefused(t *testing.T) {
	s := newStory(t, false)
	c, genesis := s.certificate()
	c.Annex = &Annex{s.register}
	r, err := verified(t, c, genesis)
	must(t, err)
	if !strings.Contains(r.Stated[2].What, `authority "law"`) {
		t.Errorf("%+v", r.Stated)
	}
	c.Annex.Register = append([]byte{}, s.register...)
	c.Annex.Register[50] ^= 1
	wantField(t, c, genesis, "annex.register")
	c.Annex.Register = bytes.Replace(s.register, []byte(`"law"`), []byte(`"war"`), 1) // as good an entry, but not the one
	wantField(t, c, genesis, "annex.register")
	for name, lie := range map[string]string{"another record": `{"collection":"us-a","hash":"00"}`, "no entry": "x"} {
		t.Run("the holder entered "+name, func(t *testing.T) {
			s := newStory(t, false)
			s.register = record.EncodeValue(make([]byte, record.SaltLen), []byte(lie))
			delete(s.purge.private, "us-a-log")
			s.purge.writes("us-a-log", s.goneKey(), s.register)
			c, genesis := s.certificate()
			if _, err := verified(t, c, genesis); err != nil {
				t.Error("what the register says is nobody's business without the annex:", err)
			}
			c.Annex = &Annex{s.register}
			wantField(t, c, genesis, "annex.register")
		})
	}
}

func TestAttestationsAreCheckedAndSaidToBeTheOperators(t *testing.T) {
	s := newStory(t, false)
	admin, operator := s.orgs["UsA"].issue(t, "admin"), s.orgs["UsA"].issue(t, "client", OperatorUnit)
	c, genesis := s.certificate()
	statement := Statement{
		Channel: "global", Genesis: c.Genesis, Org: "UsA", Records: []record.Ref{s.ref}, NotCovered: []string{"backups"}, StatedAt: "2026-03-02T00:00:00Z",
		Nodes: []Node{{Name: "peer0", Kind: "peer", Height: 6, SearchedAt: "2026-03-02T00:00:00Z", Stores: []Store{{Name: "pvtdataStore", Method: "tables", Files: 2, Bytes: 9, Found: 1}}}},
	}
	for _, by := range []*member{admin, operator} {
		a, err := Sign(statement, by.pem, by.key)
		must(t, err)
		must(t, VerifyAttestation(a, genesis))
		b, err := a.Encode()
		must(t, err)
		again, err := DecodeAttestation(b)
		must(t, err)
		c.Attestations = []Attestation{*again}
		r, err := verified(t, c, genesis)
		must(t, err)
		if last := r.Stated[len(r.Stated)-1]; last.Who != "the operator of UsA" || !strings.Contains(last.What, "FOUND BYTES that should be gone in 1 places") {
			t.Errorf("%+v", last)
		}
	}
	for _, bad := range []struct {
		name, field string
		by          *member
		change      func(*Statement)
	}{
		{"signed by a plain client", "attestations[0].signer", s.client, nil},
		{"signed by a peer", "attestations[0].signer", s.peers["UsA"], nil},
		{"signed by another organisation's administrator", "attestations[0].signer", s.orgs["EuA"].issue(t, "admin"), nil},
		{"about another channel", "attestations[0].statement.genesis", admin, func(s *Statement) { s.Genesis = "00" }},
		{"about another record", "attestations[0].statement.records", admin, func(s *Statement) { s.Records = []record.Ref{{Collection: "us-a", ID: "x"}} }},
		{"about a stranger", "attestations[0].statement.org", admin, func(s *Statement) { s.Org = "X" }},
		{"without a time", "attestations[0].statement.statedAt", admin, func(s *Statement) { s.StatedAt = "today" }},
		{"made before the purge", "attestations[0].statement.nodes[0].height", admin, func(s *Statement) { s.Nodes[0].Height = 4 }},
		{"of a peer without a height", "attestations[0].statement.nodes[0].height", admin, func(s *Statement) { s.Nodes[0].Height = 0 }},
		{"of a node of another kind", "attestations[0].statement.nodes[0].kind", admin, func(s *Statement) { s.Nodes[0].Kind = "Peer" }},
		{"of a node without a name", "attestations[0].statement.nodes[0].name", admin, func(s *Statement) { s.Nodes[0].Name = "" }},
		{"of one node twice", "attestations[0].statement.nodes[1].name", admin, func(s *Statement) { s.Nodes = append(s.Nodes, s.Nodes[0]) }},
		{"searched at no time", "attestations[0].statement.nodes[0].searchedAt", admin, func(s *Statement) { s.Nodes[0].SearchedAt = "soon" }},
		{"compacted at no time", "attestations[0].statement.nodes[0].scrubbedAt", admin, func(s *Statement) { s.Nodes[0].ScrubbedAt = "soon" }},
		{"with findings below zero, which make up for others", "attestations[0].statement.nodes[0].stores[1].found", admin, func(s *Statement) {
			s.Nodes[0].Stores = append(s.Nodes[0].Stores, Store{Name: "x", Found: -1})
		}},
		{"with hits where nothing was found", "attestations[0].statement.nodes[0].stores[0].forms", admin, func(s *Statement) {
			s.Nodes[0].Stores = []Store{{Name: "x", Forms: map[string]int{"raw": 1}}}
		}},
	} {
		t.Run(bad.name, func(t *testing.T) {
			st := statement
			st.Nodes = []Node{statement.Nodes[0]}
			if bad.change != nil {
				bad.change(&st)
			}
			a, err := Sign(st, bad.by.pem, bad.by.key)
			must(t, err)
			c.Attestations = []Attestation{*a}
			wantField(t, c, genesis, bad.field)
		})
	}
	a, err := Sign(statement, admin.pem, admin.key)
	must(t, err)
	a.Statement.Nodes[0].Stores[0].Found = 0
	c.Attestations = []Attestation{*a}
	wantField(t, c, genesis, "attestations[0].signature")
	if _, err := Sign(statement, admin.pem, operator.key); err == nil {
		t.Error("signed with a key that is not the certificate's")
	}
}

func TestARecordWithoutATombstoneIsNotCertified(t *testing.T) {
	s := newStory(t, false)
	s.write()
	if _, err := Collect(t.Context(), living{s}, s.ref); !errors.Is(err, ErrNotPurged) {
		t.Error(err)
	}
}

type living struct{ *story }

func (living) Proof(context.Context, record.Ref) (record.Proof, []byte, error) {
	return record.Proof{State: record.StateActive}, nil, nil
}

func TestTheGenesisBlockDecidesWhoIsBelieved(t *testing.T) {
	s := newStory(t, false)
	c, _ := s.certificate()
	_, other := newStory(t, false).certificate()
	wantField(t, c, other, "genesis")
	wantField(t, c, []byte("nonsense"), "genesis")
	wantField(t, c, nil, "genesis.dataHash")
	wantField(t, c, marshal(t, s.chain[1]), "genesis")
	wantField(t, c, make([]byte, MaxGenesis+1), "genesis")
	b := &common.Block{Header: s.chain[0].Header, Data: &common.BlockData{Data: [][]byte{s.config(s.second)}}}
	wantField(t, c, marshal(t, b), "genesis.dataHash")
}

func TestTimesAreInSecondsOfUTC(t *testing.T) {
	s := newStory(t, false)
	c, genesis := s.certificate()
	r, err := verified(t, c, genesis)
	must(t, err)
	if r.Purge.Time != s.purge.at.Truncate(time.Second).Format(time.RFC3339) {
		t.Error(r.Purge.Time)
	}
}

// said is all that a report says, as people read it.
func said(t *testing.T, r *Report) string {
	t.Helper()
	var b strings.Builder
	must(t, r.Write(&b))
	return b.String()
}

// A record that moves is purged where it was and lives on: the same four transactions, and no destruction.
func TestAPurgeThatMovedTheRecordIsNotCalledADestruction(t *testing.T) {
	s := newStory(t, false)
	gone, err := json.Marshal(record.Gone{Version: 1, Collection: "us-a", Hash: s.hash(), Ground: record.GroundMoved, Tx: s.purge.txID()})
	must(t, err)
	s.register = record.EncodeValue(make([]byte, record.SaltLen), gone)
	delete(s.purge.private, "us-a-log")
	s.purge.writes("us-a-log", s.goneKey(), s.register)
	c, genesis := s.certificate()
	r, err := verified(t, c, genesis)
	must(t, err)
	if got := said(t, r); !strings.Contains(got, "was destroyed and did not move") || strings.Contains(got, "NO DESTRUCTION") {
		t.Errorf("without the annex:\n%s", got)
	}
	c.Annex = &Annex{s.register}
	r, err = verified(t, c, genesis)
	must(t, err)
	if got := said(t, r); !strings.Contains(got, "THIS IS NO DESTRUCTION") {
		t.Errorf("with the annex:\n%s", got)
	}
}

// A large record's body is purged and confirmed before its metadata.
func TestMetadataThatStayedIsNotCalledPurged(t *testing.T) {
	for meta, want := range map[bool]string{false: "nothing in this file proves that a later transaction did", true: "as well"} {
		s := newStory(t, false)
		if meta {
			s.purge.purges("us-a", record.MetaKey(s.ref.ID))
		}
		c, genesis := s.certificate()
		r, err := verified(t, c, genesis)
		must(t, err)
		if got := said(t, r); !strings.Contains(got, want) {
			t.Errorf("metadata purged %t:\n%s", meta, got)
		}
	}
}

// Nobody signs that a configuration is the last one, so the report must say which one it went by.
func TestALaterConfigurationMayBeLeftOutAndTheReportSaysSo(t *testing.T) {
	s := newStory(t, false)
	c, genesis := s.certificate() // it has no later one than that of block 3; the ledger may
	r, err := verified(t, c, genesis)
	must(t, err)
	if got := said(t, r); !strings.Contains(got, "That block 3 holds the last configuration that there is: later ones may be left out") {
		t.Error(got)
	}
}

func TestASearchOfNothingIsNotCalledClean(t *testing.T) {
	s := newStory(t, false)
	admin := s.orgs["UsA"].issue(t, "admin")
	c, genesis := s.certificate()
	a, err := Sign(Statement{
		Channel: "global", Genesis: c.Genesis, Org: "UsA", Records: []record.Ref{s.ref}, Nodes: []Node{}, NotCovered: []string{}, StatedAt: "2026-03-02T00:00:00Z",
	}, admin.pem, admin.key)
	must(t, err)
	c.Attestations = []Attestation{*a}
	r, err := verified(t, c, genesis)
	must(t, err)
	if got := said(t, r); !strings.Contains(got, "looked nowhere") {
		t.Error(got)
	}
}
