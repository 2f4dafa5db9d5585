package fault

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"domicile/chaincode/record"
	"domicile/internal/cli"
)

// doors are the commands that can destroy a record.
func (c *cluster) doors(t *testing.T) map[string][]string {
	t.Helper()
	file := filepath.Join(c.tmp, "serve.yaml")
	c.must(t, os.WriteFile(file, []byte(serveConfig), 0o600))
	where := []string{"--region", usA.region, "--org", usA.org}
	with := func(args ...string) []string { return append(slices.Clip(where), args...) }
	return map[string][]string{
		"run":               append([]string{"purge", "run"}, where...),
		"run by collection": append([]string{"purge", "run"}, with("--collection", usA.collection)...),
		"run of one":        append([]string{"purge", "run"}, with("--limit", "1")...),
		"run of a case":     append([]string{"purge", "run"}, with("--case", "DSR-1")...),
		"serve once":        append([]string{"purge", "serve", "--once", "--config", file}, where...),
		"failed":            append([]string{"purge", "failed"}, with("--authority", "court", "--reason", "cleaning")...),
	}
}

// TestT34_EveryWayToDestroyMeetsTheSameChecks tries every command, and every ground of
// the API, on records that may not be purged: by the wrong person, without --execute,
// under a hold, during a pause. None is lost by any of them. Then they may be purged, and
// are.
func TestT34_EveryWayToDestroyMeetsTheSameChecks(t *testing.T) {
	ctx := patience(t, 2*time.Minute)
	dice(t)
	c := start(ctx, t, topologyTwo)
	list := []*job{newJob(usA, longAgo, 0), newJob(usA, longAgo, 600<<10)}
	c.mustPut(ctx, t, list)
	doors := c.doors(t)
	try := func(state string, wantRefusal bool, extra ...string) {
		for name, args := range doors {
			a := c.domicile(ctx, append(slices.Clip(args), extra...)...)
			c.noteEvents(a.out)
			if wantRefusal && a.status == cli.ExitDone && name != "failed" {
				t.Errorf("%s, %s: status 0\n%s%s", state, name, a.out, a.words)
			}
			c.allPresent(ctx, t, state+", "+name, list)
		}
	}
	for _, role := range []string{record.RoleReader, record.RoleWriter, record.RoleOfficer, record.RoleAuditor} {
		try("as "+role, false, "--execute", "--as", role+"@"+usA.org)
		c.byAPI(ctx, t, role, list, record.CodeForbidden)
	}
	try("without --execute", false)

	c.must(t, c.hold(ctx, usA, "matter", idsOf(list)...))
	try("under a hold", false, "--execute")
	c.byAPI(ctx, t, record.RolePurger, list, record.CodeHeld)
	c.must(t, c.release(ctx, usA, "matter", idsOf(list)...))

	why := []string{"--region", usA.region, "--org", usA.org, "--authority", "court", "--reason", "in doubt"}
	c.mustDo(t, c.domicile(ctx, append([]string{"purge", "pause"}, why...)...))
	try("paused", true, "--execute")
	c.byAPI(ctx, t, record.RolePurger, list, record.CodePaused)
	c.mustBeDue(ctx, t, list) // and no canary, which nothing would take away
	c.mustDo(t, c.domicile(ctx, append([]string{"purge", "resume"}, why...)...))
	c.judge(ctx, t, *rounds-1, usA)
}

// byAPI asks for purges on every ground without a command, and wants refusals; due gives
// the code for ground due.
func (c *cluster) byAPI(ctx context.Context, t *testing.T, role string, list []*job, due record.Code) {
	t.Helper()
	client, err := c.client(ctx, usA.org, role, "")
	c.must(t, err)
	for _, j := range list {
		for _, q := range []record.PurgeRequest{
			{Ground: record.GroundDue, IDs: []string{j.id}},
			{Ground: record.GroundDue, Part: record.PartBody, IDs: []string{j.id}},
			{Ground: record.GroundWithdrawn, IDs: []string{j.id}, Reason: "r", Authority: "a"},
			{Ground: record.GroundMoved, IDs: []string{j.id}, Targets: []record.Target{{Collection: usA.collection, ID: j.id}}},
			{Ground: record.GroundForced, IDs: []string{j.id}, Case: "DSR-1"},
			{Ground: record.GroundFailed, Keys: []string{record.RecordKey(j.id)}, Reason: "r", Authority: "a"},
		} {
			q.Version, q.Region, q.Collection, q.Seed = record.Version, usA.region, usA.collection, make([]byte, 32)
			_, err := client.Purge(ctx, q)
			code := record.CodeOf(err)
			if err == nil || code == "" || q.Ground == record.GroundDue && code != due {
				t.Errorf("%s, ground %s %s: %v", role, q.Ground, q.Part, err)
			}
		}
	}
	c.allPresent(ctx, t, "the API as "+role, list)
}

// mustBeDue wants these records and no others in the due index.
func (c *cluster) mustBeDue(ctx context.Context, t *testing.T, list []*job) {
	t.Helper()
	client, err := c.client(ctx, usA.org, record.RoleOfficer, "")
	c.must(t, err)
	page, err := client.Due(ctx, usA.collection, time.Now().UTC().Format(time.DateOnly), "")
	c.must(t, err)
	var found []string
	for _, e := range page.Entries {
		found = append(found, e.ID)
	}
	want := idsOf(list)
	slices.Sort(found)
	slices.Sort(want)
	if !slices.Equal(found, want) {
		t.Errorf("due are %v, put were %v", found, want)
	}
}

// allPresent wants every record to be there, whole.
func (c *cluster) allPresent(ctx context.Context, t *testing.T, after string, list []*job) {
	t.Helper()
	for _, p := range c.peersOf(usA.org) {
		client, err := c.client(ctx, usA.org, record.RoleOfficer, p.Name)
		c.must(t, err)
		states, err := client.Inspect(ctx, usA.collection, idsOf(list))
		c.must(t, err)
		for _, s := range states {
			if s.State != record.InsidePresent {
				t.Fatalf("%s: %s is %s on %s", after, s.ID, s.State, p.Name)
			}
		}
	}
}
