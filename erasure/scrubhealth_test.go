package erasure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/syndtr/goleveldb/leveldb"
)

func TestAPeerThatServesBehindTheChannelIsNotHealthyEnoughToBeTheOnlyOne(t *testing.T) {
	t.Parallel()
	w := newWard(t, 2)
	w.behind["peer1"] = 1
	_, err := Scrub(t.Context(), w, w.options())
	if !errors.Is(err, ErrLastHealthy) || len(w.calls) > 0 || !strings.Contains(err.Error(), "not all blocks") {
		t.Errorf("error %v after %v", err, w.calls)
	}
}

func TestAPeerThatMissesPrivateDataIsNotHealthyEnoughToBeTheOnlyOne(t *testing.T) {
	t.Parallel()
	w := newWard(t, 2)
	lacks := func(block byte) func(*leveldb.DB) error {
		return func(db *leveldb.DB) error {
			putMissing(t, db, wantedKey(storeMissingLate, block, "us-a"), 0)
			return nil
		}
	}
	w.mark("peer1", lacks(7))
	_, err := Scrub(t.Context(), w, w.options())
	if !errors.Is(err, ErrLastHealthy) || len(w.calls) > 0 || !strings.Contains(err.Error(), "private data") {
		t.Errorf("error %v after %v", err, w.calls)
	}
	w.mark("peer0", lacks(8)) // as much, but something else
	_, err = Scrub(t.Context(), w, w.options())
	if !errors.Is(err, ErrLastHealthy) || len(w.calls) > 0 {
		t.Errorf("two peers, each of which alone has something: error %v after %v", err, w.calls)
	}
	w.mark("peer0", lacks(7)) // what nobody has keeps nobody from scrubbing
	w.mark("peer1", lacks(8))
	done, err := Scrub(t.Context(), w, w.options())
	if err != nil || done[0].Missing != 2 {
		t.Errorf("error %v, %+v", err, done)
	}
}

func TestAPeerWhoseStoreCannotBeReadIsNotHealthyEnoughToBeTheOnlyOne(t *testing.T) {
	t.Parallel()
	w := newWard(t, 2)
	if err := os.Remove(filepath.Join(w.dir, "peer1", "ledgersData", "pvtdataStore", "CURRENT")); err != nil {
		t.Fatal(err)
	}
	_, err := Scrub(t.Context(), w, w.options())
	if !errors.Is(err, ErrLastHealthy) || len(w.calls) > 0 || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("error %v after %v", err, w.calls)
	}
}

func TestAPeerOnAnotherMachineCountsAsHealthyAndIsNotScrubbedHere(t *testing.T) {
	t.Parallel()
	w := newWard(t, 2)
	w.away["peer1"] = true
	done, err := Scrub(t.Context(), w, w.options())
	if err != nil || len(done) != 1 || slices.Contains(w.calls, "stop peer1") {
		t.Fatalf("error %v, done %+v, calls %v", err, done, w.calls)
	}
	w.sick["peer1"] = true
	if _, err := Scrub(t.Context(), w, w.options()); !errors.Is(err, ErrLastHealthy) {
		t.Errorf("error %v", err)
	}
}

func TestAPeerThatHasNotSweptIsNotStopped(t *testing.T) {
	t.Parallel()
	for name, beat := range map[string]func(context.Context) error{
		"without heartbeats":             nil,
		"where heartbeats do not help":   func(context.Context) error { return nil },
		"where heartbeats are not taken": func(context.Context) error { return errInjected },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWard(t, 2)
			w.mark("peer0", unsweep)
			o := w.options()
			o.Heartbeat, o.Patience = beat, sweepGrace+300*time.Millisecond
			_, err := Scrub(t.Context(), w, o)
			if !errors.Is(err, ErrNotSwept) || len(w.calls) > 0 || !strings.Contains(err.Error(), "1 purged keys") {
				t.Errorf("error %v after %v", err, w.calls)
			}
		})
	}
}

func TestHeartbeatsAreSentUntilThePeersHaveSwept(t *testing.T) {
	t.Parallel()
	w := newWard(t, 2)
	w.mark("peer1", unsweep)
	o := w.options()
	o.Patience = 10 * time.Second
	o.Heartbeat = func(context.Context) error {
		w.beats++
		w.mark("peer1", func(db *leveldb.DB) error {
			err := db.Put(storeKey("global", storeLastBlock, ""), []byte{height + byte(w.beats)}, nil)
			if w.beats == 2 { // as with a purgeInterval over 1
				err = errors.Join(err, sweep(db))
			}
			return err
		})
		return nil
	}
	done, err := Scrub(t.Context(), w, o)
	if err != nil || w.beats != 2 || done[1].From != height+3 {
		t.Errorf("error %v, %d heartbeats, %+v", err, w.beats, done)
	}
}

func TestAPeerThatWasStoppedBeforeItSweptIsStartedFirst(t *testing.T) {
	t.Parallel()
	w := newWard(t, 2)
	s := scrubState{Version: 1, Begun: time.Unix(0, 0), Stopped: "peer1"}
	if err := s.save(w.options().State); err != nil {
		t.Fatal(err)
	}
	w.running["peer1"] = false
	w.mark("peer1", unsweep)
	_, err := Scrub(t.Context(), &sweeper{w}, w.options())
	want := []string{"start peer1", "stop peer1", "start peer1", "stop peer0", "start peer0"}
	if err != nil || fmt.Sprint(w.calls) != fmt.Sprint(want) || w.residue() > 0 {
		t.Errorf("error %v, calls %v, want %v", err, w.calls, want)
	}
}

// sweeper is a ward whose peers sweep as soon as they start.
type sweeper struct{ *ward }

func (s *sweeper) Start(ctx context.Context, p string) error {
	s.mark(p, sweep)
	return s.ward.Start(ctx, p)
}
