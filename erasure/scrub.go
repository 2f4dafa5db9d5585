package erasure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// ErrLastHealthy means that scrubbing a peer would leave no other healthy peer of
// its organization: nobody could serve, or heal from, what it holds.
var ErrLastHealthy = errors.New("erasure: no other healthy peer would be left")

// ErrScrubbing means that another run scrubs these peers, or with this state file.
var ErrScrubbing = errors.New("erasure: another scrub is at work here")

// ErrNotSwept means that a peer still holds purged data in its state or its private data
// store, not only in the files: compaction would keep it.
var ErrNotSwept = errors.New("erasure: purged data is not swept yet")

// startPatience is how long a peer may take to be back when the run was called off.
const startPatience = 3 * time.Minute

// ScrubPeer is one peer of the organization that is scrubbed.
type ScrubPeer struct {
	Name string `json:"name"`
	// DataDir is its peer.fileSystemPath. "" says that it is on another machine: it counts
	// as a healthy peer when it is one, and is scrubbed there.
	DataDir string `json:"dataDir"`
}

// Standing is how far peers are.
type Standing struct {
	// Channel is the number of blocks of the channel: the most that any known node has.
	Channel uint64
	// Peers are the numbers of blocks of those peers that run, have their ledger open and
	// serve, by name.
	Peers map[string]uint64
	// Unwell says of other peers what is wrong, by name.
	Unwell map[string]error
}

// Operator drives the processes of one organization's peers. [Scrub] calls it from
// one goroutine. Every peer of an organization holds every collection that the
// organization is a member of: where another one of them is healthy, no collection loses
// its last healthy peer.
type Operator interface {
	// Peers lists the organization's peers that hold private data, healthy or not.
	Peers(ctx context.Context) ([]ScrubPeer, error)
	// Standing asks all peers at once how far they are. A peer that does not answer is no
	// error.
	Standing(ctx context.Context) (Standing, error)
	// Stop takes a peer out of service, ends its process in the ordinary way and
	// waits until it is gone. A peer that does not run is no error.
	Stop(ctx context.Context, peer string) error
	// Start starts the organization's chaincode server anew (its memory held
	// plaintext, too) and the peer, and waits until the peer serves. A peer that runs
	// already is no error.
	Start(ctx context.Context, peer string) error
}

// ScrubOptions say how [Scrub] works.
type ScrubOptions struct {
	// State is the file where the run's progress is kept, so that an interrupted
	// run goes on where it stopped. Required. It holds names and times only.
	State string
	// Now is the clock. Required.
	Now func() time.Time
	// Channel is the channel whose purges have to be swept. Default: all of the peers'.
	Channel string
	// Heartbeat, if set, commits a transaction that changes nothing: peers sweep purged
	// data when blocks come, which on an idle channel is never.
	Heartbeat func(ctx context.Context) error
	// Patience is how long a peer may take to sweep, and another one to catch up.
	// Default 30 s.
	Patience time.Duration
	// Progress, if set, is told in a few words what is being done.
	Progress func(string)
}

// Scrubbed is what was done to one peer.
type Scrubbed struct {
	Peer   string `json:"peer"`
	Height uint64 `json:"height"` // of blocks, once it served again
	// From is how many blocks the peer had when its private data store was seen without
	// anything that is purged and not swept, before it was stopped: what blocks from this
	// number on purged was not compacted away. 0: not known.
	From uint64 `json:"from,omitempty"`
	// Missing is how many private write sets the peer had not received then.
	Missing int             `json:"missing,omitempty"`
	Stores  []ScrubbedStore `json:"stores"`
	// Trim says what became of the file system's free blocks.
	Trim string    `json:"trim"`
	Took Took      `json:"took"`
	At   time.Time `json:"at"`
}

// Took is how long the parts of one peer's turn took, in seconds.
type Took struct {
	Sweep   float64 `json:"sweep"` // waiting for other peers' health and the sweep
	Stop    float64 `json:"stop"`  // until the process was gone
	Compact float64 `json:"compact"`
	Start   float64 `json:"start"` // until it served at the height of the channel, and free blocks were trimmed
}

// ScrubbedStore is one database, with the bytes of its files.
type ScrubbedStore struct {
	Dir    string `json:"dir"` // relative to the peer's data
	Before int64  `json:"before"`
	After  int64  `json:"after"`
}

