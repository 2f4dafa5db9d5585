package chaincodetest

import (
	"bytes"
	"slices"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
)

// Block is one block: transactions and the validators' verdicts on them.
type Block struct {
	Number int
	Txs    []*Tx
	Codes  []peer.TxValidationCode
}

// Public is every byte of the block.
func (b Block) Public() []byte {
	var out []byte
	for _, t := range b.Txs {
		out = append(out, t.Public()...)
	}
	return out
}

// Commit orders transactions into one block, validates and applies them, and
// returns the block.
func (l *Ledger) Commit(txs ...*Tx) Block {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.blocks)
	b := Block{Number: n, Txs: txs}
	updated := map[string]bool{} // keys whose policy this block has changed
	for i, t := range txs {
		code := l.validate(t, updated)
		b.Codes = append(b.Codes, code)
		l.seen[t.TxID] = true
		valid := code == peer.TxValidationCode_VALID
		l.keep(t, Version{uint64(n), uint64(i)}, valid)
		if valid {
			l.apply(t, Version{uint64(n), uint64(i)}, updated)
		}
	}
	l.forget(txs)
	if l.cfg.Lean {
		l.blocks = append(l.blocks, Block{Number: n})
	} else {
		l.blocks = append(l.blocks, b)
	}
	return b
}

func (l *Ledger) validate(t *Tx, updated map[string]bool) peer.TxValidationCode {
	if l.seen[t.TxID] {
		return peer.TxValidationCode_DUPLICATE_TXID
	}
	if !l.endorsed(t, updated) {
		return peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE
	}
	for k, v := range t.set.reads {
		if l.state[k].ver != v {
			return peer.TxValidationCode_MVCC_READ_CONFLICT
		}
	}
	for name, c := range t.set.colls {
		for h, v := range c.reads {
			if l.hashes[name][h].ver != v {
				return peer.TxValidationCode_MVCC_READ_CONFLICT
			}
		}
	}
	for _, r := range t.set.ranges {
		now := l.scan(r.start, r.end)
		if !slices.Equal(now.keys, r.keys) || !slices.Equal(now.versions, r.versions) {
			return peer.TxValidationCode_PHANTOM_READ_CONFLICT
		}
	}
	return peer.TxValidationCode_VALID
}

// policies lists the endorsement policies that a transaction must meet: for
// every written key its own, else the collection's, else the chaincode's, and
// the chaincode's alone when nothing was written
// (core/common/validation/statebased/v20.go:105-170).
func (l *Ledger) policies(t *Tx, updated map[string]bool) (rules []*rule, ok bool) {
	add := func(id string, param []byte, otherwise *rule) bool {
		if updated[id] {
			return false
		}
		r := otherwise
		if len(param) > 0 {
			var err error
			if r, err = ruleOf(param); err != nil {
				return false
			}
		}
		if r == nil {
			r = l.policy
		}
		if !slices.Contains(rules, r) {
			rules = append(rules, r)
		}
		return true
	}
	for _, k := range append(sorted(t.set.writes), sorted(t.set.params)...) {
		if !add("/"+k, l.state[k].param, nil) {
			return nil, false
		}
	}
	for name, c := range t.set.colls {
		for _, k := range append(sorted(c.writes), sorted(c.params)...) {
			if !add(name+"/"+k, l.hashes[name][keyHash(k)].param, l.colls[name].endorsement) {
				return nil, false
			}
		}
	}
	if len(rules) == 0 {
		rules = append(rules, l.policy)
	}
	return rules, true
}

func (l *Ledger) endorsed(t *Tx, updated map[string]bool) bool {
	rules, ok := l.policies(t, updated)
	for _, r := range rules {
		ok = ok && r.satisfied(peers(t.Endorsers))
	}
	return ok
}

// apply writes a valid transaction to the public state, the hashes, and the
// private state of every peer.
func (l *Ledger) apply(t *Tx, ver Version, updated map[string]bool) {
	for k, w := range t.set.writes {
		l.counts.Writes++
		if w.del {
			delete(l.state, k)
			l.order.remove(k)
			continue
		}
		l.order.add(k)
		l.state[k] = entry{w.value, ver, l.state[k].param}
	}
	for k, p := range t.set.params {
		if e, ok := l.state[k]; ok { // a policy on an absent key is dropped
			e.param, e.ver = p, ver
			l.state[k] = e
		}
		updated["/"+k] = true
	}
	for name, c := range t.set.colls {
		for k, w := range c.writes {
			l.counts.Writes++
			l.applyPrivate(name, k, w, ver)
		}
		for k, p := range c.params {
			if e, ok := l.hashes[name][keyHash(k)]; ok {
				e.param, e.ver = p, ver
				l.hashes[name][keyHash(k)] = e
			}
			updated[name+"/"+k] = true
		}
	}
}

func (l *Ledger) applyPrivate(coll, key string, w write, ver Version) {
	h := keyHash(key)
	if w.del {
		delete(l.hashes[coll], h)
	} else {
		l.hashes[coll][h] = hashEntry{[]byte(keyHash(string(w.value))), ver, l.hashes[coll][h].param}
	}
	for _, p := range l.peers {
		switch {
		case w.purge:
			p.coll(coll).drop(key)
			p.store.purge(coll, key)
		case p.isolated || !l.colls[coll].holds(p.org):
		case w.del:
			p.coll(coll).drop(key)
		default:
			p.coll(coll).set(key, privateEntry{w.value, ver})
		}
	}
}

// keep puts a transaction's private writes, valid or not, into the private data
// stores of the members.
func (l *Ledger) keep(t *Tx, _ Version, valid bool) {
	if l.cfg.Lean {
		return
	}
	for name, c := range t.set.colls {
		for _, p := range l.peers {
			if p.isolated || !l.colls[name].holds(p.org) {
				continue
			}
			for _, k := range sorted(c.writes) {
				p.store.add(Stored{t.TxID, name, k, c.writes[k].value, valid})
			}
		}
	}
}

// forget drops the transient data of a block's transactions at members; a peer
// that is not to hold the collection keeps it
// (gossip/privdata/pvtdataprovider.go:61-77).
func (l *Ledger) forget(txs []*Tx) {
	for _, p := range l.peers {
		mine := slices.ContainsFunc(txs, func(t *Tx) bool {
			for name, c := range t.set.colls {
				if len(c.writes) > 0 && l.colls[name].holds(p.org) {
					return true
				}
			}
			return false
		})
		if mine {
			p.transient = slices.DeleteFunc(p.transient, func(s Stored) bool {
				return slices.ContainsFunc(txs, func(t *Tx) bool { return t.TxID == s.TxID })
			})
		}
	}
}

// scan reads a half-open range of the public state; end "" means no end.
func (l *Ledger) scan(start, end string) rangeRead {
	r := rangeRead{start: start, end: end}
	for c := l.order.from(start, end); ; {
		k, ok := c.next()
		if !ok {
			break
		}
		r.keys = append(r.keys, k)
		r.versions = append(r.versions, l.state[k].ver)
	}
	return r
}

// Find returns the numbers of the blocks that hold these bytes anywhere.
func (l *Ledger) Find(needle []byte) []int {
	l.mu.Lock()
	defer l.mu.Unlock()
	var hits []int
	for _, b := range l.blocks {
		if bytes.Contains(b.Public(), needle) {
			hits = append(hits, b.Number)
		}
	}
	return hits
}
