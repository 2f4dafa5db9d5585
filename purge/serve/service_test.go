package serve

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"domicile/chaincode/record"
	"domicile/purge"
)

func (f *shelf) service(t testing.TB, yaml string) *Service {
	t.Helper()
	c, err := ParseConfig([]byte("version: 1\nbatch: 10\n" + yaml))
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(c, Backend{
		Ledger: f, Peers: f, Collections: func(context.Context) ([]string, error) { return []string{"us-a"}, f.err },
		Paused: func(context.Context) (bool, error) { return f.paused, f.err },
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// during runs the service for a while of the bubble's time.
func during(t *testing.T, s *Service, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := s.Run(ctx); err != nil {
		t.Error(err)
	}
}

// value is one sample of the service's metrics, such as `purged_records_total` or
// `runs_total{outcome="done"}`; "" when there is none.
func value(t testing.TB, s *Service, name string) string {
	t.Helper()
	for line := range strings.Lines(page(t, s, "/metrics", http.StatusOK)) {
		if v, ok := strings.CutPrefix(line, prefix+name+" "); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

func page(t testing.TB, s *Service, path string, status int) string {
	t.Helper()
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	if w.Code != status {
		t.Errorf("%s answers %d, want %d", path, w.Code, status)
	}
	return w.Body.String()
}

func wantMetrics(t testing.TB, s *Service, want map[string]string) {
	t.Helper()
	for name, v := range want {
		if got := value(t, s, name); got != v {
			t.Errorf("%s is %q, want %q", name, got, v)
		}
	}
}

func TestAServiceRunsWhenItsScheduleSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newShelf().add(25, "1999-12-01").add(3, "2000-01-02").add(2, "2000-06-01")
		s := f.service(t, "schedule: ['30 2 * * *']")
		during(t, s, 2*time.Hour)
		if n := f.gone(t); n != 0 {
			t.Fatalf("%d purged before the schedule", n)
		}
		during(t, s, time.Hour)
		if n := f.gone(t); n != 25 {
			t.Fatalf("%d purged on the first day", n)
		}
		wantMetrics(t, s, map[string]string{
			"purged_records_total": "25", "tombstoned_records_total": "25", `runs_total{outcome="done"}`: "1",
			"batches_total": "3", "short_batches_total": "1", "overdue_days": "0", "left_records": "0", "running": "0",
			"last_success_timestamp_seconds": value(t, s, "last_run_timestamp_seconds"),
			"next_run_timestamp_seconds":     "9.467802e+08", `due_records{collection="us-a"}`: "0",
			`peer_up{peer="peer0"}`: "1", `peer_up{peer="peer1"}`: "0", `peer_swept{peer="peer0"}`: "1",
		})
		during(t, s, 24*time.Hour)
		if n := f.gone(t); n != 28 {
			t.Fatalf("%d purged on the second day", n)
		}
	})
}

// A service that starts anew knows what is overdue before its first run, and not only
// what is held; another service's work shows, too.
func TestWhatIsOverdueIsKnownFromTheFirstLookOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newShelf().add(150, "1999-11-01").add(3, "1999-12-01").add(4, "1999-12-28")
		for _, r := range f.records {
			r.held = r.due == "1999-11-01"
		}
		s := f.service(t, "schedule: ['0 12 * * *']\ngraceDays: 1\nholdBackDays: 5")
		during(t, s, time.Hour)
		wantMetrics(t, s, map[string]string{"overdue_days": "30", `runs_total{outcome="done"}`: ""})
		if _, err := f.service(t, "").Cycle(t.Context()); err != nil {
			t.Fatal(err)
		}
		during(t, s, time.Hour)
		wantMetrics(t, s, map[string]string{"overdue_days": "0"})
		f.add(1, "1999-12-29") // may wait for its batch
		during(t, s, time.Hour)
		wantMetrics(t, s, map[string]string{"overdue_days": "0"})
	})
}

// An outage that the run meets must not say that nothing is overdue.
func TestWhatIsOverdueStaysKnownWhileTheLedgerIsOutOfReach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newShelf().add(3, "1999-12-01")
		s := f.service(t, "schedule: ['30 0 * * *']")
		f.paused = true
		during(t, s, 25*time.Minute)
		wantMetrics(t, s, map[string]string{"overdue_days": "31"})
		f.err = record.Fail(record.CodeUnavailable, "")
		during(t, s, time.Hour)
		wantMetrics(t, s, map[string]string{"overdue_days": "31", `runs_total{outcome="failed"}`: "1"})
	})
}

func TestWithoutAScheduleNothingRuns(t *testing.T) {
	s := newShelf().service(t, "zone: UTC")
	if err := s.Run(t.Context()); err != ErrOff { //nolint:errorlint // this very one
		t.Errorf("error %v", err)
	}
}

