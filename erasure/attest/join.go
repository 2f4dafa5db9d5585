package attest

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"slices"

	"domicile/chaincode/record"
	"domicile/erasure/certificate"
)

// Signed is an attestation that was verified, and the hash of its file.
type Signed struct {
	*certificate.Attestation
	SHA256 string // hex
}

// Read decodes an attestation file and verifies it with the genesis block.
func Read(file, genesis []byte) (Signed, error) {
	a, err := certificate.DecodeAttestation(file)
	if err != nil {
		return Signed{}, err
	}
	sum := sha256.Sum256(file)
	return Signed{a, hex.EncodeToString(sum[:])}, certificate.VerifyAttestation(a, genesis)
}

// Expected is who has to attest what.
type Expected struct {
	Region string
	// Members are the holders of each collection, by MSP id.
	Members map[string][]string
	// Peers are the peers of each holder that are known to keep private data.
	Peers map[string][]string
	// Pending are the purged records whose evidence is not settled.
	Pending []record.Ref
	// Unreadable are those of them whose evidence was made with another index key than the
	// one at hand: nobody who has this one can look for them.
	Unreadable map[record.Ref]bool
	// Canaries are those records, pending or not, that are about nobody. They have to be
	// attested like the others, and are in no count of records.
	Canaries map[record.Ref]bool
	// Purged is the number of the block that purged each record: a peer that had not
	// processed it was searched too early.
	Purged map[record.Ref]uint64
	// Registered is, for each pending record, the SHA-256 of the attestation that each
	// organisation has registered with the evidence.
	Registered map[record.Ref]map[string]string
}

// Report says who has attested what in a region.
type Report struct {
	Version     int          `json:"version"`
	Region      string       `json:"region"`
	Operators   []Operator   `json:"operators"`
	Collections []Collection `json:"collections"`
	// Complete: every holder has attested every record, searched every store of every
	// peer, and found nothing.
	Complete bool `json:"complete"`
	// NotCovered joins what the operators say no search reached.
	NotCovered []string `json:"notCovered"`
}

// Operator is one attestation.
type Operator struct {
	Org      string   `json:"org"`
	StatedAt string   `json:"statedAt"`
	SHA256   string   `json:"sha256"`
	Records  int      `json:"records"`
	Canaries int      `json:"canaries,omitempty"` // looked for, not in Records
	Nodes    int      `json:"nodes"`
	Found    int      `json:"found"`             // places with residue
	Residue  []string `json:"residue,omitempty"` // node and store
	Missing  []string `json:"missing,omitempty"` // nodes that were not searched
	Gaps     int      `json:"gaps"`              // parts of stores that could not be searched
}

// Collection is the state of one collection.
type Collection struct {
	Collection string   `json:"collection"`
	Members    []string `json:"members"`
	Records    int      `json:"records"` // purged, and pending or attested
	Clean      int      `json:"clean"`   // of them, attested clean by every member
	// Canaries and CanariesClean count the records about nobody, which are in no other count.
	Canaries      int    `json:"canaries,omitempty"`
	CanariesClean int    `json:"canariesClean,omitempty"`
	Lacking       []Lack `json:"lacking,omitempty"`
}

// Lack is what one holder still owes.
type Lack struct {
	Org      string   `json:"org"`
	Records  int      `json:"records"`
	Canaries int      `json:"canaries,omitempty"` // about nobody, not in Records
	Why      string   `json:"why"`
	Nodes    []string `json:"nodes,omitempty"` // that it is about
}

// Why something is lacking.
const (
	WhySilent     = "has not attested"
	WhyEarly      = "searched before its peers had the purge"
	WhyOther      = "has not attested this record"
	WhyUnscrubbed = "did not compact its peers between the purge and the search"
	WhyResidue    = "found residue"
	WhyIncomplete = "did not search all of its peers"
	// WhyGaps is about stores on disks; whether memory was searched the statement says.
	WhyGaps = "could not search parts of its stores"
	// WhyUnregistered: the log does not know the attestation that was given.
	WhyUnregistered = "has not registered this attestation"
	// WhyUnreadable: the index key was changed between purge and search.
	WhyUnreadable = "has not attested this record, whose evidence opens with an earlier index key"
	// WhyUnknown: no peer could tell which block purged the record.
	WhyUnknown = "attested, and the block of the purge is not known"
)

