package certificate

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"domicile/chaincode/record"
)

// forgery is an attempt to have a certificate say what did not happen, out of blocks and signatures that are all real.
type forgery struct {
	name, field string
	before      func(s *story)                 // on the ledger
	after       func(s *story, c *Certificate) // in the file
}

// TestCertificatesPutTogetherFromRealPiecesOfOtherThingsAreRefused holds every signature that the channel's honest nodes
// gave, and puts pieces where they do not belong.
func TestCertificatesPutTogetherFromRealPiecesOfOtherThingsAreRefused(t *testing.T) {
	for _, f := range forgeries {
		t.Run(f.name, func(t *testing.T) {
			s := newStory(t, false)
			if f.before != nil {
				f.before(s)
			}
			c, genesis := s.certificate()
			if f.after != nil {
				f.after(s, c)
			}
			wantField(t, c, genesis, f.field)
		})
	}
}

// besides orders a transaction of the same kind about another record in the same block before the real one.
func besides(s *story, i int, real *call, change func(o *call)) {
	o := s.call(real.function)
	o.endorsers = real.endorsers
	change(o)
	s.data[i] = [][]byte{s.envelope(o), s.envelope(real)}
	s.others = append(s.others, o)
}

var forgeries = []forgery{
	{name: "the put of another record", field: "put", before: func(s *story) {
		for _, r := range []*call{s.anchor, s.purge} {
			r.in("us-a").HashedReads[0].Version.TxNum = 1
		}
		besides(s, 1, s.put, func(o *call) { o.writes("us-a", record.RecordKey(record.NewID()), s.value) })
	}, after: func(s *story, c *Certificate) { c.Put.Tx, c.Put.TxID = 0, s.others[0].txID() }},
	{name: "the tombstone of another record", field: "tombstone", before: func(s *story) {
		other := record.NewID()
		besides(s, 5, s.tombstone, func(o *call) {
			o.reads("us-a-log", record.GoneKey("us-a", other), purgeAt)
			o.reads("us-a", record.RecordKey(other))
			o.publishes(record.AnchorKey("us-a", other), record.Anchor{Version: 1, Region: "us", PurgedAt: o.time(), TombstoneTx: o.txID()})
		})
		s.receipt.public.Reads[0].Version.TxNum = 1
	}, after: func(s *story, c *Certificate) { c.Tombstone.Tx, c.Tombstone.TxID = 0, s.others[0].txID() }},
	{name: "the tombstone of the same id in another collection", field: "tombstone", before: func(s *story) {
		besides(s, 5, s.tombstone, func(o *call) {
			o.reads("us-b-log", record.GoneKey("us-b", s.ref.ID), purgeAt)
			o.reads("us-b", s.key())
			o.publishes(record.AnchorKey("us-b", s.ref.ID), record.Anchor{Version: 1, Region: "us", PurgedAt: o.time(), TombstoneTx: o.txID()})
		})
		s.receipt.public.Reads[0].Version.TxNum = 1
	}, after: func(s *story, c *Certificate) { c.Tombstone.Tx, c.Tombstone.TxID = 0, s.others[0].txID() }},
	{name: "the purge of another record in the same block", field: "purge", before: func(s *story) {
		s.tombstone.in("us-a-log").HashedReads[0].Version.TxNum = 1
		other := record.NewID()
		besides(s, 4, s.purge, func(o *call) {
			o.reads("us-a", record.RecordKey(other), putAt)
			o.purges("us-a", record.RecordKey(other))
			o.writes("us-a-log", record.GoneKey("us-a", other), s.register)
		})
	}, after: func(s *story, c *Certificate) { c.Purge.Tx, c.Purge.TxID = 0, s.others[0].txID() }},
	{name: "the receipt of another record's tombstone", field: "receipt", before: func(s *story) {
		s.receipt.public.Reads = nil
		s.receipt.readsPublic(record.AnchorKey("us-a", record.NewID()), stoneAt)
	}},
	{name: "a receipt that found the record back", field: "receipt", before: func(s *story) {
		s.receipt.reads("us-a", s.key(), Place{Block: 6})
	}},
	{name: "a receipt that found the metadata back", field: "receipt", before: func(s *story) {
		s.purge.purges("us-a", record.MetaKey(s.ref.ID))
		s.receipt.reads("us-a", record.MetaKey(s.ref.ID), putAt)
	}},
	{name: "an invalid purge before the valid one", field: "tombstone", before: func(s *story) {
		s.tombstone.in("us-a-log").HashedReads[0].Version.TxNum = 1
		s.data[4] = [][]byte{s.envelope(s.purge), s.envelope(s.call(record.FuncWrite, "UsA"))}
	}},
	{name: "blocks of another channel of the same orderers", field: "put", before: func(s *story) { s.put.channel = "other" }},
	{name: "the configuration of another channel of the same orderers", field: "blocks[2].data[0]", before: func(s *story) { s.second.channel = "other" }},
	{name: "a configuration block twice", field: "blocks[3].number", after: func(_ *story, c *Certificate) {
		c.Blocks = slices.Insert(c.Blocks, 3, c.Blocks[2])
		c.Configurations = []uint64{3, 3}
	}},
	{name: "a configuration replayed by the orderers", field: "blocks[2].data[0]", before: func(s *story) { s.second = s.genesis }},
	{name: "a later configuration block left out", field: "blocks[2].metadata", after: func(_ *story, c *Certificate) {
		c.Blocks, c.Configurations = slices.Delete(c.Blocks, 2, 3), []uint64{}
	}},
	{name: "a configuration block that is not listed", field: "blocks[2].metadata", after: func(_ *story, c *Certificate) { c.Configurations = []uint64{} }},
	{name: "a removed organisation signs the tombstone", field: "tombstone.endorsements[1].endorser", before: withoutUk},
	{name: "a removed organisation signs the receipt", field: "receipt.endorsements[1].endorser", before: func(s *story) {
		withoutUk(s)
		s.tombstone.endorsers = []*member{s.peers["EuA"], s.peers["UsA"]}
		s.receipt.endorsers = []*member{s.peers["UsA"], s.peers["UkA"]}
	}},
	{name: "a removed organisation's operator attests", field: "attestations[0].statement.org", before: func(s *story) {
		withoutUk(s)
		s.tombstone.endorsers = []*member{s.peers["EuA"], s.peers["UsA"]}
	}, after: func(s *story, c *Certificate) { c.Attestations = []Attestation{*s.attest("UkA")} }},
	{name: "the attestation of another organisation's nodes", field: "attestations[0].signer", after: func(s *story, c *Certificate) {
		a := s.attest("UsA")
		a.Signer = s.attest("UsB").Signer
		c.Attestations = []Attestation{*a}
	}},
	{name: "an attestation under another organisation's name", field: "attestations[0].signer", after: func(s *story, c *Certificate) {
		a := s.attest("UsB")
		a.Statement.Org = "UsA"
		c.Attestations = []Attestation{*a}
	}},
	{name: "an attestation about another record", field: "attestations[0].statement.records", after: func(s *story, c *Certificate) {
		c.Attestations = []Attestation{*s.attest("UsA", func(st *Statement) { st.Records[0].Collection = "us-b" })}
	}},
	{name: "an attestation of another channel", field: "attestations[0].statement.genesis", after: func(s *story, c *Certificate) {
		c.Attestations = []Attestation{*s.attest("UsA", func(st *Statement) { st.Channel = "other" })}
	}},
	{name: "an attestation of a search before the purge", field: "attestations[0].statement.nodes[0].height", after: func(s *story, c *Certificate) {
		c.Attestations = []Attestation{*s.attest("UsA", func(st *Statement) { st.Nodes[0].Height = purgeAt.Block })}
	}},
	{name: "the annex of another record", field: "annex.register", after: func(_ *story, c *Certificate) {
		c.Annex = &Annex{record.EncodeValue(make([]byte, record.SaltLen), []byte(`{"collection":"us-a"}`))}
	}},
	{name: "a receipt that nobody of a second region signed", field: "receipt.endorsements", after: func(_ *story, c *Certificate) {
		c.Receipt.Endorsements = c.Receipt.Endorsements[:1]
	}},
}

