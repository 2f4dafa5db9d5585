package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"domicile/erasure"
	"domicile/network"
)

// scrubFlags say what purge scrub works on.
type scrubFlags struct {
	region, org string
	execute     bool
	hook, state string
	peers       []string
}

func (a *app) purgeScrub() *cobra.Command {
	var o scrubFlags
	c := &cobra.Command{
		Use: "scrub --region REGION", Short: "Remove the bytes of purged records from the peers' disks",
		Long: `Takes the organisation's peers out of service one after another, compacts every database
that held private data, trims the file system's free blocks where it lets us, starts the
chaincode server anew and the peer, and goes on when it serves again at height. The last healthy
peer is never stopped. An interrupted run is continued by running the same command again.

Without --execute it only says what it would do. Without --org, on the local network, it works on all
organisations of the region, one after another; elsewhere an operator scrubs the own peers with
--hook PROGRAM and --peer NAME=DIRECTORY (peer.fileSystemPath) for each. PROGRAM is run as

  PROGRAM height PEER    print the peer's block height; exit status 0 only if it is healthy
  PROGRAM stop PEER      drain and stop the peer, return when its process is gone
  PROGRAM start PEER     restart the chaincode server, start the peer, return when it serves

Backups, snapshots of volumes, swap and core dumps are not touched.`,
		Example: `  domicile purge scrub --region eu --org EuHospital             # what would be done
  domicile purge scrub --region eu --org EuHospital --execute
  domicile purge scrub --region eu --org EuHospital --hook ./hook.sh --state scrub.json \
      --peer peer0=/var/hyperledger/production --execute`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.scrub(c.Context(), o) },
	}
	regionFlag(c, &o.region, true)
	f := c.Flags()
	f.StringVar(&o.org, "org", "", "`organisation` whose peers are scrubbed")
	f.BoolVar(&o.execute, "execute", false, "do it, rather than say what would be done")
	f.StringVar(&o.hook, "hook", "", "`program` that drives the peers' processes (default: the local network)")
	f.StringVar(&o.state, "state", "", "`file` for the progress of a run with --hook")
	f.StringArrayVar(&o.peers, "peer", nil, "a peer and its data directory, `NAME=DIR`, with --hook")
	return c
}

// scrubbing is one organisation's peers and how to drive them.
type scrubbing struct {
	org   string
	op    erasure.Operator
	state string
}

func (a *app) scrub(ctx context.Context, o scrubFlags) error {
	jobs, err := a.scrubbings(o)
	if err != nil {
		return err
	}
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
	healthy := 0
	for _, p := range peers {
		state := "healthy"
		if h, err := j.op.Height(ctx, p.Name); err != nil {
			state = "NOT healthy: " + err.Error()
		} else {
			healthy++
			state += ", height " + strconv.FormatUint(h, 10)
		}
		a.say("%s %s: would be stopped, compacted and started (%s)", j.org, p.Name, state)
	}
	if healthy < 2 {
		a.say("warning: %s has %d healthy peers; the last healthy one is never stopped, so the run would end there", j.org, healthy)
	}
	return nil
}

func (a *app) scrubbings(o scrubFlags) ([]scrubbing, error) {
	if o.hook != "" {
		return hookScrubbing(o)
	}
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
			out = append(out, scrubbing{org.Name, op, n.ScrubState(org.Name)})
		}
	}
	if len(out) == 0 {
		return nil, usagef("no organisation %s in region %s of this network", o.org, o.region)
	}
	return out, nil
}

func hookScrubbing(o scrubFlags) ([]scrubbing, error) {
	if o.org == "" || o.state == "" || len(o.peers) == 0 {
		return nil, usage{errors.New("--hook needs --org, --state and --peer"), "name the organisation, a file for the progress, and each peer as NAME=DIR"}
	}
	h := hook{program: o.hook}
	for _, p := range o.peers {
		name, dir, ok := strings.Cut(p, "=")
		if !ok || name == "" || dir == "" {
			return nil, usagef("--peer %s is not NAME=DIR", p)
		}
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return nil, usagef("--peer %s: %s is no directory", name, dir)
		}
		h.peers = append(h.peers, erasure.ScrubPeer{Name: name, DataDir: filepath.Clean(dir)})
	}
	return []scrubbing{{o.org, h, o.state}}, nil
}

// hook drives peers with a program of the operator's: systemctl, kubectl, whatever
// runs them.
type hook struct {
	program string
	peers   []erasure.ScrubPeer
}

func (h hook) Peers(context.Context) ([]erasure.ScrubPeer, error) { return h.peers, nil }

func (h hook) Height(ctx context.Context, peer string) (uint64, error) {
	out, err := h.run(ctx, "height", peer)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(out)), 10, 64)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%s height %s printed no block height", h.program, peer)
	}
	return n, nil
}

func (h hook) Stop(ctx context.Context, peer string) error {
	_, err := h.run(ctx, "stop", peer)
	return err
}

func (h hook) Start(ctx context.Context, peer string) error {
	_, err := h.run(ctx, "start", peer)
	return err
}

func (h hook) run(ctx context.Context, verb, peer string) ([]byte, error) {
	var out, words bytes.Buffer
	c := exec.CommandContext(ctx, h.program, verb, peer)
	c.Stdout, c.Stderr = &out, &words
	if err := c.Run(); err != nil {
		return nil, fmt.Errorf("%s %s %s: %w: %s", h.program, verb, peer, err, strings.TrimSpace(words.String()))
	}
	return out.Bytes(), nil
}
