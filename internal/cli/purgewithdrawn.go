package cli

import (
	"context"
	"errors"
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
	t := &erasureTally{app: a, left: map[record.Code]int{}}
	err = t.take(client.PurgeWithdrawn(ctx, p.collections))
	t.say(record.GroundWithdrawn)
	return errors.Join(err, t.inTheWay())
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
