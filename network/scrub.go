package network

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

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

// Height implements [erasure.Operator].
func (o operator) Height(ctx context.Context, peer string) (uint64, error) {
	s, err := o.n.node(peer)
	if err != nil {
		return 0, err
	}
	return o.n.height(ctx, s)
}

// Stop implements [erasure.Operator]. SIGTERM is the drain: the peer finishes what
// it has in hand, and clients turn to the organization's other peers.
func (o operator) Stop(ctx context.Context, peer string) error { return o.n.StopNode(ctx, peer) }

// Start implements [erasure.Operator].
func (o operator) Start(ctx context.Context, peer string) error {
	for _, s := range ofKind(o.n.nodes, KindChaincode) {
		if s.org == o.org {
			if err := o.n.Restart(ctx, s.name); err != nil {
				return err
			}
		}
	}
	if err := o.n.StartNode(ctx, peer); err != nil {
		return err
	}
	if err := o.caughtUp(ctx, peer); err != nil {
		return err
	}
	return o.n.WaitDiscovered(ctx)
}

// caughtUp waits until the peer has as many blocks as the highest of its
// organization had when it was asked first.
func (o operator) caughtUp(ctx context.Context, peer string) error {
	var top uint64
	for _, s := range ofKind(o.n.nodes, KindPeer) {
		if h, err := o.n.height(ctx, s); err == nil && s.org == o.org {
			top = max(top, h)
		}
	}
	s, err := o.n.node(peer)
	if err != nil {
		return err
	}
	for {
		h, err := o.n.height(ctx, s)
		if err == nil && h >= top {
			return nil
		}
		if ended := stillRuns(s); ended != nil {
			return ended
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is at height %d, not %d: %w", peer, h, top, context.Cause(ctx))
		case <-time.After(discoveryPoll):
		}
	}
}
