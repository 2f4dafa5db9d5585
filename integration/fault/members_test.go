package fault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"domicile/chaincode/record"
	"domicile/collections"
	"domicile/erasure"
	"domicile/gateway"
	"domicile/integration/kit"
	"domicile/internal/cli"
	"domicile/network"
)

var usShared = home{"us", "UsHospital", "us-shared"}

// topologyShared has three organisations in one region, so that one can leave a
// collection and two remain.
const topologyShared = `schema: 1
consensus: bft
batchInterval: 80ms
regions:
  - {name: us, octet: 10, orderers: 2, organizations: [{name: UsHospital, peers: 2}, {name: UsLab, peers: 2}, {name: UsPayer, peers: 2}]}
  - {name: eu, octet: 20, orderers: 2, organizations: [{name: EuHospital, peers: 2}]}
`

// TestT10_AnOrganisationLeavesACollectionAndJoinsItAgain takes UsPayer out of a collection
// of three. It keeps on its disks what it had and gets nothing new; its clients are
// refused; and it still processes purges: after its operator's scrub nothing of what was
// purged is left there. When it joins again it is given everything that the others keep,
// the past included, and nothing that they have purged.
func TestT10_AnOrganisationLeavesACollectionAndJoinsItAgain(t *testing.T) {
	ctx := patience(t, 2*time.Minute)
	const removed = "UsPayer"
	c := start(ctx, t, topologyShared, writePolicy(t, "UsHospital", "UsLab", removed))
	due, kept := newJob(usShared, longAgo, 0), newJob(usShared, farOff, 0)
	c.mustPut(ctx, t, []*job{due, kept})
	purged, before := c.secrets(ctx, t, []*job{due, kept})
	count := func(what []erasure.Pattern) (n int) {
		for _, p := range c.peersOf(removed) {
			n += len(c.traces(ctx, t, p.Name, what))
		}
		return n
	}
	if count(purged) == 0 || count(before) == 0 {
		t.Fatal("the member that will be removed does not have what it should")
	}
	if a := c.domicile(ctx, "policy", "apply", writePolicy(t, "UsHospital", "UsLab")); a.status != cli.ExitDone {
		t.Fatalf("policy apply: status %d\n%s", a.status, a.words)
	}
	c.forgetClients(t) // they keep the policy that they read for a minute
	later, brief := newJob(usShared, farOff, 0), newJob(usShared, longAgo, 0)
	c.mustPut(ctx, t, []*job{later, brief})
	never, _ := c.secrets(ctx, t, []*job{brief})
	if n := count([]erasure.Pattern{{Name: "later", Bytes: []byte(later.name)}}); n != 0 {
		t.Errorf("put after %s was removed, and in its files %d times", removed, n)
	}
	client, err := c.client(ctx, removed, record.RoleReader, "")
	c.must(t, err)
	_, err = client.Get(ctx, kept.id)
	t.Logf("a client of %s reads: %v", removed, err)
	if err == nil {
		t.Errorf("a client of %s reads on", removed)
	}
	if count(before) == 0 {
		t.Errorf("%s lost what it had; docs/operations.md says that it keeps it", removed)
	}
	c.judge(ctx, t, *rounds-1, usShared)
	c.settleTransient(ctx, t)
	c.scrub(ctx, t, removed)
	if n := count(purged); n != 0 {
		t.Errorf("%s was scrubbed after the purge, and has %d traces of it", removed, n)
	}
	if count(before) == 0 {
		t.Error("the search finds nothing of what is kept, so it proves nothing")
	}
	_, err = c.applied(ctx, writePolicy(t, "UsHospital", "UsLab", removed))
	c.must(t, err)
	c.forgetClients(t)
	client, err = c.client(ctx, removed, record.RoleReader, "")
	c.must(t, err)
	c.must(t, kit.Eventually(ctx, func() error { _, err := client.Get(ctx, later.id); return err }))
	if n := count(slices.Concat(purged, never)); n != 0 {
		t.Errorf("%s joined again and was given what had been purged, %d traces", removed, n)
	}
	c.judge(ctx, t, *rounds-1, usShared)
}

