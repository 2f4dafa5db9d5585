package chaincode

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"domicile/chaincode/record"
	"domicile/collections"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
)

// anchoring is what anchor and tombstone have in common: a public transaction of
// one region's records, in which every endorser looks into its own state.
type anchoring struct {
	stub  shim.ChaincodeStubInterface
	logs  map[string]string // record collection -> its log
	name  string            // of the region
	at    string
	event record.Event
	keys  []string
	docs  []record.Anchor
}

func (c *contract) anchoring(ctx context, v int, region string, refs []record.Ref) (*anchoring, error) {
	if err := version(v); err != nil {
		return nil, err
	}
	if err := count(len(refs), "records"); err != nil {
		return nil, err
	}
	stub := ctx.GetStub()
	policy, err := c.regionPolicy(stub, region)
	if err != nil {
		return nil, err
	}
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	now, err := txTime(stub)
	if err != nil {
		return nil, err
	}
	a := &anchoring{
		stub: stub, logs: map[string]string{}, name: region, at: now.Format(time.RFC3339),
		event: record.Event{Version: record.Version, Region: region},
	}
	return a, a.admit(policy, who, refs)
}

func (a *anchoring) admit(policy *collections.Region, who caller, refs []record.Ref) error {
	seen := map[record.Ref]bool{}
	for i, r := range refs {
		coll, ok := policy.Collection(r.Collection)
		if !ok || coll.IsLog() {
			return record.Fail(record.CodeBadRequest, fmt.Sprintf("records[%d].collection names no such collection of the region", i))
		}
		if record.CheckID(r.ID) != nil || seen[r] {
			return record.Fail(record.CodeBadRequest, fmt.Sprintf("records[%d].id is not a record id, or there twice", i))
		}
		seen[r] = true
		if !coll.Holds(who.msp) {
			return record.Fail(record.CodeForbidden, "the caller's organisation does not hold the collection")
		}
		a.logs[r.Collection] = coll.Log
	}
	return nil
}

// stored reads the anchor of a record, the zero value when there is none.
func (a *anchoring) stored(r record.Ref) (record.Anchor, error) {
	return anchorAt(a.stub, record.AnchorKey(r.Collection, r.ID))
}

func anchorAt(stub shim.ChaincodeStubInterface, key string) (record.Anchor, error) {
	raw, err := stub.GetState(key)
	if err != nil {
		return record.Anchor{}, internal("reading an anchor")
	}
	return decodeAnchor(raw)
}

func decodeAnchor(raw []byte) (record.Anchor, error) {
	var doc record.Anchor
	if raw == nil {
		return doc, nil
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return doc, internal("decoding an anchor")
	}
	return doc, nil
}

func (a *anchoring) hash(coll, key string) (string, error) {
	h, err := a.stub.GetPrivateDataHash(coll, key)
	if err != nil {
		return "", internal("reading a private data hash")
	}
	return hex.EncodeToString(h), nil
}

// plan notes a write, so that all checks come before the first one.
func (a *anchoring) plan(r record.Ref, doc record.Anchor) {
	doc.Version, doc.Region = record.Version, a.name
	a.keys = append(a.keys, record.AnchorKey(r.Collection, r.ID))
	a.docs = append(a.docs, doc)
	a.event.Records = append(a.event.Records, r)
}

func (a *anchoring) write(event string) error {
	if len(a.keys) == 0 {
		return nil
	}
	for i, k := range a.keys {
		b, err := json.Marshal(a.docs[i])
		if err != nil {
			return internal("encoding an anchor")
		}
		if err := a.stub.PutState(k, b); err != nil {
			return internal("writing an anchor")
		}
	}
	payload, err := json.Marshal(a.event)
	if err != nil {
		return internal("encoding the event")
	}
	if err := a.stub.SetEvent(event, payload); err != nil {
		return internal("setting the event")
	}
	return nil
}

// anchor is [record.FuncAnchor]. An anchor that is there already stays as it is.
func (c *contract) anchor(ctx context, req *record.AnchorRequest) error {
	refs := make([]record.Ref, len(req.Records))
	for i, r := range req.Records {
		refs[i] = r.Ref
		if b, err := hex.DecodeString(r.Hash); err != nil || len(b) != 32 || hex.EncodeToString(b) != r.Hash {
			return record.Fail(record.CodeBadRequest, fmt.Sprintf("records[%d].hash is not 64 lower-case hex digits", i))
		}
	}
	a, err := c.anchoring(ctx, req.Version, req.Region, refs)
	if err != nil {
		return err
	}
	return a.publish(record.EventAnchored, refs, func(i int) (record.Code, error) { return a.confirm(req.Records[i]) })
}

// publish judges every record, and writes what was planned on the way unless one
// of them is refused.
func (a *anchoring) publish(event string, refs []record.Ref, judge func(i int) (record.Code, error)) error {
	var bad offenders
	for i, r := range refs {
		code, err := judge(i)
		if err != nil {
			return err
		}
		if code != "" {
			bad.add(code, r.ID)
		}
	}
	if err := bad.err(); err != nil {
		return err
	}
	return a.write(event)
}

func (a *anchoring) confirm(r record.AnchorRef) (record.Code, error) {
	doc, err := a.stored(r.Ref)
	if err != nil {
		return "", err
	}
	if doc.PurgedAt != "" {
		return record.CodeGone, nil
	}
	hash, err := a.hash(r.Collection, record.RecordKey(r.ID))
	switch {
	case err != nil:
		return "", err
	case hash == "":
		return record.CodeAbsent, nil
	case hash != r.Hash || (doc.Hash != "" && doc.Hash != r.Hash):
		return record.CodeMismatch, nil
	case doc.Hash == "":
		a.plan(r.Ref, record.Anchor{Hash: hash, AnchoredAt: a.at, AnchorTx: a.stub.GetTxID()})
	}
	return "", nil
}
