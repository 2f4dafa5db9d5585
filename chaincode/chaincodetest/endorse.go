package chaincodetest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
)

// Proposal is a signed proposal.
type Proposal struct {
	Creator   []byte // a serialized identity, see [Authority.Issue]
	Args      [][]byte
	Transient map[string][]byte
	Time      time.Time // zero: the ledger's clock
	TxID      string    // empty: drawn
}

// Tx is an endorsed transaction. What it exports is what a block would show.
type Tx struct {
	TxID      string
	Creator   []byte
	Args      [][]byte
	Time      time.Time
	Endorsers []string
	Response  []byte
	Event     *peer.ChaincodeEvent
	set       *rwset
}

// Public is every byte that a block holds of the transaction: what orderers and
// all members of the channel keep for ever.
func (t *Tx) Public() []byte {
	var e encoder
	e.put(t.TxID, string(t.Creator))
	for _, a := range t.Args {
		e.put(string(a))
	}
	e.put(string(t.Response), t.Event.GetEventName(), string(t.Event.GetPayload()))
	e.Write(t.set.public())
	return e.Bytes()
}

// Shape tells the numbers of keys, reads and purges by collection, and the
// sizes of the public values, but no contents.
func (t *Tx) Shape() string {
	return fmt.Sprintf("args=%d response=%d event=%d %s", len(t.Args), len(t.Response), len(t.Event.GetPayload()), t.set.shape())
}

// EndorseError says that a peer did not endorse. Message is what the gateway
// would hand to the client.
type EndorseError struct{ Org, Message string }

func (e *EndorseError) Error() string { return e.Message }

// ErrDiffer says that two endorsers came to different results: the contract is
// not deterministic.
var ErrDiffer = errors.New("ProposalResponsePayloads do not match")

// Endorse simulates a proposal on the peers of these organisations, each on its
// own state, and compares the results.
func (l *Ledger) Endorse(p Proposal, orgs ...string) (*Tx, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(orgs) == 0 {
		return nil, errors.New("no endorser named")
	}
	l.fill(&p)
	var first *simulation
	for _, org := range orgs {
		s, err := l.simulate(p, org)
		if err != nil {
			return nil, err
		}
		if first == nil {
			first = s
		} else if s.digest() != first.digest() {
			return nil, fmt.Errorf("%s and %s: %w", orgs[0], org, ErrDiffer)
		}
	}
	return &Tx{
		TxID: p.TxID, Creator: p.Creator, Args: p.Args, Time: p.Time, Endorsers: slices.Clone(orgs),
		Response: first.resp.GetPayload(), Event: first.stub.event, set: first.stub.set,
	}, nil
}

// Evaluate simulates a proposal on one peer and returns the answer. As on a
// real peer, private writes of a function that is evaluated reach transient
// stores.
func (l *Ledger) Evaluate(p Proposal, org string) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fill(&p)
	s, err := l.simulate(p, org)
	if err != nil {
		return nil, err
	}
	return s.resp.GetPayload(), nil
}

func (l *Ledger) fill(p *Proposal) {
	if p.Time.IsZero() {
		p.Time = l.cfg.Now()
	}
	if p.TxID == "" {
		var nonce [24]byte
		rand.Read(nonce[:]) //nolint:errcheck // never fails since Go 1.24
		h := sha256.Sum256(append(nonce[:], p.Creator...))
		p.TxID = hex.EncodeToString(h[:])
	}
}

type simulation struct {
	stub *stub
	resp *peer.Response
}

func (s *simulation) digest() [32]byte {
	var e encoder
	d := s.stub.set.digest()
	e.Write(d[:])
	e.put(string(s.resp.GetPayload()), s.resp.GetMessage(), s.stub.event.GetEventName(), string(s.stub.event.GetPayload()))
	return sha256.Sum256(e.Bytes())
}

// simulate runs the contract on one peer. The private write set is handed out
// before the response is looked at (core/endorser/endorser.go:186-238).
func (l *Ledger) simulate(p Proposal, org string) (*simulation, error) {
	me, ok := l.peers[org]
	if !ok {
		return nil, fmt.Errorf("no peer of %s", org)
	}
	if d := l.cfg.Now().Sub(p.Time); d > l.cfg.Window || -d > l.cfg.Window {
		return nil, &EndorseError{org, "request unauthorized due to incorrect timestamp"}
	}
	msp, err := creatorMSP(p.Creator)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(l.cfg.Orgs, msp) {
		return nil, &EndorseError{org, "access denied: creator is of no organisation of the channel"}
	}
	l.counts.Simulations++
	st := &stub{l: l, peer: me, p: p, msp: msp, set: newRWSet()}
	resp := me.cc.Invoke(st)
	if err := st.FinishWriteBatch(); err != nil {
		return nil, &EndorseError{org, "chaincode response 500, " + err.Error()}
	}
	l.distribute(st)
	if resp.GetStatus() >= 400 {
		return nil, &EndorseError{org, fmt.Sprintf("chaincode response %d, %s", resp.GetStatus(), resp.GetMessage())}
	}
	return &simulation{st, resp}, nil
}

// distribute keeps the private writes in the endorser's transient store and in
// those of up to maxPeerCount other members.
func (l *Ledger) distribute(st *stub) {
	for _, name := range sorted(st.set.colls) {
		targets := []*peerState{st.peer}
		for _, org := range l.colls[name].members.orgs() {
			if p, ok := l.peers[org]; ok && org != st.peer.org && len(targets) <= l.colls[name].maxPeers {
				targets = append(targets, p)
			}
		}
		writes := st.set.colls[name].writes
		for _, k := range sorted(writes) {
			for _, t := range targets {
				t.transient = append(t.transient, Stored{TxID: st.p.TxID, Collection: name, Key: k, Value: writes[k].value})
			}
		}
	}
}
