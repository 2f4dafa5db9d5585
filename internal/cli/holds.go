package cli

import (
	"context"
	"encoding/csv"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"domicile/chaincode/record"
	"domicile/gateway"
)

// secondOfficer is the user of the local network who does what needs another person
// than the first officer.
const secondOfficer = "officer2"

func (a *app) holdCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "hold", Short: "List and report legal holds",
		Long:    `Legal holds are set with domicile record hold and ended, by another person, with domicile record release.`,
		Example: "  domicile hold list --region us\n  domicile hold report --region us > holds.csv",
	}
	c.AddCommand(a.holdList(), a.holdReport())
	return c
}

// heldBy is one matter on one record or query.
type heldBy struct {
	ID         string        `json:"id,omitempty"`
	Collection string        `json:"collection"`
	On         string        `json:"on"` // record, subject or query
	Query      *record.Query `json:"query,omitempty"`
	record.Matter
}

// matters yields every matter in force that the organisation's registers know: on
// queries, on records, and on the people that records are about.
func matters(ctx context.Context, client *gateway.Client, show func(heldBy) error) error {
	names, err := client.Collections(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		holds, err := client.Holds(ctx, gateway.HoldsQuery{Collection: name, Queries: true})
		if err != nil {
			return err
		}
		for _, h := range holds {
			if h.Query == nil || h.Query.Collection != name {
				continue
			}
			if err := show(heldBy{Collection: name, On: "query", Query: &h.Query.Query, Matter: h.Query.Matter}); err != nil {
				return err
			}
		}
		for e, err := range client.ExplainAll(ctx, name) {
			if err != nil {
				return err
			}
			if len(e.Matters) == 0 {
				continue
			}
			if err := mattersOf(ctx, client, e, show); err != nil {
				return err
			}
		}
	}
	return nil
}

// mattersOf shows what holds one record itself or through its people. Holds by query
// were shown once already.
func mattersOf(ctx context.Context, client *gateway.Client, e gateway.Explained, show func(heldBy) error) error {
	holds, err := client.Holds(ctx, gateway.HoldsQuery{Collection: e.Collection, IDs: []string{e.ID}, Subjects: e.Meta.Subjects})
	if err != nil {
		return err
	}
	for _, h := range holds {
		on := "subject"
		if h.ID != "" {
			on = "record"
		}
		for _, m := range h.Matters {
			if err := show(heldBy{ID: e.ID, Collection: e.Collection, On: on, Matter: m}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *app) holdList() *cobra.Command {
	var region, org, matter string
	c := &cobra.Command{
		Use: "list --region REGION", Short: "List what is held, by which matter",
		Example: "  domicile hold list --region us\n  domicile hold list --region us --matter case-17 --json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.connect(c.Context(), where{region, org, record.RoleOfficer})
			if err != nil {
				return err
			}
			defer client.Close()
			t := newTable(a.out, "Matter", "Record", "Collection", "On", "Since", "Authority")
			err = matters(c.Context(), client, func(h heldBy) error {
				if matter != "" && h.Matter.Matter != matter {
					return nil
				}
				if a.json {
					return a.printLine(h)
				}
				id := h.ID
				if h.Query != nil {
					id = queryText(h.Query)
				}
				t.AppendRow([]any{h.Matter.Matter, id, h.Collection, h.On, h.SetAt, h.Authority})
				return nil
			})
			if !a.json && t.Length() > 0 {
				t.Render()
			}
			return err
		},
	}
	regionFlag(c, &region, true)
	c.Flags().StringVar(&org, "org", "", "`organisation` that holds the records (default: the region's first)")
	c.Flags().StringVar(&matter, "matter", "", "only this `matter`")
	return c
}

// queryText writes a query in one line.
func queryText(q *record.Query) string {
	var out []string
	if len(q.Types) > 0 {
		out = append(out, "type "+strings.Join(q.Types, " "))
	}
	if len(q.Labels) > 0 {
		out = append(out, "label "+codes(q.Labels))
	}
	if q.From != "" {
		out = append(out, "from "+q.From)
	}
	if q.To != "" {
		out = append(out, "to "+q.To)
	}
	return strings.Join(out, ", ")
}

// matterReport sums one matter up.
type matterReport struct {
	Matter    string   `json:"matter"`
	Authority string   `json:"authority"`
	Reason    string   `json:"reason"`
	SetBy     string   `json:"setBy"`
	Since     string   `json:"since"`
	Records   int      `json:"records"` // held by themselves or through a person
	Queries   []string `json:"queries,omitempty"`
	ids       map[string]bool
}

func (a *app) holdReport() *cobra.Command {
	var region, org string
	var past historyFlags
	c := &cobra.Command{
		Use: "report --region REGION", Short: "Report each matter: who set it, under what, since when, on how many records",
		Long: `Prints one line of CSV for each matter, authority and person who set it; with --json, one JSON
document. It names matters and opaque certificate ids, and no person that a record is about.

--history shows what was done instead: every order that set or released a hold, from the holder's
log, where it stays when the hold has ended. Of each it tells who gave it and when (UTC), on which
authority, for what reason, and on how many records and index tokens (references and identifiers)
of people, or on which query. "For" is who first set a hold that was carried along to a moved record. An order that
was given again stands there again. It needs the role officer or auditor.`,
		Example: `  domicile hold report --region us > holds.csv
  domicile hold report --region us --json
  domicile hold report --region us --history --matter case-17 --from 2026-01-01`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := past.check(); err != nil {
				return err
			}
			client, err := a.connect(c.Context(), where{region, org, record.RoleOfficer})
			if err != nil {
				return err
			}
			defer client.Close()
			if past.wanted {
				return a.holdHistory(c.Context(), client, past)
			}
			list, err := reportMatters(c.Context(), client)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(list)
			}
			w := csv.NewWriter(a.out)
			rows := [][]string{{"matter", "authority", "reason", "set by", "since", "records", "queries"}}
			for _, m := range list {
				rows = append(rows, []string{m.Matter, m.Authority, m.Reason, m.SetBy, m.Since, strconv.Itoa(m.Records), strings.Join(m.Queries, "; ")})
			}
			return w.WriteAll(rows)
		},
	}
	regionFlag(c, &region, true)
	c.Flags().StringVar(&org, "org", "", "`organisation` that holds the records (default: the region's first)")
	past.add(c)
	return c
}

func reportMatters(ctx context.Context, client *gateway.Client) ([]*matterReport, error) {
	list := []*matterReport{}
	err := matters(ctx, client, func(h heldBy) error {
		i := slices.IndexFunc(list, func(m *matterReport) bool {
			return m.Matter == h.Matter.Matter && m.SetBy == h.SetBy && m.Authority == h.Authority
		})
		if i < 0 {
			i = len(list)
			list = append(list, &matterReport{
				Matter: h.Matter.Matter, Authority: h.Authority, Reason: h.Reason, SetBy: h.SetBy, Since: h.SetAt, ids: map[string]bool{},
			})
		}
		m := list[i]
		m.Since = min(m.Since, h.SetAt)
		if h.Query != nil {
			m.Queries = append(m.Queries, h.Collection+": "+queryText(h.Query))
			return nil
		}
		m.ids[h.ID] = true
		m.Records = len(m.ids)
		return nil
	})
	return list, err
}
