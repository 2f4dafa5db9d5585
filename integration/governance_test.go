package integration

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-admin-sdk/pkg/chaincode"
	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer/lifecycle"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
	"domicile/collections"
	"domicile/integration/kit"
	"domicile/network"
)

// majority is five organisations of six, all of three regions of four.
var majority = []string{"UsHospital", "UsPayer", "EuHospital", "EuSponsor", "AuHealth"}

// TestI4_TakeOverByAMajorityOfOrganisationsFails: three regions agree to let
// UsHospital read what UkTrust holds. Fabric's default would let them.
func TestI4_TakeOverByAMajorityOfOrganisationsFails(t *testing.T) {
	t.Parallel()
	ctx := testContext(t, patience)
	const mine, wide = "OR('UkTrust.member')", "OR('UkTrust.member', 'UsHospital.member')"
	config := string(demoPolicy.Fabric())
	at := strings.Index(config, `"uk-a"`)
	if at < 0 || !strings.Contains(config[at:], mine) {
		t.Fatal("uk-a is not what it was")
	}
	config = config[:at] + strings.Replace(config[at:], mine, wide, 1)
	have, err := shared.CommittedDefinition(ctx)
	if err != nil {
		t.Fatal(err)
	}
	d := network.Definition{
		Version: have.Version, Sequence: have.Sequence + 1,
		EndorsementPolicy: demoPolicy.EndorsementPolicy(), CollectionsConfig: []byte(config),
	}
	for _, org := range []string{"UsHospital", "UsPayer", "EuHospital", "EuSponsor", "AuHealth"} {
		if err := shared.ApproveDefinition(ctx, org, d); err != nil {
			t.Fatal(err)
		}
	}
	n, err := shared.at(ctx, chaincodetest.Identity{Org: "UsHospital", Role: chaincodetest.Admin}, "peer0.UsHospital")
	if err != nil {
		t.Fatal(err)
	}
	commit := wideDefinition(ctx, t, n, wide)
	again := kit.Eventually(ctx, func() error {
		_, err = n.GetContract("_lifecycle").SubmitWithContext(ctx, "CommitChaincodeDefinition",
			client.WithBytesArguments(commit), client.WithEndorsingOrganizations(majority...))
		var differ *client.EndorseError // a peer that has not met the last approval yet answers otherwise
		if errors.As(err, &differ) {
			return err
		}
		return nil
	})
	if again != nil {
		t.Fatal(again)
	}
	var refused *client.CommitError
	if !errors.As(err, &refused) || refused.Code != peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE {
		t.Fatalf("the commit gives %v, want %s", err, policyFailure)
	}
	if after, err := shared.CommittedDefinition(ctx); err != nil || after.Sequence != have.Sequence {
		t.Errorf("committed: %+v, %v", after, err)
	}
	// And the product's own way to commit does not get that far.
	short, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := shared.CommitDefinition(short, d); err == nil {
		t.Error("the definition was committed without uk")
	}
}

