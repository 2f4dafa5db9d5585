package collections

import (
	"strings"
	"testing"
)

const foreignConfig = `[
	{
		"name": "us-a",
		"policy": "OR('UsHospital.member')",
		"requiredPeerCount": 1,
		"maxPeerCount": 2,
		"blockToLive": 0,
		"memberOnlyRead": true,
		"memberOnlyWrite": true,
		"endorsementPolicy": {"signaturePolicy": "OR('UsHospital.peer')"}
	},
	{
		"name": "us-ab",
		"policy": "OR('UsHospital.member', 'UsPayer.member')",
		"requiredPeerCount": 1,
		"maxPeerCount": 2,
		"blockToLive": 0,
		"memberOnlyRead": true,
		"memberOnlyWrite": true,
		"endorsementPolicy": {"signaturePolicy": "AND('UsHospital.peer', 'UsPayer.peer')"}
	}
]
`

func TestASoundForeignConfigurationHasNoProblems(t *testing.T) {
	if found := LintFabric(nil, []byte(foreignConfig)); len(found) > 0 {
		t.Error(found)
	}
}

func TestEachFaultOfAForeignConfigurationIsFound(t *testing.T) {
	for _, c := range []struct {
		name, old, updated string
		key, what          string
	}{
		{"memberOnlyRead false", `"memberOnlyRead": true`, `"memberOnlyRead": false`, "us-a.memberOnlyRead", "is not true"},
		{"memberOnlyRead missing", "\t\t\"memberOnlyRead\": true,\n", "", "us-a.memberOnlyRead", "is not true"},
		{"memberOnlyRead in quotes", `"memberOnlyRead": true`, `"memberOnlyRead": "true"`, "us-a.memberOnlyRead", "is not true"},
		{"memberOnlyWrite missing", "\t\t\"memberOnlyWrite\": true,\n", "", "us-a.memberOnlyWrite", "is not true"},
		{"a misspelt field", `"memberOnlyRead"`, `"memberOnlyRaed"`, "us-a.memberOnlyRaed", "did you mean memberOnlyRead?"},
		{"a field in other case", `"blockToLive"`, `"BlockToLive"`, "us-a.BlockToLive", "did you mean blockToLive?"},
		{"a repeated field", `"blockToLive": 0`, `"blockToLive": 0, "blockToLive": 5`, "us-a.blockToLive", "given twice"},
		{"blockToLive above 0", `"blockToLive": 0`, `"blockToLive": 100`, "us-a.blockToLive", "by block count"},
		{"an endorsement policy missing", `"endorsementPolicy": {"signaturePolicy": "OR('UsHospital.peer')"}`, `"maxPeerCount": 2`, "us-a.endorsementPolicy", "no members could endorse"},
		{"an endorsement policy of the channel", `{"signaturePolicy": "OR('UsHospital.peer')"}`, `{"channelConfigPolicy": "/Channel/Application/Endorsement"}`, "us-a.endorsementPolicy.channelConfigPolicy", "of the channel"},
		{"an endorser that is no member", `OR('UsHospital.peer')`, `OR('EuHospital.peer')`, "us-a.endorsementPolicy.signaturePolicy", "no member"},
		{"an endorser that is no peer", `OR('UsHospital.peer')`, `OR('UsHospital.member')`, "us-a.endorsementPolicy.signaturePolicy", "only peers"},
		{"an endorser of a form nobody knows", `OR('UsHospital.peer')`, `OR('UsHospital')`, "us-a.endorsementPolicy.signaturePolicy", "something else"},
		{"an endorsement policy that nests", `AND('UsHospital.peer', 'UsPayer.peer')`, `OR(AND('UsHospital.peer','UsPayer.peer'))`, "us-ab.endorsementPolicy.signaturePolicy", "flat"},
		{"one endorser for two holders", `AND('UsHospital.peer', 'UsPayer.peer')`, `OR('UsHospital.peer', 'UsPayer.peer')`, "us-ab.endorsementPolicy.signaturePolicy", "majority"},
		{"OutOf 1 of two holders", `AND('UsHospital.peer', 'UsPayer.peer')`, `OutOf(1, 'UsHospital.peer', 'UsPayer.peer')`, "us-ab.endorsementPolicy.signaturePolicy", "majority"},
		{"an organisation twice", `AND('UsHospital.peer', 'UsPayer.peer')`, `AND('UsHospital.peer', 'UsHospital.peer')`, "us-ab.endorsementPolicy.signaturePolicy", "twice"},
		{"a member policy that is no OR", `OR('UsHospital.member', 'UsPayer.member')`, `AND('UsHospital.member', 'UsPayer.member')`, "us-ab.policy", "only an OR"},
		{"a member policy of peers", `OR('UsHospital.member')`, `OR('UsHospital.peer')`, "us-a.policy", "something else"},
		{"no member policy", "\t\t\"policy\": \"OR('UsHospital.member')\",\n", "", "us-a.policy", "is missing"},
		{"requiredPeerCount missing", "\t\t\"requiredPeerCount\": 1,\n", "", "us-a.requiredPeerCount", "0 by default"},
		{"requiredPeerCount 0", `"requiredPeerCount": 1`, `"requiredPeerCount": 0`, "us-a.requiredPeerCount", "only one disk"},
		{"maxPeerCount missing", "\t\t\"maxPeerCount\": 2,\n", "", "us-a.maxPeerCount", "1 by default"},
		{"maxPeerCount below requiredPeerCount", `"requiredPeerCount": 1`, `"requiredPeerCount": 3`, "us-a.maxPeerCount", "Fabric refuses"},
		{"an implicit collection", `"us-a"`, `"_implicit_org_UsHospital"`, "_implicit_org_UsHospital.name", "implicit"},
		{"a name that is not Fabric-legal", `"us-a"`, `"us.a"`, "us.a.name", "not a name that Fabric allows"},
		{"a name that says why", `"us-a"`, `"us-hiv"`, "us-hiv.name", "says why"},
		{"a name used twice", `"us-ab"`, `"US-A"`, "US-A.name", "is taken"},
		{"no name", "\t\t\"name\": \"us-a\",\n", "", "[0].name", "is missing"},
		{"something that is no JSON", `[`, `[,`, "", "is not JSON"},
		{"an object", foreignConfig, `{}`, "", "must be a list"},
	} {
		t.Run(c.name, func(t *testing.T) {
			found := LintFabric(nil, []byte(mustEdit(t, foreignConfig, c.old, c.updated)))
			for _, p := range found {
				if p.Key == c.key && strings.Contains(p.What, c.what) {
					return
				}
			}
			t.Errorf("want %s: …%s…, got %v", c.key, c.what, found)
		})
	}
}

