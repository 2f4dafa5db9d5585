package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"domicile/chaincode/record"
	"domicile/collections"
	"domicile/fhir/labeling"
	"domicile/gateway"
)

func (a *app) labelCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "label", Short: "Label records, and say why they are labelled",
		Long: `Every record carries security labels (HL7 DS4P) that decide where it lies, how long it is
kept and who may see it. They come from the resource itself, from labelling rules that match
its codes, and from what is known about its source. A newer rule set labels nothing by
itself: label plan shows what it would change, label run does it.`,
		Example: `  domicile label explain resource.json
  domicile label plan --region us
  domicile label run --region us --execute`,
	}
	c.AddCommand(a.labelRules(), a.labelPlan(), a.labelRun(), a.labelExplain(), a.labelSet())
	return c
}

// maxRuleFile bounds one file of labelling rules, in bytes.
const maxRuleFile = 64 << 20

// loadRules reads labelling rules: a directory of FHIR ValueSets in JSON, "shipped",
// or "" for those that the private part names, if they are the shipped ones.
func loadRules(from string) (*labeling.RuleSet, error) {
	switch from {
	case "":
		return nil, nil
	case "shipped":
		return labeling.Shipped(), nil
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return nil, usage{err, "--rules is a directory with one FHIR ValueSet in each .json file, or the word shipped"}
	}
	var files []labeling.File
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".json") {
			continue
		}
		f, err := os.Open(filepath.Join(from, e.Name()))
		if err != nil {
			return nil, openError(err)
		}
		b, err := io.ReadAll(io.LimitReader(f, maxRuleFile))
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
		files = append(files, labeling.File{Name: e.Name(), Data: b})
	}
	rules, err := labeling.Parse(files)
	if err != nil {
		return nil, fmt.Errorf("%w%w", record.Fail(record.CodeRules, ""), err)
	}
	return rules, nil
}

func rulesFlag(c *cobra.Command, rules *string) {
	c.Flags().StringVar(rules, "rules", "", "`DIR|shipped`: the labelling rules that the private part names (default: shipped)")
}

// relabel are the flags of label plan and label run.
type relabel struct {
	region, org, rules string
	officer, purger    string // settings files
	collections        []string
	all                bool
}

func (r *relabel) add(c *cobra.Command) {
	regionFlag(c, &r.region, true)
	rulesFlag(c, &r.rules)
	c.Flags().StringVar(&r.org, "org", "", "`organisation` that holds the records (default: the region's first)")
	c.Flags().StringSliceVar(&r.collections, "collection", nil, "only these `collections` (default: all that the organisation writes to)")
	c.Flags().BoolVar(&r.all, "all", false, "look at records of the rules in force too: after a change of posture, map of confidentiality or local codes")
	c.Flags().StringVar(&r.officer, "officer", "", "settings `FILE` of an officer, who carries holds along (default: the local network's)")
	c.Flags().StringVar(&r.purger, "purger", "", "settings `FILE` of a purger, who destroys what has moved (default: the local network's)")
}

// clients opens a writer, and beside it an officer and a purger: by --officer and
// --purger, or where the local network has them.
func (a *app) clients(ctx context.Context, r *relabel) (*gateway.Client, gateway.RelabelOptions, func(), error) {
	o := gateway.RelabelOptions{Collections: r.collections, All: r.all}
	rules, err := loadRules(r.rules)
	if err != nil {
		return nil, o, nil, err
	}
	var opts []gateway.Option
	if rules != nil {
		opts = append(opts, gateway.WithRules(rules))
	}
	writer, err := a.connect(ctx, where{r.region, r.org, record.RoleWriter}, opts...)
	if err != nil {
		return nil, o, nil, err
	}
	open := []*gateway.Client{writer}
	done := func() {
		for _, c := range open {
			c.Close()
		}
	}
	for role, x := range map[string]struct {
		to   **gateway.Client
		file string
	}{record.RoleOfficer: {&o.Officer, r.officer}, record.RolePurger: {&o.Purger, r.purger}} {
		if *x.to, err = a.beside(ctx, where{r.region, r.org, role}, x.file, opts...); err != nil {
			done()
			return nil, o, nil, err
		}
		if *x.to != nil {
			open = append(open, *x.to)
		}
	}
	return writer, o, done, nil
}

func (a *app) labelPlan() *cobra.Command {
	var r relabel
	c := &cobra.Command{
		Use: "plan --region REGION", Short: "Show which records the rules in force would label otherwise, or move",
		Long: `Shows the records whose labels come from another rule set than the one that the private
part names, and what would become of them; and those whose labels ask for another collection.
With --all it labels every record anew, as whatever else the private part says of labels may
have changed: the posture, the map of confidentiality, local codes. It changes nothing.`,
		Example: "  domicile label plan --region us\n  domicile label plan --region us --rules ./rules --json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, o, done, err := a.clients(c.Context(), &r)
			if err != nil {
				return err
			}
			defer done()
			return a.showRelabeling(client.PlanLabels(c.Context(), o), false)
		},
	}
	r.add(c)
	return c
}

