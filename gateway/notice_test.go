package gateway

import (
	"reflect"
	"testing"

	"domicile/chaincode/record"
)

func TestNoticeIsOwedToEveryOtherMemberOfACollection(t *testing.T) {
	members := map[string][]string{"us-a": {"UsHospital"}, "us-ab": {"UsHospital", "UsPayer"}, "us-abc": {"UsHospital", "UsPayer", "UsLab"}}
	ref := func(coll, id string) record.Ref { return record.Ref{Collection: coll, ID: id} }
	got := notices("UsHospital", members,
		[]record.Ref{ref("us-abc", "3"), ref("us-a", "1"), ref("us-ab", "2")}, []record.Ref{ref("us-ab", "4")})
	want := []Notice{{To: "UsLab", Erased: []string{"3"}}, {To: "UsPayer", Erased: []string{"2", "3"}, Limited: []string{"4"}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if got := notices("UsHospital", members, []record.Ref{ref("us-a", "1")}, nil); len(got) != 0 {
		t.Errorf("of a record that nobody else holds: %+v", got)
	}
}