// Scrub removes what was purged from the files of one organization's peers, one
// peer after another: wait until it has swept what was purged ([PrivateStore]), take it
// out of service and stop it, compact every database that holds private data (see
// [Compact]), trim the free blocks of the file system where that can be done, start its
// chaincode server anew and the peer, and go on to the next only when it serves again
// at the height of the channel.
//
// It never stops the last healthy peer ([ErrLastHealthy]): another one must serve, be at the
// height of the channel, and, unless it is on another machine, miss no private data
// that the one has which is stopped. A peer that does not sweep, with Heartbeat or without, is
// left alone ([ErrNotSwept]). Two runs on one machine never work on the same peers at
// once ([ErrScrubbing]). It may be interrupted at
// any point, also by the machine: run it again with the same state file and it
// first brings back the peer it had stopped, compacted. Errors leave the peer at
// hand started if that is possible.
func Scrub(ctx context.Context, op Operator, o ScrubOptions) ([]Scrubbed, error) {
	if o.State == "" {
		return nil, errNoState
	}
	if o.Patience <= 0 {
		o.Patience = 30 * time.Second
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
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
	standing, err := op.Standing(ctx)
	if err != nil {
		return nil, err
	}
	r := &scrubber{scrubState: s, ScrubOptions: o, op: op, peers: slices.Clone(peers), target: standing.Channel}
	return r.all(ctx)
}

var errNoState = errors.New("erasure: scrub needs a state file")

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// scrubber is one run.
type scrubber struct {
	*scrubState
	ScrubOptions
	op     Operator
	peers  []ScrubPeer
	target uint64 // blocks of the channel when the run began: what was purged is in them
}

func (r *scrubber) all(ctx context.Context) ([]Scrubbed, error) {
	// A peer that an interrupted run left stopped comes first, or the next one might be the last.
	slices.SortStableFunc(r.peers, func(a, b ScrubPeer) int { return truth(b.Name == r.Stopped) - truth(a.Name == r.Stopped) })
	for _, p := range r.peers {
		if p.DataDir == "" {
			continue
		}
		if i := slices.IndexFunc(r.Done, func(d Scrubbed) bool { return d.Peer == p.Name }); i >= 0 {
			r.say(p, "the interrupted run compacted it at %s; what was purged since is for the next run", r.Done[i].At.Format(time.RFC3339))
			continue
		}
		if err := r.one(ctx, p); err != nil {
			return r.Done, fmt.Errorf("scrub %s: %w", p.Name, err)
		}
	}
	r.Ended = r.Now().UTC()
	return r.Done, r.save(r.State)
}

func (r *scrubber) say(p ScrubPeer, format string, a ...any) {
	r.Progress(p.Name + ": " + fmt.Sprintf(format, a...))
}

// one scrubs one peer.
func (r *scrubber) one(ctx context.Context, p ScrubPeer) (err error) {
	done := Scrubbed{Peer: p.Name}
	clock := time.Now()
	lap := func(into *float64) {
		now := time.Now()
		*into, clock = float64(now.Sub(clock).Milliseconds())/1000, now
	}
	store, err := r.ready(ctx, p)
	if err != nil {
		return err
	}
	done.From, done.Missing = store.Blocks, store.Missing
	lap(&done.Took.Sweep)
	r.Stopped = p.Name
	if err := r.save(r.State); err != nil {
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
		err = errors.Join(err, r.op.Start(back, p.Name))
	}()
	r.say(p, "stopping")
	if err := r.op.Stop(ctx, p.Name); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	lap(&done.Took.Stop)
	r.say(p, "compacting")
	if done.Stores, err = compactPeer(ctx, p.DataDir); err != nil {
		return err
	}
	lap(&done.Took.Compact)
	// Which takes seconds on a large file system, and no stopped peer.
	trimmed := make(chan string, 1)
	go func() { trimmed <- Trim(p.DataDir) }()
	r.say(p, "starting")
	err = r.op.Start(ctx, p.Name)
	started = ctx.Err() == nil // called off half-way it is started once more
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	if done.Height, err = r.caughtUp(ctx, p); err != nil {
		return fmt.Errorf("is not back: %w", err)
	}
	done.Trim = <-trimmed
	lap(&done.Took.Start)
	done.At = r.Now().UTC()
	r.Done, r.Stopped = append(r.Done, done), ""
	return r.save(r.State)
}
