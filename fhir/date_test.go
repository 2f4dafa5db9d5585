package fhir

import (
	"encoding/json"
	"errors"
	"testing"
	"time"
)

func TestParseDateRoundsTowardsKeeping(t *testing.T) {
	for in, want := range map[string]string{
		"2019":                           "2019-12-31",
		"2019-04":                        "2019-04-30",
		"2019-02":                        "2019-02-28",
		"2020-02":                        "2020-02-29",
		"1900-02":                        "1900-02-28",
		"2000-02-29":                     "2000-02-29",
		"2019-05-17":                     "2019-05-17",
		"0001":                           "0001-12-31",
		"2019-12-31T23:30:00-05:00":      "2020-01-01", // UTC is later
		"2020-01-01T00:30:00+05:00":      "2020-01-01", // the calendar there is later
		"2020-01-01T00:30:00Z":           "2020-01-01",
		"2020-01-01T10:00:00.123456789Z": "2020-01-01",
		"2016-12-31T23:59:60Z":           "2017-01-01", // leap second
		"2019-12-31T10:01:00-14:00":      "2020-01-01",
		"2019-12-31T00:00:00+14:00":      "2019-12-31",
		"9999-12-31T23:00:00-05:00":      "9999-12-31",
	} {
		d, err := ParseDate(in)
		if err != nil || d.String() != want {
			t.Errorf("ParseDate(%q) = %v, %v, want %s", in, d, err, want)
		}
	}
}

func TestParseDateInCountsTheDayOfTheKeepersZone(t *testing.T) {
	for zone, days := range map[string]map[string]string{
		"Australia/Brisbane": {
			"2019-12-31T13:59:59Z":      "2019-12-31",
			"2019-12-31T14:00:00Z":      "2020-01-01",
			"2019-12-31T23:30:00-05:00": "2020-01-01",
			"2019-12-31":                "2019-12-31",
			"2019":                      "2019-12-31",
			"9999-12-31T23:00:00Z":      "9999-12-31",
		},
		"Europe/Berlin": { // one hour before UTC in winter, two in summer
			"2019-12-31T22:59:59Z": "2019-12-31",
			"2019-12-31T23:00:00Z": "2020-01-01",
			"2019-06-30T22:00:00Z": "2019-07-01",
		},
		"Pacific/Kiritimati": {"2019-12-31T10:00:00Z": "2020-01-01"}, // UTC+14
		"America/Phoenix":    {"2020-01-01T03:00:00Z": "2020-01-01"}, // in doubt the later
	} {
		location, err := time.LoadLocation(zone)
		if err != nil {
			t.Skip("this machine has no time zones")
		}
		for in, want := range days {
			if d, err := ParseDateIn(in, location); err != nil || d.String() != want {
				t.Errorf("ParseDateIn(%q, %s) = %v, %v, want %s", in, zone, d, err, want)
			}
		}
	}
}

func TestParseDateRefusesEverythingElse(t *testing.T) {
	for _, in := range []string{
		"", "0000", "19", "2019-", "2019-5", "2019-13", "2019-00", "2019-02-29", "2019-04-31", "2019-01-00", "2019-1-1",
		"20190517", "2019/05/17", " 2019", "2019 ", "2019-05-17T", "2019-05-17T10", "2019-05-17T10:00Z",
		"2019-05-17T10:00:00", "2019-05-17 10:00:00Z", "2019-05-17t10:00:00z", "2019-05-17T24:00:00Z",
		"2019-05-17T10:60:00Z", "2019-05-17T10:00:61Z", "2019-05-17T10:00:00.Z", "2019-05-17T10:00:00+15:00",
		"2019-05-17T10:00:00+14:01", "2019-05-17T10:00:00+5:00", "2019-05-17T10:00:00+0500", "2019-05-17T10:00:00Zx",
		"2019-05T10:00:00Z", "2019-05-17+02:00", "-2019", "+2019", "٢٠١٩",
	} {
		if d, err := ParseDate(in); !errors.Is(err, ErrDate) || !d.IsZero() {
			t.Errorf("ParseDate(%q) = %v, %v", in, d, err)
		}
	}
}

