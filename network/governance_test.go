package network

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer/lifecycle"
	"google.golang.org/protobuf/proto"
)

// connect is a gateway client as an application makes it.
func connect(ctx context.Context, t *testing.T, n *Network, org, role string) *client.Network {
	t.Helper()
	id, err := n.signer(org, role)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := n.Dial(ctx, "peer0."+org)
	if err != nil {
		t.Fatal(err)
	}
	gw, err := client.Connect(id, client.WithClientConnection(conn), client.WithHash(hash.NONE), client.WithSign(id.Sign))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { gw.Close(); conn.Close() })
	return gw.GetNetwork(Channel)
}

func TestOneRegionCannotChangeTheRulesOfAnotherAndBlocksAreForAuditors(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	t.Cleanup(cancel)
	o := testOptions(t)
	// Two of three organizations are of one region: it has the majority.
	us := &o.Topology.Regions[0]
	us.Organizations = append(us.Organizations, Organization{"UsPayer", 1})
	n, err := Up(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("a region alone cannot let itself into another region's collection", func(t *testing.T) { takeOver(ctx, t, n) })
	for role, want := range map[string]bool{RoleAuditor: true, RoleReader: false, RolePurger: false, RoleAdmin: false} {
		t.Run("streaming blocks as "+role, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
			defer cancel()
			blocks, err := connect(ctx, t, n, "EuHospital", role).BlockEvents(ctx, client.WithStartBlock(0))
			if err != nil {
				t.Fatal(err)
			}
			_, got := <-blocks
			if ctx.Err() != nil || got != want {
				t.Errorf("a block arrives: %v, want %v (%v)", got, want, ctx.Err())
			}
		})
	}
	t.Run("a peer that cannot load its ledger is seen and healed", func(t *testing.T) { brokenLedger(ctx, t, n, o) })
	t.Run("a restored backup is purged again before it serves", func(t *testing.T) { restoredBackup(ctx, t, n) })
	t.Run("a peer that misses private data is no copy, whatever its log says", func(t *testing.T) { noCopy(ctx, t, n) })
}

