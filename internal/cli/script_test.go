package cli

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"domicile/chaincode/record"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata/script")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"domicile": func() { os.Exit(Main()) }})
}

// TestScripts runs the command as a user would; it needs no network.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", UpdateScripts: *update, RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error { return writeFixtures(e.WorkDir) },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// exits STATUS COMMAND ARG... runs a command that ends with a status.
			"exits": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) < 2 {
					ts.Fatalf("usage: exits STATUS COMMAND ARG...")
				}
				want, err := strconv.Atoi(args[0])
				ts.Check(err)
				got := 0
				if err := ts.Exec(args[1], args[2:]...); err != nil {
					var x *exec.ExitError
					if !errors.As(err, &x) {
						ts.Fatalf("%v", err)
					}
					got = x.ExitCode()
				}
				if got != want {
					ts.Fatalf("exit status %d, want %d", got, want)
				}
			},
		},
	})
}

// writeFixtures writes files that a script cannot hold as text: a sealed record and
// a sealed JSON answer.
func writeFixtures(dir string) error {
	key, salt := make([]byte, record.SealKeyLen), make([]byte, record.SaltLen)
	for i := range salt {
		key[i], salt[i] = 0x11, byte(i)
	}
	for name, answer := range map[string][]byte{
		"sealed-record.json": record.EncodeValue(salt, []byte(`{"resourceType":"Basic"}`)),
		"sealed-page.json":   []byte(`{"entries":[]}`),
	} {
		sealed, err := record.Seal(key, "tx", answer)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), sealed, 0o600); err != nil {
			return err
		}
	}
	return nil
}
