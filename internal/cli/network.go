package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"domicile/collections"
	"domicile/network"
)

func (a *app) networkCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "network", Short: "Start, stop and look at a local network of Fabric's own programs",
		Example: "  domicile network up\n  domicile network status --json\n  domicile network down",
	}
	c.AddCommand(a.networkUp(), a.networkDown(), a.networkStatus(), a.networkDoctor(), a.networkBackup(), a.networkRestore())
	return c
}

func (a *app) networkUp() *cobra.Command {
	var topology, policy, bin, rules string
	c := &cobra.Command{
		Use: "up", Short: "Bring the network up and put the policy into force",
		Long: `Makes a network, or resumes a stopped one with its data, and puts the policy into
force on a new one. Running it again changes nothing. The processes stay when the
command ends; domicile network down stops them.`,
		Example: `  domicile network up
  domicile network up --dir /tmp/net --topology small
  domicile network up --topology my-topology.yaml --policy my-policy.yaml`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if rules != "shipped" && rules != "none" || policy != "" && c.Flags().Changed("rules") {
				return usagef("--rules is shipped or none, and for the shipped policy only; private parts of your own name theirs under labels.rules")
			}
			_, err := a.up(c.Context(), topology, policy, bin, rules == "none")
			return err
		},
	}
	c.Flags().StringVar(&topology, "topology", "", "topology `FILE` of a new network, or default, small or raft")
	c.Flags().StringVar(&policy, "policy", "", "policy `FILE` (default: the demo policy, on a new network)")
	c.Flags().StringVar(&rules, "rules", "shipped", "labelling rules of a new network under the shipped policy: `shipped|none`")
	c.Flags().StringVar(&bin, "bin", "", "`directory` of Fabric's programs (default: that of domicile)")
	return c
}

// up brings the network up, writes the settings and sees to the policy.
func (a *app) up(ctx context.Context, topology, policyFile, bin string, noRules bool) (*network.Network, error) {
	o := network.Options{Dir: a.dir, BinDir: bin, Progress: func(s string) { a.say("%s", s) }}
	known, openErr := network.Open(a.dir)
	switch {
	case openErr == nil && topology == "":
		o.Topology = known.Topology()
	case topology == "":
		o.Topology = network.DefaultTopology()
	default:
		t, err := readTopology(topology)
		if err != nil {
			return nil, err
		}
		o.Topology = t
	}
	b, err := a.bundle(policyFile, o.Topology)
	if err != nil {
		return nil, err
	}
	if noRules {
		unlabelled(b)
	}
	if openErr != nil || policyFile != "" {
		if err := a.decided(b.policy, b.private); err != nil {
			return nil, err
		}
		if err := a.checkPeers(b.policy, o.Topology); err != nil {
			return nil, err
		}
	}
	o.CollectionsConfig, o.EndorsementPolicy = b.policy.Fabric(), b.policy.EndorsementPolicy()
	n, err := network.Up(ctx, o)
	if err != nil {
		var busy *network.BusyError
		if errors.As(err, &busy) {
			return nil, hinted{err, "stop that program, or give the network another --dir"}
		}
		return nil, err
	}
	if err := writeSettings(n); err != nil {
		return nil, err
	}
	if err := a.ensurePolicy(ctx, n, b, policyFile != ""); err != nil {
		return nil, err
	}
	a.say("the network is up in %s", n.Dir())
	return n, nil
}

// readTopology reads a shipped topology by its name, or a file.
func readTopology(name string) (network.Topology, error) {
	if t, ok := network.NamedTopology(name); ok {
		return t, nil
	}
	t, err := network.ReadTopology(name)
	if err != nil {
		return t, usage{err: err, hint: "give default, small, raft or a topology file"}
	}
	return t, nil
}

// checkPeers refuses a policy that cannot work on the topology. (What merely is
// fragile is told by network.Up.)
func (a *app) checkPeers(p *collections.Policy, t network.Topology) error {
	peers := map[string]int{}
	for _, o := range p.Organizations() {
		peers[o] = t.PeersOf(o)
	}
	bad := 0
	for _, f := range collections.PeerCheck(p, peers) {
		if f.Error {
			a.say("%s", f)
			bad++
		}
	}
	if bad > 0 {
		return refused{fmt.Sprintf("the policy does not fit the topology: %d errors", bad), "give the organisations more peers, or change the policy's members"}
	}
	return nil
}

func (a *app) networkDown() *cobra.Command {
	var destroy bool
	c := &cobra.Command{
		Use: "down", Short: "Stop all processes of the network; its data stays",
		Example: "  domicile network down\n  domicile network down --destroy   # and delete everything in it",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			n, err := network.Open(a.dir)
			if errors.Is(err, network.ErrNoNetwork) {
				found, derr := network.Discard(c.Context(), a.dir)
				if derr != nil {
					return derr
				}
				if found {
					a.say("removed what an interrupted start left in %s", a.dir)
					return nil
				}
			}
			if err != nil {
				return err
			}
			if !destroy {
				return n.Down(c.Context())
			}
			return destroyNetwork(c.Context(), n)
		},
	}
	c.Flags().BoolVar(&destroy, "destroy", false, "also delete the network with all its data and keys")
	return c
}

