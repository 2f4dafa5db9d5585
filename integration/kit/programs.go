package kit

import (
	"os"
	"path/filepath"
	"testing"
)

// NeedPrograms skips a test, or where required fails it, if a network cannot be started
// with the programs in dir.
func NeedPrograms(t *testing.T, dir string, required bool) {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED: -short: no test on a real network runs")
	}
	missing := MissingProgram(dir)
	switch {
	case missing == "":
	case required:
		t.Fatalf("%s is missing: run `make build` first", missing)
	default:
		t.Skipf("SKIPPED: %s is missing: run `make build` first", missing)
	}
}

// MissingProgram is the path of the first program that a network needs and `make
// build` has not made in dir, "" when all are there.
func MissingProgram(dir string) string {
	for _, name := range []string{"peer", "orderer", "configtxgen", "ccaas", "ccaasbuilder", "domicile"} {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err != nil {
			return path
		}
	}
	return ""
}
