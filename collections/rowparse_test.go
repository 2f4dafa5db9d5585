package collections

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"domicile/fhir"
)

func codingsOf(labels []Label) []fhir.Coding {
	var out []fhir.Coding
	for _, l := range labels {
		out = append(out, fhir.Coding{System: l.System, Code: l.Code})
	}
	return out
}

// fullRow uses every key of a row.
const fullRow = `      - name: full
        jurisdiction: US-AZ
        class: hospital
        when: {types: [Claim], labels: [{code: X}]}
        applies-if:
          - {fact: birth, under: 18y, at: last-encounter, not: true}
          - {fact: death, within: 10y, of: end}
          - {fact: consent-end, known: false}
        until:
          - {trigger: birth, keep: 18y, then: 3y}
          - {trigger: last-encounter, keep: 6y}
        combine: max
        kind: floor
        action: archive
        authority: a law
        confidence: V
`

func withRow(t *testing.T, row string) string {
	t.Helper()
	return mustEdit(t, base, "    transfers:", row+"    transfers:")
}

func TestEveryKeyOfARowSurvivesTheCanonicalForm(t *testing.T) {
	p := parse(t, withRow(t, fullRow))
	us, _ := p.Region("us")
	row, ok := us.Row("full")
	if !ok || row.Jurisdiction != "US-AZ" || row.Class != "hospital" || len(row.AppliesIf) != 3 || !row.AppliesIf[0].Not ||
		row.AppliesIf[2].Known == nil || len(row.Until) != 2 || row.Until[0].Then.String() != "3y" || row.Combine != CombineMax ||
		row.Action != ActionArchive || row.Confidence != "V" {
		t.Fatalf("%+v", row)
	}
	again, err := ParsePublic(p.Public())
	if err != nil || !bytes.Equal(again.Public(), p.Public()) {
		t.Fatalf("does not survive: %v", err)
	}
	g, err := ParseRegion(p.RegionJSON("us"))
	if err != nil {
		t.Fatal(err)
	}
	back, _ := g.Row("full")
	if RowDigest("us", *back) != RowDigest("us", *row) {
		t.Error("the digest differs between the file and the channel")
	}
	turned := parse(t, mustEdit(t, mustEdit(t, withRow(t, fullRow), "[Observation, Encounter]", "[Encounter, Observation]"), "types: [Claim]", "types: [Claim]"))
	us, _ = turned.Region("us")
	a, _ := us.Row("care")
	us, _ = p.Region("us")
	b, _ := us.Row("care")
	if RowDigest("us", *a) != RowDigest("us", *b) || RowDigest("us", *a) == RowDigest("eu", *a) {
		t.Error("the digest depends on the order of types, or not on the region")
	}
}

func TestShortAndLongFormsOfAPeriodAreTheSameRow(t *testing.T) {
	short := parse(t, withRow(t, "      - {name: x, trigger: end, keep: 1y, authority: a law}\n"))
	long := parse(t, withRow(t, "      - {name: x, until: [{trigger: end, keep: 1y}], kind: floor, action: review, authority: a law}\n"))
	if short.Digest() != long.Digest() {
		t.Error("they differ")
	}
}

