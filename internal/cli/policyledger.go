package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"domicile/chaincode/record"
	"domicile/collections"
	"domicile/gateway"
	"domicile/network"
)

// policyInForce reads the policy from the ledger, as the first region's reader.
func (a *app) policyInForce(ctx context.Context) (*collections.Policy, error) {
	c, err := a.connect(ctx, where{role: record.RoleReader})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.Policy(ctx)
}

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

// approve approves definition and policy for one organisation.
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
	_, err = c.PolicyApprove(ctx, r.b.policy.Digest())
	return err
}

// approveAll approves for every organisation at once.
func (r *rollout) approveAll(ctx context.Context) error {
	d, differs, err := r.definition(ctx)
	if err != nil {
		return err
	}
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
			_, err := c.PolicyApprove(gctx, r.b.policy.Digest())
			return err
		})
	}
	return g.Wait()
}

// commit commits definition and policy and sets the private parts.
func (r *rollout) commit(ctx context.Context) error {
	d, differs, err := r.definition(ctx)
	if err != nil {
		return err
	}
	if differs {
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
	}
	return r.privateParts(ctx)
}

// patience is how long [rollout.everywhere] waits for slow peers.
const patience = 20 * time.Second

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
			return x.Kind == network.KindPeer && x.State == network.StateRunning && x.Height <= block
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
// of one of its holders, where it is not there already.
func (r *rollout) privateParts(ctx context.Context) error {
	var last atomic.Uint64
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
				if have, err := c.Private(gctx, log.Name); err == nil && string(have.JSON()) == string(doc) {
					return nil
				}
				done, err := c.SetPrivate(gctx, log.Name, doc)
				if err != nil {
					return fmt.Errorf("private part of %s: %w", log.Name, err)
				}
				for seen := last.Load(); done.Block > seen && !last.CompareAndSwap(seen, done.Block); seen = last.Load() {
				}
				return nil
			})
		}
	}
	if err := g.Wait(); err != nil || last.Load() == 0 {
		return err
	}
	return r.everywhere(ctx, last.Load())
}

// ensurePolicy puts the policy into force on a network that has none, or, if the
// user named it, on any.
func (a *app) ensurePolicy(ctx context.Context, n *network.Network, b *bundle, named bool) error {
	r := a.newRollout(n, b)
	defer r.close()
	c, err := r.admin(ctx, n.Organizations()[0])
	if err != nil {
		return err
	}
	st, err := c.PolicyStatus(ctx)
	if err != nil {
		return err
	}
	switch {
	case st.Committed == b.policy.Digest():
		return r.privateParts(ctx)
	case st.Committed != "" && !named:
		return nil // somebody else's policy is in force; nobody asked to change it
	}
	a.say("putting the policy %s into force", b.policy.Name)
	return r.all(ctx)
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

// withRollout opens the local network and reads the policy.
func (a *app) withRollout(file string, f func(*rollout) error) error {
	n, err := network.Open(a.dir)
	if err != nil {
		return err
	}
	b, err := a.bundle(file, n.Topology())
	if err != nil {
		return err
	}
	r := a.newRollout(n, b)
	defer r.close()
	return f(r)
}

func (a *app) policyApprove() *cobra.Command {
	var org string
	c := &cobra.Command{
		Use: "approve --org ORG FILE", Short: "Approve a policy for one organisation of the local network",
		Example: "  domicile policy approve --org UsHospital policy.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if org == "" {
				return usagef("--org is missing: whose approval is it")
			}
			return a.withRollout(args[0], func(r *rollout) error {
				if !slices.Contains(r.n.Organizations(), org) {
					return usagef("no organisation %q in this network", org)
				}
				if err := r.approve(c.Context(), org); err != nil {
					return err
				}
				a.say("%s approves %s", org, r.b.policy.Digest())
				return nil
			})
		},
	}
	c.Flags().StringVar(&org, "org", "", "`organisation` that approves")
	return c
}

func (a *app) policyCommit() *cobra.Command {
	return &cobra.Command{
		Use: "commit FILE", Short: "Put an approved policy into force, with its private parts",
		Long: `Puts a policy into force that every region it changes and a majority of the others
have approved, and writes the private parts of the local network's holders.`,
		Example: "  domicile policy commit policy.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withRollout(args[0], func(r *rollout) error { return r.commit(c.Context()) })
		},
	}
}

func (a *app) policyApply() *cobra.Command {
	var upgrade bool
	c := &cobra.Command{
		Use: "apply FILE", Short: "Approve for all organisations of the local network, and commit",
		Long: `The local shorthand for policy approve by every organisation and policy commit.
With --upgrade the chaincode servers are also restarted, region by region, on the program
that is installed now.`,
		Example: "  domicile policy apply policy.yaml\n  domicile policy apply --upgrade policy.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withRollout(args[0], func(r *rollout) error {
				if upgrade {
					if err := r.upgrade(c.Context()); err != nil {
						return err
					}
				}
				if err := r.all(c.Context()); err != nil {
					return err
				}
				a.say("the policy %s is in force, digest %s", r.b.policy.Name, r.b.policy.Digest())
				return nil
			})
		},
	}
	c.Flags().BoolVar(&upgrade, "upgrade", false, "restart the chaincode servers first")
	return c
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

func (a *app) policyStatus() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show which policy is in force and who approves which",
		Example: "  domicile policy status\n  domicile policy status --json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.connect(c.Context(), where{role: record.RoleReader})
			if err != nil {
				return err
			}
			defer client.Close()
			st, err := client.PolicyStatus(c.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(st)
			}
			in := st.Committed
			if in == "" {
				in = "none"
			}
			fmt.Fprintln(a.out, "in force: "+in)
			t := newTable(a.out, "Organisation", "Approves", "In force")
			for _, org := range slices.Sorted(maps.Keys(st.Approvals)) {
				t.AppendRow([]any{org, st.Approvals[org], st.Approvals[org] == st.Committed})
			}
			t.Render()
			return nil
		},
	}
}
