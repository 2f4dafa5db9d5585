package certificate

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"domicile/chaincode/record"
)

// AttestationVersion is the version of attestations that this package writes and reads.
const AttestationVersion = 1

// OperatorUnit is the organisational unit of a certificate that may sign attestations besides an administrator's: it has
// the role client as well.
const OperatorUnit = "operator"

// attestationDomain goes before the signed bytes, so that a signature under anything else never counts.
const attestationDomain = "domicile attestation v1\x00"

// Attestation is an operator's signed statement about the disks of an organisation's nodes. It proves who said it and
// that nobody changed it, not that it is true.
type Attestation struct {
	Statement Statement `json:"statement"`
	// Signer is the operator's certificate in PEM: an administrator of the organisation, or a client with the unit
	// [OperatorUnit], issued by the organisation's certificate authority.
	Signer string `json:"signer"`
	// Signature is ECDSA (ASN.1, the smaller S) on the SHA-256 of "domicile attestation v1", a zero byte, and the JSON
	// of Statement without white space between its tokens.
	Signature []byte `json:"signature"`
}

// Statement is what an operator says after searching.
type Statement struct {
	Version int    `json:"version"`
	Channel string `json:"channel"`
	Genesis string `json:"genesis"` // as in Certificate
	Org     string `json:"org"`     // MSP id of the nodes' organisation
	// Records are those whose bytes were looked for.
	Records []record.Ref `json:"records"`
	Nodes   []Node       `json:"nodes"`
	// Missing names nodes of the organisation that were not searched.
	Missing []string `json:"missing,omitempty"`
	// NotCovered says in plain words what no search reached: backups, swap, free blocks of an SSD.
	NotCovered []string `json:"notCovered"`
	// StatedAt is the operator's own clock, RFC 3339 in UTC.
	StatedAt string `json:"statedAt"`
}

// Node is what was found on one node.
type Node struct {
	Name string `json:"name"`
	Kind string `json:"kind"` // peer, orderer, chaincode
	// Height is the number of blocks that the node had when it was searched; 0 for one that keeps none, never for a peer.
	Height uint64 `json:"height"`
	// ScrubbedAt is when its stores were compacted last, RFC 3339; empty: not known.
	ScrubbedAt string `json:"scrubbedAt,omitempty"`
	// ScrubbedHeight is the number of blocks it had when it was stopped for that: what later
	// blocks purged was not compacted away. 0: not known.
	ScrubbedHeight uint64  `json:"scrubbedHeight,omitempty"`
	SearchedAt     string  `json:"searchedAt"`
	Stores         []Store `json:"stores"`
}

// Store is what was found in one store of a node.
type Store struct {
	Name string `json:"name"`
	// Method says how it was opened: raw, tables, journals, logs, snapshots, memory.
	Method string `json:"method"`
	Files  int    `json:"files"`
	Bytes  int64  `json:"bytes"`
	// Found is the number of places where bytes of the records were found.
	Found int `json:"found"`
	// Forms counts the hits by how the bytes were stored there, see erasure.Form.
	Forms map[string]int `json:"forms,omitempty"`
	// NotCovered names what of this store could not be searched.
	NotCovered []string `json:"notCovered,omitempty"`
}

// Found is the number of findings in all stores.
func (s *Statement) Found() int {
	n := 0
	for _, node := range s.Nodes {
		for _, st := range node.Stores {
			n += st.Found
		}
	}
	return n
}

func (s *Statement) signed() ([]byte, error) {
	b, err := compact(s)
	return append([]byte(attestationDomain), b...), err
}

// Sign makes an attestation, of [MaxRecords] records at most. The key must be ECDSA and belong to the certificate (PEM).
func Sign(s Statement, certificate []byte, key crypto.Signer) (*Attestation, error) {
	s.Version = AttestationVersion
	if len(s.Records) > MaxRecords {
		return nil, fmt.Errorf("sign an attestation: of %d records, and at most %d fit", len(s.Records), MaxRecords)
	}
	cert, err := parseCertificate(certificate)
	if err != nil {
		return nil, fmt.Errorf("sign an attestation: %w", err)
	}
	pub, ok := key.Public().(*ecdsa.PublicKey)
	if !ok || !pub.Equal(cert.PublicKey) {
		return nil, errors.New("sign an attestation: the key is not ECDSA, or not that of the certificate")
	}
	b, err := s.signed()
	if err != nil {
		return nil, fmt.Errorf("sign an attestation: %w", err)
	}
	sum := sha256.Sum256(b)
	sig, err := key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("sign an attestation: %w", err)
	}
	sig, err = withLowS(pub, sig)
	return &Attestation{s, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})), sig}, err
}

