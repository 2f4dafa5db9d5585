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

func Example() {
	stored := atrest.Stored([]ds4p.Label{{System: ds4p.SystemConfidentiality, Code: "R", Origin: ds4p.OriginRule}})
	fmt.Println(stored[0].Code, stored[0].Origin, ds4p.Codings(atrest.Labels(stored))[0].Code)
	// Output: R rule R
}