// TestT36_UpgradesThereAndBackLoseNothing changes the policy and restarts the chaincode
// servers one after another, and back, while clients that were opened before put, read
// and purge. Nothing that is put in that time is missing anywhere, the newcomer included,
// and nobody writes while the members change. A policy without a collection that is there is refused, and changes nothing.
func TestT36_UpgradesThereAndBackLoseNothing(t *testing.T) {
	ctx := patience(t, 2*time.Minute)
	dice(t)
	three, two := writePolicy(t, "UsHospital", "UsLab", "UsPayer"), writePolicy(t, "UsHospital", "UsLab")
	c := start(ctx, t, topologyShared, three)
	c.mustPut(ctx, t, []*job{newJob(usShared, longAgo, 0), newJob(usShared, farOff, 0)})
	var kept []*job
	for _, policy := range []string{two, three} {
		writing, over := context.WithCancel(ctx)
		writer := make(chan int)
		go func() {
			n := 0
			for writing.Err() == nil {
				gone, stays := newJob(usShared, longAgo, 0), newJob(usShared, farOff, 0)
				if err := errors.Join(c.put(ctx, gone), c.put(ctx, stays)); err == nil {
					n, kept = n+2, append(kept, stays)
				} else if !gateway.Retryable(err) {
					t.Logf("a put during the upgrade: %v", err)
				}
			}
			writer <- n
		}()
		words, err := c.applied(ctx, "--upgrade", policy)
		over()
		n := <-writer
		c.must(t, err)
		if !strings.Contains(words, "us-shared-log takes no writes until its members have changed") {
			t.Errorf("the log was not closed: %s", words)
		}
		t.Logf("%d puts acknowledged during the upgrade", n)
		c.resume(ctx, t)
		c.purgeAll(ctx, t, usShared)
	}
	c.everybodyReads(ctx, t, kept)
	text, err := os.ReadFile(three)
	c.must(t, err)
	from, to := strings.Index(string(text), "      - name: us-shared\n"), strings.Index(string(text), "      - name: us-a-log\n")
	less := filepath.Join(filepath.Dir(three), "less.yaml")
	c.must(t, os.WriteFile(less, append(text[:from:from], text[to:]...), 0o600))
	if a := c.domicile(ctx, "policy", "apply", less); a.status != cli.ExitRefused {
		t.Errorf("a policy without a collection that is there: status %d\n%s", a.status, a.words)
	}
	c.judge(ctx, t, *rounds-1, usShared)
}

// everybodyReads wants records from every peer of every member of the shared collection.
func (c *cluster) everybodyReads(ctx context.Context, t *testing.T, list []*job) {
	t.Helper()
	c.forgetClients(t) // they may remember other members
	for _, p := range c.peersOf("UsHospital", "UsLab", "UsPayer") {
		client, err := c.client(ctx, p.Org, record.RoleReader, p.Name)
		c.must(t, err)
		for _, j := range list {
			if err := kit.Eventually(ctx, func() error { _, err := client.Get(ctx, j.id); return err }); err != nil {
				t.Fatalf("%s has not %s: %v", p.Name, j.id, err)
			}
		}
	}
	t.Logf("every peer has the %d records", len(list))
}

// TestT24_OneOfThreeHoldersIsDownAndTheOthersGoOn stops all peers of one of three holders
// of a collection: the majority that the collection asks for puts, holds and purges, and
// the one that comes back has everything.
func TestT24_OneOfThreeHoldersIsDownAndTheOthersGoOn(t *testing.T) {
	ctx := patience(t, time.Minute)
	const away = "UsPayer"
	c := start(ctx, t, topologyShared, writePolicy(t, "UsHospital", "UsLab", away))
	due, held := newJob(usShared, longAgo, 0), newJob(usShared, longAgo, 0)
	c.mustPut(ctx, t, []*job{due, held})
	for _, p := range c.peersOf(away) {
		c.must(t, c.StopNode(ctx, p.Name))
	}
	c.mustPut(ctx, t, []*job{newJob(usShared, longAgo, 0), newJob(usShared, farOff, 0)})
	c.must(t, c.hold(ctx, usShared, "m", held.id))
	c.purgeAll(ctx, t, usShared)
	for _, p := range c.peersOf(away) {
		c.must(t, c.StartNode(ctx, p.Name))
	}
	c.judge(ctx, t, *rounds-1, usShared)
}

