package gateway

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"maps"
	"slices"

	"domicile/chaincode/record"
	"domicile/collections"
)

// read asks a holder's peer for private data: sealed under a key made for this
// one question, sent to peers of the client's own organisation only.
func (c *Client) read(ctx context.Context, collection, op string, request any) ([]byte, error) {
	if _, err := c.holding(ctx, collection); err != nil {
		return nil, err
	}
	body, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	key := randomBytes(record.SealKeyLen)
	x := &call{
		function: record.FuncRead, op: op, peers: c.own, orgs: []string{c.settings.Org},
		transient: func() (map[string][]byte, error) {
			return map[string][]byte{record.FieldOp: []byte(op), record.FieldRequest: body, record.FieldKey: key}, nil
		},
	}
	sealed, err := c.evaluate(ctx, x)
	if err != nil {
		c.forgetIfStale(err)
		return nil, err
	}
	b, err := record.Open(key, sealed)
	if err != nil {
		return nil, record.Fail(record.CodeInternal, "the peer's answer to "+op+" is not sealed under the key it was asked with")
	}
	return b, nil
}

// readInto is read for JSON answers.
func (c *Client) readInto(ctx context.Context, collection, op string, request, answer any) error {
	b, err := c.read(ctx, collection, op, request)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, answer); err != nil {
		return record.Fail(record.CodeInternal, "the peer's answer to "+op+" does not decode")
	}
	return nil
}

// write submits a private operation, endorsed by the collection's holders alone.
// build makes the request of one attempt, with a new seed, and surplus transient
// fields. A write that was refused because the members are not those that the client
// remembers is made once more, for those of today.
func (c *Client) write(ctx context.Context, collection, op string, ids []string, build func() (any, map[string][]byte, error)) (TxReceipt, error) {
	col, err := c.holding(ctx, collection)
	if err != nil {
		return TxReceipt{}, err
	}
	r, err := c.writeTo(ctx, col, op, ids, build)
	if record.CodeOf(err) != record.CodeWrongPeer {
		return r, err
	}
	now, nerr := c.holding(ctx, collection)
	if nerr != nil || slices.Equal(now.Members, col.Members) {
		return r, err
	}
	return c.writeTo(ctx, now, op, ids, build)
}

func (c *Client) writeTo(ctx context.Context, col *collections.Collection, op string, ids []string, build func() (any, map[string][]byte, error)) (TxReceipt, error) {
	orgs, err := c.endorsers(ctx, col)
	if err != nil {
		return TxReceipt{}, err
	}
	x := &call{
		function: record.FuncWrite, op: op, ids: ids, peers: c.own, orgs: orgs, quorum: col.Endorsers(),
		transient: func() (map[string][]byte, error) {
			request, more, err := build()
			if err != nil {
				return nil, err
			}
			body, err := json.Marshal(request)
			if err != nil {
				return nil, err
			}
			t := map[string][]byte{record.FieldOp: []byte(op), record.FieldRequest: body}
			maps.Copy(t, more)
			return t, nil
		},
	}
	r, err := c.submit(ctx, x)
	c.forgetIfStale(err)
	return r, err
}

// endorsers are the organisations that are asked to endorse a private write: all
// members of the collection, each of them in the region, of which a majority is
// enough. A purge writes to the log of the same holders too, so the same organisations
// satisfy both.
func (c *Client) endorsers(ctx context.Context, col *collections.Collection) ([]string, error) {
	p, err := c.cachedPolicy(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range col.Members {
		if !inside(p, m, c.settings.Region) {
			return nil, record.Fail(record.CodeBadPolicy, "collection "+col.Name+" has the member "+m+" outside region "+c.settings.Region+"; private calls are refused")
		}
	}
	return col.Members, nil
}

// forgetIfStale drops the cached policy when an answer suggests that it is not
// the one in force any more.
func (c *Client) forgetIfStale(err error) {
	switch record.CodeOf(err) {
	case record.CodeWrongCollection, record.CodeNoPolicy, record.CodeBadRequest, record.CodeForbidden, record.CodeWrongPeer:
		c.forgetPolicy()
	}
}

func newSeed() []byte { return randomBytes(record.SeedLen) }

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) //nolint:errcheck // never fails since Go 1.24
	return b
}
