package fault

import (
	"slices"
	"sync"
	"testing"

	"domicile/chaincode/record"
)

// story is a history in which nothing is wrong, for the tests to plant faults into.
type story struct {
	ops   []Op
	final Final
}

const (
	kept   = "kept"   // put, stays
	purged = "purged" // put, purged in block 9 after a hold that was released
	open   = "open"   // its put was left open and never came
	no     = "no"     // its put was refused
)

func sound() *story {
	s := &story{ops: []Op{
		{Kind: Put, IDs: []string{kept}, Outcome: OK, SHA256: "a", Block: 3, Start: 1, End: 2},
		{Kind: Put, IDs: []string{purged}, Outcome: OK, SHA256: "b", Erasable: true, Block: 4, Start: 3, End: 4},
		{Kind: Put, IDs: []string{open}, Outcome: Unknown, SHA256: "c", Start: 5},
		{Kind: Put, IDs: []string{no}, Outcome: Fail, SHA256: "d", Start: 6, End: 7},
		{Kind: Hold, IDs: []string{purged}, Matter: "m", Outcome: OK, Block: 5, Start: 8, End: 9},
		{Kind: Read, IDs: []string{purged}, Peer: "us0", Outcome: OK, SHA256: "b", Start: 10, End: 11},
		{Kind: Release, IDs: []string{purged}, Matter: "m", Outcome: OK, Block: 7, Start: 12, End: 13},
		{Kind: Purge, IDs: []string{purged}, Outcome: OK, Tx: "t9", Block: 9, Start: 14, End: 15},
		{Kind: Read, IDs: []string{purged}, Peer: "us0", Outcome: OK, Gone: true, Start: 16, End: 17},
	}}
	s.final = Final{Heights: map[string]uint64{}, Inside: map[string]map[string]Inside{}, Public: map[string]map[string]Public{}}
	for _, p := range []string{"us0", "us1", "eu0"} {
		s.final.Heights[p] = 12
		s.final.Public[p] = map[string]Public{
			kept:   {State: record.StateActive, Hash: "ha", StateHash: "ha"},
			purged: {State: record.StatePurged, Hash: "hb", Tombstone: "t10"},
			open:   {State: record.StateUnknown}, no: {State: record.StateUnknown},
		}
		if p != "eu0" {
			s.final.Inside[p] = map[string]Inside{
				kept:   {State: record.InsidePresent, Hash: "ha", SHA256: "a"},
				purged: {State: record.InsideGone, Hash: "hb", Ground: "due", PurgeTx: "t9", PurgeBlock: 9},
				open:   {State: record.InsideAbsent}, no: {State: record.InsideAbsent},
			}
		}
	}
	return s
}

// everywhere changes what all of the holder's peers say of a record.
func (s *story) everywhere(id string, change func(*Inside)) {
	for _, p := range s.final.Inside {
		in := p[id]
		change(&in)
		p[id] = in
	}
}

func (s *story) anywhere(id string, change func(*Public)) {
	for _, p := range s.final.Public {
		x := p[id]
		change(&x)
		p[id] = x
	}
}

func (s *story) op(k Kind) *Op {
	return &s.ops[slices.IndexFunc(s.ops, func(op Op) bool { return op.Kind == k })]
}

func TestASoundHistoryHasNoViolations(t *testing.T) {
	t.Parallel()
	s := sound()
	if got := Check(s.ops, s.final); len(got) != 0 {
		t.Error(got)
	}
}

func TestAnOpenOutcomeMayGoEitherWay(t *testing.T) {
	t.Parallel()
	s := sound()
	s.everywhere(open, func(in *Inside) { *in = Inside{State: record.InsidePresent, Hash: "hc", SHA256: "c"} })
	s.anywhere(open, func(p *Public) { *p = Public{State: record.StateUnanchored, StateHash: "hc"} })
	if got := Check(s.ops, s.final); len(got) != 0 {
		t.Error("an open put that took effect:", got)
	}
	s = sound()
	s.op(Release).Outcome = Unknown
	if got := Check(s.ops, s.final); len(got) != 0 {
		t.Error("purged after a release whose outcome is open:", got)
	}
}

