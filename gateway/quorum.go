package gateway

import (
	"slices"
	"strings"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	gatewaypb "github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"domicile/chaincode/record"
)

// askedOf remembers which endorsing organisations a call can do without: a private
// write names all members of its collection, of which a majority is enough, so that
// one whose peers are down or lack the bytes need not stop the others.
type askedOf struct {
	call *call
	own  string          // whose gateway peers are asked
	out  map[string]bool // could not endorse
}

// orgs are the organisations to name next: all that have not failed, or, where those
// are too few, all.
func (a *askedOf) orgs() []string {
	left := slices.DeleteFunc(slices.Clone(a.call.orgs), func(o string) bool { return a.out[o] })
	if a.call.quorum == 0 || len(left) < a.call.quorum || !slices.Contains(left, a.own) {
		return a.call.orgs
	}
	return left
}

// failed notes which organisations an attempt failed for, as Fabric's gateway tells it:
// in the details of its error, or by name when discovery knows none of their peers
// (internal/pkg/gateway/registry.go).
func (a *askedOf) failed(err error) {
	if a.call.quorum == 0 || err == nil {
		return
	}
	if a.out == nil {
		a.out = map[string]bool{}
	}
	st := status.Convert(err)
	for _, d := range st.Details() {
		if d, ok := d.(*gatewaypb.ErrorDetail); ok && slices.Contains(a.call.orgs, d.GetMspId()) && !able(d.GetMessage()) {
			a.out[d.GetMspId()] = true
		}
	}
	if _, names, ok := strings.Cut(st.Message(), "failed to find any endorsing peers for org(s): "); ok {
		for name := range strings.SplitSeq(names, ", ") {
			if slices.Contains(a.call.orgs, name) {
				a.out[name] = true
			}
		}
	}
}

// lagTries is how often endorsers are asked that are behind. With the default pauses
// they get some seconds to catch up.
const lagTries = 6

// overruled reports whether the contract refused a write with this code at peers of other
// organisations alone: the client's own took it. One of the two is a block behind, as a
// rule the other one, which does not know yet what the client saw committed. Some refusals
// are about the client or about who holds a collection, and waiting changes neither.
func overruled(own string, code record.Code, err error) bool {
	if retryableCode(code) || code == record.CodeWrongPeer || code == record.CodeForbidden {
		return false
	}
	others := false
	for _, d := range status.Convert(err).Details() {
		d, ok := d.(*gatewaypb.ErrorDetail)
		if ok && (d.GetMspId() == own || !strings.Contains(d.GetMessage(), "chaincode response")) {
			return false
		}
		others = others || ok
	}
	return others
}

// able reports whether an endorser that failed may still be asked. One had simulated and
// found too few peers to hand the private data to, as happens while it still takes dead
// peers of another organisation for live ones: it can endorse once it knows better. And of
// one that refuses by a rule the word counts: nobody goes on without it.
func able(message string) bool {
	e := parseTexts([]string{message})
	if e == nil {
		return false
	}
	refuses := strings.Contains(message, "chaincode response") && !retryableCode(e.Code)
	return refuses || e.Detail == tooFewPeers || e.Detail == notHandedOn
}

// naming is the same proposal, transaction id included, for other endorsing
// organisations, which are not part of what is signed.
func (c *Client) naming(p *client.Proposal, orgs []string) (*client.Proposal, error) {
	b, err := p.Bytes()
	if err != nil {
		return nil, err
	}
	var t gatewaypb.ProposedTransaction
	if err := proto.Unmarshal(b, &t); err != nil {
		return nil, err
	}
	if slices.Equal(t.GetEndorsingOrganizations(), orgs) {
		return p, nil
	}
	t.EndorsingOrganizations = orgs
	if b, err = proto.Marshal(&t); err != nil {
		return nil, err
	}
	return c.fabric.NewProposal(b)
}
