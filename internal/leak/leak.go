// Package leak lets the tests of a package fail when they leave goroutines behind.
package leak

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience is for goroutines that end by themselves on a busy machine.
const patience = time.Minute

// Main is the TestMain of a package: it runs the tests and then looks for goroutines
// that are left. It does not return.
func Main(m *testing.M, options ...goleak.Option) {
	status := m.Run()
	if status == 0 {
		if err := wait(patience, options...); err != nil {
			fmt.Fprintln(os.Stderr, err)
			status = 1
		}
	}
	os.Exit(status)
}

// wait returns an error that names the goroutines which are left after so long.
func wait(most time.Duration, options ...goleak.Option) error {
	for end := time.Now().Add(most); ; {
		err := goleak.Find(options...)
		if err == nil || time.Now().After(end) {
			return err
		}
	}
}
