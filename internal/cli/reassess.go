package cli

import (
	"context"
	"iter"

	"github.com/spf13/cobra"

	"domicile/chaincode/record"
	"domicile/gateway"
)

func (a *app) purgeReassess() *cobra.Command {
	var region, org, reason string
	var collections []string
	var execute bool
	c := &cobra.Command{
		Use: "reassess --region REGION", Short: "Plan due dates that new facts or rows change; a person executes",
		Long: `Shows the records whose due date, by the law and the facts of today, is not the one accepted
for them. Later dates hold at once, whether accepted or not. An earlier one, or a first one,
makes a record due only after an officer has accepted it here, with a reason.

Without --execute it shows the plan and changes nothing.`,
		Example: `  domicile purge reassess --region us
  domicile purge reassess --region us --reason "row care confirmed on 2026-05-02" --execute`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if execute && reason == "" {
				return usagef("--execute needs a --reason")
			}
			client, err := a.connect(c.Context(), where{region, org, record.RoleOfficer})
			if err != nil {
				return err
			}
			defer client.Close()
			return a.reassess(c.Context(), client, collections, reason, execute)
		},
	}
	regionFlag(c, &region, true)
	f := c.Flags()
	f.StringVar(&org, "org", "", "`organisation` that holds the records (default: the region's first)")
	f.StringSliceVar(&collections, "collection", nil, "only these `collections` (default: all that the organisation holds)")
	f.StringVar(&reason, "reason", "", "`why` the dates are accepted")
	f.BoolVar(&execute, "execute", false, "really accept the dates")
	return c
}

func (a *app) reassess(ctx context.Context, client *gateway.Client, names []string, reason string, execute bool) error {
	var list iter.Seq2[gateway.Reassessment, error] = client.PlanDue(ctx, names)
	if execute {
		list = client.Reassess(ctx, list, reason)
	}
	t := newTable(a.out, "Record", "Collection", "Change", "Accepted", "New", "Verdict", "Row", "Why")
	n, left := 0, 0
	var failed error
	for r, err := range list {
		if err != nil {
			failed = err
			break
		}
		if n++; r.Code != "" {
			left++
		}
		if a.json {
			if failed = a.printLine(r); failed != nil {
				break
			}
			continue
		}
		why := r.Why
		if r.Code != "" {
			why = "left: " + string(r.Code)
		}
		t.AppendRow([]any{r.ID, r.Collection, r.Change, r.Accepted, r.New, r.Verdict, r.Row, why})
	}
	if !a.json && t.Length() > 0 {
		t.Render()
	}
	switch {
	case failed != nil:
		return failed
	case n == 0:
		a.say("every accepted date is the one that law and facts give today")
	case execute:
		a.say("%d dates accepted, %d left alone", n-left, left)
	default:
		a.say("%d dates would change. Nothing was changed. Pass --execute and --reason to accept them.", n)
	}
	if left > 0 {
		return refused{"some dates were not accepted", "see the codes above"}
	}
	return nil
}
