package serve

import (
	"strings"
	"testing"
	"time"
)

func mustCalendar(t testing.TB, yaml string) *calendar {
	t.Helper()
	c, err := ParseConfig([]byte("version: 1\n" + yaml))
	if err != nil {
		t.Fatal(err)
	}
	k, err := c.calendar()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func at(t testing.TB, text string) time.Time {
	t.Helper()
	x, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestTheNextStart(t *testing.T) {
	for _, c := range []struct{ name, schedule, zone, now, want string }{
		{"is today when its time is still to come", "30 2 * * *", "UTC", "2026-05-01T02:29:59Z", "2026-05-01T02:30:00Z"},
		{"is never now", "30 2 * * *", "UTC", "2026-05-01T02:30:00Z", "2026-05-02T02:30:00Z"},
		{"is on the wall clock of the zone", "30 2 * * *", "Australia/Sydney", "2026-05-01T00:00:00Z", "2026-05-01T16:30:00Z"},
		{"comes right after an hour that the clocks skip", "30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"},
		{"does so in New York, too", "15 2 * * 0", "America/New_York", "2026-03-07T12:00:00Z", "2026-03-08T07:00:00Z"},
		{"follows the new time on the day after", "30 2 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"},
		{"is the first of two when the clocks repeat the hour", "30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"},
		{"does not come again when they have", "30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"},
		{"does not come again in the repeated hour itself", "30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", "2026-10-26T01:30:00Z"},
		{"copes with half an hour of daylight saving", "15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", "2026-10-03T15:30:00Z"},
		{"is on the leap day", "0 3 29 2 *", "UTC", "2026-03-01T00:00:00Z", "2028-02-29T03:00:00Z"},
		{"waits eight years for the leap day after 2096", "0 3 29 2 *", "UTC", "2096-03-01T00:00:00Z", "2104-02-29T03:00:00Z"},
		{"crosses the year", "@daily", "UTC", "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z"},
		{"crosses it where the year begins first", "@yearly", "Pacific/Kiritimati", "2026-12-31T09:59:59Z", "2026-12-31T10:00:00Z"},
		{"is right in ten years", "0 1 1 * *", "America/Phoenix", "2036-06-15T00:00:00Z", "2036-07-01T08:00:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := mustCalendar(t, "schedule: ['"+c.schedule+"']\nzone: "+c.zone)
			if got := k.next(at(t, c.now)); !got.Equal(at(t, c.want)) {
				t.Errorf("got %s, want %s", got.UTC().Format(time.RFC3339), c.want)
			}
		})
	}
}

func TestTheEarliestOfSeveralSchedulesComesNext(t *testing.T) {
	k := mustCalendar(t, "schedule: ['0 4 * * *', '0 1 * * sat']")
	if got := k.next(at(t, "2026-05-01T12:00:00Z")); !got.Equal(at(t, "2026-05-02T01:00:00Z")) {
		t.Error(got)
	}
}

// In every zone, around every change of the clocks, a daily start comes once a day.
func TestADailyStartComesOnceADayAllYear(t *testing.T) {
	for _, zone := range []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Phoenix", "Africa/Casablanca", "Asia/Beirut"} {
		for _, hour := range []string{"0", "1", "2", "3", "23"} {
			k := mustCalendar(t, "schedule: ['30 "+hour+" * * *']\nzone: "+zone)
			now := time.Date(2026, 1, 1, 0, 0, 0, 0, k.zone)
			end := now.AddDate(1, 0, 0)
			days := map[string]int{}
			for now = k.next(now); now.Before(end); now = k.next(now) {
				days[now.In(k.zone).Format(time.DateOnly)]++
			}
			if len(days) != 365 {
				t.Errorf("%s, %s:30: %d days", zone, hour, len(days))
			}
			for d, n := range days {
				if n != 1 {
					t.Errorf("%s, %s:30: %d starts on %s", zone, hour, n, d)
				}
			}
		}
	}
}

