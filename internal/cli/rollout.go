package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"domicile/chaincode/record"
	"domicile/collections"
	"domicile/gateway"
	"domicile/network"
)

// rollout brings one policy of a local network into force.
type rollout struct {
	*app
	n       *network.Network
	b       *bundle
	clients map[string]*gateway.Client // administrators, by organisation
}

func (a *app) newRollout(n *network.Network, b *bundle) *rollout {
	return &rollout{app: a, n: n, b: b, clients: map[string]*gateway.Client{}}
}

func (r *rollout) close() {
	for _, c := range r.clients {
		c.Close()
	}
}

// admin returns a client with the administrator's certificate of an organisation.
// It is not safe for concurrent use.
func (r *rollout) admin(ctx context.Context, org string) (*gateway.Client, error) {
	if c, ok := r.clients[org]; ok {
		return c, nil
	}
	s, err := gateway.LoadSettings(settingsPath(r.n, org, network.RoleAdmin))
	if err != nil {
		return nil, err
	}
	log, err := r.logger()
	if err != nil {
		return nil, err
	}
	c, err := gateway.Open(ctx, s, gateway.WithLogger(log))
	if err != nil {
		return nil, err
	}
	r.clients[org] = c
	return c, nil
}

// definition returns the chaincode definition that the policy needs, and whether
// it differs from the committed one.
func (r *rollout) definition(ctx context.Context) (network.Definition, bool, error) {
	d := network.Definition{
		Sequence: 1, EndorsementPolicy: r.b.policy.EndorsementPolicy(), CollectionsConfig: r.b.policy.Fabric(),
	}
	have, err := r.n.CommittedDefinition(ctx)
	if errors.Is(err, network.ErrNotCommitted) {
		return d, true, nil
	}
	if err != nil {
		return d, false, err
	}
	d.Version, d.Sequence = have.Version, have.Sequence
	same, err := sameDefinition(have.Definition, d)
	if err != nil {
		return d, false, err
	}
	if !same {
		d.Sequence++
	}
	return d, !same, nil
}

// approve approves definition and policy for one organisation, and waits until every
// peer knows.
func (r *rollout) approve(ctx context.Context, org string) error {
	d, differs, err := r.definition(ctx)
	if err != nil {
		return err
	}
	if differs {
		if err := r.n.ApproveDefinition(ctx, org, d); err != nil {
			return err
		}
	}
	c, err := r.admin(ctx, org)
	if err != nil {
		return err
	}
	done, err := c.PolicyApprove(ctx, r.b.policy.Digest())
	if err != nil {
		return err
	}
	return r.everywhere(ctx, done.Block)
}

