package chaincodetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
)

// Config describes a [Ledger].
type Config struct {
	// Orgs have one peer each. An organisation's name is its MSP id.
	Orgs []string
	// Chaincode makes the contract that an organisation's peer runs.
	Chaincode func(org string) (shim.Chaincode, error)
	// EndorsementPolicy of the chaincode, in Fabric's policy language.
	EndorsementPolicy string
	// Collections is the content of a collections_config.json.
	Collections []byte
	// Now is the clock of every peer. Defaults to [time.Now].
	Now func() time.Time
	// Window is how far a proposal's time may be from Now, either way
	// (peer.authentication.timewindow). Defaults to 2 minutes.
	Window time.Duration
	// QueryLimit is where a range ends without a word
	// (ledger.state.totalQueryLimit). Defaults to 100000.
	QueryLimit int
	// Lean forgets what only history needs: blocks lose their transactions, and
	// there are no private data stores. For channels with millions of keys.
	Lean bool
	// NoPurge takes the V2_5 application capability away.
	NoPurge bool
}

// collection is one entry of collections_config.json, compiled.
type collection struct {
	name        string
	members     *rule
	memberRead  bool
	memberWrite bool
	maxPeers    int
	endorsement *rule // nil: the chaincode's
}

type entry struct {
	value []byte
	ver   Version
	param []byte
}

type hashEntry struct {
	hash  []byte
	ver   Version
	param []byte
}

// Ledger is an in-memory channel with one chaincode. Its methods may be called
// concurrently.
type Ledger struct {
	cfg    Config
	policy *rule
	colls  map[string]*collection

	mu     sync.Mutex
	blocks []Block
	state  map[string]entry
	order  keyset                          // of state
	hashes map[string]map[string]hashEntry // collection, key hash
	peers  map[string]*peerState
	seen   map[string]bool // transaction ids
	counts Counts
}

// NewLedger starts a channel without blocks.
func NewLedger(cfg Config) (*Ledger, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Window == 0 {
		cfg.Window = 2 * time.Minute
	}
	if cfg.QueryLimit == 0 {
		cfg.QueryLimit = 100_000
	}
	l := &Ledger{
		cfg: cfg, colls: map[string]*collection{}, state: map[string]entry{},
		hashes: map[string]map[string]hashEntry{}, peers: map[string]*peerState{}, seen: map[string]bool{},
		blocks: make([]Block, 1), // the genesis block: block 0 is never a version of a key
	}
	var err error
	if l.policy, err = parseRule(cfg.EndorsementPolicy); err != nil {
		return nil, err
	}
	if err := l.define(cfg.Collections); err != nil {
		return nil, err
	}
	for _, org := range cfg.Orgs {
		cc, err := cfg.Chaincode(org)
		if err != nil {
			return nil, fmt.Errorf("chaincode of %s: %w", org, err)
		}
		l.peers[org] = &peerState{org: org, cc: cc, private: map[string]*privateState{}}
	}
	return l, nil
}

func (l *Ledger) define(config []byte) error {
	var list []struct {
		Name              string `json:"name"`
		Policy            string `json:"policy"`
		MaxPeerCount      int    `json:"maxPeerCount"`
		MemberOnlyRead    bool   `json:"memberOnlyRead"`
		MemberOnlyWrite   bool   `json:"memberOnlyWrite"`
		EndorsementPolicy *struct {
			SignaturePolicy string `json:"signaturePolicy"`
		} `json:"endorsementPolicy"`
	}
	if len(config) == 0 {
		return nil
	}
	if err := json.Unmarshal(config, &list); err != nil {
		return fmt.Errorf("collections config: %w", err)
	}
	for _, c := range list {
		members, err := parseRule(c.Policy)
		if err != nil {
			return fmt.Errorf("collection %s: %w", c.Name, err)
		}
		out := &collection{name: c.Name, members: members, memberRead: c.MemberOnlyRead, memberWrite: c.MemberOnlyWrite, maxPeers: c.MaxPeerCount}
		if c.EndorsementPolicy != nil {
			if out.endorsement, err = parseRule(c.EndorsementPolicy.SignaturePolicy); err != nil {
				return fmt.Errorf("collection %s: %w", c.Name, err)
			}
		}
		l.colls[c.Name] = out
		l.hashes[c.Name] = map[string]hashEntry{}
	}
	return nil
}

