package cli

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"domicile/collections"
	"domicile/gateway/gatewaytest"
)

// TestI14_NoCommandExecutesUnlessTold looks at every command that has the flag, so that a new one is bound too.
func TestI14_NoCommandExecutesUnlessTold(t *testing.T) {
	a := &app{out: io.Discard}
	seen := map[string]bool{}
	var look func(c *cobra.Command)
	look = func(c *cobra.Command) {
		if f := c.Flags().Lookup("execute"); f != nil {
			seen[c.CommandPath()] = true
			if f.DefValue != "false" {
				t.Errorf("%s executes by default", c.CommandPath())
			}
		}
		for _, sub := range c.Commands() {
			look(sub)
		}
	}
	look(a.root())
	for _, path := range []string{
		"domicile purge run", "domicile purge serve", "domicile purge failed", "domicile purge scrub", "domicile purge reassess",
		"domicile retention erasure", "domicile label run", "domicile network restore",
	} {
		if !seen[path] {
			t.Errorf("%s has no --execute", path)
		}
	}
}

// What a dry run would do is there to be done, and the run after it, which is told to, does it.
func TestI14_noDryRunSendsATransaction(t *testing.T) {
	s := open(t)
	s.n.SetPrivate("us-a-log", func(p *collections.Private) { p.Labels.Rules = "" })
	s.put("UsHospital", diagnosis("c1", "F11.20", "2001-01-01"))
	erasure := []string{"retention", "erasure", "--subject", "-", "--law", "gdpr", "--received", "2026-01-02", "--case", "DSR-1"}
	s.ok("UsHospital", "officer", person, append(erasure, "--region", "us", "--execute")...)
	s.rules()
	config := filepath.Join(t.TempDir(), "serve.yaml")
	if err := os.WriteFile(config, []byte("version: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	officer := s.n.Settings("UsHospital", "officer")
	for _, x := range []struct {
		user, in, want string
		args           []string
	}{
		{"purger", "", "1 records would be purged", []string{"purge", "run"}},
		{"purger", "", "1 records would be purged", []string{"purge", "run", "--config", config}},
		{"purger", "", "1 records would be purged", []string{"purge", "serve", "--once", "--config", config}},
		{"purger", "", "Nothing was changed", []string{"purge", "run", "--withdrawn"}},
		{"purger", "", "1 may go", []string{"purge", "run", "--case", "DSR-1", "--officer", officer}},
		{"officer", "", "", []string{"purge", "reassess"}},
		{"officer", person, "1 may go", erasure},
		{"writer", "", "1 to do: move", []string{"label", "run"}},
	} {
		s.n.Before(func(c gatewaytest.Call) error {
			if c.Method != "Endorse" && c.Method != "Submit" {
				return nil
			}
			t.Errorf("%s sent %s %s %s", strings.Join(x.args, " "), c.Method, c.Function, c.Op)
			return errors.New("a dry run")
		})
		if out := s.ok("UsHospital", x.user, x.in, append(x.args, "--region", "us")...); !strings.Contains(out, x.want) {
			t.Errorf("%s: no %q in\n%s", strings.Join(x.args, " "), x.want, out)
		}
	}
	s.n.Before(nil)
	if out := s.ok("UsHospital", "purger", "", "purge", "run", "--region", "us", "--execute"); !strings.Contains(out, "1 records were purged") {
		t.Errorf("purge: %s", out)
	}
}
