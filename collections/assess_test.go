package collections

import (
	"testing"

	"domicile/fhir"
)

const actCode = "http://terminology.hl7.org/CodeSystem/v3-ActCode"

func date(t *testing.T, s string) fhir.Date {
	t.Helper()
	d, err := fhir.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func period(t *testing.T, s string) fhir.Period {
	t.Helper()
	p, err := fhir.ParsePeriod(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// confirmed is a private part that has confirmed every row of the regions.
func confirmed(regions ...*Region) *Private {
	p := &Private{Version: Version, Log: "log", Default: "d", Custodian: Custodian{Jurisdictions: []string{"US-AZ"}}}
	for _, r := range regions {
		for _, row := range r.Retention {
			p.Confirmations = append(p.Confirmations, Confirmation{Region: r.Name, Row: row.Name, SHA256: RowDigest(r.Name, row)})
		}
	}
	return p
}

func TestTheLatestOfTheMatchingFloorsCounts(t *testing.T) {
	row := func(name, keep string, when Selector) Row {
		return Row{
			Name: name, Until: []Until{{Trigger: TriggerEnd, Keep: period(t, keep)}}, When: when,
			Kind: KindFloor, Action: ActionPurge, Authority: "law of " + name,
		}
	}
	care := Selector{Types: []string{"Encounter", "Observation"}}
	marked := Selector{Labels: []Label{{actCode, "ETH"}, {"", "LOCAL"}}}
	both := Selector{Types: []string{"Claim"}, Labels: []Label{{actCode, "ETH"}}}
	r := Region{Retention: []Row{row("a-care", "6y", care), row("b-both", "9y", both), row("c-marked", "7y", marked), row("d-also", "6y", care)}}
	rest := Region{Retention: append([]Row{row("rest", "1m", Selector{})}, r.Retention...)}
	for _, c := range []struct {
		name   string
		region Region
		rtype  string
		labels []fhir.Coding
		end    string
		due    string // "" for never
		row    string
	}{
		{"due on the day after the last day", r, "Encounter", nil, "2020-03-31", "2026-04-01", "a-care"},
		{"the first by name of equal rows", r, "Observation", nil, "2020-03-31", "2026-04-01", "a-care"},
		{"a label lengthens", r, "Encounter", []fhir.Coding{{System: "x", Code: "Y"}, {System: actCode, Code: "ETH"}}, "2020-03-31", "2027-04-01", "c-marked"},
		{"type and label must both match", r, "Claim", []fhir.Coding{{System: actCode, Code: "HIV"}}, "2020-03-31", "", ""},
		{"type and label both matching", r, "Claim", []fhir.Coding{{System: actCode, Code: "ETH"}}, "2020-03-31", "2029-04-01", "b-both"},
		{"the same code of another system does not match", r, "Basic", []fhir.Coding{{System: "other", Code: "ETH"}}, "2020-03-31", "", ""},
		{"a row without a system matches any", r, "Basic", []fhir.Coding{{System: "other", Code: "LOCAL"}}, "2020-03-31", "2027-04-01", "c-marked"},
		{"codes are compared exactly", r, "Basic", []fhir.Coding{{System: actCode, Code: "eth"}}, "2020-03-31", "", ""},
		{"a label without a code keeps longest", r, "Encounter", []fhir.Coding{{}}, "2020-03-31", "2027-04-01", "c-marked"},
		{"no row matches", r, "Basic", nil, "2020-03-31", "", ""},
		{"a row without conditions matches all", rest, "Basic", nil, "2020-01-31", "2020-03-02", "rest"},
		{"a catch-all does not shorten", rest, "Encounter", nil, "2020-03-31", "2026-04-01", "a-care"},
		{"a leap day rounds up", r, "Encounter", nil, "2024-02-29", "2030-03-02", "a-care"},
		{"a year is its last day", r, "Encounter", nil, "2019", "2026-01-01", "a-care"},
		{"a month is its last day", r, "Encounter", nil, "2019-02", "2025-03-01", "a-care"},
		{"a date long past is a date", r, "Encounter", nil, "1901-01-01", "1907-01-02", "a-care"},
		{"no end date is never due", rest, "Encounter", nil, "", "", ""},
		{"a region without rows keeps for ever", Region{}, "Encounter", nil, "2020-03-31", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var end fhir.Date
			if c.end != "" {
				end = date(t, c.end)
			}
			got := Assess(Case{Regions: []*Region{&c.region}, Private: confirmed(&c.region), Type: c.rtype, Labels: c.labels, End: end})
			if c.due == "" {
				if got.Verdict != VerdictNever || !got.Due.IsZero() {
					t.Errorf("got %+v, want never", got)
				}
				return
			}
			if got.Verdict != VerdictDue || got.Due.String() != c.due || got.Row != c.row || got.Authority != "law of "+c.row {
				t.Errorf("got %s %s by %s (%s), want %s by %s", got.Verdict, got.Due, got.Row, got.Authority, c.due, c.row)
			}
		})
	}
}

func TestPeriodsCompareByLengthAndDoubtCountsAsShorter(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"6y", "6y", 0},
		{"72m", "6y", 0},
		{"5y", "6y", -1},
		{"7y", "6y", 1},
		{"30d", "1m", -1},
		{"1m", "30d", -1},
		{"32d", "1m", 1},
		{"365d", "1y", -1},
		{"1y", "365d", 1},
		{"0d", "0y", 0},
	} {
		if got := compare(period(t, c.a), period(t, c.b)); got != c.want {
			t.Errorf("%s and %s: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestInTheDemoOldRecordsAreDueAndRecentOnesAreNot(t *testing.T) {
	today := date(t, "2026-06-30")
	for _, p := range []*Policy{Demo(), Small()} {
		for i := range p.Regions {
			r := &p.Regions[i]
			for _, log := range r.Logs("") {
				for _, rtype := range []string{"Encounter", "Observation", "Claim", "Basic"} {
					c := Case{Regions: p.Around(r.Name), Private: DemoPrivate(log.Name), Type: rtype, End: date(t, "2012-05-01")}
					old := Assess(c)
					if old.Verdict != VerdictDue || old.Due.Compare(today) > 0 || !isDemo(old.Authority) {
						t.Errorf("%s in %s of 2012 is not due: %+v", rtype, log.Name, old)
					}
					c.End = date(t, "2025-05-01")
					if recent := Assess(c); recent.Verdict != VerdictDue || recent.Due.Compare(today) <= 0 {
						t.Errorf("%s in %s of 2025 is due: %+v", rtype, log.Name, recent)
					}
				}
			}
		}
	}
}
