package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	gatewaypb "github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"domicile/chaincode/record"
	"domicile/collections"
)

// fakeLedger answers just enough of the contract for the client's own logic.
// What the real contract does is tested on a real network.
type fakeLedger struct {
	mu      sync.Mutex
	changed *sync.Cond
	policy  *collections.Policy
	records map[record.Ref]*stored
	gone    map[record.Ref]bool
	anchors map[record.Ref]record.Anchor
	facts   map[string][]record.Fact
	effects map[string]func(block uint64) // endorsed, by transaction id
	verdict map[string]peer.TxValidationCode
	blocks  map[string]uint64
	ordered []string
	events  []*gatewaypb.ChaincodeEventsResponse
	height  uint64
	// conflicts is how many of the next transactions are marked MVCC.
	conflicts int
	// duplicates is how many of the next answers about a commit are DUPLICATE_TXID.
	duplicates int
	// behind lists ids that endorsers of anchors do not know yet, with how many
	// more times they will say so.
	behind map[string]int
	// log is what every log has, by Tx; stuck repeats its first page.
	log   []record.LogEntry
	stuck bool
	// held is where ordered transactions wait while not nil.
	hold bool
}

type stored struct {
	value []byte
	state record.State
}

func newLedger() *fakeLedger {
	l := &fakeLedger{
		policy: collections.Demo(), records: map[record.Ref]*stored{}, gone: map[record.Ref]bool{},
		anchors: map[record.Ref]record.Anchor{}, facts: map[string][]record.Fact{}, effects: map[string]func(uint64){},
		verdict: map[string]peer.TxValidationCode{}, blocks: map[string]uint64{}, behind: map[string]int{}, height: 5,
	}
	l.changed = sync.NewCond(&l.mu)
	return l
}

func (l *fakeLedger) simulate(s seen) ([]byte, func(uint64), error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch s.function {
	case record.FuncPolicy:
		return l.policy.Public(), nil, nil
	case record.FuncPolicyCommit:
		return nil, func(uint64) {}, nil
	case record.FuncRead:
		b, err := l.read(s)
		if err != nil {
			return nil, nil, err
		}
		b, err = record.Seal(s.transient[record.FieldKey], s.txID, b)
		return b, nil, err
	case record.FuncWrite:
		return l.write(s)
	case record.FuncAnchor:
		return l.anchor(s)
	case record.FuncTombstone:
		return l.tombstone(s)
	case record.FuncProof:
		return l.proof(s)
	case record.FuncVerify:
		return toJSON(record.Verdict{}), func(uint64) {}, nil
	case "GetChainInfo":
		b, err := proto.Marshal(&common.BlockchainInfo{Height: l.height})
		return b, nil, err
	case "GetBlockByTxID":
		b, err := proto.Marshal(&common.Block{Header: &common.BlockHeader{Number: l.blocks[s.args[1]]}})
		return b, nil, err
	}
	return nil, nil, record.Fail(record.CodeBadFunction, "")
}

func decode[T any](b []byte) T {
	var x T
	must(json.Unmarshal(b, &x))
	return x
}

func toJSON(x any) []byte {
	b, err := json.Marshal(x)
	must(err)
	return b
}

func (l *fakeLedger) read(s seen) ([]byte, error) {
	req := s.transient[record.FieldRequest]
	switch s.op {
	case record.OpGetPrivate:
		return collections.DemoPrivate(decode[record.GetPrivateRequest](req).Collection).JSON(), nil
	case record.OpPaused:
		return toJSON(record.Paused{Pause: &record.Pause{Reason: "r"}}), nil
	case record.OpInspect:
		r := decode[record.InspectRequest](req)
		var out []record.State
		for _, id := range r.IDs {
			out = append(out, l.inspect(record.Ref{Collection: r.Collection, ID: id}))
		}
		return toJSON(out), nil
	case record.OpGet:
		r := decode[record.GetRequest](req)
		if x := l.records[record.Ref{Collection: r.Collection, ID: r.ID}]; x != nil {
			return x.value, nil
		}
		return nil, record.Fail(record.CodeAbsent, r.ID)
	case record.OpFactsOf:
		var out []record.SubjectFacts
		for _, t := range decode[record.FactsOfRequest](req).Subjects {
			out = append(out, record.SubjectFacts{Subject: t, Facts: l.facts[t]})
		}
		return toJSON(out), nil
	case record.OpList:
		return l.list(decode[record.ListRequest](req)), nil
	case record.OpLog:
		return l.logPage(decode[record.LogRequest](req)), nil
	}
	return nil, record.Fail(record.CodeBadRequest, "op")
}

