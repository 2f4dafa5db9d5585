package fault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"domicile/chaincode/record"
	"domicile/gateway"
	"domicile/integration/kit"
	"domicile/internal/cli"
	"domicile/network"
)

// judge ends a round: it heals the network, finishes what was begun, and checks the
// history against what every peer of the holders, asked by itself, says of the round's
// records; after the last round, of all.
func (c *cluster) judge(ctx context.Context, t *testing.T, round int, h home) Final {
	t.Helper()
	began := time.Now()
	c.heal(ctx, t)
	c.resume(ctx, t)
	c.purgeAll(ctx, t, h)
	if round == *rounds-1 {
		c.mark = 0
	}
	_, ids := c.history.Since(c.mark)
	f, err := c.look(ctx, h, ids)
	if err != nil {
		t.Fatal(err)
	}
	ops, _ := c.history.Since(c.mark) // with the reads
	c.mark = len(c.history.Ops())
	for _, v := range Check(ops, f) {
		t.Error(v)
	}
	counts := map[Outcome]int{}
	for _, op := range ops {
		if op.Kind != Read {
			counts[op.Outcome]++
		}
	}
	t.Logf("judged in %.1f s: %d records, %d operations ok, %d refused, %d open",
		time.Since(began).Seconds(), len(ids), counts[OK], counts[Fail], counts[Unknown])
	return f
}

// purgeAll runs purges to their end.
func (c *cluster) purgeAll(ctx context.Context, t *testing.T, h home) {
	t.Helper()
	var a answer
	err := kit.Eventually(ctx, func() error {
		a = c.domicile(ctx, "purge", "run", "--region", h.region, "--org", h.org, "--execute")
		c.noteEvents(a.out)
		if a.status != cli.ExitDone {
			return fmt.Errorf("purge run: status %d\n%s", a.status, a.words)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// look asks every peer by itself, once all are at one height.
func (c *cluster) look(ctx context.Context, h home, ids []string) (Final, error) {
	holders := c.peersOf(h.org)
	f := Final{Heights: map[string]uint64{}, Inside: map[string]map[string]Inside{}, Public: map[string]map[string]Public{}}
	if err := kit.Eventually(ctx, func() error { return c.level(ctx, &f) }); err != nil {
		return f, err
	}
	var err error
	for _, p := range holders {
		if f.Inside[p.Name], err = c.inside(ctx, h, p, ids); err != nil {
			return f, fmt.Errorf("%s: %w", p.Name, err)
		}
	}
	hashes := map[string]string{}
	for id, in := range f.Inside[holders[0].Name] {
		hashes[id] = in.Hash
	}
	for _, p := range c.peersOf() {
		if f.Public[p.Name], err = c.public(ctx, h, p, ids, hashes); err != nil {
			return f, fmt.Errorf("%s: %w", p.Name, err)
		}
	}
	return f, nil
}

// mustBeLevel waits until all peers are at one height.
func (c *cluster) mustBeLevel(ctx context.Context, t *testing.T) {
	t.Helper()
	c.must(t, kit.Eventually(ctx, func() error { return c.level(ctx, &Final{Heights: map[string]uint64{}}) }))
}

// level reads the heights and wants them equal.
func (c *cluster) level(ctx context.Context, f *Final) error {
	nodes, err := c.Status(ctx)
	if err != nil {
		return err
	}
	heights := map[uint64]bool{}
	for _, x := range nodes {
		if x.Kind != network.KindPeer {
			continue
		}
		if x.State != network.StateRunning {
			return fmt.Errorf("%s is %s", x.Name, x.State)
		}
		f.Heights[x.Name] = x.Height
		heights[x.Height] = true
	}
	if len(heights) != 1 {
		return fmt.Errorf("peers stay at different heights: %v", f.Heights)
	}
	return nil
}

// settling bounds how long a peer may take to fetch private data that it misses.
const settling = 3 * time.Minute

// inside asks one peer of a holder.
func (c *cluster) inside(ctx context.Context, h home, p network.PeerEndpoint, ids []string) (map[string]Inside, error) {
	client, err := c.client(ctx, p.Org, record.RoleOfficer, p.Name)
	if err != nil {
		return nil, err
	}
	var states []record.State
	limited, cancel := context.WithTimeout(ctx, settling)
	defer cancel()
	err = kit.Eventually(limited, func() error {
		states, err = client.Inspect(limited, h.collection, ids)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make(map[string]Inside, len(ids))
	for _, s := range states {
		in := Inside{State: s.State, Hash: s.Hash, Ground: s.Ground, PurgeTx: s.PurgeTx}
		if in.PurgeBlock, err = c.blockOf(ctx, client, s.PurgeTx); err != nil {
			return nil, err
		}
		// What cannot be read stays without a digest, which the checker judges.
		_ = kit.Eventually(limited, func() error {
			r, err := c.read(limited, home{h.region, p.Org, h.collection}, p.Name, s.ID)
			switch {
			case err == nil:
				in.SHA256 = (&job{body: r.Bytes}).sha()
			case errors.Is(err, gateway.ErrGone), errors.Is(err, gateway.ErrAbsent), errors.Is(err, gateway.ErrForbidden):
				return nil
			}
			return err
		})
		out[s.ID] = in
	}
	return out, nil
}

func (c *cluster) blockOf(ctx context.Context, client *gateway.Client, tx string) (uint64, error) {
	if tx == "" {
		return 0, nil
	}
	c.mu.Lock()
	n, ok := c.blocks[tx]
	c.mu.Unlock()
	if ok {
		return n, nil
	}
	n, err := client.BlockOf(ctx, tx)
	if err == nil {
		c.mu.Lock()
		c.blocks[tx] = n
		c.mu.Unlock()
	}
	return n, err
}

// public asks any peer what it says to everybody.
func (c *cluster) public(ctx context.Context, h home, p network.PeerEndpoint, ids []string, hashes map[string]string) (map[string]Public, error) {
	client, err := c.client(ctx, p.Org, record.RoleReader, p.Name)
	if err != nil {
		return nil, err
	}
	proofs, err := client.Proof(ctx, ids)
	if err != nil {
		return nil, err
	}
	found := make(map[string]Public, len(ids))
	for _, x := range proofs {
		if x.Collection == "" || x.Collection == h.collection {
			found[x.ID] = Public{State: x.State, Hash: x.Hash, Tombstone: x.TombstoneTx}
		}
	}
	// The hash in a peer's own state comes with a verification.
	out := make(map[string]Public, len(found))
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(4)
	for id, x := range found {
		hash := hashes[id]
		if hash == "" {
			hash = strings.Repeat("0", 64)
		}
		g.Go(func() error {
			v, err := client.Verify(ctx, id, hash, gateway.In(h.collection))
			if err != nil && !errors.Is(err, gateway.ErrAbsent) {
				return err
			}
			x.StateHash = v.PeerHash
			mu.Lock()
			defer mu.Unlock()
			out[id] = x
			return nil
		})
	}
	return out, g.Wait()
}
