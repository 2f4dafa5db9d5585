package collections_test

import (
	"fmt"
	"slices"
	"testing"

	"domicile/chaincode/record"
	"domicile/collections"
	"domicile/fhir"
)

func ExampleParse() {
	policy, err := collections.Parse(collections.SmallYAML(), "small.yaml")
	if err != nil {
		fmt.Println(err)
		return
	}
	end, _ := fhir.ParseDate("2019-05-20")
	kept := collections.Assess(collections.Case{
		Regions: policy.Around("us"),
		Private: collections.DemoPrivate("us-a-log"),
		Type:    "Encounter",
		End:     end,
	})
	fmt.Println(kept.Verdict, "from", kept.Due)
	fmt.Println("because", kept.Authority)
	fmt.Println(policy.EndorsementPolicy())

	_, err = collections.Parse([]byte("version: 1\nname: mine\nregion: []\n"), "mine.yaml")
	fmt.Println(err)
	// Output:
	// due from 2025-05-21
	// because DEMO, not law: a period like those of US state record rules
	// OutOf(2, OR('EuHospital.peer'), OR('UsHospital.peer'))
	// mine.yaml:1: regions: has 0 of the at least two regions that lie in no other: a proof is endorsed by two regions; add one
	// mine.yaml:3: region: unknown key, did you mean regions? Known here: version, name, regions
}

func TestTheFactsAndLawsOfPoliciesAreThoseOfTheContract(t *testing.T) {
	if !slices.Equal(collections.FactKinds(), record.FactKinds()) {
		t.Error(collections.FactKinds(), record.FactKinds())
	}
	if collections.LawGDPR != record.LawGDPR || collections.LawMHMDA != record.LawMHMDA {
		t.Error("the names of laws differ")
	}
}

func TestTheRolesOfPoliciesAreTheRolesOfTheContract(t *testing.T) {
	if !slices.Equal(collections.Roles(), record.Roles()) {
		t.Error(collections.Roles(), record.Roles())
	}
}