func TestAWindow(t *testing.T) {
	const night = "windows: [{days: [mon, fri], from: '22:00', to: '05:00'}]\nzone: "
	for _, c := range []struct{ name, windows, now, want string }{
		{"is closed before it opens", night + "UTC", "2026-05-04T21:59:59Z", ""},
		{"opens on its minute", night + "UTC", "2026-05-04T22:00:00Z", "2026-05-05T05:00:00Z"},
		{"goes on after midnight", night + "UTC", "2026-05-05T04:59:59Z", "2026-05-05T05:00:00Z"},
		{"closes on its minute", night + "UTC", "2026-05-05T05:00:00Z", ""},
		{"is closed the night after", night + "UTC", "2026-05-05T23:00:00Z", ""},
		{"is shorter when the clocks are put forward", "windows: [{from: '01:00', to: '04:00'}]\nzone: Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T02:00:00Z"},
		{"closes right after an end that the clocks skip", "windows: [{from: '01:00', to: '02:30'}]\nzone: Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z"},
		{"is longer when they are put back", "windows: [{from: '01:00', to: '04:00'}]\nzone: Europe/Berlin", "2026-10-24T23:00:00Z", "2026-10-25T03:00:00Z"},
		{"never ends in the past in the hour that is repeated", "windows: [{from: '01:00', to: '02:45'}]\nzone: Europe/Berlin", "2026-10-25T01:30:00Z", "2026-10-25T01:45:00Z"},
		{"ends with the one that follows it", "windows: [{from: '20:00', to: '24:00'}, {from: '00:00', to: '06:00'}]", "2026-05-04T20:00:00Z", "2026-05-05T06:00:00Z"},
		{"without a gap in the week never ends", "windows: [{from: '00:00', to: '24:00'}]", "2026-05-04T20:00:00Z", "open"},
		{"crosses the leap day", "windows: [{from: '23:00', to: '01:00'}]", "2028-02-28T23:30:00Z", "2028-02-29T01:00:00Z"},
		{"crosses the year", "windows: [{from: '23:00', to: '01:00'}]", "2026-12-31T23:30:00Z", "2027-01-01T01:00:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			end, open := mustCalendar(t, c.windows).closes(at(t, c.now))
			switch {
			case open != (c.want != ""):
				t.Errorf("open %t", open)
			case c.want == "open" && !end.IsZero(), open && c.want != "open" && !end.Equal(at(t, c.want)):
				t.Errorf("closes %s, want %s", end.UTC().Format(time.RFC3339), c.want)
			}
		})
	}
}

func TestAWrongConfigurationNamesItsKey(t *testing.T) {
	for _, c := range []struct{ yaml, want string }{
		{"schedule: ['@daily']", "version: 0 is not known"},
		{"version: 2", "version: 2 is not known"},
		{"version: 1\nshedule: ['@daily']", "field shedule not found"},
		{"version: 1\n---\nversion: 1", "more than one document"},
		{"version: 1\nschedule: ['0 0 2 * * *']", "schedule[0]"},
		{"version: 1\nschedule: ['@every 1h']", "schedule[0]: neither TZ= nor @every"},
		{"version: 1\nschedule: ['TZ=UTC 0 0 * * *']", "schedule[0]: neither TZ="},
		{"version: 1\nschedule: ['0 0 30 2 *']", "schedule[0]: no such day ever comes"},
		{"version: 1\nzone: Mars/Olympus", "zone: not an IANA time zone"},
		{"version: 1\nzone: Local", "zone: not an IANA time zone"},
		{"version: 1\nwindows: [{from: '1:00', to: '02:00'}]", "windows[0]: from"},
		{"version: 1\nwindows: [{from: '01:00', to: '25:00'}]", "windows[0]: to"},
		{"version: 1\nwindows: [{from: '01:00', to: '01:00'}]", "windows[0]: from and to are the same"},
		{"version: 1\nwindows: [{days: [monday], from: '01:00', to: '02:00'}]", "windows[0]: days"},
		{"version: 1\ngraceDays: -1", "graceDays: out of range"},
		{"version: 1\nbatch: 101", "batch: out of range"},
		{"version: 1\nsweepBytes: 5000000", "sweepBytes: out of range"},
		{"version: 1\nmaxDuration: 3 hours", "cannot unmarshal"},
		{"version: 1\nlisten: '9464'", "listen: not host:port"},
		{"version: 1\ntls: {certificate: a}", "tls: certificate and key"},
		{"version: 1\nobserve: 1ms", "observe: at least"},
		{"version: 1\nheartbeat: {idle: 1ms}", "heartbeat.idle: at least"},
	} {
		_, err := ParseConfig([]byte(c.yaml))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "SETTINGS") {
			t.Errorf("%q: error %v, want %q", c.yaml, err, c.want)
		}
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte("version: 1\nschedule: ['30 2 * * *']\nzone: Europe/Berlin\nwindows: [{days: [mon], from: '22:00', to: '05:00'}]"))
	f.Add([]byte("version: 1\nmaxDuration: 3h\njitter: 10m\nheartbeat: {idle: -1s, purgeInterval: 5}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseConfig(data)
		if err != nil {
			return
		}
		k, err := c.calendar()
		if err != nil {
			t.Fatal("parsed, and does not compile")
		}
		for _, now := range []time.Time{time.Date(2026, 3, 29, 0, 30, 0, 0, time.UTC), time.Date(2096, 12, 31, 23, 59, 59, 0, time.UTC)} {
			if next := k.next(now); !next.IsZero() && !next.After(now) {
				t.Fatalf("next start %s is not after %s", next, now)
			}
			if end, open := k.closes(now); open && !end.IsZero() && !end.After(now) {
				t.Fatalf("an open window closed at %s, before %s", end, now)
			}
		}
	})
}

func TestJitterNeverMakesARunMissItsWindow(t *testing.T) {
	c, err := ParseConfig([]byte("version: 1\nschedule: [\"0 2 * * *\"]\njitter: 1h\nwindows: [{from: \"02:00\", to: \"02:10\"}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(c, Backend{})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 3, 2, 2, 0, 0, 0, time.UTC)
	if got := s.mostJitter(start); got != 5*time.Minute {
		t.Errorf("put off by up to %s in a window of ten minutes", got)
	}
	if got := s.mostJitter(start.Add(time.Hour)); got != time.Hour {
		t.Errorf("outside of a window: %s", got)
	}
}
