package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"domicile/chaincode/record"
	"domicile/collections"
	"domicile/gateway"
)

func (a *app) retentionFact() *cobra.Command {
	var region, org, subject, file, source, reason string
	var facts, withdraw []string
	c := &cobra.Command{
		Use: "fact --region REGION (--subject FILE|- [--fact KIND=DATE]... | --from FILE|-)", Short: "Record an event that retention depends on, or list those on record",
		Long: `Records dated events about a person: ` + strings.Join(record.FactKinds(), ", ") + `.
A date may be partial (1980, 1980-05): what keeps longer counts. Nothing is overwritten; an
officer takes a fact back with --withdraw and --reason. Without --fact and --withdraw it lists
what is on record.

--from reads facts about many people, one JSON object on each line: reference ("Patient/ID"),
or system and value of an identifier; kind; date; and source, if not that of --source. What a
file says shows in no process list.`,
		Example: `  domicile retention fact --region us --subject patient.json --fact birth=1980 --source "registry extract 7"
  domicile retention fact --region us --subject patient.json
  domicile retention fact --region us --from facts.ndjson --source "registry extract 7"`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if file != "" {
				return a.factsFrom(c.Context(), where{region, org, record.RoleOfficer}, file, source)
			}
			if subject == "" {
				return usagef("--subject is missing: a file with the person, as in record list")
			}
			list, err := parseFacts(facts, source, "", false)
			if err != nil {
				return err
			}
			back, err := parseFacts(withdraw, source, reason, true)
			if err != nil {
				return err
			}
			if len(withdraw) > 0 && reason == "" {
				return usagef("--withdraw needs a --reason")
			}
			return a.facts(c.Context(), where{region, org, record.RoleOfficer}, subject, append(list, back...))
		},
	}
	regionFlag(c, &region, true)
	f := c.Flags()
	f.StringVar(&org, "org", "", "`organisation` that holds the records (default: the region's first)")
	f.StringVar(&subject, "subject", "", "the person in this `FILE|-`, as in record list")
	f.StringVar(&file, "from", "", "facts about many people in this `FILE|-`, one JSON object on each line")
	f.StringArrayVar(&facts, "fact", nil, "`KIND=DATE` of an event; may be given several times")
	f.StringArrayVar(&withdraw, "withdraw", nil, "`KIND=DATE` of a fact that was wrong")
	f.StringVar(&source, "source", "", "where it is known from, without naming anybody: a `reference`")
	f.StringVar(&reason, "reason", "", "`why` a fact is withdrawn")
	for _, other := range []string{"subject", "fact", "withdraw", "reason"} {
		c.MarkFlagsMutuallyExclusive("from", other)
	}
	return c
}

// parseFacts reads facts from flags. Errors do not repeat them.
func parseFacts(texts []string, source, reason string, withdrawn bool) ([]record.Fact, error) {
	var out []record.Fact
	for _, text := range texts {
		kind, date, ok := strings.Cut(text, "=")
		if !ok || !slices.Contains(record.FactKinds(), kind) {
			return nil, usagef("a fact is KIND=DATE; kinds are %s", strings.Join(record.FactKinds(), ", "))
		}
		if err := (collections.Facts{}).Add(kind, date); err != nil {
			return nil, usagef("the date of a fact is YYYY, YYYY-MM or YYYY-MM-DD")
		}
		out = append(out, record.Fact{Kind: kind, Date: date, Source: source, Reason: reason, Withdrawn: withdrawn})
	}
	return out, nil
}

func (a *app) facts(ctx context.Context, w where, subject string, list []record.Fact) error {
	client, err := a.connect(ctx, w)
	if err != nil {
		return err
	}
	defer client.Close()
	tokens, err := a.subjectTokens(client, subject)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return a.listFacts(ctx, client, tokens)
	}
	people := make([]record.SubjectFacts, len(tokens))
	for i, t := range tokens {
		people[i] = record.SubjectFacts{Subject: t, Facts: list}
	}
	if err := a.recordFacts(ctx, client, people); err != nil {
		return err
	}
	a.say("%d facts recorded; see domicile purge reassess for what they change", len(list))
	return nil
}

func (a *app) listFacts(ctx context.Context, client *gateway.Client, tokens []string) error {
	people, err := client.FactsOf(ctx, "", tokens)
	if err != nil {
		return err
	}
	var all []record.Fact
	for _, p := range people {
		for _, f := range p.Facts {
			if !slices.Contains(all, f) {
				all = append(all, f)
			}
		}
	}
	if a.json {
		return a.printJSON(append([]record.Fact{}, all...))
	}
	t := newTable(a.out, "Fact", "Date", "Source", "Recorded", "Withdrawn")
	for _, f := range all {
		t.AppendRow([]any{f.Kind, f.Date, f.Source, f.At, yes(f.Withdrawn)})
	}
	t.Render()
	return nil
}
