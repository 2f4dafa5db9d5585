package fault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"domicile/integration/kit"
	"domicile/network"
)

// inNamespace is set in the process that may mount: mounts of its own vanish with it.
const inNamespace = "DOMICILE_FAULT_NAMESPACE"

// TestADiskRunsFull gives one member peer a small file system, fills it with large
// records until the peer gives up, and makes room. The others go on meanwhile, and the
// healed peer is like them. It needs the right to mount in a namespace of its own.
func TestADiskRunsFull(t *testing.T) {
	if os.Getenv(inNamespace) == "" {
		kit.NeedPrograms(t, binDir, *required)
		t.Parallel()
		again(t)
		return
	}
	ctx := patience(t, 2*time.Minute)
	d := dice(t)
	c := start(ctx, t, topologyThree)
	members := c.peersOf(usA.org)
	victim := members[d.IntN(len(members))].Name
	dir, resize := c.onSmallDisk(ctx, t, victim)
	for round := range *rounds {
		c.mustPut(ctx, t, jobs(usA, 6))
		used, err := sizeOf(dir)
		c.must(t, err)
		room := int64(2+d.IntN(4)) << 20
		resize(used + room)
		acked, ended := 0, false
		for n := 0; n < 40 && !ended; n++ {
			end := longAgo
			if n%2 == 0 {
				end = farOff
			}
			if err := c.put(ctx, newJob(usA, end, 400<<10)); err != nil {
				t.Logf("put %d: %v", n, err)
			} else {
				acked++
			}
			ended = c.node(ctx, t, victim).State != network.StateRunning
		}
		if !ended {
			t.Errorf("%s did not mind %d records on %d MiB", victim, acked, room>>20)
		}
		c.purgeSome(ctx, t)
		t.Logf("round %d: %s ran out of %d MiB; %d puts were acknowledged meanwhile", round+1, victim, room>>20, acked)
		c.must(t, c.Kill(ctx, victim)) // it may hang rather than end
		resize(roomy)
		c.must(t, c.startAgain(ctx, victim))
		c.judge(ctx, t, round, usA)
	}
}

// startAgain starts a peer; one that cannot load its ledger is for the doctor.
func (c *cluster) startAgain(ctx context.Context, peer string) error {
	err := c.StartNode(ctx, peer)
	if nodes, serr := c.Status(ctx); serr == nil {
		for _, x := range nodes {
			if x.Name == peer && x.State == network.StateNoChannel {
				return nil
			}
		}
	}
	return err
}

// purgeSome lets a purge run while a peer is out of space; it may fail.
func (c *cluster) purgeSome(ctx context.Context, t *testing.T) {
	t.Helper()
	r, err := c.purgeProcess(ctx, usA, options{})
	c.must(t, err)
	t.Logf("%d purges told meanwhile, the service ended with: %v", r.purged, r.err)
}

// roomy is a file system that no test fills, in bytes.
const roomy = 1 << 30

// onSmallDisk moves a peer's data to a file system of its own, where it stays. resize
// sets what the file system holds.
func (c *cluster) onSmallDisk(ctx context.Context, t *testing.T, peer string) (dir string, resize func(int64)) {
	t.Helper()
	dir = c.dataDir(ctx, t, peer)
	c.must(t, c.StopNode(ctx, peer))
	aside := dir + ".aside"
	c.must(t, os.Rename(dir, aside))
	c.must(t, os.Mkdir(dir, 0o700))
	mount(t, "-t", "tmpfs", "-o", fmt.Sprintf("size=%d,mode=700", roomy), "tmpfs", dir)
	t.Cleanup(func() { _ = exec.Command("umount", "--lazy", dir).Run() }) // before the directory is removed
	c.must(t, os.CopyFS(dir, os.DirFS(aside)))
	c.must(t, os.RemoveAll(aside))
	c.must(t, c.StartNode(ctx, peer))
	c.must(t, c.WaitDiscovered(ctx))
	return dir, func(n int64) { mount(t, "-o", fmt.Sprintf("remount,size=%d", n), dir) }
}

func mount(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("mount", args...).CombinedOutput(); err != nil {
		t.Fatalf("mount: %v: %s", err, out)
	}
}

// sizeOf is about what a folder takes on a file system of whole pages.
func sizeOf(dir string) (n int64, err error) {
	const page = 4 << 10
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			n += (info.Size()/page + 1) * page
		}
		return err
	})
	return n, err
}

// again runs the test once more in a mount namespace of its own.
func again(t *testing.T) {
	t.Helper()
	try := exec.Command("unshare", "--mount", "sh", "-c", `mount -t tmpfs -o size=64k tmpfs "$0"`, t.TempDir())
	if out, err := try.CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: full disks are not tested: this machine lets us mount nothing: %v: %s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(interrupted, "unshare", "--mount", self, "-test.run=^"+t.Name()+"$", "-test.v",
		fmt.Sprintf("-seed=%d", *seed), fmt.Sprintf("-rounds=%d", *rounds), fmt.Sprintf("-keep=%t", *keep))
	cmd.Env = append(os.Environ(), inNamespace+"=1")
	// Interrupted, it takes its network down like every other test.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	out, err := cmd.CombinedOutput()
	t.Logf("in its own namespace:\n%s", out)
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		t.Fail()
	} else if err != nil {
		t.Fatal(err)
	}
}
