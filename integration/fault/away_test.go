package fault

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"domicile/chaincode/record"
	"domicile/erasure"
	"domicile/internal/cli"
	"domicile/network"
)

// TestAPeerIsAwayDuringAPurge stops a member peer, puts and purges, and lets it come
// back: as it was, or with nothing, as a new peer that joins. Neither brings anything
// back, and after a scrub no member peer has salt or words of a purged record in any
// file.
func TestAPeerIsAwayDuringAPurge(t *testing.T) {
	ctx := patience(t, 2*time.Minute)
	d := dice(t)
	c := start(ctx, t, topologyThree)
	members := c.peersOf(usA.org)
	var secrets, kept []erasure.Pattern // of all rounds
	for round := range *rounds {
		away, empty := members[d.IntN(len(members))].Name, round%2 == 1
		before, meanwhile := jobs(usA, 9), jobs(usA, 9)
		c.mustPut(ctx, t, before)
		c.must(t, c.StopNode(ctx, away))
		c.mustPut(ctx, t, meanwhile)
		due, rest := c.secrets(ctx, t, slices.Concat(before, meanwhile))
		secrets, kept = append(secrets, due...), append(kept, rest...)
		c.purgeAll(ctx, t, usA)
		if empty {
			c.must(t, os.RemoveAll(c.dataDir(ctx, t, away)))
		}
		if a := c.domicile(ctx, "network", "up"); a.status != cli.ExitDone {
			t.Fatalf("network up: status %d\n%s", a.status, a.words)
		}
		c.judge(ctx, t, round, usA)
		// An endorser goes on pushing private data for as long as it waits for an
		// acknowledgement (peer.gossip.pvtData.pushAckTimeout, 10 s): a peer that comes
		// back that soon may get bytes of what is purged by then. Its state has nothing
		// of them, as judged above; its files have, until they are scrubbed.
		t.Logf("round %d: %s came back, new: %t, with %d traces before the scrub", round+1, away, empty, c.findings(ctx, t, away, due))
	}
	c.settleTransient(ctx, t)
	c.scrub(ctx, t, usA.org)
	for _, p := range members {
		if n := c.findings(ctx, t, p.Name, secrets); n != 0 {
			t.Errorf("%s was scrubbed, and has %d traces of purged records", p.Name, n)
		}
		if n := c.findings(ctx, t, p.Name, kept); n == 0 {
			t.Errorf("%s: the search finds nothing of the records that are kept, so it proves nothing", p.Name)
		}
	}
}

// settleTransient brings as many blocks as transient stores keep what never reached a
// block, twice (peer.gossip.pvtData.transientstoreMaxBlockRetention, 10 here): only what
// they have let go of can be scrubbed. `purge serve` does it with its heartbeats.
func (c *cluster) settleTransient(ctx context.Context, t *testing.T) {
	t.Helper()
	client, err := c.client(ctx, usA.org, record.RolePurger, "")
	c.must(t, err)
	for first := uint64(0); ; {
		r, err := client.Heartbeat(ctx)
		c.must(t, err)
		if first == 0 {
			first = r.Block
		}
		if r.Block > first+20 {
			return
		}
	}
}

// secrets are the salts and words of the records that are due, and the words of those
// that are kept.
func (c *cluster) secrets(ctx context.Context, t *testing.T, list []*job) (due, kept []erasure.Pattern) {
	t.Helper()
	for _, j := range list {
		word := erasure.Pattern{Name: "word " + j.id, Bytes: []byte(j.name)}
		if !j.erasable {
			kept = append(kept, word)
			continue
		}
		client, err := c.client(ctx, j.org, record.RoleReader, "")
		c.must(t, err)
		r, err := client.Get(ctx, j.id)
		c.must(t, err)
		due = append(due, word, erasure.Pattern{Name: "salt " + j.id, Bytes: r.Salt})
	}
	return due, kept
}

func (c *cluster) node(ctx context.Context, t *testing.T, name string) network.Node {
	t.Helper()
	nodes, err := c.Status(ctx)
	c.must(t, err)
	i := slices.IndexFunc(nodes, func(x network.Node) bool { return x.Name == name })
	if i < 0 {
		t.Fatalf("no node %s", name)
	}
	return nodes[i]
}

func (c *cluster) dataDir(ctx context.Context, t *testing.T, peer string) string {
	t.Helper()
	return c.node(ctx, t, peer).DataDir
}

// findings searches a peer's files, its log included.
func (c *cluster) findings(ctx context.Context, t *testing.T, peer string, what []erasure.Pattern) int {
	t.Helper()
	r, err := erasure.Scan(ctx, erasure.Options{Roots: []string{filepath.Dir(c.dataDir(ctx, t, peer))}, Patterns: what})
	c.must(t, err)
	return len(r.Findings)
}
