// Command bench measures what Domicile costs, on a network of its own: ratios to
// the least that Fabric can do, with interleaved rounds, medians and spread. It
// refuses to print a ratio one side of which spreads over 25 %.
//
//	go run ./integration/bench [-json] [-quick] [-rounds N] [-network DIR]
//	go run ./integration/bench -scale [-only TEXT] [-records N] [-stored N,N] [-memory N,N]
//
// With -scale it measures purges at size instead, on the small network.
//
// Run it from the repository, after make build, on a machine that has nothing else
// to do. docs/benchmarks.md explains the figures.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"domicile/internal/cli"
	"domicile/network"
)

// config is what the flags say.
type config struct {
	bin    string // folder of Fabric's programs and ours
	module string // where the repository is
	attach string // directory of a running network that this program made
	rounds int
	budget time.Duration // of one comparison, after at least minRounds
	ups    int           // how often a network is made from nothing
	asJSON bool
	quick  bool
	keep   bool
	scale  scaleConfig
}

func main() {
	var c config
	flag.StringVar(&c.bin, "bin", "bin", "`folder` of Fabric's programs and ours")
	flag.StringVar(&c.attach, "network", "", "`directory` of a running network that an earlier run kept")
	flag.IntVar(&c.rounds, "rounds", 9, "rounds of each comparison")
	flag.DurationVar(&c.budget, "budget", 2*time.Minute, "after this `time` a comparison ends early, with at least 3 rounds")
	flag.IntVar(&c.ups, "ups", 3, "how often a network is made from nothing, to time it")
	flag.BoolVar(&c.asJSON, "json", false, "print JSON, raw rounds included, and the tables on standard error")
	flag.BoolVar(&c.quick, "quick", false, "small network, two short rounds: shows only that everything runs")
	flag.BoolVar(&c.keep, "keep", false, "leave the network running")
	c.scale.flags(flag.CommandLine)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, c, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures everything and prints it.
func run(ctx context.Context, c config, stdout, stderr io.Writer) (err error) {
	if c.quick {
		c.rounds, c.ups = 2, 1
		c.scale.shrink()
	}
	if c.scale.on {
		c.ups = 1
		if err := c.scale.check(); err != nil {
			return err
		}
	}
	b := &bench{config: c, say: func(format string, a ...any) { fmt.Fprintf(stderr, format+"\n", a...) }}
	b.result = Result{Machine: machine(), Quick: c.quick, LoadBefore: loadAverage()}
	defer func() { err = errors.Join(err, b.close()) }()
	if b.needsNetwork() {
		if err := b.start(ctx); err != nil {
			return err
		}
	}
	return errors.Join(b.measure(ctx), b.result.write(c.asJSON, stdout, stderr))
}

// measure runs the parts up to the first that fails. What was measured until then
// stays in the result.
func (b *bench) measure(ctx context.Context) error {
	defer func() { b.result.LoadAfter = loadAverage() }()
	for _, part := range b.chosen() {
		b.say("%s", part.title)
		s := Section{Title: part.title, Note: part.note, LoadBefore: loadAverage()}
		if err := part.run(ctx, &s); err != nil {
			return fmt.Errorf("%s: %w", part.title, err)
		}
		s.LoadAfter = loadAverage()
		b.result.Sections = append(b.result.Sections, s)
	}
	return nil
}

// bench is one run.
type bench struct {
	config
	say    func(format string, a ...any)
	result Result

	tmp    string    // holds the networks, unless attached
	site             // the network that is measured
	up     []float64 // seconds each making of a network took
	idle   took      // of one second without work; only the network's CPU is set
	memory [2]float64
}

// site is a network, and how it is reached.
type site struct {
	n     *network.Network
	pids  []int
	users users
}

// open connects to a network that runs.
func (s *site) open(ctx context.Context) (err error) {
	if s.pids, err = pids(ctx, s.n); err != nil {
		return err
	}
	return s.users.open(ctx, s.n)
}

// close ends a network that this program made.
func (s *site) close() error {
	s.users.close()
	if s.n == nil {
		return nil
	}
	return down(s.n)
}

// down ends a network, also after an interrupt.
func down(n *network.Network) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return n.Down(ctx)
}

