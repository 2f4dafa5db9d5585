package chaincodetest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/queryresult"
)

// errMissing is Fabric's text (txmgmt/txmgr/query_executor.go:216).
var errMissing = errors.New("private data matching public hash version is not available. Public hash version = {BlockNum: 1, TxNum: 0}, Private data version = <nil>")

func (s *stub) collection(name string) (*collection, error) {
	if name == "" {
		return nil, errors.New("collection must not be an empty string")
	}
	c, ok := s.l.colls[name]
	if !ok {
		return nil, fmt.Errorf("collection [%s] not defined in the collection config for chaincode [domicile]", name)
	}
	return c, nil
}

// readable and writableColl enforce memberOnlyRead and memberOnlyWrite against
// the creator (core/chaincode/handler.go:608-652).
func (s *stub) readable(name string) (*collection, error) {
	c, err := s.collection(name)
	if err != nil {
		return nil, err
	}
	if c.memberRead && !c.members.satisfied([]signer{{s.msp, "client"}}) {
		return nil, fmt.Errorf("tx creator does not have read access permission on privatedata in chaincodeName:domicile collectionName: %s", name)
	}
	return c, nil
}

func (s *stub) writableColl(name string) error {
	c, err := s.collection(name)
	if err != nil {
		return err
	}
	if c.memberWrite && !c.members.satisfied([]signer{{s.msp, "client"}}) {
		return fmt.Errorf("tx creator does not have write access permission on privatedata in chaincodeName:domicile collectionName: %s", name)
	}
	return s.writable()
}

func (s *stub) GetPrivateData(coll, key string) ([]byte, error) {
	if _, err := s.readable(coll); err != nil {
		return nil, err
	}
	h := s.l.hashes[coll][keyHash(key)]
	e := s.peer.coll(coll).entries[key]
	if h.ver != e.ver {
		return nil, errMissing
	}
	s.l.counts.Reads++
	s.set.coll(coll).reads[keyHash(key)] = h.ver
	return slices.Clone(e.value), nil
}

// GetMultiplePrivateData does not compare versions: a stale or missing value
// comes back without an error (query_executor.go:309-330).
func (s *stub) GetMultiplePrivateData(coll string, keys ...string) ([][]byte, error) {
	if _, err := s.readable(coll); err != nil {
		return nil, err
	}
	out := make([][]byte, len(keys))
	for i, k := range keys {
		e := s.peer.coll(coll).entries[k]
		s.l.counts.Reads++
		s.set.coll(coll).reads[keyHash(k)] = e.ver
		out[i] = slices.Clone(e.value)
	}
	return out, nil
}

// GetPrivateDataHash asks for no membership (handler.go:729-752).
func (s *stub) GetPrivateDataHash(coll, key string) ([]byte, error) {
	if _, err := s.collection(coll); err != nil {
		return nil, err
	}
	h := s.l.hashes[coll][keyHash(key)]
	s.l.counts.Reads++
	s.set.coll(coll).reads[keyHash(key)] = h.ver
	return slices.Clone(h.hash), nil
}

func (s *stub) putPrivate(coll, key string, w write) error {
	if coll == "" {
		return errors.New("collection must not be an empty string")
	}
	return s.do(batchKey{coll, key, false}, func() error {
		if err := s.writableColl(coll); err != nil {
			return err
		}
		s.set.coll(coll).writes[key] = w
		return nil
	})
}

func (s *stub) PutPrivateData(coll, key string, value []byte) error {
	if coll != "" && key == "" {
		return errors.New("key must not be an empty string")
	}
	return s.putPrivate(coll, key, write{value: slices.Clone(value), del: len(value) == 0})
}

func (s *stub) DelPrivateData(coll, key string) error {
	return s.putPrivate(coll, key, write{del: true})
}

func (s *stub) PurgePrivateData(coll, key string) error {
	if coll == "" {
		return errors.New("collection must not be an empty string")
	}
	return s.do(batchKey{coll, key, false}, func() error {
		if s.l.cfg.NoPurge {
			return errors.New("purge private data is not enabled, channel application capability of V2_5 or later is required")
		}
		if err := s.writableColl(coll); err != nil {
			return err
		}
		s.set.coll(coll).writes[key] = write{del: true, purge: true}
		return nil
	})
}

func (s *stub) SetPrivateDataValidationParameter(coll, key string, ep []byte) error {
	ep = slices.Clone(ep)
	return s.do(batchKey{coll, key, true}, func() error {
		if err := s.writableColl(coll); err != nil {
			return err
		}
		s.set.coll(coll).params[key] = ep
		return nil
	})
}

func (s *stub) GetPrivateDataValidationParameter(coll, key string) ([]byte, error) {
	if _, err := s.readable(coll); err != nil {
		return nil, err
	}
	h := s.l.hashes[coll][keyHash(key)]
	s.l.counts.Reads++
	s.set.coll(coll).reads[keyHash(key)] = h.ver
	return slices.Clone(h.param), nil
}

// privateRange reads the peer's own private state. Nothing is recorded in the
// read set, versions are not compared, and the answer ends at the query limit.
func (s *stub) privateRange(coll, start, end string) (shim.StateQueryIteratorInterface, error) {
	if _, err := s.readable(coll); err != nil {
		return nil, err
	}
	if s.wrote {
		return nil, fmt.Errorf("txid [%s]: unsuppored transaction. Queries on pvt data is supported only in a read-only transaction", s.p.TxID)
	}
	s.queried = true
	s.l.counts.Ranges++
	state := s.peer.coll(coll)
	keys, left := state.order.from(start, end), s.l.cfg.QueryLimit
	return &iterator{counts: &s.l.counts, peek: func() bool {
		_, ok := keys.peek()
		return ok && left > 0
	}, take: func() *queryresult.KV {
		k, _ := keys.next()
		left--
		return &queryresult.KV{Namespace: "domicile", Key: k, Value: slices.Clone(state.entries[k].value)}
	}}, nil
}

func (s *stub) GetPrivateDataByRange(coll, start, end string) (shim.StateQueryIteratorInterface, error) {
	if err := simpleKeys(start, end); err != nil {
		return nil, err
	}
	return s.privateRange(coll, max(start, "\x01"), end)
}

func (s *stub) GetPrivateDataByPartialCompositeKey(coll, objectType string, keys []string) (shim.StateQueryIteratorInterface, error) {
	start, err := shim.CreateCompositeKey(objectType, keys)
	if err != nil {
		return nil, err
	}
	return s.privateRange(coll, start, start+"\U0010FFFF")
}

func (s *stub) GetPrivateDataQueryResult(string, string) (shim.StateQueryIteratorInterface, error) {
	return nil, errNoRichQuery
}
