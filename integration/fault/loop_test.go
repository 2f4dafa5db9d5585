package fault

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"domicile/integration/kit"
	"domicile/purge"
)

// served is a service with a clock that can be set.
type served struct {
	*service
	clock clock
}

// serveByClock starts the loop of the service with such a clock.
func (c *cluster) serveByClock(ctx context.Context, t *testing.T, config string) served {
	t.Helper()
	p, k, err := c.purgeCommand(ctx, usA, loop, config)
	c.must(t, err)
	return served{c.serving(ctx, t, p), k}
}

// said is what the service has said so far.
func (s *service) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.words.String()
}

// says waits for words after the first n bytes of what the service has said.
func (s *service) says(ctx context.Context, t *testing.T, n int, words string) {
	t.Helper()
	err := kit.Eventually(ctx, func() error {
		if !strings.Contains(s.said()[n:], words) {
			return fmt.Errorf("the service does not say %q", words)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, s.said())
	}
}

// end ends a service in the ordinary way, and puts what it told into the history.
func (c *cluster) endService(ctx context.Context, t *testing.T, s *service) {
	t.Helper()
	c.must(t, s.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case err := <-s.ended:
		if err != nil {
			t.Errorf("the service was told to end: %v\n%s", err, s.said())
		}
	case <-ctx.Done():
		t.Fatal("the service does not end")
	}
	for _, e := range s.told(purge.EventPurged) {
		c.noteEvent(e)
	}
}
