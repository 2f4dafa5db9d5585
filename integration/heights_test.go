package integration

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"

	"domicile/chaincode/chaincodetest"
	"domicile/integration/kit"
	"domicile/network"
)

// heights follows every peer's blocks.
type heights struct {
	f      *fabric
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu     sync.Mutex
	of     map[string]uint64 // peer -> blocks committed
	away   map[string]bool   // peers that a test stopped
	change chan struct{}     // closed and replaced at each change
}

func watchHeights(f *fabric) *heights {
	ctx, cancel := context.WithCancel(context.Background())
	h := &heights{f: f, cancel: cancel, of: map[string]uint64{}, away: map[string]bool{}, change: make(chan struct{})}
	for _, p := range f.Peers() {
		h.of[p.Name] = 0
	}
	for _, p := range f.Peers() {
		h.wg.Go(func() { h.follow(ctx, p) })
	}
	return h
}

func (h *heights) close() {
	h.cancel()
	h.wg.Wait()
}

// follow reads a peer's stream of filtered blocks, over and over.
func (h *heights) follow(ctx context.Context, p network.PeerEndpoint) {
	for {
		if n, err := h.f.at(ctx, chaincodetest.Identity{Org: p.Org, Role: network.RoleReader}, p.Name); err == nil {
			h.mu.Lock()
			next := h.of[p.Name]
			h.mu.Unlock()
			blocks, err := n.FilteredBlockEvents(ctx, client.WithStartBlock(next))
			for err == nil {
				b, ok := <-blocks
				if !ok {
					break
				}
				h.set(func() { h.of[p.Name] = b.GetNumber() + 1 })
			}
		}
		if !kit.Pause(ctx) {
			return
		}
	}
}

func (h *heights) set(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
	close(h.change)
	h.change = make(chan struct{})
}

// wait returns when every peer that runs has a block.
func (h *heights) wait(ctx context.Context, block uint64) error {
	for {
		h.mu.Lock()
		var behind []string
		for name, n := range h.of {
			if n <= block && !h.away[name] {
				behind = append(behind, name)
			}
		}
		change := h.change
		h.mu.Unlock()
		if len(behind) == 0 {
			return nil
		}
		select {
		case <-change:
		case <-ctx.Done():
			slices.Sort(behind)
			return fmt.Errorf("block %d has not reached %s: %w", block, strings.Join(behind, ", "), ctx.Err())
		}
	}
}

// top is the number of blocks that the furthest peer has.
func (h *heights) top() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	var top uint64
	for _, n := range h.of {
		top = max(top, n)
	}
	return top
}

// testContext bounds one test.
func testContext(t *testing.T, limit time.Duration) context.Context {
	t.Helper()
	if *soak {
		limit *= 10
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), limit, errors.New("the test took too long"))
	t.Cleanup(cancel)
	return ctx
}