func TestChangesThatFabricRefusesAreFoundInForeignConfigurations(t *testing.T) {
	renamed := mustEdit(t, foreignConfig, `"us-ab"`, `"us-ba"`)
	if found := LintFabric([]byte(foreignConfig), []byte(renamed)); len(found) != 1 || found[0].Key != "us-ab" || !strings.Contains(found[0].What, "is dropped") {
		t.Error(found)
	}
	lived := mustEdit(t, foreignConfig, `"blockToLive": 0`, `"blockToLive": 7`)
	found := LintFabric([]byte(lived), []byte(foreignConfig))
	if len(found) != 1 || found[0].Key != "us-a.blockToLive" || !strings.Contains(found[0].What, "changes from 7 to 0") {
		t.Error(found)
	}
	if found := LintFabric([]byte(foreignConfig), []byte(lived)); len(found) != 2 {
		t.Error("want both that it changes and that it is not 0:", found)
	}
	if found := LintFabric([]byte("{"), []byte(foreignConfig)); len(found) != 1 || !strings.Contains(found[0].Error(), "committed") {
		t.Error(found)
	}
}

func TestNamesThatSayWhyAreFoundAndOrdinaryOnesAreNot(t *testing.T) {
	for _, name := range []string{
		"us-part2", "us-part-2", "us-42cfr", "UsPart2", "us-sud", "us-SUD2", "eu_hiv", "usHIV", "uk-psych", "uk-psychiatry", "us-mental", "us-mentalhealth",
		"us-opioids", "us-opioid-clinic", "us-repro", "us-reproductive", "us-substanceuse", "au-minors", "us-hold", "us-encounters", "us-patients", "us-eth", "us-segregated",
	} {
		if Betrays(name) == "" {
			t.Errorf("%s passes", name)
		}
	}
	for _, name := range []string{
		"us-a", "us-a2", "us-a2-log", "us-ab", "eu-b-log", "us-wa", "sudan-a", "us-sussex", "us-household", "us-elizabeth", "us-holders", "us-mercy", "x1", "us-ethos",
		"north-shore", "environmental", "us-mindanao", "UsHospital", "us-r", "us-n", "us-v",
	} {
		if w := Betrays(name); w != "" {
			t.Errorf("%s is refused for %s", name, w)
		}
	}
}
