package gateway

import (
	"reflect"
	"testing"

	"domicile/chaincode/record"
)

func TestNoticeIsOwedToEveryOtherMemberOfACollection(t *testing.T) {
	members := map[string][]string{"us-a": {"UsHospital"}, "us-ab": {"UsHospital", "UsPayer"}, "us-abc": {"UsHospital", "UsPayer", "UsLab"}}
	ref := func(coll, id string) record.Ref { return record.Ref{Collection: coll, ID: id} }
	got := notices("UsHospital", members, []record.Ref{ref("us-abc", "3"), ref("us-a", "1"), ref("us-ab", "2")})
	want := []Notice{{To: "UsLab", Erased: []string{"3"}}, {To: "UsPayer", Erased: []string{"2", "3"}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if got := notices("UsHospital", members, []record.Ref{ref("us-a", "1")}); len(got) != 0 {
		t.Errorf("of a record that nobody else holds: %+v", got)
	}
}
