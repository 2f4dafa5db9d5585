package chaincode_test

import (
	"context"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
	"domicile/collections"
	"domicile/fhir"
	"domicile/fhir/ds4p"
)

// part sets UsHospital's private part with a change.
func (w *world) part(change func(*collections.Private)) {
	w.t.Helper()
	part := collections.DemoPrivate("us-a-log")
	part.Roles = map[string]map[string]string{"UsHospital": {}}
	for _, role := range record.Roles() {
		part.Roles["UsHospital"][chaincodetest.Code(role)] = role
	}
	change(part)
	w.submit(chaincodetest.Write(usHospital(chaincodetest.Admin), record.OpPrivate, record.PrivateRequest{
		Version: 1, Region: "us", Collection: "us-a-log", Seed: chaincodetest.Random(32), Document: part.JSON(),
	}, atHospital))
}

// change changes UsHospital's private part as it stands.
func (w *world) change(change func(*collections.Private)) {
	w.t.Helper()
	c := chaincodetest.Read(usHospital(chaincodetest.Admin), record.OpGetPrivate, record.GetPrivateRequest{Version: 1, Region: "us", Collection: "us-a-log"}, "UsHospital")
	sealed, err := w.Evaluate(context.Background(), c)
	if err != nil {
		w.t.Fatal(err)
	}
	raw, err := c.Open(sealed)
	if err != nil {
		w.t.Fatal(err)
	}
	part, err := collections.ParsePrivate(raw)
	if err != nil {
		w.t.Fatal(err)
	}
	change(part)
	w.submit(chaincodetest.Write(usHospital(chaincodetest.Admin), record.OpPrivate, record.PrivateRequest{
		Version: 1, Region: "us", Collection: "us-a-log", Seed: chaincodetest.Random(32), Document: part.JSON(),
	}, atHospital))
}

// law puts other rows into force in the us, all of them confirmed by UsHospital but
// those of a confidence S.
func (w *world) law(rows ...collections.Row) {
	w.t.Helper()
	for i := range rows {
		r := &rows[i]
		r.Authority, r.Kind = "test", orElse(r.Kind, collections.KindFloor)
		r.Action = orElse(r.Action, collections.ActionPurge)
	}
	w.adopt(func(p *collections.Policy) {
		for i := range p.Regions {
			if p.Regions[i].Name == "us" {
				p.Regions[i].Retention = rows
			}
		}
	})
	w.part(func(p *collections.Private) {
		p.Confirmations = nil
		for _, r := range rows {
			if r.Confidence == "S" {
				continue
			}
			p.Confirmations = append(p.Confirmations, collections.Confirmation{
				Region: "us", Row: r.Name, SHA256: collections.RowDigest("us", r), By: "somebody", Date: "2026-01-01", Source: "test",
			})
		}
	})
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// years is a period from a trigger.
func years(trigger string, n int) []collections.Until {
	return []collections.Until{{Trigger: trigger, Keep: fhir.Period{N: n, Unit: 'y'}}}
}

func confidentiality(code string) record.Label {
	return record.Label{System: ds4p.SystemConfidentiality, Code: code, Origin: record.OriginRule}
}

func actCode(code string) record.Label {
	return record.Label{System: ds4p.SystemActCode, Code: code, Origin: record.OriginRule}
}

func (w *world) explain(coll, id string) record.Explanation {
	w.t.Helper()
	var out []record.Explanation
	w.mustRead(record.RoleOfficer, record.OpExplain, record.ExplainRequest{Version: 1, Region: "us", Collection: coll, IDs: []string{id}}, &out)
	return out[0]
}

func (w *world) get(role, coll, id string) error {
	w.t.Helper()
	_, err := w.read(role, record.OpGet, record.GetRequest{Version: 1, Region: "us", Collection: coll, ID: id})
	return err
}

func amendCall(as chaincodetest.Identity, coll string, recs ...record.AmendRecord) chaincodetest.Call {
	return chaincodetest.Write(as, record.OpAmend, record.AmendRequest{
		Version: 1, Region: "us", Collection: coll, Seed: chaincodetest.Random(32), Records: recs,
	}, atHospital)
}

// relabel is an amendment to other labels.
func relabelTo(id, reason string, labels ...record.Label) record.AmendRecord {
	return record.AmendRecord{ID: id, Relabel: true, Labels: labels, Reason: reason}
}

var (
	writer     = usHospital(record.RoleWriter)
	theOfficer = usHospital(record.RoleOfficer)
)
