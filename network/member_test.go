package network

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
)

// A block may carry both the definition that makes an organization a member of a
// collection and private data of that collection. A peer of the newcomer then notes that
// data as not its own when it has looked through what was not, and never asks for it.
// The doctor says so, and what it says to do helps.
func TestPrivateDataInTheBlockThatMakesAMemberIsSaidToBeMissingAndTheWayOutHelps(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	t.Cleanup(cancel)
	o := testOptions(t)
	o.Topology.BatchInterval = 2 * time.Second
	n, err := Up(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	w := &widening{t: t, n: n, sequence: 1}
	wide := strings.Replace(testCollections, "OR('UsHospital.member')", "OR('UsHospital.member', 'EuHospital.member')", 1)
	for round := 0; ; round++ {
		if round == 4 {
			t.Skip("SKIPPED: no peer met the race in 4 rounds")
		}
		w.approve(ctx, wide)
		w.commitWhilePutting(ctx, wide, round)
		if w.said(ctx, "WILL NOT FETCH THEM") {
			break
		}
		w.approve(ctx, testCollections)
		w.commit(ctx, testCollections)
	}
	for _, collections := range []string{testCollections, wide} {
		w.approve(ctx, collections)
		w.commit(ctx, collections)
	}
	err = until(ctx, func() error {
		for _, f := range n.Doctor(ctx, nil).Findings {
			if f.Check == CheckPrivateData && f.Severity != OK {
				return fmt.Errorf("%s: %s", f.Node, f.Message)
			}
		}
		return nil
	})
	if err != nil {
		t.Error("after the organization was taken out and put back:", err)
	}
	if err := n.Destroy(ctx); err != nil {
		t.Error(err)
	}
}

// widening changes who is a member of a collection.
type widening struct {
	t        *testing.T
	n        *Network
	sequence int64
}

func (w *widening) approve(ctx context.Context, collections string) {
	w.t.Helper()
	w.sequence++
	for _, org := range []string{"UsHospital", "EuHospital"} {
		if err := w.n.ApproveDefinition(ctx, org, Definition{Sequence: w.sequence, CollectionsConfig: []byte(collections)}); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *widening) commit(ctx context.Context, collections string) {
	w.t.Helper()
	if err := w.n.CommitDefinition(ctx, Definition{Sequence: w.sequence, CollectionsConfig: []byte(collections)}); err != nil {
		w.t.Fatal(err)
	}
}

// commitWhilePutting commits, and puts private data before, with and after it.
func (w *widening) commitWhilePutting(ctx context.Context, collections string, round int) {
	w.t.Helper()
	contract := connect(ctx, w.t, w.n, "UsHospital", RoleWriter).GetContract(Chaincode)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			time.Sleep(time.Duration(i) * 200 * time.Millisecond)
			_, err := contract.SubmitWithContext(ctx, "put", client.WithArguments("us-a"), client.WithEndorsingOrganizations("UsHospital"),
				client.WithTransient(map[string][]byte{"key": fmt.Appendf(nil, "k%d-%d", round, i), "value": []byte("v")}))
			w.t.Logf("put %d of round %d: %v", i, round, err) // one endorsed before and ordered after the definition is invalid
		})
	}
	w.commit(ctx, collections)
	all.Wait()
}

// said waits until the newcomer's peers want nothing any more, and reports whether the
// doctor says something of one of them.
func (w *widening) said(ctx context.Context, what string) bool {
	w.t.Helper()
	found := false
	err := until(ctx, func() error {
		found = false
		for _, f := range w.n.Doctor(ctx, nil).Findings {
			if f.Check != CheckPrivateData || f.Severity == OK {
				continue
			}
			if !strings.Contains(f.Message, what) {
				return fmt.Errorf("%s: %s", f.Node, f.Message)
			}
			found = true
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return found
}
