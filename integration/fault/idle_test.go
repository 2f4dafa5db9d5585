package fault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"domicile/erasure"
	"domicile/integration/kit"
)

// TestT26_AnIdleChannelIsSweptByHeartbeats endorses a put and never sends it, and leaves
// the channel alone. The service purges what is due, says of each peer that it has
// reached the sweep, and sends heartbeats; with them the bytes of the attempt leave the
// peers' transient stores, as a scrub and a search then show.
func TestT26_AnIdleChannelIsSweptByHeartbeats(t *testing.T) {
	ctx := patience(t, 2*time.Minute)
	dice(t)
	c := start(ctx, t, topologyTwo)
	due, kept := newJob(usA, longAgo, 0), newJob(usA, farOff, 0)
	c.mustPut(ctx, t, []*job{due, kept})
	gone, stays := c.secrets(ctx, t, []*job{due, kept})
	gone = append(gone, c.neverSent(ctx, t, c.peersOf(usA.org)[0].Name)...)

	l := c.serveByClock(ctx, t, serveConfig+"heartbeat: {idle: 1s}\n")
	l.clock.beforeNextMinute()
	const much = 1e18
	want := map[string][2]float64{"heartbeats_total": {3, much}, "purged_records_total": {1, 1}}
	for _, p := range c.peersOf(usA.org) {
		want[fmt.Sprintf("peer_swept{peer=%q}", p.Name)] = [2]float64{1, 1}
	}
	l.shows(ctx, t, want)
	c.endService(ctx, t, l.service)
	c.settleTransient(ctx, t) // as many as the service sends in ten minutes
	c.scrub(ctx, t, usA.org)
	for _, p := range c.peersOf(usA.org) {
		for _, f := range c.traces(ctx, t, p.Name, gone) {
			t.Errorf("%s: %s %s %s", p.Name, f.Path, f.Form, f.Pattern)
		}
		if len(c.traces(ctx, t, p.Name, stays)) == 0 {
			t.Errorf("%s: the search finds nothing of what is kept, so it proves nothing", p.Name)
		}
	}
	c.judge(ctx, t, *rounds-1, usA)
}

// neverSent endorses puts and does not send them, until the bytes of one are in a peer's
// transient store: gossip owes them to one other member only. It returns what to look for.
func (c *cluster) neverSent(ctx context.Context, t *testing.T, peer string) (what []erasure.Pattern) {
	t.Helper()
	c.beforeSubmit(func(string) error { return errors.New("the client dies here") })
	defer c.beforeSubmit(nil)
	c.must(t, kit.Eventually(ctx, func() error {
		stray := newJob(usA, farOff, 0)
		what = append(what, erasure.Pattern{Name: "never sent", Bytes: []byte(stray.name)})
		if _, err := c.importOne(ctx, stray); err == nil {
			t.Fatal("a put that was never sent was acknowledged")
		}
		for _, f := range c.traces(ctx, t, peer, what) {
			if strings.Contains(f.Path, "/transientstore/") {
				return nil
			}
		}
		return fmt.Errorf("the attempt left nothing behind at %s, so the test proves nothing", peer)
	}))
	return what
}

// TestT27_AFloodOfPurgesLeavesRoomOnDisksAndForWriters purges 9 MB at once, more than one
// of Fabric's sweeps can take without rewriting all of it for each key, while somebody
// puts records one after another. The private stores stay below three times the data, and
// every put is acknowledged.
func TestT27_AFloodOfPurgesLeavesRoomOnDisksAndForWriters(t *testing.T) {
	ctx := patience(t, 2*time.Minute)
	dice(t)
	c := start(ctx, t, topologyTwo)
	const records, each = 90, 100 << 10
	list := make([]*job, records)
	for i := range list {
		list[i] = newJob(usA, longAgo, each)
	}
	c.mustPut(ctx, t, list)
	stores := map[string]*atomic.Int64{}
	for _, p := range c.peersOf(usA.org) {
		stores[filepath.Join(c.dataDir(ctx, t, p.Name), "ledgersData", "pvtdataStore")] = new(atomic.Int64)
	}
	watching, over := context.WithCancel(ctx)
	defer over()
	writer, watcher := make(chan int), make(chan struct{})
	go func() {
		defer close(watcher)
		for {
			for dir, peak := range stores {
				peak.Store(max(peak.Load(), bytesIn(dir)))
			}
			if !kit.Pause(watching) {
				return
			}
		}
	}()
	go func() {
		n := 0
		for watching.Err() == nil {
			if err := c.put(ctx, newJob(usA, farOff, 0)); err != nil {
				t.Errorf("a put during the purge: %v", err)
			}
			n++
		}
		writer <- n
	}()
	began := time.Now()
	c.purgeAll(ctx, t, usA)
	over()
	n := <-writer
	<-watcher
	took := time.Since(began)
	for dir, peak := range stores {
		t.Logf("%s: at most %.1f times the data", dir, float64(peak.Load())/(records*each))
		if peak.Load() > 3*records*each {
			t.Errorf("%s grew to %d bytes while %d were purged", dir, peak.Load(), records*each)
		}
	}
	t.Logf("%d records of %d bytes purged in %.1f s; %d puts acknowledged meanwhile", records, each, took.Seconds(), n)
	if n < 2 {
		t.Errorf("only %d puts in the %.0f s of a purge", n, took.Seconds())
	}
	c.judge(ctx, t, *rounds-1, usA)
}

// bytesIn is the size of the files in a folder, some of which may vanish meanwhile.
func bytesIn(dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if info, err := d.Info(); err == nil && !d.IsDir() {
			n += info.Size()
		}
		return nil
	})
	return n
}
