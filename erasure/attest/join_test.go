package attest_test

import (
	"fmt"
	"slices"
	"testing"

	"domicile/chaincode/record"
	"domicile/erasure/attest"
	"domicile/erasure/certificate"
)

// statement is one operator's, of peer0 and peer1, clean.
func statement(org, at string, refs ...record.Ref) attest.Signed {
	s := certificate.Statement{Org: org, StatedAt: at, Records: refs, NotCovered: []string{"swap"}}
	for i := range 2 {
		s.Nodes = append(s.Nodes, certificate.Node{
			Name: fmt.Sprintf("peer%d.%s", i, org), Kind: "peer", Height: 12, ScrubbedHeight: 11, ScrubbedAt: early, SearchedAt: at, Stores: []certificate.Store{{Name: "data"}},
		})
	}
	return attest.Signed{Attestation: &certificate.Attestation{Statement: s}, SHA256: org + at}
}

var (
	alone  = record.Ref{Collection: "us-a", ID: "a"}
	both   = record.Ref{Collection: "us-ab", ID: "b"}
	region = attest.Expected{
		Region:  "us",
		Members: map[string][]string{"us-a": {"A"}, "us-ab": {"A", "B"}},
		Peers:   map[string][]string{"A": {"peer0.A", "peer1.A"}, "B": {"peer0.B", "peer1.B"}},
		Pending: []record.Ref{alone, both},
		Purged:  map[record.Ref]uint64{alone: 10, both: 10},
	}
)

const (
	early = "2026-01-01T00:00:00Z"
	late  = "2026-01-02T00:00:00Z"
)

func TestARegionIsCompleteWhenEveryHolderAttestedEveryRecordClean(t *testing.T) {
	t.Parallel()
	r, settled := attest.Join(region, []attest.Signed{statement("A", late, alone, both), statement("B", late, both)})
	if !r.Complete || len(settled) != 2 || !settled[both] || !settled[alone] {
		t.Errorf("%+v\n%v", r, settled)
	}
	if len(r.NotCovered) != 1 || r.NotCovered[0] != "swap" {
		t.Errorf("not covered: %v", r.NotCovered)
	}
}

func TestACanaryMustBeAttestedAndIsInNoCountOfRecords(t *testing.T) {
	t.Parallel()
	x := region
	x.Canaries = map[record.Ref]bool{both: true}
	half, _ := attest.Join(x, []attest.Signed{statement("A", late, alone, both)})
	if c := half.Collections[1]; half.Complete || c.Records != 0 || c.Canaries != 1 || c.CanariesClean != 0 || c.Lacking[0].Records != 0 || c.Lacking[0].Canaries != 1 {
		t.Errorf("one holder of two: %+v", half)
	}
	r, settled := attest.Join(x, []attest.Signed{statement("A", late, alone, both), statement("B", late, both)})
	if c := r.Collections[1]; !r.Complete || c.Clean != 0 || c.CanariesClean != 1 || !settled[both] {
		t.Errorf("both: %+v, %v", r, settled)
	}
	for _, o := range r.Operators {
		if want := map[string]int{"A": 1, "B": 0}[o.Org]; o.Records != want || o.Canaries != 1 {
			t.Errorf("%s looked for %d records and %d canaries", o.Org, o.Records, o.Canaries)
		}
	}
}

func TestAReportNamesWhoOwesWhatAndWhy(t *testing.T) {
	t.Parallel()
	residue := statement("B", late, both)
	residue.Statement.Nodes[1].Stores[0].Found = 3
	unsearched := statement("B", late, both)
	unsearched.Statement.Nodes = unsearched.Statement.Nodes[:1]
	missing := statement("B", late, both)
	missing.Statement.Missing = []string{"peer1.B"}
	unread := statement("B", late, both)
	unread.Statement.Nodes[1].Stores[0].NotCovered = []string{"ledgersData/pvtdataStore/000001.ldb: permission denied"}
	nowhere := statement("B", late, both)
	nowhere.Statement.Nodes = nil
	with := func(change func(n *certificate.Node)) []attest.Signed {
		a := statement("B", late, both)
		change(&a.Statement.Nodes[1])
		return []attest.Signed{a}
	}
	one := []string{"peer1.B"}
	for name, c := range map[string]struct {
		b     []attest.Signed
		why   string
		nodes []string
	}{
		"a file nobody could read":     {[]attest.Signed{unread}, attest.WhyGaps, one},
		"nothing":                      {nil, attest.WhySilent, []string{"peer0.B", "peer1.B"}},
		"another record":               {[]attest.Signed{statement("B", late, alone)}, attest.WhyOther, nil},
		"residue":                      {[]attest.Signed{residue}, attest.WhyResidue, one},
		"residue after a clean search": {[]attest.Signed{statement("B", early, both), residue}, attest.WhyResidue, one},
		"one of two peers":             {[]attest.Signed{unsearched}, attest.WhyIncomplete, one},
		"a peer that was down":         {[]attest.Signed{missing}, attest.WhyIncomplete, one},
		"no peer at all":               {[]attest.Signed{nowhere}, attest.WhyIncomplete, []string{"peer0.B", "peer1.B"}},
		"a peer under another kind of node, of which no height is asked": {
			with(func(n *certificate.Node) { n.Kind, n.Height = "chaincode", 0 }), attest.WhyIncomplete, one,
		},
		"a peer before it had the purge": {
			with(func(n *certificate.Node) { n.Height = 10 }), attest.WhyEarly, one,
		},
		"a peer that was compacted before it had the purge": {
			with(func(n *certificate.Node) { n.ScrubbedHeight = 10 }), attest.WhyUnscrubbed, one,
		},
		"a peer that was compacted after the search": {
			with(func(n *certificate.Node) { n.SearchedAt, n.ScrubbedAt = early, late }), attest.WhyUnscrubbed, one,
		},
		"a peer that was not compacted": {
			with(func(n *certificate.Node) { n.ScrubbedHeight, n.ScrubbedAt = 0, "" }), attest.WhyUnscrubbed, one,
		},
	} {
		r, settled := attest.Join(region, append([]attest.Signed{statement("A", late, alone, both)}, c.b...))
		shared := r.Collections[1]
		if r.Complete || shared.Clean != 0 || len(shared.Lacking) != 1 {
			t.Errorf("%s: %+v", name, shared)
			continue
		}
		if l := shared.Lacking[0]; l.Org != "B" || l.Records != 1 || l.Why != c.why || !slices.Equal(l.Nodes, c.nodes) {
			t.Errorf("%s: %+v", name, l)
		}
		if settled[both] || !settled[alone] {
			t.Errorf("%s: settles %v", name, settled)
		}
	}
}

