package collections

import (
	"slices"
	"strings"
	"testing"
)

// referenceRows lists the rows of law that ship, by region: one line for each line
// of the table of periods they were taken from.
var referenceRows = map[string]string{
	"us": `hipaa-documents part2-disclosures cms-hospital cms-orders ma-part-d cms-cost-report osha-employee
		az-adult az-child ak-hospital ak-minor al-hospital al-minor ct-physician ma-hospital tx-physician tx-minor
		ny-physician ny-minor fl-physician nc-hospital nc-minor us-ca-adult us-ca-minor`,
	"us-wa": "mhmda-deletion mhmda-backups mhmda-sale",
	"uk":    "nhs-adult nhs-child nhs-child-17 nhs-gp nhs-mental-health nhs-maternity",
	"eu": `de-file de-xray de-xray-minor de-radiotherapy fr-hospital fr-young fr-young-deceased nl-file
		eu-trial-master eu-atmp gdpr-erasure`,
	"au":    "au-nsw au-nsw-minor au-vic au-vic-minor au-act au-act-minor au-register",
	"ca":    "ca-on ca-on-minor ca-ab ca-ab-minor cmpa-maternal",
	"ca-bc": "bc-physician",
}

func TestEveryRowOfLawShipsWithItsAuthorityAndConfidence(t *testing.T) {
	p := Reference()
	if len(p.Regions) != len(referenceRows) {
		t.Errorf("%d regions, want %d", len(p.Regions), len(referenceRows))
	}
	for _, r := range p.Regions {
		want := strings.Fields(referenceRows[r.Name])
		slices.Sort(want)
		if got := texts(r.Retention, func(row Row) string { return row.Name }); !slices.Equal(got, want) {
			t.Errorf("region %s has the rows\n%v\nwant\n%v", r.Name, got, want)
		}
		for _, row := range r.Retention {
			if row.Confidence == "" || row.Authority == "" || isDemo(row.Authority) {
				t.Errorf("%s: confidence %q, authority %q", row.Name, row.Confidence, row.Authority)
			}
			if row.Kind == KindFloor && row.Action != ActionReview {
				t.Errorf("%s: %s; what nobody has read must not destroy unasked", row.Name, row.Action)
			}
		}
	}
	for name, around := range map[string]string{"us-wa": "us", "ca-bc": "ca"} {
		if got := p.Around(name); len(got) != 2 || got[1].Name != around || len(got[0].Organizations) != 1 {
			t.Errorf("%s does not lie in %s with an organisation of its own", name, around)
		}
	}
}

func TestNoRowOfLawShipsConfirmed(t *testing.T) {
	p := Reference()
	files, err := policies.ReadDir("policies/private")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		part := DemoPrivate(strings.TrimSuffix(f.Name(), ".yaml"))
		for _, r := range p.Regions {
			for _, row := range r.Retention {
				if part.Confirmed(r.Name, row) {
					t.Errorf("%s confirms %s of %s", f.Name(), row.Name, r.Name)
				}
			}
		}
	}
}