// approveAll approves for every organisation at once, and waits until every peer knows:
// whichever endorses the commit has to count all of them.
func (r *rollout) approveAll(ctx context.Context) error {
	d, differs, err := r.definition(ctx)
	if err != nil {
		return err
	}
	var last latest
	g, gctx := errgroup.WithContext(ctx)
	for _, org := range r.b.policy.Organizations() {
		c, err := r.admin(ctx, org)
		if err != nil {
			return err
		}
		g.Go(func() error {
			if differs {
				if err := r.n.ApproveDefinition(gctx, org, d); err != nil {
					return err
				}
			}
			done, err := c.PolicyApprove(gctx, r.b.policy.Digest())
			last.note(done.Block)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return r.everywhere(ctx, last.Load())
}

// latest is the highest of the block numbers noted, from any goroutine.
type latest struct{ atomic.Uint64 }

func (l *latest) note(block uint64) {
	for seen := l.Load(); block > seen && !l.CompareAndSwap(seen, block); seen = l.Load() {
	}
}

// commit commits definition and policy and sets the private parts. Where members
// change, the private part is closed from before the definition is committed until the
// new one is set.
func (r *rollout) commit(ctx context.Context) error {
	d, differs, err := r.definition(ctx)
	if err != nil {
		return err
	}
	if differs {
		if err := r.ready(ctx, d); err != nil {
			return err
		}
		if err := r.closeLogs(ctx); err != nil {
			return err
		}
		if err := r.n.CommitDefinition(ctx, d); err != nil {
			return err
		}
	}
	c, err := r.admin(ctx, r.b.policy.Organizations()[0])
	if err != nil {
		return err
	}
	st, err := c.PolicyStatus(ctx)
	if err != nil {
		return err
	}
	if st.Committed != r.b.policy.Digest() {
		done, err := c.PolicyCommit(ctx, r.b.policy.Public())
		if err != nil {
			return err
		}
		if err := r.everywhere(ctx, done.Block); err != nil {
			return err
		}
		// The clients remember the policy of before, and would send private parts to
		// members that have left.
		r.close()
		clear(r.clients)
	}
	return r.privateParts(ctx, false)
}

// ready refuses to begin what cannot be finished: a definition that a region has not
// approved, or a policy that the contract would not take.
func (r *rollout) ready(ctx context.Context, d network.Definition) error {
	given, err := r.n.Approvals(ctx, r.n.Organizations()[0], d)
	if err != nil {
		return err
	}
	for _, region := range r.n.Topology().Regions {
		if !slices.ContainsFunc(region.Organizations, func(o network.Organization) bool { return given[o.Name] }) {
			return record.Fail(record.CodeNotApproved, "no organisation of region "+region.Name+" has approved the chaincode definition of this policy")
		}
	}
	c, err := r.admin(ctx, r.b.policy.Organizations()[0])
	if err != nil {
		return err
	}
	return c.PolicyReady(ctx, r.b.policy.Public())
}

// closeLogs closes the private parts of the holders whose members change. Whatever was
// endorsed before and is ordered after is invalid, because every private write reads
// the private part.
func (r *rollout) closeLogs(ctx context.Context) error {
	c, err := r.admin(ctx, r.n.Organizations()[0])
	if err != nil {
		return err
	}
	old, err := c.Policy(ctx)
	switch {
	case record.CodeOf(err) == record.CodeNoPolicy:
		return nil
	case err != nil:
		return err
	}
	for _, log := range collections.MemberChanges(old, r.b.policy) {
		_, col, _ := old.Collection(log)
		if c, err = r.admin(ctx, col.Members[0]); err != nil {
			return err
		}
		part, err := c.Private(ctx, log)
		if err != nil && record.CodeOf(err) != record.CodeNoPolicy {
			return fmt.Errorf("private part of %s: %w", log, err)
		}
		if err != nil || part.Closed {
			continue // nothing can be written there anyway
		}
		part.Closed = true
		if _, err := c.SetPrivate(ctx, log, part.JSON()); err != nil {
			return fmt.Errorf("closing %s: %w", log, err)
		}
		r.say("%s takes no writes until its members have changed", log)
	}
	return nil
}

// patience is how long [rollout.everywhere] waits for slow peers.
const patience = 30 * time.Second

// everywhere waits until every running peer has a block, so that whatever comes
// next may be sent to any of them. Peers that take too long are left to catch up.
func (r *rollout) everywhere(ctx context.Context, block uint64) error {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		nodes, err := r.n.Status(ctx)
		if err != nil {
			return err
		}
		behind := slices.ContainsFunc(nodes, func(x network.Node) bool {
			return x.Kind == network.KindPeer &&
				(x.State == network.StateRunning && x.Height <= block || x.State == network.StateUnready)
		})
		if !behind {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			r.say("warning: some peers have not block %d yet", block)
			return nil
		case <-poll.C:
		}
	}
}

// privateParts writes each log collection's private part, through an administrator
// of one of its holders, where it is not there already; missing leaves what is there as
// it is, also where it says something else.
func (r *rollout) privateParts(ctx context.Context, missing bool) error {
	var last latest
	g, gctx := errgroup.WithContext(ctx)
	for i := range r.b.policy.Regions {
		for _, log := range r.b.policy.Regions[i].Logs("") {
			doc, err := rolesInto(r.b.private[log.Name], log, r.n)
			if err != nil {
				return err
			}
			c, err := r.admin(ctx, log.Members[0])
			if err != nil {
				return err
			}
			g.Go(func() error {
				if have, err := c.Private(gctx, log.Name); err == nil && (missing || string(have.JSON()) == string(doc)) {
					return nil
				}
				done, err := c.SetPrivate(gctx, log.Name, doc)
				if err != nil {
					return fmt.Errorf("private part of %s: %w", log.Name, err)
				}
				last.note(done.Block)
				return nil
			})
		}
	}
	if err := g.Wait(); err != nil || last.Load() == 0 {
		return err
	}
	return r.everywhere(ctx, last.Load())
}

// all is apply: what approve and commit do, for everybody.
func (r *rollout) all(ctx context.Context) error {
	c, err := r.admin(ctx, r.n.Organizations()[0])
	if err != nil {
		return err
	}
	old, err := c.Policy(ctx)
	if err != nil && record.CodeOf(err) != record.CodeNoPolicy {
		return err
	}
	if err == nil {
		if err := refuseChanges(collections.Diff(old, r.b.policy)); err != nil {
			return err
		}
	}
	if err := r.approveAll(ctx); err != nil {
		return err
	}
	return r.commit(ctx)
}

// upgrade installs the package where it is missing and restarts the chaincode
// servers one after the other.
func (r *rollout) upgrade(ctx context.Context) error {
	if _, err := r.n.InstallChaincode(ctx); err != nil {
		return err
	}
	nodes, err := r.n.Status(ctx)
	if err != nil {
		return err
	}
	for _, x := range nodes {
		if x.Kind != network.KindChaincode {
			continue
		}
		r.say("restarting %s", x.Name)
		if err := r.n.Restart(ctx, x.Name); err != nil {
			return err
		}
	}
	return nil
}
