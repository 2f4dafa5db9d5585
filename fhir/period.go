package fhir

import (
	"errors"
	"strconv"
	"time"
)

// Period is a length of calendar time, such as six years. The zero Period is not
// valid; a period of no length is "0d".
type Period struct {
	// N counts units, 0 to 99999.
	N int
	// Unit is 'y' (years), 'm' (months) or 'd' (days).
	Unit byte
}

// ErrPeriod reports a text that is no [Period].
var ErrPeriod = errors.New(`fhir: not a period: want a number without leading zeros and one of y, m, d, such as "6y", "18m" or "30d"`)

// ParsePeriod reads a period such as "6y", "18m", "30d" or "0d". Every other form
// is [ErrPeriod], sums and fractions too.
func ParsePeriod(s string) (Period, error) {
	if len(s) < 2 || len(s) > 6 || s[0] == '0' && len(s) > 2 {
		return Period{}, ErrPeriod
	}
	p := Period{Unit: s[len(s)-1]}
	if p.Unit != 'y' && p.Unit != 'm' && p.Unit != 'd' {
		return Period{}, ErrPeriod
	}
	for i := range len(s) - 1 {
		if s[i] < '0' || s[i] > '9' {
			return Period{}, ErrPeriod
		}
		p.N = p.N*10 + int(s[i]-'0')
	}
	return p, nil
}

// String returns the form that [ParsePeriod] reads, "" for the zero Period.
func (p Period) String() string {
	if p.Unit == 0 {
		return ""
	}
	return strconv.Itoa(p.N) + string(rune(p.Unit))
}

// MarshalText returns String.
func (p Period) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText is [ParsePeriod].
func (p *Period) UnmarshalText(b []byte) (err error) {
	*p, err = ParsePeriod(string(b))
	return err
}

// AddPeriod returns the day p after d by the calendar. Where the month that is
// reached has no such day, the first of the next month is taken, because a record
// may be kept a day longer but not a day shorter: 2020-02-29 and a year is
// 2021-03-01, 2019-01-31 and a month is 2019-03-01. Days after 9999-12-31 are
// taken for it. The zero Period adds nothing.
func (d Date) AddPeriod(p Period) Date {
	y, m, day := d.Year, int(d.Month), d.Day
	switch p.Unit {
	case 'y':
		y += p.N
	case 'm':
		m += p.N
	case 'd':
		day += p.N
	}
	if p.Unit != 'd' && p.N != 0 {
		first := time.Date(y, time.Month(m), 1, 0, 0, 0, 0, time.UTC)
		if last := daysIn(first.Year(), first.Month()); day > last {
			m, day = m+1, 1
		}
	}
	return DateOf(time.Date(y, time.Month(m), day, 0, 0, 0, 0, time.UTC))
}
