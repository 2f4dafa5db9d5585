package erasure_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"domicile/erasure"
)

// sampleLedger returns the data directory of a peer that Fabric ships for its own tests.
func sampleLedger(t *testing.T) string {
	t.Helper()
	cmd := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/hyperledger/fabric")
	cmd.Dir = filepath.Join("..", "network", "fabric")
	cmd.Env = append(cmd.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off")
	out, err := cmd.Output()
	dir := strings.TrimSpace(string(out))
	if err != nil || dir == "" {
		t.Skipf("SKIPPED: Fabric's sources are not in the module cache, its sample ledger is not read: %v", err)
	}
	return filepath.Join(dir, "internal", "ledgerutil", "testdata", "sample_prod", "ledgersData")
}

func TestALedgerWrittenByFabricIsReadWhole(t *testing.T) {
	dir := sampleLedger(t)
	named := map[string]int{}
	next := uint64(0)
	var arg []byte
	for b, err := range erasure.Blocks(filepath.Join(dir, "chains")) {
		must(t, err)
		if b.Header.Number != next {
			t.Fatalf("block %d follows block %d", b.Header.Number, next)
		}
		next++
		for _, f := range erasure.BlockFields(b.Block) {
			_, part, _ := strings.Cut(f.Path, ".")
			named[part]++
			if strings.Contains(f.Path, "undecoded") || strings.Contains(f.Path, ".unknown") || strings.Contains(f.Path, "transient") {
				t.Errorf("block %d: %s", b.Header.Number, f.Path)
			}
			if part == "args[1]" && len(f.Bytes) >= erasure.MinPattern {
				arg = bytes.Clone(f.Bytes)
			}
		}
	}
	for _, part := range []string{"creator.subject", "creator.mspid", "args[0]", "endorsement[0].subject", "rwset._lifecycle.namespace", "envelope"} {
		if named[part] == 0 {
			t.Errorf("no field %s in %d blocks; there are %v", part, next, named)
		}
	}
	r, err := erasure.Scan(t.Context(), erasure.Options{Roots: []string{dir}, Patterns: []erasure.Pattern{{Name: "argument", Bytes: arg}}})
	must(t, err)
	t.Logf("%d blocks; %d files, %d bytes, %v, not covered %v", next, r.Files, r.Bytes, forms(r), r.NotCovered)
	if forms(r)[erasure.FormRaw] == 0 || len(r.NotCovered) > 0 {
		t.Errorf("%v, not covered %v", forms(r), r.NotCovered)
	}
}
