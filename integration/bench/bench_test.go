package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Flags of the tests on a real network, which all packages of integration take.
var (
	required = flag.Bool("network-required", false, "fail, instead of skipping, where the programs are not built")
	_        = flag.Bool("soak", false, "not used here")
	_        = flag.Bool("keep", false, "not used here")
	_        = flag.String("network", "", "not used here")
)

// root is the repository, seen from this folder.
const root = "../.."

func TestAQuickRunMeasuresEveryPart(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short: no network is started")
	}
	if _, err := os.Stat(filepath.Join(root, "bin", "peer")); err != nil {
		if *required {
			t.Fatal("bin/peer is missing: run `make build` first")
		}
		t.Skip("SKIPPED: bin/peer is missing: run `make build` first")
	}
	var stdout, stderr bytes.Buffer
	c := config{bin: filepath.Join(root, "bin"), module: root, quick: true, asJSON: true}
	if err := run(t.Context(), c, &stdout, &stderr); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	var got Result
	if err := json.Unmarshal(stdout.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if want := len((&bench{}).parts()); len(got.Sections) != want {
		t.Errorf("%d sections, want %d", len(got.Sections), want)
	}
	for _, s := range got.Sections {
		if len(s.Series) == 0 {
			t.Errorf("%s: no figures", s.Title)
		}
		for _, x := range s.Series {
			if len(x.Rounds) == 0 {
				t.Errorf("%s: %s: no rounds", s.Title, x.Name)
			}
		}
	}
}

func TestQuartilesAreInterpolated(t *testing.T) {
	for name, c := range map[string]struct {
		rounds                   []float64
		p25, median, p75, spread float64
	}{
		"one round is its own median":        {[]float64{7}, 7, 7, 7, 0},
		"two rounds have the mean between":   {[]float64{2, 1}, 1.25, 1.5, 1.75, 1. / 3},
		"five rounds have the middle one":    {[]float64{5, 1, 4, 2, 3}, 2, 3, 4, 2. / 3},
		"equal rounds do not spread":         {[]float64{3, 3, 3, 3}, 3, 3, 3, 0},
		"negative figures spread positively": {[]float64{-4, -2, -6}, -5, -4, -3, 0.5},
	} {
		s := series(name, "", c.rounds)
		if s.P25 != c.p25 || s.Median != c.median || s.P75 != c.p75 || s.Spread != c.spread {
			t.Errorf("%s: %v %v %v, spread %v; want %v %v %v, spread %v", name, s.P25, s.Median, s.P75, s.Spread, c.p25, c.median, c.p75, c.spread)
		}
	}
}

func TestARatioIsRefusedWhenASideSpreadsTooFar(t *testing.T) {
	calm, wild := series("calm", "", []float64{10, 10, 10}), series("wild", "", []float64{5, 10, 15})
	if r := ratio("r", calm, wild, atLeast(1)); r.Value != nil || !strings.Contains(r.Refused, "wild") {
		t.Errorf("a ratio to a side that spreads by half has the value %v, refused %q", r.Value, r.Refused)
	}
	r := ratio("r", calm, series("slow", "", []float64{5}), atMost(1.5, ""))
	if r.Value == nil || *r.Value != 2 || r.Reached == nil || *r.Reached {
		t.Errorf("10 over 5 with the aim of at most 1.5 is %+v", r)
	}
	if r := ratio("r", calm, series("none", "", []float64{0}), aim{}); r.Refused == "" {
		t.Error("a ratio to zero was not refused")
	}
}

func TestResourcesHaveTheirSizeAndAreAllDifferent(t *testing.T) {
	a, b := resource("2026"), resource("2026")
	if len(a) != payload || bytes.Equal(a, b) || !json.Valid(a) {
		t.Errorf("%d bytes, want %d; equal %t; JSON %t", len(a), payload, bytes.Equal(a, b), json.Valid(a))
	}
}

func TestOnlySweepsAfterTheOffsetCount(t *testing.T) {
	const line = "INFO [pvtdatastorage] deleteDataMarkedForPurge -> Purged private data from private data storage channel=global numKeysPurged=8 numPrivateDataStoreRecordsPurged=16\n"
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte(line+"INFO other\n"+line+line), 0o600); err != nil {
		t.Fatal(err)
	}
	l := &sweepLog{path: path, from: int64(len(line))}
	if n, err := l.count(); err != nil || n != 16 {
		t.Errorf("%d keys, %v; want 16", n, err)
	}
	if err := l.purged(t.Context(), 16); err != nil {
		t.Error(err)
	}
}
