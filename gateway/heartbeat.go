package gateway

import (
	"context"
	"encoding/json"
	"strings"
	"sync"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"google.golang.org/protobuf/proto"

	"domicile/chaincode/record"
)

// PeerHeight is how many blocks of the channel one peer has processed, or why it
// did not say.
type PeerHeight struct {
	Peer   string `json:"peer"`
	Org    string `json:"org"`
	Height uint64 `json:"height,omitempty"`
	Err    error  `json:"-"`
}

// Heights asks every gateway peer of the client's region, in parallel, how many
// blocks it has processed. A peer that does not answer within the time limit of a
// read has an error; the others' answers stand.
func (c *Client) Heights(ctx context.Context) []PeerHeight {
	out := make([]PeerHeight, len(c.region))
	var wg sync.WaitGroup
	for i, p := range c.region {
		wg.Go(func() {
			h, err := c.height(ctx, p)
			out[i] = PeerHeight{Peer: p.Name, Org: p.Org, Height: h, Err: err}
		})
	}
	wg.Wait()
	return out
}

// height asks one peer once, through Fabric's query system chaincode.
func (c *Client) height(ctx context.Context, p *gatewayPeer) (uint64, error) {
	proposal, err := c.proposal(&call{
		contract: c.qscc, function: "GetChainInfo", args: []string{c.settings.Channel}, orgs: []string{p.Org},
	})
	if err != nil {
		return 0, err
	}
	var answer []byte
	err = within(via(ctx, p), c.settings.Timeouts.Evaluate, func(ctx context.Context) error {
		answer, err = proposal.EvaluateWithContext(ctx)
		return err
	})
	if err != nil {
		return 0, explain(ctx, err).err
	}
	var info common.BlockchainInfo
	if err := proto.Unmarshal(answer, &info); err != nil {
		return 0, record.Fail(record.CodeInternal, "the peer's answer is not a height")
	}
	return info.GetHeight(), nil
}

// Heartbeat submits a transaction that changes nothing and names nobody: the
// verification of an id drawn at random. Its block makes peers on an idle channel
// sweep purged data and drop old transient data. Like anchors it is endorsed by at
// least two regions. An organization that holds nothing any more may send it, too: its peers
// have yet to sweep.
func (c *Client) Heartbeat(ctx context.Context) (TxReceipt, error) {
	collection := "" // looked for in all
	names, err := c.Collections(ctx)
	switch {
	case err == nil:
		collection = names[0]
	case record.CodeOf(err) != record.CodeForbidden:
		return TxReceipt{}, err
	}
	arg, err := json.Marshal(record.VerifyRequest{
		Version: record.Version, ID: record.NewID(), Hash: strings.Repeat("0", 64), Collection: collection,
	})
	if err != nil {
		return TxReceipt{}, err
	}
	return c.submit(ctx, &call{function: record.FuncVerify, args: []string{string(arg)}, peers: c.region})
}