// holds reports whether an organisation's peer is to have the plaintext.
func (c *collection) holds(org string) bool { return slices.Contains(c.members.orgs(), org) }

// Height is the number of blocks, the genesis block included.
func (l *Ledger) Height() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.blocks)
}

// Counts is what the ledger was asked for since it began: by simulations, each
// endorser's counted, and by commits.
type Counts struct {
	Simulations int // of proposals
	Reads       int // of single keys, hashes included
	Ranges      int // queries
	Entries     int // that ranges returned
	Writes      int // keys written by valid transactions
}

// Minus is the difference to an earlier reading.
func (c Counts) Minus(earlier Counts) Counts {
	return Counts{
		c.Simulations - earlier.Simulations, c.Reads - earlier.Reads, c.Ranges - earlier.Ranges,
		c.Entries - earlier.Entries, c.Writes - earlier.Writes,
	}
}

// Sum is the number of all these calls.
func (c Counts) Sum() int { return c.Simulations + c.Reads + c.Ranges + c.Entries + c.Writes }

// Counts returns what the ledger was asked for so far.
func (l *Ledger) Counts() Counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts
}

// Blocks returns the blocks from number first on.
func (l *Ledger) Blocks(first int) []Block {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.blocks[min(first, len(l.blocks)):])
}

// State returns a public value, nil when absent.
func (l *Ledger) State(key string) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state[key].value
}

// Private returns the private value in an organisation's own state, nil when
// absent.
func (l *Ledger) Private(org, coll, key string) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.peers[org].coll(coll).entries[key].value
}

// PrivateKeys lists the keys an organisation's peer has in a collection.
func (l *Ledger) PrivateKeys(org, coll string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return sorted(l.peers[org].coll(coll).entries)
}

// Transient lists what an organisation's peer was handed by endorsements and
// has not dropped: at the endorser, and at the peers it pushed to.
func (l *Ledger) Transient(org string) []Stored {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.peers[org].transient)
}

// Store lists the private data store of an organisation's peer: every version
// of every private write of every block, those of refused transactions too.
func (l *Ledger) Store(org string) []Stored {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.peers[org].store.all()
}

// Isolate cuts an organisation's peer off from private data of new blocks, or
// ends that. What it missed stays missing until [Ledger.Reconcile].
func (l *Ledger) Isolate(org string, on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.peers[org].isolated = on
}

// Reconcile gives an organisation's peer the private data it missed, from
// another member.
func (l *Ledger) Reconcile(org string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	me := l.peers[org]
	for name, c := range l.colls {
		if !c.holds(org) {
			continue
		}
		for _, other := range c.members.orgs() {
			for k, e := range l.peers[other].coll(name).entries {
				if e.ver == l.hashes[name][keyHash(k)].ver {
					me.coll(name).set(k, e)
				}
			}
		}
		for k, e := range me.coll(name).entries {
			if _, live := l.hashes[name][keyHash(k)]; !live && e.ver != (Version{}) {
				me.coll(name).drop(k)
			}
		}
	}
}

// Plant overwrites a private value in one peer's state, version unchanged: the
// work of a faulty disk or an intruder. When hash is true the peer's copy of
// the hash is shared by all in this ledger, so only the value can be planted.
func (l *Ledger) Plant(org, coll, key string, value []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.peers[org].coll(coll).entries[key]
	if !ok {
		return errors.New("no such private key on that peer")
	}
	e.value = slices.Clone(value)
	l.peers[org].coll(coll).entries[key] = e
	return nil
}

// DropTransient empties every transient store, as a peer does with old entries
// (peer.gossip.pvtData.transientstoreMaxBlockRetention).
func (l *Ledger) DropTransient() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.peers {
		p.transient = nil
	}
}
