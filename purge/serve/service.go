package serve

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"domicile/chaincode/record"
	"domicile/purge"
)

// Backend is what a service works with. Ledger and Collections are required.
type Backend struct {
	Ledger purge.Ledger
	// Peers, if set, pace the batches, are watched, and get heartbeats.
	Peers purge.Peers
	// Collections lists what to work on when the configuration does not.
	Collections func(context.Context) ([]string, error)
	// Paused, if set, asks whether an officer has stopped the holder's purges,
	// for monitoring; the contract enforces it in any case.
	Paused func(context.Context) (bool, error)
	// Evidence, if set, tells what is known of the peers' disks.
	Evidence func(context.Context) ([]Evidence, error)
	// Canary, if set, stores a record about nobody for each batch, see
	// [purge.Options].
	Canary func(ctx context.Context, collection, before string) (purge.Item, error)
	// DryRun says that Ledger writes nothing, so that no heartbeats are sent.
	DryRun bool
	// Log gets one line for each run and each trouble: counts and codes. Default:
	// nowhere.
	Log *slog.Logger
	// Event, if set, is called for each thing that happened to a record.
	Event func(purge.Event)
	// Now is the wall clock. Default [time.Now]. A wrong one makes the service ask
	// at the wrong time, for too much or too little; what is due is decided by the
	// contract, which goes by the transaction's time.
	Now func() time.Time
}

// Evidence says what is known of one peer's disks.
type Evidence struct {
	Peer     string
	Scrubbed time.Time // zero: never
	Attested time.Time // last search that left nothing out; zero: never
	Residue  int       // places with bytes of purged records, by the last search
}

// How a run ends.
const (
	OutcomeDone    = "done"    // all there was to do
	OutcomeFailed  = "failed"  // a record, or the ledger, was in the way
	OutcomeWindow  = "window"  // the window closed or the time was up
	OutcomeLimit   = "limit"   // as many as the configuration allows
	OutcomePaused  = "paused"  // an officer has stopped the purges
	OutcomeStopped = "stopped" // the service was told to end
	OutcomeClosed  = "closed"  // no window was open: nothing was begun
)

// Service runs purges on a schedule. Make one with [New].
type Service struct {
	config   Config
	calendar *calendar
	backend  Backend
	metrics  *Metrics
	log      *slog.Logger
	now      func() time.Time
	random   *rand.Rand

	target  uint64       // block in which the sweep of the last purge is due
	oldest  string       // due date of the oldest record that ought to be gone, as known last
	top     uint64       // blocks of the channel at the last look
	busy    atomic.Bool  // a run is at work
	beat    atomic.Int64 // when the loop turned last, Unix seconds
	reached atomic.Bool  // the last look at the ledger succeeded
}

// New returns a service. An error is of the configuration.
func New(c *Config, b Backend) (*Service, error) {
	k, err := c.calendar()
	if err != nil {
		return nil, settings(err)
	}
	s := &Service{
		config: *c, calendar: k, backend: b, metrics: NewMetrics(), log: b.Log, now: time.Now,
		random: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())),
	}
	if b.Now != nil {
		s.now = b.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s, nil
}

// step is how long the service sleeps at most before it looks at the clock again,
// setBack how far the clock may go back unnoticed.
const (
	step    = 30 * time.Second
	setBack = time.Minute
)

// Run serves until ctx ends, finishes the batch in hand and returns nil. It returns
// [ErrOff] when the configuration has no schedule, and an error when the schedule
// never meets a window. Trouble with the ledger does not end it.
func (s *Service) Run(ctx context.Context) error {
	if len(s.calendar.starts) == 0 {
		return ErrOff
	}
	if !s.meets(s.now()) {
		return settings(errors.New("no start of the schedule falls into a window"))
	}
	clock := &wall{now: s.now}
	now := clock.read()
	run, look, beat := s.calendar.next(now), now, s.afterIdle(now)
	for {
		s.metrics.next.Set(float64(run.Unix()))
		if !s.until(ctx, clock, earliest(run, look, beat)) {
			return nil
		}
		if now = clock.read(); clock.back {
			s.log.Warn("the clock was set back; counting from its new time")
			clock.back = false
			run, look, beat = s.calendar.next(now), now, s.afterIdle(now)
		}
		if !now.Before(run) {
			s.putOff(ctx, clock)
			if _, err := s.Cycle(ctx); err != nil && ctx.Err() == nil {
				s.tell(err)
			}
			now = clock.read()
			run, look = s.calendar.next(now), now
		}
		if !now.Before(beat) {
			s.keepMoving(ctx)
			beat = s.afterIdle(clock.read())
		}
		if !now.Before(look) {
			s.observe(ctx)
			look = clock.read().Add(s.config.Observe)
		}
	}
}

// wall is the wall clock of one loop. It compares every reading with the one before,
// so that no time is ever counted from a clock that was set back since, unnoticed.
type wall struct {
	now  func() time.Time
	last time.Time
	back bool // set back by more than setBack since the loop took note
}

func (w *wall) read() time.Time {
	t := w.now()
	w.back = w.back || t.Before(w.last.Add(-setBack))
	w.last = t
	return t
}

// meets reports whether one of the coming starts falls into a window.
func (s *Service) meets(now time.Time) bool {
	for range 10_000 {
		if now = s.calendar.next(now); now.IsZero() {
			return false
		}
		if _, open := s.calendar.closes(now); open {
			return true
		}
	}
	return false
}

// afterIdle is when the channel is next looked at for a heartbeat.
func (s *Service) afterIdle(now time.Time) time.Time {
	if s.config.Heartbeat.Idle < 0 {
		return now.AddDate(100, 0, 0)
	}
	return now.Add(s.config.Heartbeat.Idle)
}

func earliest(times ...time.Time) time.Time {
	best := times[0]
	for _, t := range times[1:] {
		if t.Before(best) {
			best = t
		}
	}
	return best
}

// until waits for a time on the wall clock and returns early when the clock was set
// back. False: ctx ended.
func (s *Service) until(ctx context.Context, clock *wall, t time.Time) bool {
	for {
		s.beat.Store(time.Now().Unix())
		now := clock.read()
		if ctx.Err() != nil {
			return false
		}
		if !now.Before(t) || clock.back {
			return true
		}
		wait := time.NewTimer(min(t.Sub(now), step))
		select {
		case <-wait.C:
		case <-ctx.Done():
		}
		wait.Stop()
	}
}

// putOff waits for a random part of the jitter.
func (s *Service) putOff(ctx context.Context, clock *wall) {
	now := clock.read()
	if most := s.mostJitter(now); most > 0 {
		s.until(ctx, clock, now.Add(time.Duration(s.random.Int64N(int64(most)))))
	}
}

// mostJitter is how long a start at now may be put off: never beyond half of the window
// that is open, or the run would miss it.
func (s *Service) mostJitter(now time.Time) time.Duration {
	if end, open := s.calendar.closes(now); open && !end.IsZero() {
		return min(s.config.Jitter, end.Sub(now)/2)
	}
	return s.config.Jitter
}

// tell logs why a run did not do all that is due. A pause is what an officer wanted.
func (s *Service) tell(err error) {
	level := slog.LevelError
	if record.CodeOf(err) == record.CodePaused {
		level = slog.LevelInfo
	}
	s.log.Log(context.Background(), level, "run", "code", record.CodeOf(err), "why", reason(err))
}

// reason is an error for a log line: code and place, without the ids that the
// detail may name.
func reason(err error) string {
	if code := record.CodeOf(err); code != "" {
		info, _ := record.Explain(code)
		return info.Means
	}
	return err.Error()
}