func (a *app) labelRun() *cobra.Command {
	var r relabel
	var execute bool
	c := &cobra.Command{
		Use: "run --region REGION", Short: "Label and move records as planned; a dry run without --execute",
		Long: `Gives records the labels of the rules in force and moves those whose labels ask for another
collection: the copy is put and anchored there, holds are carried along, and only then the
original is purged on ground "moved". It can be interrupted at any point: run it again.

A label that would go is never taken away here: an officer does that, with a reason
(domicile label set). Without --execute it shows the plan and changes nothing.`,
		Example: "  domicile label run --region us\n  domicile label run --region us --execute",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, o, done, err := a.clients(c.Context(), &r)
			if err != nil {
				return err
			}
			defer done()
			if !execute {
				if err := a.showRelabeling(client.PlanLabels(c.Context(), o), false); err != nil {
					return err
				}
				a.say("Nothing was changed. Pass --execute to label and move.")
				return nil
			}
			return a.showRelabeling(client.RunLabels(c.Context(), o), true)
		},
	}
	r.add(c)
	c.Flags().BoolVar(&execute, "execute", false, "really label and move")
	return c
}

// showRelabeling prints what is planned or was done, one line for each record.
func (a *app) showRelabeling(list func(func(gateway.Relabeling, error) bool), ran bool) error {
	count := map[string]int{}
	left := map[record.Code]int{}
	t := newTable(a.out, "Record", "Collection", "What", "To", "New labels", "Lost labels")
	var failed error
	for r, err := range list {
		if err != nil {
			failed = err
			break
		}
		if r.Code != "" {
			left[r.Code]++
		} else {
			count[r.Action]++
		}
		if a.json {
			if failed = a.printLine(r); failed != nil {
				break
			}
			continue
		}
		what := r.Action
		if r.Code != "" {
			what += ", left: " + string(r.Code)
		}
		t.AppendRow([]any{r.ID, r.Collection, what, r.To, codes(r.Adds), codes(r.Lacks)})
	}
	if !a.json && t.Length() > 0 {
		t.Render()
	}
	verb := "to do"
	if ran {
		verb = "done"
	}
	total := 0
	for _, action := range []string{gateway.RelabelStamp, gateway.RelabelUpgrade, gateway.RelabelDowngrade, gateway.RelabelMove} {
		if n := count[action]; n > 0 {
			total += n
			a.say("%d %s: %s", n, verb, action)
		}
	}
	for _, code := range slices.Sorted(keys(left)) {
		a.say("%d left alone: %s", left[code], code)
	}
	if total == 0 && len(left) == 0 && failed == nil {
		a.say("every record has the labels of the rules in force, where they ask for it")
	}
	delete(left, record.CodeDowngrade) // listed, and never run
	if ran && failed == nil && len(left) > 0 {
		return refused{"some records were left as they are, counted above by the code that forbids it", "domicile help CODE says what to do about it"}
	}
	return failed
}

