package cli

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"domicile/chaincode/record"
	"domicile/gateway"
	"domicile/purge"
	"domicile/purge/serve"
)

func (a *app) purgeServe() *cobra.Command {
	var p purgeFlags
	var file string
	var execute, once bool
	c := &cobra.Command{
		Use: "serve --region REGION --config FILE", Short: "Purge on a schedule; a dry run without --execute",
		Long: `Purges what is due whenever the schedule of the configuration says, within its windows,
until it is told to end (SIGTERM: the batch in hand is finished). It keeps no state: it may be
killed and started anywhere, and several may run for one region. docs/purge.md lists the keys
of the configuration, the metrics and the alerts.

With --once it makes one run now, within window, duration and grace of the configuration, and
ends: for a CronJob or a timer. No schedule is needed then.

Without --execute it takes every decision and writes nothing.`,
		Example: `  domicile purge serve --region us --config serve.yaml --execute
  domicile purge serve --region us --config serve.yaml --once --execute`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			config, err := readServeConfig(file)
			if err != nil {
				return err
			}
			if len(config.Schedule) == 0 && !once {
				return hinted{errors.Join(serve.ErrOff, record.Fail(record.CodeSettings, file)), "set schedule, such as [\"30 2 * * *\"], or run it --once from a timer of your own"}
			}
			return a.serve(c.Context(), &p, config, execute, once)
		},
	}
	regionFlag(c, &p.region, true)
	f := c.Flags()
	f.StringVar(&p.org, "org", "", "`organisation` that holds the records (default: the region's first)")
	f.StringVar(&file, "config", "", "configuration `FILE` of the service, YAML")
	f.BoolVar(&execute, "execute", false, "really purge")
	f.BoolVar(&once, "once", false, "make one run now and end")
	return c
}

func readServeConfig(file string) (*serve.Config, error) {
	if file == "" {
		return nil, usage{errors.New("--config is missing"), "purging is off until a file says when; docs/purge.md lists its keys"}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, openError(err)
	}
	return serve.ParseConfig(b)
}

// serve runs the service, or one run of it.
func (a *app) serve(ctx context.Context, p *purgeFlags, config *serve.Config, execute, once bool) error {
	client, err := a.connect(ctx, where{p.region, p.org, record.RolePurger})
	if err != nil {
		return err
	}
	defer client.Close()
	log, err := a.logger()
	if err != nil {
		return err
	}
	l := newLedger(client)
	events := &eventPrinter{app: a, execute: execute}
	b := serve.Backend{
		Ledger: l, Peers: l, Collections: client.Collections, Log: log, DryRun: !execute, Event: events.print, Now: clockOf(ctx),
		Paused: func(ctx context.Context) (bool, error) {
			pause, err := client.Paused(ctx, "")
			return pause != nil, err
		},
	}
	if f := config.Evidence; len(f.Scrubs)+len(f.Attestations) > 0 {
		peers, err := a.ownPeers(where{p.region, p.org, record.RolePurger})
		if err != nil {
			return err
		}
		b.Evidence = func(context.Context) ([]serve.Evidence, error) { return evidenceOf(f, peers) }
	}
	if execute {
		b.Canary = l.canary
	} else {
		b.Ledger = purge.DryRun(l)
	}
	s, err := serve.New(config, b)
	if err != nil {
		return err
	}
	if once {
		result, err := s.Cycle(ctx)
		a.sayPurged(result, nil, execute)
		if result.Cut != "" {
			a.say("The run was cut short: %s. There may be more.", result.Cut)
		}
		if n := result.InTheWay(); n > 0 && n == result.Failed {
			err = failedRecords(result, err)
		}
		return errors.Join(err, events.err)
	}
	return errors.Join(a.serveUntil(ctx, s), events.err)
}

type clockKey struct{}

// WithClock makes `purge serve` go by another wall clock than the machine's: for tests of
// what a wrong clock does. [Run] must be given the context that it returns.
func WithClock(ctx context.Context, now func() time.Time) context.Context {
	return context.WithValue(ctx, clockKey{}, now)
}

// clockOf is the clock of the context, nil for the machine's.
func clockOf(ctx context.Context) func() time.Time {
	now, _ := ctx.Value(clockKey{}).(func() time.Time)
	return now
}

// ownPeers names the peers of the organisation that its settings list.
func (a *app) ownPeers(w where) ([]string, error) {
	s, err := a.loadSettings(w)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, p := range s.Peers {
		if p.Org == s.Org {
			out = append(out, p.Name)
		}
	}
	return out, nil
}