func (l *fakeLedger) inspect(ref record.Ref) record.State {
	if l.gone[ref] {
		return record.State{ID: ref.ID, State: record.InsideGone}
	}
	if x := l.records[ref]; x != nil {
		return x.state
	}
	return record.State{ID: ref.ID, State: record.InsideAbsent}
}

// list pages by two, so that paging is exercised.
func (l *fakeLedger) list(r record.ListRequest) []byte {
	var ids []string
	for ref := range l.records {
		if ref.Collection == r.Collection && ref.ID > r.After {
			ids = append(ids, ref.ID)
		}
	}
	slices.Sort(ids)
	var page record.Page
	for i, id := range ids {
		if i == 2 {
			page.Next = page.Entries[1].ID
			break
		}
		page.Entries = append(page.Entries, record.Entry{ID: id})
	}
	return toJSON(page)
}

// logPage pages by two.
func (l *fakeLedger) logPage(r record.LogRequest) []byte {
	var page record.LogPage
	for _, e := range l.log {
		if e.Tx <= r.After && !l.stuck {
			continue
		}
		if len(page.Entries) == 2 {
			page.Next = page.Entries[1].Tx
			break
		}
		page.Entries = append(page.Entries, e)
	}
	return toJSON(page)
}

func (l *fakeLedger) write(s seen) ([]byte, func(uint64), error) {
	if s.op == record.OpFacts {
		return nil, func(uint64) {
			for _, f := range decode[record.FactsRequest](s.transient[record.FieldRequest]).Subjects {
				l.facts[f.Subject] = append(l.facts[f.Subject], f.Facts...)
			}
		}, nil
	}
	if s.op != record.OpPut {
		return nil, func(uint64) {}, nil
	}
	r := decode[record.PutRequest](s.transient[record.FieldRequest])
	var taken []string
	puts := map[record.Ref]*stored{}
	for i, rec := range r.Records {
		ref := record.Ref{Collection: r.Collection, ID: rec.ID}
		body := s.transient[record.BodyField(i)]
		if l.records[ref] != nil {
			taken = append(taken, rec.ID)
		}
		if strings.Contains(string(body), `"REFUSE-ME"`) {
			return nil, nil, record.Fail(record.CodeBadResource, rec.ID)
		}
		d, err := record.NewDrawer(rec.Seed)
		must(err)
		salt, sum := d.Salt("r"), sha256.Sum256(body)
		puts[ref] = &stored{record.EncodeValue(salt, body), record.State{
			ID: rec.ID, State: record.InsidePresent, Hash: record.Hash(salt, body), SHA256: hex.EncodeToString(sum[:]), Size: len(body), PutTx: s.txID,
		}}
	}
	if len(taken) > 0 {
		return nil, nil, record.Fail(record.CodeExists, strings.Join(taken, " "))
	}
	return nil, func(uint64) {
		for ref, x := range puts {
			l.records[ref] = x
		}
	}, nil
}

func (l *fakeLedger) anchor(s seen) ([]byte, func(uint64), error) {
	r := decode[record.AnchorRequest]([]byte(s.args[0]))
	var absent []string
	for _, x := range r.Records {
		if l.behind[x.ID] > 0 {
			l.behind[x.ID]--
			absent = append(absent, x.ID)
		} else if l.records[x.Ref] == nil {
			absent = append(absent, x.ID)
		}
	}
	if len(absent) > 0 {
		return nil, nil, record.Fail(record.CodeAbsent, strings.Join(absent, " "))
	}
	return nil, func(block uint64) {
		ev := record.Event{Version: record.Version, Region: r.Region}
		for _, x := range r.Records {
			l.anchors[x.Ref] = record.Anchor{Version: 1, Region: r.Region, Hash: x.Hash, AnchorTx: s.txID}
			ev.Records = append(ev.Records, x.Ref)
		}
		l.emit(block, s.txID, record.EventAnchored, ev)
	}, nil
}

