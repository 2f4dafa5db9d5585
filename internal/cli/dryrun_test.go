package cli

import (
	"io"
	"testing"

	"github.com/spf13/cobra"
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
