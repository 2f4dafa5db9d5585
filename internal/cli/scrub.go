package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"domicile/chaincode/record"
	"domicile/erasure"
	"domicile/network"
)

// scrubFlags say what purge scrub works on.
type scrubFlags struct {
	region, org string
	execute     bool
	hook, state string
	peers       []string
	patience    time.Duration
}

func (a *app) purgeScrub() *cobra.Command {
	var o scrubFlags
	c := &cobra.Command{
		Use: "scrub --region REGION", Short: "Remove the bytes of purged records from the peers' disks",
		Long: `Takes the organisation's peers out of service one after another, compacts every database
that held private data, trims the file system's free blocks where it lets us, starts the
chaincode server anew and the peer, and goes on when it serves again at the height of the channel.
Before it stops a peer, the peer must have swept all that was purged until now, as its private data
store says; on an idle channel it sends heartbeats for that. The last healthy peer is never stopped:
another one must serve, have all blocks, and miss no private data that this one has. An
interrupted run is continued by running the same command again.

Without --execute it only says what it would do. Without --org, on the local network, it works on all
organisations of the region, one after another; elsewhere an operator scrubs the own peers with
--hook PROGRAM and --peer NAME=DIRECTORY (peer.fileSystemPath) for each peer on this machine, --peer
NAME for each one elsewhere: it counts as healthy when it is, and is scrubbed there, not at the same
time. PROGRAM is run as

  PROGRAM stop PEER      drain and stop the peer, return when its process is gone
  PROGRAM start PEER     restart the chaincode server, start the peer, return when it serves
  PROGRAM height PEER    print the peer's block height; exit status 0 only if it is healthy

With --settings of a purger the peers named there are asked for their height themselves, peers of
other organisations too, and heartbeats can be sent. Backups, snapshots of volumes, swap and core dumps are not touched.`,
		Example: `  domicile purge scrub --region eu --org EuHospital             # what would be done
  domicile purge scrub --region eu --org EuHospital --execute
  domicile purge scrub --settings purger.yaml --region eu --org EuHospital --hook ./hook.sh --state scrub.json \
      --peer peer0.EuHospital=/var/hyperledger/production --peer peer1.EuHospital --execute`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.scrub(c.Context(), o) },
	}
	regionFlag(c, &o.region, true)
	f := c.Flags()
	f.StringVar(&o.org, "org", "", "`organisation` whose peers are scrubbed")
	f.BoolVar(&o.execute, "execute", false, "do it, rather than say what would be done")
	f.DurationVar(&o.patience, "patience", 30*time.Second, "how long a peer may take to sweep, and others to catch up")
	f.StringVar(&o.hook, "hook", "", "`program` that drives the peers' processes (default: the local network)")
	f.StringVar(&o.state, "state", "", "`file` for the progress of a run with --hook")
	f.StringArrayVar(&o.peers, "peer", nil, "a peer and its data directory, `NAME=DIR`, or NAME of one on another machine, with --hook")
	return c
}

// scrubbing is one organisation's peers and how to drive them.
type scrubbing struct {
	org     string
	op      erasure.Operator
	state   string
	channel string
	// heartbeat is nil where no client certificate is at hand.
	heartbeat func(context.Context) error
}

func (a *app) scrub(ctx context.Context, o scrubFlags) error {
	jobs, done, err := a.scrubbings(ctx, o)
	if err != nil {
		return err
	}
	defer done()
	out := map[string][]erasure.Scrubbed{}
	for _, j := range jobs {
		if !o.execute {
			if err := a.planScrub(ctx, j); err != nil {
				return err
			}
			continue
		}
		done, err := erasure.Scrub(ctx, j.op, erasure.ScrubOptions{
			State: j.state, Now: time.Now, Progress: func(s string) { a.say("%s", s) },
			Channel: j.channel, Heartbeat: j.heartbeat, Patience: o.patience,
		})
		out[j.org] = done
		if err != nil {
			err = scrubError(err)
			if a.json {
				err = errors.Join(a.printJSON(out), err)
			}
			return err
		}
	}
	if !o.execute {
		a.say("Nothing was stopped. --execute does it.")
		return nil
	}
	if a.json {
		return a.printJSON(out)
	}
	for _, j := range jobs {
		for _, p := range out[j.org] {
			a.say("%s: had swept all purges at %d blocks; stopped in %.1f s, compacted in %.1f s, back in %.1f s",
				p.Peer, p.From, p.Took.Stop, p.Took.Compact, p.Took.Start)
		}
	}
	t := newTable(a.out, "Organisation", "Peer", "Database", "Before", "After", "Height", "Free blocks")
	for _, j := range jobs {
		for _, p := range out[j.org] {
			for _, s := range p.Stores {
				t.AppendRow([]any{j.org, p.Peer, s.Dir, size(s.Before), size(s.After), p.Height, p.Trim})
			}
		}
	}
	t.Render()
	return nil
}

