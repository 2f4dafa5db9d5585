package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	gatewaypb "github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"domicile/chaincode/record"
)

// FeedEvent says that one record was anchored or that its purge was published.
type FeedEvent struct {
	Kind       string `json:"kind"` // [record.EventAnchored] or [record.EventPurged]
	Region     string `json:"region"`
	Collection string `json:"collection"`
	ID         string `json:"id"`
	Block      uint64 `json:"block"`
	TxID       string `json:"txId"`
}

// FeedOptions chooses events. The zero value takes all.
type FeedOptions struct {
	// Region keeps events of one region only. Defaults to all.
	Region string
}

// Feed yields every record anchored and every purge published on the channel, of
// all regions, from the checkpoint on and then as they happen, in ledger order.
// It reads from the client's own region and reconnects by itself, without a gap
// and without repeating an event. The sequence ends with an error: the context's,
// the checkpoint's, or [ErrForbidden].
//
// An event counts as read when the loop asks for the next one or ends. The
// checkpoint is saved after each transaction and when the loop ends, so that
// after a crash the records of one transaction at most come again.
func (c *Client) Feed(ctx context.Context, cp Checkpoint, o FeedOptions) iter.Seq2[FeedEvent, error] {
	return func(yield func(FeedEvent, error) bool) {
		pos, err := cp.Load()
		if err != nil {
			yield(FeedEvent{}, err)
			return
		}
		f := &feed{c: c, cp: cp, o: o, pos: pos, yield: yield}
		if err := f.run(ctx); err != nil {
			yield(FeedEvent{}, err)
		}
	}
}

type feed struct {
	c     *Client
	cp    Checkpoint
	o     FeedOptions
	pos   Position
	yield func(FeedEvent, error) bool
}

// errEnough says that the consumer ended the loop.
var errEnough = errors.New("enough")

// run streams until the consumer or an error ends it. Every stream begins at the
// position, so that changing peers loses nothing.
func (f *feed) run(ctx context.Context) error {
	for failures := 1; ; failures++ {
		for _, p := range inOrder(f.c.region) {
			before := f.pos
			err := f.stream(ctx, p)
			var broken *streamError
			switch {
			case errors.Is(err, errEnough):
				return nil
			case ctx.Err() != nil:
				return ctx.Err()
			case !errors.As(err, &broken):
				return err
			}
			got := explain(ctx, broken.err)
			if got.err.Code == record.CodeForbidden {
				return &EvaluateError{Failure{Peer: p.Name, Coded: got.err}}
			}
			p.fail()
			f.c.log.Info("feed broke, reconnecting", "peer", p.Name, "block", f.pos.Block, "code", got.err.Code)
			if f.pos != before {
				failures = 1
			}
		}
		if err := f.c.pause(ctx, failures); err != nil {
			return err
		}
	}
}

// streamError is the failure of a stream, as opposed to one of the checkpoint or
// of an event.
type streamError struct{ err error }

func (e *streamError) Error() string { return "the stream of events broke" }

// stream reads events from one peer until something fails.
func (f *feed) stream(ctx context.Context, p *gatewayPeer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := f.request()
	if err != nil {
		return err
	}
	s, err := gatewaypb.NewGatewayClient(p.conn).ChaincodeEvents(ctx, req)
	if err != nil {
		return &streamError{err}
	}
	resuming := f.pos.TxID != ""
	for {
		block, err := s.Recv()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return &streamError{err}
		}
		p.succeed()
		events := block.GetEvents()
		if resuming {
			if events, err = f.resume(block.GetBlockNumber(), events); err != nil {
				return err
			}
			resuming = false
		}
		for _, e := range events {
			if err := f.transaction(block.GetBlockNumber(), e); err != nil {
				return err
			}
		}
	}
}

// request asks for events from the block of the position on, signed.
func (f *feed) request() (*gatewaypb.SignedChaincodeEventsRequest, error) {
	r, err := f.c.fabric.GetNetwork(f.c.settings.Channel).
		NewChaincodeEventsRequest(f.c.settings.Chaincode, client.WithStartBlock(f.pos.Block))
	if err != nil {
		return nil, err
	}
	b, err := r.Bytes()
	if err != nil {
		return nil, err
	}
	req := new(gatewaypb.SignedChaincodeEventsRequest)
	if err := proto.Unmarshal(b, req); err != nil {
		return nil, err
	}
	req.Signature, err = f.c.signer.sign(r.Digest())
	return req, err
}

// resume drops the events of the first block that were read before. The position
// names one of them; if it is not there, the checkpoint is of another channel.
func (f *feed) resume(block uint64, events []*peer.ChaincodeEvent) ([]*peer.ChaincodeEvent, error) {
	if block == f.pos.Block {
		for i, e := range events {
			if e.GetTxId() == f.pos.TxID {
				return events[i:], nil
			}
		}
	}
	return nil, record.Fail(record.CodeSettings, fmt.Sprintf("the checkpoint does not fit this channel: block %d has no event of its transaction", f.pos.Block))
}

// transaction hands out the records of one transaction and saves the position.
func (f *feed) transaction(block uint64, e *peer.ChaincodeEvent) error {
	skip := 0
	if e.GetTxId() == f.pos.TxID {
		skip = f.pos.Records
	}
	next := Position{Block: block, TxID: e.GetTxId(), Records: skip}
	kind := e.GetEventName()
	if kind != record.EventAnchored && kind != record.EventPurged {
		f.pos = next
		return nil
	}
	var ev record.Event
	if err := json.Unmarshal(e.GetPayload(), &ev); err != nil || ev.Version != record.Version {
		return record.Fail(record.CodeVersion, "event of transaction "+e.GetTxId()+" has a form this program does not know")
	}
	if skip >= len(ev.Records) {
		f.pos = next
		return nil
	}
	for _, r := range ev.Records[skip:] {
		next.Records++
		if f.o.Region != "" && ev.Region != f.o.Region {
			continue
		}
		if !f.yield(FeedEvent{Kind: kind, Region: ev.Region, Collection: r.Collection, ID: r.ID, Block: block, TxID: e.GetTxId()}, nil) {
			if f.pos = next; f.cp.Save(f.pos) != nil {
				f.c.log.Warn("the feed's checkpoint was not saved; its last events will come again")
			}
			return errEnough
		}
		f.pos = next
	}
	f.pos = next
	return f.cp.Save(f.pos)
}
