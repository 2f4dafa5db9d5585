package fault

import (
	"context"
	"errors"
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"domicile/chaincode/record"
	"domicile/network"
)

// topologyFour has a region for each orderer, so that losing a region's loses one.
const topologyFour = `schema: 1
consensus: bft
batchInterval: 80ms
regions:
  - {name: us, octet: 10, orderers: 1, organizations: [{name: UsHospital, peers: 2}, {name: UsPayer, peers: 2}]}
  - {name: eu, octet: 20, orderers: 1, organizations: [{name: EuHospital, peers: 2}, {name: EuSponsor, peers: 2}]}
  - {name: uk, octet: 30, orderers: 1, organizations: [{name: UkTrust, peers: 2}]}
  - {name: au, octet: 40, orderers: 1, organizations: [{name: AuHealth, peers: 2}]}
`

// TestT29_OrderersAreLost kills the orderer that leads, in the middle of puts: nothing more
// than a pause. Then two of four, which stops ordering: puts and purges are refused or
// left open, none is acknowledged, and what was acknowledged before is there when they
// are back.
func TestT29_OrderersAreLost(t *testing.T) {
	ctx := patience(t, 3*time.Minute)
	d := dice(t)
	c := start(ctx, t, topologyFour)
	for round := range *rounds {
		leader := c.leader(ctx, t)
		list := jobs(usA, 16)
		after := 1 + d.IntN(8)
		err := errors.New("it was not reached")
		c.beforeSubmit(func(op string) error {
			if op != record.OpPut {
				return nil
			}
			if after--; after == 0 { // this put, and others under way, are ordered without it
				err = c.crash(ctx, leader)
			}
			return nil
		})
		began := time.Now()
		n := c.putAll(ctx, t, list)
		c.beforeSubmit(nil)
		c.must(t, err)
		t.Logf("round %d: %s led and was killed; %d of %d puts acknowledged in %.1f s", round+1, leader, n, len(list), time.Since(began).Seconds())
		if n < len(list)/2 {
			t.Errorf("the loss of one orderer of four refused %d of %d puts", len(list)-n, len(list))
		}
		c.mustPut(ctx, t, jobs(usA, 3)) // under the new leader
		c.heal(ctx, t)

		c.twoLost(ctx, t, d.Perm(4)[:2])
		c.judge(ctx, t, round, usA)
	}
}

// twoLost loses two orderers and gets them back.
func (c *cluster) twoLost(ctx context.Context, t *testing.T, which []int) {
	t.Helper()
	orderers := c.Orderers()
	for _, i := range which {
		c.must(t, c.crash(ctx, orderers[i].Name))
	}
	short, cancel := context.WithTimeout(ctx, 6*time.Second)
	defer cancel()
	began := time.Now()
	err := c.put(short, newJob(usA, farOff, 0))
	code := record.CodeOf(err)
	t.Logf("a put with two of four orderers: %v after %.1f s", err, time.Since(began).Seconds())
	switch {
	case err == nil:
		t.Error("a put was acknowledged with two of four orderers")
	case code != record.CodeUnavailable && code != record.CodeUnknown:
		// Two orderers may have it, and order it when the others are back.
		t.Errorf("a put with two of four orderers gives %s", code)
	}
	r, err := c.purgeProcess(ctx, usA, options{after: 5 * time.Second})
	c.must(t, err)
	if r.purged > 0 || r.err == nil && !r.killed {
		t.Errorf("%d purges were told with two of four orderers; the service ended with %v", r.purged, r.err)
	}
}

// leading is what an orderer logs when it begins to lead or to follow
// (SmartBFT, internal/bft/heartbeatmonitor.go).
var leading = regexp.MustCompile(`Changing to (leader|follower) role, current view: (\d+)`)

// leader is the orderer that led last.
func (c *cluster) leader(ctx context.Context, t *testing.T) string {
	t.Helper()
	nodes, err := c.Status(ctx)
	c.must(t, err)
	best, view := "", int64(-1)
	for _, x := range nodes {
		if x.Kind != network.KindOrderer || x.State != network.StateRunning {
			continue
		}
		log, err := os.ReadFile(x.LogFile)
		c.must(t, err)
		all := leading.FindAllSubmatch(log, -1)
		for _, m := range slices.Backward(all) {
			v, err := strconv.ParseInt(string(m[2]), 10, 64)
			c.must(t, err)
			if string(m[1]) == "leader" && v > view {
				best, view = x.Name, v
			}
			break // only what it said last counts
		}
	}
	if best == "" {
		t.Fatal("no orderer's log says that it leads")
	}
	return best
}
