package integration

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	gatewaypb "github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"domicile/chaincode/chaincodetest"
	"domicile/integration/kit"
	"domicile/network"
)

// forge does what malicious endorsers can: it takes an endorsed transaction, lets
// change alter what the chaincode is said to have done, and has it signed with the
// keys of these organisations' first peers instead. Then it submits it.
func forge(ctx context.Context, t *testing.T, c chaincodetest.Call, change func(*peer.ChaincodeAction), signers ...string) chaincodetest.Receipt {
	t.Helper()
	tx, err := shared.endorse(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	b, err := tx.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	prepared, payload := &gatewaypb.PreparedTransaction{}, &common.Payload{}
	action, actionPayload := &peer.Transaction{}, &peer.ChaincodeActionPayload{}
	decode(t, b, prepared)
	decode(t, prepared.GetEnvelope().GetPayload(), payload)
	decode(t, payload.GetData(), action)
	decode(t, action.GetActions()[0].GetPayload(), actionPayload)
	response, result := &peer.ProposalResponsePayload{}, &peer.ChaincodeAction{}
	decode(t, actionPayload.GetAction().GetProposalResponsePayload(), response)
	decode(t, response.GetExtension(), result)
	if change != nil {
		change(result)
	}
	response.Extension = encode(t, result)
	signed := encode(t, response)
	actionPayload.Action.ProposalResponsePayload, actionPayload.Action.Endorsements = signed, nil
	for _, org := range signers {
		actionPayload.Action.Endorsements = append(actionPayload.Action.Endorsements, endorsement(t, org, signed))
	}
	action.Actions[0].Payload = encode(t, actionPayload)
	payload.Data = encode(t, action)
	prepared.Envelope = &common.Envelope{Payload: encode(t, payload)}
	return resubmit(ctx, t, c, encode(t, prepared))
}

// resubmit signs a prepared transaction as the caller and orders it.
func resubmit(ctx context.Context, t *testing.T, c chaincodetest.Call, prepared []byte) chaincodetest.Receipt {
	t.Helper()
	if _, err := shared.at(ctx, c.As, door(c)); err != nil {
		t.Fatal(err)
	}
	shared.mu.Lock()
	g := shared.gateways[gatewayName(c.As, door(c))]
	shared.mu.Unlock()
	tx, err := g.NewTransaction(prepared)
	if err != nil {
		t.Fatal(err)
	}
	list, err := shared.order(ctx, c.As, door(c), []*client.Transaction{tx})
	if err != nil {
		t.Fatal(err)
	}
	return list[0]
}

// endorsement signs with the key of an organisation's first peer.
func endorsement(t *testing.T, org string, response []byte) *peer.Endorsement {
	t.Helper()
	dir := filepath.Join(shared.Dir(), "nodes", "peer0."+org, "msp")
	id, err := kit.ReadIdentity(org, filepath.Join(dir, "signcerts", "cert.pem"), filepath.Join(dir, "keystore", "private.key"))
	if err != nil {
		t.Fatal(err)
	}
	endorser := encode(t, &msp.SerializedIdentity{Mspid: org, IdBytes: id.ID.Credentials()})
	signature, err := id.Sign(hash.SHA256(append(response[:len(response):len(response)], endorser...)))
	if err != nil {
		t.Fatal(err)
	}
	return &peer.Endorsement{Endorser: endorser, Signature: signature}
}

// publicWrite is a write set with one public key of the chaincode.
func publicWrite(t *testing.T, key string, value []byte) []byte {
	t.Helper()
	kv := encode(t, &kvrwset.KVRWSet{Writes: []*kvrwset.KVWrite{{Key: key, Value: value}}})
	return encode(t, &rwset.TxReadWriteSet{
		DataModel: rwset.TxReadWriteSet_KV, NsRwset: []*rwset.NsReadWriteSet{{Namespace: network.Chaincode, Rwset: kv}},
	})
}

func decode(t *testing.T, b []byte, m proto.Message) {
	t.Helper()
	if err := proto.Unmarshal(b, m); err != nil {
		t.Fatal(err)
	}
}

func encode(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
