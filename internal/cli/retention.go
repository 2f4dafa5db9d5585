package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"domicile/chaincode/record"
	"domicile/collections"
	"domicile/fhir"
	"domicile/gateway"
)

func (a *app) retentionCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "retention", Short: "Say until when records are kept, and why",
		Long: `How long a record is kept follows from rows of law in the policy, from what is known about
the person (births, last encounters), and from what officers confirmed and accepted. Software
says what follows from those; whether a row is the law, and whether a record that asks for
review may go, a person decides.`,
		Example: `  domicile retention explain --region us ID
  domicile retention due --region us --next 30d
  domicile retention erasure --region eu --subject patient.json --law gdpr --received 2026-05-02`,
	}
	c.AddCommand(a.retentionExplain(), a.retentionDue(), a.retentionApprove(), a.retentionFact(),
		a.retentionErasure(), a.retentionCase(), a.retentionConfirm())
	return c
}

// explained is the JSON of retention explain.
type explained struct {
	ID         string `json:"id"`
	Collection string `json:"collection"`
	Type       string `json:"type"`
	Due        string `json:"due,omitempty"` // the date the contract enforces
	Accepted   string `json:"accepted,omitempty"`
	// Row, Region and Authority are those of the date that the contract enforces: of the
	// accepted one where that is later than the assessment's.
	Row         string                  `json:"row,omitempty"`
	Region      string                  `json:"region,omitempty"`
	Authority   string                  `json:"authority,omitempty"`
	Code        record.Code             `json:"code,omitempty"` // what keeps it now
	Matters     []string                `json:"matters,omitempty"`
	Limited     bool                    `json:"limited,omitempty"`
	Quarantined bool                    `json:"quarantined,omitempty"`
	Review      *record.Review          `json:"review,omitempty"`
	Facts       []record.Fact           `json:"facts,omitempty"`
	Assessment  *collections.Assessment `json:"assessment,omitempty"`
}

func (a *app) retentionExplain() *cobra.Command {
	var region, org string
	c := &cobra.Command{
		Use: "explain --region REGION ID", Short: "Name every row considered for a record, which won, and the date",
		Example: "  domicile retention explain --region us ID\n  domicile retention explain --region us ID --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkID(args[0]); err != nil {
				return err
			}
			client, err := a.connect(c.Context(), where{region, org, record.RoleOfficer})
			if err != nil {
				return err
			}
			defer client.Close()
			e, err := explainOne(c.Context(), client, args[0])
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(e)
			}
			a.printExplained(e)
			return nil
		},
	}
	regionFlag(c, &region, true)
	c.Flags().StringVar(&org, "org", "", "`organisation` that holds the record (default: the region's first)")
	return c
}

// explainOne finds a record and asks why it is kept.
func explainOne(ctx context.Context, client *gateway.Client, id string) (*explained, error) {
	found, err := client.Locate(ctx, []string{id})
	if err != nil {
		return nil, err
	}
	if found[0].State.State == record.InsideGone {
		return nil, record.Fail(record.CodeGone, id)
	}
	at := found[0].Collection
	if at == "" {
		return nil, record.Fail(record.CodeAbsent, id)
	}
	list, err := client.Explain(ctx, at, []string{id})
	if err != nil {
		return nil, err
	}
	if list[0].Meta == nil {
		return nil, record.Fail(record.CodeGone, id)
	}
	return explain(at, list[0])
}

func explain(at string, e record.Explanation) (*explained, error) {
	why, err := gateway.AssessmentOf(e)
	if err != nil {
		return nil, err
	}
	x := &explained{
		ID: e.ID, Collection: at, Type: e.Meta.Type, Due: e.Due, Accepted: dated(e.Meta.Due), Code: e.Code, Matters: e.Matters,
		Row: why.Row, Region: why.Region, Authority: why.Authority,
		Limited: e.Limited, Quarantined: e.Meta.Quarantined, Review: e.Meta.Review, Facts: once(e.Facts), Assessment: &why,
	}
	if x.promised() {
		x.Row, x.Region, x.Authority = e.Meta.Row, e.Meta.RowRegion, "the policy of that time"
		for _, k := range why.Considered {
			if k.Row == x.Row && (x.Region == "" || k.Region == x.Region) {
				x.Region, x.Authority = k.Region, k.Authority
				break
			}
		}
	}
	return x, nil
}

// promised tells whether the date that the contract enforces is one accepted before, and
// later than what the rows give today.
func (e *explained) promised() bool {
	return e.Due != "" && e.Due == e.Accepted && e.Due > e.Assessment.Due.String()
}

