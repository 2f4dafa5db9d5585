package serve

import (
	"context"
	"errors"
	"time"

	"domicile/chaincode/record"
	"domicile/purge"
)

// errClosed ends a run with its window.
var errClosed = errors.New("the time of the run is up")

// Cycle makes one run now, whatever the schedule says, within window, maximum
// duration and grace of the configuration. The result is never nil. An error joins
// everything that went wrong; a run that its window cut short, or that began outside
// of one, is none.
func (s *Service) Cycle(ctx context.Context) (*purge.Result, error) {
	start := s.now()
	before := s.calendar.today(start, s.config.GraceDays)
	end, open := s.calendar.closes(start)
	if !open {
		s.log.Info("no window is open; nothing begun")
		s.metrics.runs.WithLabelValues(OutcomeClosed).Inc()
		return &purge.Result{Cut: OutcomeClosed}, nil
	}
	if d := s.config.MaxDuration; d > 0 && (end.IsZero() || start.Add(d).Before(end)) {
		end = start.Add(d)
	}
	s.busy.Store(true)
	s.metrics.running.Set(1)
	defer func() { s.busy.Store(false); s.metrics.running.Set(0) }()

	limited, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	if !end.IsZero() {
		go func() {
			if s.until(limited, &wall{now: s.now, last: start}, end) {
				stop(errClosed)
			}
		}()
	}
	result, err := s.purge(limited, before)
	outcome := s.outcome(ctx, limited, result, err)
	if outcome == OutcomeWindow {
		err = unless(err, context.Canceled)
		result.Cut = OutcomeWindow
	}
	s.leftOver(result, err)
	s.metrics.overdue.Set(float64(days(s.oldest, before)))
	s.metrics.ran(result, outcome, start, s.now())
	s.log.Info("run", "outcome", outcome, "purged", result.Purged, "tombstoned", result.Tombstoned,
		"failed", result.Failed, "left", result.Left, "conflicts", result.Conflicts, "batches", result.Batches)
	if ctx.Err() == nil && result.Block > 0 && !s.backend.DryRun {
		s.sweep(ctx, result.Block)
	}
	return result, err
}

// leftOver takes over the oldest record that a run left. A run that was cut short, or that
// failed, may not have read everything, so it can show that something is older and not
// that nothing is.
func (s *Service) leftOver(r *purge.Result, err error) {
	if err == nil && r.Cut == "" || r.Oldest != "" && (s.oldest == "" || r.Oldest < s.oldest) {
		s.oldest = r.Oldest
	}
}

func (s *Service) purge(ctx context.Context, before string) (*purge.Result, error) {
	names, err := s.collections(ctx)
	if err != nil {
		return &purge.Result{Skipped: map[record.Code]int{}}, err
	}
	return purge.Run(ctx, s.backend.Ledger, purge.Options{
		Collections: names, Before: before, HoldBack: s.config.HoldBackDays, Limit: s.config.Limit,
		BatchRecords: s.config.Batch, SweepBytes: s.config.SweepBytes, Share: s.config.Share, Peers: s.pacing(), Canary: s.backend.Canary,
		Progress: func(e purge.Event) {
			s.metrics.event(e)
			if s.backend.Event != nil {
				s.backend.Event(e)
			}
		},
	})
}

func (s *Service) pacing() purge.Peers {
	if s.backend.DryRun {
		return nil
	}
	return s.backend.Peers
}

func (s *Service) collections(ctx context.Context) ([]string, error) {
	if len(s.config.Collections) > 0 {
		return s.config.Collections, nil
	}
	return s.backend.Collections(ctx)
}

// outcome says how a run ended.
func (s *Service) outcome(ctx, limited context.Context, r *purge.Result, err error) string {
	switch {
	case ctx.Err() != nil:
		return OutcomeStopped
	case r.Paused:
		return OutcomePaused
	case errors.Is(context.Cause(limited), errClosed):
		if r.Failed > 0 {
			return OutcomeFailed
		}
		return OutcomeWindow
	case err != nil:
		return OutcomeFailed
	case r.Cut == purge.CutLimit:
		return OutcomeLimit
	}
	return OutcomeDone
}

// unless drops one expected error from those that a run joined.
func unless(err, expected error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		if errors.Is(err, expected) {
			return nil
		}
		return err
	}
	var rest []error
	for _, e := range joined.Unwrap() {
		if !errors.Is(e, expected) {
			rest = append(rest, e)
		}
	}
	return errors.Join(rest...)
}

