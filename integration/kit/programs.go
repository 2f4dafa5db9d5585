package kit

import (
	"os"
	"path/filepath"
)

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
