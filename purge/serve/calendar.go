package serve

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// calendar says when runs start and when they must end. All its decisions are made
// on the wall clock of the zone, so that 02:30 means what the people there read.
type calendar struct {
	zone    *time.Location
	starts  []cron.Schedule
	windows []window
}

// Window is a time of the day, on some days, in which a run may work.
type Window struct {
	// Days are the days it begins on: mon, tue, wed, thu, fri, sat, sun. Default
	// all of them.
	Days []string `yaml:"days"`
	// From and To are HH:MM. A To not after From is on the next day; 24:00 is
	// midnight.
	From string `yaml:"from"`
	To   string `yaml:"to"`
}

// window is a compiled [Window]; from and to are minutes since midnight of the day
// it begins on, to up to two days later.
type window struct {
	days     [7]bool
	from, to int
}

var dayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

func (w Window) compile() (window, error) {
	out := window{}
	for _, d := range w.Days {
		i := slices.Index(dayNames, strings.ToLower(d))
		if i < 0 {
			return out, errors.New("days: not one of " + strings.Join(dayNames, ", "))
		}
		out.days[i] = true
	}
	if len(w.Days) == 0 {
		out.days = [7]bool{true, true, true, true, true, true, true}
	}
	var err error
	if out.from, err = minutes(w.From); err != nil || out.from == 24*60 {
		return out, errors.New("from: not HH:MM")
	}
	if out.to, err = minutes(w.To); err != nil {
		return out, errors.New("to: not HH:MM")
	}
	if out.from == out.to {
		return out, errors.New("from and to are the same")
	}
	if out.to < out.from {
		out.to += 24 * 60
	}
	return out, nil
}

func minutes(text string) (int, error) {
	if text == "24:00" {
		return 24 * 60, nil
	}
	t, err := time.Parse("15:04", text)
	if err != nil || len(text) != 5 {
		return 0, errors.New("not HH:MM")
	}
	return t.Hour()*60 + t.Minute(), nil
}

// parseCron reads one expression of five fields. The zone has a key of its own, and
// an interval from no fixed hour would make every restart another schedule.
func parseCron(expr string) (cron.Schedule, error) {
	if strings.Contains(expr, "TZ=") || strings.HasPrefix(expr, "@every") {
		return nil, errors.New("neither TZ= nor @every can be used; zone names the time zone")
	}
	s, err := cron.ParseStandard(expr)
	if err != nil {
		return nil, fmt.Errorf("not a cron expression of five fields: %w", err)
	}
	if after(s, time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return nil, errors.New("no such day ever comes")
	}
	return s, nil
}

// after is the schedule's next wall time, zero when there is none. The library
// looks five years ahead, which leap days at the turn of a century exceed.
func after(s cron.Schedule, wall time.Time) time.Time {
	if w := s.Next(wall); !w.IsZero() {
		return w
	}
	return s.Next(wall.AddDate(4, 6, 0))
}

// next returns the first start after now.
func (k *calendar) next(now time.Time) time.Time {
	var best time.Time
	wall := wallOf(now.In(k.zone))
	for _, s := range k.starts {
		for w := after(s, wall); !w.IsZero(); w = after(s, w) {
			if t := k.instant(w); t.After(now) {
				if best.IsZero() || t.Before(best) {
					best = t
				}
				break
			}
		}
	}
	return best
}

// wallOf is what a clock on the wall shows, as if it stood in UTC.
func wallOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// instant is the first moment at which the clocks of the zone show wall; when they
// skip it, the moment they do.
func (k *calendar) instant(wall time.Time) time.Time {
	t := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), 0, k.zone)
	start, end := t.ZoneBounds()
	shown := wallOf(t)
	switch {
	case shown.After(wall):
		return start
	case shown.Before(wall):
		return end
	case start.IsZero():
		return t
	}
	// Shown twice, if the clocks went back shortly before t.
	_, before := start.Add(-time.Second).Zone()
	_, now := t.Zone()
	if first := t.Add(time.Duration(now-before) * time.Second); before > now && first.Before(start) {
		return first
	}
	return t
}

// closes reports whether a run may work at now, and until when; the zero time means
// without end.
func (k *calendar) closes(now time.Time) (end time.Time, open bool) {
	if len(k.windows) == 0 {
		return time.Time{}, true
	}
	wall := wallOf(now.In(k.zone))
	until, open := k.covered(wall)
	if !open {
		return time.Time{}, false
	}
	for range 2 * 7 * len(k.windows) { // windows that follow one another
		further, more := k.covered(until)
		if !more {
			break
		}
		until = further
		if until.Sub(wall) > 8*24*time.Hour {
			return time.Time{}, true // no gap in a whole week
		}
	}
	end = k.instant(until)
	if !end.After(now) { // the second time that the clocks show this hour
		end = now.Add(until.Sub(wall))
	}
	return end, true
}

// covered reports whether a window is open at a wall time, and the latest end of
// those that are.
func (k *calendar) covered(wall time.Time) (end time.Time, open bool) {
	for _, w := range k.windows {
		for back := range 2 {
			day := time.Date(wall.Year(), wall.Month(), wall.Day()-back, 0, 0, 0, 0, time.UTC)
			from, to := day.Add(time.Duration(w.from)*time.Minute), day.Add(time.Duration(w.to)*time.Minute)
			if w.days[day.Weekday()] && !wall.Before(from) && wall.Before(to) && to.After(end) {
				end, open = to, true
			}
		}
	}
	return end, open
}

// today is the day that a date YYYY-MM-DD is compared with, days earlier.
func (k *calendar) today(now time.Time, days int) string {
	return now.In(k.zone).AddDate(0, 0, -days).Format(time.DateOnly)
}
