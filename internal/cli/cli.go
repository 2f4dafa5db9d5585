// Package cli is the domicile command: flags in, calls of the other packages,
// tables and JSON out. Whatever decides something lives in those packages.
//
// Data goes to standard output, everything else (words, progress, warnings,
// errors) to standard error. Exit status: see the Exit constants.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"regexp"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"
)

// Exit statuses.
const (
	ExitDone           = 0
	ExitRefused        = 1 // refused, or a hash that does not match
	ExitUsage          = 2 // a command line or settings file that makes no sense
	ExitInfrastructure = 3 // something needed is missing, down or too slow
)

// Main runs the command with the process's arguments and streams and returns its
// exit status. SIGINT and SIGTERM end it in an orderly way: what is in hand is
// finished. A second one ends it at once.
func Main() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
}

// Run runs the command and returns its exit status.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{in: stdin, out: stdout, err: stderr}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return ExitDone
	}
	return a.report(err)
}

// app holds the streams and the global flags of one run.
type app struct {
	in       io.Reader
	out, err io.Writer

	dir      string
	settings string
	as       string
	logLevel string
	json     bool
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "domicile",
		Short: "Keep, prove and destroy health records inside their jurisdiction",
		Long: `Domicile keeps health records inside the jurisdiction they belong to, proves to
everyone else that they exist unchanged, and destroys them when their retention ends.

Every flag below can be set in the environment as DOMICILE_ and its name, such as
DOMICILE_DIR or DOMICILE_LOG_LEVEL; a flag on the command line wins.

Exit status: 0 done, 1 refused or mismatch, 2 usage, 3 infrastructure.`,
		Example: `  domicile demo                                    # the whole life of a record, on a network of its own
  domicile network up                              # a network that stays, in .domicile/
  domicile record put --region us bundle.json      # put and anchor every entry
  domicile purge plan --region us                  # what is due, on which authority
  domicile help GONE                               # what an error code means`,
		SilenceErrors: true, SilenceUsage: true,
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			if err := fromEnvironment(c.Flags()); err != nil {
				return err
			}
			if err := c.ValidateFlagGroups(); err != nil {
				return usage{err: err} // it names flags alone
			}
			return nil
		},
	}
	f := root.PersistentFlags()
	f.StringVar(&a.dir, "dir", ".domicile", "`directory` of the local network")
	f.StringVar(&a.settings, "settings", "", "settings `file` of the client (default: the local network's)")
	f.StringVar(&a.as, "as", "", "act as `ROLE@ORG` of the local network (default: a role that fits)")
	f.BoolVar(&a.json, "json", false, "print JSON instead of tables")
	f.StringVar(&a.logLevel, "log-level", "warn", "log to stderr from this `level` on: debug, info, warn, error")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage{err: err} })
	root.CompletionOptions.HiddenDefaultCmd = false
	root.AddCommand(a.networkCommand(), a.policyCommand(), a.recordCommand(), a.proofCommand(),
		a.labelCommand(), a.retentionCommand(), a.holdCommand(), a.purgeCommand(), a.sampleCommand(), a.demoCommand(), versionCommand())
	root.SetHelpCommand(a.helpCommand(root))
	for _, c := range allCommands(root) {
		if c.Args != nil {
			c.Args = usageArgs(c.Args)
		}
		if c.HasSubCommands() {
			group(c)
		}
	}
	return root
}

// group makes a command that only holds others refuse unknown ones.
func group(c *cobra.Command) {
	c.Args = usageArgs(func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		if commandWord.MatchString(args[0]) {
			return usagef("unknown command %q for %q", args[0], c.CommandPath())
		}
		return usagef("unknown command for %q", c.CommandPath())
	})
	c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
}

func allCommands(c *cobra.Command) []*cobra.Command {
	out := []*cobra.Command{c}
	for _, sub := range c.Commands() {
		out = append(out, allCommands(sub)...)
	}
	return out
}

// commandWord is what an argument must look like to be repeated in an error. Others
// may be a patient's identifier typed in the wrong place.
var commandWord = regexp.MustCompile(`^[a-z]{1,12}$`)

// usageArgs turns a refusal of arguments into a usage error that does not repeat
// them.
func usageArgs(f cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		err := f(c, args)
		if err == nil {
			return nil
		}
		var u usage
		if !errors.As(err, &u) {
			u.err = fmt.Errorf("%s does not take %d arguments", c.CommandPath(), len(args))
		}
		u.hint = "usage: " + c.UseLine()
		return u
	}
}

// fromEnvironment sets flags that the command line leaves alone.
func fromEnvironment(flags *pflag.FlagSet) error {
	var failed error
	flags.VisitAll(func(f *pflag.Flag) {
		name := "DOMICILE_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		v := os.Getenv(name)
		if f.Changed || v == "" || failed != nil || !environmental[f.Name] {
			return
		}
		if err := flags.Set(f.Name, v); err != nil {
			failed = usagef("%s in the environment: %v", name, err)
		}
	})
	return failed
}

// environmental are the flags that the environment may set.
var environmental = map[string]bool{
	"dir": true, "settings": true, "as": true, "json": true, "log-level": true, "region": true, "org": true,
}

// logger returns a logger to standard error at the asked level.
func (a *app) logger() (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(a.logLevel)); err != nil {
		return nil, usagef("--log-level is debug, info, warn or error")
	}
	return slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: l})), nil
}

// terminal reports whether standard error is a terminal.
func (a *app) terminal() bool {
	f, ok := a.err.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs, Example: "  domicile version",
		RunE: func(c *cobra.Command, _ []string) error {
			version := "(unknown)"
			if info, ok := debug.ReadBuildInfo(); ok {
				version = info.Main.Version + " " + info.GoVersion
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						version += " " + s.Value
					}
				}
			}
			c.Println("domicile " + version)
			return nil
		},
	}
}
