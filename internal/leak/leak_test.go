package leak

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestAGoroutineIsWaitedForAndOneThatStaysIsNamed(t *testing.T) {
	others := goleak.IgnoreCurrent()
	end := make(chan struct{})
	go func() { <-end }()
	if err := wait(time.Millisecond, others); err == nil {
		t.Error("a goroutine that stays is not named")
	}
	time.AfterFunc(2*time.Second, func() { close(end) })
	if err := wait(patience, others); err != nil {
		t.Error(err)
	}
}
