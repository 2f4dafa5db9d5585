package fault

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"domicile/chaincode/record"
	"domicile/erasure"
	"domicile/network"
)

// TestT25_APeerIsAwayDuringPutsAndPurges stops a member peer, puts and purges, and lets
// it come back: as it was, or with nothing, as a new peer that joins. It waits for
// nothing that is gone, and nothing comes back: other peers give it no bytes of what they
// have purged. What another peer began to push to it while it was away may still arrive
// (see docs/operations.md); after a scrub no member peer has salt or words of a purged
// record in any file.
func TestT25_APeerIsAwayDuringPutsAndPurges(t *testing.T) {
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
		log := c.node(ctx, t, away).LogFile
		from, err := os.Stat(log)
		c.must(t, err)
		c.mustDo(t, c.domicile(ctx, "network", "up"))
		c.judge(ctx, t, round, usA)
		c.noStall(t, log, from.Size())
		if empty {
			c.onlyPushed(ctx, t, away, due, before)
		}
	}
	c.settleTransient(ctx, t)
	c.scrub(ctx, t, usA.org)
	for _, p := range members {
		for _, f := range c.traces(ctx, t, p.Name, secrets) {
			t.Errorf("%s was scrubbed and has bytes of what was purged: %s %s %s", p.Name, f.Path, f.Form, f.Pattern)
		}
		if n := len(c.traces(ctx, t, p.Name, kept)); n == 0 {
			t.Errorf("%s: the search finds nothing of the records that are kept, so it proves nothing", p.Name)
		}
	}
}

// gaveUp is what a peer logs when it commits a block without private data that it should
// have (gossip/privdata/pvtdataprovider.go), after peer.gossip.pvtData.pullRetryThreshold.
const gaveUp = "Will commit block with missing private write sets"

// noStall wants the peer to have waited in vain for no block's private data.
func (c *cluster) noStall(t *testing.T, log string, from int64) {
	t.Helper()
	b, err := os.ReadFile(log)
	c.must(t, err)
	if n := strings.Count(string(b[from:]), gaveUp); n != 0 {
		t.Errorf("%s: %d blocks waited for private data that never came", log, n)
	}
}

// onlyPushed wants a peer that came back with nothing to have no bytes of purged records
// but of such as were pushed to it: put while it was away, and in its transient store.
func (c *cluster) onlyPushed(ctx context.Context, t *testing.T, peer string, due []erasure.Pattern, before []*job) {
	t.Helper()
	pushed := map[string]bool{}
	found := c.traces(ctx, t, peer, due)
	for _, f := range found {
		if strings.Contains(f.Path, "/transientstore/") {
			pushed[f.Pattern] = true
		}
	}
	for _, f := range found {
		_, id, _ := strings.Cut(f.Pattern, " ")
		if !pushed[f.Pattern] || slices.Contains(idsOf(before), id) {
			t.Errorf("%s came back with nothing and was given bytes of what was purged: %s %s %s", peer, f.Path, f.Form, f.Pattern)
		}
	}
	t.Logf("%s came back with nothing; pushes that came late brought %d salts and words of purged records", peer, len(pushed))
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

// traces searches a peer's files, its log included.
func (c *cluster) traces(ctx context.Context, t *testing.T, peer string, what []erasure.Pattern) []erasure.Finding {
	t.Helper()
	r, err := erasure.Scan(ctx, erasure.Options{Roots: []string{filepath.Dir(c.dataDir(ctx, t, peer))}, Patterns: what})
	c.must(t, err)
	return r.Findings
}
