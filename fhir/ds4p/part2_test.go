package ds4p_test

import (
	"testing"

	"domicile/chaincode/record"
	"domicile/fhir/ds4p"
)

func TestTheMinimalPart2SetMayBeKeptAsItIs(t *testing.T) {
	set := ds4p.MinimalPart2(ds4p.OriginPosture, act("SUD"), act("OPIOIDUD"))
	if want := "R/42CFRPart2 42CFRPart2/42CFRPart2 SUD/42CFRPart2 OPIOIDUD/42CFRPart2 NORDSCLCD/42CFRPart2 " +
		"RedisclosureProhibitionMark/42CFRPart2 PERSISTLABEL/42CFRPart2 CPLYCD/42CFRPart2"; codes(set) != want {
		t.Errorf("got %s, want %s", codes(set), want)
	}
	for _, l := range set {
		want := ds4p.OriginPolicy
		if l.Coding() == ds4p.Part2 {
			want = ds4p.OriginPosture
		}
		if l.Origin != want {
			t.Errorf("%s comes from %s", l.Code, l.Origin)
		}
	}
	wantRules(t, set, ds4p.Inbound{})
	if len(ds4p.MinimalPart2(ds4p.OriginConsent)) != 6 {
		t.Error("without sensitivity the set has other labels")
	}
	if got := codes(ds4p.HighWaterMark(set)); got != "R PERSISTLABEL" {
		t.Errorf("a Bundle with it shows %s", got)
	}
}

func TestOriginsAreThoseOfTheRecord(t *testing.T) {
	for ours, theirs := range map[string]string{
		ds4p.OriginInbound: record.OriginInbound, ds4p.OriginInline: record.OriginInline, ds4p.OriginRule: record.OriginRule,
		ds4p.OriginDefault: record.OriginDefault, ds4p.OriginMap: record.OriginMap, ds4p.OriginPosture: record.OriginPosture,
		ds4p.OriginConsent: record.OriginConsent, ds4p.OriginDeclared: record.OriginDeclared,
		ds4p.OriginPolicy: record.OriginPolicy, ds4p.OriginOfficer: record.OriginOfficer,
	} {
		if ours != theirs {
			t.Errorf("%s is %s in the record", ours, theirs)
		}
	}
}
