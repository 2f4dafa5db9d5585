package chaincode

import (
	"encoding/hex"
	"fmt"
	"slices"

	"domicile/chaincode/record"
	"domicile/collections"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
)

// home is one record collection of the whole network.
type home struct{ region, coll string }

// homes lists every record collection of every region, in the policy's order.
func (c *contract) homes(stub shim.ChaincodeStubInterface) ([]home, error) {
	parts, err := policyParts(stub)
	if err != nil {
		return nil, err
	}
	if len(parts) == 0 {
		return nil, record.Fail(record.CodeNoPolicy, "no policy on the ledger")
	}
	var out []home
	for _, p := range parts {
		r, err := parsed(c.policies, "region", p.raw, collections.ParseRegion)
		if err != nil {
			return nil, record.Fail(record.CodeBadPolicy, "a region's policy on the ledger does not parse")
		}
		for _, coll := range r.Collections {
			if !coll.IsLog() {
				out = append(out, home{r.Name, coll.Name})
			}
		}
	}
	return out, nil
}

// proof is [record.FuncProof]: for each id, in the request's order, every anchor
// there is of it, else where its hash is found, else one proof that says unknown.
func (c *contract) proof(ctx context, req *record.ProofRequest) ([]record.Proof, error) {
	if err := version(req.Version); err != nil {
		return nil, err
	}
	if err := count(len(req.IDs), "ids"); err != nil {
		return nil, err
	}
	if err := checkIDs(req.IDs); err != nil {
		return nil, err
	}
	homes, err := c.homes(ctx.GetStub())
	if err != nil {
		return nil, err
	}
	return proofs(ctx.GetStub(), homes, req.IDs)
}

func proofs(stub shim.ChaincodeStubInterface, homes []home, ids []string) ([]record.Proof, error) {
	keys := make([]string, 0, len(homes)*len(ids))
	for _, id := range ids {
		for _, h := range homes {
			keys = append(keys, record.AnchorKey(h.coll, id))
		}
	}
	values, err := stub.GetMultipleStates(keys...)
	if err != nil || len(values) != len(keys) {
		return nil, internal("reading anchors")
	}
	var out []record.Proof
	for i, id := range ids {
		found := false
		for j, h := range homes {
			raw := values[i*len(homes)+j]
			if raw == nil {
				continue
			}
			doc, err := decodeAnchor(raw)
			if err != nil {
				return nil, err
			}
			found = true
			p := proofOf(id, h, doc)
			if p.Left, err = left(stub, p); err != nil {
				return nil, err
			}
			out = append(out, p)
		}
		if !found {
			more, err := unanchored(stub, homes, id)
			if err != nil {
				return nil, err
			}
			out = append(out, more...)
		}
	}
	return out, nil
}

func proofOf(id string, h home, doc record.Anchor) record.Proof {
	p := record.Proof{
		ID: id, Collection: h.coll, Region: h.region, Hash: doc.Hash, State: record.StateActive,
		AnchoredAt: doc.AnchoredAt, TxID: doc.AnchorTx, PurgedAt: doc.PurgedAt, TombstoneTx: doc.TombstoneTx,
	}
	if doc.PurgedAt != "" {
		p.State = record.StatePurged
	}
	return p
}

// left looks for what is left of a purged record. Who endorses the answer signs that
// the keys of record and metadata were absent, which certificates of destruction rest on.
func left(stub shim.ChaincodeStubInterface, p record.Proof) (string, error) {
	if p.State != record.StatePurged {
		return "", nil
	}
	out := ""
	for _, k := range []struct{ key, name string }{
		{record.MetaKey(p.ID), record.LeftMetadata}, {record.RecordKey(p.ID), record.LeftRecord},
	} {
		hash, err := stub.GetPrivateDataHash(p.Collection, k.key)
		if err != nil {
			return "", internal("reading a private data hash")
		}
		if hash != nil {
			out = k.name
		}
	}
	return out, nil
}

// unanchored looks for the hash of a record without an anchor.
func unanchored(stub shim.ChaincodeStubInterface, homes []home, id string) ([]record.Proof, error) {
	var out []record.Proof
	for _, h := range homes {
		hash, err := stub.GetPrivateDataHash(h.coll, record.RecordKey(id))
		if err != nil {
			return nil, internal("reading a private data hash")
		}
		if hash != nil {
			out = append(out, record.Proof{
				ID: id, Collection: h.coll, Region: h.region, Hash: hex.EncodeToString(hash), State: record.StateUnanchored,
			})
		}
	}
	if out == nil {
		out = []record.Proof{{ID: id, State: record.StateUnknown}}
	}
	return out, nil
}

// verify is [record.FuncVerify]. Of several records with the id none counts unless
// the request names its collection: else any holder could pass off its own
// record as another's. A peer whose own hash of a live record
// differs says so and matches nothing.
func (c *contract) verify(ctx context, req *record.VerifyRequest) (record.Verdict, error) {
	if err := version(req.Version); err != nil {
		return record.Verdict{}, err
	}
	if record.CheckID(req.ID) != nil {
		return record.Verdict{}, record.Fail(record.CodeBadRequest, "field id is not a record id")
	}
	if b, err := hex.DecodeString(req.Hash); err != nil || fmt.Sprintf("%x", b) != req.Hash || len(b) != 32 {
		return record.Verdict{}, record.Fail(record.CodeBadRequest, "field hash is not 64 lower-case hex digits")
	}
	homes, err := c.homes(ctx.GetStub())
	if err != nil {
		return record.Verdict{}, err
	}
	if req.Collection != "" {
		homes = slices.DeleteFunc(homes, func(h home) bool { return h.coll != req.Collection })
		if len(homes) == 0 {
			return record.Verdict{}, record.Fail(record.CodeBadRequest, "field collection names no record collection")
		}
	}
	found, err := proofs(ctx.GetStub(), homes, []string{req.ID})
	if err != nil {
		return record.Verdict{}, err
	}
	if len(found) > 1 {
		return record.Verdict{}, record.Fail(record.CodeBadRequest, "several collections hold a record of this id; name one in field collection")
	}
	return verdict(ctx.GetStub(), found[0], req.Hash)
}

func verdict(stub shim.ChaincodeStubInterface, p record.Proof, hash string) (record.Verdict, error) {
	v := record.Verdict{Proof: p, Match: p.Hash == hash}
	if p.State == record.StateUnknown || p.State == record.StatePurged {
		return v, nil
	}
	own, err := stub.GetPrivateDataHash(p.Collection, record.RecordKey(p.ID))
	if err != nil {
		return v, internal("reading a private data hash")
	}
	// Absent: purged and not yet buried. The anchor still stands.
	if own != nil {
		v.PeerHash = hex.EncodeToString(own)
		v.Match = v.Match && v.PeerHash == hash
	}
	return v, nil
}