// Join makes the report. settled are the records that every holder attested clean and
// registered.
func Join(x Expected, list []Signed) (r *Report, settled map[record.Ref]bool) {
	r = &Report{Version: 1, Region: x.Region, Operators: []Operator{}, Collections: []Collection{}, NotCovered: []string{}}
	settled = map[record.Ref]bool{}
	list = newestFirst(list)
	j := joiner{x: x, list: list, names: make([]map[record.Ref]bool, len(list)), fault: make([]lack, len(list))}
	for i, a := range list {
		s := &a.Statement
		j.names[i] = map[record.Ref]bool{}
		for _, ref := range s.Records {
			j.names[i][ref] = true
		}
		op := operator(a, j.unsearched(s), x.Canaries)
		r.Operators = append(r.Operators, op)
		switch {
		case op.Found > 0:
			j.fault[i] = lack{WhyResidue, nodes(s, func(st certificate.Store) bool { return st.Found > 0 })}
		case len(op.Missing) > 0 || !searchedAPeer(s):
			j.fault[i] = lack{WhyIncomplete, op.Missing}
		case Gaps(s) > 0:
			j.fault[i] = lack{WhyGaps, nodes(s, gap)}
		}
		for _, gap := range s.NotCovered {
			if !slices.Contains(r.NotCovered, gap) {
				r.NotCovered = append(r.NotCovered, gap)
			}
		}
	}
	r.Complete = true
	for _, name := range sorted(x.Members) {
		c := j.collection(name, settled)
		r.Complete = r.Complete && c.Clean == c.Records && c.CanariesClean == c.Canaries
		r.Collections = append(r.Collections, c)
	}
	return r, settled
}

// Summary is what an operator registers of an attestation. Its height is 0 when no peer
// was searched, and then the contract refuses it.
func Summary(a Signed) record.Search {
	s := &a.Statement
	out := record.Search{SHA256: a.SHA256, Found: s.Found(), Missing: len(s.Missing), Gaps: Gaps(s)}
	for _, n := range s.Nodes {
		if out.SearchedAt == "" || n.SearchedAt < out.SearchedAt {
			out.SearchedAt = n.SearchedAt
		}
		if n.Kind == peerKind && (out.Height == 0 || n.Height < out.Height) {
			out.Height = n.Height
		}
	}
	return out
}

// peerKind is the kind of a peer in a [certificate.Node].
const peerKind = "peer"

// searchedAPeer: a search of nothing finds nothing.
func searchedAPeer(s *certificate.Statement) bool {
	return slices.ContainsFunc(s.Nodes, func(n certificate.Node) bool { return n.Kind == peerKind && len(n.Stores) > 0 })
}

// Gaps counts the parts of stores on disks that were not searched: what cannot be read
// is not clean.
func Gaps(s *certificate.Statement) int {
	n := 0
	for _, node := range s.Nodes {
		for _, st := range node.Stores {
			if gap(st) {
				n += len(st.NotCovered)
			}
		}
	}
	return n
}

// Whole reports whether a node has stores on disks and all of them were searched.
func Whole(n certificate.Node) bool {
	return len(n.Stores) > 0 && !slices.ContainsFunc(n.Stores, gap)
}

// Refused reports whether a peer's private data store that was compacted has residue. What
// was purged and swept is gone then: the rest was purged after it, or was written by
// transactions that the validators refused. So does each of two purges at once that came
// too late: a purge writes the names of the keys that it purges.
func Refused(s *certificate.Statement) bool {
	return slices.ContainsFunc(s.Nodes, func(n certificate.Node) bool {
		return n.ScrubbedAt != "" && slices.ContainsFunc(n.Stores, func(st certificate.Store) bool {
			return st.Found > 0 && path.Base(st.Name) == "pvtdataStore"
		})
	})
}

func gap(st certificate.Store) bool { return st.Method != "memory" && len(st.NotCovered) > 0 }

// nodes are those with such a store.
func nodes(s *certificate.Statement, such func(certificate.Store) bool) []string {
	var out []string
	for _, n := range s.Nodes {
		if slices.ContainsFunc(n.Stores, such) {
			out = append(out, n.Name)
		}
	}
	return out
}

func newestFirst(list []Signed) []Signed {
	out := slices.Clone(list)
	slices.SortStableFunc(out, func(a, b Signed) int { return cmp.Compare(b.Statement.StatedAt, a.Statement.StatedAt) })
	return out
}

