package chaincodetest

import (
	"bytes"
	"encoding/json"
	"strings"

	"domicile/chaincode/record"
	"domicile/collections"
)

func wrongPeer(d *desk) {
	c := d.putCall(newPut(), resource(longAgo, "plain"))
	c.Endorsers = []string{"EuHospital"}
	d.refused(c, record.CodeWrongPeer)
	c = d.getCall(record.NewID())
	c.Endorsers = []string{"EuHospital"}
	_, err := d.n.Evaluate(d.ctx, c)
	d.code(err, record.CodeWrongPeer)
}

func foreignCaller(d *desk) {
	c := d.putCall(newPut(), resource(longAgo, "plain"))
	c.As = Identity{"EuHospital", record.RoleWriter}
	d.refused(c, record.CodeForbidden)
	c.As = Identity{"UsPayer", record.RoleWriter} // of the region, but no holder
	d.refused(c, record.CodeForbidden)
}

func wrongRole(d *desk) {
	for _, role := range []string{"", Admin, record.RoleReader, record.RoleOfficer, record.RolePurger, record.RoleAuditor} {
		c := d.putCall(newPut(), resource(longAgo, "plain"))
		c.As = d.as(role)
		d.refused(c, record.CodeForbidden)
	}
	id := record.NewID()
	for _, role := range []string{"", Admin, record.RoleReader, record.RoleOfficer, record.RoleWriter, record.RoleAuditor} {
		c := d.purgeCall(record.PartAll, id)
		c.As = d.as(role)
		d.refused(c, record.CodeForbidden)
	}
	for _, role := range []string{"", Admin, record.RoleReader, record.RolePurger, record.RoleWriter, record.RoleAuditor} {
		c := d.holdCall(record.OpHold, "m", []string{id}, nil)
		c.As = d.as(role)
		d.refused(c, record.CodeForbidden)
	}
	for _, role := range []string{"", Admin, record.RoleOfficer, record.RolePurger, record.RoleAuditor} {
		c := d.getCall(id)
		c.As = d.as(role)
		_, err := d.n.Evaluate(d.ctx, c)
		d.code(err, record.CodeForbidden)
	}
}

func silentPut(d *desk) {
	m := mark()
	rec := newPut()
	rec.Subjects, rec.Resource = []string{token()}, token()
	r := d.submit(d.putCall(rec, resource(longAgo, m)))
	d.absentFrom(r.Block, m, "Encounter", longAgo, rec.Subjects[0], rec.Resource, record.OpPut+"\x00", string(rec.Seed))
}

func unapproved(d *desk) {
	p := *collections.Demo()
	p.Regions = append([]collections.Region{}, p.Regions...)
	p.Regions[0].Jurisdictions = []string{"XX"}
	c := Call{As: Identity{"UsHospital", Admin}, Function: record.FuncPolicyCommit, Args: []string{string(p.Public())}}
	_, err := d.n.Submit(d.ctx, c)
	d.code(err, record.CodeNotApproved)
}

func approvalByClient(d *desk) {
	digest := strings.Repeat("0", 64)
	d.refused(Call{As: d.as(record.RoleOfficer), Function: record.FuncPolicyApprove, Args: []string{digest}}, record.CodeForbidden)
}

func submittedRead(d *desk) {
	m := mark()
	rec := newPut()
	d.submit(d.putCall(rec, resource(longAgo, m)))
	r, err := d.n.Submit(d.ctx, d.getCall(rec.ID))
	if err != nil {
		d.t.Fatal(err)
	}
	d.absentFrom(r.Block, m, "Encounter")
	// An answer sealed for another transaction would repeat its nonce there.
	b, err := d.n.Block(d.ctx, r.Block)
	if err != nil {
		d.t.Fatal(err)
	}
	if !bytes.Contains(b, []byte(`"txId":"`+r.TxID+`"`)) {
		d.t.Errorf("the answer in block %d is not bound to its transaction", r.Block)
	}
}

func keylessRead(d *desk) {
	for _, key := range [][]byte{nil, Random(31), Random(33)} {
		c := d.getCall(record.NewID())
		if c.Transient[record.FieldKey] = key; key == nil {
			delete(c.Transient, record.FieldKey)
		}
		_, err := d.n.Evaluate(d.ctx, c)
		d.code(err, record.CodeNoKey)
	}
}

