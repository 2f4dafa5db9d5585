package erasure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// ErrLastHealthy means that scrubbing a peer would leave no other healthy peer of
// its organization: nobody could serve, or heal from, what it holds.
var ErrLastHealthy = errors.New("erasure: no other healthy peer would be left")

// ErrScrubbing means that another run scrubs these peers, or with this state file.
var ErrScrubbing = errors.New("erasure: another scrub is at work here")

// startPatience is how long a peer may take to be back when the run was called off.
const startPatience = 3 * time.Minute

// plaintextStores are the databases of a peer that hold, or held, private data in clear.
var plaintextStores = []string{"pvtdataStore", "stateLeveldb", "transientstore"}

// ScrubPeer is one peer of the organization that is scrubbed.
type ScrubPeer struct {
	Name    string `json:"name"`
	DataDir string `json:"dataDir"` // peer.fileSystemPath
}

// Operator drives the processes of one organization's peers. [Scrub] calls it from
// one goroutine.
type Operator interface {
	// Peers lists the organization's peers that hold private data, healthy or not.
	Peers(ctx context.Context) ([]ScrubPeer, error)
	// Height returns the number of blocks of a healthy peer: one that runs, has
	// its ledger open and serves. Any error means that it is not healthy.
	Height(ctx context.Context, peer string) (uint64, error)
	// Stop takes a peer out of service, ends its process in the ordinary way and
	// waits until it is gone. A peer that does not run is no error.
	Stop(ctx context.Context, peer string) error
	// Start starts the organization's chaincode server anew (its memory held
	// plaintext, too), then the peer, and waits until the peer serves and has
	// caught up. A peer that runs already is no error.
	Start(ctx context.Context, peer string) error
}

// ScrubOptions say how [Scrub] works.
type ScrubOptions struct {
	// State is the file where the run's progress is kept, so that an interrupted
	// run goes on where it stopped. Required. It holds names and times only.
	State string
	// Now is the clock. Required.
	Now func() time.Time
	// Progress, if set, is told in a few words what is being done.
	Progress func(string)
}

// Scrubbed is what was done to one peer.
type Scrubbed struct {
	Peer string `json:"peer"`
	// From is how many blocks it had before it was stopped: what blocks from this number on
	// purged was not compacted away. 0: not known.
	From   uint64          `json:"from,omitempty"`
	Height uint64          `json:"height"` // of blocks, once it served again
	Stores []ScrubbedStore `json:"stores"`
	// Trim says what became of the file system's free blocks.
	Trim string    `json:"trim"`
	At   time.Time `json:"at"`
}

// ScrubbedStore is one database, with the bytes of its files.
type ScrubbedStore struct {
	Dir    string `json:"dir"` // relative to the peer's data
	Before int64  `json:"before"`
	After  int64  `json:"after"`
}

// scrubState is the file of progress.
type scrubState struct {
	Version int        `json:"version"`
	Begun   time.Time  `json:"begun"`
	Stopped string     `json:"stopped,omitempty"` // the peer being worked on
	From    uint64     `json:"from,omitempty"`    // of it, as in Scrubbed
	Done    []Scrubbed `json:"done"`
	Ended   time.Time  `json:"ended,omitzero"`
}

// Scrub removes what was purged from the files of one organization's peers, one
// peer after another: take it out of service and stop it, compact every database
// that holds private data (see [Compact]), trim the free blocks of the file system
// where that can be done, start its chaincode server anew and the peer, and go on to
// the next only when it serves again at the height of the others.
//
// It never stops the last healthy peer ([ErrLastHealthy]), and two runs on one machine
// never work on the same peers at once ([ErrScrubbing]). It may be interrupted at
// any point, also by the machine: run it again with the same state file and it
// first brings back the peer it had stopped, compacted. Errors leave the peer at
// hand started if that is possible.
func Scrub(ctx context.Context, op Operator, o ScrubOptions) ([]Scrubbed, error) {
	if o.State == "" {
		return nil, errNoState
	}
	peers, err := op.Peers(ctx)
	if err != nil {
		return nil, err
	}
	unlock, err := lockScrub(o.State, peers)
	if err != nil {
		return nil, err
	}
	defer unlock()
	s, err := loadScrub(o.State)
	if err != nil {
		return nil, err
	}
	if s.Begun.IsZero() || !s.Ended.IsZero() {
		s = &scrubState{Version: 1, Begun: o.Now().UTC()}
	}
	// A peer that an interrupted run left stopped comes first, or the next one might be the last.
	peers = slices.Clone(peers)
	slices.SortStableFunc(peers, func(a, b ScrubPeer) int { return truth(b.Name == s.Stopped) - truth(a.Name == s.Stopped) })
	for _, p := range peers {
		if i := slices.IndexFunc(s.Done, func(d Scrubbed) bool { return d.Peer == p.Name }); i >= 0 {
			if o.Progress != nil {
				o.Progress(fmt.Sprintf("%s: the interrupted run compacted it at %s; what was purged since is for the next run", p.Name, s.Done[i].At.Format(time.RFC3339)))
			}
			continue
		}
		if err := s.one(ctx, op, o, p, peers); err != nil {
			return s.Done, fmt.Errorf("scrub %s: %w", p.Name, err)
		}
	}
	s.Ended = o.Now().UTC()
	return s.Done, s.save(o.State)
}