// applied applies a policy, again until all of it is done: the peers of an organisation
// that joins a collection may not have fetched its past yet.
func (c *cluster) applied(ctx context.Context, args ...string) (words string, err error) {
	err = kit.Eventually(ctx, func() error {
		a := c.domicile(ctx, append([]string{"policy", "apply"}, args...)...)
		words += a.words
		if a.status != cli.ExitDone {
			return fmt.Errorf("policy apply: status %d\n%s", a.status, a.words)
		}
		return nil
	})
	return words, err
}

// writePolicy writes the small demonstration policy with a collection that these
// organisations share, with its private parts, and returns its file.
func writePolicy(t *testing.T, members ...string) string {
	t.Helper()
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(dir, "private"), 0o700))
	list := "[" + strings.Join(members, ", ") + "]"
	shared := "      - name: us-shared\n        members: " + list + "\n        log: us-shared-log\n        roles:\n"
	for _, m := range members {
		shared += "          " + m + ": [writer, reader, officer, purger, auditor]\n"
	}
	shared += "      - name: us-shared-log\n        members: " + list + "\n"
	const organizations, before = "organizations: [UsHospital]\n", "      - name: us-a-log\n"
	text := string(collections.SmallYAML())
	if !strings.Contains(text, organizations) || !strings.Contains(text, before) {
		t.Fatal("the small policy is not what it was")
	}
	text = strings.Replace(text, organizations, "organizations: [UsHospital, UsLab, UsPayer]\n", 1)
	text = strings.Replace(text, before, shared+before, 1)
	file := filepath.Join(dir, "policy.yaml")
	must(os.WriteFile(file, []byte(text), 0o600))
	for _, log := range []string{"us-a-log", "us-shared-log", "eu-a-log"} {
		private := collections.DemoPrivate(log)
		if private == nil {
			private = collections.DemoPrivate("us-ab-log")
			private.Log, private.Default = "us-shared-log", "us-shared"
		}
		must(os.WriteFile(filepath.Join(dir, "private", log+".yaml"), private.JSON(), 0o600))
	}
	return file
}

// forgetClients closes all clients, so that the next ones begin anew.
func (c *cluster) forgetClients(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, x := range c.clients {
		c.must(t, x.Close())
	}
	clear(c.clients)
}

// TestT24_TooFewMemberPeersBlockPutsAndPurges stops one of two member peers: puts and
// purges are refused as unavailable, nothing happens, and everything goes on when the peer
// is back. The doctor warns before, and says what is wrong then.
func TestT24_TooFewMemberPeersBlockPutsAndPurges(t *testing.T) {
	ctx := patience(t, time.Minute)
	c := start(ctx, t, topologyTwo)
	c.mustPut(ctx, t, jobs(usA, 3))
	const away = "peer1.UsHospital"
	if a := c.domicile(ctx, "network", "doctor"); !strings.Contains(a.out, network.CheckMemberPeers) || !strings.Contains(a.out, network.Warn) {
		t.Errorf("the doctor does not warn of two member peers: %s", a.out)
	}
	c.must(t, c.StopNode(ctx, away))
	short, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	err := c.put(short, newJob(usA, farOff, 0))
	if err == nil || !gateway.Retryable(err) {
		t.Errorf("a put with one member peer: %v", err)
	}
	r, err := c.purgeProcess(ctx, usA, options{})
	c.must(t, err)
	if r.err == nil || r.purged != 0 {
		t.Errorf("a purge with one member peer: %v, %d purged", r.err, r.purged)
	}
	if a := c.domicile(ctx, "network", "doctor"); a.status == cli.ExitDone || !strings.Contains(a.out, away) {
		t.Errorf("the doctor, with a member peer stopped: status %d\n%s", a.status, a.out)
	}
	t.Logf("refused: put in time; purge in %.1f s", r.took.Seconds())
	c.must(t, c.StartNode(ctx, away))
	c.judge(ctx, t, *rounds-1, usA)
}
