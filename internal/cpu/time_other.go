//go:build !unix

package cpu

import "time"

var began = time.Now()

// Time is the time since the process began: no system is known here that tells what
// was spent.
func Time() time.Duration { return time.Since(began) }