func withoutUk(s *story) { s.second.without, s.second.regions = "UkA", 2 }

// attest makes an organisation's attestation about the story's record.
func (s *story) attest(org string, change ...func(*Statement)) *Attestation {
	s.t.Helper()
	if s.chain == nil {
		s.write()
	}
	first := Block{DataHash: s.chain[0].Header.DataHash}
	st := Statement{
		Channel: "global", Genesis: hexOf(first.hash()), Org: org, Records: []record.Ref{s.ref}, NotCovered: []string{}, StatedAt: "2026-03-02T00:00:00Z",
		Nodes: []Node{{Name: "peer0", Kind: "peer", Height: 6, SearchedAt: "2026-03-02T00:00:00Z", Stores: []Store{{Name: "s", Method: "raw"}}}},
	}
	for _, f := range change {
		f(&st)
	}
	admin := s.orgs[org].issue(s.t, "admin")
	a, err := Sign(st, admin.pem, admin.key)
	must(s.t, err)
	return a
}

// TestSignedBytesCannotBeCutElsewhere moves whole fields over every border between messages that are signed in a row:
// every signature stays valid, and the parts would mean something else.
func TestSignedBytesCannotBeCutElsewhere(t *testing.T) {
	s := newStory(t, false)
	c, genesis := s.certificate()
	r := &c.Receipt
	for name, border := range map[string]struct{ left, right []*[]byte }{
		"channel header, signature header": {[]*[]byte{&r.ChannelHeader}, []*[]byte{&r.SignatureHeader}},
		"signature header, proposal":       {[]*[]byte{&r.SignatureHeader}, []*[]byte{&r.Proposal}},
		"response, endorser":               {[]*[]byte{&r.Response}, []*[]byte{&r.Endorsements[0].Endorser, &r.Endorsements[1].Endorser}},
		"metadata, orderer": {[]*[]byte{&c.Blocks[0].Metadata}, []*[]byte{
			&c.Blocks[0].Signatures[0].Identifier, &c.Blocks[0].Signatures[1].Identifier, &c.Blocks[0].Signatures[2].Identifier,
		}},
	} {
		left := *border.left[0]
		var right [][]byte
		for _, p := range border.right {
			right = append(right, *p)
		}
		tried := 0
		try := func() {
			tried++
			if _, err := verified(t, c, genesis); err == nil {
				t.Errorf("%s: another cut holds", name)
			}
		}
		for at := range starts(t, left) {
			*border.left[0] = left[:at]
			for i, p := range border.right {
				*p = slices.Concat(left[at:], right[i])
			}
			try()
		}
		if len(border.right) == 1 {
			for at := range starts(t, right[0]) {
				if at > 0 {
					*border.left[0], *border.right[0] = slices.Concat(left, right[0][:at]), right[0][at:]
					try()
				}
			}
		}
		*border.left[0] = left
		for i, p := range border.right {
			*p = right[i]
		}
		if tried < 2 {
			t.Errorf("%s: %d cuts", name, tried)
		}
	}
	if _, err := verified(t, c, genesis); err != nil {
		t.Error("as it was: ", err)
	}
}

