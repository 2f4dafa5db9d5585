package chaincodetest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"domicile/chaincode"
	"domicile/chaincode/record"
	"domicile/collections"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
)

// Options change what [NewMemory] makes. The zero value is the demo policy on a
// channel with the real clock.
type Options struct {
	// Policy to put into force. Defaults to [collections.Demo].
	Policy *collections.Policy
	// Others are further organisations of the channel, in no region of the policy.
	Others []string
	// Now is the peers' clock. Defaults to [time.Now].
	Now func() time.Time
	// QueryLimit, see [Config].
	QueryLimit int
	// Lean, see [Config].
	Lean bool
	// NoPolicy leaves the ledger empty.
	NoPolicy bool
	// Crashes is where recovered panics are noted. Defaults to [io.Discard].
	Crashes io.Writer
}

// Memory is a [Network] in memory: the contract on a [Ledger].
type Memory struct {
	*Ledger
	policy *collections.Policy

	mu    sync.Mutex
	cas   map[string]*Authority
	certs map[Identity][]byte
	names map[Identity]string // common names
}

var _ Network = (*Memory)(nil)

// NewMemory starts a channel with one peer for each organisation, and puts the
// policy and every holder's private part into force through the contract.
func NewMemory(o Options) (*Memory, error) {
	if o.Policy == nil {
		o.Policy = collections.Demo()
	}
	if o.Crashes == nil {
		o.Crashes = io.Discard
	}
	m := &Memory{policy: o.Policy, cas: map[string]*Authority{}, certs: map[Identity][]byte{}, names: map[Identity]string{}}
	orgs := slices.Concat(o.Policy.Organizations(), o.Others)
	var err error
	m.Ledger, err = NewLedger(Config{
		Orgs: orgs, EndorsementPolicy: o.Policy.EndorsementPolicy(), Collections: o.Policy.Fabric(),
		Now: o.Now, QueryLimit: o.QueryLimit, Lean: o.Lean,
		Chaincode: func(org string) (shim.Chaincode, error) {
			return chaincode.New(chaincode.WithPeerMSP(func() (string, error) { return org, nil }), chaincode.WithCrashLog(o.Crashes))
		},
	})
	if err != nil {
		return nil, err
	}
	for _, org := range orgs {
		if m.cas[org], err = NewAuthority(org); err != nil {
			return nil, err
		}
	}
	if o.NoPolicy {
		return m, nil
	}
	return m, m.setUp()
}

// Fatal is the part of [testing.TB] that [Start] needs.
type Fatal interface {
	Helper()
	Fatalf(format string, args ...any)
}

// Start is [NewMemory] for tests.
func Start(t Fatal, o Options) *Memory {
	t.Helper()
	m, err := NewMemory(o)
	if err != nil {
		t.Fatalf("in-memory network: %v", err)
	}
	return m
}

func (m *Memory) setUp() error {
	ctx := context.Background()
	var calls []Call
	for _, org := range m.policy.Organizations() {
		calls = append(calls, Call{As: Identity{org, Admin}, Function: record.FuncPolicyApprove, Args: []string{m.policy.Digest()}})
	}
	admin := Identity{m.policy.Organizations()[0], Admin}
	calls = append(calls, Call{As: admin, Function: record.FuncPolicyCommit, Args: []string{string(m.policy.Public())}})
	for i := range m.policy.Regions {
		r := &m.policy.Regions[i]
		for _, log := range r.Logs("") {
			calls = append(calls, m.PrivatePart(r.Name, &log))
		}
	}
	for _, c := range calls {
		rec, err := m.Submit(ctx, c)
		if err == nil && rec.Code != Valid {
			err = errors.New(rec.Code)
		}
		if err != nil {
			return fmt.Errorf("setting up, %s: %w", c.Function, err)
		}
	}
	return nil
}

// PrivatePart makes the call that sets a log's private part: the demo's routing
// and the role codes of [Code].
func (m *Memory) PrivatePart(region string, log *collections.Collection) Call {
	part := collections.DemoPrivate(log.Name)
	part.Roles = map[string]map[string]string{}
	for _, msp := range log.Members {
		part.Roles[msp] = map[string]string{}
		for _, role := range log.Roles[msp] {
			part.Roles[msp][Code(role)] = role
		}
	}
	return Write(Identity{log.Members[0], Admin}, record.OpPrivate, record.PrivateRequest{
		Version: record.Version, Region: region, Collection: log.Name, Seed: Random(record.SeedLen), Document: part.JSON(),
	}, log.Members)
}

