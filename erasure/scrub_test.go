package erasure

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/syndtr/goleveldb/leveldb"
)

// ward is one organization's peers with real databases; fail names the call that
// fails once, such as "stop peer1", and before or after it took effect.
type ward struct {
	t       *testing.T
	dir     string
	running map[string]bool
	sick    map[string]bool
	calls   []string
	fail    string
	after   bool
	least   int // the fewest peers that ever served at once
	beats   int
	behind  map[string]uint64 // blocks that a peer lacks
	away    map[string]bool   // on another machine
}

var errInjected = errors.New("injected")

func newWard(t *testing.T, peers int) *ward {
	w := &ward{t: t, dir: t.TempDir(), running: map[string]bool{}, sick: map[string]bool{}, behind: map[string]uint64{}, away: map[string]bool{}, least: peers}
	for i := range peers {
		name := fmt.Sprintf("peer%d", i)
		w.running[name] = true
		for _, s := range []string{"ledgersData/pvtdataStore", "ledgersData/stateLeveldb", "transientstore"} {
			w.plant(filepath.Join(w.dir, name, s))
		}
	}
	return w
}

// secret is what was purged and must go; kept must stay.
var secret, kept = []byte("SECRET-of-a-person-1"), []byte("kept")

func (w *ward) plant(dir string) {
	db, err := leveldb.OpenFile(dir, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for i := range 50 {
		key := []byte(fmt.Sprintf("k%03d", i))
		value := append(append([]byte{}, secret...), byte(i))
		if i%2 == 1 {
			value = kept
		}
		if err := db.Put(key, value, nil); err != nil {
			w.t.Fatal(err)
		}
		if i%2 == 0 {
			if err := db.Delete(key, nil); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	if err := db.Put(storeKey("global", storeLastBlock, ""), []byte{height - 1}, nil); err != nil {
		w.t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		w.t.Fatal(err)
	}
}

// height is the number of blocks of the channel.
const height = 7

// mark changes the private data store of a peer.
func (w *ward) mark(peer string, change func(*leveldb.DB) error) {
	w.t.Helper()
	db, err := leveldb.OpenFile(filepath.Join(w.dir, peer, "ledgersData", "pvtdataStore"), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := errors.Join(change(db), db.Close()); err != nil {
		w.t.Fatal(err)
	}
}

// unsweep leaves a purged key to be swept.
func unsweep(db *leveldb.DB) error { return db.Put(storeKey("global", storePurgeMark, "k"), nil, nil) }

func sweep(db *leveldb.DB) error { return db.Delete(storeKey("global", storePurgeMark, "k"), nil) }

func (w *ward) call(what string, effect func()) error {
	w.calls = append(w.calls, what)
	failed := w.fail == what
	if failed {
		w.fail = ""
	}
	if failed && !w.after {
		return errInjected
	}
	effect()
	serving := 0
	for name, up := range w.running {
		if up && !w.sick[name] {
			serving++
		}
	}
	w.least = min(w.least, serving)
	if failed {
		return errInjected
	}
	return nil
}

func (w *ward) Peers(context.Context) (out []ScrubPeer, err error) {
	for i := range len(w.running) {
		p := ScrubPeer{Name: fmt.Sprintf("peer%d", i)}
		if !w.away[p.Name] {
			p.DataDir = filepath.Join(w.dir, p.Name)
		}
		out = append(out, p)
	}
	return out, nil
}

func (w *ward) Standing(context.Context) (Standing, error) {
	s := Standing{Channel: height, Peers: map[string]uint64{}, Unwell: map[string]error{}}
	for p := range w.running {
		if !w.running[p] || w.sick[p] {
			s.Unwell[p] = errors.New("not healthy")
			continue
		}
		s.Peers[p] = height - w.behind[p]
	}
	return s, nil
}

func (w *ward) Stop(_ context.Context, p string) error {
	return w.call("stop "+p, func() { w.running[p] = false })
}

func (w *ward) Start(_ context.Context, p string) error {
	return w.call("start "+p, func() { w.running[p] = true })
}

func (w *ward) options() ScrubOptions {
	return ScrubOptions{State: filepath.Join(w.dir, "scrub.json"), Now: func() time.Time { return time.Unix(0, 0) }, Patience: 300 * time.Millisecond}
}

// residue counts files in which the secret is found.
func (w *ward) residue() int {
	r, err := Scan(w.t.Context(), Options{Roots: []string{w.dir}, Patterns: []Pattern{{Name: "secret", Bytes: secret}}})
	if err != nil {
		w.t.Fatal(err)
	}
	return len(r.Findings)
}

func TestScrubRemovesWhatWasPurgedFromEveryDatabaseAndKeepsTheRest(t *testing.T) {
	t.Parallel()
	w := newWard(t, 3)
	if w.residue() == 0 {
		t.Fatal("the search finds nothing before the scrub either")
	}
	done, err := Scrub(t.Context(), w, w.options())
	if err != nil {
		t.Fatal(err)
	}
	if n := w.residue(); n > 0 {
		t.Errorf("%d findings after the scrub", n)
	}
	if len(done) != 3 || len(done[0].Stores) != 3 || done[0].Height != height || done[0].From != height || done[0].Trim == "" {
		t.Errorf("report %+v", done)
	}
	if w.least < 2 {
		t.Errorf("only %d of 3 peers served at some time", w.least)
	}
	db, err := leveldb.OpenFile(filepath.Join(w.dir, "peer1", "transientstore"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if v, err := db.Get([]byte("k001"), nil); err != nil || !bytes.Equal(v, kept) {
		t.Errorf("a live value: %q, %v", v, err)
	}
}

func TestScrubNeverStopsTheLastHealthyPeer(t *testing.T) {
	t.Parallel()
	w := newWard(t, 2)
	w.sick["peer1"] = true
	_, err := Scrub(t.Context(), w, w.options())
	if !errors.Is(err, ErrLastHealthy) || len(w.calls) > 0 {
		t.Errorf("error %v after %v", err, w.calls)
	}
}

func TestAnInterruptedScrubGoesOnAndEndsWithEveryPeerServing(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"stop peer0", "start peer0", "stop peer1", "start peer1"} {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s fails after effect %v", at, after), func(t *testing.T) {
				t.Parallel()
				w := newWard(t, 2)
				w.fail, w.after = at, after
				if _, err := Scrub(t.Context(), w, w.options()); !errors.Is(err, errInjected) {
					t.Fatalf("error %v", err)
				}
				done, err := Scrub(t.Context(), w, w.options())
				if err != nil {
					t.Fatal(err)
				}
				if len(done) != 2 || w.residue() > 0 || !w.running["peer0"] || !w.running["peer1"] || w.least < 1 {
					t.Errorf("done %d, residue %d, running %v, least %d", len(done), w.residue(), w.running, w.least)
				}
			})
		}
	}
}

func TestAScrubWhoseProgramWasKilledBringsBackThePeerItHadStoppedFirst(t *testing.T) {
	t.Parallel()
	w := newWard(t, 2)
	s := scrubState{Version: 1, Begun: time.Unix(0, 0), Stopped: "peer1"}
	if err := s.save(w.options().State); err != nil {
		t.Fatal(err)
	}
	w.running["peer1"] = false
	if _, err := Scrub(t.Context(), w, w.options()); err != nil {
		t.Fatal(err)
	}
	want := []string{"stop peer1", "start peer1", "stop peer0", "start peer0"}
	if fmt.Sprint(w.calls) != fmt.Sprint(want) {
		t.Errorf("calls %v, want %v", w.calls, want)
	}
}

func TestAScrubThatEndedIsFollowedByANewOne(t *testing.T) {
	t.Parallel()
	w := newWard(t, 2)
	for range 2 {
		if _, err := Scrub(t.Context(), w, w.options()); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.calls) != 8 {
		t.Errorf("calls %v", w.calls)
	}
}

func TestScrubRefusesADirectoryWithoutThePeersDatabases(t *testing.T) {
	t.Parallel()
	w := newWard(t, 2)
	if err := os.RemoveAll(filepath.Join(w.dir, "peer0", "transientstore")); err != nil {
		t.Fatal(err)
	}
	if _, err := Scrub(t.Context(), w, w.options()); err == nil || !w.running["peer0"] {
		t.Errorf("error %v, running %v", err, w.running)
	}
}

func TestScrubRefusesAStateFileItDoesNotKnow(t *testing.T) {
	t.Parallel()
	w := newWard(t, 2)
	if err := os.WriteFile(w.options().State, []byte(`{"version":9}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Scrub(t.Context(), w, w.options()); err == nil || len(w.calls) > 0 {
		t.Errorf("error %v after %v", err, w.calls)
	}
}

// Killed before it stopped the peer, or after it had started it, a run leaves a peer
// that serves; it may be the last one by the time of the next run.
func TestScrubNeverStopsTheLastHealthyPeerWhereAnInterruptedRunLeftIt(t *testing.T) {
	t.Parallel()
	w := newWard(t, 2)
	s := scrubState{Version: 1, Begun: time.Unix(0, 0), Stopped: "peer1"}
	if err := s.save(w.options().State); err != nil {
		t.Fatal(err)
	}
	w.sick["peer0"] = true
	if _, err := Scrub(t.Context(), w, w.options()); !errors.Is(err, ErrLastHealthy) || len(w.calls) > 0 {
		t.Errorf("error %v after %v", err, w.calls)
	}
}

// meddler is a second operator, who scrubs while the first has a peer stopped.
type meddler struct {
	*ward
	meddle func() error
	err    error
}

func (m *meddler) Stop(ctx context.Context, p string) error {
	err := m.ward.Stop(ctx, p)
	if m.meddle != nil {
		m.err, m.meddle = m.meddle(), nil
	}
	return err
}

func TestTwoScrubsOfOneOrganizationAtOnceStopOnePeerOnly(t *testing.T) {
	t.Parallel()
	for name, state := range map[string]string{"one state file": "scrub.json", "two state files": "other.json"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWard(t, 2)
			m := &meddler{ward: w}
			m.meddle = func() error {
				o := w.options()
				o.State = filepath.Join(w.dir, state)
				_, err := Scrub(t.Context(), w, o)
				return err
			}
			if _, err := Scrub(t.Context(), m, w.options()); err != nil {
				t.Fatal(err)
			}
			if !errors.Is(m.err, ErrScrubbing) || w.least < 1 || len(w.calls) != 4 {
				t.Errorf("the second run: %v; %d served at least; calls %v", m.err, w.least, w.calls)
			}
		})
	}
}

// quitter calls the run off while a peer is being stopped or started, which takes ctx's
// word for it.
type quitter struct {
	*ward
	at   string
	quit context.CancelFunc
}

func (q *quitter) Stop(ctx context.Context, p string) error {
	if q.at == "stop" {
		_ = q.ward.Stop(ctx, p)
		q.quit()
		return ctx.Err()
	}
	return q.ward.Stop(ctx, p)
}

func (q *quitter) Start(ctx context.Context, p string) error {
	if q.at == "start" {
		q.at = ""
		q.quit()
		return ctx.Err()
	}
	return q.ward.Start(ctx, p)
}

func TestAScrubThatIsCalledOffLeavesThePeerAtHandServing(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"stop", "start"} {
		t.Run("during "+at, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			w := newWard(t, 2)
			if _, err := Scrub(ctx, &quitter{w, at, cancel}, w.options()); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
			if !w.running["peer0"] || !w.running["peer1"] {
				t.Errorf("running %v", w.running)
			}
		})
	}
}