var errNoState = errors.New("erasure: scrub needs a state file")

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// one scrubs one peer.
func (s *scrubState) one(ctx context.Context, op Operator, o ScrubOptions, p ScrubPeer, all []ScrubPeer) (err error) {
	say := func(format string, a ...any) {
		if o.Progress != nil {
			o.Progress(p.Name + ": " + fmt.Sprintf(format, a...))
		}
	}
	// The peer that an interrupted run left stopped serves nobody. If it serves, the run ended
	// before it stopped it, or after it had started it, and others may have failed since.
	height, err := op.Height(ctx, p.Name)
	if s.Stopped != p.Name || err == nil {
		if err := othersHealthy(ctx, op, p, all); err != nil {
			return err
		}
		s.From = height // 0 of a peer that does not answer
	}
	s.Stopped = p.Name
	if err := s.save(o.State); err != nil {
		return err
	}
	started := false
	defer func() {
		if started || err == nil {
			return
		}
		// A holder with one peer less is worse off than one that was not scrubbed.
		back, cancel := context.WithTimeout(context.WithoutCancel(ctx), startPatience)
		defer cancel()
		err = errors.Join(err, op.Start(back, p.Name))
	}()
	say("stopping")
	if err := op.Stop(ctx, p.Name); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	done := Scrubbed{Peer: p.Name, From: s.From}
	say("compacting")
	if done.Stores, err = compactPeer(ctx, p.DataDir); err != nil {
		return err
	}
	done.Trim = Trim(p.DataDir)
	say("starting")
	err = op.Start(ctx, p.Name)
	started = ctx.Err() == nil // called off half-way it is started once more
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	if done.Height, err = op.Height(ctx, p.Name); err != nil {
		return fmt.Errorf("is not back: %w", err)
	}
	done.At = o.Now().UTC()
	s.Done, s.Stopped, s.From = append(s.Done, done), "", 0
	return s.save(o.State)
}

// CompactPeer compacts the databases of a stopped peer that hold private data in
// clear; dataDir is its peer.fileSystemPath.
func CompactPeer(ctx context.Context, dataDir string) error {
	_, err := compactPeer(ctx, dataDir)
	return err
}

func compactPeer(ctx context.Context, dataDir string) ([]ScrubbedStore, error) {
	stores, err := storesIn(dataDir)
	if err != nil {
		return nil, err
	}
	var out []ScrubbedStore
	for _, dir := range stores {
		st, err := compactStore(ctx, dataDir, dir)
		if err != nil {
			return out, err
		}
		out = append(out, st)
	}
	return out, nil
}

func othersHealthy(ctx context.Context, op Operator, p ScrubPeer, all []ScrubPeer) error {
	for _, other := range all {
		if other.Name == p.Name {
			continue
		}
		if _, err := op.Height(ctx, other.Name); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%w: heal or start another peer first (domicile network doctor)", ErrLastHealthy)
}

// storesIn finds the databases of a peer that held private data in clear.
func storesIn(dataDir string) ([]string, error) {
	var out []string
	err := filepath.WalkDir(dataDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains(plaintextStores, d.Name()) {
			if _, err := os.Stat(filepath.Join(path, "CURRENT")); err == nil {
				out = append(out, path)
				return fs.SkipDir
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("erasure: look for databases: %w", err)
	}
	for _, want := range plaintextStores {
		if !slices.ContainsFunc(out, func(s string) bool { return filepath.Base(s) == want }) {
			return nil, fmt.Errorf("erasure: %s holds no LevelDB %s: is it the peer's fileSystemPath, and its state database goleveldb?", dataDir, want)
		}
	}
	return out, nil
}

func compactStore(ctx context.Context, root, dir string) (ScrubbedStore, error) {
	rel, err := filepath.Rel(root, dir)
	if err != nil {
		return ScrubbedStore{}, err
	}
	before, err := sizeOf(dir)
	if err != nil {
		return ScrubbedStore{}, err
	}
	if err := Compact(ctx, dir); err != nil {
		return ScrubbedStore{}, err
	}
	// LevelDB's own diary names tables and sizes; an older copy of it is of no use to anybody.
	if err := os.Remove(filepath.Join(dir, "LOG.old")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return ScrubbedStore{}, err
	}
	after, err := sizeOf(dir)
	return ScrubbedStore{Dir: filepath.ToSlash(rel), Before: before, After: after}, err
}

func sizeOf(dir string) (n int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	})
	return n, err
}

// loadScrub reads the file of progress; there being none is a run not begun.
func loadScrub(path string) (*scrubState, error) {
	if path == "" {
		return nil, errNoState
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &scrubState{}, nil
	}
	if err != nil {
		return nil, err
	}
	s := new(scrubState)
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	if err := d.Decode(s); err != nil || s.Version != 1 {
		return nil, fmt.Errorf("erasure: %s is not a scrub's state of a version known here; look whether all peers run, then remove it", path)
	}
	return s, nil
}

// save replaces the file at once, so that a crash leaves the old or the new one.
func (s *scrubState) save(path string) error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".scrub-*")
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
