package chaincode_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
	"domicile/collections"
)

// What is in a transient map reaches the peers that the gateway planned, of any region.
func TestI1_a_public_function_takes_no_transient_data(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	id := w.put("us-a", encounter("1999-12-31"))
	ref, hash := record.Ref{Collection: "us-a", ID: id}, w.state("us-a", id).Hash
	p := changed(relabel("us"))
	for name, c := range map[string]chaincodetest.Call{
		"anchor":        chaincodetest.Public(writer, record.FuncAnchor, record.AnchorRequest{Version: 1, Region: "us", Records: []record.AnchorRef{{Ref: ref, Hash: hash}}}),
		"tombstone":     chaincodetest.Public(writer, record.FuncTombstone, record.TombstoneRequest{Version: 1, Region: "us", Records: []record.Ref{ref}}),
		"proof":         chaincodetest.Public(writer, record.FuncProof, record.ProofRequest{Version: 1, IDs: []string{id}}),
		"verify":        chaincodetest.Public(writer, record.FuncVerify, record.VerifyRequest{Version: 1, ID: id, Hash: hash}),
		"policy":        {As: writer, Function: record.FuncPolicy},
		"policy status": {As: writer, Function: record.FuncPolicyStatus},
		"approval":      approve("UsHospital", p),
		"commit":        commit("UsHospital", p),
	} {
		t.Run(name, func(t *testing.T) {
			c.Transient = map[string][]byte{record.FieldRequest: []byte(canary)}
			_, err := w.Evaluate(context.Background(), c)
			if e := wantCode(t, err, record.CodeBadRequest); !strings.Contains(e.Detail, "transient") {
				t.Errorf("refused for another reason: %v", e)
			}
		})
	}
}

// Holds, facts and the register stand in a log collection; none of them is a record.
func TestI6_nothing_of_a_log_collection_is_anchored_or_gets_a_tombstone(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	ref := record.Ref{Collection: "us-a-log", ID: record.NewID()}
	w.refuses(chaincodetest.Public(writer, record.FuncAnchor, record.AnchorRequest{
		Version: 1, Region: "us", Records: []record.AnchorRef{{Ref: ref, Hash: strings.Repeat("0", 64)}},
	}), record.CodeBadRequest)
	w.refuses(chaincodetest.Public(writer, record.FuncTombstone, record.TombstoneRequest{
		Version: 1, Region: "us", Records: []record.Ref{ref},
	}), record.CodeBadRequest)
}

// The private part alone cannot give what the policy of all regions does not.
func TestI1_a_role_that_the_policy_does_not_give_on_the_collection_is_refused(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	w.copyOf(&record.Terms{Authority: "agreement 7"}, tokens(1)[0])
	w.adopt(func(p *collections.Policy) {
		for i := range p.Regions {
			r := &p.Regions[i]
			r.Collections = slices.Clone(r.Collections)
			for j := range r.Collections {
				if c := &r.Collections[j]; c.Name == "us-ab" {
					c.Roles = maps.Clone(c.Roles)
					c.Roles["UsHospital"] = []string{record.RoleReader}
				}
			}
		}
	})
	rec := newRecord()
	rec.Terms = &record.Terms{Authority: "agreement 7"}
	c := both(writer, record.OpPut, putRequest("us-ab", rec))
	c.Transient[record.BodyField(0)] = encounter("1999-12-31")
	w.refuses(c, record.CodeForbidden)
	c.As.Org = "UsPayer"
	w.submit(c)
}
