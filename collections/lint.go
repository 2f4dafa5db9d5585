package collections

import (
	"bytes"
	"cmp"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// LintFabric checks a collections_config.json that this package did not write,
// and, if old is not empty, the change from it. Fabric itself reads the file
// leniently: it ignores unknown and misspelt fields and takes the unsafe default.
// Everything that [Policy.Fabric] would never write is a [Problem], in the order
// of lines.
func LintFabric(old, updated []byte) []Problem {
	l := &linter{reader: reader{report{file: "collections_config.json"}}}
	found := l.file(updated)
	if len(bytes.TrimSpace(old)) > 0 {
		before := &linter{reader: reader{report{file: "committed collections_config.json"}}}
		l.change(before.file(old), found)
		if before.broken {
			l.problems = append(l.problems, before.problems...)
		}
	}
	slices.SortStableFunc(l.problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return l.problems
}

type linter struct {
	reader
	broken bool // the file is not readable at all
}

// foreign is what the linter needs of one collection for comparing.
type foreign struct {
	name string
	ttl  string
	at   place
}

var fabricKeys = []string{
	"name", "policy", "requiredPeerCount", "maxPeerCount", "blockToLive",
	"memberOnlyRead", "memberOnlyWrite", "endorsementPolicy",
}

func (l *linter) file(b []byte) []foreign {
	l.broken = true
	l.lines = map[string]int{"": 1}
	if !json.Valid(b) {
		l.add(place{}, "is not JSON")
		return nil
	}
	// JSON is YAML but for tabs between tokens; in strings JSON has none.
	root := l.document(bytes.ReplaceAll(b, []byte{'\t'}, []byte{' '}))
	if root == nil {
		return nil
	}
	l.broken = false
	var out []foreign
	seen := map[string]bool{}
	for i, n := range l.items(root, place{}) {
		at := place{}.item(i, nameOf(n))
		m := l.mapping(n, at, fabricKeys...)
		f := foreign{name: l.text(m["name"], at.field("name")), ttl: "0", at: at}
		c := checker{report: &l.report}
		l.name(&c, seen, f.name, at.field("name"))
		l.flags(m, at)
		if n := m["blockToLive"]; n != nil {
			f.ttl = n.Value
			if n.Value != "0" {
				l.add(at.field("blockToLive"), "is %s; Fabric would delete by block count whatever the law says, and never lets the value change; write 0", show(n.Value))
			}
		}
		l.counts(m, at)
		l.policies(m, at)
		out = append(out, f)
	}
	return out
}

func (l *linter) name(c *checker, seen map[string]bool, name string, at place) {
	switch {
	case name == "":
		l.add(at, "is missing")
	case strings.HasPrefix(name, "_implicit"):
		l.add(at, "is an implicit collection: readable by foreign clients, so not for records; name a collection of its own")
	case !fabricForm.MatchString(name):
		l.add(at, "%s is not a name that Fabric allows; use letters, digits, - and _", show(name))
	case seen[strings.ToLower(name)]:
		l.add(at, "%s is taken; names differ in more than case", show(name))
	}
	seen[strings.ToLower(name)] = true
	c.silent(name, at)
}

func (l *linter) flags(m map[string]*yaml.Node, at place) {
	for _, f := range []struct{ key, why string }{
		{"memberOnlyRead", "clients of other regions could read records and stream them"},
		{"memberOnlyWrite", "clients of other regions could write here"},
	} {
		if n := m[f.key]; n == nil || n.Value != "true" || n.Tag != "!!bool" {
			l.add(at.field(f.key), "is not true: %s; write true", f.why)
		}
	}
}

func (l *linter) counts(m map[string]*yaml.Node, at place) {
	required := l.number(m["requiredPeerCount"], at.field("requiredPeerCount"), 0)
	most := l.number(m["maxPeerCount"], at.field("maxPeerCount"), 1)
	switch {
	case m["requiredPeerCount"] == nil:
		l.add(at.field("requiredPeerCount"), "is missing and 0 by default: a record could be acknowledged that only one disk has; write 1 or more")
	case required < 1:
		l.add(at.field("requiredPeerCount"), "is %d: a record could be acknowledged that only one disk has; write 1 or more", required)
	}
	if m["maxPeerCount"] == nil {
		l.add(at.field("maxPeerCount"), "is missing and 1 by default; write it, such as 2")
	} else if most < required {
		l.add(at.field("maxPeerCount"), "is %d, less than requiredPeerCount %d; Fabric refuses that, raise it", most, required)
	}
}

var (
	principalForm = regexp.MustCompile(`'([A-Za-z0-9.-]+)\.(admin|member|client|peer|orderer)'`)
	memberPolicy  = regexp.MustCompile(`^(?i:OR)\(\s*'[^'()]+'(\s*,\s*'[^'()]+')*\s*\)$`)
	flatPolicy    = regexp.MustCompile(`^(?i:(AND|OR)\(|OutOf\(\s*([0-9]{1,3})\s*,)\s*'[^'()]+'(\s*,\s*'[^'()]+')*\s*\)$`)
)

// policies checks the member policy and the endorsement policy against it.
func (l *linter) policies(m map[string]*yaml.Node, at place) {
	p := at.field("policy")
	policy := strings.TrimSpace(l.text(m["policy"], p))
	var members []string
	switch {
	case policy == "":
		l.add(p, "is missing; write OR('X.member', …) of the holders")
		return
	case !memberPolicy.MatchString(policy):
		l.add(p, "is not a plain OR('X.member', …); Fabric takes only an OR here, write one")
		return
	}
	for _, f := range principalForm.FindAllStringSubmatch(policy, -1) {
		if f[2] == "member" {
			members = append(members, f[1])
		}
	}
	if 2*len(members) != strings.Count(policy, "'") {
		l.add(p, "names something else than 'X.member'; write the members so, their clients and peers are meant")
		return
	}
	slices.Sort(members)
	members = slices.Compact(members)

	e := at.field("endorsementPolicy")
	if m["endorsementPolicy"] == nil {
		l.add(e, "is missing: the chaincode's policy would apply, and organisations that are no members could endorse; write a signaturePolicy of the members' peers")
		return
	}
	ep := l.mapping(m["endorsementPolicy"], e, "signaturePolicy", "channelConfigPolicy")
	if ep["channelConfigPolicy"] != nil {
		l.add(e.field("channelConfigPolicy"), "names a policy of the channel, which organisations that are no members can change; write a signaturePolicy of the members' peers")
		return
	}
	l.endorsement(strings.TrimSpace(l.text(ep["signaturePolicy"], e.field("signaturePolicy"))), members, e.field("signaturePolicy"))
}

func (l *linter) endorsement(policy string, members []string, at place) {
	form := flatPolicy.FindStringSubmatch(policy)
	if form == nil {
		l.add(at, "is not a flat OR(…), AND(…) or OutOf(n, …) of 'X.peer'; write one, so that it can be judged")
		return
	}
	var orgs []string
	found := principalForm.FindAllStringSubmatch(policy, -1)
	if quotes := strings.Count(policy, "'"); quotes != 2*len(found) {
		l.add(at, "names something else than 'X.peer'; write the members so")
		return
	}
	for _, f := range found {
		switch {
		case f[2] != "peer":
			l.add(at, "lets %s endorse; only peers do, write '%s.peer'", show(f[1]+"."+f[2]), show(f[1]))
			return
		case !slices.Contains(members, f[1]):
			l.add(at, "lets %s endorse, which is no member; remove it", show(f[1]))
			return
		}
		orgs = append(orgs, f[1])
	}
	n := 1
	switch {
	case strings.EqualFold(form[1], "AND"):
		n = len(orgs)
	case form[2] != "":
		n, _ = strconv.Atoi(form[2]) // three digits
	}
	slices.Sort(orgs)
	if distinct := slices.Compact(slices.Clone(orgs)); len(distinct) != len(orgs) {
		l.add(at, "names an organisation twice, which could then stand in for another; name each once")
		return
	}
	if need := len(members)/2 + 1; n < need {
		l.add(at, "asks for %d of %d members; ask for a majority, OutOf(%d, …), or one member alone could write and purge for all", n, len(members), need)
	}
}

// change reports what Fabric refuses to change.
func (l *linter) change(old, updated []foreign) {
	for _, o := range old {
		i := slices.IndexFunc(updated, func(f foreign) bool { return f.name == o.name })
		switch {
		case i < 0:
			p := place{"dropped." + o.name, show(o.name)}
			l.add(p, "is dropped; Fabric keeps every committed collection for ever and refuses a definition without it; put it back")
		case updated[i].ttl != o.ttl:
			delete(l.told, updated[i].at.field("blockToLive").at) // being other than 0 does not hide the change
			l.add(updated[i].at.field("blockToLive"), "changes from %s to %s; Fabric never lets it change, write %s", show(o.ttl), show(updated[i].ttl), show(o.ttl))
		}
	}
}
