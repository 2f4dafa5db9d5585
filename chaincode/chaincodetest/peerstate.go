package chaincodetest

import (
	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
)

// peerState is what one peer keeps for itself.
type peerState struct {
	org       string
	cc        shim.Chaincode
	isolated  bool
	private   map[string]*privateState // by collection
	store     pvtStore
	transient []Stored
}

type privateEntry struct {
	value []byte
	ver   Version
}

// privateState is the plaintext state of one collection, by raw key.
type privateState struct {
	entries map[string]privateEntry
	order   keyset
}

// coll returns the state of a collection, which is empty at first.
func (p *peerState) coll(name string) *privateState {
	s, ok := p.private[name]
	if !ok {
		s = &privateState{entries: map[string]privateEntry{}}
		p.private[name] = s
	}
	return s
}

func (s *privateState) set(key string, e privateEntry) {
	if _, ok := s.entries[key]; !ok {
		s.order.add(key)
	}
	s.entries[key] = e
}

func (s *privateState) drop(key string) {
	if _, ok := s.entries[key]; ok {
		delete(s.entries, key)
		s.order.remove(key)
	}
}

// Stored is one private write in a peer's private data store or transient
// store. Value is nil for a delete or purge.
type Stored struct {
	TxID       string
	Collection string
	Key        string
	Value      []byte
	Valid      bool // false: its transaction was refused by the validators
}

// pvtStore is a peer's private data store: every version of every private write.
type pvtStore struct {
	list  []Stored
	at    map[[2]string][]int // collection and key: places in list
	holes int                 // purged places of list
}

func (s *pvtStore) add(w Stored) {
	if s.at == nil {
		s.at = map[[2]string][]int{}
	}
	k := [2]string{w.Collection, w.Key}
	s.at[k] = append(s.at[k], len(s.list))
	s.list = append(s.list, w)
}

// purge forgets every version of a key. It costs what it forgets.
func (s *pvtStore) purge(coll, key string) {
	k := [2]string{coll, key}
	for _, i := range s.at[k] {
		s.list[i] = Stored{}
		s.holes++
	}
	delete(s.at, k)
	if s.holes > 1000 && s.holes > len(s.list)/2 {
		*s = pvtStoreOf(s.all())
	}
}

func pvtStoreOf(list []Stored) pvtStore {
	var s pvtStore
	for _, w := range list {
		s.add(w)
	}
	return s
}

// all lists what is there, in the order in which it came.
func (s *pvtStore) all() []Stored {
	var out []Stored
	for _, w := range s.list {
		if w.TxID != "" {
			out = append(out, w)
		}
	}
	return out
}
