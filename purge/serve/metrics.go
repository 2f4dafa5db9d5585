package serve

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"domicile/chaincode/record"
	"domicile/purge"
)

// Metrics are what a service tells monitoring. Labels are collection names, error
// codes, outcomes and peer names: never ids, and nothing about a person.
type Metrics struct {
	registry *prometheus.Registry

	due, oldest, missing, kept  *prometheus.GaugeVec
	left, overdue, heldBack     prometheus.Gauge
	purged, bytes, tombstoned   prometheus.Counter
	withoutEvidence             prometheus.Counter
	batches, short              prometheus.Counter
	conflicts, lagged, beats    prometheus.Counter
	refused, failed, runs       *prometheus.CounterVec
	running, paused, ready      prometheus.Gauge
	lastRun, lastSuccess, next  prometheus.Gauge
	duration                    prometheus.Gauge
	height, lag, up, swept      *prometheus.GaugeVec
	scrubbed, attested, residue *prometheus.GaugeVec
}

const prefix = "domicile_purge_"

// NewMetrics returns metrics in a registry of their own, with those of the process
// and the Go runtime.
func NewMetrics() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: prefix + name, Help: help})
		m.registry.MustRegister(g)
		return g
	}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: prefix + name, Help: help})
		m.registry.MustRegister(c)
		return c
	}
	gauges := func(name, label, help string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: prefix + name, Help: help}, []string{label})
		m.registry.MustRegister(g)
		return g
	}
	counters := func(name, label, help string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: prefix + name, Help: help}, []string{label})
		m.registry.MustRegister(c)
		return c
	}
	m.due = gauges("due_records", "collection", "Entries of the due index, held ones included, at the last look.")
	m.oldest = gauges("due_oldest_days", "collection", "Days since the earliest due date in the index, held ones included; 0 when it is empty.")
	m.missing = gauges("tombstones_missing", "collection", "Purged records whose tombstone is missing or not settled, at the last look.")
	m.kept = gauges("kept_records", "code", "Records of the due index that the last run left, by the reason.")
	m.left = gauge("left_records", "Records that the last run could have purged and did not.")
	m.overdue = gauge("overdue_days", "Days by which the oldest record that could be purged is past its due date and grace, at the last look; 0 when there is none.")
	m.heldBack = gauge("held_back_records", "Records that wait for others to fill up their batch.")
	m.purged = counter("purged_records_total", "Records of which nothing is left in the peers' state.")
	m.bytes = counter("purged_bytes_total", "Bytes of their resources.")
	m.withoutEvidence = counter("without_evidence_records_total", "Records whose purge left nothing that a search of disks could look for.")
	m.tombstoned = counter("tombstoned_records_total", "Records whose purge other regions confirmed.")
	m.batches = counter("batches_total", "Purge transactions.")
	m.short = counter("short_batches_total", "Purge transactions with fewer records than a batch has.")
	m.conflicts = counter("conflicts_total", "Transactions that another run was faster than.")
	m.lagged = counter("lagged_batches_total", "Batches that some peer did not process in time.")
	m.beats = counter("heartbeats_total", "Heartbeat transactions.")
	m.refused = counters("refused_total", "code", "Records met and left alone, by the reason, each run anew.")
	m.failed = counters("failed_total", "code", "Records on which a step failed, by error code, each run anew.")
	m.runs = counters("runs_total", "outcome", "Runs, by how they ended.")
	m.running = gauge("running", "1 while a run is at work.")
	m.paused = gauge("paused", "1 while an officer has stopped the holder's purges, at the last look.")
	m.ready = gauge("ready", "1 when the last look at the ledger succeeded.")
	m.lastRun = gauge("last_run_timestamp_seconds", "When the last run ended.")
	m.lastSuccess = gauge("last_success_timestamp_seconds", "When the last run ended that did all there was to do.")
	m.next = gauge("next_run_timestamp_seconds", "When the next run starts, without jitter.")
	m.duration = gauge("run_duration_seconds", "How long the last run took.")
	m.height = gauges("peer_height", "peer", "Blocks that the peer has processed.")
	m.lag = gauges("peer_lag_blocks", "peer", "Blocks that the peer is behind the first one.")
	m.up = gauges("peer_up", "peer", "1 when the peer answered the last time.")
	m.swept = gauges("peer_swept", "peer", "1 when the peer has processed the block in which the sweep of the last purge is due.")
	m.scrubbed = gauges("peer_scrubbed_timestamp_seconds", "peer", "When the peer's stores were last scrubbed; 0: never, as far as the files say.")
	m.attested = gauges("peer_attested_timestamp_seconds", "peer", "When the peer's stores were last searched whole for purged bytes; 0: never, as far as the files say.")
	m.residue = gauges("peer_residue", "peer", "Fingerprints of purged records found in that search.")
	m.registry.MustRegister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewGoCollector())
	return m
}