// Code is the opaque code that the certificates of [Memory] carry for a role.
func Code(role string) string {
	h := sha256.Sum256([]byte("code of " + role))
	return "c" + hex.EncodeToString(h[:4])
}

// Creator returns the certificate of an identity, issuing it the first time.
func (m *Memory) Creator(id Identity) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c, ok := m.certs[id]; ok {
		return c, nil
	}
	ca, ok := m.cas[id.Org]
	if !ok {
		return nil, fmt.Errorf("no organisation %s", id.Org)
	}
	units, attrs := []string{"client"}, map[string]string{}
	switch id.Role {
	case "":
	case Admin:
		units = []string{"admin"}
	case Operator:
		units = append(units, "operator")
	case SecondOfficer, RenewedOfficer:
		attrs[record.RoleAttribute] = Code(record.RoleOfficer)
	default:
		attrs[record.RoleAttribute] = Code(id.Role)
	}
	whose := id
	if id.Role == RenewedOfficer {
		whose.Role = record.RoleOfficer
	}
	if m.names[whose] == "" {
		m.names[whose] = "u" + hex.EncodeToString(Random(4))
	}
	c, err := ca.Issue(m.names[whose], units, attrs)
	if err != nil {
		return nil, err
	}
	m.certs[id] = c
	return c, nil
}

// Proposal signs a call.
func (m *Memory) Proposal(c Call) (Proposal, error) {
	creator, err := m.Creator(c.As)
	if err != nil {
		return Proposal{}, err
	}
	args := [][]byte{[]byte(c.Function)}
	for _, a := range c.Args {
		args = append(args, []byte(a))
	}
	return Proposal{Creator: creator, Args: args, Transient: maps.Clone(c.Transient)}, nil
}

// Endorsed endorses a call without submitting it.
func (m *Memory) Endorsed(c Call) (*Tx, error) {
	p, err := m.Proposal(c)
	if err != nil {
		return nil, err
	}
	if len(c.Endorsers) > 0 {
		return m.Endorse(p, c.Endorsers...)
	}
	return m.plan(p, c.As.Org)
}

// plan does what the gateway does when no organisation is named: it simulates
// once, at home, and picks a smallest set of organisations that meets every
// policy of what was written.
func (m *Memory) plan(p Proposal, home string) (*Tx, error) {
	trial, err := m.Endorse(p, home)
	if err != nil {
		return nil, err
	}
	m.Ledger.mu.Lock()
	rules, _ := m.policies(trial, nil)
	m.Ledger.mu.Unlock()
	meets := func(orgs []string) bool {
		return !slices.ContainsFunc(rules, func(r *rule) bool { return !r.satisfied(peers(orgs)) })
	}
	orgs := []string{home}
	for _, o := range m.policy.Organizations() {
		if o != home {
			orgs = append(orgs, o)
		}
	}
	if !meets(orgs) {
		return nil, errors.New("no set of organisations meets the endorsement policies")
	}
	for i := len(orgs) - 1; i > 0; i-- {
		if fewer := slices.Delete(slices.Clone(orgs), i, i+1); meets(fewer) {
			orgs = fewer
		}
	}
	return m.Endorse(p, orgs...)
}

// Submit implements [Network].
func (m *Memory) Submit(ctx context.Context, c Call) (Receipt, error) {
	list, err := m.SubmitTogether(ctx, []Call{c})
	if err != nil {
		return Receipt{}, err
	}
	return list[0], nil
}

// SubmitTogether implements [Network].
func (m *Memory) SubmitTogether(ctx context.Context, calls []Call) ([]Receipt, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	txs := make([]*Tx, len(calls))
	for i, c := range calls {
		var err error
		if txs[i], err = m.Endorsed(c); err != nil {
			return nil, err
		}
	}
	b := m.Commit(txs...)
	out := make([]Receipt, len(txs))
	for i, t := range txs {
		out[i] = Receipt{TxID: t.TxID, Block: uint64(b.Number), Code: b.Codes[i].String()}
	}
	return out, nil
}

// Evaluate implements [Network].
func (m *Memory) Evaluate(ctx context.Context, c Call) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p, err := m.Proposal(c)
	if err != nil {
		return nil, err
	}
	org := c.As.Org
	if len(c.Endorsers) > 0 {
		org = c.Endorsers[0]
	}
	return m.Ledger.Evaluate(p, org)
}

// Block implements [Network].
func (m *Memory) Block(_ context.Context, number uint64) ([]byte, error) {
	blocks := m.Blocks(int(number))
	if len(blocks) == 0 {
		return nil, fmt.Errorf("no block %d", number)
	}
	return blocks[0].Public(), nil
}
