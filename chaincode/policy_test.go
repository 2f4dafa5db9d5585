package chaincode_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
	"domicile/collections"
)

// changed is the demo policy with a change.
func changed(change func(*collections.Policy)) *collections.Policy {
	p := *collections.Demo()
	p.Regions = append([]collections.Region{}, p.Regions...)
	change(&p)
	return &p
}

func approve(org string, p *collections.Policy) chaincodetest.Call {
	return chaincodetest.Call{As: chaincodetest.Identity{Org: org, Role: chaincodetest.Admin}, Function: record.FuncPolicyApprove, Args: []string{p.Digest()}}
}

func commit(org string, p *collections.Policy) chaincodetest.Call {
	return chaincodetest.Call{As: chaincodetest.Identity{Org: org, Role: chaincodetest.Admin}, Function: record.FuncPolicyCommit, Args: []string{string(p.Public())}}
}

// adopt puts a changed demo policy into force with everybody's approval.
func (w *world) adopt(change func(*collections.Policy)) {
	w.t.Helper()
	p := changed(change)
	for _, org := range p.Organizations() {
		w.submit(approve(org, p))
	}
	w.submit(commit("UsHospital", p))
}

// relabel changes a region's part and nothing else.
func relabel(region string) func(*collections.Policy) {
	return func(p *collections.Policy) {
		for i := range p.Regions {
			if p.Regions[i].Name == region {
				p.Regions[i].Jurisdictions = []string{"US", "XX"}
			}
		}
	}
}

func TestI4_a_policy_needs_the_region_it_changes_and_a_majority_of_the_others(t *testing.T) {
	for name, c := range map[string]struct {
		orgs []string
		code record.Code // "" for allowed
	}{
		"all":                                   {[]string{"UsHospital", "UsPayer", "EuHospital", "EuSponsor", "UkTrust", "AuHealth"}, ""},
		"uk itself and two others":              {[]string{"UkTrust", "AuHealth", "EuHospital", "EuSponsor"}, ""},
		"uk itself and one other":               {[]string{"UkTrust", "AuHealth"}, record.CodeNotApproved},
		"all but uk itself":                     {[]string{"UsHospital", "UsPayer", "EuHospital", "EuSponsor", "AuHealth"}, record.CodeNotApproved},
		"half of a region's organisations only": {[]string{"UkTrust", "AuHealth", "EuHospital"}, record.CodeNotApproved},
		"nobody":                                {nil, record.CodeNotApproved},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, chaincodetest.Options{})
			p := changed(relabel("uk"))
			for _, org := range c.orgs {
				w.submit(approve(org, p))
			}
			if c.code != "" {
				w.refuses(commit("UsHospital", p), c.code)
				return
			}
			w.submit(commit("UsHospital", p))
			b, err := w.Evaluate(context.Background(), chaincodetest.Call{As: usHospital(""), Function: record.FuncPolicy})
			if err != nil || string(b) != string(p.Public()) {
				t.Errorf("the policy in force is another (%v)", err)
			}
		})
	}
}

func TestI4_three_regions_cannot_take_over_the_fourth(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	// The contract on the peers of us, eu and au is theirs to change. What stops
	// them is the key-level policy: without uk's peers the validators refuse.
	p := changed(relabel("uk"))
	for _, org := range p.Organizations() {
		w.submit(approve(org, p))
	}
	c := commit("UsHospital", p)
	for name, endorsers := range map[string][]string{
		"three regions without uk":  {"UsHospital", "EuHospital", "AuHealth"},
		"every organisation but uk": {"UsHospital", "UsPayer", "EuHospital", "EuSponsor", "AuHealth"},
		"uk and one other":          {"UkTrust", "UsHospital", "UsPayer"},
	} {
		c.Endorsers = endorsers
		r, err := w.Submit(context.Background(), c)
		if err != nil || r.Code != "ENDORSEMENT_POLICY_FAILURE" {
			t.Errorf("%s: %s (%v)", name, r.Code, err)
		}
	}
	c.Endorsers = []string{"UkTrust", "UsPayer", "EuSponsor"}
	w.submit(c)

	// Nor can they write an approval in uk's name.
	forged := approve("UkTrust", changed(relabel("us")))
	forged.Endorsers = []string{"UsHospital", "EuHospital", "AuHealth"}
	r, err := w.Submit(context.Background(), forged)
	if err != nil || r.Code != "ENDORSEMENT_POLICY_FAILURE" {
		t.Errorf("a forged approval: %s (%v)", r.Code, err)
	}
}