// wideDefinition is the committed definition with another policy of uk-a.
func wideDefinition(ctx context.Context, t *testing.T, n *client.Network, members string) []byte {
	t.Helper()
	b, err := n.GetContract("_lifecycle").EvaluateWithContext(ctx, "QueryChaincodeDefinition",
		client.WithBytesArguments(encode(t, &lifecycle.QueryChaincodeDefinitionArgs{Name: network.Chaincode})))
	if err != nil {
		t.Fatal(err)
	}
	have := &lifecycle.QueryChaincodeDefinitionResult{}
	decode(t, b, have)
	policy, err := chaincode.NewApplicationPolicy(members, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range have.GetCollections().GetConfig() {
		if s := c.GetStaticCollectionConfig(); s.GetName() == "uk-a" {
			s.MemberOrgsPolicy = &peer.CollectionPolicyConfig{
				Payload: &peer.CollectionPolicyConfig_SignaturePolicy{SignaturePolicy: policy.GetSignaturePolicy()},
			}
		}
	}
	return encode(t, &lifecycle.CommitChaincodeDefinitionArgs{
		Name: network.Chaincode, Version: have.GetVersion(), Sequence: have.GetSequence() + 1, Collections: have.GetCollections(),
		ValidationParameter: have.GetValidationParameter(), EndorsementPlugin: have.GetEndorsementPlugin(), ValidationPlugin: have.GetValidationPlugin(),
	})
}

// TestI4_APolicyKeyCannotBeWrittenWithoutItsRegion: malicious endorsers of three
// regions write uk's part of the policy; the key's own endorsement policy refuses.
func TestI4_APolicyKeyCannotBeWrittenWithoutItsRegion(t *testing.T) {
	t.Parallel()
	ctx := testContext(t, patience)
	call := chaincodetest.Call{As: usA.as("admin"), Function: record.FuncPolicyApprove, Args: []string{demoPolicy.Digest()}}
	for _, org := range majority {
		submit(ctx, t, chaincodetest.Call{As: chaincodetest.Identity{Org: org, Role: chaincodetest.Admin}, Function: record.FuncPolicyApprove, Args: call.Args})
	}
	results := publicWrite(t, record.PolicyKey("uk"), demoPolicy.RegionJSON("us"))
	for _, signers := range [][]string{majority, {"UkTrust", "UsHospital"}} { // uk too needs a majority of the others
		if r := forge(ctx, t, call, func(a *peer.ChaincodeAction) { a.Results = results }, signers...); r.Code != policyFailure {
			t.Errorf("uk's policy written by %v: %s", signers, r.Code)
		}
	}
	changed := *demoPolicy
	changed.Regions = append([]collections.Region{}, demoPolicy.Regions...)
	for i := range changed.Regions {
		if changed.Regions[i].Name == "uk" {
			changed.Regions[i].Jurisdictions = []string{"XX"}
		}
	}
	refused(ctx, t, chaincodetest.Call{As: usA.as("admin"), Function: record.FuncPolicyCommit, Args: []string{string(changed.Public())}}, record.CodeNotApproved)
}

// TestI4_AConfigUpdateWithoutARegionIsRefused signs an update of the channel's
// configuration by the administrators of three regions, then of all four.
func TestI4_AConfigUpdateWithoutARegionIsRefused(t *testing.T) {
	t.Parallel()
	ctx := testContext(t, patience)
	for _, name := range []string{"Admins", "LifecycleEndorsement"} {
		update := samePolicy(ctx, t, name)
		if s, words := broadcastUpdate(ctx, t, update, majority...); s == common.Status_SUCCESS {
			t.Errorf("%s was changed without uk", name)
		} else {
			t.Logf("%s: %v %s", name, s, words)
		}
		if name == "LifecycleEndorsement" { // the update itself is sound
			if s, words := broadcastUpdate(ctx, t, update, append(majority, "UkTrust")...); s != common.Status_SUCCESS {
				t.Errorf("%s with every region: %v %s", name, s, words)
			}
		}
	}
}

// samePolicy makes an update of the channel's configuration that writes a policy of
// the application group again, as it is.
func samePolicy(ctx context.Context, t *testing.T, name string) []byte {
	t.Helper()
	n, err := shared.at(ctx, ukA.as("admin"), "peer0.UkTrust")
	if err != nil {
		t.Fatal(err)
	}
	b, err := n.GetContract("cscc").EvaluateWithContext(ctx, "GetConfigBlock",
		client.WithArguments(network.Channel), client.WithEndorsingOrganizations("UkTrust"))
	if err != nil {
		t.Fatal(err)
	}
	blk, env, payload, config := &common.Block{}, &common.Envelope{}, &common.Payload{}, &common.ConfigEnvelope{}
	decode(t, b, blk)
	decode(t, blk.GetData().GetData()[0], env)
	decode(t, env.GetPayload(), payload)
	decode(t, payload.GetData(), config)
	channel := config.GetConfig().GetChannelGroup()
	app := channel.GetGroups()["Application"]
	was := app.GetPolicies()[name]
	if was == nil {
		t.Fatalf("no policy %s", name)
	}
	same := &common.ConfigPolicy{Version: was.GetVersion() + 1, Policy: was.GetPolicy(), ModPolicy: was.GetModPolicy()}
	group := func(p map[string]*common.ConfigPolicy) *common.ConfigGroup {
		return &common.ConfigGroup{Version: channel.GetVersion(), Groups: map[string]*common.ConfigGroup{
			"Application": {Version: app.GetVersion(), Policies: p, ModPolicy: app.GetModPolicy()},
		}, ModPolicy: channel.GetModPolicy()}
	}
	return encode(t, &common.ConfigUpdate{ChannelId: network.Channel, ReadSet: group(nil), WriteSet: group(map[string]*common.ConfigPolicy{name: same})})
}

func broadcastUpdate(ctx context.Context, t *testing.T, update []byte, signers ...string) (common.Status, string) {
	t.Helper()
	env := &common.ConfigUpdateEnvelope{ConfigUpdate: update}
	for _, org := range signers {
		id, header := adminHeader(t, org)
		sig, err := id.Sign(hash.SHA256(append(header[:len(header):len(header)], update...)))
		if err != nil {
			t.Fatal(err)
		}
		env.Signatures = append(env.Signatures, &common.ConfigSignature{SignatureHeader: header, Signature: sig})
	}
	id, header := adminHeader(t, signers[0])
	payload := encode(t, &common.Payload{
		Header: &common.Header{
			ChannelHeader: encode(t, &common.ChannelHeader{
				Type: int32(common.HeaderType_CONFIG_UPDATE), ChannelId: network.Channel, Timestamp: timestamppb.Now(),
			}),
			SignatureHeader: header,
		},
		Data: encode(t, env),
	})
	sig, err := id.Sign(hash.SHA256(payload))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := shared.Dial(ctx, shared.Orderers()[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	stream, err := orderer.NewAtomicBroadcastClient(conn).Broadcast(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&common.Envelope{Payload: payload, Signature: sig}); err != nil {
		t.Fatal(err)
	}
	answer, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	return answer.GetStatus(), answer.GetInfo()
}

func adminHeader(t *testing.T, org string) (*kit.Identity, []byte) {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	id, err := shared.who(chaincodetest.Identity{Org: org, Role: chaincodetest.Admin})
	if err != nil {
		t.Fatal(err)
	}
	nonce := make([]byte, 24)
	rand.Read(nonce) //nolint:errcheck // never fails
	b, err := proto.Marshal(&common.SignatureHeader{
		Creator: encode(t, &msp.SerializedIdentity{Mspid: org, IdBytes: id.ID.Credentials()}), Nonce: nonce,
	})
	if err != nil {
		t.Fatal(err)
	}
	return id, b
}

// TestI3_OnlyAuditorsStreamBlocks: a refused stream closes without a block and
// without an error, so that is what counts as a refusal.
func TestI3_OnlyAuditorsStreamBlocks(t *testing.T) {
	t.Parallel()
	for _, role := range []string{"", "reader", "writer", "officer", "purger", "admin", "auditor"} {
		for _, private := range []bool{false, true} {
			ctx := testContext(t, patience)
			n, err := shared.at(ctx, chaincodetest.Identity{Org: "UkTrust", Role: role}, "peer0.UkTrust")
			if err != nil {
				t.Fatal(err)
			}
			got := false
			if private {
				blocks, err := n.BlockAndPrivateDataEvents(ctx, client.WithStartBlock(1))
				if err != nil {
					t.Fatal(err)
				}
				_, got = <-blocks
			} else {
				blocks, err := n.BlockEvents(ctx, client.WithStartBlock(1))
				if err != nil {
					t.Fatal(err)
				}
				_, got = <-blocks
			}
			if ctx.Err() != nil || got != (role == "auditor") {
				t.Errorf("%q streams blocks (private data: %v): %v, %v", role, private, got, ctx.Err())
			}
		}
	}
}
