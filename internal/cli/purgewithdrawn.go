package cli

import (
	"context"
	"maps"
	"slices"
	"strings"

	"domicile/chaincode/record"
	"domicile/gateway"
)

// purgeWithdrawn destroys the copies held for others whose terms have ended; without
// execute it only lists them.
func (a *app) purgeWithdrawn(ctx context.Context, p *purgeFlags, execute bool) error {
	if p.limit != 0 {
		return usagef("--limit is not for --withdrawn")
	}
	client, err := a.connect(ctx, where{p.region, p.org, record.RolePurger})
	if err != nil {
		return err
	}
	defer client.Close()
	if !execute {
		return a.planWithdrawn(ctx, client, p.collections)
	}
	done := 0
	left := map[record.Code]int{}
	for e, err := range client.PurgeWithdrawn(ctx, p.collections) {
		if err != nil {
			return err
		}
		if e.Done {
			done++
		} else {
			left[e.Code]++
		}
		if err := a.printLine(e); err != nil {
			return err
		}
	}
	a.say("%d records were purged on ground %q, with their tombstones", done, record.GroundWithdrawn)
	for _, code := range slices.Sorted(maps.Keys(left)) {
		a.say("  %d left alone: %s", left[code], code)
	}
	return nil
}

func (a *app) planWithdrawn(ctx context.Context, client *gateway.Client, names []string) error {
	t := newTable(a.out, "Record", "Collection", "Terms until", "Consent ended", "Held", "Bytes", "Authority")
	for w, err := range client.PlanWithdrawn(ctx, names) {
		if err != nil {
			return err
		}
		if a.json {
			if err := a.printLine(w); err != nil {
				return err
			}
			continue
		}
		t.AppendRow([]any{w.ID, w.Collection, w.Until, w.ConsentEnd, strings.Join(w.Matters, " "), w.Size, w.Authority})
	}
	if !a.json && t.Length() > 0 {
		t.Render()
	}
	a.say("Nothing was changed. Pass --execute to purge on ground %q.", record.GroundWithdrawn)
	return nil
}
