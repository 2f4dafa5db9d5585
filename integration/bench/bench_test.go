package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
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

// quick runs the program as small as it goes and wants figures in every section.
func quick(t *testing.T, c config) Result {
	t.Helper()
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
	c.bin, c.module, c.quick, c.asJSON = filepath.Join(root, "bin"), root, true, true
	if err := run(t.Context(), c, &stdout, &stderr); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	var got Result
	if err := json.Unmarshal(stdout.Bytes(), &got); err != nil {
		t.Fatal(err)
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
	return got
}

func TestAQuickRunMeasuresEveryPart(t *testing.T) {
	got := quick(t, config{})
	if want := len((&bench{}).parts()); len(got.Sections) != want {
		t.Errorf("%d sections, want %d", len(got.Sections), want)
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

func TestAQuickRunOfThePurgesAtSizeMeasuresEveryPart(t *testing.T) {
	got := quick(t, config{scale: scaleConfig{on: true}})
	if want := len((&bench{}).scaleParts()); len(got.Sections) != want {
		t.Errorf("%d sections, want %d", len(got.Sections), want)
	}
	for _, s := range got.Sections {
		if len(s.Ratios) == 0 {
			t.Errorf("%s: no results", s.Title)
		}
	}
}

func TestASweepIsTimedFromTheBlockThatAskedForIt(t *testing.T) {
	block := func(at string, n int) string {
		return "2026-06-01T10:00:" + at + "Z INFO [kvledger] commit -> [global] Committed block [" + strconv.Itoa(n) + "] with 1 transaction(s) in 30ms (state_validation=5ms block_and_pvtdata_commit=15ms state_commit=5ms) commitHash=[ab]\n"
	}
	sweep := func(at string) string {
		return "2026-06-01T10:00:" + at + "Z INFO [pvtdatastorage] deleteDataMarkedForPurge -> Purged private data from private data storage channel=global numKeysPurged=8 numPrivateDataStoreRecordsPurged=16\n"
	}
	for name, c := range map[string]struct {
		log    string
		purges []uint64
		want   time.Duration
	}{
		"from the block to its end":               {block("01.020", 7) + sweep("01.500"), []uint64{7}, 500 * time.Millisecond},
		"though the block is logged after it":     {sweep("01.010") + block("01.020", 7), []uint64{7}, 10 * time.Millisecond},
		"not from a block that purges nothing":    {block("01.020", 7) + block("02.020", 8) + sweep("02.100"), []uint64{8}, 100 * time.Millisecond},
		"a second one, from the end of the first": {block("01.020", 7) + block("01.520", 8) + sweep("02.000") + sweep("02.300"), []uint64{7, 8}, 1300 * time.Millisecond},
		"without known blocks, from the first":    {block("01.020", 7) + sweep("04.000"), nil, 3 * time.Second},
		"for something else, from the last block": {block("01.020", 7) + block("02.020", 8) + sweep("02.100"), []uint64{}, 100 * time.Millisecond},
	} {
		path := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(path, []byte("no time\n"+c.log), 0o600); err != nil {
			t.Fatal(err)
		}
		var purges map[uint64]bool
		if c.purges != nil {
			purges = map[uint64]bool{}
			for _, n := range c.purges {
				purges[n] = true
			}
		}
		if got, err := (&sweepLog{path: path}).busy(purges); err != nil || got != c.want {
			t.Errorf("%s: %v, %v; want %v", name, got, err, c.want)
		}
	}
}

func TestSizesAscend(t *testing.T) {
	var s sizes
	if err := s.Set("10,200"); err != nil || s.String() != "10,200" {
		t.Errorf("%v, %v", s, err)
	}
	for _, bad := range []string{"", "0", "2,1", "1,x", "1, 2"} {
		if s.Set(bad) == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
