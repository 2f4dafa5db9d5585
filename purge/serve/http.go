package serve

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

// stuck is after how long without a turn of its loop a service that is not at work
// counts as dead.
const stuck = 5 * time.Minute

// Handler serves /metrics, /healthz (the loop turns) and /readyz (the last look at
// the ledger succeeded). The latter two answer 200 or 503 and one word.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.metrics.Handler())
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, s.busy.Load() || time.Since(time.Unix(s.beat.Load(), 0)) < stuck)
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.reached.Load()) })
	return mux
}

func answer(w http.ResponseWriter, good bool) {
	if !good {
		http.Error(w, "no", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

// Listen opens the address of metrics and health. Errors name the key of the
// configuration.
func (s *Service) Listen() (net.Listener, error) {
	l, err := net.Listen("tcp", s.config.Listen)
	if err != nil {
		return nil, settings(fmt.Errorf("listen: %w", err))
	}
	if s.config.TLS == nil {
		return l, nil
	}
	c, err := s.config.TLS.load()
	if err != nil {
		l.Close()
		return nil, settings(err)
	}
	return tls.NewListener(l, c), nil
}

// ServeHTTP answers on the listener until ctx ends or the listener is closed.
func (s *Service) ServeHTTP(ctx context.Context, l net.Listener) error {
	server := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second}
	done := context.AfterFunc(ctx, func() {
		patience, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		_ = server.Shutdown(patience) // the process ends anyway
	})
	defer done()
	err := server.Serve(l)
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (t *TLS) load() (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(t.Certificate, t.Key)
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	c := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13}
	if t.ClientCA == "" {
		return c, nil
	}
	pem, err := os.ReadFile(t.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("tls.clientCA: %w", err)
	}
	c.ClientCAs = x509.NewCertPool()
	if !c.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, errors.New("tls.clientCA: no PEM certificate in it")
	}
	c.ClientAuth = tls.RequireAndVerifyClientCert
	return c, nil
}