func withLowS(key *ecdsa.PublicKey, signature []byte) ([]byte, error) {
	var s struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(signature, &s); err != nil {
		return nil, fmt.Errorf("sign an attestation: %w", err)
	}
	if !lowS(key, signature) {
		s.S.Sub(key.Curve.Params().N, s.S)
	}
	return asn1.Marshal(s)
}

// Encode writes the attestation as JSON.
func (a *Attestation) Encode() ([]byte, error) { return encode(a) }

// DecodeAttestation reads an attestation and checks its form alone, as strictly as [Decode].
func DecodeAttestation(b []byte) (*Attestation, error) {
	a := &Attestation{}
	if err := decode(b, a, MaxAttestation); err != nil {
		return nil, within("attestation", err)
	}
	return a, nil
}

// VerifyAttestation checks an attestation by itself, with the organisations of the genesis block. In a certificate it is
// checked with the last configuration instead, and must be about the record.
func VerifyAttestation(a *Attestation, genesis []byte) error {
	hash, cfg, err := openGenesis(genesis)
	if err != nil {
		return within("genesis", err)
	}
	return a.check(cfg, hash)
}

// check checks who signed and that the statement is about this channel.
func (a *Attestation) check(cfg *configuration, genesis string) error {
	s := &a.Statement
	org := cfg.orgs[s.Org]
	switch {
	case s.Version != AttestationVersion:
		return fail("statement.version", "is %d, this program knows %d", s.Version, AttestationVersion)
	case s.Channel != cfg.channel || s.Genesis != genesis:
		return fail("statement.genesis", "the statement is about another channel")
	case org == nil:
		return fail("statement.org", "is no organisation of the channel")
	}
	if err := s.sound(); err != nil {
		return within("statement", err)
	}
	cert, role, err := org.member([]byte(a.Signer))
	if err != nil {
		return within("signer", err)
	}
	if string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})) != a.Signer {
		return fail("signer", "holds more than one certificate in PEM")
	}
	if role != "admin" && !(role == "client" && slices.Contains(cert.Subject.OrganizationalUnit, OperatorUnit)) {
		return fail("signer", "is neither an administrator nor an operator of %s", s.Org)
	}
	if _, ok := cert.PublicKey.(*ecdsa.PublicKey); !ok {
		return fail("signer", "the certificate's key is not ECDSA")
	}
	b, err := s.signed()
	if err != nil {
		return fail("statement", "does not encode")
	}
	return within("signature", checkSignature(cert, b, a.Signature))
}

// kinds are those of [Node].
var kinds = []string{"peer", "orderer", "chaincode"}

// sound checks that the statement makes sense by itself: a number below zero would make up for a finding elsewhere.
func (s *Statement) sound() error {
	if !isTime(s.StatedAt) {
		return fail("statedAt", "is not a time")
	}
	for i, n := range s.Nodes {
		field := fmt.Sprintf("nodes[%d]", i)
		switch {
		case n.Name == "" || slices.ContainsFunc(s.Nodes[:i], func(o Node) bool { return o.Name == n.Name }):
			return fail(field+".name", "is missing, or there twice")
		case !slices.Contains(kinds, n.Kind):
			return fail(field+".kind", "is none of %v", kinds)
		case n.Kind == "peer" && n.Height == 0:
			return fail(field+".height", "is missing: when the peer was searched")
		case n.ScrubbedAt != "" && !isTime(n.ScrubbedAt):
			return fail(field+".scrubbedAt", "is not a time")
		case !isTime(n.SearchedAt):
			return fail(field+".searchedAt", "is not a time")
		}
		for j, st := range n.Stores {
			if err := st.sound(); err != nil {
				return within(fmt.Sprintf("%s.stores[%d]", field, j), err)
			}
		}
	}
	return nil
}

