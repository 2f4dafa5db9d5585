package kit

import (
	"context"
	"errors"
	"time"
)

// Pause waits one poll interval, 50 ms; false when ctx ended.
func Pause(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(50 * time.Millisecond):
		return true
	}
}

// Eventually calls f until it returns nil or ctx ends, and returns f's last error; if the
// end of ctx caused that, with the one before, which says what was waited for.
func Eventually(ctx context.Context, f func() error) error {
	var last error
	for {
		err := f()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return errors.Join(err, last)
		}
		if last = err; !Pause(ctx) {
			return err
		}
	}
}
