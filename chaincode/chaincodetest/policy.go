package chaincodetest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"
)

// rule is a signature policy: a principal, or n of subs.
type rule struct {
	n    int
	subs []*rule
	msp  string
	role string // peer, member, client, admin, orderer; only in a principal
}

// parseRule reads Fabric's policy language: AND, OR, OutOf and 'MSP.role'.
func parseRule(text string) (*rule, error) {
	p := ruleParser{rest: strings.TrimSpace(text)}
	r, err := p.rule()
	if err == nil && p.rest != "" {
		err = fmt.Errorf("policy %q: text after its end", text)
	}
	return r, err
}

type ruleParser struct{ rest string }

func (p *ruleParser) eat(s string) bool {
	p.rest = strings.TrimLeft(p.rest, " \t\n")
	ok := len(p.rest) >= len(s) && strings.EqualFold(p.rest[:len(s)], s)
	if ok {
		p.rest = strings.TrimLeft(p.rest[len(s):], " \t\n")
	}
	return ok
}

func (p *ruleParser) rule() (*rule, error) {
	switch {
	case p.eat("AND("):
		subs, err := p.list()
		return &rule{n: len(subs), subs: subs}, err
	case p.eat("OR("):
		subs, err := p.list()
		return &rule{n: 1, subs: subs}, err
	case p.eat("OutOf("):
		digits, rest, ok := strings.Cut(p.rest, ",")
		n, err := strconv.Atoi(strings.Trim(digits, " '"))
		if err != nil || !ok {
			return nil, fmt.Errorf("policy: OutOf without a number at %q", p.rest)
		}
		p.rest = rest
		subs, err := p.list()
		return &rule{n: n, subs: subs}, err
	case p.eat("'"):
		name, rest, ok := strings.Cut(p.rest, "'")
		i := strings.LastIndexByte(name, '.')
		if !ok || i < 0 {
			return nil, fmt.Errorf("policy: no principal at %q", p.rest)
		}
		p.rest = strings.TrimLeft(rest, " \t\n")
		return &rule{msp: name[:i], role: strings.ToLower(name[i+1:])}, nil
	}
	return nil, fmt.Errorf("policy: nothing known at %q", p.rest)
}

func (p *ruleParser) list() ([]*rule, error) {
	var subs []*rule
	for {
		r, err := p.rule()
		if err != nil {
			return nil, err
		}
		subs = append(subs, r)
		if p.eat(")") {
			return subs, nil
		}
		if !p.eat(",") {
			return nil, fmt.Errorf("policy: want , or ) at %q", p.rest)
		}
	}
}

// ruleOf reads a marshalled SignaturePolicyEnvelope, the form of key-level
// policies.
func ruleOf(envelope []byte) (*rule, error) {
	var e common.SignaturePolicyEnvelope
	if err := proto.Unmarshal(envelope, &e); err != nil {
		return nil, fmt.Errorf("key-level policy: %w", err)
	}
	return ruleFrom(e.GetRule(), e.GetIdentities())
}

func ruleFrom(p *common.SignaturePolicy, ids []*msp.MSPPrincipal) (*rule, error) {
	if n := p.GetNOutOf(); n != nil {
		r := &rule{n: int(n.GetN())}
		for _, s := range n.GetRules() {
			sub, err := ruleFrom(s, ids)
			if err != nil {
				return nil, err
			}
			r.subs = append(r.subs, sub)
		}
		return r, nil
	}
	i := int(p.GetSignedBy())
	if p == nil || i < 0 || i >= len(ids) || ids[i].GetPrincipalClassification() != msp.MSPPrincipal_ROLE {
		return nil, fmt.Errorf("key-level policy: principal %d is not a role", i)
	}
	var role msp.MSPRole
	if err := proto.Unmarshal(ids[i].GetPrincipal(), &role); err != nil {
		return nil, fmt.Errorf("key-level policy: %w", err)
	}
	return &rule{msp: role.GetMspIdentifier(), role: strings.ToLower(role.GetRole().String())}, nil
}

// signer is a signature on a transaction or proposal.
type signer struct{ msp, role string }

// satisfied evaluates the rule as Fabric does: greedily, each signature used
// once (common/cauthdsl/cauthdsl.go).
func (r *rule) satisfied(signers []signer) bool {
	return r.eval(signers, make([]bool, len(signers)))
}

func (r *rule) eval(signers []signer, used []bool) bool {
	if r.subs == nil {
		i := slices.IndexFunc(signers, func(s signer) bool {
			return s.msp == r.msp && (r.role == "member" || s.role == r.role)
		})
		for ; i >= 0 && i < len(signers); i++ {
			s := signers[i]
			if !used[i] && s.msp == r.msp && (r.role == "member" || s.role == r.role) {
				used[i] = true
				return true
			}
		}
		return false
	}
	got := 0
	tried := slices.Clone(used)
	for _, sub := range r.subs {
		if sub.eval(signers, tried) {
			got++
		}
	}
	if got < r.n {
		return false
	}
	copy(used, tried)
	return true
}

// orgs lists the organisations a rule names, in order, once each.
func (r *rule) orgs() []string {
	if r.subs == nil {
		return []string{r.msp}
	}
	var out []string
	for _, s := range r.subs {
		for _, o := range s.orgs() {
			if !slices.Contains(out, o) {
				out = append(out, o)
			}
		}
	}
	return out
}

func peers(orgs []string) []signer {
	out := make([]signer, len(orgs))
	for i, o := range orgs {
		out[i] = signer{o, "peer"}
	}
	return out
}
