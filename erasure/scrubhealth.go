package erasure

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// How a peer's state is polled.
const (
	scrubPoll = 50 * time.Millisecond
	// sweepGrace is how long a sweep may take before a heartbeat is sent: with
	// purgeInterval 1 the block of the purge itself began it.
	sweepGrace = time.Second
	// sweepBlocks is more than any sensible ledger.pvtdataStore.purgeInterval.
	sweepBlocks = 1000
)

// ready waits until a peer may be stopped: another one is healthy, and it has swept what
// was purged before the run.
func (r *scrubber) ready(ctx context.Context, p ScrubPeer) (PrivateStore, error) {
	standing, err := r.op.Standing(ctx)
	if err != nil {
		return PrivateStore{}, err
	}
	_, serves := standing.Peers[p.Name]
	if !serves && r.Stopped == p.Name {
		// An interrupted run left it stopped: it serves nobody, whoever else is healthy.
		store, err := ReadPrivateStore(ctx, p.DataDir, r.Channel)
		if err != nil || r.swept(store) {
			return store, err
		}
	}
	if !serves {
		// Only a peer that runs can sweep. One that was stopped all the time missed purges.
		r.say(p, "starting it, so that it sweeps what was purged")
		if err := r.op.Start(ctx, p.Name); err != nil {
			return PrivateStore{}, fmt.Errorf("start: %w", err)
		}
	}
	if err := r.othersHealthy(ctx, p); err != nil {
		return PrivateStore{}, err
	}
	return r.awaitSweep(ctx, p)
}

func (r *scrubber) swept(s PrivateStore) bool { return s.Blocks >= r.target && s.Unswept == 0 }

// awaitSweep waits until the peer's private data store holds nothing that was purged
// before the run, and sends heartbeats where that takes blocks to come.
func (r *scrubber) awaitSweep(ctx context.Context, p ScrubPeer) (PrivateStore, error) {
	var beaten uint64
	first := time.Now()
	for end := first.Add(r.Patience); ; {
		s, err := ReadPrivateStore(ctx, p.DataDir, r.Channel)
		if err != nil {
			return s, err
		}
		if r.swept(s) {
			return s, nil
		}
		waits := s.Blocks >= r.target && s.Blocks > beaten && time.Since(first) > sweepGrace
		if waits && r.Heartbeat != nil && s.Blocks < r.target+sweepBlocks {
			r.say(p, "%d purged keys wait for a sweep; sending a heartbeat", s.Unswept)
			if err := r.Heartbeat(ctx); err != nil {
				return s, fmt.Errorf("%w: %d purged keys wait for a block, and none can be made: %w", ErrNotSwept, s.Unswept, err)
			}
			beaten, end = s.Blocks, time.Now().Add(r.Patience)
		}
		if time.Now().After(end) {
			return s, notSwept(s, r.target, r.Heartbeat != nil)
		}
		if err := rest(ctx); err != nil {
			return s, err
		}
	}
}

func notSwept(s PrivateStore, target uint64, beats bool) error {
	switch {
	case s.Blocks < target:
		return fmt.Errorf("%w: the peer has %d blocks of %d: wait until it has caught up", ErrNotSwept, s.Blocks, target)
	case beats:
		return fmt.Errorf("%w: %d purged keys are left though blocks came; the peer's log says why (\"Could not purge data\")", ErrNotSwept, s.Unswept)
	}
	return fmt.Errorf("%w: %d purged keys wait for the block at which the peer sweeps (ledger.pvtdataStore.purgeInterval), and no block comes", ErrNotSwept, s.Unswept)
}

// othersHealthy waits until another peer is healthy enough to be the only one.
func (r *scrubber) othersHealthy(ctx context.Context, p ScrubPeer) error {
	var top uint64
	own, err := r.gaps(ctx, p)
	if err != nil {
		return err
	}
	for end := time.Now().Add(r.Patience); ; {
		standing, err := r.op.Standing(ctx)
		if err != nil {
			return err
		}
		if top == 0 {
			top = standing.Channel
		}
		why, may := "none of them serves", false
		for _, other := range r.peers {
			height, serves := standing.Peers[other.Name]
			switch {
			case other.Name == p.Name || !serves:
			case height < top:
				why, may = "they have not all blocks of the channel yet", true
			default:
				theirs, err := r.gaps(ctx, other)
				if err == nil && theirs.Beyond(own) == 0 {
					return nil
				}
				why, may = "they have not received all private data yet that this one has", true
				if err != nil {
					why = "what private data they have cannot be read: " + err.Error()
				}
			}
		}
		if !may || time.Now().After(end) {
			return fmt.Errorf("%w (%s): heal or start another peer first (domicile network doctor)", ErrLastHealthy, why)
		}
		if err := rest(ctx); err != nil {
			return err
		}
	}
}

// gaps is what private data a peer has not received; a peer on another machine counts as one
// that has everything.
func (r *scrubber) gaps(ctx context.Context, p ScrubPeer) (Gaps, error) {
	if p.DataDir == "" {
		return Gaps{}, nil
	}
	return ReadGaps(ctx, p.DataDir, r.Channel, "", nil)
}

// caughtUp waits until a peer that was started serves at the height that the channel
// had then.
func (r *scrubber) caughtUp(ctx context.Context, p ScrubPeer) (uint64, error) {
	var top, height uint64
	for unwell := time.Now(); ; {
		standing, err := r.op.Standing(ctx)
		if err != nil {
			return 0, fmt.Errorf("it was at height %d of %d: %w", height, top, err)
		}
		if top == 0 {
			top = standing.Channel
		}
		var serves bool
		height, serves = standing.Peers[p.Name]
		if serves && height >= top {
			return height, nil
		}
		if serves {
			unwell = time.Now()
		} else if time.Since(unwell) > r.Patience {
			return 0, errors.Join(fmt.Errorf("it has not served for %s", r.Patience), standing.Unwell[p.Name])
		}
		if err := rest(ctx); err != nil {
			return 0, fmt.Errorf("it is at height %d, not %d: %w", height, top, err)
		}
	}
}

// rest waits for one poll interval, or until ctx ends.
func rest(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(scrubPoll):
		return nil
	}
}