func TestEachMistakeInARowIsRefusedByLineAndKey(t *testing.T) {
	for _, c := range []struct{ name, old, updated, key, want string }{
		{"a jurisdiction elsewhere", "jurisdiction: US-AZ", "jurisdiction: DE", "full.jurisdiction", "neither a jurisdiction of region us"},
		{"a jurisdiction that is none", "jurisdiction: US-AZ", "jurisdiction: Arizona", "full.jurisdiction", "not an ISO 3166 code"},
		{"a class that is none", "class: hospital", "class: a hospital", "full.class", "not the name of a class"},
		{"an unknown kind", "kind: floor", "kind: flor", "full.kind", "did you mean floor?"},
		{"an unknown action", "action: archive", "action: shred", "full.action", "Write one of: purge, review, archive"},
		{"an action of a ceiling", "kind: floor", "kind: ceiling", "full.action", "is given to a ceiling"},
		{"an unknown confidence", "confidence: V", "confidence: high", "full.confidence", "Write one of: V, S, M, low"},
		{"an unknown way to combine", "combine: max", "combine: sum", "full.combine", "Write one of: max, min"},
		{"no way to combine", "        combine: max\n", "", "full.combine", "Write one of: max, min"},
		{"a way to combine one", "          - {trigger: last-encounter, keep: 6y}\n", "", "full.combine", "given for one period"},
		{"both forms of a period", "        until:", "        keep: 1y\n        until:", "full.keep", "beside until"},
		{"an empty until", "        until:\n          - {trigger: birth, keep: 18y, then: 3y}\n          - {trigger: last-encounter, keep: 6y}\n", "        until: []\n", "full.until", "is empty"},
		{"an unknown trigger", "trigger: birth", "trigger: birthday", "full.until[0].trigger", "is not known"},
		{"a period without keep", "keep: 18y, ", "", "full.until[0].keep", "is missing"},
		{"an unknown fact", "fact: death, w", "fact: dead, w", "full.applies-if[1].fact", "did you mean death?"},
		{"two questions", "known: false", "known: false, within: 1y, of: end", "full.applies-if[2]", "asks 2 questions"},
		{"no question", ", known: false", "", "full.applies-if[2]", "asks 0 questions"},
		{"an age of death", "fact: birth, under", "fact: death, under", "full.applies-if[0].under", "the fact must be birth"},
		{"an age at nothing", ", at: last-encounter", "", "full.applies-if[0].at", "is not known"},
		{"at without under", "known: false", "known: false, at: end", "full.applies-if[2].at", "without under"},
		{"of without within", "known: false", "known: false, of: end", "full.applies-if[2].of", "without within"},
		{"a truth value in words", "not: true", "not: yes", "full.applies-if[0].not", "true or false"},
		{"an empty list of conditions", "        applies-if:\n          - {fact: birth, under: 18y, at: last-encounter, not: true}\n          - {fact: death, within: 10y, of: end}\n          - {fact: consent-end, known: false}\n", "        applies-if: []\n", "full.applies-if", "empty list"},
		{"an unknown key of a condition", "known: false", "knwon: false", "full.applies-if[2].knwon", "did you mean known?"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse([]byte(withRow(t, mustEdit(t, fullRow, c.old, c.updated))), "p.yaml")
			if err == nil {
				t.Fatal("accepted")
			}
			for _, p := range problems(err) {
				if p.Line > 0 && strings.HasSuffix(p.Key, c.key) && strings.Contains(p.Error(), c.want) {
					return
				}
			}
			t.Errorf("want %s: …%s…, got\n%v", c.key, c.want, err)
		})
	}
}

