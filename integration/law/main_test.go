package law

import (
	"flag"
	"time"
)

var (
	required = flag.Bool("network-required", false, "fail, instead of skipping, where the programs are not built")
	keep     = flag.Bool("keep", false, "keep the networks' directories")
	_        = flag.Bool("soak", false, "not used here")
	_        = flag.String("network", "", "not used here: every test has a network of its own")
)

// binDir is where `make build` puts the programs.
const binDir = "../../bin"

// patience bounds one test that hangs.
const patience = 20 * time.Minute

const (
	longAgo = "1985-06-15"
	farOff  = "2199-06-15"
)
