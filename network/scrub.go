package network

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sync/errgroup"

	"domicile/erasure"
)

// Operator drives the processes of one organization's peers for [erasure.Scrub].
func (n *Network) Operator(org string) (erasure.Operator, error) {
	for _, s := range ofKind(n.nodes, KindPeer) {
		if s.org == org {
			return operator{n, org}, nil
		}
	}
	return nil, fmt.Errorf("organization %s has no peers in this network", org)
}

// ScrubState is the file where the progress of scrubbing an organization's peers is
// kept.
func (n *Network) ScrubState(org string) string {
	return filepath.Join(n.dir, "orgs", org, "scrub.json")
}

type operator struct {
	n   *Network
	org string
}

// Peers implements [erasure.Operator].
func (o operator) Peers(context.Context) ([]erasure.ScrubPeer, error) {
	var out []erasure.ScrubPeer
	for _, s := range ofKind(o.n.nodes, KindPeer) {
		if s.org == o.org {
			out = append(out, erasure.ScrubPeer{Name: s.name, DataDir: s.dataDir()})
		}
	}
	return out, nil
}

// Standing implements [erasure.Operator].
func (o operator) Standing(ctx context.Context) (erasure.Standing, error) {
	out := erasure.Standing{Peers: map[string]uint64{}, Unwell: map[string]error{}}
	var mu sync.Mutex
	var g errgroup.Group
	for _, s := range o.n.nodes {
		if s.kind == KindChaincode {
			continue
		}
		g.Go(func() error {
			asking, cancel := context.WithTimeout(ctx, statusPatience)
			defer cancel()
			height, err := o.n.height(asking, s)
			mu.Lock()
			defer mu.Unlock()
			switch own := s.kind == KindPeer && s.org == o.org; {
			case own && err != nil:
				out.Unwell[s.name] = err
			case own:
				out.Peers[s.name] = height
			}
			out.Channel = max(out.Channel, height)
			return nil
		})
	}
	_ = g.Wait() // no function returns an error
	return out, ctx.Err()
}

// Stop implements [erasure.Operator]. SIGTERM is the drain: the peer finishes what
// it has in hand, and clients turn to the organization's other peers.
func (o operator) Stop(ctx context.Context, peer string) error { return o.n.StopNode(ctx, peer) }

// Start implements [erasure.Operator]. It returns when the peer and the others of its
// region know each other: only then do they hand on private data.
func (o operator) Start(ctx context.Context, peer string) error {
	s, err := o.n.node(peer)
	if err != nil {
		return err
	}
	servers := ofOrg(o.n.nodes, KindChaincode, o.org)
	if err := o.n.stopAll(ctx, servers, syscall.SIGTERM); err != nil {
		return err
	}
	if err := o.n.startNodes(ctx, append(slices.Clone(servers), s)...); err != nil {
		return err
	}
	return o.n.waitDiscovered(ctx, func(x spec) bool { return x.region == s.region })
}
