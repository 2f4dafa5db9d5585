package network

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hyperledger/fabric-admin-sdk/pkg/chaincode"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// packageLabel is the label of the chaincode package. The package says only
// how to reach a server, so its id stays while servers and definitions change.
const packageLabel = "domicile_1"

// DefinitionVersion is the version that Up gives the chaincode.
const DefinitionVersion = "1.0"

// abortedPatience is for how long an endorsement that peers refused is tried
// again: peers that have not yet seen the last block refuse.
const abortedPatience = 20 * time.Second

// Definition is a chaincode definition: what organizations approve and the
// channel commits.
type Definition struct {
	Version           string // free text, for people
	Sequence          int64  // 1 for the first, then one more each time
	EndorsementPolicy string // in Fabric's policy language; "" = Topology.AnchorPolicy
	CollectionsConfig []byte // Fabric's collections_config.json; empty for none
}

// build turns the definition into the SDK's form.
func (n *Network) build(d Definition, packageID string) (*chaincode.Definition, error) {
	if d.Version == "" {
		d.Version = DefinitionVersion
	}
	if d.EndorsementPolicy == "" {
		d.EndorsementPolicy = n.state.Topology.AnchorPolicy()
	}
	policy, err := chaincode.NewApplicationPolicy(d.EndorsementPolicy, "")
	if err != nil {
		return nil, fmt.Errorf("endorsement policy %q: %w", d.EndorsementPolicy, err)
	}
	collections, err := parseCollections(d.CollectionsConfig)
	if err != nil {
		return nil, err
	}
	return &chaincode.Definition{
		ChannelName: Channel, Name: Chaincode, Version: d.Version, Sequence: d.Sequence,
		PackageID: packageID, ApplicationPolicy: policy, Collections: collections,
	}, nil
}

