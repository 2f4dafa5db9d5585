package fault

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"domicile/integration/kit"
	"domicile/internal/cli"
	"domicile/network"
)

// losses are commands of Fabric's that make a ledger from which something was purged
// unreadable, each in its own way.
var losses = [][]string{
	{"node", "rebuild-dbs"},
	{"node", "rollback", "-c", network.Channel, "-b", "8"},
	{"node", "reset"},
}

// TestT28_ALostLedgerIsHealedAndABackupIsPurgedBeforeItServes takes a peer's ledger away
// in the ways that an operator might after a purge, and has the doctor heal it: it
// refuses while no other healthy copy is there, and lets the peer forget the channel and
// join it again when one is. Then another peer gets a backup from before the purge
// back, and serves without a trace of what was purged.
func TestT28_ALostLedgerIsHealedAndABackupIsPurgedBeforeItServes(t *testing.T) {
	ctx := patience(t, 4*time.Minute)
	d := dice(t)
	c := start(ctx, t, topologyThree)
	members := c.peersOf(usA.org)
	first := d.IntN(len(losses))
	for round := range *rounds {
		before, after := jobs(usA, 6), jobs(usA, 6)
		c.mustPut(ctx, t, before)
		// Not the first, which is the anchor peer and would dial nobody in quarantine anyway.
		at := 1 + d.IntN(len(members)-1)
		restored, victim := members[at].Name, members[(at+1+d.IntN(len(members)-1))%len(members)].Name
		stray := c.neverSent(ctx, t, restored)
		backup := filepath.Join(t.TempDir(), fmt.Sprint("backup-", round))
		c.mustDo(t, c.domicile(ctx, "network", "backup", restored, backup))
		c.must(t, c.WaitDiscovered(ctx))
		c.mustPut(ctx, t, after)
		due, _ := c.secrets(ctx, t, slices.Concat(before, after))
		c.purgeAll(ctx, t, usA)

		how := losses[(first+round)%len(losses)]
		c.must(t, c.StopNode(ctx, victim))
		c.peerCommand(ctx, t, victim, how...)
		c.refusedWithoutACopy(ctx, t, victim, members)
		c.mustBeHealed(ctx, t, victim, strings.Join(how, " "))
		for _, f := range c.traces(ctx, t, victim, due) {
			t.Errorf("%s has joined again and has bytes of what was purged before: %s %s %s", victim, f.Path, f.Form, f.Pattern)
		}

		c.mustDo(t, c.domicile(ctx, "network", "restore", restored, backup, "--execute"))
		for _, f := range c.traces(ctx, t, restored, append(due, stray...)) {
			t.Errorf("%s serves from a backup with bytes of what was purged: %s %s %s", restored, f.Path, f.Form, f.Pattern)
		}
		c.nobodyHeardOf(t, restored, members)
		c.judge(ctx, t, round, usA)
	}
}

// nobodyHeardOf wants that no other peer has heard of a peer that was in quarantine.
func (c *cluster) nobodyHeardOf(t *testing.T, restored string, members []network.PeerEndpoint) {
	t.Helper()
	i := slices.IndexFunc(members, func(p network.PeerEndpoint) bool { return p.Name == restored })
	host, _, err := net.SplitHostPort(members[i].Address)
	c.must(t, err)
	hidden := net.JoinHostPort(host, "7951")
	for _, p := range c.Peers() {
		text, err := os.ReadFile(filepath.Join(c.dir(), "nodes", p.Name, "log"))
		c.must(t, err)
		if heard := strings.Contains(string(text), hidden); heard != (p.Name == restored) {
			t.Errorf("the log of %s names %s, where %s was in quarantine: %v", p.Name, hidden, restored, heard)
		}
	}
}

// mustDo wants a command to have done its work.
func (c *cluster) mustDo(t *testing.T, a answer) {
	t.Helper()
	if a.status != cli.ExitDone {
		t.Fatalf("status %d\n%s%s", a.status, a.out, a.words)
	}
}

// peerCommand runs Fabric's peer program on a stopped peer's data.
func (c *cluster) peerCommand(ctx context.Context, t *testing.T, peer string, args ...string) {
	t.Helper()
	p := exec.CommandContext(ctx, filepath.Join(c.BinDir(), "peer"), args...)
	p.Env = append(os.Environ(), "FABRIC_CFG_PATH="+filepath.Join(c.dir(), "nodes", peer, "config"), "FABRIC_LOGGING_SPEC=warn")
	if out, err := p.CombinedOutput(); err != nil {
		t.Fatalf("peer %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// refusedWithoutACopy stops the other members and wants the doctor to leave the peer as
// it is.
func (c *cluster) refusedWithoutACopy(ctx context.Context, t *testing.T, victim string, members []network.PeerEndpoint) {
	t.Helper()
	for _, p := range members {
		if p.Name != victim {
			c.must(t, c.StopNode(ctx, p.Name))
		}
	}
	c.startBroken(ctx, t, victim)
	c.must(t, kit.Eventually(ctx, func() error { // once the peer has found out itself
		a := c.domicile(ctx, "network", "doctor", "--heal")
		if a.status == cli.ExitDone || !strings.Contains(a.words, network.ErrNoHealthyCopy.Error()) {
			return fmt.Errorf("doctor --heal without another copy: status %d\n%s", a.status, a.words)
		}
		return nil
	}))
	for _, p := range members {
		if p.Name != victim {
			c.must(t, c.StartNode(ctx, p.Name))
		}
	}
}

// startBroken starts a peer that will not serve.
func (c *cluster) startBroken(ctx context.Context, t *testing.T, peer string) {
	t.Helper()
	short, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	t.Logf("%s starts with: %v", peer, c.StartNode(short, peer))
}

// mustBeHealed wants the doctor to let the peer join again, and to be content then.
func (c *cluster) mustBeHealed(ctx context.Context, t *testing.T, victim, after string) {
	t.Helper()
	began := time.Now()
	var did string
	c.must(t, kit.Eventually(ctx, func() error {
		a := c.domicile(ctx, "network", "doctor", "--heal")
		did += a.words
		if a.status != cli.ExitDone || !strings.Contains(did, victim+": ") || !strings.Contains(did, "joined it again") {
			return fmt.Errorf("network doctor --heal after %s: status %d\n%s%s", after, a.status, a.out, did)
		}
		return nil
	}))
	c.must(t, c.WaitDiscovered(ctx))
	t.Logf("%s was healed after %s in %.1f s", victim, after, time.Since(began).Seconds())
}