func TestAddPeriodFollowsTheCalendarAndNeverShortens(t *testing.T) {
	tests := []struct{ from, period, want string }{
		{"2019-05-17", "0d", "2019-05-17"},
		{"2019-05-17", "0y", "2019-05-17"},
		{"2019-05-31", "0m", "2019-05-31"},
		{"2019-05-17", "6y", "2025-05-17"},
		{"2020-02-29", "1y", "2021-03-01"}, // no 29 February: keep until 1 March
		{"2020-02-29", "4y", "2024-02-29"},
		{"1896-02-29", "4y", "1900-03-01"},
		{"2019-01-31", "1m", "2019-03-01"},
		{"2020-01-30", "1m", "2020-03-01"},
		{"2019-08-31", "18m", "2021-03-01"},
		{"2019-12-31", "12m", "2020-12-31"},
		{"2019-11-30", "3m", "2020-03-01"},
		{"2019-12-31", "1d", "2020-01-01"},
		{"2020-02-28", "30d", "2020-03-29"},
		{"9999-12-31", "1d", "9999-12-31"},
		{"2019-05-17", "99999y", "9999-12-31"},
		{"2019-05-17", "99999m", "9999-12-31"},
	}
	for _, tt := range tests {
		d, err := ParseDate(tt.from)
		if err != nil {
			t.Fatal(err)
		}
		p, err := ParsePeriod(tt.period)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.AddPeriod(p).String(); got != tt.want {
			t.Errorf("%s + %s = %s, want %s", tt.from, tt.period, got, tt.want)
		}
	}
}

func TestAddPeriodGrowsWithTheDayAndThePeriod(t *testing.T) {
	day := time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, unit := range []byte("ymd") {
		for n := range 26 {
			last := Date{}
			for i := range 5 * 366 {
				from := DateOf(day.AddDate(0, 0, i))
				got := from.AddPeriod(Period{n, unit})
				if got.Compare(last) < 0 {
					t.Fatalf("%v + %d%c is before that of the day before", from, n, unit)
				}
				if got.Compare(from.AddPeriod(Period{n + 1, unit})) >= 0 {
					t.Fatalf("%v + %d%c is not before the next period", from, n, unit)
				}
				last = got
			}
		}
	}
}

func TestParsePeriodIsStrict(t *testing.T) {
	for _, in := range []string{"6y", "18m", "30d", "0d", "99999d"} {
		p, err := ParsePeriod(in)
		if err != nil || p.String() != in {
			t.Errorf("ParsePeriod(%q) = %v, %v", in, p, err)
		}
	}
	for _, in := range []string{"", "6", "y", "06y", "00d", "-1y", "+1y", "1.5y", "6Y", "6 y", " 6y", "6y ", "1y6m", "100000d", "6w", "P6Y", "٦y"} {
		if p, err := ParsePeriod(in); !errors.Is(err, ErrPeriod) || p != (Period{}) {
			t.Errorf("ParsePeriod(%q) = %v, %v", in, p, err)
		}
	}
}

func TestDatesAndPeriodsInJSON(t *testing.T) {
	type row struct {
		D Date
		P Period
	}
	const text = `{"D":"2019-05-17","P":"6y"}`
	var r row
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	if b, err := json.Marshal(r); err != nil || string(b) != text {
		t.Errorf("got %s, %v", b, err)
	}
	for _, bad := range []string{`{"D":"2019"}`, `{"D":"2019-05-17T00:00:00Z"}`, `{"P":""}`} {
		if json.Unmarshal([]byte(bad), &r) == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
	var zero Date
	if b, err := zero.MarshalText(); err != nil || len(b) != 0 || r.D.UnmarshalText(b) != nil || !r.D.IsZero() {
		t.Error("the zero Date does not survive")
	}
}

func FuzzDate(f *testing.F) {
	for _, s := range []string{"2019", "2019-05", "2019-05-17", "2019-12-31T23:30:00-05:00", "2016-12-31T23:59:60.5Z", "6y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := ParsePeriod(s); err == nil && p.String() != s {
			t.Fatalf("period %q became %q", s, p)
		}
		d, err := ParseDate(s)
		if err != nil {
			return
		}
		if again, err := ParseDate(d.String()); err != nil || again != d {
			t.Fatalf("%v does not read back: %v, %v", d, again, err)
		}
		// What the standard library reads as the same text is never later.
		for _, layout := range []string{"2006", "2006-01", time.DateOnly, time.RFC3339Nano} {
			if at, err := time.Parse(layout, s); err == nil {
				if DateOf(at).Compare(d) > 0 {
					t.Fatalf("%v, which is before %v", d, at)
				}
				y, m, day := at.Date()
				if (Date{y, m, day}).Compare(d) > 0 {
					t.Fatalf("%v, which is before %v there", d, at)
				}
			}
		}
		if d.AddPeriod(Period{1, 'd'}).Compare(d) <= 0 && d != maxDate {
			t.Fatalf("no day after %v", d)
		}
	})
}

func TestADayIsThatOfTheZone(t *testing.T) {
	t.Parallel()
	brisbane := time.FixedZone("Brisbane", 10*60*60)
	late := time.Date(2019, 12, 31, 14, 0, 0, 0, time.UTC)
	if got := DayIn(late, brisbane); got != (Date{Year: 2020, Month: 1, Day: 1}) {
		t.Errorf("the day in Brisbane is %v", got)
	}
	if got := DateOf(late.In(brisbane)); got != (Date{Year: 2019, Month: 12, Day: 31}) {
		t.Errorf("the day in UTC is %v", got)
	}
}
