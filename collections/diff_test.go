package collections

import (
	"strings"
	"testing"
)

func TestEachChangeIsToldAndTheForbiddenOnesAreRefused(t *testing.T) {
	type edit struct{ old, updated string }
	drop := func(text string) edit { return edit{text, ""} }
	euPart := base[strings.Index(base, "  - name: eu\n"):]
	for _, c := range []struct {
		name    string
		edits   []edit
		path    string
		what    string
		refused string // "" for allowed
	}{
		{"nothing", nil, "", "", ""},
		{"the policy is renamed", []edit{{"name: base", "name: other"}}, "name", "base becomes other", ""},
		{"a region is removed", []edit{{euPart, strings.NewReplacer("name: eu", "name: uk", ": eu-a", ": uk-a").Replace(euPart)}, {"to: eu", "to: uk"}}, "regions.eu", "region is removed", "cannot be dropped"},
		{"a region is added", []edit{{euPart, euPart + strings.NewReplacer("eu", "nz", "EU", "NZ", "EuHospital", "NzHospital").Replace(euPart)}}, "regions.nz", "region is new", ""},
		{"a region moves", []edit{drop("    within: us\n")}, "regions.us-wa.within", "us becomes none", ""},
		{"a jurisdiction changes", []edit{{"[EU]", "[EU, NO]"}}, "regions.eu.jurisdictions", "EU becomes EU, NO", ""},
		{"an organisation joins", []edit{{"[EuHospital]\n    coll", "[EuHospital, EuSponsor]\n    coll"}}, "regions.eu.organizations", "EuSponsor joins", ""},
		{"an organisation leaves", []edit{
			{"[UsHospital, UsPayer]", "[UsHospital]"},
			{"members: [UsPayer, UsHospital]", "members: [UsHospital]"},
			{"members: [UsHospital, UsPayer]", "members: [UsHospital]"},
			{"          UsHospital: [writer, officer]\n          UsPayer: [purger]", "          UsHospital: [writer, officer, purger]"},
			{"log: us-ab-log", "log: us-a-log"},
			{"      - name: us-ab-log\n        members: [UsHospital]\n", ""},
		}, "regions.us.organizations", "UsPayer LEAVES", ""},
		{"an organisation moves out of its region", []edit{
			{"[UsHospital, UsPayer]\n    coll", "[UsHospital, UsOther]\n    coll"},
			{"[UsPayer, UsHospital]", "[UsOther, UsHospital]"},
			{"[UsHospital, UsPayer]", "[UsHospital, UsOther]"},
			{"UsPayer: [purger]", "UsOther: [purger]"},
			{"organizations: [EuHospital]", "organizations: [EuHospital, UsPayer]"},
		}, "regions.us.organizations", "UsPayer moves from region us to eu", "would leave their region"},
		{"a collection is dropped", []edit{drop("      - name: us-a2\n        members: [UsHospital]\n        log: us-a-log\n        roles:\n          UsHospital: [writer, officer, purger]\n")}, "regions.us.collections.us-a2", "is dropped", "for ever"},
		{"a collection is added", []edit{{"      - name: us-a-log\n", "      - {name: us-a3, members: [UsHospital], log: us-a-log, roles: {UsHospital: [writer, officer, purger]}}\n      - name: us-a-log\n"}}, "regions.us.collections.us-a3", "is new", ""},
		{"a collection moves to another region", []edit{{"name: us-a2", "name: us-a9"}, {"name: eu-a\n", "name: us-a2\n"}}, "regions.us.collections.us-a2", "moves to region eu", "leave their region"},
		{"a collection changes its log", []edit{{"log: us-a-log", "log: us-c-log"}, {"log: us-a-log", "log: us-c-log"}, {"name: us-a-log", "name: us-c-log"}}, "regions.us.collections.us-a.log", "from us-a-log to us-c-log", "purged ones come back"},
		{"a log becomes a record collection", []edit{
			{"log: us-a-log", "log: us-c-log"},
			{"log: us-a-log", "log: us-c-log"},
			{"      - name: us-a-log\n        members: [UsHospital]\n", "      - {name: us-a-log, members: [UsHospital], log: us-c-log, roles: {UsHospital: [writer, officer, purger]}}\n      - {name: us-c-log, members: [UsHospital]}\n"},
		}, "regions.us.collections.us-a-log.log", "becomes a record collection", "keep it a log"},
		{"a member is removed", []edit{
			{"members: [UsPayer, UsHospital]", "members: [UsHospital]"},
			{"members: [UsHospital, UsPayer]", "members: [UsHospital]"},
			{"log: us-ab-log", "log: us-a-log"},
			{"          UsHospital: [writer, officer]\n          UsPayer: [purger]", "          UsHospital: [writer, officer, purger]"},
			{"      - name: us-ab-log\n        members: [UsHospital]\n", ""},
		}, "regions.us.collections.us-ab.members", "UsPayer is REMOVED: it KEEPS", ""},
		{"a member is added", []edit{
			{"[EuHospital]\n    coll", "[EuHospital, EuSponsor]\n    coll"},
			{"members: [EuHospital]\n        log", "members: [EuHospital, EuSponsor]\n        log"},
			{"name: eu-a-log\n        members: [EuHospital]", "name: eu-a-log\n        members: [EuHospital, EuSponsor]"},
		}, "regions.eu.collections.eu-a.members", "EuSponsor is ADDED: its peers receive EVERYTHING", ""},
		{"all members are replaced", []edit{
			{"organizations: [EuHospital]", "organizations: [EuHospital, EuSponsor]"},
			{"members: [EuHospital]\n        log", "members: [EuSponsor]\n        log"},
			{"          EuHospital:", "          EuSponsor:"},
			{"name: eu-a-log\n        members: [EuHospital]", "name: eu-a-log\n        members: [EuSponsor]"},
		}, "regions.eu.collections.eu-a.members", "all members are replaced", "nobody would remain"},
		{"a peer count changes", []edit{{"maxPeerCount: 2", "maxPeerCount: 3"}}, "regions.us.collections.us-a.maxPeerCount", "2 becomes 3", ""},
		{"a role is granted", []edit{{"[purger]", "[purger, reader]"}}, "regions.us.collections.us-ab.roles", "role reader of UsPayer is granted", ""},
		{"a role is withdrawn", []edit{{"reader, officer, purger, auditor", "officer, purger"}}, "regions.us.collections.us-a.roles", "role reader of UsHospital is withdrawn", ""},
		{"retention is shortened", []edit{{"keep: 10y", "keep: 9y"}}, "regions.us-wa.retention.care.keep", "SHORTENED from 10y to 9y", ""},
		{"retention is lengthened", []edit{{"keep: 10y", "keep: 11y"}}, "regions.us-wa.retention.care.keep", "lengthened from 10y to 11y", ""},
		{"a period is written otherwise", []edit{{"keep: 10y", "keep: 120m"}}, "regions.us-wa.retention.care.keep", "written otherwise", ""},
		{"a row matches others", []edit{{"[Observation, Encounter]", "[Observation]"}, {"[Encounter, Observation]", "[Observation]"}}, "regions.us.retention.care.when", "matches other records", ""},
		{"an authority changes", []edit{{"authority: a law", "authority: a newer law"}}, "regions.us.retention.care.authority", "a law becomes a newer law", ""},
		{"a row is added", []edit{{"    transfers:", "      - {name: rest, trigger: end, keep: 1y, authority: a law}\n    transfers:"}, {"        authority: a state law\n", "        authority: a state law\n      - {name: rest, trigger: end, keep: 1y, authority: a law}\n"}}, "regions.us.retention.rest", "row is new", ""},
		{"a row becomes the law of another place", []edit{{"keep: 6y", "keep: 6y\n        jurisdiction: US-AZ"}}, "regions.us.retention.care.jurisdiction", "none becomes US-AZ", ""},
		{"a row asks for another action", []edit{{"keep: 6y", "keep: 6y\n        action: purge"}}, "regions.us.retention.care.action", "review becomes purge", ""},
		{"a row changes sides", []edit{{"keep: 6y", "keep: 6y\n        kind: ceiling"}}, "regions.us.retention.care.kind", "floor becomes ceiling", ""},
		{"a row gets a condition", []edit{{"keep: 6y", "keep: 6y\n        applies-if: [{fact: death, known: true}]"}}, "regions.us.retention.care.applies-if", "applies to other people", ""},
		{"a period gets another trigger", []edit{{"trigger: end\n        keep: 6y", "trigger: birth\n        keep: 6y"}}, "regions.us.retention.care.until", "from 6y to birth + 6y", ""},
		{"an edited row loses its confirmations", []edit{{"authority: a law", "authority: a newer law"}}, "regions.us.retention.care", "its confirmations end", ""},
		{"a ceiling is added", []edit{{"    transfers:", "      - {name: cap, kind: ceiling, trigger: erasure-request, keep: 1m, authority: a law}\n    transfers:"}}, "regions.us.retention.cap", "erasure-request + 1m at most", ""},
		{"a row is renamed", []edit{{"name: care", "name: other"}, {"name: care", "name: other"}}, "regions.us.retention.care", "row of 6y is removed", ""},
		{"a transfer basis ends", []edit{drop(base[strings.Index(base, "    transfers:"):strings.Index(base, "  - name: us-wa")])}, "regions.us.transfers", "to eu on consent (another law) ends", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := base
			for _, e := range c.edits {
				s = mustEdit(t, s, e.old, e.updated)
			}
			changes := Diff(parse(t, base), parse(t, s))
			if c.path == "" {
				if len(changes) > 0 {
					t.Error(changes)
				}
				return
			}
			for _, got := range changes {
				if got.Path == c.path && strings.Contains(got.What, c.what) {
					if (got.Refused != "") != (c.refused != "") || !strings.Contains(got.Refused, c.refused) {
						t.Errorf("refused: %q, want %q", got.Refused, c.refused)
					}
					if c.refused == "" && c.name != "a row is renamed" && Refused(changes) != nil && !strings.Contains(c.name, "organisation leaves") && !strings.Contains(c.name, "member is removed") {
						t.Error(Refused(changes))
					}
					return
				}
			}
			t.Errorf("want %s: …%s…, got %v", c.path, c.what, changes)
		})
	}
}

func TestAFirstPolicyHasNothingToDifferFrom(t *testing.T) {
	if changes := Diff(nil, Demo()); changes != nil {
		t.Error(changes)
	}
}

func TestRefusedJoinsTheRefusalsOnly(t *testing.T) {
	changes := Diff(Demo(), Small())
	err := Refused(changes)
	if err == nil || !strings.Contains(err.Error(), "regions.uk") || !strings.Contains(err.Error(), "us-b") {
		t.Fatal(err)
	}
	if strings.Contains(err.Error(), "renamed") {
		t.Error("allowed changes are among the refusals")
	}
	if Refused(changes[:0]) != nil {
		t.Error("refusals of nothing")
	}
}