// I2: what everybody reads names no person, and says of no row who stands for it.
func TestI2_PublicRowsCannotHoldConfirmationsOrPersons(t *testing.T) {
	for name, row := range map[string]string{
		"a confirmation in a row":    "      - {name: x, trigger: end, keep: 1y, authority: a law, confirmed: {by: A. Counsel}}\n",
		"confirmations in a region":  "    confirmations: []\n",
		"an address in an authority": "      - {name: x, trigger: end, keep: 1y, authority: counsel@example.org}\n",
	} {
		text := withRow(t, row)
		if strings.HasPrefix(row, "    c") {
			text = mustEdit(t, base, "    transfers:", row+"    transfers:")
		}
		if _, err := Parse([]byte(text), "p.yaml"); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	public := string(Demo().Public())
	for _, log := range []string{"us-a-log", "eu-a-log"} {
		for _, c := range DemoPrivate(log).Confirmations {
			if strings.Contains(public, c.SHA256) || strings.Contains(public, c.By) {
				t.Errorf("a confirmation of %s is public", log)
			}
		}
	}
	if _, err := ParseRegion([]byte(strings.Replace(string(Demo().RegionJSON("us")), `"region":{`, `"region":{"confirmations":[],`, 1))); err == nil {
		t.Error("a region on the channel may hold confirmations")
	}
}

const fullPrivate = `version: 1
log: us-a-log
default: us-a
custodian: {jurisdictions: [US, US-AZ], zone: America/Phoenix, classes: [hospital], part2: declared}
labels:
  default: N
  rules: 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
  confidentiality:
    - {label: {system: "http://terminology.hl7.org/CodeSystem/v3-ActCode", code: HIV}, is: R}
  local:
    - url: http://example.org/local
      version: "1"
      codes:
        - {code: ABORTION, display: abortion, set: sensitivity}
        - {code: MIFEPRISTONE, parents: [{system: "http://example.org/local", code: ABORTION}]}
settings:
  us-a: {validation: off, unknown: quarantine}
  us-a2: {validation: enforce}
routing:
  - {collection: us-a2, types: [Claim], labels: [{system: "http://example.org/local", code: ABORTION}]}
classes:
  - {class: mental-health, when: {labels: [{code: MH}]}}
confirmations:
  - {region: us, row: care, sha256: 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff, by: A. Counsel, date: 2026-05-04, source: the law}
`

func TestEveryKeyOfAPrivatePartSurvivesTheCanonicalForm(t *testing.T) {
	p, err := ParsePrivateYAML([]byte(fullPrivate), "p.yaml")
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParsePrivate(p.JSON())
	if err != nil || !bytes.Equal(again.JSON(), p.JSON()) || !p.Equal(again) {
		t.Fatalf("does not survive: %v", err)
	}
	if s := p.Setting("us-a"); s != (Setting{ValidationOff, UnknownQuarantine}) {
		t.Errorf("%+v", s)
	}
	if s := p.Setting("us-a2"); s != (Setting{ValidationEnforce, UnknownReject}) {
		t.Errorf("%+v", s)
	}
	if s := p.Setting("none"); s != (Setting{ValidationOff, UnknownReject}) {
		t.Errorf("%+v", s)
	}
	if p.DefaultConfidentiality() != "N" || (&Private{}).DefaultConfidentiality() != "N" {
		t.Error("default confidentiality")
	}
	local := fhir.Coding{System: "http://example.org/local", Code: "MIFEPRISTONE"}
	if !again.Vocabulary().Known(local) || again.Route("Claim", []fhir.Coding{local}) != "us-a2" || again.Route("Basic", []fhir.Coding{local}) != "us-a" {
		t.Error("a local code below another is not routed with it")
	}
}

func TestEachMistakeInAPrivatePartIsRefusedByLineAndKey(t *testing.T) {
	for _, c := range []struct{ name, old, updated, key, want string }{
		{"a jurisdiction that is none", "[US, US-AZ]", "[Arizona]", "custodian.jurisdictions[0]", "ISO 3166"},
		{"a jurisdiction given twice", "[US, US-AZ]", "[US, US]", "custodian.jurisdictions[1]", "listed twice"},
		{"a zone that is none", "America/Phoenix", "'../etc/passwd'", "custodian.zone", "name of a time zone"},
		{"a posture nobody knows", "part2: declared", "part2: maybe", "custodian.part2", "Write one of: program, none, declared"},
		{"a default confidentiality nobody knows", "default: N", "default: X", "labels.default", "Write one of"},
		{"a rule set that is no digest", "rules: 0011", "rules: XX11", "labels.rules", "64 lower-case hex"},
		{"a confidentiality nobody knows", "is: R", "is: secret", "labels.confidentiality[0].is", "Write one of"},
		{"a confidentiality of no label", ", code: HIV", "", "labels.confidentiality[0].label.code", "is missing"},
		{"a local code in no set", ", set: sensitivity", "", "labels.local", "ABORTION"},
		{"a local set nobody knows", "set: sensitivity", "set: sensitive", "labels.local", "sensitive"},
		{"a parent nobody knows", "parents: [{system: \"http://example.org/local\", code: ABORTION}]", "parents: [{system: \"http://example.org/local\", code: NONE}]", "labels.local", "parent"},
		{"a local system that is HL7's", "url: http://example.org/local", "url: http://terminology.hl7.org/CodeSystem/v3-ActCode", "labels.local", "already"},
		{"a system without codes", "      codes:\n        - {code: ABORTION, display: abortion, set: sensitivity}\n        - {code: MIFEPRISTONE, parents: [{system: \"http://example.org/local\", code: ABORTION}]}\n", "", "labels.local[0].codes", "is missing"},
		{"an unknown validation", "validation: off", "validation: strict", "settings.us-a.validation", "Write one of: off, warn, enforce"},
		{"an unknown choice", "unknown: quarantine", "unknown: accept", "settings.us-a.unknown", "Write one of: reject, quarantine"},
		{"a type that is none", "types: [Claim]", "types: [Clam]", "routing[0].types[0]", "did you mean Claim?"},
		{"a class without records", ", when: {labels: [{code: MH}]}", "", "classes[0].when", "is missing"},
		{"a confirmation by nobody", "by: A. Counsel, ", "", "confirmations[0].by", "is missing"},
		{"a confirmation of nothing read", ", source: the law", "", "confirmations[0].source", "is missing"},
		{"a confirmation of no day", "2026-05-04", "2026-05", "confirmations[0].date", "YYYY-MM-DD"},
		{"a confirmation without a digest", "sha256: 0011", "sha256: 11", "confirmations[0].sha256", "SHA-256"},
		{"an unknown key", "zone:", "timezone:", "custodian.timezone", "unknown key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParsePrivateYAML([]byte(mustEdit(t, fullPrivate, c.old, c.updated)), "p.yaml")
			if err == nil {
				t.Fatal("accepted")
			}
			for _, p := range problems(err) {
				if p.Line > 0 && p.Key == c.key && strings.Contains(p.Error(), c.want) {
					return
				}
			}
			t.Errorf("want %s: …%s…, got\n%v", c.key, c.want, err)
		})
	}
	us, _ := Demo().Region("us")
	p := DemoPrivate("us-a-log")
	p.Custodian.Jurisdictions = []string{"US-AZ", "DE"}
	if err := p.Check(us); err == nil || !strings.Contains(err.Error(), "jurisdictions[1]: DE is not in region us (US)") {
		t.Error(err)
	}
	p = DemoPrivate("us-a-log")
	p.Settings = map[string]Setting{"us-b": {}}
	if err := p.Check(us); err == nil || !strings.Contains(err.Error(), "settings.us-b: us-b is not a record collection") {
		t.Error(err)
	}
}

