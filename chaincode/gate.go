package chaincode

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"domicile/chaincode/record"
	"domicile/collections"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
)

// call is one private operation that has passed the gate: the policy is in
// force, peer and caller hold the collection, and the caller's role fits.
type call struct {
	stub      shim.ChaincodeStubInterface
	region    *collections.Region
	regions   []*collections.Region // region, then those it lies within
	coll      *collections.Collection
	log       string // the log collection of coll's holders
	who       caller
	role      string               // of the caller, by the holder's private part; empty for an administrator
	part      *collections.Private // nil until the holder has set it
	partRaw   []byte
	policies  *cache
	now       time.Time // transaction time in UTC
	transient map[string][]byte
}

// place is what every private request names first.
type place struct {
	version            int
	region, collection string
}

// access says who may run an operation.
type access struct {
	roles []string // any of these
	admin bool     // or an administrator of a holder
	disks bool     // or an administrator or operator of a holder
	setup bool     // and it runs before the holder's private part is set
	log   bool     // on a log collection rather than on one of records
}

// operation is one value of [record.FieldOp].
type operation struct {
	access
	bodies bool   // takes transient fields "body/<i>"
	field  string // takes this transient field, too
	open   func(raw []byte) (place, func(*call) ([]byte, error), error)
}

func op[T any](a access, at func(*T) place, run func(*call, *T) ([]byte, error)) operation {
	return operation{access: a, open: func(raw []byte) (place, func(*call) ([]byte, error), error) {
		req := new(T)
		if err := decodeStrict(raw, req); err != nil {
			return place{}, nil, err
		}
		return at(req), func(c *call) ([]byte, error) { return run(c, req) }, nil
	}}
}

// private runs the operation that the transient map names.
func (c *contract) private(ctx context, ops map[string]operation, sealed bool) ([]byte, error) {
	transient, err := ctx.GetStub().GetTransient()
	if err != nil {
		return nil, internal("transient map")
	}
	o, ok := ops[string(transient[record.FieldOp])]
	if !ok {
		return nil, record.Fail(record.CodeBadRequest, "transient field op names no operation of this function")
	}
	if err := surplus(transient, o, sealed); err != nil {
		return nil, err
	}
	at, run, err := o.open(transient[record.FieldRequest])
	if err != nil {
		return nil, err
	}
	cl := &call{stub: ctx.GetStub(), transient: transient, policies: c.policies}
	if err := c.admit(ctx, cl, at, o.access); err != nil {
		return nil, err
	}
	if !sealed && !o.setup && cl.part.Closed {
		return nil, record.Fail(record.CodeClosed, "the holder takes no writes until a private part is set that is not closed")
	}
	return run(cl)
}

// surplus refuses transient fields that nobody reads: they would only be a leak.
func surplus(transient map[string][]byte, o operation, sealed bool) error {
	for k := range transient {
		known := k == record.FieldOp || k == record.FieldRequest || k == record.FieldKey && sealed || o.field != "" && k == o.field
		if !known && (!o.bodies || !strings.HasPrefix(k, record.FieldBody)) {
			return record.Fail(record.CodeBadRequest, "a transient field that this operation does not read")
		}
	}
	return nil
}

// admit fills in the call, in the order in which refusals say least to strangers.
func (c *contract) admit(ctx context, cl *call, at place, a access) error {
	if err := version(at.version); err != nil {
		return err
	}
	var err error
	if cl.region, err = c.regionPolicy(cl.stub, at.region); err != nil {
		return err
	}
	if cl.regions, err = c.around(cl.stub, cl.region); err != nil {
		return err
	}
	var ok bool
	if cl.coll, ok = cl.region.Collection(at.collection); !ok || cl.coll.IsLog() != a.log {
		return record.Fail(record.CodeBadRequest, "field collection names no such collection of the region")
	}
	cl.log = cl.coll.Log
	if a.log {
		cl.log = cl.coll.Name
	}
	if err := c.rightPeer(cl.coll); err != nil {
		return err
	}
	if cl.who, err = callerOf(ctx); err != nil {
		return err
	}
	if !cl.coll.Holds(cl.who.msp) {
		return record.Fail(record.CodeForbidden, "the caller's organisation does not hold the collection")
	}
	if cl.now, err = txTime(cl.stub); err != nil {
		return err
	}
	if err := c.holderPart(cl, a.setup); err != nil {
		return err
	}
	return cl.authorise(a)
}

// rightPeer refuses to work on a peer whose organisation does not hold the
// collection: whatever that peer was sent is already one copy too many.
func (c *contract) rightPeer(coll *collections.Collection) error {
	msp, err := c.peerMSP()
	if err != nil {
		return record.Fail(record.CodeInternal, "the contract does not know its peer's organisation")
	}
	if !coll.Holds(msp) {
		return record.Fail(record.CodeWrongPeer, "this peer's organisation does not hold the collection")
	}
	return nil
}

