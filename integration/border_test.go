package integration

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	"domicile/chaincode/record"
	"domicile/gateway"
)

// T09: with every peer of the holder out of reach the client asks nobody else.
func TestT09_NoPrivateCallLeavesTheRegionWhenItsPeersAreDown(t *testing.T) {
	t.Parallel()
	ctx := testContext(t, patience)
	w := &wire{dialled: map[string]bool{}}
	for _, role := range []string{"reader", "writer", "officer", "purger"} {
		c := open(ctx, t, "AuHealth", role, gateway.WithDialOptions(grpc.WithContextDialer(w.dial)), gateway.WithRetry(2, 10*time.Millisecond))
		w.mend()
		_, err := c.Policy(ctx)
		if err == nil {
			_, err = c.Collections(ctx) // so that the client knows where to send the call
		}
		if err != nil {
			t.Fatal(err)
		}
		w.cut()
		switch role {
		case "reader":
			_, err = c.Get(ctx, record.NewID())
		case "writer":
			for _, e := range c.Import(ctx, bytes.NewReader(encounter(longAgo, unique())), gateway.ImportOptions{}) {
				err = errors.Join(err, e)
			}
		case "officer":
			_, err = c.Hold(ctx, gateway.HoldOrder{Collection: "au-a", IDs: []string{record.NewID()}, Matter: "m", Authority: "a", Reason: "r"})
		case "purger":
			_, err = c.Purge(ctx, record.PurgeRequest{Collection: "au-a", Ground: record.GroundDue, IDs: []string{record.NewID()}})
		}
		if !gateway.Retryable(err) {
			t.Errorf("%s: %v, want an error that says to try later", role, err)
		}
	}
	for addr := range w.dialled {
		if !strings.HasPrefix(addr, "127.40.") {
			t.Errorf("a private call went to %s", addr)
		}
	}
	if len(w.dialled) == 0 {
		t.Error("nobody was dialled")
	}
}

// wire connects a client, notes to whom, and can be cut.
type wire struct {
	mu      sync.Mutex
	dialled map[string]bool
	isCut   bool
	conns   []net.Conn
}

func (w *wire) dial(ctx context.Context, addr string) (net.Conn, error) {
	w.mu.Lock()
	w.dialled[addr] = true
	down := w.isCut
	w.mu.Unlock()
	if down && strings.HasPrefix(addr, "127.40.") {
		return nil, errors.New("cut")
	}
	c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err == nil {
		w.mu.Lock()
		w.conns = append(w.conns, c)
		w.mu.Unlock()
	}
	return c, err
}

func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.isCut = false
}

func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.isCut = true
	for _, c := range w.conns {
		c.Close()
	}
	w.conns = nil
}
