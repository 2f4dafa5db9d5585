package integration

import (
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestTheCommandAsItsUsersRunIt runs the scripts of testdata/script with the built
// program on the shared network. (testscript's own commands are in its package
// documentation; id, subst and status are ours.)
func TestTheCommandAsItsUsersRunIt(t *testing.T) {
	t.Parallel()
	bin, err := filepath.Abs(binDir)
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", bin+string(filepath.ListSeparator)+e.Getenv("PATH"))
			e.Setenv("DOMICILE_DIR", shared.Dir())
			e.Setenv("UNIQUE", unique())
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"id": setID, "status": wantStatus, "subst": subst},
	})
}
