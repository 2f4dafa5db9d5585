package network

import (
	"strings"
	"testing"
	"time"
)

func TestCollectionsSurviveTheWayToFabricAndBack(t *testing.T) {
	p, err := parseCollections([]byte(testCollections))
	if err != nil {
		t.Fatal(err)
	}
	b, err := renderCollections(p)
	if err != nil {
		t.Fatal(err)
	}
	again, err := parseCollections(b)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.GetConfig()) != 2 || !sameCollections(p, again) {
		t.Errorf("got\n%s", b)
	}
	p.Config[0], p.Config[1] = p.Config[1], p.Config[0]
	if !sameCollections(p, again) {
		t.Error("the order of collections makes a difference")
	}
	p.Config[0].GetStaticCollectionConfig().MemberOnlyRead = false
	if sameCollections(p, again) {
		t.Error("memberOnlyRead makes no difference")
	}
	if p, err := parseCollections([]byte(" \n")); p != nil || err != nil {
		t.Errorf("no collections: %v, %v", p, err)
	}
}

func TestAMalformedCollectionConfigIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ old, with, want string }{
		"a misspelt key":        {`"memberOnlyRead"`, `"memberOnlyReed"`, "memberOnlyReed"},
		"no requiredPeerCount":  {`"requiredPeerCount": 1, `, ``, "requiredPeerCount"},
		"a malformed policy":    {`OR('UsHospital.member')`, `OR(UsHospital)`, `collection "us-a": policy`},
		"a malformed endorser":  {`OR('UsHospital.peer')`, `OR(`, `collection "us-a": endorsementPolicy`},
		"two endorsement kinds": {`{"signaturePolicy"`, `{"channelConfigPolicy": "/Channel", "signaturePolicy"`, "not both"},
		"text that is no JSON":  {`[`, `{`, "collections:"},
	} {
		text := strings.Replace(testCollections, c.old, c.with, 1)
		if _, err := parseCollections([]byte(text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
	}
}

func FuzzParseCollections(f *testing.F) {
	f.Add([]byte(testCollections))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := parseCollections(text)
		if err != nil {
			return
		}
		if _, err := renderCollections(p); err != nil {
			t.Error(err)
		}
	})
}

func TestTooFewMemberPeersAreAnErrorAndTwoAWarning(t *testing.T) {
	top := SmallTopology()
	for peers, want := range map[int]string{1: Error, 2: Warn, 3: OK} {
		top.Regions[0].Organizations[0].Peers = peers
		findings, err := CheckMembers(top, []byte(testCollections))
		if err != nil {
			t.Fatal(err)
		}
		if len(findings) != 2 || findings[0].Severity != want || findings[1].Severity != Warn {
			t.Errorf("%d peers: %+v", peers, findings)
		}
	}
}

func TestCertificatesThatEndSoonAreReported(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for days, want := range map[int]string{-1: Error, 0: Error, 29: Warn, 31: OK} {
		if f := expiry("n", "c.pem", now.AddDate(0, 0, days), now); f.Severity != want {
			t.Errorf("%d days: %+v", days, f)
		}
	}
	if r := (Report{Findings: []Finding{{Severity: OK}, {Severity: Warn}}}); r.Worst() != Warn {
		t.Errorf("worst is %s", r.Worst())
	}
}

func TestEveryWayToSayDebugIsNoticed(t *testing.T) {
	for spec, want := range map[string]bool{
		"info": false, "info:grpc=warn": false, "gossip.debugger=warn:info": false,
		"debug": true, "info:gossip=debug": true, "DEBUG:grpc=info": true, "gossip,lifecycle=DEBUG:info": true,
	} {
		if got := debugSpec.MatchString(spec); got != want {
			t.Errorf("%q: %v, want %v", spec, got, want)
		}
	}
}

func TestTheChaincodePackageIsTheSameEverywhere(t *testing.T) {
	const want = "domicile_1:d6fedf82ddccede2835ab20352ae03a1090309a45a63c6ceda853b934638c513"
	_, id, err := chaincodePackage(packageLabel)
	if err != nil {
		t.Fatal(err)
	}
	if id != want {
		t.Errorf("package id %s, want %s: all organizations must compute the same", id, want)
	}
}
