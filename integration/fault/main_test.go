package fault

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"
)

var (
	seed     = flag.Uint64("seed", 0, "repeat the decisions of the run that printed this `number` (0: new ones)")
	rounds   = flag.Int("rounds", 0, "`rounds` of each fault (default 2, with -soak 20)")
	required = flag.Bool("network-required", false, "fail, instead of skipping, where the programs are not built")
	keep     = flag.Bool("keep", false, "keep the networks' directories")
	soak     = flag.Bool("soak", false, "run the long variants")
	_        = flag.String("network", "", "not used here: every test has a network of its own")
)

// binDir is where `make build` puts the programs.
const binDir = "../../bin"

// interrupted ends with the first SIGINT or SIGTERM, and every test with it, so that
// each takes its network down.
var interrupted context.Context

func TestMain(m *testing.M) {
	if file := os.Getenv(clockFile); file != "" {
		os.Exit(runByClock(file))
	}
	flag.Parse()
	var stop context.CancelFunc
	interrupted, stop = signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	if *rounds == 0 {
		if *rounds = 2; *soak {
			*rounds = 20
		}
	}
	status := m.Run()
	if !testing.Short() {
		fmt.Fprintf(os.Stderr, "%d rounds of each fault; the same decisions again: -seed=%d\n", *rounds, *seed)
	}
	os.Exit(status)
}

// dice are the decisions of one test: they follow from -seed and its name.
func dice(t *testing.T) *rand.Rand {
	t.Helper()
	h := fnv.New64a()
	h.Write([]byte(t.Name()))
	t.Logf("-seed=%d", *seed)
	return rand.New(rand.NewPCG(*seed, h.Sum64()))
}

// slow is how much longer a round may take on a slow machine.
const slow = 3

// patience lets a test run beside others, each on its own network, for most of their time
// is waiting, and bounds it: so long for each round, and as long for the start.
func patience(t *testing.T, round time.Duration) context.Context {
	t.Helper()
	t.Parallel()
	limit := slow * time.Duration(*rounds+1) * round
	ctx, cancel := context.WithTimeoutCause(t.Context(), limit, errors.New("the test took too long"))
	t.Cleanup(cancel)
	context.AfterFunc(interrupted, cancel)
	return ctx
}
