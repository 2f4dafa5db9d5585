package serve

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"

	"domicile/chaincode/record"
	"domicile/purge"
)

var metricName = regexp.MustCompile(`domicile_purge_[a-z_]+`)

// families are the metrics that a service has, with their labels.
func families(t *testing.T) map[string]string {
	t.Helper()
	ch := make(chan *prometheus.Desc, 1000)
	NewMetrics().registry.Describe(ch)
	close(ch)
	out := map[string]string{}
	desc := regexp.MustCompile(`fqName: "(\w+)".*variableLabels: \{([a-z,]*)\}`)
	for d := range ch {
		m := desc.FindStringSubmatch(d.String())
		if m != nil && strings.HasPrefix(m[1], prefix) {
			out[m[1]] = m[2]
		}
	}
	return out
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestEveryMetricThatRulesDashboardAndManualNameExists(t *testing.T) {
	known := families(t)
	if len(known) < 30 {
		t.Fatalf("only %d metrics found", len(known))
	}
	for _, path := range []string{"../monitoring/alerts.yaml", "../monitoring/dashboard.json", "../../docs/purge.md"} {
		names := metricName.FindAllString(read(t, path), -1)
		if len(names) < 10 {
			t.Errorf("%s names only %d metrics", path, len(names))
		}
		for _, n := range names {
			if _, ok := known[n]; !ok {
				t.Errorf("%s names %s, which no service has", path, n)
			}
		}
	}
}

func TestTheManualAndTheDashboardShowEveryMetric(t *testing.T) {
	manual, shown := read(t, "../../docs/purge.md"), read(t, "../monitoring/dashboard.json")+read(t, "../monitoring/alerts.yaml")
	for n := range families(t) {
		if !strings.Contains(manual, "`"+n+"`") {
			t.Errorf("docs/purge.md lacks %s", n)
		}
		switch n {
		case prefix + "purged_bytes_total", prefix + "running", prefix + "due_oldest_days", prefix + "last_run_timestamp_seconds", prefix + "peer_height":
		default:
			if !strings.Contains(shown, n) {
				t.Errorf("neither rules nor dashboard use %s", n)
			}
		}
	}
}

func TestEveryAlertSaysWhatIsWrongAndWhatToDo(t *testing.T) {
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	d := yaml.NewDecoder(strings.NewReader(read(t, "../monitoring/alerts.yaml")))
	d.KnownFields(true)
	if err := d.Decode(&file); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" || seen[r.Alert] || !metricName.MatchString(r.Expr) || r.Annotations["summary"] == "" || r.Annotations["runbook"] == "" ||
				(r.Labels["severity"] != "warning" && r.Labels["severity"] != "critical") {
				t.Errorf("rule %+v", r)
			}
			if _, err := time.ParseDuration(strings.Replace(r.For, "d", "h", 1)); r.For != "" && err != nil {
				t.Errorf("%s: for %q", r.Alert, r.For)
			}
			if strings.Count(r.Expr, "(") != strings.Count(r.Expr, ")") {
				t.Errorf("%s: expr %q", r.Alert, r.Expr)
			}
			seen[r.Alert] = true
		}
	}
	if len(seen) < 10 {
		t.Errorf("only %d alerts", len(seen))
	}
}

func TestTheDashboardIsJSONWithOneQueryOrMoreInEachPanel(t *testing.T) {
	var d struct {
		Title, UID string
		Panels     []struct {
			ID      int
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(read(t, "../monitoring/dashboard.json")), &d); err != nil || d.UID == "" {
		t.Fatal(err)
	}
	ids := map[int]bool{}
	for _, p := range d.Panels {
		if ids[p.ID] || len(p.Targets) == 0 || !metricName.MatchString(p.Targets[0].Expr) {
			t.Errorf("panel %+v", p)
		}
		ids[p.ID] = true
	}
}

// Labels are made of collection names, codes, outcomes and peer names alone.
func TestI13_NoMetricHasALabelThatCouldNameAPerson(t *testing.T) {
	for n, labels := range families(t) {
		switch labels {
		case "", "collection", "code", "outcome", "peer":
		default:
			t.Errorf("%s has labels %s", n, labels)
		}
	}
	m := NewMetrics()
	m.event(purge.Event{Kind: purge.EventFailed, Code: record.Code("Smith 1970")})
	list, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		if strings.Contains(f.String(), "Smith") {
			t.Errorf("%s repeats an unknown code", f.GetName())
		}
	}
}

func TestEvidenceOfOtherProgramsIsShownByPeer(t *testing.T) {
	s := newShelf().service(t, "")
	s.metrics.evidence([]Evidence{
		{Peer: "peer0", Scrubbed: time.Unix(100, 0), Attested: time.Unix(200, 0), Residue: 2}, {Peer: "peer1"},
	}, Files{})
	wantMetrics(t, s, map[string]string{
		`peer_scrubbed_timestamp_seconds{peer="peer0"}`: "100", `peer_attested_timestamp_seconds{peer="peer0"}`: "200",
		`peer_residue{peer="peer0"}`: "2", `peer_scrubbed_timestamp_seconds{peer="peer1"}`: "", `peer_residue{peer="peer1"}`: "",
	})
}

// A peer that was never scrubbed or searched must not be one that no alert is about.
func TestAPeerOfWhichTheFilesSayNothingShowsAsNever(t *testing.T) {
	s := newShelf().service(t, "")
	s.metrics.evidence([]Evidence{{Peer: "peer0", Scrubbed: time.Unix(100, 0)}, {Peer: "peer1"}}, Files{Scrubs: []string{"scrub.json"}})
	wantMetrics(t, s, map[string]string{
		`peer_scrubbed_timestamp_seconds{peer="peer0"}`: "100", `peer_scrubbed_timestamp_seconds{peer="peer1"}`: "0",
		`peer_attested_timestamp_seconds{peer="peer1"}`: "",
	})
	s.metrics.evidence([]Evidence{{Peer: "peer1"}}, Files{Attestations: []string{"eu.json"}})
	wantMetrics(t, s, map[string]string{`peer_attested_timestamp_seconds{peer="peer1"}`: "0", `peer_residue{peer="peer1"}`: "0"})
}
