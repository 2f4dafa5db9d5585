package gateway

import (
	"errors"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"

	"domicile/chaincode/record"
)

// TestAPurgeWaitsForTheBytesThatEvidenceIsMadeOf has every peer refuse the first purges that ask for evidence.
func TestAPurgeWaitsForTheBytesThatEvidenceIsMadeOf(t *testing.T) {
	two := []string{anID, record.NewID()}
	for _, c := range []struct {
		name    string
		ids     []string
		lacking int64 // purges with evidence that are refused
		without bool  // purged without evidence
		err     error
	}{
		{"the bytes come", two, 2, false, nil},
		{"the bytes of one record never come", two[:1], 1 << 40, true, nil},
		{"the bytes of one of several never come", two, 1 << 40, false, ErrMissingData},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			client := w.open()
			var refused, bare atomic.Int64
			for _, p := range w.peers() {
				p.onFail(func(s seen) error {
					if s.method != "Endorse" || s.op != record.OpPurge {
						return nil
					}
					if _, asked := s.transient[record.FieldEvidence]; !asked {
						bare.Add(1)
					} else if refused.Add(1) <= c.lacking {
						return refusal(codes.Aborted, p, record.Fail(record.CodeMissingData, ""))
					}
					return nil
				})
			}
			tx, err := client.Purge(w.ctx, record.PurgeRequest{Collection: "us-a", Ground: record.GroundDue, IDs: c.ids})
			if !errors.Is(err, c.err) || tx.WithoutEvidence != c.without || (bare.Load() > 0) != c.without {
				t.Errorf("%+v, %v; %d purges asked for no evidence", tx, err, bare.Load())
			}
		})
	}
}

func TestAPurgeWithoutIndexKeySaysThatItLeftNoEvidence(t *testing.T) {
	w := newWorld(t)
	w.s.IndexKey = ""
	client := w.open()
	for _, c := range []struct {
		name    string
		request record.PurgeRequest
		without bool
	}{
		{"records", record.PurgeRequest{IDs: []string{anID}}, true},
		{"bodies", record.PurgeRequest{IDs: []string{anID}, Part: record.PartBody}, true},
		{"what is left of a record whose body went", record.PurgeRequest{IDs: []string{anID}, Part: record.PartRest}, false},
		{"tombstones to settle", record.PurgeRequest{Settle: []string{anID}}, false},
		{"keys of refused attempts", record.PurgeRequest{Keys: []string{"r/" + anID}}, false},
	} {
		c.request.Collection, c.request.Ground = "us-a", record.GroundDue
		tx, err := client.Purge(w.ctx, c.request)
		if err != nil || tx.WithoutEvidence != c.without {
			t.Errorf("%s: %+v, %v", c.name, tx, err)
		}
	}
}
