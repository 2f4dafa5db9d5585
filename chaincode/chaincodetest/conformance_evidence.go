package chaincodetest

import (
	"slices"
	"strings"

	"domicile/chaincode/record"
)

// leftEvidence: what a purge leaves for the search opens under the region's key, knows
// the salt of the record, shows nothing in the block and ends with an attestation.
func leftEvidence(d *desk) {
	key, err := record.EvidenceCipherKey(Random(32))
	if err != nil {
		d.t.Fatal(err)
	}
	rec := d.put(longAgo, token())
	draw, err := record.NewDrawer(rec.Seed)
	if err != nil {
		d.t.Fatal(err)
	}
	c := d.purgeCall(record.PartAll, rec.ID)
	c.Transient[record.FieldEvidence] = key
	d.submit(c)
	e := d.evidenceOf(rec.ID)
	if e == nil {
		d.t.Fatal("the purge left no evidence")
	}
	open, err := record.OpenEvidence(key, e.Box, record.Ref{Collection: d.coll, ID: rec.ID})
	if err != nil || len(open.Prints) != record.KeysPerRecord || !slices.Contains(open.Prints, record.PrintOf(draw.Salt("r"))) {
		d.t.Errorf("%d prints (%v), the record's salt must be among %d", len(open.Prints), err, record.KeysPerRecord)
	}
	end := record.EvidenceEndRequest{
		Version: record.Version, Region: d.region, Collection: d.coll, Seed: Random(record.SeedLen), Keys: []string{e.Key},
	}
	d.refused(Write(d.as(record.RolePurger), record.OpEvidenceEnd, end, d.members), record.CodeBadRequest)
	for _, m := range d.members {
		end.Attestations = append(end.Attestations, record.AttestationOf{Org: m, SHA256: strings.Repeat("0", 64)})
	}
	d.submit(Write(d.as(record.RolePurger), record.OpEvidenceEnd, end, d.members))
	if d.evidenceOf(rec.ID) != nil {
		d.t.Error("the evidence is still there")
	}
}

func (d *desk) evidenceOf(id string) *record.EvidenceEntry {
	d.t.Helper()
	for after, more := "", true; more; more = after != "" {
		var p record.EvidencePage
		d.read(record.RolePurger, record.OpEvidence, record.EvidenceRequest{
			Version: record.Version, Region: d.region, Collection: d.coll, After: after,
		}, &p)
		for _, e := range p.Entries {
			if e.ID == id {
				return &e
			}
		}
		after = p.Next
	}
	return nil
}

// purgedCanary: a canary goes with what is due, and its bytes are in the evidence.
func purgedCanary(d *desk) {
	key, err := record.EvidenceCipherKey(Random(32))
	if err != nil {
		d.t.Fatal(err)
	}
	id := record.NewID()
	d.submit(Write(d.as(record.RolePurger), record.OpCanary, record.CanaryRequest{
		Version: record.Version, Region: d.region, Collection: d.coll, Seed: Random(record.SeedLen), ID: id, Due: longAgo,
	}, d.members))
	c := d.purgeCall(record.PartAll, d.put(longAgo).ID, id)
	c.Transient[record.FieldEvidence] = key
	d.submit(c)
	if s := d.state(id); s.State != record.InsideGone || s.Ground != string(record.GroundCanary) {
		d.t.Errorf("the canary: %+v", s)
	}
	e := d.evidenceOf(id)
	if e == nil {
		d.t.Fatal("the purge left no evidence of the canary")
	}
	open, err := record.OpenEvidence(key, e.Box, record.Ref{Collection: d.coll, ID: id})
	if err != nil || open.Canary == nil || len(open.Canary.Salt) != record.SaltLen || len(open.Canary.Body) == 0 {
		d.t.Errorf("its evidence (%v): %+v", err, open.Canary)
	}
}