func operator(a Signed, missing []string, canaries map[record.Ref]bool) Operator {
	s := &a.Statement
	o := Operator{
		Org: s.Org, StatedAt: s.StatedAt, SHA256: a.SHA256, Nodes: len(s.Nodes),
		Found: s.Found(), Missing: missing,
	}
	for _, ref := range s.Records {
		count(canaries[ref], &o.Canaries, &o.Records)
	}
	for _, n := range s.Nodes {
		for _, st := range n.Stores {
			o.Gaps += len(st.NotCovered)
			if st.Found > 0 {
				o.Residue = append(o.Residue, fmt.Sprintf("%s, %s", n.Name, st.Name))
			}
		}
	}
	return o
}

type joiner struct {
	x     Expected
	list  []Signed // newest first
	names []map[record.Ref]bool
	fault []lack // of each: why it does not count for any record
}

// lack is why an attestation does not count, if it says so, and the nodes it is about.
type lack struct {
	why   string
	nodes []string
}

// unsearched are the nodes that a statement leaves out, by its own words or by what is
// known of the organisation's peers.
func (j *joiner) unsearched(s *certificate.Statement) []string {
	out := slices.Clone(s.Missing)
	for _, p := range j.x.Peers[s.Org] {
		searched := slices.ContainsFunc(s.Nodes, func(n certificate.Node) bool { return n.Name == p && n.Kind == peerKind && len(n.Stores) > 0 })
		if !searched && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

func (j *joiner) collection(name string, settled map[record.Ref]bool) Collection {
	c := Collection{Collection: name, Members: j.x.Members[name]}
	seen := map[record.Ref]bool{}
	var records []record.Ref
	add := func(refs []record.Ref) {
		for _, ref := range refs {
			if ref.Collection == name && !seen[ref] {
				seen[ref] = true
				records = append(records, ref)
			}
		}
	}
	add(j.x.Pending)
	for _, a := range j.list {
		add(a.Statement.Records)
	}
	lacks := map[[2]string]*Lack{}
	for _, ref := range records {
		clean, canary := true, j.x.Canaries[ref]
		for _, m := range c.Members {
			l := j.by(m, ref)
			if l.why == "" {
				continue
			}
			clean = false
			key := [2]string{m, l.why}
			if lacks[key] == nil {
				lacks[key] = &Lack{Org: m, Why: l.why}
			}
			count(canary, &lacks[key].Canaries, &lacks[key].Records)
			lacks[key].Nodes = append(lacks[key].Nodes, l.nodes...)
		}
		count(canary, &c.Canaries, &c.Records)
		if clean {
			count(canary, &c.CanariesClean, &c.Clean)
			settled[ref] = true
		}
	}
	for _, l := range lacks {
		slices.Sort(l.Nodes)
		l.Nodes = slices.Compact(l.Nodes)
		c.Lacking = append(c.Lacking, *l)
	}
	slices.SortFunc(c.Lacking, func(a, b Lack) int { return cmp.Or(cmp.Compare(a.Org, b.Org), cmp.Compare(a.Why, b.Why)) })
	return c
}

// count counts a record about nobody apart.
func count(canary bool, apart, records *int) {
	if canary {
		records = apart
	}
	*records++
}

// by says what is wrong with the newest attestation of an organisation about a record.
func (j *joiner) by(org string, ref record.Ref) lack {
	out := lack{why: WhySilent, nodes: j.x.Peers[org]}
	for i, a := range j.list {
		if a.Statement.Org != org {
			continue
		}
		if !j.names[i][ref] {
			out = lack{why: WhyOther}
			continue
		}
		if j.fault[i].why != "" {
			return j.fault[i]
		}
		return j.compared(a, ref)
	}
	if j.x.Unreadable[ref] {
		return lack{why: WhyUnreadable}
	}
	return out
}

// compared compares an attestation with the block that purged a record. A search before
// a peer had that block, or before it was compacted with it, is evidence of nothing.
func (j *joiner) compared(a Signed, ref record.Ref) lack {
	purge, known := j.x.Purged[ref]
	if !known {
		return lack{why: WhyUnknown}
	}
	var early, unscrubbed []string
	for _, n := range a.Statement.Nodes {
		switch {
		case n.Kind != peerKind:
		case n.Height <= purge:
			early = append(early, n.Name)
		case n.ScrubbedHeight <= purge || n.ScrubbedAt > n.SearchedAt:
			unscrubbed = append(unscrubbed, n.Name)
		}
	}
	switch {
	case len(early) > 0:
		return lack{WhyEarly, early}
	case len(unscrubbed) > 0:
		return lack{WhyUnscrubbed, unscrubbed}
	}
	if by, pending := j.x.Registered[ref]; pending && by[a.Statement.Org] != a.SHA256 {
		return lack{why: WhyUnregistered}
	}
	return lack{}
}

func sorted(m map[string][]string) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
