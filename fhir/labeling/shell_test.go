package labeling_test

import (
	"slices"
	"strings"
	"testing"

	"domicile/fhir"
	"domicile/fhir/ds4p"
	"domicile/fhir/labeling"
)

// split labels every entry of an input as an import does, without rules.
func split(t *testing.T, text string) []labeling.Outcome {
	t.Helper()
	sum, err := fhir.Inspect(strings.NewReader(text), fhir.SplitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	shell := labeling.NewShell(sum.Shell)
	each := func(f func(fhir.Entry)) {
		for e, err := range fhir.Split(strings.NewReader(text), sum) {
			if err != nil {
				t.Fatal(err)
			}
			f(e)
		}
	}
	each(func(e fhir.Entry) { shell.Meet(e.Resource) })
	var out []labeling.Outcome
	each(func(e fhir.Entry) {
		if e.Resource != nil {
			out = append(out, (*labeling.RuleSet)(nil).Label(e.Resource, labeling.Options{}, labeling.Source{Around: shell.Of(e)}))
		}
	})
	return out
}

// A Bundle that is split is no record, but what it says of its entries is not lost with
// it: neither what it says of all, in whatever order its members stand, nor of one.
func TestAnEntryOfASplitBundleHasTheLabelsThatTheBundleSaysItHas(t *testing.T) {
	t.Parallel()
	const observation = `{"resourceType":"Observation","status":"final"}`
	inline := `{"url":"http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label","valueCoding":` + act + `HIV"}}`
	bundle := func(security string, entries ...string) string {
		return `{"resourceType":"Bundle","type":"collection","entry":[` + strings.Join(entries, ",") + `],"meta":{"security":[` + security + `]}}`
	}
	entry := func(resource string) string { return `{"resource":` + resource + `}` }
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"a Bundle without labels": {bundle("", entry(observation)), []string{"N"}},
		"one that no entry explains reaches all": {
			bundle(conf+`V"},`+act+`42CFRPart2"}`, entry(observation), entry(labelled(conf+`N"}`))),
			[]string{"42CFRPart2 CPLYCD NORDSCLCD PERSISTLABEL RedisclosureProhibitionMark SUD V", "42CFRPart2 CPLYCD NORDSCLCD PERSISTLABEL RedisclosureProhibitionMark SUD V"},
		},
		"a high-water mark that an entry explains reaches those without labels only": {
			bundle(conf+`R"},`+act+`HIV"}`, entry(labelled(conf+`R"}`, act+`HIV"}`)), entry(labelled(conf+`N"}`)), entry(observation)),
			[]string{"HIV R", "N", "HIV R"},
		},
		"one that an entry has inside is explained": {
			bundle(act+`HIV"}`, entry(`{"resourceType":"Patient","_gender":{"extension":[`+inline+`]}}`), entry(labelled(conf+`N"}`))),
			[]string{"HIV PROCESSINLINELABEL R", "N"},
		},
		"one on the entry reaches that entry": {
			`{"resourceType":"Bundle","type":"batch","entry":[{"resource":` + observation + `,"extension":[` + inline + `]},{"_fullUrl":{"extension":[` + inline + `]},"resource":` + observation + `},` + entry(observation) + `]}`,
			[]string{"HIV R", "HIV R", "N"},
		},
		"one on an element of the Bundle reaches all": {
			`{"resourceType":"Bundle","type":"batch","_type":{"extension":[` + inline + `]},"entry":[` + entry(observation) + `]}`,
			[]string{"HIV R"},
		},
		"several resources are no Bundle": {observation + "\n" + observation, []string{"N", "N"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := split(t, c.text)
			var got []string
			for _, o := range out {
				got = append(got, words(o.Labels))
				if ds4p.Refused(o.Issues) {
					t.Errorf("%v", o.Issues)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("labels %q, want %q", got, c.want)
			}
		})
	}
}

func TestALabelOfASplitBundleThatNobodyKnowsIsNotLost(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"an unknown code":  `"meta":{"security":[` + act + `NOBODYKNOWS"}]}`,
		"no label at all":  `"meta":{"security":["R"]}`,
		"meta with a slip": `"Meta":{"security":[]}`,
	} {
		out := split(t, `{"resourceType":"Bundle","type":"collection",`+text+`,"entry":[{"resource":{"resourceType":"Observation"}}]}`)
		if len(out) != 1 || !slices.ContainsFunc(out[0].Issues, func(i ds4p.Issue) bool { return i.Rule == "T9" && i.Severity == ds4p.Error }) {
			t.Errorf("%s: %+v", name, out)
		}
	}
}

func TestTheLabelsOfABundleNameItAsTheirOrigin(t *testing.T) {
	t.Parallel()
	out := split(t, `{"resourceType":"Bundle","type":"collection","meta":{"security":[`+conf+`R"},`+act+`HIV"}]},"entry":[{"resource":{"resourceType":"Observation"}}]}`)[0]
	for _, l := range out.Labels {
		why := slices.ContainsFunc(out.Findings, func(f labeling.Finding) bool { return f.Label == l.Coding() && f.Why == labeling.WhyBundle })
		if l.Origin != ds4p.OriginBundle || !why {
			t.Errorf("%s from %q, told %t", l.Code, l.Origin, why)
		}
	}
}
