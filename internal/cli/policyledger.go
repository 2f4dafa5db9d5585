package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"domicile/chaincode/record"
	"domicile/collections"
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
		return r.privateParts(ctx, !named)
	case st.Committed != "" && !named:
		return nil // somebody else's policy is in force; nobody asked to change it
	}
	a.say("putting the policy %s into force", b.policy.Name)
	return r.all(ctx)
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
	if err := a.decided(b.policy, b.private); err != nil {
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
		Long: `The local shorthand for policy approve by every organisation and policy commit. A policy
that fails domicile policy check is refused.

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