func scrubError(err error) error {
	if errors.Is(err, erasure.ErrLastHealthy) {
		return refused{err.Error(), "heal or start another of the organisation's peers; domicile network doctor says what is wrong with them"}
	}
	if errors.Is(err, erasure.ErrNotSwept) {
		return refused{err.Error(), "let blocks come: run it with --settings of a purger, who can send heartbeats, or have domicile purge serve running; then run the same command again"}
	}
	if errors.Is(err, erasure.ErrScrubbing) {
		return refused{err.Error(), "wait until the other run has ended"}
	}
	return hinted{err, "run the same command again: it goes on where it stopped"}
}

func (a *app) planScrub(ctx context.Context, j scrubbing) error {
	peers, err := j.op.Peers(ctx)
	if err != nil {
		return err
	}
	standing, err := j.op.Standing(ctx)
	if err != nil {
		return err
	}
	healthy := 0
	for _, p := range peers {
		state := "NOT healthy"
		if h, ok := standing.Peers[p.Name]; ok && h >= standing.Channel {
			healthy++
			state = "healthy, height " + strconv.FormatUint(h, 10)
		} else if ok {
			state += fmt.Sprintf(": height %d of %d", h, standing.Channel)
		} else if err := standing.Unwell[p.Name]; err != nil {
			state += ": " + err.Error()
		}
		if p.DataDir == "" {
			a.say("%s %s: is on another machine (%s)", j.org, p.Name, state)
			continue
		}
		store, err := erasure.ReadPrivateStore(ctx, p.DataDir, j.channel)
		switch {
		case err != nil:
			state += "; its private data store cannot be read: " + err.Error()
		case store.Unswept > 0:
			state += fmt.Sprintf("; %d purged keys wait for a sweep", store.Unswept)
		}
		if store.Missing > 0 {
			state += fmt.Sprintf("; %d private write sets not received", store.Missing)
		}
		a.say("%s %s: would be stopped, compacted and started (%s)", j.org, p.Name, state)
	}
	if healthy < 2 {
		a.say("warning: %s has %d healthy peers; the last healthy one is never stopped, so the run would end there", j.org, healthy)
	}
	return nil
}

// scrubbings are what a command works on. The caller calls done.
func (a *app) scrubbings(ctx context.Context, o scrubFlags) (jobs []scrubbing, done func(), err error) {
	if o.hook != "" {
		return a.hookScrubbing(ctx, o)
	}
	jobs, err = a.localScrubbings(o)
	return jobs, func() {}, err
}

func (a *app) localScrubbings(o scrubFlags) ([]scrubbing, error) {
	if len(o.peers) > 0 || o.state != "" {
		return nil, usagef("--peer and --state go with --hook")
	}
	n, err := network.Open(a.dir)
	if err != nil {
		return nil, hinted{err, "name the network's directory with --dir, or drive the peers with --hook"}
	}
	var out []scrubbing
	for _, r := range n.Topology().Regions {
		if r.Name != o.region {
			continue
		}
		for _, org := range r.Organizations {
			if o.org != "" && org.Name != o.org {
				continue
			}
			op, err := n.Operator(org.Name)
			if err != nil {
				return nil, err
			}
			out = append(out, scrubbing{org.Name, op, n.ScrubState(org.Name), network.Channel, func(ctx context.Context) error {
				client, err := a.connect(ctx, where{o.region, org.Name, record.RolePurger})
				if err != nil {
					return err
				}
				defer client.Close()
				_, err = client.Heartbeat(ctx)
				return err
			}})
		}
	}
	if len(out) == 0 {
		return nil, usagef("no organisation %s in region %s of this network", o.org, o.region)
	}
	return out, nil
}
