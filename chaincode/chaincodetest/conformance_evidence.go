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
	end := Write(d.as(record.RolePurger), record.OpEvidenceEnd, record.EvidenceEndRequest{
		Version: record.Version, Region: d.region, Collection: d.coll, Seed: Random(record.SeedLen), Keys: []string{e.Key},
	}, d.members)
	d.refused(end, record.CodeNotAttested)
	search := record.Search{SHA256: strings.Repeat("0", 64), SearchedAt: e.At, Height: 1}
	for _, role := range []string{record.RolePurger, record.RoleAuditor, record.RoleOfficer} {
		d.refused(d.attestCall(Identity{d.org, role}, e.Key, search), record.CodeForbidden)
	}
	d.refused(d.attestCall(Identity{"EuHospital", Admin}, e.Key, search), record.CodeForbidden)
	early, residue := search, search
	early.SearchedAt = "1999-12-31T00:00:00Z"
	d.refused(d.attestCall(d.as(Admin), e.Key, early), record.CodeNotAttested)
	residue.Found = 1
	d.submit(d.attestCall(d.as(Admin), e.Key, residue))
	d.refused(end, record.CodeNotAttested)
	d.submit(d.attestCall(d.as(Admin), e.Key, search))
	if got := d.evidenceOf(rec.ID).Attested; len(got) != 1 || got[0].Org != d.org || got[0].Search != search || got[0].Tx == "" {
		d.t.Errorf("the registrations: %+v", got)
	}
	d.submit(end)
	if d.evidenceOf(rec.ID) != nil {
		d.t.Error("the evidence is still there")
	}
}

func (d *desk) attestCall(as Identity, key string, s record.Search) Call {
	return Write(as, record.OpAttest, record.AttestRequest{
		Version: record.Version, Region: d.region, Collection: d.coll, Seed: Random(record.SeedLen), Keys: []string{key}, Search: s,
	}, d.members)
}

// everyHolderAttests: evidence of a copy that two hold ends when both have registered,
// each by itself, and a registration and the end in one block never lose residue.
func everyHolderAttests(d *desk) {
	both := d.at("us", "us-ab", "UsHospital", "UsPayer")
	key, err := record.EvidenceCipherKey(Random(32))
	if err != nil {
		d.t.Fatal(err)
	}
	rec := newPut()
	rec.Custody = record.Disclosed
	both.submit(both.putCall(rec, resource(longAgo, "plain")))
	c := both.purgeCall(record.PartAll, rec.ID)
	c.Transient[record.FieldEvidence] = key
	both.submit(c)
	e := both.evidenceOf(rec.ID)
	if e == nil {
		d.t.Fatal("the purge left no evidence")
	}
	search := record.Search{SHA256: strings.Repeat("0", 64), SearchedAt: e.At, Height: 1}
	end := Write(both.as(record.RolePurger), record.OpEvidenceEnd, record.EvidenceEndRequest{
		Version: record.Version, Region: both.region, Collection: both.coll, Seed: Random(record.SeedLen), Keys: []string{e.Key},
	}, both.members)
	// The first holder's word, twice, is not the second's.
	for range 2 {
		both.submit(both.attestCall(Identity{"UsHospital", Admin}, e.Key, search))
		both.refused(end, record.CodeNotAttested)
	}
	both.submit(both.attestCall(Identity{"UsPayer", Admin}, e.Key, search))
	residue := search
	residue.Found = 2
	both.together([]Call{both.attestCall(Identity{"UsPayer", Admin}, e.Key, residue), end}, Valid, "MVCC_READ_CONFLICT")
	both.refused(end, record.CodeNotAttested)
	both.submit(both.attestCall(Identity{"UsPayer", Admin}, e.Key, search))
	both.submit(end)
	if both.evidenceOf(rec.ID) != nil {
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
	id := d.canary()
	rec := d.put(longAgo).ID
	if e := d.dueEntries(longAgo); !e[id].Canary || e[id].Gone {
		d.t.Errorf("the canary in the due index: %+v", e[id])
	}
	c := d.purgeCall(record.PartAll, rec, id)
	c.Transient[record.FieldEvidence] = key
	d.submit(c)
	if e := d.dueEntries(longAgo); !e[id].Canary || !e[id].Gone || e[rec].Canary || !e[rec].Gone {
		d.t.Errorf("what waits for a tombstone: %+v, %+v", e[id], e[rec])
	}
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
	if e = d.evidenceOf(rec); e == nil {
		d.t.Fatal("the purge left no evidence of the record beside it")
	}
	open, err = record.OpenEvidence(key, e.Box, record.Ref{Collection: d.coll, ID: rec})
	if err != nil || open.Canary != nil || len(open.Prints) != record.KeysPerRecord {
		d.t.Errorf("the evidence of the record beside it (%v): %d prints", err, len(open.Prints))
	}
}

// canary stores one that may go.
func (d *desk) canary() (id string) {
	d.t.Helper()
	id = record.NewID()
	d.submit(d.act(record.RolePurger, record.OpCanary, record.CanaryRequest{
		Version: record.Version, Region: d.region, Collection: d.coll, Seed: Random(record.SeedLen), ID: id, Due: longAgo,
	}))
	return id
}