func (l *fakeLedger) tombstone(s seen) ([]byte, func(uint64), error) {
	r := decode[record.TombstoneRequest]([]byte(s.args[0]))
	var live []string
	for _, x := range r.Records {
		if l.records[x] != nil {
			live = append(live, x.ID)
		}
	}
	if len(live) > 0 {
		return nil, nil, record.Fail(record.CodeLive, strings.Join(live, " "))
	}
	return nil, func(uint64) {
		for _, x := range r.Records {
			a := l.anchors[x]
			a.TombstoneTx = s.txID
			l.anchors[x] = a
		}
	}, nil
}

func (l *fakeLedger) proof(s seen) ([]byte, func(uint64), error) {
	var out []record.Proof
	for _, id := range decode[record.ProofRequest]([]byte(s.args[0])).IDs {
		p := record.Proof{ID: id, State: record.StateUnknown}
		for ref := range l.records {
			if ref.ID == id {
				p.State = record.StateUnanchored
			}
		}
		for ref, a := range l.anchors {
			if ref.ID == id {
				p = record.Proof{ID: id, Collection: ref.Collection, Hash: a.Hash, State: record.StateActive, TxID: a.AnchorTx, TombstoneTx: a.TombstoneTx}
				if a.TombstoneTx != "" {
					p.State = record.StatePurged
				}
			}
		}
		out = append(out, p)
	}
	return toJSON(out), nil, nil
}

func (l *fakeLedger) emit(block uint64, txID, name string, ev record.Event) {
	e := &peer.ChaincodeEvent{TxId: txID, EventName: name, Payload: toJSON(ev)}
	if n := len(l.events); n > 0 && l.events[n-1].BlockNumber == block {
		l.events[n-1].Events = append(l.events[n-1].Events, e)
	} else {
		l.events = append(l.events, &gatewaypb.ChaincodeEventsResponse{BlockNumber: block, Events: []*peer.ChaincodeEvent{e}})
	}
	l.changed.Broadcast()
}

func (l *fakeLedger) endorsed(s seen, effect func(uint64)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.effects[s.txID] = effect
}

// order commits at once, one block a transaction. A second copy of an envelope
// changes nothing.
func (l *fakeLedger) order(txID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ordered = append(l.ordered, txID)
	if l.hold {
		return
	}
	l.settle(txID)
}

func (l *fakeLedger) settle(txID string) {
	if _, ok := l.blocks[txID]; ok {
		return
	}
	l.height++
	l.blocks[txID] = l.height
	if l.conflicts > 0 {
		l.conflicts--
		l.verdict[txID] = peer.TxValidationCode_MVCC_READ_CONFLICT
	} else if f := l.effects[txID]; f != nil {
		f(l.height)
	}
	l.changed.Broadcast()
}

// commit waits for a transaction, as the real service does, for ever if it was
// never ordered.
func (l *fakeLedger) commit(ctx context.Context, txID string) (uint64, peer.TxValidationCode, error) {
	stop := context.AfterFunc(ctx, func() { l.mu.Lock(); l.changed.Broadcast(); l.mu.Unlock() })
	defer stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		if n, ok := l.blocks[txID]; ok {
			if l.duplicates > 0 {
				l.duplicates--
				return n, peer.TxValidationCode_DUPLICATE_TXID, nil
			}
			return n, l.verdict[txID], nil
		}
		if ctx.Err() != nil {
			return 0, 0, ctx.Err()
		}
		l.changed.Wait()
	}
}

func (l *fakeLedger) nextEvents(ctx context.Context, from uint64) (*gatewaypb.ChaincodeEventsResponse, error) {
	stop := context.AfterFunc(ctx, func() { l.mu.Lock(); l.changed.Broadcast(); l.mu.Unlock() })
	defer stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		for _, b := range l.events {
			if b.GetBlockNumber() >= from {
				return proto.Clone(b).(*gatewaypb.ChaincodeEventsResponse), nil
			}
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		l.changed.Wait()
	}
}

// with runs f under the ledger's lock.
func (l *fakeLedger) with(f func()) { l.mu.Lock(); defer l.mu.Unlock(); f() }
