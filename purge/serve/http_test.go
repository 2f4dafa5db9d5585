package serve

import (
	"context"
	"net"
	"testing"
)

// Which of the two comes first when a service ends is for the scheduler to say.
func TestTheListenerMayBeClosedBeforeTheServiceIsToldToEnd(t *testing.T) {
	for name, end := range map[string]func(net.Listener, context.CancelFunc){
		"closed first": func(l net.Listener, cancel context.CancelFunc) { l.Close(); cancel() },
		"told first":   func(l net.Listener, cancel context.CancelFunc) { cancel(); l.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			s := new(shelf).service(t, "")
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- s.ServeHTTP(ctx, l) }()
			end(l, cancel)
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}
