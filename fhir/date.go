package fhir

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// Date is a day of the Gregorian calendar, without time or zone. The zero Date is
// no day.
type Date struct {
	Year  int // 1 to 9999
	Month time.Month
	Day   int // 1 to 31
}

// maxDate ends the calendar of FHIR. Later days are taken for it.
var maxDate = Date{9999, time.December, 31}

// ErrDate reports a text that is no FHIR date, dateTime or instant.
var ErrDate = errors.New("fhir: not a date: want YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss followed by Z or an offset")

// DateOf returns the day of t in UTC.
func DateOf(t time.Time) Date { return DayIn(t, time.UTC) }

// DayIn returns the day of t in a zone, which must not be nil.
func DayIn(t time.Time, zone *time.Location) Date {
	y, m, d := t.In(zone).Date()
	if y > maxDate.Year {
		return maxDate
	}
	return Date{y, m, d}
}

// ParseDate reads a FHIR date, dateTime or instant
// (https://hl7.org/fhir/R4/datatypes.html#dateTime) and returns the last day that
// it can mean, so that a record is never taken for older than it is:
//
//   - 2019 is 2019-12-31 and 2019-02 is 2019-02-28;
//   - a time with an offset is the later of its day there and its day in UTC:
//     2019-12-31T23:30:00-05:00 is 2020-01-01.
//
// A time needs seconds and a zone, as FHIR says; second 60 (a leap second) and a
// fraction are allowed. Every other text is [ErrDate].
func ParseDate(s string) (Date, error) { return ParseDateIn(s, nil) }

// ParseDateIn is ParseDate for somebody whose calendar is that of a zone, nil for
// none but UTC's: a time is the latest of its day there, its day in UTC and its day in
// the zone. For a keeper in Brisbane 2019-12-31T23:30:00Z is 2020-01-01.
func ParseDateIn(s string, zone *time.Location) (Date, error) {
	p := dateParser{rest: s, zone: zone}
	d := Date{Year: p.number(4, 1, 9999)}
	switch {
	case p.bad:
	case p.rest == "":
		d.Month, d.Day = time.December, 31
	default:
		p.char('-')
		d.Month = time.Month(p.number(2, 1, 12))
		if p.bad {
			break
		}
		last := daysIn(d.Year, d.Month)
		if d.Day = last; p.rest != "" {
			p.char('-')
			d.Day = p.number(2, 1, last)
		}
		if p.rest != "" {
			d = p.clock(d)
		}
	}
	if p.bad || p.rest != "" {
		return Date{}, ErrDate
	}
	return d, nil
}

// dateParser reads the parts of a date from the front of rest.
type dateParser struct {
	rest string
	bad  bool
	zone *time.Location // nil for none
}

func (p *dateParser) char(c byte) {
	if p.bad || p.rest == "" || p.rest[0] != c {
		p.bad = true
		return
	}
	p.rest = p.rest[1:]
}

// number reads exactly width digits, of a value from low to high.
func (p *dateParser) number(width, low, high int) (n int) {
	if p.bad || len(p.rest) < width {
		p.bad = true
		return 0
	}
	for i := range width {
		c := p.rest[i]
		if c < '0' || c > '9' {
			p.bad = true
			return 0
		}
		n = n*10 + int(c-'0')
	}
	p.rest = p.rest[width:]
	p.bad = n < low || n > high
	return n
}

// clock reads "Thh:mm:ss[.s+]zone" and returns the latest of d, the day in UTC and that
// in p.zone.
func (p *dateParser) clock(d Date) Date {
	p.char('T')
	h := p.number(2, 0, 23)
	p.char(':')
	m := p.number(2, 0, 59)
	p.char(':')
	sec := p.number(2, 0, 60)
	if p.rest != "" && p.rest[0] == '.' {
		p.rest = p.rest[1:]
		p.number(1, 0, 9)
		for p.rest != "" && p.rest[0] >= '0' && p.rest[0] <= '9' {
			p.rest = p.rest[1:]
		}
	}
	if p.bad || p.rest == "" {
		p.bad = true
		return d
	}
	offset := 0 // minutes east of UTC
	switch sign := p.rest[0]; sign {
	case 'Z':
		p.rest = p.rest[1:]
	case '+', '-':
		p.rest = p.rest[1:]
		oh := p.number(2, 0, 14)
		p.char(':')
		offset = oh*60 + p.number(2, 0, 59)
		p.bad = p.bad || offset > 14*60
		if sign == '-' {
			offset = -offset
		}
	default:
		p.bad = true
	}
	at := time.Date(d.Year, d.Month, d.Day, h, m-offset, sec, 0, time.UTC)
	if utc := DateOf(at); utc.Compare(d) > 0 {
		d = utc
	}
	if p.zone == nil {
		return d
	}
	y, month, day := at.In(p.zone).Date()
	if local := DateOf(time.Date(y, month, day, 0, 0, 0, 0, time.UTC)); local.Compare(d) > 0 {
		d = local
	}
	return d
}

func daysIn(year int, month time.Month) int {
	return time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// IsZero tells whether d is no day.
func (d Date) IsZero() bool { return d == Date{} }

// Compare returns -1, 0 or 1 as d is before, equal to or after o.
func (d Date) Compare(o Date) int {
	return cmp.Or(cmp.Compare(d.Year, o.Year), cmp.Compare(d.Month, o.Month), cmp.Compare(d.Day, o.Day))
}

// String returns d as YYYY-MM-DD, which sorts as the days do.
func (d Date) String() string {
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, int(d.Month), d.Day)
}

// MarshalText returns String for a day and nothing for the zero Date.
func (d Date) MarshalText() ([]byte, error) {
	if d.IsZero() {
		return nil, nil
	}
	return []byte(d.String()), nil
}

// UnmarshalText reads exactly what MarshalText writes; partial dates and times are
// [ErrDate].
func (d *Date) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*d = Date{}
		return nil
	}
	v, err := ParseDate(string(b))
	if err != nil {
		return err
	}
	if v.String() != string(b) {
		return ErrDate
	}
	*d = v
	return nil
}
