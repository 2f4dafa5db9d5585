package kit

import (
	"context"
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

// Eventually calls f until it returns nil or ctx ends, and returns f's last error.
func Eventually(ctx context.Context, f func() error) error {
	for {
		err := f()
		if err == nil || !Pause(ctx) {
			return err
		}
	}
}