func TestI4_nobody_votes_himself_into_another_regions_place(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	p := changed(func(p *collections.Policy) {
		for i := range p.Regions {
			switch r := &p.Regions[i]; r.Name {
			case "uk":
				r.Organizations = []string{"EuSponsor", "UkTrust"}
			case "eu":
				r.Organizations = []string{"EuHospital"}
			}
		}
	})
	for _, org := range []string{"UsHospital", "UsPayer", "EuHospital", "EuSponsor", "AuHealth"} {
		w.submit(approve(org, p))
	}
	if _, err := w.Submit(context.Background(), commit("EuSponsor", p)); err == nil {
		t.Error("EuSponsor took part of uk's vote")
	}
}

// The organisations that a change brings into a region have no voice in it yet.
func TestI4_who_speaks_for_a_region_is_told_by_the_policy_in_force(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{Others: []string{"UkFirst", "UkSecond"}})
	p := changed(func(p *collections.Policy) {
		for i := range p.Regions {
			if r := &p.Regions[i]; r.Name == "uk" {
				r.Organizations = []string{"UkFirst", "UkSecond", "UkTrust"}
			}
		}
	})
	for _, org := range p.Organizations() {
		if org != "UkTrust" {
			w.submit(approve(org, p))
		}
	}
	if e := w.refuses(commit("UkFirst", p), record.CodeNotApproved); !strings.HasSuffix(e.Detail, " uk") {
		t.Errorf("missing is not uk but: %s", e.Detail)
	}
	w.submit(approve("UkTrust", p))
	w.submit(commit("UkFirst", p))
}

// A policy key asks for the peers of the other regions too, so it must follow when these
// change, although its own region does not.
func TestI4_every_guard_follows_a_change_of_another_region(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{Others: []string{"UkFirst", "UkSecond"}})
	larger := func(change func(*collections.Policy)) func(*collections.Policy) {
		return func(p *collections.Policy) {
			for i := range p.Regions {
				if r := &p.Regions[i]; r.Name == "uk" {
					r.Organizations = []string{"UkFirst", "UkSecond", "UkTrust"}
				}
			}
			change(p)
		}
	}
	w.adopt(larger(func(*collections.Policy) {}))
	p := changed(larger(relabel("us")))
	for _, org := range p.Organizations() {
		w.submit(approve(org, p))
	}
	c := commit("UsHospital", p)
	c.Endorsers = []string{"UsHospital", "UkFirst", "EuHospital"}
	w.submit(c)
}

// Else a region and those within it could outvote the others.
func TestI4_the_regions_around_one_are_none_of_the_others_that_it_needs(t *testing.T) {
	inUs := func(change func(*collections.Policy)) *collections.Policy {
		return changed(func(p *collections.Policy) {
			us, _ := p.Region("us")
			for i := range p.Regions {
				if r := &p.Regions[i]; r.Name == "uk" {
					r.Within, r.Retention = us.Name, slices.Clone(us.Retention)
				}
			}
			change(p)
		})
	}
	w := newWorld(t, chaincodetest.Options{Policy: inUs(func(*collections.Policy) {})})
	p := inUs(relabel("uk"))
	for _, org := range []string{"UkTrust", "UsHospital", "UsPayer", "EuHospital", "EuSponsor"} {
		w.submit(approve(org, p))
	}
	if e := w.refuses(commit("UkTrust", p), record.CodeNotApproved); !strings.HasSuffix(e.Detail, " au") {
		t.Errorf("missing is not au but: %s", e.Detail)
	}
	w.submit(approve("AuHealth", p))
	w.submit(commit("UkTrust", p))
}