func TestOnlyARegisteredAttestationSettlesAndAPurgeOfAnUnknownBlockIsNotCompared(t *testing.T) {
	t.Parallel()
	a := []attest.Signed{statement("A", late, alone, both), statement("B", late, both)}
	x := region
	x.Registered = map[record.Ref]map[string]string{alone: {"A": a[0].SHA256}, both: {"A": a[0].SHA256, "B": "another"}}
	r, settled := attest.Join(x, a)
	if !settled[alone] || settled[both] || r.Collections[1].Lacking[0].Why != attest.WhyUnregistered {
		t.Errorf("%+v %v", r.Collections, settled)
	}
	x = region
	x.Purged = map[record.Ref]uint64{both: 10}
	r, settled = attest.Join(x, a)
	if settled[alone] || !settled[both] || r.Collections[0].Lacking[0].Why != attest.WhyUnknown {
		t.Errorf("%+v %v", r.Collections, settled)
	}
}

// To search again does not help where nobody can read what to look for.
func TestEvidenceOfAnEarlierIndexKeyIsNamedAsSuch(t *testing.T) {
	t.Parallel()
	x := region
	x.Pending = []record.Ref{alone, both}
	x.Unreadable = map[record.Ref]bool{both: true}
	r, settled := attest.Join(x, []attest.Signed{statement("A", late, alone), statement("B", late)})
	if r.Complete || settled[both] || !settled[alone] {
		t.Errorf("%+v %v", r, settled)
	}
	for _, l := range r.Collections[1].Lacking {
		if l.Why != attest.WhyUnreadable {
			t.Errorf("%+v", l)
		}
	}
	// With that key it can be searched, and counts.
	r, settled = attest.Join(x, []attest.Signed{statement("A", late, alone, both), statement("B", late, both)})
	if !r.Complete || !settled[both] {
		t.Errorf("%+v %v", r, settled)
	}
}

func TestASummaryIsOfThePeerThatWasBehindAndCountsWhatIsMissing(t *testing.T) {
	t.Parallel()
	a := statement("A", late, alone)
	n := a.Statement.Nodes
	n[0].Height, n[1].SearchedAt = 11, early
	n[1].Stores = append(n[1].Stores, certificate.Store{Found: 2, NotCovered: []string{"x", "y"}}, certificate.Store{Method: "memory", NotCovered: []string{"z"}})
	a.Statement.Missing = []string{"peer2.A"}
	a.Statement.Nodes = append(a.Statement.Nodes, certificate.Node{Name: "cc", Kind: "chaincode", SearchedAt: late})
	if got, want := attest.Summary(a), (record.Search{SHA256: a.SHA256, SearchedAt: early, Height: 11, Found: 2, Missing: 1, Gaps: 2}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestASearchAfterAScrubCountsAndNotTheOneBefore(t *testing.T) {
	t.Parallel()
	before := statement("A", early, alone)
	before.Statement.Nodes[0].Stores[0].Found = 9
	x := region
	x.Pending = []record.Ref{alone}
	x.Registered = map[record.Ref]map[string]string{alone: {"A": "A" + late}}
	r, settled := attest.Join(x, []attest.Signed{before, statement("A", late, alone)})
	if r.Collections[0].Clean != 1 || !settled[alone] {
		t.Errorf("%+v %v", r.Collections[0], settled)
	}
}

func TestAFileThatIsNoAttestationIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "{}", `{"statement":{}}`} {
		if _, err := attest.Read([]byte(text), nil); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}

func TestMemoryThatWasNotSearchedIsSaidInTheStatementAndDoesNotKeepTheEvidence(t *testing.T) {
	t.Parallel()
	a := statement("A", late, alone)
	a.Statement.Nodes[0].Stores = append(a.Statement.Nodes[0].Stores, certificate.Store{Name: "memory", Method: "memory", NotCovered: []string{"no right"}})
	x := region
	x.Pending = []record.Ref{alone}
	if _, settled := attest.Join(x, []attest.Signed{a}); !settled[alone] {
		t.Error("not settled")
	}
}

func TestResidueOfRefusedTransactionsIsToldFromWhatAScrubRemoves(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, store, scrubbed string
		found                 int
		want                  bool
	}{
		{"compacted, and found", "data/ledgersData/pvtdataStore", early, 1, true},
		{"compacted, and nothing found", "data/ledgersData/pvtdataStore", early, 0, false},
		{"not compacted", "data/ledgersData/pvtdataStore", "", 1, false},
		{"another store", "data/ledgersData/stateLeveldb", early, 1, false},
	} {
		s := certificate.Statement{Nodes: []certificate.Node{{ScrubbedAt: c.scrubbed, Stores: []certificate.Store{{Name: c.store, Found: c.found}}}}}
		if got := attest.Refused(&s); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}