func TestEveryPlantedViolationIsCaught(t *testing.T) {
	t.Parallel()
	present := Inside{State: record.InsidePresent, Hash: "hb", SHA256: "b"}
	for name, c := range map[string]struct {
		want  Class
		plant func(*story)
	}{
		"an acknowledged put has no trace": {Lost, func(s *story) {
			s.everywhere(kept, func(in *Inside) { *in = Inside{State: record.InsideAbsent} })
		}},
		"an acknowledged put has no trace on one peer": {Lost, func(s *story) {
			s.final.Inside["us1"][kept] = Inside{State: record.InsideAbsent}
		}},
		"bytes changed": {Lost, func(s *story) { s.everywhere(kept, func(in *Inside) { in.SHA256 = "x" }) }},
		"bytes missing": {Lost, func(s *story) { s.everywhere(kept, func(in *Inside) { in.SHA256 = "" }) }},
		"a read gave other bytes": {Lost, func(s *story) {
			s.op(Read).SHA256 = "x"
		}},
		"a purged record is present again": {Returned, func(s *story) {
			s.everywhere(purged, func(in *Inside) { *in = present })
		}},
		"one peer still has a purged record": {Returned, func(s *story) { s.final.Inside["us1"][purged] = present }},
		"a gone record's bytes are handed out": {Returned, func(s *story) {
			s.everywhere(purged, func(in *Inside) { in.SHA256 = "b" })
		}},
		"a purged record's hash is in another region's state": {Returned, func(s *story) {
			p := s.final.Public["eu0"][purged]
			p.StateHash = "hb"
			s.final.Public["eu0"][purged] = p
		}},
		"a peer hands out what it said is gone": {Returned, func(s *story) {
			s.ops = append(s.ops, Op{Kind: Read, IDs: []string{purged}, Peer: "us0", Outcome: OK, SHA256: "b", Start: 18, End: 19})
		}},
		"purged under a hold": {BrokenHold, func(s *story) {
			s.ops = slices.DeleteFunc(s.ops, func(op Op) bool { return op.Kind == Release })
		}},
		"purged before its hold was released": {BrokenHold, func(s *story) { s.op(Release).Block = 11 }},
		"purged though the release was refused": {BrokenHold, func(s *story) {
			s.op(Release).Outcome = Fail
		}},
		"purged under a second matter": {BrokenHold, func(s *story) {
			s.ops = append(s.ops, Op{Kind: Hold, IDs: []string{purged}, Matter: "n", Outcome: OK, Block: 8, Start: 18, End: 19})
		}},
		"held again before the purge": {BrokenHold, func(s *story) {
			s.ops = append(s.ops, Op{Kind: Hold, IDs: []string{purged}, Matter: "m", Outcome: OK, Block: 8, Start: 18, End: 19})
		}},
		"purged before it was due": {Unlawful, func(s *story) { s.ops[1].Erasable = false }},
		"purged on no ground":      {Unlawful, func(s *story) { s.everywhere(purged, func(in *Inside) { in.Ground = "" }) }},
		"a refused put is present": {Ghost, func(s *story) {
			s.everywhere(no, func(in *Inside) { *in = Inside{State: record.InsidePresent, SHA256: "d"} })
		}},
		"a refused put was purged": {Ghost, func(s *story) {
			s.everywhere(no, func(in *Inside) { *in = Inside{State: record.InsideGone, Ground: "due"} })
		}},
		"two purges took effect": {Twice, func(s *story) {
			s.ops = append(s.ops, Op{Kind: Purge, IDs: []string{purged}, Outcome: OK, Tx: "t11", Start: 18, End: 19})
		}},
		"half a purge": {Unfinished, func(s *story) {
			s.everywhere(purged, func(in *Inside) { in.State = record.InsidePartial })
		}},
		"no tombstone": {Unfinished, func(s *story) {
			s.anywhere(purged, func(p *Public) { *p = Public{State: record.StateActive, Hash: "hb"} })
		}},
		"no anchor": {Unfinished, func(s *story) {
			s.anywhere(kept, func(p *Public) { p.State = record.StateUnanchored })
		}},
		"a peer is behind":         {Diverged, func(s *story) { s.final.Heights["us1"] = 11 }},
		"a peer did not answer":    {Diverged, func(s *story) { delete(s.final.Inside["us1"], kept) }},
		"peers give other anchors": {Diverged, func(s *story) { s.final.Public["eu0"][kept] = Public{State: record.StateActive, Hash: "x"} }},
		"peers name other purges":  {Diverged, func(s *story) { s.final.Inside["us1"][purged] = Inside{State: record.InsideGone, Ground: "due"} }},
		"an open put is on one peer": {Diverged, func(s *story) {
			s.final.Inside["us1"][open] = Inside{State: record.InsidePresent, SHA256: "c"}
		}},
		"a state hash of another region is wrong": {Diverged, func(s *story) {
			p := s.final.Public["eu0"][kept]
			p.StateHash = "x"
			s.final.Public["eu0"][kept] = p
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sound()
			c.plant(s)
			got := Check(s.ops, s.final)
			if !slices.ContainsFunc(got, func(v Violation) bool { return v.Class == c.want }) {
				t.Errorf("found %v, want one of class %s", got, c.want)
			}
		})
	}
}

func TestAnOperationWithoutAnAnswerIsUnknown(t *testing.T) {
	t.Parallel()
	h := &History{}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			h.Begin(Op{Kind: Put, IDs: []string{"dies"}})
			p := h.Begin(Op{Kind: Put, IDs: []string{"lives"}})
			p.End(OK, func(op *Op) { op.Block = 7 })
		})
	}
	wg.Wait()
	for _, op := range h.Ops() {
		want := Op{Kind: Put, IDs: []string{"dies"}, Outcome: Unknown, Start: op.Start}
		if op.IDs[0] == "lives" {
			want = Op{Kind: Put, IDs: []string{"lives"}, Outcome: OK, Block: 7, Start: op.Start, End: op.End}
		}
		if op.Outcome != want.Outcome || op.Block != want.Block || op.Start == 0 || (op.End != 0) != (op.Outcome == OK) {
			t.Errorf("have %+v, want %+v", op, want)
		}
	}
}

func TestARoundKnowsItsOwnRecords(t *testing.T) {
	t.Parallel()
	h := &History{}
	h.Begin(Op{Kind: Put, IDs: []string{"old"}})
	before := len(h.Ops())
	h.Begin(Op{Kind: Put, IDs: []string{"new"}})
	h.Begin(Op{Kind: Put, IDs: []string{"new"}})
	h.Begin(Op{Kind: Purge, IDs: []string{"old", "new"}})
	ops, ids := h.Since(before)
	if !slices.Equal(ids, []string{"new"}) || len(ops) != 3 || !slices.Equal(ops[2].IDs, []string{"new"}) {
		t.Error(ops, ids)
	}
	if ops, ids := h.Since(0); len(ops) != 4 || len(ids) != 2 {
		t.Error(ops, ids)
	}
}