// What the rows say, once a person has confirmed them all.
func TestTheRowsOfLawGiveTheDatesOfTheirAuthorities(t *testing.T) {
	p := Reference()
	const review, never = VerdictReview, VerdictNever
	for _, c := range []struct {
		name, region, where, class string
		rtype                      string
		facts                      string
		verdict, due, row          string
	}{
		{"Arizona, adult", "us", "US-AZ", "physician", "Observation", "birth 1970-01-01 last-encounter 2020-03-31", review, "2026-04-01", "az-adult"},
		{"Arizona, child", "us", "US-AZ", "physician", "Observation", "birth 2010-01-01 last-encounter 2020-03-31", review, "2031-01-02", "az-child"},
		{"Arizona, birth unknown", "us", "US-AZ", "physician", "Observation", "last-encounter 2020-03-31", never, "", "az-adult"},
		{"Alaska, hospital, eighteen", "us", "US-AK", "hospital", "Observation", "birth 2001-06-01 last-encounter 2020-03-31", review, "2027-04-01", "ak-hospital"},
		{"Alaska, hospital, infant", "us", "US-AK", "hospital", "Observation", "birth 2019-06-01 last-encounter 2020-03-31", review, "2040-06-02", "ak-minor"},
		{"Alabama, hospital, leap-day infant", "us", "US-AL", "hospital", "Observation", "birth 2016-02-29 last-encounter 2020-03-31", review, "2040-03-02", "al-minor"},
		{"Connecticut, alive", "us", "US-CT", "physician", "Observation", "last-encounter 2020-03-31", review, "2027-04-01", "ct-physician"},
		{"Connecticut, dead", "us", "US-CT", "physician", "Observation", "last-encounter 2020-03-31 death 2021-01-01", review, "2024-01-02", "ct-physician"},
		{"Massachusetts", "us", "US-MA", "hospital", "Observation", "last-encounter 2020-03-31", review, "2040-04-01", "ma-hospital"},
		{"Texas, child", "us", "US-TX", "physician", "Observation", "birth 2010-01-01 last-encounter 2020-03-31", review, "2031-01-02", "tx-minor"},
		{"New York, seventeen", "us", "US-NY", "physician", "Observation", "birth 2002-06-01 last-encounter 2020-03-31", review, "2026-04-01", "ny-minor"},
		{"North Carolina, child", "us", "US-NC", "hospital", "Observation", "birth 2010-01-01 last-encounter 2020-03-31", review, "2040-01-02", "nc-minor"},
		{"a federal claim", "us", "US", "plan", "Claim", "end 2020-03-31 programme-discontinued 2015-01-01", review, "2027-04-01", "cms-orders"},
		{"a plan whose contract goes on", "us", "US", "plan", "Coverage", "end 2020-03-31", never, "", "ma-part-d"},
		{"a federal hospital in no state of the table", "us", "US-WA", "hospital", "Observation", "last-encounter 2020-03-31", review, "2025-04-01", "cms-hospital"},
		{"Washington lies in the United States", "us-wa", "US-WA", "hospital", "Observation", "last-encounter 2020-03-31", review, "2025-04-01", "cms-hospital"},
		{"NHS, adult", "uk", "GB-ENG", "hospital", "Observation", "birth 1970-01-01 last-encounter 2020-03-31", review, "2028-04-01", "nhs-adult"},
		{"NHS, sixteen", "uk", "GB-ENG", "hospital", "Observation", "birth 2004-01-01 last-encounter 2020-03-31", review, "2029-01-02", "nhs-child"},
		{"NHS, seventeen", "uk", "GB-ENG", "hospital", "Observation", "birth 2003-01-01 last-encounter 2020-03-31", review, "2029-01-02", "nhs-child-17"},
		{"NHS, practice, alive", "uk", "GB-ENG", "gp", "Observation", "last-encounter 2020-03-31", never, "", "nhs-gp"},
		{"NHS, practice, dead", "uk", "GB-ENG", "gp", "Observation", "death 2020-03-31", review, "2030-04-01", "nhs-gp"},
		{"NHS, mental health", "uk", "GB-ENG", "mental-health", "Observation", "treatment-end 2020-03-31 death 2022-01-01", review, "2032-01-02", "nhs-mental-health"},
		{"NHS, maternity", "uk", "GB-ENG", "maternity", "Observation", "treatment-end 2020-03-31", review, "2045-04-01", "nhs-maternity"},
		{"Scotland has no row", "uk", "GB-SCT", "hospital", "Observation", "birth 1970-01-01 last-encounter 2020-03-31", never, "", ""},
		{"Germany", "eu", "DE", "practice", "Observation", "treatment-end 2020-03-31", review, "2030-04-01", "de-file"},
		{"Germany, x-ray of a child", "eu", "DE", "x-ray", "ImagingStudy", "treatment-end 2020-03-30 end 2020-03-30 birth 2004-02-29", review, "2032-03-01", "de-xray-minor"},
		{"France", "eu", "FR", "hospital", "Observation", "birth 1970-01-01 last-encounter 2000-03-31", review, "2020-04-01", "fr-hospital"},
		{"France, to the 28th birthday", "eu", "FR", "hospital", "Observation", "birth 2000-01-01 last-encounter 2001-03-31", review, "2028-01-02", "fr-young"},
		{"France, death soon after", "eu", "FR", "hospital", "Observation", "birth 2000-01-01 last-encounter 2001-03-31 death 2002-01-01", review, "2012-01-02", "fr-hospital"},
		{"France, death late after", "eu", "FR", "hospital", "Observation", "birth 2000-01-01 last-encounter 2001-03-31 death 2015-01-01", review, "2028-01-02", "fr-young-deceased"},
		{"Netherlands", "eu", "NL", "hospital", "Observation", "last-encounter 2020-03-31", review, "2040-04-01", "nl-file"},
		{"a trial master file", "eu", "EU", "trial-master-file", "ResearchStudy", "trial-end 2020-03-31", review, "2045-04-01", "eu-trial-master"},
		{"an ATMP trial", "eu", "EU", "atmp-trial", "ResearchStudy", "trial-end 2020-03-31", review, "2050-04-01", "eu-atmp"},
		{"New South Wales, child", "au", "AU-NSW", "private-practice", "Observation", "birth 2010-01-01 last-encounter 2020-03-31", review, "2035-01-02", "au-nsw-minor"},
		{"Ontario, child", "ca", "CA-ON", "physician", "Observation", "birth 2010-01-01 last-encounter 2020-03-31", review, "2038-01-02", "ca-on-minor"},
		{"Alberta, adult", "ca", "CA-AB", "physician", "Observation", "birth 1970-01-01 last-encounter 2020-03-31", review, "2030-04-01", "ca-ab"},
		{"British Columbia, child", "ca-bc", "CA-BC", "physician", "Observation", "birth 2010-01-01 last-encounter 2020-03-31", review, "2045-01-02", "bc-physician"},
		{"British Columbia, adult", "ca-bc", "CA-BC", "physician", "Observation", "birth 1970-01-01 last-encounter 2020-03-31", review, "2036-04-01", "bc-physician"},
	} {
		t.Run(c.name, func(t *testing.T) {
			around := p.Around(c.region)
			part := confirmed(around...)
			part.Custodian.Jurisdictions = []string{c.where}
			l := law{t: t, region: *around[0], part: *part}
			k := l.of(strings.Fields(c.facts)...)
			k.Regions, k.Type, k.Declared = around, c.rtype, []string{c.class}
			wants(t, Assess(k), c.verdict, c.due, c.row)
		})
	}
}

func TestTheReferencePolicyIsReadAndCompiledLikeAnyOther(t *testing.T) {
	again, err := ParsePublic(Reference().Public())
	if err != nil {
		t.Fatal(err)
	}
	if found := LintFabric(nil, again.Fabric()); len(found) > 0 {
		t.Error(found)
	}
	golden(t, "reference.public.json", again.Public())
}