// sweepWait is how long peers are waited for after a run.
const sweepWait = time.Minute

// sweep sends heartbeats until the block is there in which the peers sweep what was
// purged up to block, and waits for the peers that answer.
func (s *Service) sweep(ctx context.Context, block uint64) {
	every := s.config.Heartbeat.PurgeInterval
	s.target = (block + every - 1) / every * every
	if s.backend.Peers == nil {
		return
	}
	for last := block; last < s.target && ctx.Err() == nil; {
		r, err := s.backend.Peers.Heartbeat(ctx)
		if err != nil {
			s.log.Warn("heartbeat", "code", record.CodeOf(err))
			return
		}
		s.metrics.beats.Inc()
		last = max(last+1, r.Block)
	}
	for deadline := time.Now().Add(sweepWait); time.Now().Before(deadline) && ctx.Err() == nil; {
		heights, err := s.heights(ctx)
		if err == nil && !lagging(heights, s.target) {
			return
		}
		s.nap(ctx)
	}
}

// nap waits a moment between two looks at the peers.
func (s *Service) nap(ctx context.Context) {
	t := time.NewTimer(200 * time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func lagging(heights []purge.Height, block uint64) bool {
	for _, h := range heights {
		if h.Err == nil && h.Height <= block {
			return true
		}
	}
	return false
}

// heights asks the peers how far they are, for monitoring.
func (s *Service) heights(ctx context.Context) ([]purge.Height, error) {
	list, err := s.backend.Peers.Heights(ctx)
	if err != nil {
		return nil, err
	}
	s.metrics.peers(list, s.target)
	return list, nil
}

// keepMoving sends a heartbeat when the channel got no block since the last time.
func (s *Service) keepMoving(ctx context.Context) {
	if s.backend.Peers == nil || s.backend.DryRun || s.config.Heartbeat.Idle < 0 {
		return
	}
	top := s.top
	for _, h := range s.look(ctx) {
		if h.Err == nil {
			s.top = max(s.top, h.Height)
		}
	}
	if s.top > top {
		return
	}
	r, err := s.backend.Peers.Heartbeat(ctx)
	if err != nil {
		s.log.Warn("heartbeat", "code", record.CodeOf(err))
		return
	}
	s.metrics.beats.Inc()
	s.top = max(s.top, r.Block+1)
}

func (s *Service) look(ctx context.Context) []purge.Height {
	list, err := s.heights(ctx)
	if err != nil && ctx.Err() == nil {
		s.log.Warn("heights", "code", record.CodeOf(err))
	}
	return list
}

// observe looks at backlog, peers and pause for monitoring. It decides nothing.
func (s *Service) observe(ctx context.Context) {
	err := s.survey(ctx)
	if err != nil && ctx.Err() == nil {
		s.log.Warn("the ledger does not answer", "code", record.CodeOf(err))
	}
	s.reached.Store(err == nil)
	s.metrics.ready.Set(boolGauge(err == nil))
	if s.backend.Peers != nil {
		s.look(ctx)
	}
	if s.backend.Evidence != nil {
		list, err := s.backend.Evidence(ctx)
		if err != nil {
			s.log.Warn("evidence of scrubbing and attestation", "why", reason(err))
		}
		s.metrics.evidence(list, s.config.Evidence)
	}
}

// overdue looks for the oldest record that ought to be gone, so that one is known
// before the first run ends, and after another service has done the work. What may
// wait for others to fill up its batch is not overdue.
func (s *Service) overdue(ctx context.Context, names []string) error {
	latest := s.calendar.today(s.now(), s.config.GraceDays+s.config.HoldBackDays)
	oldest, whole, err := purge.OldestPurgeable(ctx, s.backend.Ledger, names, latest)
	if err == nil && (oldest != "" || whole) {
		s.oldest = oldest
	}
	return err
}

func (s *Service) survey(ctx context.Context) error {
	names, err := s.collections(ctx)
	if err != nil {
		return err
	}
	before := s.calendar.today(s.now(), s.config.GraceDays)
	list, err := purge.Survey(ctx, s.backend.Ledger, names, before)
	s.metrics.backlog(list, before)
	if err == nil {
		err = s.overdue(ctx, names)
	}
	s.metrics.overdue.Set(float64(days(s.oldest, before)))
	if err != nil || s.backend.Paused == nil {
		return err
	}
	paused, err := s.backend.Paused(ctx)
	s.metrics.paused.Set(boolGauge(paused))
	return err
}