func TestI4_the_first_policy_needs_every_region(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{NoPolicy: true})
	p := collections.Demo()
	w.refuses(putCall("us-a", newRecord(), encounter("1999-12-31")), record.CodeNoPolicy)
	for _, org := range []string{"UsHospital", "UsPayer", "EuHospital", "EuSponsor", "UkTrust"} {
		w.submit(approve(org, p))
	}
	w.refuses(commit("UsHospital", p), record.CodeNotApproved)
	w.submit(approve("AuHealth", p))
	w.submit(commit("UsHospital", p))
	w.refuses(putCall("us-a", newRecord(), encounter("1999-12-31")), record.CodeNoPolicy) // no private part yet
}

func TestA_policy_is_refused_when_it(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	admin := usHospital(chaincodetest.Admin)
	for name, doc := range map[string]string{
		"is not JSON":      canary,
		"is not canonical": " " + string(collections.Demo().Public()),
		"drops a collection": string(changed(func(p *collections.Policy) {
			for i := range p.Regions {
				if p.Regions[i].Name == "us" {
					p.Regions[i].Collections = p.Regions[i].Collections[:len(p.Regions[i].Collections)-2]
				}
			}
		}).Public()),
		"drops a region": string(changed(func(p *collections.Policy) { p.Regions = p.Regions[1:] }).Public()),
	} {
		w.refuses(chaincodetest.Call{As: admin, Function: record.FuncPolicyCommit, Args: []string{doc}}, record.CodeBadPolicy)
		_ = name
	}
}

func TestA_private_part_is_refused_when_it(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	for name, c := range map[string]struct {
		change func(*collections.Private)
		as     chaincodetest.Identity
		code   record.Code
	}{
		"is another log's":          {func(p *collections.Private) { p.Log = "us-b-log" }, usHospital(chaincodetest.Admin), record.CodeBadPolicy},
		"routes to another holder":  {func(p *collections.Private) { p.Default = "us-b" }, usHospital(chaincodetest.Admin), record.CodeBadPolicy},
		"gives roles to strangers":  {func(p *collections.Private) { p.Roles = map[string]map[string]string{"UsPayer": {"c1": "reader"}} }, usHospital(chaincodetest.Admin), record.CodeBadPolicy},
		"comes from a client":       {func(*collections.Private) {}, usHospital(record.RoleOfficer), record.CodeForbidden},
		"comes from another holder": {func(*collections.Private) {}, chaincodetest.Identity{Org: "UsPayer", Role: chaincodetest.Admin}, record.CodeForbidden},
		"comes from another region": {func(*collections.Private) {}, chaincodetest.Identity{Org: "EuHospital", Role: chaincodetest.Admin}, record.CodeForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			part := collections.DemoPrivate("us-a-log")
			c.change(part)
			(&world{w.Memory, t}).refuses(chaincodetest.Write(c.as, record.OpPrivate, record.PrivateRequest{
				Version: 1, Region: "us", Collection: "us-a-log", Seed: chaincodetest.Random(32), Document: part.JSON(),
			}, atHospital), c.code)
		})
	}
}

func TestThe_secret_of_the_hold_keys_is_written_once(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	before := w.Private("UsHospital", "us-a-log", record.KeySecret)
	r, _ := collections.Demo().Region("us")
	log, _ := r.Collection("us-a-log")
	w.submit(w.PrivatePart("us", log))
	if after := w.Private("UsHospital", "us-a-log", record.KeySecret); string(after) != string(before) || before == nil {
		t.Error("a new private part changed the secret: no hold would be found again")
	}
}
