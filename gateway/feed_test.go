package gateway

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"domicile/chaincode/record"
)

// emitMany writes events of 5 blocks: transactions of 1 to 3 records, two of
// them in one block, one event of another name.
func emitMany(l *fakeLedger) (ids []string) {
	l.with(func() {
		tx := 0
		add := func(block uint64, name, region string, n int) {
			tx++
			ev := record.Event{Version: record.Version, Region: region}
			for i := range n {
				id := fmt.Sprintf("tx%d.%d", tx, i)
				ev.Records = append(ev.Records, record.Ref{Collection: region + "-a", ID: id})
				if name != "other" {
					ids = append(ids, id)
				}
			}
			l.emit(block, fmt.Sprintf("tx%d", tx), name, ev)
		}
		add(10, record.EventAnchored, "us", 3)
		add(11, record.EventAnchored, "eu", 1)
		add(11, "other", "us", 1)
		add(11, record.EventPurged, "us", 2)
		add(14, record.EventAnchored, "us", 1)
		add(15, record.EventPurged, "us", 3)
	})
	return ids
}

// follow reads up to n events; n < 0 reads until the feed has given all that
// the ledger holds.
func follow(t *testing.T, w *world, c *Client, cp Checkpoint, n int, o FeedOptions) []string {
	t.Helper()
	var got []string
	if n == 0 {
		return nil
	}
	for e, err := range c.Feed(w.ctx, cp, o) {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, e.ID); len(got) == n {
			break
		}
	}
	return got
}

func TestTheFeedResumesAfterEveryEventWithoutGapOrRepeat(t *testing.T) {
	w := newWorld(t)
	want := emitMany(w.ledger)
	c := w.open()
	for stop := range len(want) {
		cp := NewFileCheckpoint(filepath.Join(t.TempDir(), "cp"))
		got := follow(t, w, c, cp, stop, FeedOptions{})
		got = append(got, follow(t, w, c, cp, len(want)-stop, FeedOptions{})...)
		if !slices.Equal(got, want) {
			t.Errorf("stopped after %d: got %v, want %v", stop, got, want)
		}
	}
}

func TestTheFeedSurvivesBrokenStreams(t *testing.T) {
	w := newWorld(t)
	want := emitMany(w.ledger)
	var n atomic.Int64
	for _, p := range w.peers() {
		p.onFail(func(s seen) error { // every third block breaks the stream
			if s.method == "event" {
				if n.Add(1)%3 == 0 {
					return errDown
				}
			}
			return nil
		})
	}
	cp := NewFileCheckpoint(filepath.Join(t.TempDir(), "cp"))
	if got := follow(t, w, w.open(), cp, len(want), FeedOptions{}); !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

func TestTheFeedKeepsToOneRegionWhenAsked(t *testing.T) {
	w := newWorld(t)
	emitMany(w.ledger)
	cp := NewFileCheckpoint(filepath.Join(t.TempDir(), "cp"))
	if got := follow(t, w, w.open(), cp, 1, FeedOptions{Region: "eu"}); !slices.Equal(got, []string{"tx2.0"}) {
		t.Fatalf("got %v", got)
	}
}

func feedError(w *world, c *Client, cp Checkpoint) error {
	for _, err := range c.Feed(w.ctx, cp, FeedOptions{}) {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestACheckpointOfAnotherChannelIsRefused(t *testing.T) {
	w := newWorld(t)
	emitMany(w.ledger)
	c := w.open()
	for _, p := range []Position{{11, "txX", 1}, {12, "tx1", 1}} {
		cp := NewFileCheckpoint(filepath.Join(t.TempDir(), "cp"))
		if err := cp.Save(p); err != nil {
			t.Fatal(err)
		}
		if err := feedError(w, c, cp); !errors.Is(err, ErrSettings) {
			t.Errorf("%+v: %v", p, err)
		}
	}
}

func TestARefusedStreamIsNotAnEmptyOne(t *testing.T) {
	w := newWorld(t)
	for _, p := range w.peers() {
		p.onFail(func(seen) error { return status.Error(codes.PermissionDenied, "SECRET") })
	}
	err := feedError(w, w.open(), NewFileCheckpoint(filepath.Join(t.TempDir(), "cp")))
	if !errors.Is(err, ErrForbidden) || strings.Contains(err.Error(), "SECRET") {
		t.Fatalf("got %v", err)
	}
}

type brokenDisk struct{ Position }

func (b *brokenDisk) Load() (Position, error) { return b.Position, nil }
func (b *brokenDisk) Save(Position) error     { return errors.New("no space left") }

func TestAFeedWhoseCheckpointCannotBeSavedEnds(t *testing.T) {
	w := newWorld(t)
	emitMany(w.ledger)
	if err := feedError(w, w.open(), &brokenDisk{}); err == nil || !strings.Contains(err.Error(), "no space") {
		t.Fatalf("got %v", err)
	}
}

func TestAFeedEndsWithItsContext(t *testing.T) {
	w := newWorld(t)
	emitMany(w.ledger)
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	var last error
	for e, err := range w.open().Feed(ctx, NewFileCheckpoint(filepath.Join(t.TempDir(), "cp")), FeedOptions{}) {
		if last = err; e.Block == 15 {
			cancel()
		}
	}
	if !errors.Is(last, context.Canceled) {
		t.Fatalf("got %v", last)
	}
}