func TestAScheduleThatMeetsNoWindowIsRefused(t *testing.T) {
	s := newShelf().service(t, "schedule: ['0 12 * * *']\nwindows: [{from: '22:00', to: '05:00'}]")
	if err := s.Run(t.Context()); record.CodeOf(err) != record.CodeSettings {
		t.Errorf("error %v", err)
	}
}

func TestAWindowThatClosesEndsTheRunAfterTheBatchInHand(t *testing.T) {
	for name, yaml := range map[string]string{
		"window":   "windows: [{from: '01:00', to: '02:00'}]",
		"duration": "maxDuration: 1h",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newShelf().add(100, "1999-12-01")
				f.slow = 25 * time.Minute
				s := f.service(t, "schedule: ['0 1 * * *']\n"+yaml)
				during(t, s, 3*time.Hour)
				if n := f.gone(t); n != 30 {
					t.Errorf("%d purged, want three batches: the third was in hand", n)
				}
				wantMetrics(t, s, map[string]string{
					`runs_total{outcome="window"}`: "1", `runs_total{outcome="failed"}`: "", "left_records": "70",
					"overdue_days": "31", "last_success_timestamp_seconds": "0",
				})
				during(t, s, 3*24*time.Hour)
				if n := f.gone(t); n != 100 {
					t.Errorf("%d purged after four days", n)
				}
			})
		})
	}
}

func TestAStartOutsideOfItsWindowBeginsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newShelf().add(5, "1999-12-01")
		s := f.service(t, "windows: [{days: [sun], from: '01:00', to: '02:00'}]") // 1 January 2000 is a Saturday
		if res, err := s.Cycle(t.Context()); err != nil || res.Cut != OutcomeClosed || f.gone(t) != 0 {
			t.Errorf("%+v, %v", res, err)
		}
		wantMetrics(t, s, map[string]string{`runs_total{outcome="closed"}`: "1"})
	})
}

func TestATermSignalFinishesTheBatchInHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newShelf().add(100, "1999-12-01")
		f.slow = time.Minute
		ctx, cancel := context.WithCancel(t.Context())
		f.hook = func() {
			if f.purges == 2 {
				cancel()
			}
		}
		s := f.service(t, "schedule: ['0 1 * * *']")
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
		if n := f.gone(t); n != 20 {
			t.Errorf("%d purged, want two batches", n)
		}
		wantMetrics(t, s, map[string]string{`runs_total{outcome="stopped"}`: "1", "left_records": "80"})
	})
}

func TestTwoServicesHaveOneEffect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newShelf().add(200, "1999-12-01")
		f.slow = time.Second
		var both sync.WaitGroup
		services := []*Service{f.service(t, "schedule: ['0 1 * * *']"), f.service(t, "schedule: ['0 1 * * *']\njitter: 5s")}
		for _, s := range services {
			both.Go(func() { during(t, s, 2*time.Hour) })
		}
		both.Wait()
		if n := f.gone(t); n != 200 {
			t.Errorf("%d purged", n)
		}
		for _, s := range services {
			wantMetrics(t, s, map[string]string{`runs_total{outcome="done"}`: "1", `failed_total{code="GONE"}`: ""})
		}
	})
}

func TestAClockSetForwardPurgesNothingEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newShelf().add(4, "1999-12-01").add(6, "2005-01-01")
		s := f.service(t, "schedule: ['30 2 * * *']")
		var ahead atomic.Int64
		s.now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		start := time.AfterFunc(time.Hour, func() { ahead.Store(int64(10 * 366 * 24 * time.Hour)) })
		defer start.Stop()
		during(t, s, 2*time.Hour)
		if n := f.gone(t); n != 4 {
			t.Errorf("%d purged", n)
		}
		wantMetrics(t, s, map[string]string{`kept_records{code="NOT_DUE"}`: "6", `runs_total{outcome="done"}`: "1"})
	})
}

func TestAClockSetBackDoesNotSilenceTheService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newShelf().add(4, "1980-12-01")
		s := f.service(t, "schedule: ['30 2 * * *']")
		var ahead atomic.Int64
		s.now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		defer time.AfterFunc(time.Hour, func() { ahead.Store(-int64(10 * 366 * 24 * time.Hour)) }).Stop()
		during(t, s, 3*time.Hour)
		if n := f.gone(t); n != 4 {
			t.Errorf("%d purged", n)
		}
	})
}

func TestGraceDaysCountInTheZoneOfTheService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newShelf().add(2, "1999-12-29").add(3, "1999-12-30").add(4, "1999-12-31")
		s := f.service(t, "graceDays: 2\nzone: America/Phoenix") // there it is still 31 December
		if res, err := s.Cycle(t.Context()); err != nil || res.Purged != 2 {
			t.Errorf("%+v, %v", res, err)
		}
		s = f.service(t, "graceDays: 2")
		if res, err := s.Cycle(t.Context()); err != nil || res.Purged != 3 {
			t.Errorf("%+v, %v", res, err)
		}
	})
}

