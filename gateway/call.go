package gateway

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"

	"domicile/chaincode/record"
)

// call is one invocation of the contract, before it is bound to a transaction.
type call struct {
	contract *client.Contract // nil: the Domicile contract
	function string
	args     []string
	// op and ids describe the call to hooks and logs.
	op  string
	ids []string
	// transient makes the private part of one attempt; nil: a public call. It is
	// called again for every new transaction, so that seeds are never reused.
	transient func() (map[string][]byte, error)
	// orgs are the organisations that may see and endorse the call; nil: the
	// gateway plans it, which only a public call may ask for.
	orgs []string
	// quorum is how many of orgs are enough for a write; 0: all of them.
	quorum int
	peers  []*gatewayPeer
}

func (c *Client) proposal(x *call) (*client.Proposal, error) {
	opts := []client.ProposalOption{client.WithArguments(x.args...)}
	if x.transient != nil {
		if len(x.orgs) == 0 {
			return nil, record.Fail(record.CodeInternal, "a private call must name its endorsing organisations")
		}
		t, err := x.transient()
		if err != nil {
			return nil, err
		}
		opts = append(opts, client.WithTransient(t))
	}
	if len(x.orgs) > 0 {
		opts = append(opts, client.WithEndorsingOrganizations(x.orgs...))
	}
	contract := x.contract
	if contract == nil {
		contract = c.contract
	}
	return contract.NewProposal(x.function, opts...)
}

// evaluate asks the peers in turn until one answers. Reads are the same on any
// of them, so a fresh proposal is not needed.
func (c *Client) evaluate(ctx context.Context, x *call) ([]byte, error) {
	p, err := c.proposal(x)
	if err != nil {
		return nil, err
	}
	var answer []byte
	at, f := c.tryPeers(ctx, x, c.settings.Timeouts.Evaluate, func(ctx context.Context) error {
		answer, err = p.EvaluateWithContext(ctx)
		return err
	})
	if f != nil {
		return nil, &EvaluateError{Failure{Peer: at, Coded: f.err, cause: f.caller}}
	}
	return answer, nil
}

// proposalAge is how old a proposal may grow before it is made anew, with another
// transaction id and time: half of the peers' time window
// (peer.authentication.timewindow, which a Domicile network sets to 2 minutes).
const proposalAge = time.Minute

// endorse sends one proposal to the peers in turn, naming fewer organisations where
// some failed and the others are enough, and again while endorsers are behind. While it
// is young the same one is used: its write set is the same wherever it is simulated, and
// at commit Fabric drops everything kept under its transaction id, left-overs of failed
// attempts included.
func (c *Client) endorse(ctx context.Context, x *call) (*client.Transaction, error) {
	p, err := c.proposal(x)
	if err != nil {
		return nil, err
	}
	made, asked := time.Now(), &askedOf{call: x, own: c.settings.Org}
	var tx *client.Transaction
	send := func(ctx context.Context) error {
		if time.Since(made) > proposalAge {
			if p, err = c.proposal(x); err != nil {
				return err
			}
			made = time.Now()
		}
		if p, err = c.naming(p, asked.orgs()); err != nil {
			return err
		}
		tx, err = p.EndorseWithContext(ctx)
		asked.failed(err)
		return err
	}
	for try := 1; ; try++ {
		at, f := c.tryPeers(ctx, x, c.settings.Timeouts.Endorse, send)
		if f == nil {
			return tx, nil
		}
		if try == lagTries || !overruled(c.settings.Org, f.err.Code, err) || c.pause(ctx, try) != nil {
			return nil, &EndorseError{Failure{Peer: at, TxID: p.TransactionID(), Coded: f.err, cause: f.caller}}
		}
		c.log.Info("an endorser is behind, asking again", "function", x.function, "op", x.op, "try", try, "code", f.err.Code)
	}
}

// tryPeers calls send with each of the call's peers, those that failed a moment
// ago last, for a number of rounds with growing pauses, until one answers. An
// answer of the contract ends it, whatever it says.
func (c *Client) tryPeers(ctx context.Context, x *call, limit time.Duration, send func(context.Context) error) (at string, f *fault) {
	if len(x.peers) == 0 {
		return "", &fault{err: unavailable("no gateway peer is configured for this call")}
	}
	peers := inOrder(x.peers)
	for round := range c.opt.rounds {
		if round > 0 && c.pause(ctx, round) != nil {
			break
		}
		for _, p := range peers {
			err := within(via(ctx, p), limit, send)
			if err == nil {
				p.succeed()
				return p.Name, nil
			}
			got := explain(ctx, err)
			if !got.elsewhere() {
				return p.Name, &got
			}
			p.fail()
			c.log.Info("peer failed, trying the next", "peer", p.Name, "function", x.function, "op", x.op, "code", got.err.Code, "why", got.err.Detail)
			if f == nil || got.said || !f.said { // what a live peer said tells most
				at, f = p.Name, &got
			}
		}
		if f.err.Code == record.CodeTimeout {
			break // a round of timeouts was long enough
		}
	}
	if cause := ctx.Err(); cause != nil {
		f.caller = cause
	}
	return at, f
}

// within bounds one message to one peer. (The SDK's time limits do not apply to
// its WithContext calls.)
func within(ctx context.Context, limit time.Duration, send func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return send(ctx)
}

// pause waits before round n ≥ 1: the base doubled each time, at most 5 s, with
// jitter between half and all of it.
func (c *Client) pause(ctx context.Context, n int) error {
	return sleep(ctx, jitter(c.opt.backoff, n))
}

func jitter(base time.Duration, n int) time.Duration {
	d := min(base<<min(n-1, 10), 5*time.Second)
	if d <= 1 {
		return d
	}
	return d/2 + rand.N(d/2)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