// starts are the places in a message where a field begins.
func starts(t *testing.T, m []byte) map[int]bool {
	t.Helper()
	out := map[int]bool{}
	for at := 0; at < len(m); {
		out[at] = true
		_, _, n := protowire.ConsumeField(m[at:])
		if n < 0 {
			t.Fatal("not a message")
		}
		at += n
	}
	return out
}

// TestAnExpiredCertificateIsNotJudgedAndTheReportSaysSo: every certificate of the story expired long before it.
func TestAnExpiredCertificateIsNotJudgedAndTheReportSaysSo(t *testing.T) {
	s := newStory(t, false)
	c, genesis := s.certificate()
	if !s.peers["UsA"].cert.NotAfter.Before(s.purge.at) {
		t.Fatal("the story's certificates have not expired")
	}
	r, err := verified(t, c, genesis)
	must(t, err)
	if got := said(t, r); !strings.Contains(got, "Whether a certificate had expired was not judged") {
		t.Error(got)
	}
}

// Anybody's operator may say that nothing is on the own disks; it must not read as the holder's word.
func TestTheReportTellsHoldersFromOthersAndNamesWhoIsMissing(t *testing.T) {
	s := newStory(t, false)
	s.put.endorsers = append(s.put.endorsers, s.peers["UsB"])
	c, genesis := s.certificate()
	c.Attestations = []Attestation{*s.attest("UsA"), *s.attest("UkA")}
	r, err := verified(t, c, genesis)
	must(t, err)
	var others, missing int
	for _, x := range r.Stated {
		if strings.Contains(x.What, "nothing here shows that it held the record") {
			others++
			if x.Who != "the operator of UkA" {
				t.Errorf("%+v", x)
			}
		}
		if strings.Contains(x.What, "the disks of UsB, which held the record") {
			missing++
		}
	}
	if others != 1 || missing != 1 {
		t.Errorf("%d others, %d missing:\n%s", others, missing, said(t, r))
	}
}

