//go:build unix

package cpu

import (
	"syscall"
	"time"
)

// Time is the processor time that this process has spent so far, in user and kernel
// mode, of all its threads. See getrusage(2).
func Time() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic("cpu: getrusage: " + err.Error()) // of oneself, into memory that is there
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
