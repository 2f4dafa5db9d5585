package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"domicile/chaincode/record"
	"domicile/gateway"
)

// failedFlags say where to look for what refused transactions left, and in whose
// name it is purged.
type failedFlags struct {
	region, org       string
	from              uint64
	out               string
	join              []string
	authority, reason string
	execute           bool
}

func (a *app) purgeFailed() *cobra.Command {
	var o failedFlags
	c := &cobra.Command{
		Use: "failed --region REGION", Short: "Purge what refused transactions left behind",
		Long: `A transaction that reached a block and was refused there leaves its private data on the peers
it was sent to. This streams the blocks of every peer of the organisation, as its auditor, for the
keys of such data, and purges, as its purger, those that belong to no record. What was endorsed
and never ordered is in no block: it ends with the transient store's retention and a scrub.

Only an organisation's own auditor may stream from its peers. Where a collection has several holders
each of the others writes its findings with -o, sealed under the region's index key, and one of them
purges the union with --join. It names the organisations and peers that nobody looked at, such as one
that was down, and ends with status 1 when there are any: look there later, from the block it names on.

Without --execute it only lists what would be purged. The last line on standard error names the block
from which on the next run may look.`,
		Example: `  domicile purge failed --region us --org UsPayer -o payer.findings
  domicile purge failed --region us --org UsHospital --join payer.findings
  domicile purge failed --region us --org UsHospital --join payer.findings --from 1200 --execute \
      --authority "data protection officer" --reason "residue of refused transactions"`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if o.execute && (o.authority == "" || o.reason == "") {
				return usage{errors.New("--execute needs --authority and --reason"), "both go into the holder's log"}
			}
			return a.failed(c.Context(), o)
		},
	}
	regionFlag(c, &o.region, true)
	f := c.Flags()
	f.StringVar(&o.org, "org", "", "`organisation` whose peers are looked at (default: the region's first)")
	f.Uint64Var(&o.from, "from", 0, "first `block` to look at")
	f.StringVarP(&o.out, "out", "o", "", "write what was found on the organisation's peers, sealed, to this `file`")
	f.StringSliceVar(&o.join, "join", nil, "add what other organisations wrote to these `files`")
	f.StringVar(&o.authority, "authority", "", "`who` decided")
	f.StringVar(&o.reason, "reason", "", "`why`")
	f.BoolVar(&o.execute, "execute", false, "purge, rather than list")
	return c
}

// failedResult is one key and what became of it.
type failedResult struct {
	gateway.FailedKey
	Purged bool   `json:"purged,omitempty"`
	Kept   string `json:"kept,omitempty"` // why not
}

func (a *app) failed(ctx context.Context, o failedFlags) error {
	u, members, err := a.failedUnion(ctx, &o)
	if err != nil {
		return err
	}
	purger, err := a.connect(ctx, where{o.region, o.org, record.RolePurger})
	if err != nil {
		return err
	}
	defer purger.Close()
	var out []failedResult
	for keys := u.Keys; len(keys) > 0; {
		n := slices.IndexFunc(keys, func(k gateway.FailedKey) bool { return k.Collection != keys[0].Collection })
		if n < 0 {
			n = len(keys)
		}
		n = min(n, maxFailed)
		done := kept(keys[:n], o.org, members[keys[0].Collection])
		if o.execute {
			err = a.purgeKeys(ctx, purger, done, o)
		}
		out = append(out, done...)
		if err != nil {
			return errors.Join(a.showFailed(out, u.Gaps), err)
		}
		keys = keys[n:]
	}
	if err := a.showFailed(out, u.Gaps); err != nil {
		return err
	}
	if !o.execute && len(out) > 0 {
		a.say("Nothing was purged. --execute does it.")
	}
	return a.sayCovered(&o, u, members)
}

// failedUnion looks at the own peers and joins what others found. It fills in the
// organisation. members are the holders of each collection of the region.
func (a *app) failedUnion(ctx context.Context, o *failedFlags) (*gateway.FailedUnion, map[string][]string, error) {
	auditor, err := a.connect(ctx, where{o.region, o.org, record.RoleAuditor})
	if err != nil {
		return nil, nil, err
	}
	defer auditor.Close()
	o.org = auditor.Org()
	var surveys []*gateway.FailedSurvey
	for _, path := range o.join {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, nil, openError(err)
		}
		s, err := auditor.OpenSurvey(b)
		if errors.Is(err, gateway.ErrSurvey) {
			err = refused{fmt.Sprintf("%s: %v", path, err), "only what domicile purge failed -o wrote in this region is joined"}
		}
		if err != nil {
			return nil, nil, err
		}
		surveys = append(surveys, s)
	}
	policy, err := auditor.Policy(ctx)
	if err != nil {
		return nil, nil, err
	}
	region, ok := policy.Region(o.region)
	if !ok {
		return nil, nil, usagef("the policy on the ledger has no region %q", o.region)
	}
	members, orgs := map[string][]string{}, []string{o.org}
	for i := range region.Collections {
		c := &region.Collections[i]
		members[c.Name] = c.Members
		if c.Holds(o.org) {
			orgs = append(orgs, c.Members...)
		}
	}
	slices.Sort(orgs)
	own, err := auditor.SurveyFailed(ctx, o.from)
	if err != nil {
		return nil, nil, err
	}
	if o.out != "" {
		if err := writeSurvey(auditor, o.out, own); err != nil {
			return nil, nil, err
		}
		a.say("the findings on the peers of %s are in %s; they open with the region's index key only", o.org, o.out)
	}
	u := gateway.JoinFailed(o.from, slices.Compact(orgs), append(surveys, own))
	return &u, members, nil
}

