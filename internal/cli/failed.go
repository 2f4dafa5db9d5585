package cli

import (
	"context"
	"errors"
	"fmt"
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

Without --execute it only lists what would be purged. The last line on standard error names the block
from which on the next run may look.`,
		Example: `  domicile purge failed --region us --org UsHospital
  domicile purge failed --region us --org UsHospital --from 1200 --execute \
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
	auditor, err := a.connect(ctx, where{o.region, o.org, record.RoleAuditor})
	if err != nil {
		return err
	}
	defer auditor.Close()
	keys, next, err := auditor.FailedKeys(ctx, o.from)
	if err != nil {
		return err
	}
	purger, err := a.connect(ctx, where{o.region, o.org, record.RolePurger})
	if err != nil {
		return err
	}
	defer purger.Close()
	var out []failedResult
	for len(keys) > 0 {
		n := slices.IndexFunc(keys, func(k gateway.FailedKey) bool { return k.Collection != keys[0].Collection })
		if n < 0 {
			n = len(keys)
		}
		done, err := a.purgeKeys(ctx, purger, keys[:min(n, maxFailed)], o)
		out = append(out, done...)
		if err != nil {
			return errors.Join(a.showFailed(out), err)
		}
		keys = keys[min(n, maxFailed):]
	}
	if err := a.showFailed(out); err != nil {
		return err
	}
	if !o.execute && len(out) > 0 {
		a.say("Nothing was purged. --execute does it.")
	}
	a.say("looked at blocks %d to %d; the next run may look from block %d on", o.from, next, next)
	return nil
}

// maxFailed is how many keys go into one purge.
const maxFailed = record.MaxRecords

// purgeKeys purges keys of one collection. The contract names those that are live;
// they are left out and the rest is tried again.
func (a *app) purgeKeys(ctx context.Context, c *gateway.Client, keys []gateway.FailedKey, o failedFlags) ([]failedResult, error) {
	out := make([]failedResult, len(keys))
	for i, k := range keys {
		out[i].FailedKey = k
		if !record.IsRecordKey(k.Key) {
			out[i].Kept = "is a key of the holder's log, which keeps what it has"
		}
	}
	if !o.execute {
		return out, nil
	}
	for {
		var at []int
		req := record.PurgeRequest{Collection: keys[0].Collection, Ground: record.GroundFailed, Authority: o.authority, Reason: o.reason}
		for i := range out {
			if out[i].Kept == "" {
				at, req.Keys = append(at, i), append(req.Keys, out[i].Key)
			}
		}
		if len(at) == 0 {
			return out, nil
		}
		_, err := c.Purge(ctx, req)
		live := livePlaces(err, len(at))
		if len(live) == 0 {
			for _, i := range at {
				out[i].Purged = err == nil
			}
			return out, err
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

func (a *app) showFailed(list []failedResult) error {
	if a.json {
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
