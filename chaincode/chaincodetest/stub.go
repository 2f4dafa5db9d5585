package chaincodetest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// stub is one simulation on one peer, seen from the contract.
type stub struct {
	l     *Ledger
	peer  *peerState
	p     Proposal
	msp   string // of the creator
	set   *rwset
	event *peer.ChaincodeEvent

	batch   map[batchKey]func() error
	wrote   bool
	queried bool // private data, by range
	paged   bool
}

var _ shim.ChaincodeStubInterface = (*stub)(nil)

type batchKey struct {
	coll, key string
	param     bool
}

func (s *stub) GetArgs() [][]byte { return s.p.Args }

func (s *stub) GetStringArgs() []string {
	out := make([]string, 0, len(s.p.Args))
	for _, a := range s.p.Args {
		out = append(out, string(a))
	}
	return out
}

func (s *stub) GetFunctionAndParameters() (string, []string) {
	args := s.GetStringArgs()
	if len(args) == 0 {
		return "", []string{}
	}
	return args[0], args[1:]
}

func (s *stub) GetArgsSlice() ([]byte, error) {
	return []byte(strings.Join(s.GetStringArgs(), "")), nil
}

func (s *stub) GetTxID() string { return s.p.TxID }

func (s *stub) GetChannelID() string { return "global" }

func (s *stub) InvokeChaincode(string, [][]byte, string) *peer.Response {
	return shim.Error("no other chaincode on this channel")
}

func (s *stub) GetCreator() ([]byte, error) { return s.p.Creator, nil }

func (s *stub) GetTransient() (map[string][]byte, error) { return s.p.Transient, nil }

func (s *stub) GetBinding() ([]byte, error) {
	h := sha256.Sum256(append([]byte(s.p.TxID), s.p.Creator...))
	return h[:], nil
}

func (s *stub) GetDecorations() map[string][]byte { return nil }

func (s *stub) GetTxTimestamp() (*timestamppb.Timestamp, error) {
	return timestamppb.New(s.p.Time), nil
}

func (s *stub) GetSignedProposal() (*peer.SignedProposal, error) {
	ts := timestamppb.New(s.p.Time)
	ch, err := proto.Marshal(&common.ChannelHeader{
		Type: int32(common.HeaderType_ENDORSER_TRANSACTION), ChannelId: s.GetChannelID(), TxId: s.p.TxID, Timestamp: ts,
	})
	if err != nil {
		return nil, err
	}
	sh, err := proto.Marshal(&common.SignatureHeader{Creator: s.p.Creator})
	if err != nil {
		return nil, err
	}
	hdr, err := proto.Marshal(&common.Header{ChannelHeader: ch, SignatureHeader: sh})
	if err != nil {
		return nil, err
	}
	payload, err := proto.Marshal(&peer.ChaincodeProposalPayload{TransientMap: s.p.Transient})
	if err != nil {
		return nil, err
	}
	b, err := proto.Marshal(&peer.Proposal{Header: hdr, Payload: payload})
	return &peer.SignedProposal{ProposalBytes: b}, err
}

func (s *stub) SetEvent(name string, payload []byte) error {
	if name == "" {
		return errors.New("event name can not be empty string")
	}
	s.event = &peer.ChaincodeEvent{EventName: name, Payload: payload, TxId: s.p.TxID}
	return nil
}

// StartWriteBatch and FinishWriteBatch: the writes of a batch are kept in a map,
// the last one of a key wins, their order is lost, and what is wrong with them
// comes out at the end (fabric-chaincode-go shim/batch.go).
func (s *stub) StartWriteBatch() {
	if s.batch == nil {
		s.batch = map[batchKey]func() error{}
	}
}

func (s *stub) FinishWriteBatch() error {
	batch := s.batch
	s.batch = nil
	for _, do := range batch {
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}

func (s *stub) do(k batchKey, op func() error) error {
	if s.batch != nil {
		s.batch[k] = op
		return nil
	}
	return op()
}

// writable checks what the transaction simulator checks before every write
// (core/ledger/kvledger/txmgmt/txmgr/tx_simulator.go:220-247).
func (s *stub) writable() error {
	if s.queried {
		return fmt.Errorf("txid [%s]: unsuppored transaction. Transaction has already performed queries on pvt data. Writes are not allowed", s.p.TxID)
	}
	if s.paged {
		return fmt.Errorf("txid [%s]: unsuppored transaction. Transaction has already performed a paginated query. Writes are not allowed", s.p.TxID)
	}
	s.wrote = true
	return nil
}

func (s *stub) CreateCompositeKey(objectType string, attributes []string) (string, error) {
	return shim.CreateCompositeKey(objectType, attributes)
}

func (s *stub) SplitCompositeKey(key string) (string, []string, error) {
	if len(key) < 2 || key[0] != 0 {
		return "", nil, errors.New("not a composite key")
	}
	parts := strings.Split(strings.TrimSuffix(key[1:], "\x00"), "\x00")
	return parts[0], parts[1:], nil
}

func simpleKeys(keys ...string) error {
	for _, k := range keys {
		if k != "" && k[0] == 0 {
			return fmt.Errorf("first character of the key [%s] contains a null character which is not allowed", k)
		}
		if !utf8.ValidString(k) {
			return errors.New("not a valid utf8 string")
		}
	}
	return nil
}
