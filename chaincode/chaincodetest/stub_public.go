package chaincodetest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/queryresult"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
)

func (s *stub) GetState(key string) ([]byte, error) {
	e := s.l.state[key]
	s.l.counts.Reads++
	s.set.reads[key] = e.ver
	return slices.Clone(e.value), nil
}

func (s *stub) GetMultipleStates(keys ...string) ([][]byte, error) {
	out := make([][]byte, len(keys))
	for i, k := range keys {
		out[i], _ = s.GetState(k)
	}
	return out, nil
}

func (s *stub) PutState(key string, value []byte) error {
	if key == "" {
		return errors.New("key must not be an empty string")
	}
	value = slices.Clone(value)
	return s.do(batchKey{"", key, false}, func() error {
		if err := s.writable(); err != nil {
			return err
		}
		s.set.writes[key] = write{value: value, del: len(value) == 0}
		return nil
	})
}

func (s *stub) DelState(key string) error { return s.PutState(key, nil) }

func (s *stub) SetStateValidationParameter(key string, ep []byte) error {
	ep = slices.Clone(ep)
	return s.do(batchKey{"", key, true}, func() error {
		if err := s.writable(); err != nil {
			return err
		}
		s.set.params[key] = ep
		return nil
	})
}

func (s *stub) GetStateValidationParameter(key string) ([]byte, error) {
	e := s.l.state[key]
	s.l.counts.Reads++
	s.set.reads[key] = e.ver
	return slices.Clone(e.param), nil
}

func (s *stub) GetStateByRange(start, end string) (shim.StateQueryIteratorInterface, error) {
	if err := simpleKeys(start, end); err != nil {
		return nil, err
	}
	return s.publicRange(start, end), nil
}

func (s *stub) publicRange(start, end string) *iterator {
	r := s.l.scan(max(start, "\x01"), end)
	s.set.ranges = append(s.set.ranges, r)
	return s.iterate(r)
}

func (s *stub) iterate(r rangeRead) *iterator {
	s.l.counts.Ranges++
	keys := r.keys[:min(len(r.keys), s.l.cfg.QueryLimit)]
	return &iterator{counts: &s.l.counts, peek: func() bool { return len(keys) > 0 }, take: func() *queryresult.KV {
		k := keys[0]
		keys = keys[1:]
		return &queryresult.KV{Namespace: "domicile", Key: k, Value: slices.Clone(s.l.state[k].value)}
	}}
}

func (s *stub) GetStateByPartialCompositeKey(objectType string, keys []string) (shim.StateQueryIteratorInterface, error) {
	start, err := shim.CreateCompositeKey(objectType, keys)
	if err != nil {
		return nil, err
	}
	r := s.l.scan(start, start+"\U0010FFFF")
	s.set.ranges = append(s.set.ranges, r)
	return s.iterate(r), nil
}

// page serves the paginated queries, which end a transaction's right to write.
func (s *stub) page(start, end string, size int32, bookmark string) (shim.StateQueryIteratorInterface, *peer.QueryResponseMetadata, error) {
	if s.wrote {
		return nil, nil, fmt.Errorf("txid [%s]: unsuppored transaction. Paginated queries are supported only in a read-only transaction", s.p.TxID)
	}
	s.paged = true
	r := s.l.scan(max(start, bookmark), end)
	next := ""
	if n := int(size); n > 0 && len(r.keys) > n {
		next = r.keys[n]
		r.keys = r.keys[:n]
	}
	it := s.iterate(r)
	return it, &peer.QueryResponseMetadata{FetchedRecordsCount: int32(min(len(r.keys), s.l.cfg.QueryLimit)), Bookmark: next}, nil
}

func (s *stub) GetStateByRangeWithPagination(start, end string, size int32, bookmark string) (shim.StateQueryIteratorInterface, *peer.QueryResponseMetadata, error) {
	if err := simpleKeys(start, end); err != nil {
		return nil, nil, err
	}
	return s.page(max(start, "\x01"), end, size, bookmark)
}

func (s *stub) GetStateByPartialCompositeKeyWithPagination(objectType string, keys []string, size int32, bookmark string) (shim.StateQueryIteratorInterface, *peer.QueryResponseMetadata, error) {
	start, err := shim.CreateCompositeKey(objectType, keys)
	if err != nil {
		return nil, nil, err
	}
	return s.page(start, start+"\U0010FFFF", size, bookmark)
}

func (s *stub) GetAllStatesCompositeKeyWithPagination(size int32, bookmark string) (shim.StateQueryIteratorInterface, *peer.QueryResponseMetadata, error) {
	return s.page("\x00", "\x01", size, bookmark)
}

var errNoRichQuery = errors.New("ExecuteQuery not supported for leveldb")

func (s *stub) GetQueryResult(string) (shim.StateQueryIteratorInterface, error) {
	return nil, errNoRichQuery
}

func (s *stub) GetQueryResultWithPagination(string, int32, string) (shim.StateQueryIteratorInterface, *peer.QueryResponseMetadata, error) {
	return nil, nil, errNoRichQuery
}

func (s *stub) GetHistoryForKey(string) (shim.HistoryQueryIteratorInterface, error) {
	return nil, errors.New("history database not enabled")
}

// iterator walks the result of a range query. It reads no further than
// the contract asks.
type iterator struct {
	counts *Counts
	peek   func() bool
	take   func() *queryresult.KV
	closed bool
}

func (i *iterator) HasNext() bool { return !i.closed && i.peek() }

func (i *iterator) Next() (*queryresult.KV, error) {
	if !i.HasNext() {
		return nil, errors.New("no more results")
	}
	i.counts.Entries++
	return i.take(), nil
}

func (i *iterator) Close() error {
	i.closed = true
	return nil
}
