package network

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// fabricBin is where `make build` puts Fabric's programs.
const fabricBin = "../bin"

// testBin is a folder with Fabric's programs, the external builder and the
// test chaincode as ccaas. The test is skipped where Fabric is not built.
func testBin(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED: -short: the tests on a real network do not run")
	}
	if _, err := os.Stat(filepath.Join(fabricBin, "peer")); err != nil {
		t.Skip("SKIPPED: bin/peer is missing: build Fabric's programs with `make build` to run the tests on a real network")
	}
	builtOnce.Do(func() { builtBin, builtErr = buildTestBin() })
	if builtErr != nil {
		t.Fatal(builtErr)
	}
	return builtBin
}

var (
	builtOnce sync.Once
	builtBin  string
	builtErr  error
)

func TestMain(m *testing.M) {
	code := m.Run()
	if builtBin != "" {
		os.RemoveAll(builtBin)
	}
	os.Exit(code)
}

func buildTestBin() (string, error) {
	dir, err := os.MkdirTemp("", "domicile-bin-")
	if err != nil {
		return "", err
	}
	for _, name := range []string{"peer", "orderer", "configtxgen"} {
		program, err := filepath.Abs(filepath.Join(fabricBin, name))
		if err != nil {
			return dir, err
		}
		if err := os.Symlink(program, filepath.Join(dir, name)); err != nil {
			return dir, err
		}
	}
	for name, pkg := range map[string]string{"ccaasbuilder": "./ccaasbuilder", "ccaas": "./internal/testcc"} {
		cmd := exec.Command("go", "build", "-o", filepath.Join(dir, name), pkg)
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			return dir, err
		}
	}
	return dir, nil
}

// testTopology is SmallTopology with short batches.
func testTopology() Topology {
	t := SmallTopology()
	t.BatchInterval = 50 * time.Millisecond
	return t
}

const testCollections = `[
  {"name": "us-a", "policy": "OR('UsHospital.member')", "requiredPeerCount": 1, "maxPeerCount": 2, "blockToLive": 0,
   "memberOnlyRead": true, "memberOnlyWrite": true, "endorsementPolicy": {"signaturePolicy": "OR('UsHospital.peer')"}},
  {"name": "eu-a", "policy": "OR('EuHospital.member')", "requiredPeerCount": 1, "maxPeerCount": 2, "blockToLive": 0,
   "memberOnlyRead": true, "memberOnlyWrite": true, "endorsementPolicy": {"signaturePolicy": "OR('EuHospital.peer')"}}
]`

// testContext ends before the test's deadline would.
func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// testOptions is a small network in a directory that is taken down at the end.
func testOptions(t *testing.T) Options {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "net")
	t.Cleanup(func() {
		if n, err := Open(dir); err == nil {
			if err := n.Down(context.Background()); err != nil {
				t.Error(err)
			}
		}
	})
	return Options{
		Dir: dir, BinDir: testBin(t), Topology: testTopology(), CollectionsConfig: []byte(testCollections),
		Progress: func(s string) { t.Log(s) },
	}
}
