package gateway

import (
	"context"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	gatewaypb "github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"domicile/chaincode/record"
)

// TxReceipt says where a transaction was committed.
type TxReceipt struct {
	TxID  string `json:"txId"`
	Block uint64 `json:"block"`
	// WithoutEvidence: a purge left nothing that operators could look for.
	WithoutEvidence bool `json:"withoutEvidence,omitempty"`
}

// submit endorses, orders and waits for the commit. A transaction that lost a
// race for the same keys (MVCC) is made anew, a bounded number of times.
func (c *Client) submit(ctx context.Context, x *call) (TxReceipt, error) {
	for attempt := 1; ; attempt++ {
		r, err := c.submitOnce(ctx, x)
		if err == nil {
			return r, nil
		}
		if record.CodeOf(err) != record.CodeConflict || attempt >= c.opt.conflictTries {
			return TxReceipt{}, err
		}
		c.log.Info("conflict, endorsing again", "function", x.function, "op", x.op, "attempt", attempt)
		if c.pause(ctx, attempt) != nil {
			return TxReceipt{}, err
		}
	}
}

func (c *Client) submitOnce(ctx context.Context, x *call) (TxReceipt, error) {
	tx, err := c.endorse(ctx, x)
	if err != nil {
		return TxReceipt{}, err
	}
	if f := c.opt.beforeSubmit; f != nil {
		if err := f(ctx, Attempt{TxID: tx.TransactionID(), Function: x.function, Op: x.op, IDs: x.ids}); err != nil {
			return TxReceipt{}, err
		}
	}
	st, err := c.order(ctx, x, tx)
	if err != nil {
		return TxReceipt{}, err
	}
	return verdict(st)
}

// order sends the envelope until an orderer has it, and asks for its status
// until the ledger says. If we crash here, the caller runs again and finds the
// record present: nothing depends on this process.
func (c *Client) order(ctx context.Context, x *call, tx *client.Transaction) (*client.Status, error) {
	id := tx.TransactionID()
	commit, err := c.commitOf(id)
	if err != nil {
		return nil, err
	}
	accepted := false
	for round := 1; ; round++ {
		at, f := c.send(ctx, x, tx)
		accepted = accepted || f == nil
		if f != nil && f.caller == nil && refusedForGood(f.err.Code) && !accepted {
			return nil, &SubmitError{Failure{Peer: at, TxID: id, Coded: f.err}}
		}
		// Whether or not an orderer acknowledged: Fabric's gateway reports a
		// failure for envelopes that were ordered when slow orderers answer
		// "already processed" (internal/pkg/gateway/submit.go).
		st, cf := c.ask(ctx, x, commit, c.patience(accepted))
		if st != nil {
			return st, nil
		}
		if cause := ctx.Err(); cause != nil {
			return nil, unknown(at, id, accepted, cause)
		}
		if cf != nil && cf.err.Code == record.CodeForbidden {
			return nil, &CommitError{Failure: Failure{Peer: at, TxID: id, Coded: cf.err}}
		}
		if !accepted && round >= c.opt.rounds {
			return nil, unknown(at, id, false, nil)
		}
		c.log.Info("no commit yet, sending the same envelope again", "txID", id, "round", round, "accepted", accepted)
		if c.pause(ctx, round) != nil {
			return nil, unknown(at, id, accepted, ctx.Err())
		}
	}
}

// patience is how long one question for the status may take: for an envelope
// that no orderer acknowledged, only as long as an ordered one needs, because
// asking for one that was never ordered hangs.
func (c *Client) patience(accepted bool) time.Duration {
	if accepted {
		return c.settings.Timeouts.Commit
	}
	return min(3*time.Second, c.settings.Timeouts.Commit)
}

// send hands the envelope to one peer after the other until one has brought it
// to the orderers.
func (c *Client) send(ctx context.Context, x *call, tx *client.Transaction) (at string, f *fault) {
	for _, p := range inOrder(x.peers) {
		at = p.Name
		err := within(via(ctx, p), c.settings.Timeouts.Submit, func(ctx context.Context) error {
			_, err := tx.SubmitWithContext(ctx)
			return err
		})
		if err == nil {
			p.succeed()
			return at, nil
		}
		got := explain(ctx, err)
		f = &got
		if !f.elsewhere() {
			return at, f
		}
		c.log.Info("submit not acknowledged", "peer", p.Name, "txID", tx.TransactionID(), "why", f.err.Detail)
		if f.err.Detail == fewOrderers {
			return at, f // the orderers heard of it: ask the ledger first
		}
		p.fail()
	}
	return at, f
}

// ask asks each peer for the commit status within the time given.
func (c *Client) ask(ctx context.Context, x *call, commit *client.Commit, limit time.Duration) (*client.Status, *fault) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var f *fault
	for _, p := range inOrder(x.peers) {
		st, err := commit.StatusWithContext(via(ctx, p))
		if err == nil && st.Code == peer.TxValidationCode_DUPLICATE_TXID {
			// A second copy of the envelope was ordered as well. The ledger
			// answers with the verdict on the first.
			st, err = commit.StatusWithContext(via(ctx, p))
		}
		if err == nil {
			p.succeed()
			return st, nil
		}
		got := explain(ctx, err)
		f = &got
		p.fail() // the next question starts with another peer
		if ctx.Err() != nil || !f.elsewhere() {
			break
		}
	}
	return nil, f
}

// commitOf makes the question for the status of a transaction. It is signed
// once, on first use.
func (c *Client) commitOf(txID string) (*client.Commit, error) {
	req, err := proto.Marshal(&gatewaypb.CommitStatusRequest{
		ChannelId: c.settings.Channel, TransactionId: txID, Identity: c.signer.creator,
	})
	if err != nil {
		return nil, err
	}
	b, err := proto.Marshal(&gatewaypb.SignedCommitStatusRequest{Request: req})
	if err != nil {
		return nil, err
	}
	return c.fabric.NewCommit(b)
}

// refusedForGood reports whether a refusal at submit says that the envelope was
// not ordered and will not be.
func refusedForGood(code record.Code) bool {
	return code == record.CodeForbidden || code == record.CodeInternal
}

func unknown(at, txID string, accepted bool, cause error) error {
	f := Failure{Peer: at, TxID: txID, cause: cause}
	if accepted {
		f.Coded = record.Fail(record.CodeUnknown, "accepted by the orderers, commit not seen yet")
		return &CommitError{Failure: f}
	}
	f.Coded = record.Fail(record.CodeUnknown, "no orderer is known to have accepted it")
	return &SubmitError{f}
}

// verdict maps the peers' validation code.
func verdict(st *client.Status) (TxReceipt, error) {
	switch st.Code {
	case peer.TxValidationCode_VALID:
		return TxReceipt{TxID: st.TransactionID, Block: st.BlockNumber}, nil
	case peer.TxValidationCode_MVCC_READ_CONFLICT, peer.TxValidationCode_PHANTOM_READ_CONFLICT:
		return TxReceipt{}, commitError(st, record.CodeConflict)
	}
	return TxReceipt{}, commitError(st, record.CodeInvalidated)
}

func commitError(st *client.Status, code record.Code) error {
	return &CommitError{
		Failure:    Failure{TxID: st.TransactionID, Coded: record.Fail(code, st.Code.String())},
		Validation: st.Code, Block: st.BlockNumber,
	}
}