func (c *contract) regionPolicy(stub shim.ChaincodeStubInterface, region string) (*collections.Region, error) {
	raw, err := stub.GetState(record.PolicyKey(region))
	if err != nil {
		return nil, internal("reading the policy")
	}
	if raw == nil {
		return nil, record.Fail(record.CodeNoPolicy, "the region has no policy on the ledger")
	}
	r, err := parsed(c.policies, "region", raw, collections.ParseRegion)
	if err != nil {
		return nil, record.Fail(record.CodeBadPolicy, "the region's policy on the ledger does not parse")
	}
	return r, nil
}

// around lists a region and those that it lies within, whose law binds it too.
func (c *contract) around(stub shim.ChaincodeStubInterface, r *collections.Region) ([]*collections.Region, error) {
	out := []*collections.Region{r}
	for r.Within != "" && len(out) <= maxNesting { // a valid policy has no circle
		up, err := c.regionPolicy(stub, r.Within)
		if err != nil {
			return nil, err
		}
		out, r = append(out, up), up
	}
	return out, nil
}

// maxNesting bounds how many regions lie within each other.
const maxNesting = 16

// holderPart reads the holder-private part of the policy.
func (c *contract) holderPart(cl *call, setup bool) error {
	var err error
	if cl.partRaw, err = cl.read(cl.log, record.KeyPrivate); err != nil {
		return err
	}
	if cl.partRaw == nil {
		if setup {
			return nil
		}
		return record.Fail(record.CodeNoPolicy, "the holder's private part is not set")
	}
	cl.part, err = parsed(c.policies, "private", cl.partRaw, collections.ParsePrivate)
	if err != nil {
		if setup {
			return nil
		}
		return record.Fail(record.CodeBadPolicy, "the holder's private part on the ledger does not parse")
	}
	return nil
}

func (cl *call) authorise(a access) error {
	if a.admin && cl.who.admin || a.disks && cl.who.operator {
		return nil
	}
	if cl.part != nil && cl.who.code != "" {
		role, ok := cl.part.Role(cl.who.msp, cl.who.code)
		if ok && slices.Contains(a.roles, role) && cl.coll.Allows(cl.who.msp, role) {
			cl.role = role
			return nil
		}
	}
	return record.Fail(record.CodeForbidden, "the caller's role does not allow this operation on the collection")
}

// read returns the payload of one private value, nil when there is none.
func (cl *call) read(coll, key string) ([]byte, error) {
	v, err := cl.stub.GetPrivateData(coll, key)
	if err != nil {
		return nil, missing(err)
	}
	if v == nil {
		return nil, nil
	}
	_, payload, err := record.DecodeValue(v)
	if err != nil {
		return nil, internal("decoding a private value")
	}
	return payload, nil
}

// document reads one private JSON document into doc and reports whether there
// is one.
func (cl *call) document(coll, key string, doc any) (bool, error) {
	payload, err := cl.read(coll, key)
	if err != nil || payload == nil {
		return false, err
	}
	if err := json.Unmarshal(payload, doc); err != nil {
		return false, internal("decoding a private document")
	}
	return true, nil
}

// missing gives Fabric's word for "the hash is here, the bytes are not yet" its
// own code; every other error of the peer is one we cannot help with.
func missing(err error) error {
	if strings.Contains(err.Error(), "private data matching public hash version is not available") {
		return record.Fail(record.CodeMissingData, "this peer lacks the newest version of a private value")
	}
	return internal("reading private data")
}

// hash is the private data hash of a key, nil when the key is absent.
func (cl *call) hash(coll, key string) ([]byte, error) {
	h, err := cl.stub.GetPrivateDataHash(coll, key)
	if err != nil {
		return nil, internal("reading a private data hash")
	}
	return h, nil
}

func txTime(stub shim.ChaincodeStubInterface) (time.Time, error) {
	ts, err := stub.GetTxTimestamp()
	if err != nil || ts == nil {
		return time.Time{}, internal("reading the transaction time")
	}
	return ts.AsTime().UTC(), nil
}

func (cl *call) at() string { return cl.now.Format(time.RFC3339) }

// siblings are the record collections that share the log of the call's, itself
// included.
func (c *call) siblings() []string {
	var out []string
	for i := range c.region.Collections {
		if c.region.Collections[i].Log == c.log {
			out = append(out, c.region.Collections[i].Name)
		}
	}
	return out
}

// goneIn returns the sibling whose record of this id was purged, "" if none was.
func (c *call) goneIn(id string) (string, error) {
	for _, coll := range c.siblings() {
		h, err := c.hash(c.log, record.GoneKey(coll, id))
		if err != nil {
			return "", err
		}
		if h != nil {
			return coll, nil
		}
	}
	return "", nil
}
