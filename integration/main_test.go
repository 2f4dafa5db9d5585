package integration

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"domicile/erasure"
	"domicile/integration/kit"
	"domicile/internal/cli"
	"domicile/network"
)

var (
	attach   = flag.String("network", "", "use the running network in this `directory`")
	required = flag.Bool("network-required", false, "fail, instead of skipping, where the programs are not built")
	keep     = flag.Bool("keep", false, "keep the network and its logs")
	soak     = flag.Bool("soak", false, "run the long variants")
)

// shared is the network of all tests.
var shared *fabric

// binDir is where `make build` puts the programs.
const binDir = "../bin"

// topology is the default one with short batches, so that tests wait less.
const topology = `schema: 1
consensus: bft
batchInterval: 80ms
regions:
  - {name: us, octet: 10, orderers: 1, organizations: [{name: UsHospital, peers: 3}, {name: UsPayer, peers: 2}]}
  - {name: eu, octet: 20, orderers: 1, organizations: [{name: EuHospital, peers: 3}, {name: EuSponsor, peers: 2}]}
  - {name: uk, octet: 30, orderers: 1, organizations: [{name: UkTrust, peers: 3}]}
  - {name: au, octet: 40, orderers: 1, organizations: [{name: AuHealth, peers: 3}]}
`

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) (status int) {
	if testing.Short() {
		fmt.Fprintln(os.Stderr, "SKIPPED: -short: no test on a real network runs")
		return 0
	}
	if missing := kit.MissingProgram(binDir); missing != "" {
		fmt.Fprintf(os.Stderr, "SKIPPED: %s is missing: run `make build` first\n", missing)
		if *required {
			return 1
		}
		return 0
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	n, down, err := start(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "no network:", err)
		return 1
	}
	defer func() {
		if err := down(); err != nil {
			fmt.Fprintln(os.Stderr, "taking the network down:", err)
			status = 1
		}
	}()
	shared = newFabric(n)
	defer shared.close()
	// Tests wait for blocks more than they compute.
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		if err := f.Value.Set("6"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	status = m.Run()
	if status != 0 {
		printLogs(n)
	}
	return status
}

// start attaches to a network or makes one, the way the command does.
func start(ctx context.Context) (n *network.Network, down func() error, err error) {
	if *attach != "" {
		n, err = network.Open(*attach)
		return n, func() error { return nil }, err
	}
	tmp, err := os.MkdirTemp("", "domicile-integration-")
	if err != nil {
		return nil, nil, err
	}
	file, dir := filepath.Join(tmp, "topology.yaml"), filepath.Join(tmp, "net")
	if err := os.WriteFile(file, []byte(topology), 0o600); err != nil {
		return nil, nil, err
	}
	bin, err := filepath.Abs(binDir)
	if err != nil {
		return nil, nil, err
	}
	began := time.Now()
	var words bytes.Buffer
	code := cli.Run(ctx, []string{"network", "up", "--dir", dir, "--topology", file, "--bin", bin, "--rules", "none"}, nil, os.Stdout, &words)
	n, openErr := network.Open(dir)
	down = func() error { return takeDown(n, tmp) }
	if code != cli.ExitDone || openErr != nil {
		if openErr == nil {
			printLogs(n)
			err = down()
		}
		return nil, nil, errors.Join(fmt.Errorf("network up ends with status %d:\n%s", code, words.String()), err)
	}
	fmt.Fprintf(os.Stderr, "network up in %s: %.1f s\n", dir, time.Since(began).Seconds())
	return n, down, nil
}

func takeDown(n *network.Network, tmp string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := n.Down(ctx); err != nil {
		return err
	}
	if *keep {
		fmt.Fprintln(os.Stderr, "kept:", n.Dir())
		return nil
	}
	return os.RemoveAll(tmp)
}

// tailLines is how much of a log a failure shows.
const tailLines = 40

// trouble is what ends a node or should have. (Peers log errors about refused
// transactions and broken handshakes, which the tests cause on purpose.)
var trouble = regexp.MustCompile(`\b(PANI|FATA)\b|(?m)^panic:|(?m)^fatal error:`)

// exchange is what a peer says of other peers and of private data that it gets from them.
var exchange = regexp.MustCompile(`\[gossip\.(channel|privdata|discovery)\]|(WARN|ERRO) \[gossip`)

// printLogs prints the end of the logs of nodes that do not run or panicked, what the
// doctor says, and the exchange of peers that lack private data.
func printLogs(n *network.Network) {
	var said bytes.Buffer
	cli.Run(context.Background(), []string{"network", "doctor", "--dir", n.Dir()}, nil, &said, &said)
	for line := range strings.Lines(said.String()) {
		if !strings.HasPrefix(line, "│ ok ") {
			fmt.Fprint(os.Stderr, line)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	nodes, err := n.Status(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "status:", err)
	}
	for _, x := range nodes {
		b, err := os.ReadFile(x.LogFile)
		if err != nil {
			continue
		}
		lines := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
		if x.State == network.StateRunning && !trouble.Match(b) {
			if p, err := erasure.ReadPrivateStore(ctx, x.DataDir, network.Channel); err != nil || p.Missing == 0 {
				continue
			}
			lines = slices.DeleteFunc(lines, func(l []byte) bool { return !exchange.Match(l) })
		}
		fmt.Fprintf(os.Stderr, "--- %s (%s), %s\n%s\n", x.Name, x.State, x.LogFile,
			bytes.Join(lines[max(0, len(lines)-tailLines):], []byte("\n")))
	}
}
