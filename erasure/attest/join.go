package attest

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
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
	Lacking    []Lack   `json:"lacking,omitempty"`
}

// Lack is what one holder still owes.
type Lack struct {
	Org     string `json:"org"`
	Records int    `json:"records"`
	Why     string `json:"why"`
}

// Why something is lacking.
const (
	WhySilent     = "has not attested"
	WhyEarly      = "attested before the purge"
	WhyResidue    = "found residue"
	WhyIncomplete = "did not search all of its peers"
	// WhyGaps is about stores on disks; whether memory was searched the statement says.
	WhyGaps = "could not search parts of its stores"
)

// Join makes the report. settled are the records that every holder attested clean,
// with the attestations that say so.
func Join(x Expected, list []Signed) (r *Report, settled map[record.Ref][]record.AttestationOf) {
	r = &Report{Version: 1, Region: x.Region, Operators: []Operator{}, Collections: []Collection{}, NotCovered: []string{}}
	settled = map[record.Ref][]record.AttestationOf{}
	list = newestFirst(list)
	j := joiner{x: x, list: list, names: make([]map[record.Ref]bool, len(list)), fault: make([]string, len(list))}
	for i, a := range list {
		s := &a.Statement
		j.names[i] = map[record.Ref]bool{}
		for _, ref := range s.Records {
			j.names[i][ref] = true
		}
		op := operator(a, j.unsearched(s))
		r.Operators = append(r.Operators, op)
		switch {
		case op.Found > 0:
			j.fault[i] = WhyResidue
		case len(op.Missing) > 0:
			j.fault[i] = WhyIncomplete
		case gaps(s):
			j.fault[i] = WhyGaps
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
		r.Complete = r.Complete && c.Clean == c.Records
		r.Collections = append(r.Collections, c)
	}
	return r, settled
}

// gaps tells whether a part of a store was not searched: what cannot be read is not
// clean.
func gaps(s *certificate.Statement) bool {
	return slices.ContainsFunc(s.Nodes, func(n certificate.Node) bool {
		return slices.ContainsFunc(n.Stores, func(st certificate.Store) bool { return st.Method != "memory" && len(st.NotCovered) > 0 })
	})
}

func newestFirst(list []Signed) []Signed {
	out := slices.Clone(list)
	slices.SortStableFunc(out, func(a, b Signed) int { return cmp.Compare(b.Statement.StatedAt, a.Statement.StatedAt) })
	return out
}

func operator(a Signed, missing []string) Operator {
	s := &a.Statement
	o := Operator{
		Org: s.Org, StatedAt: s.StatedAt, SHA256: a.SHA256, Records: len(s.Records), Nodes: len(s.Nodes),
		Found: s.Found(), Missing: missing,
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
	fault []string // of each: why it does not count, "" if it does
}

// unsearched are the nodes that a statement leaves out, by its own words or by what is
// known of the organisation's peers.
func (j *joiner) unsearched(s *certificate.Statement) []string {
	out := slices.Clone(s.Missing)
	for _, p := range j.x.Peers[s.Org] {
		searched := slices.ContainsFunc(s.Nodes, func(n certificate.Node) bool { return n.Name == p && len(n.Stores) > 0 })
		if !searched && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

func (j *joiner) collection(name string, settled map[record.Ref][]record.AttestationOf) Collection {
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
	c.Records = len(records)
	lacks := map[Lack]int{}
	for _, ref := range records {
		clean := true
		var by []record.AttestationOf
		for _, m := range c.Members {
			a, why := j.by(m, ref)
			if why != "" {
				clean = false
				lacks[Lack{Org: m, Why: why}]++
				continue
			}
			by = append(by, record.AttestationOf{Org: m, SHA256: a.SHA256})
		}
		if clean {
			c.Clean++
			settled[ref] = by
		}
	}
	for l, n := range lacks {
		l.Records = n
		c.Lacking = append(c.Lacking, l)
	}
	slices.SortFunc(c.Lacking, func(a, b Lack) int { return cmp.Or(cmp.Compare(a.Org, b.Org), cmp.Compare(a.Why, b.Why)) })
	return c
}

// by is the newest attestation of an organisation about a record, or why there is none
// that counts.
func (j *joiner) by(org string, ref record.Ref) (a Signed, why string) {
	why = WhySilent
	for i, a := range j.list {
		if a.Statement.Org != org {
			continue
		}
		if j.names[i][ref] {
			return a, j.fault[i]
		}
		why = WhyEarly
	}
	return Signed{}, why
}

func sorted(m map[string][]string) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