func TestACompactionBeforeThePurgeIsNotCalledOneAfterIt(t *testing.T) {
	s := newStory(t, false)
	c, genesis := s.certificate()
	for height, want := range map[uint64]string{0: "not compacted since the purge", 4: "not compacted since the purge", 5: "compacted at"} {
		c.Attestations = []Attestation{*s.attest("UsA", func(st *Statement) {
			st.Nodes[0].ScrubbedAt, st.Nodes[0].ScrubbedHeight = "2026-03-01T23:00:00Z", height
		})}
		r, err := verified(t, c, genesis)
		must(t, err)
		if got := said(t, r); !strings.Contains(got, want) {
			t.Errorf("stopped at height %d: %s", height, got)
		}
	}
}

func TestOnlyOfAPeerItIsSaidThatItWasNotCompacted(t *testing.T) {
	s := newStory(t, false)
	c, genesis := s.certificate()
	c.Attestations = []Attestation{*s.attest("UsA", func(st *Statement) { st.Nodes[0].Kind = "chaincode" })}
	r, err := verified(t, c, genesis)
	must(t, err)
	if got := said(t, r); strings.Contains(got, "compacted") {
		t.Error(got)
	}
}

// A large record's body and its metadata go in two transactions; the receipt shows the second.
func TestTheReceiptShowsWhetherTheMetadataOfALargeRecordWentToo(t *testing.T) {
	for name, c := range map[string]struct {
		reads func(s *story)
		want  string
	}{
		"gone":       {func(s *story) { s.receipt.reads("us-a", record.MetaKey(s.ref.ID)) }, "a later transaction did, see below"},
		"still owed": {func(s *story) { s.receipt.reads("us-a", record.MetaKey(s.ref.ID), putAt) }, "the second is owed"},
		"not read":   {func(*story) {}, "nothing in this file proves that a later transaction did"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t, false)
			s.receipt.reads("us-a", s.key())
			c.reads(s)
			cert, genesis := s.certificate()
			r, err := verified(t, cert, genesis)
			must(t, err)
			if got := said(t, r); !strings.Contains(got, c.want) || !strings.Contains(got, "record's key still absent") {
				t.Errorf("%s", got)
			}
		})
	}
}

// Free text stands in attestations and in the annex alone: whatever else a file says is checked against what is signed.
func TestNoPublicFieldTakesAnAuthorityALabelOrAPerson(t *testing.T) {
	const secret = "Jane Doe, HIV, 42 CFR 2.16"
	s := newStory(t, false)
	c, genesis := s.certificate()
	b, err := c.Encode()
	must(t, err)
	tree := parseTree(t, b)
	fields := 0
	mutate("", tree, nil, func(path, what string) {
		if what != "longer" { // the strings
			return
		}
		fields++
	})
	inject(t, tree, nil, secret, func() {
		b, err := json.Marshal(tree)
		must(t, err)
		if _, err := Verify(b, genesis); err == nil {
			t.Error("a certificate with it in a field holds")
		}
	})
	if fields < 50 {
		t.Errorf("%d fields", fields)
	}
}

// inject puts a text into each string of a tree, one at a time.
func inject(t *testing.T, v any, set func(any), text string, try func()) {
	switch x := v.(type) {
	case *object:
		for _, k := range x.names {
			child := x.values[k]
			inject(t, child, func(n any) { x.values[k] = n }, text, try)
			x.values[k] = child
		}
	case []any:
		for i, child := range x {
			inject(t, child, func(n any) { x[i] = n }, text, try)
			x[i] = child
		}
	case string:
		for _, s := range []string{text, x + text} {
			set(s)
			try()
		}
	}
}

func TestTheBlockOfAPurgeIsReadFromItsTombstone(t *testing.T) {
	s := newStory(t, false)
	s.write()
	if n, ok := PurgeBlock(s.chain[5], s.tombstone.txID(), s.ref); !ok || n != purgeAt.Block {
		t.Error(n, ok)
	}
	other := record.Ref{Collection: "us-b", ID: s.ref.ID}
	for _, x := range []struct {
		block int
		tx    string
		ref   record.Ref
	}{{4, s.tombstone.txID(), s.ref}, {5, s.purge.txID(), s.ref}, {5, s.tombstone.txID(), other}} {
		if n, ok := PurgeBlock(s.chain[x.block], x.tx, x.ref); ok {
			t.Errorf("%+v: %d", x, n)
		}
	}
	if _, ok := PurgeBlock(nil, "", s.ref); ok {
		t.Error("a block that is not there")
	}
}

func TestABlockThatIsEvidenceOfNothingIsRefused(t *testing.T) {
	s := newStory(t, true)
	c, genesis := s.certificate()
	surplus, err := newBlock(s.chain[2])
	must(t, err)
	c.Blocks = slices.Insert(c.Blocks, 1, surplus)
	wantField(t, c, genesis, "blocks[1]")
}
