package main

import (
	"sync"
	"time"

	"domicile/chaincode/record"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"
)

// service hands each peer's stream to the shim and counts the transactions
// under way, so that a stop can wait for them: a stream itself never ends.
type service struct {
	cc *shim.ChaincodeServer

	mu       sync.Mutex
	stopping bool
	running  int
	idle     chan struct{} // closed once stopping and nothing runs
	cut      chan struct{} // closed to end all streams
}

func newService(cc *shim.ChaincodeServer) *service {
	return &service{cc: cc, idle: make(chan struct{}), cut: make(chan struct{})}
}

// Connect implements peer.ChaincodeServer.
func (s *service) Connect(stream peer.Chaincode_ConnectServer) error {
	done := make(chan error, 1)
	go func() { done <- s.cc.Connect(&countedStream{Chaincode_ConnectServer: stream, s: s}) }()
	select {
	case err := <-done:
		return err
	case <-s.cut:
		return errStopping // ends the stream, and with it the goroutine above
	}
}

// drain refuses new transactions, waits for those under way, ends all streams
// and returns how many transactions did not finish in time.
func (s *service) drain(limit time.Duration) int {
	s.mu.Lock()
	s.stopping = true
	if s.running == 0 {
		close(s.idle)
	}
	s.mu.Unlock()
	select {
	case <-s.idle:
	case <-time.After(limit):
	}
	close(s.cut)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running
}

// begin counts a transaction, unless the service is stopping.
func (s *service) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return false
	}
	s.running++
	return true
}

func (s *service) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
	if s.running == 0 && s.stopping {
		close(s.idle)
	}
}

// countedStream is a peer's stream seen by the shim.
type countedStream struct {
	peer.Chaincode_ConnectServer
	s    *service
	send sync.Mutex
	open sync.Map // channel and transaction id of what runs
}

type txKey struct{ channel, tx string }

// Recv returns the next message. A transaction that comes while the service
// stops is answered here.
func (c *countedStream) Recv() (*peer.ChaincodeMessage, error) {
	for {
		m, err := c.Chaincode_ConnectServer.Recv()
		if err != nil || (m.GetType() != peer.ChaincodeMessage_TRANSACTION && m.GetType() != peer.ChaincodeMessage_INIT) {
			return m, err
		}
		if c.s.begin() {
			c.open.Store(txKey{m.GetChannelId(), m.GetTxid()}, true)
			return m, nil
		}
		if err := c.refuse(m); err != nil {
			return nil, err
		}
	}
}

func (c *countedStream) refuse(m *peer.ChaincodeMessage) error {
	resp := shim.Error(record.Fail(record.CodeUnavailable, "the chaincode server is stopping; ask another peer").Error())
	b, err := proto.Marshal(resp)
	if err != nil {
		return err
	}
	return c.Send(&peer.ChaincodeMessage{
		Type: peer.ChaincodeMessage_COMPLETED, Payload: b, Txid: m.GetTxid(), ChannelId: m.GetChannelId(),
	})
}

// Send passes a message on, and counts a transaction down with its last one.
func (c *countedStream) Send(m *peer.ChaincodeMessage) error {
	c.send.Lock()
	err := c.Chaincode_ConnectServer.Send(m)
	c.send.Unlock()
	if m.GetType() == peer.ChaincodeMessage_COMPLETED || m.GetType() == peer.ChaincodeMessage_ERROR {
		if _, ok := c.open.LoadAndDelete(txKey{m.GetChannelId(), m.GetTxid()}); ok {
			c.s.end()
		}
	}
	return err
}
