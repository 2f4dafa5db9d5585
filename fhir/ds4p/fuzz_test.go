package ds4p_test

import (
	"testing"

	"domicile/fhir"
	"domicile/fhir/ds4p"
)

// FuzzRead checks that no label of meta.security gets lost, at rest neither, and
// that nothing panics, whatever a resource looks like.
func FuzzRead(f *testing.F) {
	f.Add([]byte(sec + confR + `,{"system":"s","extension":[{"url":"sec-label-basis","valueCoding":1},{"url":"sec-label-related-artifact"}]},[1]]}}`))
	f.Add([]byte(`{"resourceType":"Bundle","meta":[{"_security":null}],"entry":[{"resource":` + sec + actSUD + `]}}}]}`))
	f.Add([]byte(`{"resourceType":"Patient","_x":[null,{"extension":[` + inlineV + `]}],"m\u0065ta":{"Security":"security"}}`))
	f.Add([]byte(`{"resourceType":"DocumentReference","securityLabel":{"coding":{}},"valueMeta":{"security":[[[]]]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := fhir.Parse(b)
		if err != nil {
			return
		}
		in := ds4p.Read(r)
		atLeastSecurity(t, string(b), in)
		v := ds4p.Standard()
		if missing := v.Missing(in.Labels, in.Labels); len(missing) > 0 {
			t.Errorf("%d labels are missing from themselves", len(missing))
		}
		unknown := false
		for _, l := range in.Labels {
			unknown = unknown || !v.Known(l.Coding())
		}
		for _, l := range in.Inline {
			unknown = unknown || !v.Known(l.Coding())
		}
		found := false
		for _, i := range v.AtRest(in.Labels, in) {
			found = found || i.Rule == "T9"
			if i.Text == "" || i.Rule == "" {
				t.Error("an issue without rule or words")
			}
		}
		if found != unknown {
			t.Errorf("unknown labels %v, reported %v", unknown, found)
		}
		if n := len(in.Labels); n > 0 && !v.Downgrade(in.Labels, nil) {
			t.Error("dropping all labels is no downgrade")
		}
		if ds4p.Digest(in.Labels) != ds4p.Digest(append(in.Labels, in.Labels...)) {
			t.Error("repetition changes the digest")
		}
	})
}

// FuzzAtRest checks that a set never loses a label between rest and rest: what
// AtRest lets pass has exactly one confidentiality and nothing unknown.
func FuzzAtRest(f *testing.F) {
	f.Add("R", "SUD", "42CFRPart2", "N", "SUD", "CUI")
	f.Add("", "V", "x|y", "U", "PROCESSINLINELABEL", "%\n")
	f.Fuzz(func(t *testing.T, a, b, c, d, e, g string) {
		v := ds4p.Standard()
		old, set := labels(a, b, c), labels(a, d, e, g)
		issues := v.AtRest(set, ds4p.Inbound{Labels: old})
		missing := v.Missing(old, set)
		if ds4p.Refused(issues) {
			return
		}
		count := 0
		for _, l := range set {
			if !v.Known(l.Coding()) {
				t.Error("an unknown label may be kept")
			}
			if v.In(l.Coding(), ds4p.Confidentiality) {
				count++
			}
		}
		if count != 1 || len(missing) > 0 || v.Downgrade(old, set) {
			t.Errorf("%d confidentialities, %d labels lost", count, len(missing))
		}
		if ds4p.Digest(old) == ds4p.Digest(set) && len(v.Missing(set, old)) > 0 {
			t.Error("different sets have the same digest")
		}
	})
}
