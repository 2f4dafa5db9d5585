package collections

import (
	"slices"
	"testing"
)

func TestMemberChangesNamesTheLogsWhoseHoldersChange(t *testing.T) {
	members := func(changed map[string][]string) *Policy {
		p, err := ParsePublic(Demo().Public())
		if err != nil {
			t.Fatal(err)
		}
		for i := range p.Regions {
			for j := range p.Regions[i].Collections {
				c := &p.Regions[i].Collections[j]
				if m, ok := changed[c.Name]; ok {
					c.Members = m
				}
			}
		}
		return p
	}
	for name, x := range map[string]struct {
		old, updated *Policy
		want         []string
	}{
		"nothing changes":             {Demo(), Demo(), nil},
		"there was no policy":         {nil, Demo(), nil},
		"in another order":            {Demo(), members(map[string][]string{"us-ab": {"UsPayer", "UsHospital"}}), nil},
		"a member of a collection":    {Demo(), members(map[string][]string{"us-a2": {"UsHospital", "UsPayer"}}), []string{"us-a-log"}},
		"a member of a log":           {Demo(), members(map[string][]string{"us-ab-log": {"UsHospital"}}), []string{"us-ab-log"}},
		"a member leaves":             {members(map[string][]string{"us-a": {"UsHospital", "UsPayer"}}), Demo(), []string{"us-a-log"}},
		"two collections of one log":  {Demo(), members(map[string][]string{"us-a": {"UsPayer"}, "us-a2": {"UsPayer"}}), []string{"us-a-log"}},
		"collections of several logs": {Demo(), members(map[string][]string{"us-ab": {"UsPayer"}, "eu-a": {"EuSponsor"}}), []string{"eu-a-log", "us-ab-log"}},
		"another member, as many":     {Demo(), members(map[string][]string{"us-a": {"UsPayer"}}), []string{"us-a-log"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := MemberChanges(x.old, x.updated); !slices.Equal(got, x.want) {
				t.Errorf("got %v, want %v", got, x.want)
			}
		})
	}
}
