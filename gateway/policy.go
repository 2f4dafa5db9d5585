package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"domicile/chaincode/record"
	"domicile/collections"
)

// policyCache keeps the policy in force and the private parts of the holder's
// log collections for a short time.
type policyCache struct {
	mu      sync.Mutex
	policy  *collections.Policy
	at      time.Time
	private map[string]privatePart // by log collection
}

type privatePart struct {
	doc *collections.Private
	at  time.Time
}

// Policy returns the public policy in force, as peers of the client's own region
// know it: what is private is decided by it, so no other region is asked. Without
// one the error is [ErrNoPolicy].
func (c *Client) Policy(ctx context.Context) (*collections.Policy, error) {
	x := &call{function: record.FuncPolicy, peers: c.region}
	b, err := c.evaluate(ctx, x)
	if err != nil {
		return nil, err
	}
	p, err := collections.ParsePublic(b)
	if err != nil {
		return nil, record.Fail(record.CodeBadPolicy, "the policy on the ledger does not parse; this program may be too old")
	}
	c.policies.mu.Lock()
	defer c.policies.mu.Unlock()
	c.policies.policy, c.policies.at = p, time.Now()
	return p, nil
}

// cachedPolicy is Policy, at most a minute old.
func (c *Client) cachedPolicy(ctx context.Context) (*collections.Policy, error) {
	c.policies.mu.Lock()
	p, at := c.policies.policy, c.policies.at
	c.policies.mu.Unlock()
	if p != nil && time.Since(at) < c.opt.policyMaxAge {
		return p, nil
	}
	return c.Policy(ctx)
}

// forgetPolicy makes the next call read the policy again.
func (c *Client) forgetPolicy() {
	c.policies.mu.Lock()
	defer c.policies.mu.Unlock()
	c.policies.policy, c.policies.private = nil, nil
}

// ownRegion returns the policy of the client's region after checking that every
// peer in the settings belongs to it. No private call is made before this.
func (c *Client) ownRegion(ctx context.Context) (*collections.Region, error) {
	p, err := c.cachedPolicy(ctx)
	if err != nil {
		return nil, err
	}
	r, ok := p.Region(c.settings.Region)
	if !ok {
		return nil, record.Fail(record.CodeSettings, "region "+c.settings.Region+" is not in the policy")
	}
	for _, peer := range c.region {
		if !inside(p, peer.Org, r.Name) {
			return nil, record.Fail(record.CodeSettings,
				fmt.Sprintf("peer %s belongs to %s, which the policy does not place in region %s; private calls are refused", peer.Name, peer.Org, r.Name))
		}
	}
	return r, nil
}

// inside reports whether an organisation is of a region or of one inside it.
func inside(p *collections.Policy, org, region string) bool {
	r, ok := p.RegionOf(org)
	for range p.Regions {
		if !ok {
			return false
		}
		if r.Name == region {
			return true
		}
		r, ok = p.Region(r.Within)
	}
	return false
}

// holding returns a collection of the region that the client's organisation
// holds.
func (c *Client) holding(ctx context.Context, collection string) (*collections.Collection, error) {
	r, err := c.ownRegion(ctx)
	if err != nil {
		return nil, err
	}
	col, ok := r.Collection(collection)
	if !ok {
		c.forgetPolicy()
		return nil, record.Fail(record.CodeBadRequest, "collection "+collection+" is not in region "+r.Name)
	}
	if !col.Holds(c.settings.Org) {
		return nil, record.Fail(record.CodeForbidden, "collection "+collection+" is not held by "+c.settings.Org)
	}
	return col, nil
}

// Collections returns the names of the record collections of the client's region
// that its organisation holds: those it holds alone first.
func (c *Client) Collections(ctx context.Context) ([]string, error) {
	r, err := c.ownRegion(ctx)
	if err != nil {
		return nil, err
	}
	var alone, shared []string
	for _, col := range r.Collections {
		switch {
		case col.IsLog() || !col.Holds(c.settings.Org):
		case len(col.Members) == 1:
			alone = append(alone, col.Name)
		default:
			shared = append(shared, col.Name)
		}
	}
	if len(alone)+len(shared) == 0 {
		return nil, record.Fail(record.CodeForbidden, c.settings.Org+" holds no collection in region "+r.Name)
	}
	return slices.Concat(alone, shared), nil
}

// Private returns the holder-private part of the policy kept in a log
// collection.
func (c *Client) Private(ctx context.Context, log string) (*collections.Private, error) {
	b, err := c.read(ctx, log, record.OpGetPrivate, record.GetPrivateRequest{
		Version: record.Version, Region: c.settings.Region, Collection: log,
	})
	if err != nil {
		return nil, err
	}
	doc, err := collections.ParsePrivate(b)
	if err != nil {
		return nil, record.Fail(record.CodeBadPolicy, "the private part in "+log+" does not parse; this program may be too old")
	}
	return doc, nil
}

// cachedPrivate is Private, at most a minute old.
func (c *Client) cachedPrivate(ctx context.Context, log string) (*collections.Private, error) {
	c.policies.mu.Lock()
	part, ok := c.policies.private[log]
	c.policies.mu.Unlock()
	if ok && time.Since(part.at) < c.opt.policyMaxAge {
		return part.doc, nil
	}
	doc, err := c.Private(ctx, log)
	if err != nil {
		return nil, err
	}
	c.policies.mu.Lock()
	defer c.policies.mu.Unlock()
	if c.policies.private == nil {
		c.policies.private = make(map[string]privatePart)
	}
	c.policies.private[log] = privatePart{doc, time.Now()}
	return doc, nil
}

// SetPrivate puts a new holder-private part, as JSON, into a log collection. The
// caller's certificate needs OU=admin.
func (c *Client) SetPrivate(ctx context.Context, log string, doc json.RawMessage) (TxReceipt, error) {
	defer c.forgetPolicy()
	return c.write(ctx, log, record.OpPrivate, nil, func() (any, map[string][]byte, error) {
		return record.PrivateRequest{
			Version: record.Version, Region: c.settings.Region, Collection: log, Seed: newSeed(), Document: doc,
		}, nil, nil
	})
}

// PolicyStatus tells which policy is in force and who approves which.
func (c *Client) PolicyStatus(ctx context.Context) (record.PolicyStatus, error) {
	var st record.PolicyStatus
	err := c.answer(ctx, &call{function: record.FuncPolicyStatus, peers: c.region}, &st)
	return st, err
}

// PolicyApprove records the approval of the client's organisation for the policy
// whose public JSON has this lower-case hex SHA-256. The caller's certificate
// needs OU=admin.
func (c *Client) PolicyApprove(ctx context.Context, digest string) (TxReceipt, error) {
	return c.submit(ctx, &call{function: record.FuncPolicyApprove, args: []string{digest}, peers: c.region})
}

// PolicyReady tells whether [Client.PolicyCommit] would be taken now: nil,
// [ErrNotApproved] when approvals are missing, or what else is wrong. It changes nothing.
func (c *Client) PolicyReady(ctx context.Context, public []byte) error {
	_, err := c.evaluate(ctx, &call{function: record.FuncPolicyCommit, args: []string{string(public)}, peers: c.region})
	return err
}

// PolicyCommit puts an approved policy into force: its public JSON, exactly as
// approved. [ErrNotApproved] when approvals are missing.
func (c *Client) PolicyCommit(ctx context.Context, public []byte) (TxReceipt, error) {
	defer c.forgetPolicy()
	return c.submit(ctx, &call{function: record.FuncPolicyCommit, args: []string{string(public)}, peers: c.region})
}
