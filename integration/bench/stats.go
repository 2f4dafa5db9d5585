package main

import (
	"fmt"
	"math"
	"slices"
)

// maxSpread is the spread above which a ratio is not printed: the figures of one
// side then differ among themselves by as much as the ratio wants to show.
const maxSpread = 0.25

// Series is one figure, measured once in each round.
type Series struct {
	Name   string    `json:"name"`
	Unit   string    `json:"unit"`
	Rounds []float64 `json:"rounds"`
	Median float64   `json:"median"`
	// P25 and P75 are the quartiles, linearly interpolated.
	P25 float64 `json:"p25"`
	P75 float64 `json:"p75"`
	Min float64 `json:"min"`
	Max float64 `json:"max"`
	// Spread is the distance of the quartiles over the median.
	Spread float64 `json:"spread"`
}

// series summarises rounds, of which there must be at least one.
func series(name, unit string, rounds []float64) Series {
	sorted := slices.Sorted(slices.Values(rounds))
	s := Series{
		Name: name, Unit: unit, Rounds: rounds,
		Median: quantile(sorted, 0.5), P25: quantile(sorted, 0.25), P75: quantile(sorted, 0.75),
		Min: sorted[0], Max: sorted[len(sorted)-1],
	}
	if s.Median != 0 {
		s.Spread = (s.P75 - s.P25) / math.Abs(s.Median)
	}
	return s
}

// quantile of sorted values, linearly interpolated.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	low := int(at)
	if low+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[low] + (at-float64(low))*(sorted[low+1]-sorted[low])
}

// Ratio compares the medians of two series, unless one of them spreads too far.
type Ratio struct {
	Name string `json:"name"`
	// Value is absent when the ratio is refused.
	Value   *float64 `json:"value,omitempty"`
	Refused string   `json:"refused,omitempty"`
	Aim     string   `json:"aim,omitempty"`
	// Reached says whether the aim was; absent without an aim or a value.
	Reached *bool `json:"reached,omitempty"`
}

// aim is what a figure should be: at least or at most a value; the zero value is
// no aim.
type aim struct {
	least bool
	value float64
	unit  string
}

func atLeast(v float64) aim          { return aim{true, v, ""} }
func atMost(v float64, u string) aim { return aim{false, v, u} }
func (a aim) met(v float64) bool     { return a.least == (v >= a.value) || v == a.value }
func (a aim) set() bool              { return a != aim{} }
func (a aim) String() string {
	if !a.set() {
		return ""
	}
	sign := "≤"
	if a.least {
		sign = "≥"
	}
	return fmt.Sprintf("%s %g%s", sign, a.value, a.unit)
}

func ratio(name string, over, under Series, a aim) Ratio {
	r := Ratio{Name: name, Aim: a.String()}
	for _, s := range []Series{over, under} {
		if s.Spread > maxSpread {
			r.Refused = fmt.Sprintf("%s spreads over %.0f %%, more than %.0f %%", s.Name, 100*s.Spread, 100*maxSpread)
			return r
		}
	}
	if under.Median == 0 {
		r.Refused = under.Name + " is zero"
		return r
	}
	return r.with(over.Median/under.Median, a)
}

// figure is a ratio to nothing: a plain value with an aim.
func figure(s Series, a aim) Ratio { return Ratio{Name: s.Name, Aim: a.String()}.with(s.Median, a) }

func (r Ratio) with(v float64, a aim) Ratio {
	r.Value = &v
	if a.set() {
		met := a.met(v)
		r.Reached = &met
	}
	return r
}