func (st *Store) sound() error {
	if st.Files < 0 || st.Bytes < 0 || st.Found < 0 {
		return fail("found", "a number is below zero")
	}
	for form, n := range st.Forms {
		if n <= 0 || st.Found == 0 {
			return fail("forms", "%q has %d hits, and something was found in %d places", form, n, st.Found)
		}
	}
	return nil
}

// isTime reports whether s is a time in UTC in the one form that has an order.
func isTime(s string) bool {
	t, err := time.Parse(time.RFC3339, s)
	return err == nil && t.UTC().Format(time.RFC3339) == s
}

// attested checks the certificate's attestations and says in words what they state.
func (v *verifier) attested() ([]Said, error) {
	var out []Said
	for i := range v.c.Attestations {
		a, field := &v.c.Attestations[i], fmt.Sprintf("attestations[%d]", i)
		if err := a.check(v.configs[len(v.configs)-1], v.c.Genesis); err != nil {
			return nil, within(field, err)
		}
		for _, b := range v.c.Attestations[:i] {
			if bytes.Equal(a.Signature, b.Signature) {
				return nil, fail(field, "is there twice")
			}
		}
		s := &a.Statement
		if !slices.Contains(s.Records, v.c.Record.Ref) {
			return nil, fail(field+".statement.records", "the record is not among those looked for")
		}
		for j, n := range s.Nodes {
			if n.Height > 0 && n.Height <= v.c.Purge.Block {
				return nil, fail(fmt.Sprintf("%s.statement.nodes[%d].height", field, j), "the node was searched before it had the purge")
			}
		}
		text := s.words(v.c.Purge.Block)
		if !slices.Contains(v.holders(), s.Org) {
			text = "(nothing here shows that it held the record: its peers endorsed neither the put nor the purge) " + text
		}
		out = append(out, Said{"the operator of " + s.Org, text})
	}
	if len(out) == 0 {
		return []Said{{"nobody in this file", "what is left on disks: no operator's attestation was added."}}, nil
	}
	for _, org := range v.holders() {
		if !slices.ContainsFunc(v.c.Attestations, func(a Attestation) bool { return a.Statement.Org == org }) {
			out = append(out, Said{"nobody in this file", "what is left on the disks of " + org + ", which held the record: its operator's attestation was not added."})
		}
	}
	return out, nil
}

// holders are the organisations that the ledger shows to have had the record: whose peers endorsed its put or purge.
func (v *verifier) holders() []string {
	all := slices.Concat(v.put.orgs, v.purge.orgs)
	slices.Sort(all)
	return slices.Compact(all)
}

// words says what is stated about a record that block purge took away.
func (s *Statement) words(purge uint64) string {
	found := "found nothing"
	if n := s.Found(); n > 0 {
		found = fmt.Sprintf("FOUND BYTES that should be gone in %d places", n)
	}
	if len(s.Nodes) == 0 {
		found = "so found nothing because it looked nowhere"
	}
	text := fmt.Sprintf("at %q, searched %d nodes for the bytes of %d records, this one among them, and %s.", s.StatedAt, len(s.Nodes), len(s.Records), found)
	for _, n := range s.Nodes {
		scrubbed := ""
		switch {
		case n.ScrubbedAt != "" && n.ScrubbedHeight > purge:
			scrubbed = fmt.Sprintf("compacted at %q, ", n.ScrubbedAt)
		case n.Kind == "peer": // others have no databases
			scrubbed = "not compacted since the purge, "
		}
		found, gaps := 0, 0
		for _, st := range n.Stores {
			found, gaps = found+st.Found, gaps+len(st.NotCovered)
		}
		text += fmt.Sprintf("\n      %q: %d stores, %d findings, %d parts not covered, %ssearched at %q", n.Name, len(n.Stores), found, gaps, scrubbed, n.SearchedAt)
	}
	if len(s.Missing) > 0 {
		text += fmt.Sprintf("\n      not searched: %q", s.Missing)
	}
	return text + fmt.Sprintf("\n      not covered: %q", s.NotCovered)
}