// noCopy lets a peer join again while the only one that has everything is away, and
// empties its log.
func noCopy(ctx context.Context, t *testing.T, n *Network) {
	whole, newcomer := n.mustNode(t, "peer0.EuHospital"), n.mustNode(t, "peer1.EuHospital")
	if err := n.StopNode(ctx, whole.name); err != nil {
		t.Fatal(err)
	}
	if err := n.Rejoin(ctx, newcomer.name); err != nil {
		t.Fatal(err)
	}
	held, err := n.heldBy(ctx, newcomer.org)
	if err != nil {
		t.Fatal(err)
	}
	err = until(ctx, func() error {
		if p := readPrivate(ctx, newcomer, held); p.err != nil || p.gaps.Wanted == 0 {
			return fmt.Errorf("the store says %+v", p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(newcomer.logFile(), 0); err != nil {
		t.Fatal(err)
	}
	if err := n.healthyCopy(ctx, whole); !errors.Is(err, ErrNoHealthyCopy) {
		t.Errorf("a peer without the data is a copy of it: %v", err)
	}
	if err := n.Restore(ctx, whole.name, backedUp(t, n, whole)); !errors.Is(err, ErrNoHealthyCopy) {
		t.Errorf("the stopped peer that alone has the data is replaced: %v", err)
	}
	found := false
	for _, f := range n.Doctor(ctx, nil).Findings {
		found = found || f.Node == newcomer.name && f.Check == CheckPrivateData && f.Severity != OK
	}
	if !found {
		t.Error("the doctor goes by the log")
	}
	if err := n.StartNode(ctx, whole.name); err != nil {
		t.Fatal(err)
	}
	err = until(ctx, func() error { return n.healthyCopy(ctx, whole) })
	if err != nil {
		t.Error("once the peer has fetched everything:", err)
	}
}

// takeOver tries to commit, with the endorsements of one region, a definition
// that lets UsHospital read what EuHospital holds.
func takeOver(ctx context.Context, t *testing.T, n *Network) {
	wide := strings.Replace(testCollections, "OR('EuHospital.member')", "OR('EuHospital.member', 'UsHospital.member')", 1)
	d := Definition{Sequence: 2, CollectionsConfig: []byte(wide)}
	for _, org := range []string{"UsHospital", "UsPayer"} {
		if err := n.ApproveDefinition(ctx, org, d); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := n.Approvals(ctx, "UsHospital", d); err != nil || !got["UsHospital"] || got["EuHospital"] {
		t.Errorf("approvals %v, %v", got, err)
	}
	def, err := n.build(d, "")
	if err != nil {
		t.Fatal(err)
	}
	policy, err := proto.Marshal(def.ApplicationPolicy)
	if err != nil {
		t.Fatal(err)
	}
	args, err := proto.Marshal(&lifecycle.CommitChaincodeDefinitionArgs{
		Name: def.Name, Version: def.Version, Sequence: def.Sequence, ValidationParameter: policy, Collections: def.Collections,
	})
	if err != nil {
		t.Fatal(err)
	}
	contract := connect(ctx, t, n, "UsHospital", RoleAdmin).GetContract("_lifecycle")
	err = until(ctx, func() error { // until both peers have seen the approvals
		_, err := contract.SubmitWithContext(ctx, "CommitChaincodeDefinition",
			client.WithBytesArguments(args), client.WithEndorsingOrganizations("UsHospital", "UsPayer"))
		if _, endorsed := errors.AsType[*client.EndorseError](err); err != nil && !endorsed {
			return &finalError{err}
		}
		return err
	})
	var refused *client.CommitError
	if !errors.As(err, &refused) || refused.Code != peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE {
		t.Fatalf("the commit gives %v, want ENDORSEMENT_POLICY_FAILURE", err)
	}
	c, err := n.CommittedDefinition(ctx)
	if err != nil || c.Sequence != 1 {
		t.Errorf("committed: %+v, %v", c, err)
	}
	// With the other region's approval the same definition is committed.
	if err := n.ApproveDefinition(ctx, "EuHospital", d); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time nothing is left to do
		if err := n.CommitDefinition(ctx, d); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.ApproveDefinition(ctx, "EuHospital", d); err != nil {
		t.Error("approving what is committed:", err)
	}
	d.CollectionsConfig = []byte(testCollections)
	began := time.Now()
	if err := n.ApproveDefinition(ctx, "EuHospital", d); err == nil || !strings.Contains(err.Error(), "different parameters") {
		t.Error("approving something else under the committed sequence:", err)
	}
	if time.Since(began) > abortedPatience/2 {
		t.Error("a hopeless approval is tried again")
	}
}

// brokenLedger purges a value and takes away a peer's state database, which
// Fabric cannot rebuild then.
func brokenLedger(ctx context.Context, t *testing.T, n *Network, o Options) {
	const name = "peer1.UsHospital"
	putWithPeerCLI(ctx, t, n, "us-a", "k3", "v3")
	contract := connect(ctx, t, n, "UsHospital", RolePurger).GetContract(Chaincode)
	_, err := contract.SubmitWithContext(ctx, "purge", client.WithArguments("us-a"), client.WithEndorsingOrganizations("UsHospital"),
		client.WithTransient(map[string][]byte{"key": []byte("k3")}))
	if err != nil {
		t.Fatal(err)
	}
	putWithPeerCLI(ctx, t, n, "us-a", "k4", "v4")
	s := n.mustNode(t, name)
	if err := n.StopNode(ctx, name); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(s.dataDir(), "ledgersData", "stateLeveldb")); err != nil {
		t.Fatal(err)
	}
	startWithoutChannel(ctx, t, n, s)
	found := false
	for _, f := range n.Doctor(ctx, nil).Findings {
		found = found || f.Node == name && f.Check == CheckChannel && f.Severity == Error && strings.Contains(f.Message, "Failed to load ledger")
	}
	if !found {
		t.Error("doctor does not report the ledger")
	}
	if _, err := Up(ctx, o); err == nil || !strings.Contains(err.Error(), "cannot load its ledger") {
		t.Errorf("up of a network with a broken ledger: %v", err)
	}
	if err := n.StopNode(ctx, "peer0.UsHospital"); err != nil {
		t.Fatal(err)
	}
	if done, err := n.Heal(ctx); !errors.Is(err, ErrNoHealthyCopy) || len(done) > 0 {
		t.Errorf("healing the last copy: %v, %v", done, err)
	}
	if err := n.StartNode(ctx, "peer0.UsHospital"); err != nil {
		t.Fatal(err)
	}
	if done, err := n.Heal(ctx); err != nil || len(done) != 1 || done[0].Node != name {
		t.Fatalf("healed %v, %v", done, err)
	}
	forgotten(ctx, t, n, name)
	if _, err := Up(ctx, o); err != nil {
		t.Fatal(err)
	}
	statusOf(ctx, t, n)
	if err := n.WaitDiscovered(ctx); err != nil {
		t.Fatal(err)
	}
	putWithPeerCLI(ctx, t, n, "us-a", "k5", "v5")
}

// startWithoutChannel starts a peer and waits until it says that it has not the channel.
func startWithoutChannel(ctx context.Context, t *testing.T, n *Network, s spec) {
	t.Helper()
	if err := n.startAll([]spec{s}); err != nil {
		t.Fatal(err)
	}
	err := until(ctx, func() error {
		if state := n.nodeStatus(ctx, s).State; state != StateNoChannel {
			return errors.New("the peer is " + state)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// forgotten checks that a peer joins again that has forgotten the channel already, as one
// has whose healing ended half way.
func forgotten(ctx context.Context, t *testing.T, n *Network, name string) {
	s := n.mustNode(t, name)
	if err := n.StopNode(ctx, name); err != nil {
		t.Fatal(err)
	}
	c, err := n.launch().prepare(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := forgetChannel(ctx, c, s); err != nil {
		t.Fatal(err)
	}
	startWithoutChannel(ctx, t, n, s)
	if done, err := n.Heal(ctx); err != nil || len(done) != 1 || done[0].Node != name {
		t.Fatalf("healed %v, %v", done, err)
	}
}
