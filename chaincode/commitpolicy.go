package chaincode

import (
	"bytes"
	"slices"
	"strings"

	"domicile/chaincode/record"
	"domicile/collections"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
)

// PolicyCommit is [record.FuncPolicyCommit]. The first policy needs every
// region. Later ones need each region that they change, those into which one newly
// comes to lie, and a majority of the regions beside it; who speaks for a region is told by the policy in force, so
// that nobody can vote himself into another's place.
func (c *contract) PolicyCommit(ctx context, document string) error {
	if err := noTransient(ctx); err != nil {
		return err
	}
	stub := ctx.GetStub()
	next, err := collections.ParsePublic([]byte(document))
	if err != nil {
		return record.Fail(record.CodeBadPolicy, "the policy does not parse or breaks a rule")
	}
	old, err := inForce(stub)
	if err != nil {
		return coding(err)
	}
	if err := refused(old, next); err != nil {
		return err
	}
	e := election{old: old, next: next}
	if err := e.read(stub); err != nil {
		return coding(err)
	}
	if err := e.decide(); err != nil {
		return err
	}
	return coding(enact(stub, old, next))
}

// refused rejects what Fabric cannot take back or follow.
func refused(old, next *collections.Policy) error {
	if old == nil {
		return nil
	}
	for _, ch := range collections.Diff(old, next) {
		if ch.Refused != "" {
			return record.Fail(record.CodeBadPolicy, "the policy makes a change that is refused; domicile policy diff names it")
		}
	}
	return nil
}

// election counts the approvals of one policy.
type election struct {
	old, next *collections.Policy
	approved  map[string]bool // by MSP
}

func (e *election) read(stub shim.ChaincodeStubInterface) error {
	orgs := e.next.Organizations()
	if e.old != nil {
		orgs = append(orgs, e.old.Organizations()...)
	}
	slices.Sort(orgs)
	e.approved = map[string]bool{}
	for _, o := range slices.Compact(orgs) {
		v, err := stub.GetState(record.ApproveKey(o))
		if err != nil {
			return internal("reading an approval")
		}
		e.approved[o] = string(v) == e.next.Digest()
	}
	return nil
}

func (e *election) decide() error {
	var missing []string
	for _, r := range e.next.Regions {
		if e.old != nil && bytes.Equal(e.old.RegionJSON(r.Name), e.next.RegionJSON(r.Name)) {
			continue
		}
		if !e.speaks(r.Name) {
			missing = append(missing, r.Name)
		}
		missing = append(missing, e.hosts(&r)...)
		missing = append(missing, e.neighbours(r.Name)...)
	}
	slices.Sort(missing)
	if missing = slices.Compact(missing); len(missing) > 0 {
		return record.Fail(record.CodeNotApproved, "approval is missing of "+strings.Join(missing, ", "))
	}
	return nil
}

// electorate is the policy that says who speaks for a region.
func (e *election) electorate() *collections.Policy {
	if e.old != nil {
		return e.old
	}
	return e.next
}

// speaks reports whether more than half of a region's organisations approve.
func (e *election) speaks(region string) bool {
	r, ok := e.electorate().Region(region)
	if !ok {
		r, _ = e.next.Region(region) // a new region
	}
	yes := 0
	for _, o := range r.Organizations {
		if e.approved[o] {
			yes++
		}
	}
	return 2*yes > len(r.Organizations)
}

// hosts returns the regions that do not approve of those into which a region newly
// comes to lie: its peers would count as theirs.
func (e *election) hosts(r *collections.Region) []string {
	if e.old != nil {
		if was, ok := e.old.Region(r.Name); ok && was.Within == r.Within {
			return nil
		}
	}
	var no []string
	at := r
	for range e.next.Regions { // bounded, although a valid policy has no circle
		up, ok := e.next.Region(at.Within)
		if !ok {
			break
		}
		if !e.speaks(up.Name) {
			no = append(no, up.Name)
		}
		at = up
	}
	return no
}

// neighbours returns the regions beside one that do not approve, when those that
// do are no majority of them. A region and those within it count as one.
func (e *election) neighbours(region string) []string {
	var no []string
	all, yes := 0, 0
	for _, r := range roots(e.electorate()) {
		if r == root(e.electorate(), region) {
			continue
		}
		all++
		if e.speaks(r) {
			yes++
		} else {
			no = append(no, r)
		}
	}
	if (e.old != nil && yes >= all/2+1) || len(no) == 0 {
		return nil
	}
	return no
}

// enact writes the changed parts and guards every part.
func enact(stub shim.ChaincodeStubInterface, old, next *collections.Policy) error {
	for _, r := range next.Regions {
		part := next.RegionJSON(r.Name)
		if old != nil && bytes.Equal(old.RegionJSON(r.Name), part) {
			continue
		}
		if err := stub.PutState(record.PolicyKey(r.Name), part); err != nil {
			return internal("writing the policy")
		}
	}
	for _, r := range next.Regions {
		if err := guard(stub, record.PolicyKey(r.Name), regionGuard(next, r.Name)); err != nil {
			return err
		}
	}
	return nil
}

// regionGuard is the endorsement that a region's part of the policy needs: a
// peer of the region and peers of a majority of the others.
func regionGuard(p *collections.Policy, region string) guarding {
	own, _ := p.Region(region)
	var others []guarding
	for _, r := range roots(p) {
		if r != root(p, region) {
			others = append(others, outOf(1, peersUnder(p, r)...))
		}
	}
	return outOf(2, outOf(1, peersOf(own.Organizations)...), outOf(len(others)/2+1, others...))
}

func peersOf(orgs []string) []guarding {
	out := make([]guarding, len(orgs))
	for i, o := range orgs {
		out[i] = peerOf(o)
	}
	return out
}

// peersUnder are the peers of a region and of all regions within it.
func peersUnder(p *collections.Policy, region string) []guarding {
	var orgs []string
	for _, r := range p.Regions {
		if root(p, r.Name) == region {
			orgs = append(orgs, r.Organizations...)
		}
	}
	slices.Sort(orgs)
	return peersOf(orgs)
}

// roots lists the regions that lie in no other, in order.
func roots(p *collections.Policy) []string {
	var out []string
	for _, r := range p.Regions {
		if r.Within == "" {
			out = append(out, r.Name)
		}
	}
	return out
}

// root is the outermost region around one, itself when it lies in no other or is
// not in the policy.
func root(p *collections.Policy, region string) string {
	for range p.Regions { // bounded, although a valid policy has no circle
		r, ok := p.Region(region)
		if !ok || r.Within == "" {
			break
		}
		region = r.Within
	}
	return region
}
