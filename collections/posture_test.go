package collections

import (
	"strings"
	"testing"
)

// remarks runs PrivateCheck on the demo with one changed private part.
func remarks(t *testing.T, log string, change func(*Private)) []Remark {
	t.Helper()
	parts := map[string]*Private{}
	for _, r := range Demo().Regions {
		for _, l := range r.Logs("") {
			parts[l.Name] = DemoPrivate(l.Name)
		}
	}
	if change != nil {
		change(parts[log])
	}
	return PrivateCheck(Demo(), parts)
}

func TestTheDemoLeavesNoDecisionOpen(t *testing.T) {
	for _, r := range remarks(t, "us-a-log", nil) {
		t.Error(r)
	}
}

func TestAHolderMustTakeTheDecisionsThatNoProgramCanTake(t *testing.T) {
	for name, c := range map[string]struct {
		log    string
		change func(*Private)
		want   string // prefix of one remark; "" for none
	}{
		"a posture unset in the United States":     {"us-a-log", func(p *Private) { p.Custodian.Part2 = "" }, "error: private part us-a-log: custodian.part2: is missing"},
		"a posture unset elsewhere":                {"eu-a-log", func(p *Private) { p.Custodian.Part2 = "" }, ""},
		"jurisdictions unset":                      {"eu-a-log", func(p *Private) { p.Custodian.Jurisdictions = nil }, "warning: private part eu-a-log: custodian.jurisdictions: is missing"},
		"a zone unset":                             {"uk-a-log", func(p *Private) { p.Custodian.Zone = "" }, "warning: private part uk-a-log: custodian.zone: is missing"},
		"a confirmation of an edited row":          {"us-a-log", func(p *Private) { p.Confirmations[0].SHA256 = strings.Repeat("0", 64) }, "warning: private part us-a-log: confirmations[0]: row care of us is not the one that was confirmed"},
		"a confirmation of no row":                 {"us-a-log", func(p *Private) { p.Confirmations[0].Row = "none" }, "warning: private part us-a-log: confirmations[0]: region us has no row none"},
		"a confirmation for others":                {"us-a-log", func(p *Private) { p.Confirmations[0].Region = "eu" }, "warning: private part us-a-log: confirmations[0]: region eu is not"},
		"a route by a label nobody knows":          {"us-a-log", func(p *Private) { p.Routing[0].Labels = append(p.Routing[0].Labels, Label{actCode, "psythpn"}) }, "warning: private part us-a-log: routing[0].labels[2]: is not a label"},
		"a confidentiality by one":                 {"us-a-log", func(p *Private) { p.Labels.Confidentiality = []Confidentiality{{Label{actCode, "NONE"}, "R"}} }, "warning: private part us-a-log: labels.confidentiality[0].label[0]: is not"},
		"notes with other labels in one rule":      {"us-a-log", func(p *Private) { p.Routing[0].Labels = append(p.Routing[0].Labels, Label{actCode, "HIV"}) }, "warning: private part us-a-log: routing: notes labelled PSYTHPN go to us-a3"},
		"notes with other labels by two rules":     {"us-a-log", func(p *Private) { p.Routing[3].Collection = "us-a3" }, "warning: private part us-a-log: routing: notes labelled PSYTHPN go to us-a3"},
		"notes with other labels by a wider one":   {"us-a-log", func(p *Private) { p.Routing = p.Routing[2:] }, "warning: private part us-a-log: routing: notes labelled PSYTHPN go to us-a2"},
		"notes with the rest":                      {"us-a-log", func(p *Private) { p.Routing = p.Routing[3:] }, "warning: private part us-a-log: routing: notes labelled PSYTHPN go to us-a "},
		"a class that no row knows, where none do": {"us-a-log", func(p *Private) { p.Custodian.Classes = []string{"hospitel"} }, ""},
		"no routing, so that all lies together":    {"us-a-log", func(p *Private) { p.Routing = nil }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := remarks(t, c.log, c.change)
			for _, r := range got {
				if c.want != "" && strings.HasPrefix(r.String(), c.want) {
					return
				}
			}
			if c.want != "" || len(got) > 0 {
				t.Errorf("want %q, got %v", c.want, got)
			}
		})
	}
}

func TestACustodianIsWarnedOfRowsThatBindNobody(t *testing.T) {
	part := &Private{Log: "us-a-log", Default: "us-a", Custodian: Custodian{
		Jurisdictions: []string{"US"}, Zone: "America/Phoenix", Part2: Part2None, Classes: []string{"hospitel", "hospital"},
	}}
	check := func() string {
		return strings.Join(texts(PrivateCheck(Reference(), map[string]*Private{"us-a-log": part}), Remark.String), "\n")
	}
	got := check()
	for _, want := range []string{
		"custodian.jurisdictions: names US as a whole: the rows of US-AK, US-AL, US-AZ,",
		"custodian.classes[0]: no row is about class hospitel",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("want %s in\n%s", want, got)
		}
	}
	part.Custodian.Jurisdictions, part.Custodian.Classes = []string{"US", "US-AZ"}, []string{"hospital"}
	if got := check(); got != "" {
		t.Error(got)
	}
	nested := &Private{Log: "us-wa-a-log", Default: "us-wa-a", Custodian: Custodian{Jurisdictions: []string{"US-WA"}, Zone: "America/Los_Angeles"}}
	if got := PrivateCheck(Reference(), map[string]*Private{"us-wa-a-log": nested}); len(got) != 1 || got[0].Key != "custodian.part2" || !got[0].Error {
		t.Errorf("a region within the United States: %v", got)
	}
}

func TestTheDemoKeepsNotesApartAmongRecordsAboutNobody(t *testing.T) {
	p := DemoPrivate("us-a-log")
	for _, c := range []struct{ rtype, codes, want string }{
		{"DocumentReference", "PSYTHPN", "us-a3"},
		{"DocumentReference", "HIPAAPsyNotes", "us-a3"},
		{"DocumentReference", "PSYTHPN SUD 42CFRPart2", "us-a3"},
		{"Location", "", "us-a3"},
		{"Practitioner", "HIV", "us-a3"},
		{"Observation", "MH", "us-a2"},
		{"Observation", "", "us-a"},
	} {
		var labels []Label
		for code := range strings.FieldsSeq(c.codes) {
			labels = append(labels, Label{actCode, code})
		}
		if got := p.Route(c.rtype, codingsOf(labels)); got != c.want {
			t.Errorf("%s %s goes to %s, want %s", c.rtype, c.codes, got, c.want)
		}
	}
}
