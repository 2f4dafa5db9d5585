package network

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"domicile/erasure"
)

// CheckPrivateData and CheckTransient are checks of [Network.Doctor].
const (
	CheckPrivateData = "private-data" // the peer has the private data of its collections
	CheckTransient   = "transient"    // nothing lies in the transient store for long
)

// ErrNoHealthyCopy means that healing a peer would destroy the last copy of what
// its organization holds.
var ErrNoHealthyCopy = errors.New("no other healthy peer of the organization holds a copy")

// Healed is one thing that [Network.Heal] did.
type Healed struct {
	Node string `json:"node"`
	Did  string `json:"did"`
}

// Heal repairs what [Network.Doctor] finds and a machine can repair: it starts nodes
// that ended without being stopped, and lets peers that lost their ledger (after a purge
// a crash at the wrong moment does that, and so do rollbacks, see [Network.Rejoin]) or cannot reconcile their
// private data forget the channel and join it again. It refuses that with
// [ErrNoHealthyCopy] unless another peer of the organization runs, has the channel, is
// at height and misses no private data that the peer has. Nodes that were stopped on purpose stay
// stopped. Peers are healed one after another; errors are joined.
func (n *Network) Heal(ctx context.Context) ([]Healed, error) {
	var done []Healed
	var errs []error
	for _, s := range n.nodes {
		// A peer whose ledger is broken would only end again.
		if n.nodeStatus(ctx, s).State != StateDead || s.kind == KindPeer && ledgerBroken(s) {
			continue
		}
		if err := n.StartNode(ctx, s.name); err != nil {
			// A peer may run and need to join again, which comes next.
			if s.kind != KindPeer || n.needsRejoin(ctx, s) == "" {
				errs = append(errs, fmt.Errorf("start %s: %w", s.name, err))
			}
			continue
		}
		done = append(done, Healed{s.name, "started"})
	}
	for _, s := range ofKind(n.nodes, KindPeer) {
		why := n.needsRejoin(ctx, s)
		if why == "" {
			continue
		}
		if err := n.healthyCopy(ctx, s); err != nil {
			errs = append(errs, fmt.Errorf("%s %s: %w", s.name, why, err))
			continue
		}
		if err := n.Rejoin(ctx, s.name); err != nil {
			errs = append(errs, fmt.Errorf("%s %s: join again: %w", s.name, why, err))
			continue
		}
		done = append(done, Healed{s.name, why + "; forgot the channel and joined it again"})
	}
	return done, errors.Join(errs...)
}

// needsRejoin says what is wrong with a peer that only joining again heals.
func (n *Network) needsRejoin(ctx context.Context, s spec) string {
	switch n.nodeStatus(ctx, s).State {
	case StateNoChannel:
		return "has not the channel"
	case StateUnready, StateDead:
		if ledgerBroken(s) {
			return "cannot go on with its ledger"
		}
	case StateRunning:
		if p := readPrivate(ctx, s, nil); p.stuck() {
			return "cannot reconcile its private data"
		}
	}
	return ""
}

// copyPatience is for how long another peer may be behind while it is looked at as a copy.
const copyPatience = 10 * time.Second

// healthyCopy looks for another peer from which s could fetch everything again: it has
// every block that any node had at the beginning, since the private data of the last ones
// may be with s alone, and misses no private data that s has, by the peers' own stores.
func (n *Network) healthyCopy(ctx context.Context, s spec) error {
	collections, err := n.heldBy(ctx, s.org)
	if err != nil {
		return fmt.Errorf("%w: which collections %s holds is not known: %w", ErrNoHealthyCopy, s.org, err)
	}
	var top uint64
	for _, other := range n.nodes {
		if other.kind == KindChaincode {
			continue
		}
		if h, err := n.height(ctx, other); err == nil {
			top = max(top, h)
		}
	}
	own := readPrivate(ctx, s, collections) // what cannot be read may be whole
	for end := time.Now().Add(copyPatience); ; {
		soon := false
		for _, other := range ofOrg(n.nodes, KindPeer, s.org) {
			h, err := n.height(ctx, other)
			if other.name == s.name || err != nil || h == 0 {
				continue
			}
			p := readPrivate(ctx, other, collections)
			if h >= top && p.err == nil && p.gaps.Beyond(own.gaps) == 0 {
				return nil
			}
			soon = soon || !p.stuck() // behind, or fetching what it misses
		}
		if !soon || time.Now().After(end) || pause(ctx) != nil {
			return fmt.Errorf("%w: restore a backup (domicile network restore) or start another peer of %s first", ErrNoHealthyCopy, s.org)
		}
	}
}

// Limits of the check of transient stores: more bytes than a burst of puts leaves, a time
// after which a channel counts as idle, and the blocks after which peers drop what never
// was ordered (peer.gossip.pvtData.transientstoreMaxBlockRetention).
const (
	transientBytes     = 64 << 20
	transientIdle      = time.Hour
	transientRetention = 10
)

// transient is the doctor's finding about what was endorsed and perhaps never
// ordered: it goes only when blocks come, and from the disk when it is compacted. height
// is the peer's, 0 if it does not tell one.
func transient(ctx context.Context, s spec, height uint64, now time.Time) Finding {
	f := Finding{s.name, OK, CheckTransient, "nothing waits in the transient store"}
	size, _, err := usage(filepath.Join(s.dataDir(), "transientstore"))
	if err != nil {
		return Finding{s.name, Warn, CheckTransient, "the transient store cannot be looked at: " + err.Error()}
	}
	store, err := erasure.ReadTransientStore(ctx, s.dataDir(), Channel)
	if err != nil {
		return Finding{s.name, Warn, CheckTransient, "the transient store cannot be read: " + err.Error()}
	}
	swept, _ := erasure.ReadPrivateStore(ctx, s.dataDir(), Channel) // what cannot be read CheckPrivateData tells
	idle := now.Sub(lastBlock(s))
	if store.Waiting > 0 {
		f.Message = fmt.Sprintf("%d private write sets wait in the transient store, the oldest since height %d", store.Waiting, store.Oldest)
	}
	switch {
	case store.Waiting > 0 && height > store.Oldest+2*transientRetention+1:
		// Dropped at blocks that the retention divides, if that many blocks old.
		f.Severity = Warn
		f.Message += fmt.Sprintf(", and the peer has %d blocks: it does not drop what was endorsed and never ordered; is its transientstoreMaxBlockRetention %d?", height, transientRetention)
	case idle > transientIdle && store.Waiting+swept.Unswept > 0:
		f.Severity = Warn
		f.Message += fmt.Sprintf("; no block for %s, so nothing is dropped from the transient store or swept (%d purged keys wait); `purge serve` sends heartbeats",
			idle.Round(time.Minute), swept.Unswept)
	case size > transientBytes:
		f.Severity = Warn
		f.Message += fmt.Sprintf("; its files have %d MiB: endorsed proposals that were never submitted? `purge scrub` removes what has ended", size>>20)
	}
	return f
}

// lastBlock is when the peer last wrote a block.
func lastBlock(s spec) time.Time {
	_, last, err := usage(filepath.Join(s.dataDir(), "ledgersData", "chains", "chains"))
	if err != nil {
		return time.Time{}
	}
	return last
}

// usage is the size of a folder's files and the latest time one was written.
func usage(dir string) (size int64, last time.Time, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a table that was replaced meanwhile, or a store not made yet
		}
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			size += info.Size()
			if info.ModTime().After(last) {
				last = info.ModTime()
			}
		}
		return err
	})
	return size, last, err
}
