package gateway

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"domicile/chaincode/record"
)

func testSurvey(org string, from uint64, peers ...SurveyedPeer) *FailedSurvey {
	return &FailedSurvey{Region: "us", Org: org, At: "2026-01-01T00:00:00Z", From: from, Peers: peers, Keys: []FailedKey{}}
}

func TestASurveyOpensWithTheIndexKeyItWasSealedWithAndUnaltered(t *testing.T) {
	key, other := bytes.Repeat([]byte{7}, record.IndexKeyLen), bytes.Repeat([]byte{8}, record.IndexKeyLen)
	want := testSurvey("UsPayer", 3, SurveyedPeer{Name: "peer0.UsPayer", Next: 9})
	want.Keys = append(want.Keys, FailedKey{Collection: "us-ab", Key: "r/SECRETKEY", Block: 4, Code: "ENDORSEMENT_POLICY_FAILURE", Peers: []string{"peer0.UsPayer"}})
	sealed, err := sealSurvey(key, want)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("SECRETKEY")) {
		t.Error("the file tells the name of a key")
	}
	got, err := openSurvey(key, sealed)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for name, b := range map[string][]byte{
		"another organisation's name": bytes.Replace(sealed, []byte("UsPayer"), []byte("UsHospi"), 1),
		"another version":             bytes.Replace(sealed, []byte(`"v":1`), []byte(`"v":2`), 1),
		"a cut file":                  sealed[:len(sealed)-10],
		"no file at all":              nil,
		"an empty object":             []byte("{}"),
		"no box":                      []byte(`{"v":1,"kind":"` + surveyKind + `"}`),
	} {
		if _, err := openSurvey(key, b); !errors.Is(err, ErrSurvey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := openSurvey(other, sealed); !errors.Is(err, ErrSurvey) {
		t.Errorf("another key: %v", err)
	}
}

func TestJoinedSurveysNameWhoDidNotLook(t *testing.T) {
	const down = record.CodeUnavailable
	a0, a1 := SurveyedPeer{Name: "a0", Next: 20}, SurveyedPeer{Name: "a1", Next: 18}
	b0, lost := SurveyedPeer{Name: "b0", Next: 20}, SurveyedPeer{Name: "b1", Next: 5, Code: down}
	for _, c := range []struct {
		name    string
		surveys []*FailedSurvey
		next    uint64
		gaps    []FailedGap
	}{
		{"nobody", nil, 5, []FailedGap{{Org: "A", Next: 5}, {Org: "B", Next: 5}}},
		{"one organisation", []*FailedSurvey{testSurvey("A", 5, a0, a1)}, 5, []FailedGap{{Org: "B", Next: 5}}},
		{"everybody, as far as the slowest peer", []*FailedSurvey{testSurvey("A", 5, a0, a1), testSurvey("B", 5, b0)}, 18, nil},
		{"a peer was down", []*FailedSurvey{testSurvey("A", 5, a0), testSurvey("B", 5, b0, lost)}, 5, []FailedGap{{Org: "B", Peer: "b1", Next: 5, Code: down}}},
		{
			"and was looked at later",
			[]*FailedSurvey{testSurvey("A", 5, a0), testSurvey("B", 5, b0, lost), testSurvey("B", 5, b0, SurveyedPeer{Name: "b1", Next: 30})},
			20, nil,
		},
		{
			"or was when it had been before", // the order of files does not matter
			[]*FailedSurvey{testSurvey("B", 5, SurveyedPeer{Name: "b1", Next: 30}), testSurvey("B", 5, lost), testSurvey("A", 5, a0)}, 20, nil,
		},
		{
			"a peer went away half-way and the rest was looked at later",
			[]*FailedSurvey{testSurvey("A", 5, a0), testSurvey("B", 5, SurveyedPeer{Name: "b1", Next: 9, Code: down}), testSurvey("B", 9, SurveyedPeer{Name: "b1", Next: 20})},
			20, nil,
		},
		{
			"blocks in between are missing",
			[]*FailedSurvey{testSurvey("A", 5, a0), testSurvey("B", 8, b0)},
			5,
			[]FailedGap{{Org: "B", Peer: "b0", Next: 5, Code: down}},
		},
		{"findings from further back count", []*FailedSurvey{testSurvey("A", 0, a0), testSurvey("B", 0, b0)}, 20, nil},
	} {
		u := JoinFailed(5, []string{"A", "B"}, c.surveys)
		if u.Next != c.next || !reflect.DeepEqual(u.Gaps, c.gaps) {
			t.Errorf("%s: next %d gaps %+v, want %d %+v", c.name, u.Next, u.Gaps, c.next, c.gaps)
		}
	}
}

func TestJoinedSurveysNameEachKeyOnceWithAllItsPeers(t *testing.T) {
	a, b := testSurvey("A", 0), testSurvey("B", 0)
	a.Keys = []FailedKey{{Collection: "ab", Key: "r/2", Block: 7, Code: "X", Peers: []string{"a0"}}}
	b.Keys = []FailedKey{
		{Collection: "ab", Key: "r/2", Block: 4, Code: "Y", Peers: []string{"b0", "a0"}}, {Collection: "ab", Key: "m/1", Block: 4, Code: "Y", Peers: []string{"b0"}},
	}
	want := []FailedKey{b.Keys[1], {Collection: "ab", Key: "r/2", Block: 4, Code: "Y", Peers: []string{"a0", "b0"}}}
	for range 2 {
		if u := JoinFailed(0, nil, []*FailedSurvey{a, b}); !reflect.DeepEqual(u.Keys, want) {
			t.Errorf("%+v", u.Keys)
		}
	}
	if len(a.Keys[0].Peers) != 1 {
		t.Error("joining changes the survey")
	}
}

func FuzzOpenSurvey(f *testing.F) {
	key := make([]byte, record.IndexKeyLen)
	sealed, err := sealSurvey(key, testSurvey("A", 1, SurveyedPeer{Name: "p", Next: 2}))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add([]byte(`{"v":1,"kind":"` + surveyKind + `","box":"AAAA"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := openSurvey(key, data)
		if err == nil && s.Region != "us" {
			t.Errorf("a forged survey opens: %+v", s)
		}
	})
}

// Whoever went on from the block that such a search names would skip those before it.
func TestFailed_a_search_from_behind_the_end_of_the_channel_is_refused(t *testing.T) {
	w := newWorld(t)
	c := w.open()
	s, err := c.SurveyFailed(w.ctx, w.ledger.height)
	if err != nil || len(s.Peers) == 0 || s.Peers[0].Next != w.ledger.height {
		t.Errorf("from the end: %+v, %v", s, err)
	}
	if s, err := c.SurveyFailed(w.ctx, w.ledger.height+1); record.CodeOf(err) != record.CodeBadRequest {
		t.Errorf("from behind the end: %+v, %v", s, err)
	}
}
