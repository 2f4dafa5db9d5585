package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"domicile/chaincode/record"
	"domicile/fhir"
	"domicile/gateway"
	"domicile/purge"
)

func (a *app) purgeCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "purge", Short: "Destroy records whose retention has ended",
		Long: `Purging takes a record out of every peer's state and has other regions confirm it. The
bytes stay in the files of the holder's peers until they are overwritten or scrubbed.`,
		Example: `  domicile purge plan --region us
  domicile purge run --region us              # a dry run
  domicile purge run --region us --execute
  domicile purge serve --region us --config serve.yaml --execute`,
	}
	c.AddCommand(a.purgePlan(), a.purgeRun(), a.purgeReassess(), a.purgeServe(), a.purgePause(), a.purgeResume(), a.purgeScrub(), a.purgeAttest(), a.purgeFailed())
	return c
}

// purgeFlags say what to purge.
type purgeFlags struct {
	region, org, before string
	officer             string // settings file, for purges of a case
	collections         []string
	limit               int
}

func (p *purgeFlags) add(c *cobra.Command) {
	regionFlag(c, &p.region, true)
	f := c.Flags()
	f.StringVar(&p.org, "org", "", "`organisation` that holds the records (default: the region's first)")
	f.StringSliceVar(&p.collections, "collection", nil, "only these `collections` (default: all that the organisation holds)")
	f.IntVar(&p.limit, "limit", 0, "at most `n` records (default: no limit)")
}

// today is the current day in UTC, which due dates are compared with.
func today() string { return fhir.DateOf(time.Now()).String() }

// ledger opens the client and adapts it.
func (a *app) ledger(ctx context.Context, p *purgeFlags) (*gateway.Client, ledger, error) {
	if p.limit < 0 {
		return nil, ledger{}, usagef("--limit is a number of records; leave it out for no limit")
	}
	if p.before == "" {
		p.before = today()
	}
	if d, err := fhir.ParseDate(p.before); err != nil || d.String() != p.before {
		return nil, ledger{}, usagef("--before is a day, YYYY-MM-DD")
	}
	client, err := a.connect(ctx, where{p.region, p.org, record.RolePurger})
	if err != nil {
		return nil, ledger{}, err
	}
	if len(p.collections) == 0 {
		if p.collections, err = client.Collections(ctx); err != nil {
			client.Close()
			return nil, ledger{}, err
		}
	}
	return client, newLedger(client), nil
}

