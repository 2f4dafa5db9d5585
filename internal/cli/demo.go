package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"domicile/chaincode/record"
	"domicile/collections"
	"domicile/gateway"
	"domicile/network"
	"domicile/purge"
)

// demoFlags say what the demonstration does.
type demoFlags struct {
	data, bin string
	entries   int
	seed      uint64
	rows      int
	keep      bool
}

func (a *app) demoCommand() *cobra.Command {
	var o demoFlags
	c := &cobra.Command{
		Use: "demo", Short: "Show the whole life of a record on a real network",
		Long: `Brings a network up if none runs, puts Bundles in one region and a record in each of the
others, labels them by the shipped rules, says why one is labelled and how long it is kept, has
a hold released by another person, has every region verify the hashes, shows that no other region can read them,
purges what is due, publishes the tombstones, and searches every node's disk for the bytes,
before and after. Then it scrubs the peers of one holder, has its operator search them and sign, and
collects a certificate of destruction. Ends with a table of evidence on standard output.

The network that it started is stopped at the end, unless --keep. A file given with --data
is put as it is: use made-up data only.`,
		Example: `  domicile demo
  domicile demo --data bundle.json --keep
  domicile demo --entries 1000 --json > evidence.json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.demo(c.Context(), o) },
	}
	f := c.Flags()
	f.StringVar(&o.data, "data", "", "`FILE` to put (default: a generated Bundle)")
	f.IntVar(&o.entries, "entries", 200, "`number` of entries of the generated Bundle")
	f.Uint64Var(&o.seed, "seed", 0, "`number` that chooses the generated content (default: another each time)")
	f.IntVar(&o.rows, "rows", 8, "follow this `number` of the region's records one by one")
	f.BoolVar(&o.keep, "keep", false, "leave the network running")
	f.StringVar(&o.bin, "bin", "", "`directory` of Fabric's programs (default: that of domicile)")
	return c
}

// demo is one run of the demonstration.
type demo struct {
	*app
	demoFlags
	n       *network.Network
	policy  *collections.Policy
	home    string   // the region that gets the Bundle
	regions []string // all, the home first
	clients map[string]*gateway.Client
	started time.Time
	imports int

	followed []*followed       // shown one by one
	hashes   map[string]string // of all records of the Bundle, by id
	evidence evidence
}

func (a *app) demo(ctx context.Context, o demoFlags) (err error) {
	own := *a
	own.as, own.settings = "", "" // the demonstration acts as several users
	d := &demo{app: &own, demoFlags: o, clients: map[string]*gateway.Client{}, hashes: map[string]string{}, started: time.Now()}
	defer func() {
		for _, c := range d.clients {
			c.Close()
		}
	}()
	stop, err := d.network(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	steps := []struct {
		name string
		run  func(context.Context) error
	}{
		{"putting records", d.put},
		{"saying why a record is labelled and kept", d.explain},
		{"verifying the hashes from every region", d.verify},
		{"asking for the records from other regions", d.trespass},
		{"searching every node's disk for the bytes", d.scanBefore},
		{"purging what is due", d.purge},
		{"reading the proofs", d.prove},
		{"searching every node's disk again", d.scanAfter},
		{"erasing one holder's disks, and proving what can be proved", d.erase},
		{"releasing the hold", d.release},
	}
	for i, s := range steps {
		d.say("[%d/%d] %s", i+1, len(steps), s.name)
		start := time.Now()
		if err := s.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		d.evidence.Steps = append(d.evidence.Steps, stepTime{s.name, time.Since(start).Seconds()})
	}
	return d.show()
}

// network brings the network up, if it is not, and returns what stops it again.
func (d *demo) network(ctx context.Context) (stop func() error, err error) {
	running, err := runs(ctx, d.dir)
	if err != nil {
		return nil, err
	}
	stop = func() error { return nil }
	if d.n, err = d.up(ctx, "", "", d.bin, false); err != nil {
		return nil, err
	}
	if !running && !d.keep {
		stop = func() error {
			d.say("stopping the network; its data stays in %s", d.n.Dir())
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
			defer cancel()
			return d.n.Down(ctx)
		}
	}
	if !running {
		if err := d.labelByRules(ctx); err != nil {
			return nil, errors.Join(err, stop())
		}
	}
	d.evidence.UpSeconds = time.Since(d.started).Seconds()
	c, err := d.client(ctx, d.n.Topology().Regions[0].Name, record.RoleReader)
	if err == nil {
		d.policy, err = c.Policy(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, stop())
	}
	for _, r := range d.n.Topology().Regions {
		d.regions = append(d.regions, r.Name)
	}
	d.home = d.regions[0]
	d.evidence.Demo = d.policy.IsDemo()
	return stop, nil
}

// runs reports whether a network with all of its nodes runs in dir.
func runs(ctx context.Context, dir string) (bool, error) {
	n, err := network.Open(dir)
	if errors.Is(err, network.ErrNoNetwork) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	nodes, err := n.Status(ctx)
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(nodes, func(x network.Node) bool { return x.PID == 0 }), nil
}

// client returns a client of a region's first organisation in a role.
func (d *demo) client(ctx context.Context, region, role string) (*gateway.Client, error) {
	key := role + "@" + region
	if c, ok := d.clients[key]; ok {
		return c, nil
	}
	c, err := d.connect(ctx, where{region: region, role: role})
	if err == nil {
		d.clients[key] = c
	}
	return c, err
}

// verify has every region compare hash with its own state.
func (d *demo) verify(ctx context.Context) error {
	for _, region := range d.regions {
		c, err := d.client(ctx, region, record.RoleReader)
		if err != nil {
			return err
		}
		for _, f := range d.followed {
			v, err := c.Verify(ctx, f.ID, record.Hash(f.salt, f.body), gateway.From(region))
			if err != nil {
				return err
			}
			if v.Match && v.State == record.StateActive {
				f.VerifiedFrom = append(f.VerifiedFrom, region)
			}
		}
		n, err := d.anchored(ctx, c, region)
		if err != nil {
			return err
		}
		d.say("  %s: %d of %d anchors of the Bundle carry the hash of the record put", region, n, len(d.hashes))
		d.evidence.Anchors = append(d.evidence.Anchors, regionCount{region, n})
	}
	return nil
}

// anchored counts the records of the Bundle whose anchor, as one region sees it, is
// the hash that the put returned.
func (d *demo) anchored(ctx context.Context, c *gateway.Client, region string) (int, error) {
	ids := make([]string, 0, len(d.hashes))
	for id := range d.hashes {
		ids = append(ids, id)
	}
	proofs, err := c.Proof(ctx, ids, gateway.From(region))
	if err != nil {
		return 0, err
	}
	n := 0
	for _, p := range proofs {
		if p.Hash == d.hashes[p.ID] && p.State == record.StateActive {
			n++
		}
	}
	return n, nil
}

// trespass tries to read each followed record as the readers of the other regions.
func (d *demo) trespass(ctx context.Context) error {
	for _, f := range d.followed {
		for _, region := range d.regions {
			if region == f.Region {
				continue
			}
			c, err := d.client(ctx, region, record.RoleReader)
			if err != nil {
				return err
			}
			_, err = c.Get(ctx, f.ID)
			switch record.CodeOf(err) {
			case record.CodeAbsent, record.CodeForbidden, record.CodeWrongPeer:
				f.RefusedIn = append(f.RefusedIn, region)
			case "":
				if err == nil {
					return refused{fmt.Sprintf("RESIDENCY BROKEN: %s can read %s of %s", region, f.ID, f.Region), ""}
				}
				return err
			default:
				return err
			}
		}
	}
	d.say("  no reader of another region got any of %d records", len(d.followed))
	return nil
}

// purge plans and purges in every region.
func (d *demo) purge(ctx context.Context) error {
	for _, region := range d.regions {
		c, err := d.client(ctx, region, record.RolePurger)
		if err != nil {
			return err
		}
		names, err := c.Collections(ctx)
		if err != nil {
			return err
		}
		l := newLedger(c)
		plan, err := purge.MakePlan(ctx, l, purge.PlanOptions{Collections: names, Before: today()})
		if err != nil {
			return err
		}
		d.say("  %s: %d due, %d held", region, plan.Totals.DueNow, plan.Totals.Held)
		b := d.progress(plan.Totals.DueNow, "purging in "+region)
		done := 0
		result, err := purge.Run(ctx, l, purge.Options{
			Collections: names, Before: today(),
			Progress: func(e purge.Event) {
				if e.Kind == purge.EventPurged {
					done++
					b.set(done, plan.Totals.DueNow)
					d.evidence.authority(e.Authority)
				}
			},
		})
		b.finish()
		if err != nil {
			return err
		}
		d.evidence.Purges = append(d.evidence.Purges, regionPurge{region, result})
		d.say("  %s: %d purged, %d tombstones signed by at least two regions", region, result.Purged, result.Tombstoned)
	}
	return nil
}

// prove reads the public state of each followed record from a region that never
// held it, and sees that the holder itself cannot read a purged one any more.
func (d *demo) prove(ctx context.Context) error {
	for _, f := range d.followed {
		other := d.regions[(slices.Index(d.regions, f.Region)+1)%len(d.regions)]
		c, err := d.client(ctx, other, record.RoleReader)
		if err != nil {
			return err
		}
		proofs, err := c.Proof(ctx, []string{f.ID}, gateway.From(other))
		if err != nil {
			return err
		}
		f.State, f.PurgedAt = proofs[0].State, proofs[0].PurgedAt
		if f.State != record.StatePurged {
			continue
		}
		home, err := d.client(ctx, f.Region, record.RoleReader)
		if err != nil {
			return err
		}
		if _, err := home.Get(ctx, f.ID); record.CodeOf(err) != record.CodeGone {
			return fmt.Errorf("the holder's answer for %s after the purge is not GONE: %w", f.ID, err)
		}
	}
	return nil
}
