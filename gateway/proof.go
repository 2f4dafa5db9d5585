package gateway

import (
	"context"
	"encoding/json"
	"slices"

	"golang.org/x/sync/errgroup"

	"domicile/chaincode/record"
)

// ReadOption is an optional setting of [Client.Proof] and [Client.Verify].
type ReadOption func(*readOptions)

type readOptions struct{ region, collection string }

// From has a proof answered by a peer of this region and no other, so that the
// answer is that region's own testimony. By default any region may answer,
// nearest first.
func From(region string) ReadOption { return func(o *readOptions) { o.region = region } }

// In has [Client.Verify] look at the record of one collection. Without it an id
// under which several collections hold something is refused.
func In(collection string) ReadOption { return func(o *readOptions) { o.collection = collection } }

// Proof returns what the public ledger says of records, in the order of ids. An
// id that the answering peer does not know has the state
// [record.StateUnknown].
func (c *Client) Proof(ctx context.Context, ids []string, opts ...ReadOption) ([]record.Proof, error) {
	peers, err := c.proofPeers(ctx, opts)
	if err != nil {
		return nil, err
	}
	out := make([]record.Proof, 0, len(ids))
	for chunk := range slices.Chunk(ids, record.MaxRecords) {
		if err := checkIDs(chunk); err != nil {
			return nil, err
		}
		var part []record.Proof
		x := &call{function: record.FuncProof, peers: peers}
		if err := c.askWith(ctx, x, record.ProofRequest{Version: record.Version, IDs: chunk}, &part); err != nil {
			return nil, err
		}
		out = append(out, part...)
	}
	return out, nil
}

// Verify asks whether hash (see [record.Hash]) is that of a record: by the
// anchor and, while the record lives, by the hash in the answering peer's own
// state. It needs no access to private data.
func (c *Client) Verify(ctx context.Context, id, hash string, opts ...ReadOption) (record.Verdict, error) {
	var v record.Verdict
	if err := checkIDs([]string{id}); err != nil {
		return v, err
	}
	peers, err := c.proofPeers(ctx, opts)
	if err != nil {
		return v, err
	}
	var o readOptions
	for _, f := range opts {
		f(&o)
	}
	x := &call{function: record.FuncVerify, peers: peers}
	err = c.askWith(ctx, x, record.VerifyRequest{Version: record.Version, ID: id, Hash: hash, Collection: o.collection}, &v)
	return v, err
}

// ProofRegions returns the regions whose peers can answer proofs, the client's
// own first.
func (c *Client) ProofRegions() []string {
	var out []string
	for _, p := range c.proofs {
		if !slices.Contains(out, p.Region) {
			out = append(out, p.Region)
		}
	}
	return out
}

// proofPeers chooses who may answer: the peers of one region, or all, nearest
// first.
func (c *Client) proofPeers(ctx context.Context, opts []ReadOption) ([]*gatewayPeer, error) {
	var o readOptions
	for _, f := range opts {
		f(&o)
	}
	if o.region == "" {
		c.measureOnce(ctx)
		return nearest(c.proofs), nil
	}
	peers := slices.DeleteFunc(slices.Clone(c.proofs), func(p *gatewayPeer) bool { return p.Region != o.region })
	if len(peers) == 0 {
		return nil, record.Fail(record.CodeSettings, "proofPeers names no peer of region "+o.region)
	}
	return peers, nil
}

// measureOnce takes the round trips to all proof peers at the first read of a
// proof and waits until one peer has answered. The rest are taken in the
// background.
func (c *Client) measureOnce(ctx context.Context) {
	c.measured.Do(func() {
		if len(c.proofs) < 2 {
			return
		}
		first := make(chan struct{}, len(c.proofs))
		started := c.background(func(ctx context.Context) {
			var g errgroup.Group
			for _, p := range c.proofs {
				g.Go(func() error {
					if p.measure(ctx) == nil {
						first <- struct{}{}
					}
					return nil
				})
			}
			_ = g.Wait()
			close(first)
		})
		if !started {
			return
		}
		select {
		case <-first:
		case <-ctx.Done():
		}
	})
}

// background runs f with a context that ends with the client; Close waits for it.
// It reports false, and does not run f, once the client is closed.
func (c *Client) background(f func(context.Context)) bool {
	c.closing.Lock()
	defer c.closing.Unlock()
	if c.ctx.Err() != nil {
		return false
	}
	c.work.Go(func() { f(c.ctx) })
	return true
}

// answer evaluates a public call and decodes its JSON answer.
func (c *Client) answer(ctx context.Context, x *call, into any) error {
	b, err := c.evaluate(ctx, x)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return record.Fail(record.CodeInternal, "the peer's answer to "+x.function+" does not decode")
	}
	return nil
}

// askWith is answer with one JSON argument.
func (c *Client) askWith(ctx context.Context, x *call, request, into any) error {
	arg, err := json.Marshal(request)
	if err != nil {
		return err
	}
	x.args = []string{string(arg)}
	return c.answer(ctx, x, into)
}

// checkIDs refuses malformed ids before anything is sent, so that no text that
// is not an id becomes a public argument.
func checkIDs(ids []string) error {
	for _, id := range ids {
		if record.CheckID(id) != nil {
			return record.Fail(record.CodeBadRequest, "an id is malformed: "+record.ErrBadID.Error())
		}
	}
	return nil
}
