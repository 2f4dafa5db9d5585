package integration

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// scriptsDir holds the clients that are not written in Go.
const scriptsDir = "../scripts"

func TestPeerCLIWalksThroughTheLifeOfARecord(t *testing.T) {
	t.Parallel()
	out := runClient(t, "", "bash", absolute(t, filepath.Join(scriptsDir, "peer-cli.sh")), shared.Dir())
	if want := "All as it should be."; !strings.Contains(out, want) {
		t.Errorf("scripts/peer-cli.sh ended well without saying %q:\n%s", want, out)
	}
}

func TestPeerCLIWalkthroughFailsOnADirectoryWithoutANetwork(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "bash", absolute(t, filepath.Join(scriptsDir, "peer-cli.sh")), t.TempDir())
	if out, err := cmd.CombinedOutput(); err == nil {
		t.Errorf("scripts/peer-cli.sh ended well where no network is:\n%s", out)
	}
}

func TestNodeClientLivesTheLifeOfARecord(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			skipLoudly(t, program+" is not installed, so Fabric's Node client is not tested")
		}
	}
	dir := installNodeClient(t)
	out := runClient(t, dir, "node", "--disable-warning=DEP0123", "life.mjs", shared.Dir())
	if want := "all as it should be"; !strings.Contains(out, want) {
		t.Errorf("scripts/node ended well without saying %q:\n%s", want, out)
	}
}

// runClient runs a client in dir and returns what it said.
func runClient(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	cmd.WaitDelay = 5 * time.Second // its children may hold the pipe
	cmd.Env = append(os.Environ(), "PEER_BIN="+absolute(t, binDir))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", program, errors.Join(err, context.Cause(ctx)), out)
	}
	t.Logf("%s", out)
	return string(out)
}

// nodeClientFiles are what is installed; packages follow from the lock file.
var nodeClientFiles = []string{"package.json", "package-lock.json", ".npmrc", "life.mjs", "client.mjs", "record.mjs"}

// installNodeClient copies the Node client to a directory of the user's cache,
// named by the content, and installs its packages there: once for all runs, and
// never into the repository.
func installNodeClient(t *testing.T) string {
	t.Helper()
	content := sha256.New()
	files := map[string][]byte{}
	for _, name := range nodeClientFiles {
		b, err := os.ReadFile(filepath.Join(scriptsDir, "node", name))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(content, "%s %d\n%s", name, len(b), b)
		files[name] = b
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	cache = filepath.Join(cache, "domicile", "node-client")
	dir := filepath.Join(cache, hex.EncodeToString(content.Sum(nil)[:8]))
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		t.Fatal(err)
	}
	tmp, err := os.MkdirTemp(cache, "new-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(tmp, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	npmInstall(t, tmp)
	// Whole or not at all: another run may have been faster.
	if err := os.Rename(tmp, dir); err != nil {
		if _, statErr := os.Stat(dir); statErr != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// npmInstall installs the locked packages. Without a registry there is nothing
// to test.
func npmInstall(t *testing.T, dir string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "ci", "--prefer-offline", "--omit=optional")
	cmd.Dir = dir
	cmd.WaitDelay = 5 * time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		skipLoudly(t, fmt.Sprintf("npm ci cannot install Fabric's Node client (%v), so it is not tested:\n%s", err, out))
	}
}

// skipLoudly skips, and says so even where tests run without -v.
func skipLoudly(t *testing.T, why string) {
	t.Helper()
	fmt.Fprintf(os.Stderr, "SKIPPED: %s: %s\n", t.Name(), why)
	t.Skip("SKIPPED: " + why)
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}