func keys[K comparable, V any](m map[K]V) func(func(K) bool) {
	return func(yield func(K) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// codes lists the codes of labels for a table.
func codes(labels []record.Label) string {
	var out []string
	for _, l := range labels {
		out = append(out, l.Code)
	}
	return strings.Join(out, " ")
}

// explainFlags are those of label explain.
type explainFlags struct {
	region, org, rules, private string
	part2                       bool
}

func (a *app) labelExplain() *cobra.Command {
	var o explainFlags
	c := &cobra.Command{
		Use: "explain (FILE|- | --region REGION ID)", Short: "Say which rule, which code and which path gave a label",
		Long: `Explains the labels that the resources of a file would get, without any network, or those
of a stored record. It names codes that stand in the resource: show the answer to nobody who
may not read the record itself.

For a file, --private gives the holder's private part, with its default, map and local codes;
without it the rules alone decide.`,
		Example: `  domicile label explain bundle.json
  domicile label explain --rules ./rules --private us-a-log.yaml --part2 bundle.json
  domicile label explain --region us ID --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if o.region != "" {
				return a.explainRecord(c.Context(), o, args[0])
			}
			return a.explainFile(o, args[0])
		},
	}
	regionFlag(c, &o.region, false)
	rulesFlag(c, &o.rules)
	f := c.Flags()
	f.StringVar(&o.org, "org", "", "`organisation` that reads (default: the region's first)")
	f.StringVar(&o.private, "private", "", "private part of the policy, a YAML `FILE`, for a file of resources")
	f.BoolVar(&o.part2, "part2", false, "the file's records are declared to be of a Part 2 programme")
	return c
}

func (a *app) explainRecord(ctx context.Context, o explainFlags, id string) error {
	if err := checkID(id); err != nil {
		return err
	}
	rules, err := loadRules(o.rules)
	if err != nil {
		return err
	}
	var opts []gateway.Option
	if rules != nil {
		opts = append(opts, gateway.WithRules(rules))
	}
	client, err := a.connect(ctx, where{o.region, o.org, record.RoleWriter}, opts...)
	if err != nil {
		return err
	}
	defer client.Close()
	r, err := client.ExplainLabels(ctx, id)
	if errors.Is(err, gateway.ErrQuarantined) || errors.Is(err, gateway.ErrLimited) {
		// Closed to others, and so the officer's to look at.
		officer, oerr := a.beside(ctx, where{o.region, o.org, record.RoleOfficer}, "", opts...)
		if oerr == nil && officer != nil {
			defer officer.Close()
			r, err = officer.ExplainLabels(ctx, id)
		}
	}
	if err != nil {
		return err
	}
	return a.showLabels(r)
}

func (a *app) explainFile(o explainFlags, path string) error {
	rules, err := loadRules(o.rules)
	if err != nil {
		return err
	}
	if rules == nil {
		rules = labeling.Shipped()
	}
	var part *collections.Private
	if o.private != "" {
		b, err := a.readAll(o.private, maxRuleFile)
		if err != nil {
			return err
		}
		if part, err = collections.ParsePrivateYAML(b, o.private); err != nil {
			return err
		}
	}
	in, done, err := a.input(path)
	if err != nil {
		return err
	}
	defer done()
	for r, err := range gateway.LabelFile(in, part, rules, o.part2) {
		if err != nil {
			return err
		}
		if err := a.showLabels(r); err != nil {
			return err
		}
	}
	return nil
}

// showLabels prints one report: JSON in one line, or a table.
func (a *app) showLabels(r *gateway.LabelReport) error {
	if a.json {
		return a.printLine(r)
	}
	name := fmt.Sprintf("entry %d", r.Ordinal)
	if r.ID != "" {
		name = r.ID + " in " + r.Collection
	}
	fmt.Fprintf(a.out, "%s, %s", name, r.Type)
	if r.Route != "" {
		fmt.Fprintf(a.out, ", routed to %s", r.Route)
	}
	if r.ID != "" && !r.Current {
		fmt.Fprint(a.out, ", stored labels are of other rules")
	}
	fmt.Fprintln(a.out)
	labels := r.Labels
	if r.ID != "" {
		labels = r.Stored
	}
	t := newTable(a.out, "Label", "Basis", "From", "Rule", "Code", "Path", "Why")
	for _, l := range labels {
		shown := false
		for _, f := range r.Findings {
			if l.Origin == record.OriginOfficer || f.Label.System != l.System || f.Label.Code != l.Code {
				continue
			}
			t.AppendRow([]any{l.Code, l.BasisCode, l.Origin, f.Rule, f.Code, f.Path, f.Why})
			shown = true
		}
		if !shown {
			t.AppendRow([]any{l.Code, l.BasisCode, l.Origin, l.Rule, "", "", whyOrigin[l.Origin]})
		}
	}
	for _, f := range r.Findings {
		if f.Label.Code == "" {
			t.AppendRow([]any{"(none)", "", "", f.Rule, f.Code, f.Path, f.Why})
		}
	}
	t.Render()
	if len(r.Mark) > 0 {
		fmt.Fprintf(a.out, "high-water mark, which tells nothing of the content: %s\n", codes(r.Mark))
	}
	if len(r.Adds) > 0 {
		fmt.Fprintf(a.out, "the rules in force give, and the record has not: %s\n", codes(r.Adds))
	}
	if len(r.Lacks) > 0 {
		fmt.Fprintf(a.out, "the record has, and the rules in force do not give: %s\n", codes(r.Lacks))
	}
	for _, i := range r.Issues {
		fmt.Fprintf(a.out, "%s %s: %s %s\n", i.Severity, i.Rule, i.Text, i.Path)
	}
	for _, h := range r.History {
		why := ""
		if h.Reason != "" {
			why = " (" + h.Reason + ")"
		}
		fmt.Fprintf(a.out, "until %s: %s%s\n", h.At, codes(h.Labels), why)
	}
	return nil
}

// whyOrigin says why a label is there that no rule and no source gives now.
var whyOrigin = map[string]string{
	record.OriginOfficer: "a person decided it, see the history",
	record.OriginRule:    "a rule of before gave it",
}
