package fault

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"domicile/chaincode/record"
	"domicile/gateway"
	"domicile/integration/kit"
)

// TestT31_LimitsAreTypedAndAReaderOfEventsResumes goes over the limits of a peer and of a
// record, and gets errors that say whether to try again; and it reads the events of the
// channel from far behind, in pieces, over the loss of the peer it reads from, each once.
// A torn checkpoint is an error, and not a beginning.
func TestT31_LimitsAreTypedAndAReaderOfEventsResumes(t *testing.T) {
	ctx := patience(t, 2*time.Minute)
	dice(t)
	c := start(ctx, t, topologyTwo)
	large := newJob(usA, longAgo, 5<<20) // more than gRPC lets through by itself
	list := append(jobs(usA, 12), large)
	c.mustPut(ctx, t, list)
	err := c.put(ctx, newJob(usA, farOff, record.MaxBody))
	if record.CodeOf(err) != record.CodeTooLarge {
		t.Errorf("a record over the limit: %v", err)
	}
	c.mu.Lock()
	c.again = nil // it will never be taken
	c.mu.Unlock()
	c.tooManyAtOnce(ctx, t, list[0].id)
	c.purgeAll(ctx, t, usA)
	c.eventsComeOnce(ctx, t)
	c.judge(ctx, t, *rounds-1, usA)
}

// tooManyAtOnce asks one peer for more at a time than it takes (peer.limits.concurrency.
// gatewayService, 500), none of which it can answer meanwhile.
func (c *cluster) tooManyAtOnce(ctx context.Context, t *testing.T, id string) {
	t.Helper()
	const server, asked = "chaincode.UsHospital", 520
	client, err := c.client(ctx, usA.org, record.RoleReader, "peer1."+usA.org)
	c.must(t, err)
	_, err = client.Get(ctx, id) // it has read the policy
	c.must(t, err)
	c.must(t, c.Freeze(server))
	var mu sync.Mutex
	codes := map[record.Code]int{}
	var wg sync.WaitGroup
	for range asked {
		wg.Go(func() {
			short, cancel := context.WithTimeout(ctx, 5*time.Second)
			defer cancel()
			_, err := client.Get(short, id)
			mu.Lock()
			defer mu.Unlock()
			codes[record.CodeOf(err)]++
			if err == nil || !gateway.Retryable(err) {
				t.Errorf("one of too many: %v", err)
			}
		})
	}
	wg.Wait()
	c.must(t, c.Thaw(server))
	t.Logf("%d at once: %v", asked, codes)
	c.must(t, kit.Eventually(ctx, func() error { _, err := client.Get(ctx, id); return err }))
}

// eventsComeOnce reads the channel's events in one go, and again in pieces while the
// first peer is killed.
func (c *cluster) eventsComeOnce(ctx context.Context, t *testing.T) {
	t.Helper()
	whole := c.events(ctx, t, filepath.Join(c.tmp, "whole"), 0)
	if len(whole) < 10 {
		t.Fatalf("only %d events", len(whole))
	}
	file := filepath.Join(c.tmp, "pieces")
	pieces := c.events(ctx, t, file, len(whole)/3)
	good, err := os.ReadFile(file)
	c.must(t, err)
	c.must(t, os.WriteFile(file, good[:len(good)-5], 0o600))
	client, err := c.client(ctx, usA.org, record.RoleReader, "")
	c.must(t, err)
	for e, err := range client.Feed(ctx, gateway.NewFileCheckpoint(file), gateway.FeedOptions{}) {
		if err == nil {
			t.Errorf("a torn checkpoint gives %+v", e)
		}
		break
	}
	c.must(t, os.WriteFile(file, good, 0o600))
	pieces = append(pieces, c.events(ctx, t, file, len(whole)/3)...)
	c.must(t, c.crash(ctx, "peer0."+usA.org))
	pieces = append(pieces, c.events(ctx, t, file, len(whole)-len(pieces))...)
	if !slices.Equal(whole, pieces) {
		t.Errorf("read in pieces the events are %v, not %v", pieces, whole)
	}
}

// events reads n events from a checkpoint, or all that there are.
func (c *cluster) events(ctx context.Context, t *testing.T, checkpoint string, n int) (out []gateway.FeedEvent) {
	t.Helper()
	client, err := c.client(ctx, usA.org, record.RoleReader, "")
	c.must(t, err)
	all := n == 0
	if all { // until those of every record put and purged have come
		n = len(c.history.Ops()) * 2
	}
	quiet, cancel := context.WithCancel(ctx)
	defer cancel()
	silence := time.AfterFunc(20*time.Second, cancel)
	if all {
		silence.Reset(5 * time.Second)
	}
	defer silence.Stop()
	for e, err := range client.Feed(quiet, gateway.NewFileCheckpoint(checkpoint), gateway.FeedOptions{}) {
		if err != nil {
			if all && ctx.Err() == nil && quiet.Err() != nil {
				return out
			}
			t.Fatalf("after %d events: %v", len(out), err)
		}
		if out = append(out, e); len(out) == n {
			return out
		}
	}
	return out
}
