package gateway_test

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
	"domicile/gateway"
	"domicile/gateway/gatewaytest"
)

// looks counts inspections from now on; fail, if set, decides about the n-th from 1.
func looks(n *gatewaytest.Network, fail func(n int64) error) *atomic.Int64 {
	var count atomic.Int64
	n.Before(func(c gatewaytest.Call) error {
		if c.Method != "Evaluate" || c.Op != record.OpInspect {
			return nil
		}
		if k := count.Add(1); fail != nil {
			return fail(k)
		}
		return nil
	})
	return &count
}

// A put reads no hold on a person, and the import says all the same whether one takes
// the records, after one look at each batch.
func TestAnImportSaysWhichOfItsRecordsAreHeld(t *testing.T) {
	subject := gateway.HoldOrder{Collection: "us-a"}
	query := gateway.HoldOrder{Collection: "us-a", Query: &record.Query{Types: []string{"Condition"}, From: "2001-01-01", To: "2001-12-31"}}
	for name, c := range map[string]struct {
		order *gateway.HoldOrder
		want  []bool
	}{
		"by a hold on the person": {&subject, []bool{true, true, false}},
		"by a hold by query":      {&query, []bool{true, false, true}},
		"by none":                 {nil, []bool{false, false, false}},
	} {
		t.Run(name, func(t *testing.T) {
			n := gatewaytest.Start(t, chaincodetest.Options{})
			n.SetPrivate("us-a-log", noRules)
			if c.order != nil {
				o, officer := *c.order, n.Open("UsHospital", "officer")
				o.Matter, o.Authority, o.Reason = "case-1", "court", "pending"
				if o.Query == nil {
					token, err := officer.SubjectToken("Patient/p1")
					if err != nil {
						t.Fatal(err)
					}
					o.Subjects = []string{token}
				}
				if _, err := officer.Hold(t.Context(), o); err != nil {
					t.Fatal(err)
				}
			}
			w := n.Open("UsHospital", "writer")
			in := ndjson(condition("c1", "J06.9", "2001-01-01"), condition("c2", "J06.9", "2002-01-02"),
				strings.Replace(condition("c3", "J06.9", "2001-01-01"), "Patient/p1", "Patient/p2", 1))
			count := looks(n, nil)
			check := func(want int64, already bool) {
				t.Helper()
				count.Store(0)
				rs := put(t, w, in, gateway.ImportOptions{})
				for i, r := range rs {
					if r.Held != c.want[i] || r.Already != already || slices.Contains(r.Warnings, "case-1") {
						t.Errorf("record %d: %+v, want held %t", i, r, c.want[i])
					}
				}
				if got := count.Load(); got != want {
					t.Errorf("%d looks at one batch, want %d", got, want)
				}
			}
			check(2, false) // what is there, and what holds take
			check(1, true)
		})
	}
}

func TestAPutIsGoodThoughNobodyCanSayWhetherItIsHeld(t *testing.T) {
	n := gatewaytest.Start(t, chaincodetest.Options{})
	n.SetPrivate("us-a-log", noRules)
	var log bytes.Buffer
	w := n.Open("UsHospital", "writer", gateway.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	looks(n, func(k int64) error {
		if k > 1 {
			return status.Error(codes.Unavailable, "down")
		}
		return nil
	})
	r := put(t, w, condition("c1", "J06.9", "2001-01-01"), gateway.ImportOptions{})[0]
	if r.Held || r.Hash == "" || !slices.ContainsFunc(r.Warnings, func(s string) bool { return strings.Contains(s, "not known whether a legal hold") }) {
		t.Errorf("%+v", r)
	}
	if !strings.Contains(log.String(), "code=UNAVAILABLE") || strings.Contains(log.String(), "Patient") {
		t.Errorf("the log: %s", log.String())
	}
}

// Nor is a record that the look does not find said to be free.
func TestARecordThatIsNotThereAnyMoreIsNotSaidToBeFree(t *testing.T) {
	n := gatewaytest.Start(t, chaincodetest.Options{})
	n.SetPrivate("us-a-log", noRules)
	w, purger := n.Open("UsHospital", "writer"), n.Open("UsHospital", "purger")
	looks(n, func(k int64) error {
		if k != 2 {
			return nil
		}
		page, err := purger.Due(t.Context(), "us-a", "2026-01-01", "")
		if err != nil || len(page.Entries) != 1 {
			t.Errorf("%+v, %v", page, err)
			return err
		}
		_, err = purger.Purge(t.Context(), record.PurgeRequest{Collection: "us-a", Ground: record.GroundDue, IDs: []string{page.Entries[0].ID}})
		return err
	})
	r := put(t, w, condition("c1", "J06.9", "2001-01-01"), gateway.ImportOptions{NoAnchor: true})[0]
	if r.Held || !slices.ContainsFunc(r.Warnings, func(s string) bool { return strings.Contains(s, "not known") }) {
		t.Errorf("%+v", r)
	}
}
