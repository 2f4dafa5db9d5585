package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"domicile/internal/cli"
)

const certificates = "../../erasure/certificate/testdata/"

func verifyDestruction(t *testing.T, args ...string) (status int, out, words string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	status = cli.Run(t.Context(), append([]string{"proof", "verify-destruction"}, args...), strings.NewReader(""), &stdout, &stderr)
	return status, stdout.String(), stderr.String()
}

func TestACertificateIsCheckedWithoutANetwork(t *testing.T) {
	file, genesis := certificates+"anchored.json", certificates+"genesis.block"
	if status, out, words := verifyDestruction(t, file, "--genesis", genesis); status != cli.ExitDone || !strings.Contains(out, "WHAT NOBODY CAN PROVE") {
		t.Errorf("%d %s%s", status, out, words)
	}
	if status, out, _ := verifyDestruction(t, file, "--genesis", genesis, "--json"); status != cli.ExitDone || !strings.Contains(out, `"unprovable"`) {
		t.Errorf("%d %s", status, out)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := filepath.Join(t.TempDir(), "changed.json")
	if err := os.WriteFile(changed, bytes.Replace(b, []byte(`"collection": "au-a"`), []byte(`"collection": "au-b"`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		status int
		words  string
		args   []string
	}{
		{"a changed field is named", cli.ExitRefused, "put:", []string{changed, "--genesis", genesis}},
		{"no genesis block", cli.ExitUsage, "--genesis", []string{file}},
		{"something else as the genesis block", cli.ExitRefused, "genesis", []string{file, "--genesis", file}},
		{"no file", cli.ExitUsage, "", []string{"absent.json", "--genesis", genesis}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if status, out, words := verifyDestruction(t, c.args...); status != c.status || !strings.Contains(words, c.words) || out != "" {
				t.Errorf("%d %s%s", status, out, words)
			}
		})
	}
}
