package attest_test

import (
	"fmt"
	"testing"

	"domicile/chaincode/record"
	"domicile/erasure/attest"
	"domicile/erasure/certificate"
)

// statement is one operator's, of peer0 and peer1, clean.
func statement(org, at string, refs ...record.Ref) attest.Signed {
	s := certificate.Statement{Org: org, StatedAt: at, Records: refs, NotCovered: []string{"swap"}}
	for i := range 2 {
		s.Nodes = append(s.Nodes, certificate.Node{Name: fmt.Sprintf("peer%d.%s", i, org), Stores: []certificate.Store{{Name: "data"}}})
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
	}
)

const (
	early = "2026-01-01T00:00:00Z"
	late  = "2026-01-02T00:00:00Z"
)

func TestARegionIsCompleteWhenEveryHolderAttestedEveryRecordClean(t *testing.T) {
	t.Parallel()
	r, settled := attest.Join(region, []attest.Signed{statement("A", late, alone, both), statement("B", late, both)})
	if !r.Complete || len(settled) != 2 || len(settled[both]) != 2 || len(settled[alone]) != 1 {
		t.Errorf("%+v\n%v", r, settled)
	}
	if len(r.NotCovered) != 1 || r.NotCovered[0] != "swap" {
		t.Errorf("not covered: %v", r.NotCovered)
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
	for name, c := range map[string]struct {
		b   []attest.Signed
		why string
	}{
		"a file nobody could read":     {[]attest.Signed{unread}, attest.WhyGaps},
		"nothing":                      {nil, attest.WhySilent},
		"before the purge":             {[]attest.Signed{statement("B", late, alone)}, attest.WhyEarly},
		"residue":                      {[]attest.Signed{residue}, attest.WhyResidue},
		"residue after a clean search": {[]attest.Signed{statement("B", early, both), residue}, attest.WhyResidue},
		"one of two peers":             {[]attest.Signed{unsearched}, attest.WhyIncomplete},
		"a peer that was down":         {[]attest.Signed{missing}, attest.WhyIncomplete},
	} {
		r, settled := attest.Join(region, append([]attest.Signed{statement("A", late, alone, both)}, c.b...))
		shared := r.Collections[1]
		if r.Complete || shared.Clean != 0 || len(shared.Lacking) != 1 || shared.Lacking[0] != (attest.Lack{Org: "B", Records: 1, Why: c.why}) {
			t.Errorf("%s: %+v", name, shared)
		}
		if settled[both] != nil || settled[alone] == nil {
			t.Errorf("%s: settles %v", name, settled)
		}
	}
}

func TestASearchAfterAScrubCountsAndNotTheOneBefore(t *testing.T) {
	t.Parallel()
	before := statement("A", early, alone)
	before.Statement.Nodes[0].Stores[0].Found = 9
	x := region
	x.Pending = []record.Ref{alone}
	r, settled := attest.Join(x, []attest.Signed{before, statement("A", late, alone)})
	if r.Collections[0].Clean != 1 || settled[alone][0].SHA256 != "A"+late {
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
	if _, settled := attest.Join(x, []attest.Signed{a}); settled[alone] == nil {
		t.Error("not settled")
	}
}