func destroyNetwork(ctx context.Context, n *network.Network) error {
	if err := os.RemoveAll(filepath.Join(n.Dir(), "settings")); err != nil {
		return err
	}
	return n.Destroy(ctx)
}

func (a *app) networkStatus() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show every process of the network",
		Example: "  domicile network status\n  domicile network status --json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			n, err := network.Open(a.dir)
			if err != nil {
				return err
			}
			nodes, err := n.Status(c.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(nodes)
			}
			t := newTable(a.out, "Region", "Org", "Name", "Kind", "State", "PID", "Address", "Height")
			for _, x := range nodes {
				t.AppendRow([]any{x.Region, x.Org, x.Name, x.Kind, x.State, x.PID, x.Address, x.Height})
			}
			t.Render()
			return nil
		},
	}
}

// agreedCollections is the collection configuration of the policy in force; nil,
// which the doctor takes for "not known", when it cannot be read.
func (a *app) agreedCollections(ctx context.Context) []byte {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	p, err := a.policyInForce(ctx)
	if err != nil {
		a.say("warning: the policy in force cannot be read (%v), so collections are not compared with it", err)
		return nil
	}
	return p.Fabric()
}

func (a *app) networkDoctor() *cobra.Command {
	var heal bool
	c := &cobra.Command{
		Use: "doctor", Short: "Look for what is wrong with the network, and heal it",
		Long: `Checks every node's process, channel height, certificates, disk, log level, private data
and transient store, and that the committed collections are those of the policy. Exit status 1 when
something is wrong that keeps the network from working.

--heal starts nodes that ended by themselves, and lets a peer that lost its ledger, or cannot fetch
private data it misses, forget the channel and join it again. It refuses that when no other healthy
peer of the organisation holds a copy.`,
		Example: "  domicile network doctor\n  domicile network doctor --heal\n  domicile network doctor --json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			n, err := network.Open(a.dir)
			if err != nil {
				return err
			}
			if heal {
				if err := a.heal(c.Context(), n); err != nil {
					return err
				}
			}
			report := n.Doctor(c.Context(), a.agreedCollections(c.Context()))
			if a.json {
				if err := a.printJSON(report); err != nil {
					return err
				}
			} else {
				t := newTable(a.out, "Severity", "Node", "Check", "Finding")
				for _, f := range report.Findings {
					t.AppendRow([]any{f.Severity, f.Node, f.Check, f.Message})
				}
				t.Render()
			}
			if report.Worst() == network.Error {
				return refused{"the doctor found errors", ""}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&heal, "heal", false, "first repair what can be repaired")
	return c
}

func (a *app) heal(ctx context.Context, n *network.Network) error {
	done, err := n.Heal(ctx)
	for _, d := range done {
		a.say("%s: %s", d.Node, d.Did)
	}
	if errors.Is(err, network.ErrNoHealthyCopy) {
		return refused{err.Error(), "docs/operations.md says how to bring a holder's last copy back"}
	}
	if err == nil && len(done) == 0 {
		a.say("there was nothing to heal")
	}
	return err
}

func (a *app) networkBackup() *cobra.Command {
	c := &cobra.Command{
		Use: "backup PEER FOLDER", Short: "Copy a peer's data while it is stopped",
		Long: `Stops the peer, copies its data to a new folder and starts it again. The copy holds private
data in clear, also of records that are purged later: keep it like the peer, and not for ever.`,
		Example: "  domicile network backup peer2.EuHospital /backup/peer2.EuHospital",
		Args:    cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := network.Open(a.dir)
			if err != nil {
				return err
			}
			return n.Backup(c.Context(), args[0], args[1])
		},
	}
	return c
}

// restoreError makes a backup that the peer may not have, or a copy that it must not give
// up, a refusal.
func restoreError(err error) error {
	switch {
	case errors.Is(err, network.ErrBackup):
		return refused{err.Error(), "name a folder that domicile network backup wrote, of a peer of the same organisation"}
	case errors.Is(err, network.ErrNoHealthyCopy):
		return refused{err.Error(), "domicile network doctor says what is wrong with the others"}
	}
	return err
}

func (a *app) networkRestore() *cobra.Command {
	var execute bool
	c := &cobra.Command{
		Use: "restore PEER FOLDER", Short: "Replace a peer's data by a backup, purged again before it serves",
		Long: `Puts a backup in the place of the peer's data. The peer first runs where no client and no
other peer finds it, until it has every block and so has purged again what was purged since the
backup; then its files are scrubbed, and only then it serves. Without --execute it only says so.`,
		Example: "  domicile network restore peer2.EuHospital /backup/peer2.EuHospital --execute",
		Args:    cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := network.Open(a.dir)
			if err != nil {
				return err
			}
			if err := n.CheckRestore(args[0], args[1]); err != nil {
				return restoreError(err)
			}
			if !execute {
				a.say("%s would be stopped, its data deleted and replaced by %s. --execute does it.", args[0], args[1])
				return nil
			}
			return restoreError(n.Restore(c.Context(), args[0], args[1]))
		},
	}
	c.Flags().BoolVar(&execute, "execute", false, "do it, rather than say what would be done")
	return c
}