// interval is the batch interval, in ms.
func (b *bench) interval() float64 { return ms(b.n.Topology().BatchInterval) }

// start makes the network, as often as it is to be timed, or attaches to one.
func (b *bench) start(ctx context.Context) error {
	var err error
	if b.attach != "" {
		if b.n, err = network.Open(b.attach); err != nil {
			return err
		}
	} else if err := b.make(ctx); err != nil {
		return err
	}
	if err := b.site.open(ctx); err != nil {
		return err
	}
	return b.rest(ctx)
}

// prepare makes the folder of the networks, and in it their programs: the chaincode server
// is one with the bare function.
func (b *bench) prepare(ctx context.Context) error {
	if b.tmp != "" {
		return nil
	}
	var err error
	if b.tmp, err = os.MkdirTemp("", "domicile-bench-"); err != nil {
		return err
	}
	bin := filepath.Join(b.tmp, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		return err
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(bin, "ccaas"), "./integration/bench/bare")
	build.Stderr, build.Dir = os.Stderr, b.module
	if err := build.Run(); err != nil {
		return fmt.Errorf("build the bare chaincode: %w", err)
	}
	for _, name := range []string{"peer", "orderer", "configtxgen", "ccaasbuilder"} {
		program, err := filepath.Abs(filepath.Join(b.bin, name))
		if err != nil {
			return err
		}
		if err := os.Symlink(program, filepath.Join(bin, name)); err != nil {
			return err
		}
	}
	return nil
}

// make makes the network that is measured, as often as it is to be timed.
func (b *bench) make(ctx context.Context) error {
	err := b.prepare(ctx)
	if err != nil {
		return err
	}
	for i := range b.ups {
		if i > 0 {
			if err := b.n.Down(ctx); err != nil {
				return err
			}
		}
		b.say("network up, %d of %d", i+1, b.ups)
		start := time.Now()
		if b.n, err = b.bringUp(ctx, fmt.Sprintf("net%d", i)); err != nil {
			return err
		}
		b.up = append(b.up, time.Since(start).Seconds())
	}
	return nil
}

// bringUp makes a network from nothing.
func (b *bench) bringUp(ctx context.Context, name string) (*network.Network, error) {
	topology := "default"
	if b.quick || b.scale.on {
		topology = "small"
	}
	dir := filepath.Join(b.tmp, name)
	code := cli.Run(ctx, []string{"network", "up", "--dir", dir, "--topology", topology, "--bin", filepath.Join(b.tmp, "bin"), "--rules", "none"}, nil, io.Discard, os.Stderr)
	n, err := network.Open(dir)
	if code == cli.ExitDone {
		return n, err
	}
	failed := fmt.Errorf("network up ended with status %d", code)
	if err == nil { // what comes after the network itself failed
		failed = errors.Join(failed, down(n))
	}
	return nil, failed
}

// restTime is how long nothing is done before idle figures are taken.
const restTime = 10 * time.Second

// rest takes what the network needs while nobody asks anything of it.
func (b *bench) rest(ctx context.Context) error {
	d := restTime
	if b.quick {
		d = time.Second
	}
	before, err := cpuOf(b.pids)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
	}
	after, err := cpuOf(b.pids)
	if err != nil {
		return err
	}
	b.idle.network = ms(after-before) / d.Seconds()
	b.memory[0], b.memory[1] = memoryOf(b.pids)
	return nil
}

// close leaves nothing behind, unless it is to be kept.
func (b *bench) close() error {
	switch {
	case b.attach != "":
		b.users.close()
	case b.keep && b.n != nil:
		b.users.close()
		b.say("the network runs on in %s", b.n.Dir())
		return nil
	default:
		if err := b.site.close(); err != nil {
			return err // its directory says which processes
		}
	}
	return os.RemoveAll(b.tmp)
}