func TestAnIdleChannelGetsHeartbeatsAndABusyOneNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newShelf()
		s := f.service(t, "schedule: ['0 12 * * *']\nheartbeat: {idle: 10m}")
		during(t, s, time.Hour+time.Minute)
		if n := len(f.beats); n != 5 { // the first look only learns the height
			t.Errorf("%d heartbeats in an idle hour", n)
		}
		f.beats = nil
		var traffic func()
		traffic = func() {
			f.mu.Lock()
			f.block++
			f.mu.Unlock()
			if len(f.beats) == 0 && time.Now().Hour() < 3 {
				time.AfterFunc(time.Minute, traffic)
			}
		}
		traffic()
		during(t, s, time.Hour)
		if n := len(f.beats); n != 0 {
			t.Errorf("%d heartbeats on a busy channel", n)
		}
	})
}

func TestHeartbeatsBringTheBlockInWhichPeersSweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newShelf().add(3, "1999-12-01")
		s := f.service(t, "heartbeat: {purgeInterval: 10, idle: -1s}")
		if _, err := s.Cycle(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s.target != 10 || f.block != 10 {
			t.Errorf("target %d, block %d", s.target, f.block)
		}
		wantMetrics(t, s, map[string]string{`peer_swept{peer="peer0"}`: "1"})
	})
}

func TestAPauseIsShownAndDelaysWithoutFailing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newShelf().add(5, "1999-12-01")
		f.paused = true
		s := f.service(t, "schedule: ['0 1 * * *']")
		during(t, s, 2*time.Hour)
		wantMetrics(t, s, map[string]string{
			`runs_total{outcome="paused"}`: "1", "paused": "1", `kept_records{code="PAUSED"}`: "5", "left_records": "5", "overdue_days": "31",
		})
		f.paused = false
		during(t, s, 24*time.Hour)
		if n := f.gone(t); n != 5 {
			t.Errorf("%d purged", n)
		}
		wantMetrics(t, s, map[string]string{"paused": "0", "overdue_days": "0"})
	})
}

func TestALedgerOutOfReachMakesTheServiceUnreadyAndNotDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newShelf().add(5, "1999-12-01")
		f.err = record.Fail(record.CodeUnavailable, "down")
		s := f.service(t, "schedule: ['0 1 * * *']")
		during(t, s, 2*time.Hour)
		page(t, s, "/healthz", http.StatusOK)
		page(t, s, "/readyz", http.StatusServiceUnavailable)
		wantMetrics(t, s, map[string]string{`runs_total{outcome="failed"}`: "1", "ready": "0"})
		f.err = nil
		during(t, s, 24*time.Hour)
		page(t, s, "/readyz", http.StatusOK)
		if n := f.gone(t); n != 5 {
			t.Errorf("%d purged once it was back", n)
		}
		time.Sleep(time.Hour)
		page(t, s, "/healthz", http.StatusServiceUnavailable) // its loop has ended
	})
}

func TestHeldRecordsAreKeptAndNotOverdue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newShelf().add(3, "1999-12-01")
		for _, r := range f.records {
			r.held = true
		}
		s := f.service(t, "")
		if _, err := s.Cycle(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.observe(t.Context())
		wantMetrics(t, s, map[string]string{
			`kept_records{code="HELD"}`: "3", "overdue_days": "0", `due_records{collection="us-a"}`: "3", `due_oldest_days{collection="us-a"}`: "31",
		})
	})
}

func TestI13_MetricsNameNoRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newShelf().add(12, "1999-12-01")
		s := f.service(t, "schedule: ['0 1 * * *']")
		during(t, s, 2*time.Hour)
		text := page(t, s, "/metrics", http.StatusOK)
		for id := range f.records {
			if strings.Contains(text, id) {
				t.Fatal("an id is in the metrics")
			}
		}
	})
}

func TestADryRunSendsNoHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newShelf().add(5, "1999-12-01")
		s := f.service(t, "schedule: ['0 1 * * *']\nheartbeat: {idle: 10m}")
		s.backend.DryRun, s.backend.Ledger = true, purge.DryRun(f)
		during(t, s, 3*time.Hour)
		if f.block != 1 || f.gone(t) != 0 {
			t.Errorf("a dry run wrote up to block %d", f.block)
		}
	})
}

func ExampleService() {
	config, err := ParseConfig([]byte("version: 1\nschedule: ['30 2 * * *']\nzone: America/Phoenix\ngraceDays: 3\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	ledger := newShelf() // a gateway client, really
	s, err := New(config, Backend{Ledger: ledger, Collections: func(context.Context) ([]string, error) { return []string{"us-a"}, nil }})
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := s.Cycle(context.Background()) // or Run, until the context ends
	fmt.Println(result.Purged, err)
	// Output: 0 <nil>
}
