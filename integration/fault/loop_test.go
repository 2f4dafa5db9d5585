package fault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// served is a `purge serve` that runs.
type served struct {
	c       *cluster
	p       *exec.Cmd
	clock   clock
	address string
	words   *lines
	out     *strings.Builder // to be read when it has ended
}

// startLoop starts the loop of the service and waits until it listens.
func (c *cluster) startLoop(ctx context.Context, t *testing.T, config string) *served {
	t.Helper()
	p, k, err := c.purgeCommand(ctx, usA, loop)
	c.must(t, err)
	c.must(t, os.WriteFile(filepath.Join(c.tmp, "serve.yaml"), []byte(config), 0o600))
	l := &served{c: c, p: p, clock: k, out: &strings.Builder{}, words: &lines{line: func(string) {}}}
	p.Stdout, p.Stderr = l.out, l.words
	c.must(t, p.Start())
	t.Cleanup(func() {
		if p.ProcessState == nil {
			_ = p.Process.Kill()
			_ = p.Wait()
		}
	})
	l.wait(ctx, t, func() error {
		m := regexp.MustCompile(`metrics and health at (\S+)\n`).FindStringSubmatch(l.words.text())
		if m == nil {
			return errors.New("the service does not listen")
		}
		l.address = m[1]
		return nil
	})
	return l
}

// wait waits for something.
func (l *served) wait(ctx context.Context, t *testing.T, f func() error) {
	t.Helper()
	if err := eventually(ctx, f); err != nil {
		t.Fatalf("%v\n%s", err, l.words.text())
	}
}

// saidSince wants words to have been said after so many bytes.
func (l *served) saidSince(from int, words string) func() error {
	return func() error {
		if !strings.Contains(l.words.text()[from:], words) {
			return fmt.Errorf("the service does not say %q", words)
		}
		return nil
	}
}

func (l *served) metrics(ctx context.Context) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+l.address+"/metrics", nil)
	if err != nil {
		return "", err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

// number is the value of a metric without labels, 0 if there is none.
func number(metrics, name string) (v float64) {
	if m := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(metrics); m != nil {
		_, _ = fmt.Sscan(m[1], &v)
	}
	return v
}

// end ends the service in the ordinary way.
func (l *served) end(t *testing.T) {
	t.Helper()
	l.c.must(t, l.p.Process.Signal(syscall.SIGTERM))
	if err := l.p.Wait(); err != nil {
		t.Errorf("the service was told to end: %v\n%s", err, l.words.text())
	}
	l.c.noteEvents(l.out.String())
}