// once leaves out facts that are there several times: each stands under every reference
// and identifier by which the register knows the person.
func once(facts []record.Fact) (out []record.Fact) {
	for _, f := range facts {
		if !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	return out
}

// dated is a due date, "" for the one that stands for none.
func dated(day string) string {
	if day == record.UndatedDue {
		return ""
	}
	return day
}

func (a *app) printExplained(e *explained) {
	fmt.Fprintf(a.out, "%s in %s, %s\n", e.ID, e.Collection, e.Type)
	why := e.Assessment
	due := "no date: " + why.Why
	switch {
	case e.promised():
		due = fmt.Sprintf("from %s on: the date accepted before is later than that of the rows today", e.Due)
	case e.Due != "" && e.Due != record.UndatedDue:
		due = fmt.Sprintf("from %s on: %s", e.Due, why.Why)
	case e.Accepted == "" && why.Verdict != collections.VerdictNever:
		due = fmt.Sprintf("no date: nobody has accepted one yet; the rows today give %s (domicile purge reassess)", why.Due)
	}
	fmt.Fprintf(a.out, "may go %s\n", due)
	if e.Row != "" {
		fmt.Fprintf(a.out, "row %q of %s, authority: %s\n", e.Row, e.Region, e.Authority)
	}
	if e.promised() {
		fmt.Fprintf(a.out, "the rows today give %s, row %q of %s: %s\n", why.Due, why.Row, why.Region, why.Why)
	}
	if len(why.Missing) > 0 {
		fmt.Fprintf(a.out, "not on record: %s\n", strings.Join(why.Missing, ", "))
	}
	if e.Accepted != "" && e.Accepted != e.Due {
		fmt.Fprintf(a.out, "accepted before: %s\n", e.Accepted)
	}
	if e.Code != "" {
		fmt.Fprintf(a.out, "kept now: %s\n", e.Code)
	}
	if len(e.Matters) > 0 {
		fmt.Fprintf(a.out, "held by: %s\n", strings.Join(e.Matters, ", "))
	}
	if !why.Ceiling.IsZero() {
		fmt.Fprintf(a.out, "ceiling %s, row %q: %s\n", why.Ceiling, why.CeilingRow, why.CeilingAuthority)
	}
	t := newTable(a.out, "Region", "Row", "Kind", "Applies", "Date", "Confirmed", "Sure", "Why", "Authority")
	for _, k := range why.Considered {
		date := ""
		if !k.Date.IsZero() {
			date = k.Date.String()
		}
		t.AppendRow([]any{k.Region, k.Row, k.Kind, k.Applies, date, yes(k.Confirmed), k.Confidence, k.Why, k.Authority})
	}
	t.Render()
	for _, f := range e.Facts {
		note := ""
		if f.Withdrawn {
			note = ", withdrawn"
		}
		fmt.Fprintf(a.out, "fact: %s %s (%s)%s\n", f.Kind, f.Date, f.Source, note)
	}
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// dueFlags are those of retention due.
type dueFlags struct {
	region, org, next string
	collections       []string
	all               bool
}

func (a *app) retentionDue() *cobra.Command {
	var o dueFlags
	c := &cobra.Command{
		Use: "due --region REGION", Short: "List what is due, what asks for review and why, and what is never due",
		Long: `Lists the records whose time has come, or comes within --next; of them, those that a person
must approve first, and why; and those that are never due because no row applies, a fact is
missing, or the jurisdiction is not set. --all lists every record.`,
		Example: `  domicile retention due --region us
  domicile retention due --region us --next 30d --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if _, err := within(o.next, time.UTC); err != nil {
				return err
			}
			client, err := a.connect(c.Context(), where{o.region, o.org, record.RoleOfficer})
			if err != nil {
				return err
			}
			defer client.Close()
			return a.listRetention(c.Context(), client, o)
		},
	}
	regionFlag(c, &o.region, true)
	f := c.Flags()
	f.StringVar(&o.org, "org", "", "`organisation` that holds the records (default: the region's first)")
	f.StringSliceVar(&o.collections, "collection", nil, "only these `collections` (default: all that the organisation holds)")
	f.StringVar(&o.next, "next", "", "what becomes due within this `period` too, such as 30d, 6m or 1y")
	f.BoolVar(&o.all, "all", false, "every record, whenever it is due")
	return c
}

// within is the day a period from today on the calendar of a zone, which is today
// without one.
func within(period string, zone *time.Location) (string, error) {
	now := fhir.DayIn(time.Now(), zone)
	if period == "" {
		return now.String(), nil
	}
	p, err := fhir.ParsePeriod(period)
	if err != nil {
		return "", usagef("--next is a period such as 30d, 6m or 1y")
	}
	return now.AddPeriod(p).String(), nil
}

// dueLine is one record of retention due.
type dueLine struct {
	ID         string      `json:"id"`
	Collection string      `json:"collection"`
	Due        string      `json:"due,omitempty"`
	Verdict    string      `json:"verdict"`
	Code       record.Code `json:"code,omitempty"`
	Row        string      `json:"row,omitempty"`
	Missing    []string    `json:"missing,omitempty"`
	Matters    []string    `json:"matters,omitempty"`
	Why        string      `json:"why"`
	Authority  string      `json:"authority,omitempty"`
}

// listRetention pages through the due index, where records without a date stand
// last, and explains those that the list is about.
func (a *app) listRetention(ctx context.Context, client *gateway.Client, o dueFlags) error {
	names := o.collections
	if len(names) == 0 {
		var err error
		if names, err = client.Collections(ctx); err != nil {
			return err
		}
	}
	t := newTable(a.out, "Record", "Collection", "Due", "Verdict", "Kept by", "Row", "Why", "Authority")
	counts := map[string]int{}
	show := func(l dueLine) error {
		if counts[l.Verdict]++; a.json {
			return a.printLine(l)
		}
		why := l.Why
		if len(l.Missing) > 0 {
			why += ": " + strings.Join(l.Missing, ", ")
		}
		t.AppendRow([]any{l.ID, l.Collection, l.Due, l.Verdict, strings.Join(append([]string{string(l.Code)}, l.Matters...), " "), l.Row, why, l.Authority})
		return nil
	}
	until := ""
	for _, name := range names {
		zone, err := client.Zone(ctx, name)
		if err != nil {
			return err
		}
		day, err := within(o.next, zone)
		if err != nil {
			return err
		}
		if err := eachDue(ctx, client, name, o.all, day, show); err != nil {
			return err
		}
		until = max(until, day)
	}
	if !a.json && t.Length() > 0 {
		t.Render()
	}
	if len(counts) == 0 {
		a.say("nothing is due until %s, and every record was given a date", until)
	}
	for _, v := range slices.Sorted(maps.Keys(counts)) {
		a.say("%d %s", counts[v], map[string]string{
			collections.VerdictDue: "due by confirmed rows", collections.VerdictReview: "that a person must approve first",
			collections.VerdictNever: "that are never due as things stand",
		}[v])
	}
	return nil
}

func eachDue(ctx context.Context, client *gateway.Client, name string, all bool, until string, show func(dueLine) error) error {
	for after := ""; ; {
		page, err := client.Due(ctx, name, record.UndatedDue, after)
		if err != nil {
			return err
		}
		var ids []string
		for _, e := range page.Entries {
			if !e.Gone && !e.Canary && (all || e.Date <= until || e.Date == record.UndatedDue) && !slices.Contains(ids, e.ID) {
				ids = append(ids, e.ID)
			}
		}
		list, err := client.Explain(ctx, name, ids)
		if err != nil {
			return err
		}
		for _, e := range list {
			if e.Meta == nil {
				continue
			}
			x, err := explain(name, e)
			if err != nil {
				return err
			}
			l := dueLine{
				ID: x.ID, Collection: name, Due: dated(x.Due), Verdict: x.Assessment.Verdict, Code: x.Code, Row: x.Row,
				Missing: x.Assessment.Missing, Matters: x.Matters, Why: x.Assessment.Why, Authority: x.Authority,
			}
			if !all && l.Due > until {
				continue // later than the index says
			}
			if err := show(l); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		after = page.Next
	}
}

// approvable is the date that an approval is for.
func (e *explained) approvable() string {
	switch {
	case e.Due != "":
		return e.Due
	case e.Assessment.Verdict == collections.VerdictNever:
		return "never"
	}
	return e.Assessment.Due.String() // a first date, which the approval accepts
}

func (a *app) retentionApprove() *cobra.Command {
	var region, org, authority, reason string
	var execute bool
	c := &cobra.Command{
		Use: "approve --region REGION --authority A --reason R ID...", Short: "Approve that records which ask for review may go once they are due",
		Long: `Approves, as an officer, that records may be destroyed once they are due although their row
asks for review or is not confirmed. The approval is for the date that holds now: a later one
asks again, and an earlier one is for domicile purge reassess. Without --execute it shows the records and changes nothing.`,
		Example: `  domicile retention approve --region us --authority "records committee 2026-05" --reason "no claim pending" --execute ID`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			for _, id := range args {
				if err := checkID(id); err != nil {
					return err
				}
			}
			if authority == "" || reason == "" {
				return usagef("--authority and --reason are both needed")
			}
			client, err := a.connect(c.Context(), where{region, org, record.RoleOfficer})
			if err != nil {
				return err
			}
			defer client.Close()
			for _, id := range args {
				e, err := explainOne(c.Context(), client, id)
				if err != nil {
					return err
				}
				a.say("%s: %s, due %s: %s", id, e.Assessment.Verdict, e.approvable(), e.Assessment.Why)
				if !execute {
					continue
				}
				r, err := client.Approve(c.Context(), e.Collection, id, authority, reason)
				if err != nil {
					return err
				}
				if err := a.printLine(r); err != nil {
					return err
				}
			}
			if !execute {
				a.say("Nothing was changed. Pass --execute to approve.")
			}
			return nil
		},
	}
	regionFlag(c, &region, true)
	f := c.Flags()
	f.StringVar(&org, "org", "", "`organisation` that holds the records (default: the region's first)")
	f.StringVar(&authority, "authority", "", "`who` decided it and under what")
	f.StringVar(&reason, "reason", "", "`why`")
	f.BoolVar(&execute, "execute", false, "really approve")
	return c
}
