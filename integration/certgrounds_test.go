package integration

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
)

// act is one private operation of the holder.
func (h home) act(role, op string, req any) chaincodetest.Call {
	return chaincodetest.Write(h.as(role), op, req, h.members)
}

// purgeOn purges on a ground.
func (h home) purgeOn(ground record.Ground, change func(*record.PurgeRequest), ids ...string) chaincodetest.Call {
	r := record.PurgeRequest{
		Version: record.Version, Region: h.region, Collection: h.coll, Seed: chaincodetest.Random(record.SeedLen), Ground: ground, IDs: ids,
	}
	if change != nil {
		change(&r)
	}
	return h.act(record.RolePurger, record.OpPurge, r)
}

func (h home) bury(ctx context.Context, t *testing.T, id string) {
	t.Helper()
	submit(ctx, t, chaincodetest.Public(h.as(record.RolePurger), record.FuncTombstone, record.TombstoneRequest{
		Version: record.Version, Region: h.region, Records: []record.Ref{{Collection: h.coll, ID: id}},
	}))
}

// certified collects a certificate, checks it with the genesis block alone and returns
// the report. No word may be in the file, however it is encoded there.
func certified(ctx context.Context, t *testing.T, id string, annex string, not ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "c.json")
	args := []string{"proof", "certificate", id, "-o", file}
	if annex != "" {
		args = append(args, "--region", annex, "--annex")
	}
	must(ctx, t, 0, nil, args...)
	info, err := os.Stat(file)
	if err != nil || annex != "" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, mode %v", err, info.Mode())
	}
	for _, s := range not {
		if bytes.Contains(opened(t, file), []byte(s)) {
			t.Errorf("%q is in the certificate", s)
		}
	}
	return must(ctx, t, 0, nil, "proof", "verify-destruction", file, "--genesis", filepath.Join(shared.Dir(), "channel", "genesis.block")).Out
}

// opened is a JSON file followed by every string of it that is base64, decoded.
func opened(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	out, parts := bytes.Clone(b), 0
	for d := json.NewDecoder(bytes.NewReader(b)); ; {
		token, err := d.Token()
		if err != nil {
			break
		}
		if s, ok := token.(string); ok {
			if inner, err := base64.StdEncoding.DecodeString(s); err == nil {
				out, parts = append(append(out, '\n'), inner...), parts+1
			}
		}
	}
	if parts < 20 {
		t.Errorf("only %d decoded parts", parts)
	}
	return out
}

// TestT35_EveryGroundOfDestructionIsCertifiedAndNoCertificateNamesIt makes and checks
// offline the certificates of a forced erasure, of a withdrawn copy that two held, and of
// a large record before and after the second step of its purge.
func TestT35_EveryGroundOfDestructionIsCertifiedAndNoCertificateNamesIt(t *testing.T) {
	t.Parallel()
	ctx := testContext(t, patience)
	words, reference := unique(), unique()
	secrets := []string{words, reference, "the person's request", "an agreement", "DEMO, not law", "Encounter", "Patient"}
	person := record.SubjectToken(chaincodetest.Random(32), "Patient/x")

	t.Run("forced", func(t *testing.T) {
		r := record.PutRecord{ID: record.NewID(), Seed: chaincodetest.Random(record.SeedLen), Subjects: []string{person}}
		submit(ctx, t, euA.putAs(r, encounter(longAgo, words)))
		for _, step := range []struct{ as, action string }{{record.RoleOfficer, record.CaseOpen}, {chaincodetest.SecondOfficer, record.CaseApprove}} {
			c := record.CaseRequest{
				Version: record.Version, Region: euA.region, Collection: euA.coll, Seed: chaincodetest.Random(record.SeedLen),
				Case: reference, Action: step.action, Authority: "the person's request", Reason: "requested",
			}
			if step.action == record.CaseOpen {
				c.Law, c.Subjects, c.Received = record.LawGDPR, []string{person}, "2020-01-02"
			}
			submit(ctx, t, euA.act(step.as, record.OpCase, c))
		}
		submit(ctx, t, euA.purgeOn(record.GroundForced, func(p *record.PurgeRequest) { p.Case = reference }, r.ID))
		euA.bury(ctx, t, r.ID)
		if out := certified(ctx, t, r.ID, "", append(secrets, string(record.GroundForced), person)...); !strings.Contains(out, "did not add the private annex") {
			t.Error(out)
		}
		if out := certified(ctx, t, r.ID, "eu"); !strings.Contains(out, `ground "forced"`) {
			t.Error(out)
		}
	})
	t.Run("withdrawn", func(t *testing.T) {
		r := record.PutRecord{
			ID: record.NewID(), Seed: chaincodetest.Random(record.SeedLen), Subjects: []string{person},
			Terms: &record.Terms{Until: "2020-12-31", Authority: "an agreement"},
		}
		submit(ctx, t, euAB.putAs(r, encounter(farOff, words)))
		submit(ctx, t, euAB.purgeOn(record.GroundWithdrawn, nil, r.ID))
		euAB.bury(ctx, t, r.ID)
		if out := certified(ctx, t, r.ID, "", append(secrets, string(record.GroundWithdrawn))...); !strings.Contains(out, "endorsed by peers of EuHospital, EuSponsor") {
			t.Error(out)
		}
		if out := certified(ctx, t, r.ID, "eu"); !strings.Contains(out, `ground "withdrawn"`) {
			t.Error(out)
		}
	})
	t.Run("large, in two steps", func(t *testing.T) {
		// Not in the eu: another test's forced erasure there finishes what was purged in part.
		r, put := usA.put(encounter(longAgo, words+strings.Repeat("lorem ipsum ", 60_000)))
		submit(ctx, t, put)
		part := func(p record.Part) {
			submit(ctx, t, usA.purgeOn(record.GroundDue, func(r *record.PurgeRequest) { r.Part = p }, r.ID))
		}
		part(record.PartBody)
		usA.bury(ctx, t, r.ID)
		if out := certified(ctx, t, r.ID, "", secrets...); !strings.Contains(out, "IT IS STILL THERE") || !strings.Contains(out, "record's key still absent") {
			t.Error(out)
		}
		part(record.PartRest)
		if out := certified(ctx, t, r.ID, "", secrets...); !strings.Contains(out, "a later transaction did") || !strings.Contains(out, "that of its metadata absent") {
			t.Error(out)
		}
	})
	t.Run("failed, which never was a record", func(t *testing.T) {
		id := record.NewID()
		submit(ctx, t, euA.purgeOn(record.GroundFailed, func(p *record.PurgeRequest) {
			p.Keys, p.Reason, p.Authority = []string{record.RecordKey(id)}, "refused", "test"
		}))
		if a := must(ctx, t, 1, nil, "proof", "certificate", id, "-o", filepath.Join(t.TempDir(), "c.json")); !strings.Contains(a.Words, string(record.CodeAbsent)) {
			t.Error(a.Words)
		}
	})
}