func (a *app) purgePlan() *cobra.Command {
	var p purgeFlags
	var rows int
	c := &cobra.Command{
		Use: "plan --region REGION", Short: "Show what is due, on which ground and authority",
		Long: `Shows which records could be purged now, on which ground and authority, which are held,
and what an interrupted run left unfinished. It changes nothing. --before shows what becomes
due until a later day.`,
		Example: `  domicile purge plan --region us
  domicile purge plan --region eu --before 2027-12-31 --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, l, err := a.ledger(c.Context(), &p)
			if err != nil {
				return err
			}
			defer client.Close()
			plan, err := purge.MakePlan(c.Context(), l, purge.PlanOptions{Collections: p.collections, Before: p.before, Limit: p.limit})
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(plan)
			}
			a.printPlan(plan, rows)
			return nil
		},
	}
	p.add(c)
	c.Flags().StringVar(&p.before, "before", "", "what is due on this `day` or earlier (default: today)")
	c.Flags().IntVar(&rows, "rows", 50, "print at most `n` records of each kind")
	return c
}

// printPlan prints a plan as a table, and a warning when its authorities are
// inventions.
func (a *app) printPlan(p *purge.Plan, rows int) {
	t := newTable(a.out, "Record", "Collection", "What", "Due", "Bytes", "Ground", "Authority")
	part := func(what string, items []purge.Item) {
		for i, it := range items {
			if i == rows {
				t.AppendRow([]any{fmt.Sprintf("… and %d more", len(items)-i), "", what})
				break
			}
			w := what
			if w == "" && !it.DueNow {
				w = "not yet due"
			} else if w == "" {
				w = "purge"
			}
			t.AppendRow([]any{it.ID, it.Collection, w, it.DueDate, it.Size, it.Ground, it.Authority})
		}
	}
	part("", p.Items)
	part("HELD, stays", p.Held)
	part("finish purge", p.Partial)
	part("tombstone missing", p.TombstoneMissing)
	t.AppendFooter([]any{
		fmt.Sprintf("%d records, %d due now", p.Totals.Records, p.Totals.DueNow), "",
		fmt.Sprintf("%d held", p.Totals.Held), "", p.Totals.Bytes,
	})
	if t.Length() == 0 {
		a.say("nothing is due until %s", p.Before)
		return
	}
	t.Render()
	if p.Truncated {
		a.say("the plan was cut at --limit; there is more")
	}
	if p.Demo {
		a.say("warning: %s: the authorities above are invented for a demonstration", purge.DemoPrefix)
	}
}

func (a *app) purgeRun() *cobra.Command {
	var p purgeFlags
	var execute, once, withdrawn bool
	var ref, file string
	var o purge.Options
	c := &cobra.Command{
		Use: "run --region REGION", Short: "Purge what is due; a dry run without --execute",
		Long: `Reads again what is due, purges it in batches and publishes the tombstones, which at
least two regions sign. Held records are skipped and counted. It can be interrupted at any
point: run it again.

With --case it purges, instead of what is due, what an approved case of erasure lets go
(domicile retention erasure).

With --config it works within window, duration and grace of the purge service's configuration, and
does the same as purge serve --once: for a CronJob or a timer. A run is always one; --once may say so.

With --withdrawn it purges, instead of what is due, the copies held for others whose terms have
ended: their last day is past, or a consent ended since they were made.

Without --execute it goes through the same steps and writes nothing. With it, one JSON line
is printed for each thing done.`,
		Example: `  domicile purge run --region us
  domicile purge run --region us --execute --limit 500
  domicile purge run --region eu --case DSR-17 --execute
  domicile purge run --region us --once --config serve.yaml --execute
  domicile purge run --region us --withdrawn --execute`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if !(o.Share > 0 && o.Share <= 1) {
				return usagef("--share must be above 0 and at most 1")
			}
			if file != "" {
				for _, other := range []string{"case", "withdrawn", "collection", "limit", "batch", "share"} {
					if c.Flags().Changed(other) {
						return usagef("--%s does not go with --config, which says what to purge", other)
					}
				}
				config, err := readServeConfig(file)
				if err != nil {
					return err
				}
				return a.serve(c.Context(), &p, config, execute, true)
			}
			if ref != "" {
				return a.purgeCase(c.Context(), &p, ref, execute)
			}
			if withdrawn {
				return a.purgeWithdrawn(c.Context(), &p, execute)
			}
			client, real, err := a.ledger(c.Context(), &p)
			if err != nil {
				return err
			}
			defer client.Close()
			var l purge.Ledger = real
			if !execute {
				l = purge.DryRun(real)
			}
			o.Collections, o.Before, o.Limit = p.collections, p.before, p.limit
			if execute {
				o.Peers, o.Canary = real, real.canary
			}
			return a.runPurge(c.Context(), l, o, execute)
		},
	}
	p.add(c)
	c.Flags().BoolVar(&execute, "execute", false, "really purge")
	c.Flags().BoolVar(&once, "once", false, "make one run, as always: for command lines that say so")
	c.Flags().StringVar(&file, "config", "", "configuration `FILE` of the purge service: work within its window, duration and grace")
	c.Flags().StringVar(&ref, "case", "", "`reference` of an approved case of erasure")
	c.Flags().BoolVar(&withdrawn, "withdrawn", false, "copies held for others whose terms have ended")
	c.MarkFlagsMutuallyExclusive("case", "withdrawn")
	c.Flags().StringVar(&p.officer, "officer", "", "with --case: settings `FILE` of an officer, who finds the records (default: the local network's)")
	c.Flags().IntVar(&o.BatchRecords, "batch", purge.DefaultBatchRecords, "`records` in one purge transaction")
	c.Flags().Float64Var(&o.Share, "share", purge.DefaultShare, "`part` of its time that the run works, above 0 to 1; after 10 s it rests in between, for other writers")
	return c
}

func (a *app) runPurge(ctx context.Context, l purge.Ledger, o purge.Options, execute bool) error {
	b := a.progress(-1, "purging")
	done := 0
	authorities := map[string]int{}
	var printErr error
	o.Progress = func(e purge.Event) {
		if e.Kind == purge.EventPurged {
			done++
			b.set(done, 0)
			authorities[e.Authority]++
		}
		if (execute || e.Kind == purge.EventSkipped) && printErr == nil {
			printErr = a.printLine(e)
		}
	}
	result, err := purge.Run(ctx, l, o)
	b.finish()
	a.sayPurged(result, authorities, execute)
	if n := result.InTheWay(); n > 0 && n == result.Failed {
		err = failedRecords(result, err)
	}
	return errors.Join(err, printErr)
}

// failedRecords is the error of a run that went through and found records in the
// way: trying the whole again soon would not help.
func failedRecords(r *purge.Result, err error) error {
	return errors.Join(refused{
		fmt.Sprintf("%d records are in the way and were left; the others are done", r.Failed),
		"each code is explained by domicile help CODE; the next run tries them again",
	}, err)
}

// sayPurged tells what a run did.
func (a *app) sayPurged(result *purge.Result, authorities map[string]int, execute bool) {
	verb := "would be"
	if execute {
		verb = "were"
	}
	a.say("%d records %s purged (%s), %d tombstones %s published", result.Purged, verb, size(result.Bytes), result.Tombstoned, verb)
	for _, text := range slices.Sorted(maps.Keys(authorities)) {
		a.say("  %d on ground %q, authority: %s", authorities[text], record.GroundDue, text)
	}
	for _, code := range slices.Sorted(maps.Keys(result.Skipped)) {
		a.say("  %d left alone: %s", result.Skipped[code], code)
	}
	for _, code := range slices.Sorted(maps.Keys(result.Failures)) {
		a.say("  %d failed: %s", result.Failures[code], code)
	}
	a.sayWithoutEvidence(result.WithoutEvidence)
	if result.CanaryFailures > 0 {
		a.say("warning: %d canaries could not be stored or purged", result.CanaryFailures)
	}
	if execute && (result.Conflicts > 0 || result.Skipped[record.CodeGone] > 0) {
		a.say("Another run purged at the same time. The later of two purges of a record is refused in its block and leaves the names of its keys: see domicile purge failed.")
	}
	if !execute {
		a.say("Nothing was changed. Pass --execute to purge.")
	} else if result.Purged > 0 {
		a.say("The bytes may remain in files of the holder's peers until they are scrubbed.")
	}
}

// sayWithoutEvidence warns of purges that no search of disks will know of.
func (a *app) sayWithoutEvidence(n int) {
	if n > 0 {
		a.say("warning: %d of them left no evidence, because no peer had their bytes or the settings name no index key: "+
			"domicile purge attest will not look for them, and its report does not count them", n)
	}
}