// serveUntil runs service and listener until ctx ends.
func (a *app) serveUntil(ctx context.Context, s *serve.Service) error {
	l, err := s.Listen()
	if err != nil {
		return err
	}
	a.say("metrics and health at %s", l.Addr())
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.ServeHTTP(ctx, l) })
	g.Go(func() error {
		defer l.Close()
		return s.Run(ctx)
	})
	return g.Wait()
}

// eventPrinter prints one JSON line for each thing done, as purge run does.
type eventPrinter struct {
	*app
	execute bool
	err     error
}

func (p *eventPrinter) print(e purge.Event) {
	if (p.execute || e.Kind == purge.EventSkipped) && p.err == nil {
		p.err = p.printLine(e)
	}
}

// pauseFlags say what to stop and why.
type pauseFlags struct {
	where
	order  gateway.PauseOrder
	except string
	show   bool
}

func (f *pauseFlags) add(c *cobra.Command) {
	regionFlag(c, &f.region, true)
	fl := c.Flags()
	fl.StringVar(&f.org, "org", "", "`organisation` whose purges are meant (default: the region's first)")
	fl.StringVar(&f.order.Authority, "authority", "", "who ordered it, or under what")
	fl.StringVar(&f.order.Reason, "reason", "", "why, without naming anybody")
}

func (a *app) purgePause() *cobra.Command {
	f := pauseFlags{where: where{role: record.RoleOfficer}}
	c := &cobra.Command{
		Use: "pause --region REGION --authority TEXT --reason TEXT", Short: "Stop the holder's purges, everywhere and at once",
		Long: `Stops every purge that loses a record (due, withdrawn, forced) in all collections that the
organisation holds, alone or with others, from the blocks of its transactions on, whatever service or program sends it. Forced
erasures have a legal deadline: --except forced lets them go on. Grounds moved and failed lose
no record and are not stopped. An officer does it; domicile purge resume ends it.`,
		Example: `  domicile purge pause --region us --authority "compliance" --reason "row R7 in doubt"
  domicile purge pause --region us --show`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			switch {
			case f.show:
				return a.showPause(c.Context(), f.where)
			case f.except == string(record.GroundForced):
				f.order.Except = []record.Ground{record.GroundForced}
			case f.except != "":
				return usagef("--except can name forced only")
			}
			return a.pause(c.Context(), &f)
		},
	}
	f.add(c)
	c.Flags().StringVar(&f.except, "except", "", "a `ground` that goes on: forced")
	c.Flags().BoolVar(&f.show, "show", false, "only show whether purges are stopped, and why")
	return c
}

func (a *app) purgeResume() *cobra.Command {
	f := pauseFlags{where: where{role: record.RoleOfficer}, order: gateway.PauseOrder{Resume: true}}
	c := &cobra.Command{
		Use: "resume --region REGION --authority TEXT --reason TEXT", Short: "Let the holder's purges go on",
		Long:    `Ends what domicile purge pause began. What became due meanwhile is purged by the next run.`,
		Example: `  domicile purge resume --region us --authority "compliance" --reason "row R7 confirmed"`,
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return a.pause(c.Context(), &f) },
	}
	f.add(c)
	return c
}

func (a *app) pause(ctx context.Context, f *pauseFlags) error {
	if strings.TrimSpace(f.order.Authority) == "" || strings.TrimSpace(f.order.Reason) == "" {
		return usage{errors.New("--authority and --reason are needed"), "they are kept in the holder's log"}
	}
	client, err := a.connect(ctx, f.where)
	if err != nil {
		return err
	}
	defer client.Close()
	receipts, err := client.Pause(ctx, f.order)
	for _, r := range receipts { // also of an order that only some holders could take
		if err := a.printLine(r); err != nil {
			return err
		}
		if f.order.Resume {
			a.say("purges go on from block %d", r.Block)
		} else {
			a.say("purges are stopped from block %d", r.Block)
		}
	}
	return err
}

func (a *app) showPause(ctx context.Context, w where) error {
	client, err := a.connect(ctx, w)
	if err != nil {
		return err
	}
	defer client.Close()
	pause, err := client.Paused(ctx, "")
	if err != nil {
		return err
	}
	running, err := client.Running(ctx)
	if err != nil {
		return err
	}
	switch {
	case pause == nil:
		a.say("purges are not stopped")
	case len(running) > 0:
		a.say("warning: purges of %s and what shares its log are not stopped", strings.Join(running, ", "))
	}
	return a.printLine(record.Paused{Pause: pause})
}