func TestAConfirmationIsWrittenIntoTheFileAndCommentsStay(t *testing.T) {
	const file = "# Ours.\nversion: 1\nlog: us-a-log # the log\ndefault: us-a\nconfirmations:\n  # read in spring\n  - region: us\n    row: care\n    sha256: 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n    by: A. Counsel\n    date: \"2026-05-04\"\n    source: the law\n"
	us, _ := Demo().Region("us")
	row, _ := us.Row("care")
	c := Confirmation{Region: "us", Row: "care", SHA256: RowDigest("us", *row), By: "B. Counsel", Date: "2026-06-01", Source: "the law, again: 'all' of it"}
	b, err := Confirm([]byte(file), "p.yaml", c)
	if err != nil {
		t.Fatal(err)
	}
	p, err := ParsePrivateYAML(b, "p.yaml")
	if err != nil || len(p.Confirmations) != 1 || p.Confirmations[0] != c || !p.Confirmed("us", *row) {
		t.Fatalf("%+v %v", p, err)
	}
	for _, comment := range []string{"# Ours.", "# the log", "# read in spring"} {
		if !strings.Contains(string(b), comment) {
			t.Errorf("%s is lost in\n%s", comment, b)
		}
	}
	c.Row = "rest"
	if b, err = Confirm(b, "p.yaml", c); err != nil {
		t.Fatal(err)
	}
	if p, _ = ParsePrivateYAML(b, "p.yaml"); len(p.Confirmations) != 2 {
		t.Errorf("%+v", p)
	}
	for name, bad := range map[string]Confirmation{"nobody": {Region: "us", Row: "x", SHA256: c.SHA256, Date: c.Date, Source: "x"}, "a line break": {Region: "us", Row: "x", SHA256: c.SHA256, Date: c.Date, Source: "x", By: "A\nB"}} {
		if _, err := Confirm([]byte(file), "p.yaml", bad); err == nil {
			t.Errorf("%s confirms", name)
		}
	}
	if _, err := Confirm([]byte("a: b"), "p.yaml", c); err == nil {
		t.Error("a file that is no private part is edited")
	}
}

func TestTheKindsOfFactsAreListedOnce(t *testing.T) {
	kinds := FactKinds()
	slices.Sort(kinds)
	if len(slices.Compact(kinds)) != 8 {
		t.Error(kinds)
	}
}

// Confirming changes nothing but the confirmations.
func FuzzConfirm(f *testing.F) {
	f.Add([]byte(fullPrivate), "A. Counsel", "a law")
	f.Add([]byte("version: 1\nlog: l\ndefault: d\nconfirmations: []"), "x: y", "#")
	f.Fuzz(func(t *testing.T, b []byte, by, source string) {
		c := Confirmation{Region: "us", Row: "x", SHA256: strings.Repeat("0", 64), By: by, Date: "2026-01-01", Source: source}
		out, err := Confirm(b, "fuzz.yaml", c)
		if err != nil {
			return
		}
		was, err := ParsePrivateYAML(b, "fuzz.yaml")
		if err != nil {
			t.Fatal(err)
		}
		now, err := ParsePrivateYAML(out, "fuzz.yaml")
		if err != nil || !slices.Contains(now.Confirmations, c) {
			t.Fatalf("%v in\n%s", err, out)
		}
		was.Confirmations, now.Confirmations = nil, nil
		if !was.Equal(now) {
			t.Fatalf("was %s\nnow %s", was.JSON(), now.JSON())
		}
	})
}

func FuzzFacts(f *testing.F) {
	f.Add("birth", "2000-02")
	f.Fuzz(func(t *testing.T, kind, date string) {
		facts := Facts{}
		if facts.Add(kind, date) != nil {
			return
		}
		s := facts[kind][0]
		if s.Last.Compare(s.First) < 0 || !strings.HasPrefix(s.First.String(), date) || !strings.HasPrefix(s.Last.String(), date) {
			t.Fatalf("%s is %v", date, s)
		}
	})
}