func exactBytes(d *desk) {
	for _, body := range [][]byte{
		resource(longAgo, "plain"),
		append(resource(longAgo, "plain"), " \r\n\t"...),
		[]byte(`{ "resourceType" : "Patient" , "birthDate":"1970-01-01","_birthDate":{"id":"a"}, "multipleBirthInteger": 1.0e0, "name":[{"text":"\u00e9\/\ud83d\ude00 é"}]}`),
	} {
		rec := newPut()
		d.submit(d.putCall(rec, body))
		c := d.getCall(rec.ID)
		sealed, err := d.n.Evaluate(d.ctx, c)
		if err != nil {
			d.t.Fatal(err)
		}
		v, err := c.Open(sealed)
		if err != nil {
			d.t.Fatal(err)
		}
		salt, got, err := record.DecodeValue(v)
		if err != nil || !bytes.Equal(got, body) {
			d.t.Errorf("bytes changed (%v)", err)
		}
		if h := d.state(rec.ID).Hash; h != record.Hash(salt, body) {
			d.t.Errorf("the ledger's hash %s is not that of salt and bytes", h)
		}
	}
}

func refusedPut(d *desk) {
	rec := newPut()
	d.refused(d.putCall(rec, []byte(`{"resourceType":"Patient","a":1,"A":2}`)), record.CodeBadResource)
	labelled := []byte(`{"resourceType":"Observation","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"ETH"}]}}`)
	d.refused(d.putCall(rec, labelled), record.CodeWrongCollection)
	d.wantState(rec.ID, record.InsideAbsent)
	d.submit(d.putCall(rec, resource(longAgo, "plain")))
	d.wantState(rec.ID, record.InsidePresent)
	d.refused(d.putCall(rec, resource(longAgo, "plain")), record.CodeExists)
	other := newPut()
	d.at("us", "us-a2", "UsHospital").submit(d.at("us", "us-a2", "UsHospital").putCall(other, labelled))
}

func oneSpelling(d *desk) {
	for _, c := range []Call{
		{Function: "write"},
		{Function: "domicile:Write"},
		{Function: "Write "},
		{Function: ""},
		{Function: "Init"},
		{Function: "Anchor"},
		{Function: "Write", Args: []string{"x"}},
		{Function: "Proof", Args: []string{"{}", "{}"}},
		{Function: "GetName"},
		{Function: "org.hyperledger.fabric:getMetadata"},
	} {
		c.As = d.as(record.RoleWriter)
		_, err := d.n.Evaluate(d.ctx, c)
		d.code(err, record.CodeBadFunction)
	}
	b, err := d.n.Evaluate(d.ctx, Call{As: d.as(""), Function: "org.hyperledger.fabric:GetMetadata"})
	if err != nil || !json.Valid(b) {
		d.t.Errorf("the contract's metadata: %v", err)
	}
}

func silentErrors(d *desk) {
	m := mark()
	rec := newPut()
	bad := rec
	bad.ID = m
	labelled := `{"resourceType":"Observation","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"ETH","display":"` + m + `"}]}}`
	for _, c := range []Call{
		d.putCall(bad, resource(longAgo, m)),
		d.putCall(rec, []byte(m)),
		d.putCall(rec, []byte(`{"resourceType":"`+m+`"}`)),
		d.putCall(rec, []byte(`{"resourceType":"Patient","`+m+`":1,"`+m+`":2}`)),
		d.putCall(rec, []byte(labelled)),
		d.holdCall(record.OpRelease, m, []string{rec.ID}, nil),
		d.failedCall(m),
		Public(d.as(""), record.FuncProof, map[string]any{"v": 1, "ids": []string{m}}),
		Public(d.as(""), record.FuncProof, map[string]any{"v": 1, m: 1}),
		{As: d.as(""), Function: m, Args: []string{m}},
	} {
		_, err := d.n.Submit(d.ctx, c)
		if err == nil {
			d.t.Errorf("%s %s was not refused", c.Function, c.Transient[record.FieldOp])
		} else if e, ok := record.ParseError(err.Error()); !ok || strings.Contains(err.Error(), m) {
			d.t.Errorf("error %q has no code or repeats the request (%v)", err, e)
		}
	}
}