// Handler serves the metrics in the Prometheus format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// event counts one thing that happened in a run.
func (m *Metrics) event(e purge.Event) {
	switch e.Kind {
	case purge.EventPurged:
		m.purged.Inc()
		m.bytes.Add(float64(e.Size))
	case purge.EventTombstoned:
		m.tombstoned.Inc()
	case purge.EventSkipped:
		m.refused.WithLabelValues(codeLabel(e.Code)).Inc()
	case purge.EventFailed:
		m.failed.WithLabelValues(codeLabel(e.Code)).Inc()
	}
}

// codeLabel bounds the label to the known codes.
func codeLabel(c record.Code) string {
	if _, known := record.Explain(c); known {
		return string(c)
	}
	return "NONE"
}

// ran takes over the result of a run.
func (m *Metrics) ran(r *purge.Result, outcome string, start, end time.Time) {
	m.withoutEvidence.Add(float64(r.WithoutEvidence))
	m.batches.Add(float64(r.Batches))
	m.short.Add(float64(r.Short))
	m.conflicts.Add(float64(r.Conflicts))
	m.lagged.Add(float64(r.Lagged))
	m.kept.Reset()
	for code, n := range r.Skipped {
		if code != record.CodeGone && code != record.CodeAbsent && code != record.CodeConflict {
			m.kept.WithLabelValues(codeLabel(code)).Set(float64(n))
		}
	}
	m.left.Set(float64(r.Left))
	m.heldBack.Set(float64(r.HeldBack))
	m.runs.WithLabelValues(outcome).Inc()
	m.lastRun.Set(float64(end.Unix()))
	if outcome == OutcomeDone {
		m.lastSuccess.Set(float64(end.Unix()))
	}
	m.duration.Set(end.Sub(start).Seconds())
}

// backlog takes over a look at the due index.
func (m *Metrics) backlog(list []purge.Backlog, today string) {
	for _, b := range list {
		m.due.WithLabelValues(b.Collection).Set(float64(b.Due))
		m.oldest.WithLabelValues(b.Collection).Set(float64(days(b.Oldest, today)))
		m.missing.WithLabelValues(b.Collection).Set(float64(b.TombstoneMissing))
	}
}

// peers takes over the peers' heights; target is the block in which the sweep of the
// last purge is due, 0 when there was none.
func (m *Metrics) peers(list []purge.Height, target uint64) {
	var top uint64
	for _, h := range list {
		if h.Err == nil {
			top = max(top, h.Height)
		}
	}
	for _, h := range list {
		if h.Err != nil {
			m.up.WithLabelValues(h.Peer).Set(0)
			continue
		}
		m.up.WithLabelValues(h.Peer).Set(1)
		m.height.WithLabelValues(h.Peer).Set(float64(h.Height))
		m.lag.WithLabelValues(h.Peer).Set(float64(top - h.Height))
		if target > 0 { // a service that has purged nothing yet knows of no sweep
			m.swept.WithLabelValues(h.Peer).Set(boolGauge(h.Height > target))
		}
	}
}

// evidence takes over what is known of scrubbing and attestation. Where the files are
// named that would say so, a peer of which they say nothing shows as never, which is 0.
func (m *Metrics) evidence(list []Evidence, files Files) {
	for _, e := range list {
		if !e.Scrubbed.IsZero() || len(files.Scrubs) > 0 {
			m.scrubbed.WithLabelValues(e.Peer).Set(float64(seconds(e.Scrubbed)))
		}
		if !e.Attested.IsZero() || len(files.Attestations) > 0 {
			m.attested.WithLabelValues(e.Peer).Set(float64(seconds(e.Attested)))
			m.residue.WithLabelValues(e.Peer).Set(float64(e.Residue))
		}
	}
}

func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func boolGauge(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// days is how many days lie between two dates, 0 when one is missing or the first is
// the later.
func days(from, to string) int {
	a, errA := time.Parse(time.DateOnly, from)
	b, errB := time.Parse(time.DateOnly, to)
	if errA != nil || errB != nil {
		return 0
	}
	return max(0, int(b.Sub(a)/(24*time.Hour)))
}
