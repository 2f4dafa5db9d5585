package atrest_test

import (
	"fmt"
	"reflect"
	"testing"

	"domicile/chaincode/record"
	"domicile/chaincode/record/atrest"
	"domicile/fhir"
	"domicile/fhir/ds4p"
)

func TestEveryFieldOfAStoredLabelComesBack(t *testing.T) {
	t.Parallel()
	var full record.Label
	v := reflect.ValueOf(&full).Elem()
	for i := range v.NumField() {
		v.Field(i).SetString(fmt.Sprint("field ", i))
	}
	if back := atrest.Stored(atrest.Labels([]record.Label{full})); len(back) != 1 || back[0] != full {
		t.Errorf("%+v came back as %+v", full, back)
	}
}

func TestArtifactsOfALabelAreNotStored(t *testing.T) {
	t.Parallel()
	l := ds4p.Label{System: "s", Code: "c", Basis: fhir.Coding{System: "b", Code: "d"}, Origin: "o", Rule: "r"}
	with := l
	with.Artifacts = []ds4p.Artifact{{Type: "citation"}}
	if back := atrest.Labels(atrest.Stored([]ds4p.Label{with})); !reflect.DeepEqual(back, []ds4p.Label{l}) {
		t.Error("a label with an artifact came back as another")
	}
}

func TestNoLabelsAreAnEmptyList(t *testing.T) {
	t.Parallel()
	if atrest.Stored(nil) == nil || atrest.Labels(nil) == nil {
		t.Error("no labels became nil, which is null in JSON")
	}
}

// What a record older than the field is taken to have errs towards keeping.
func TestARecordThatEverHadToProcessInlineLabelsStillHasUnlessItsBytesSaidNo(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	with := atrest.Stored([]ds4p.Label{{System: ds4p.ProcessInline.System, Code: ds4p.ProcessInline.Code}})
	other := atrest.Stored([]ds4p.Label{{System: "urn:own", Code: ds4p.ProcessInline.Code}})
	for name, c := range map[string]struct {
		meta record.Meta
		want bool
	}{
		"its elements have labels":               {record.Meta{Inline: &yes}, true},
		"they have none, whatever it came with":  {record.Meta{Inline: &no, Labels: with}, false},
		"older, and it has the obligation":       {record.Meta{Labels: with}, true},
		"older, and it had the obligation":       {record.Meta{Labels: other, History: []record.Relabel{{Labels: with}}}, true},
		"older, and it never had the obligation": {record.Meta{Labels: other, History: []record.Relabel{{Labels: other}}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := atrest.NeedsInline(&c.meta); got != c.want {
				t.Errorf("needs it: %t, want %t", got, c.want)
			}
		})
	}
}

func Example() {
	stored := atrest.Stored([]ds4p.Label{{System: ds4p.SystemConfidentiality, Code: "R", Origin: ds4p.OriginRule}})
	fmt.Println(stored[0].Code, stored[0].Origin, ds4p.Codings(atrest.Labels(stored))[0].Code)
	// Output: R rule R
}