// deploy installs, approves for every organization and commits.
func (n *Network) deploy(ctx context.Context, o Options) error {
	o.say("installing the chaincode")
	if _, err := n.InstallChaincode(ctx); err != nil {
		return err
	}
	d := Definition{Sequence: 1, EndorsementPolicy: o.EndorsementPolicy, CollectionsConfig: o.CollectionsConfig}
	if c, err := n.CommittedDefinition(ctx); err == nil {
		d.Sequence = c.Sequence // an earlier Up got this far
	} else if !errors.Is(err, ErrNotCommitted) {
		return err
	}
	o.say("approving the chaincode definition")
	g, gctx := errgroup.WithContext(ctx)
	for _, org := range n.Organizations() {
		g.Go(func() error { return n.ApproveDefinition(gctx, org, d) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	o.say("committing the chaincode definition")
	return n.CommitDefinition(ctx, d)
}

// Organizations lists the MSP ids of the organizations with peers, in topology
// order.
func (n *Network) Organizations() []string {
	var out []string
	for _, s := range ofKind(n.nodes, KindChaincode) {
		out = append(out, s.org)
	}
	return out
}

// InstallChaincode installs the chaincode package on every running peer, in
// parallel, and returns its package id. A peer that has it is left alone.
func (n *Network) InstallChaincode(ctx context.Context) (packageID string, err error) {
	pkg, id, err := chaincodePackage(packageLabel)
	if err != nil {
		return "", err
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, s := range ofKind(n.nodes, KindPeer) {
		if _, ok := s.running(); !ok {
			continue
		}
		g.Go(func() error {
			if err := n.install(ctx, s, pkg, id); err != nil {
				return fmt.Errorf("install the chaincode on %s: %w", s.name, err)
			}
			return nil
		})
	}
	return id, g.Wait()
}

func (n *Network) install(ctx context.Context, s spec, pkg []byte, id string) error {
	signer, err := n.signer(s.org, RoleAdmin)
	if err != nil {
		return err
	}
	conn, err := dial(ctx, s)
	if err != nil {
		return err
	}
	defer conn.Close()
	p := chaincode.NewPeer(conn, signer)
	installed, err := p.QueryInstalled(ctx)
	if err != nil {
		return err
	}
	for _, c := range installed.GetInstalledChaincodes() {
		if c.GetPackageId() == id {
			return nil
		}
	}
	got, err := p.Install(ctx, bytes.NewReader(pkg))
	if err != nil {
		return err
	}
	if got.GetPackageId() != id {
		return fmt.Errorf("the peer computed the package id %s, expected %s", got.GetPackageId(), id)
	}
	return nil
}

// withGateway calls f with the lifecycle client of an organization, through
// the first of its peers that answers.
func (n *Network) withGateway(ctx context.Context, org string, f func(*chaincode.Gateway) error) error {
	signer, err := n.signer(org, RoleAdmin)
	if err != nil {
		return err
	}
	peers := ofOrg(n.nodes, KindPeer, org)
	err = fmt.Errorf("%s has no peers", org)
	for _, s := range peers {
		if err = answers(ctx, s.address()); err != nil {
			continue
		}
		conn, dialErr := dial(ctx, s)
		if dialErr != nil {
			return dialErr
		}
		defer conn.Close()
		return f(chaincode.NewGateway(conn, signer))
	}
	return fmt.Errorf("no peer of %s answers: %w", org, err)
}

// ApproveDefinition approves the definition for an organization and waits for
// the commit. Approving the same again is no error.
func (n *Network) ApproveDefinition(ctx context.Context, org string, d Definition) error {
	def, err := n.build(d, n.state.PackageID)
	if err != nil {
		return err
	}
	err = n.withGateway(ctx, org, func(g *chaincode.Gateway) error {
		return retryLifecycle(ctx, func() error {
			err := g.Approve(ctx, def)
			if err != nil && alreadyApproved(errorText(err)) {
				return nil
			}
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("approve sequence %d for %s: %w", d.Sequence, org, err)
	}
	return nil
}

// alreadyApproved recognizes the two answers that mean "you have approved just
// this" (Fabric, core/chaincode/lifecycle/lifecycle.go).
func alreadyApproved(text string) bool {
	return strings.Contains(text, "unchanged content") ||
		strings.Contains(text, "attempted to redefine the current committed sequence") && !strings.Contains(text, "different parameters")
}

// hopeless recognizes refusals that time does not cure.
func hopeless(text string) bool {
	return strings.Contains(text, "different parameters") ||
		strings.Contains(text, "currently defined sequence") || strings.Contains(text, "larger than the next available")
}

// crossed recognizes a transaction that met another in flight, or peers of which one
// had not seen the last block: nothing is wrong with it, however long that lasts.
func crossed(text string) bool {
	return strings.Contains(text, "MVCC_READ_CONFLICT") || strings.Contains(text, "ProposalResponsePayloads do not match")
}

// Approvals says for each organization whether it has approved exactly this
// definition, as the given organization sees it.
func (n *Network) Approvals(ctx context.Context, org string, d Definition) (map[string]bool, error) {
	def, err := n.build(d, "")
	if err != nil {
		return nil, err
	}
	var out map[string]bool
	err = n.withGateway(ctx, org, func(g *chaincode.Gateway) error {
		r, err := g.CheckCommitReadiness(ctx, def)
		out = r.GetApprovals()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("approvals of sequence %d: %w", d.Sequence, &lifecycleError{err})
	}
	return out, nil
}

// CommitDefinition commits a definition that at least one organization of
// every region has approved. Committing what is committed is no error.
func (n *Network) CommitDefinition(ctx context.Context, d Definition) error {
	def, err := n.build(d, "")
	if err != nil {
		return err
	}
	org := n.Organizations()[0]
	err = n.withGateway(ctx, org, func(g *chaincode.Gateway) error {
		return retryLifecycle(ctx, func() error {
			// Asked each time: an attempt reported as failed may have been
			// ordered all the same.
			have, err := g.QueryCommittedWithName(ctx, Channel, Chaincode)
			if err == nil && sameDefinition(have, def) {
				return nil
			}
			return g.Commit(ctx, def)
		})
	})
	if err != nil {
		return fmt.Errorf("commit sequence %d: %w", d.Sequence, err)
	}
	return nil
}

func sameDefinition(have interface {
	GetSequence() int64
	GetVersion() string
	GetValidationParameter() []byte
	GetCollections() *peer.CollectionConfigPackage
}, want *chaincode.Definition,
) bool {
	policy := new(peer.ApplicationPolicy)
	return have.GetSequence() == want.Sequence && have.GetVersion() == want.Version &&
		proto.Unmarshal(have.GetValidationParameter(), policy) == nil &&
		proto.Equal(policy, want.ApplicationPolicy) &&
		sameCollections(have.GetCollections(), want.Collections)
}

// ErrNotCommitted is returned while the channel has no chaincode definition.
var ErrNotCommitted = errors.New("no chaincode definition is committed")

// Committed is the chaincode definition on the channel.
type Committed struct {
	Definition
	// Approvals by MSP id: who has approved it.
	Approvals map[string]bool
}

// CommittedDefinition reads the definition from the first peer that answers.
// Its CollectionsConfig is rendered anew: compare meaning, not bytes.
func (n *Network) CommittedDefinition(ctx context.Context) (*Committed, error) {
	var lastErr error
	for _, org := range n.Organizations() {
		c, err := n.committedBy(ctx, org)
		if err == nil || errors.Is(err, ErrNotCommitted) {
			return c, err
		}
		lastErr = err
	}
	return nil, fmt.Errorf("read the committed definition: %w", lastErr)
}

func (n *Network) committedBy(ctx context.Context, org string) (*Committed, error) {
	var out *Committed
	err := n.withGateway(ctx, org, func(g *chaincode.Gateway) error {
		r, err := g.QueryCommittedWithName(ctx, Channel, Chaincode)
		if err != nil {
			if strings.Contains(errorText(err), "is not defined") {
				return ErrNotCommitted
			}
			return err
		}
		out = &Committed{Definition: Definition{Version: r.GetVersion(), Sequence: r.GetSequence()}, Approvals: r.GetApprovals()}
		policy := new(peer.ApplicationPolicy)
		if err := proto.Unmarshal(r.GetValidationParameter(), policy); err != nil {
			return fmt.Errorf("decode the endorsement policy: %w", err)
		}
		if s := policy.GetSignaturePolicy(); s != nil {
			if out.EndorsementPolicy, err = chaincode.SignaturePolicyEnvelopeToString(s); err != nil {
				return fmt.Errorf("decode the endorsement policy: %w", err)
			}
		}
		out.CollectionsConfig, err = renderCollections(r.GetCollections())
		return err
	})
	return out, err
}

// retryLifecycle repeats f while the network settles: peers that have not met
// yet, orderers without a leader. Refusals are repeated for a shorter time.
func retryLifecycle(ctx context.Context, f func() error) error {
	began := time.Now()
	return until(ctx, func() error {
		err := f()
		if err == nil {
			return nil
		}
		told := &lifecycleError{err}
		if hopeless(told.Error()) {
			return &finalError{told}
		}
		switch status.Code(unwrapStatus(err)) {
		case codes.Unavailable, codes.FailedPrecondition, codes.DeadlineExceeded:
			return told
		}
		if crossed(told.Error()) || time.Since(began) < abortedPatience {
			return told
		}
		return &finalError{told}
	})
}

// lifecycleError puts a gateway error with its details on one line.
type lifecycleError struct{ err error }

func (e *lifecycleError) Error() string { return errorText(e.err) }
func (e *lifecycleError) Unwrap() error { return e.err }

// unwrapStatus finds the gRPC status in a chain of errors.
func unwrapStatus(err error) error {
	var s interface{ GRPCStatus() *status.Status }
	if errors.As(err, &s) {
		return s.GRPCStatus().Err()
	}
	return err
}

// errorText is a gateway error with the messages of the nodes that caused it.
// Lifecycle calls carry no private data, so neither do these.
func errorText(err error) string {
	var parts []string
	s, ok := status.FromError(unwrapStatus(err))
	if !ok {
		return err.Error()
	}
	parts = append(parts, s.Message())
	for _, d := range s.Details() {
		if e, ok := d.(*gateway.ErrorDetail); ok {
			parts = append(parts, e.GetMspId()+" "+e.GetAddress()+": "+e.GetMessage())
		}
	}
	return strings.Join(parts, "; ")
}