func writeSurvey(c *gateway.Client, path string, s *gateway.FailedSurvey) error {
	b, err := c.SealSurvey(s)
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o600)
}

// kept says which keys are not for this organisation to purge.
func kept(keys []gateway.FailedKey, org string, holders []string) []failedResult {
	out := make([]failedResult, len(keys))
	for i, k := range keys {
		out[i].FailedKey = k
		switch {
		case !slices.Contains(holders, org):
			out[i].Kept = "is for " + strings.Join(holders, ", ") + " to purge"
		case !record.IsRecordKey(k.Key):
			out[i].Kept = "is a key of the holder's log, which keeps what it has"
		}
	}
	return out
}

// sayCovered tells where nobody looked. That is an error where somebody was to: on the
// own peers, and with findings joined at every holder.
func (a *app) sayCovered(o *failedFlags, u *gateway.FailedUnion, members map[string][]string) error {
	missing := false
	for _, g := range u.Gaps {
		var shared []string
		for _, name := range slices.Sorted(maps.Keys(members)) {
			if m := members[name]; slices.Contains(m, g.Org) && slices.Contains(m, o.org) {
				shared = append(shared, name)
			}
		}
		what := g.Org + ": no findings"
		if g.Peer != "" {
			what = fmt.Sprintf("%s was not looked at from block %d on (%s)", g.Peer, g.Next, cmp.Or(g.Code, record.CodeUnavailable))
		}
		a.say("missing: %s; it holds %s", what, strings.Join(shared, ", "))
		missing = missing || g.Org == o.org || len(o.join) > 0
	}
	a.say("looked from block %d on; the next run may look from block %d on", o.from, u.Next)
	if missing {
		return refused{"not every peer of every holder was looked at", "look there once they run, and join what was found"}
	}
	return nil
}

// maxFailed is how many keys go into one purge.
const maxFailed = record.MaxRecords

// purgeKeys purges keys of one collection and notes it. The contract names those that
// are live; they are left out and the rest is tried again.
func (a *app) purgeKeys(ctx context.Context, c *gateway.Client, out []failedResult, o failedFlags) error {
	for {
		var at []int
		req := record.PurgeRequest{Collection: out[0].Collection, Ground: record.GroundFailed, Authority: o.authority, Reason: o.reason}
		for i := range out {
			if out[i].Kept == "" {
				at, req.Keys = append(at, i), append(req.Keys, out[i].Key)
			}
		}
		if len(at) == 0 {
			return nil
		}
		_, err := c.Purge(ctx, req)
		live := livePlaces(err, len(at))
		if len(live) == 0 {
			for _, i := range at {
				out[i].Purged = err == nil
			}
			return err
		}
		for _, i := range live {
			out[at[i]].Kept = "belongs to a record"
		}
	}
}

// livePlaces reads from a refusal which of n keys belong to records.
func livePlaces(err error, n int) []int {
	var coded *record.Error
	if !errors.As(err, &coded) || coded.Code != record.CodeLive {
		return nil
	}
	named := strings.Fields(coded.Detail)
	var out []int
	for i := range n {
		if slices.Contains(named, "keys["+strconv.Itoa(i)+"]") {
			out = append(out, i)
		}
	}
	return out
}

// failedGap is a gap as a line of JSON.
type failedGap struct {
	Missing gateway.FailedGap `json:"missing"`
}

func (a *app) showFailed(list []failedResult, gaps []gateway.FailedGap) error {
	if a.json {
		for _, g := range gaps {
			if err := a.printLine(failedGap{g}); err != nil {
				return err
			}
		}
		for _, r := range list {
			if err := a.printLine(r); err != nil {
				return err
			}
		}
		return nil
	}
	t := newTable(a.out, "Collection", "Block", "Code", "Key", "Peers", "")
	for _, r := range list {
		state := r.Kept
		if r.Purged {
			state = "purged"
		}
		t.AppendRow([]any{r.Collection, r.Block, r.Code, r.Key, fmt.Sprint(len(r.Peers)), state})
	}
	t.Render()
	return nil
}
