package erasure_test

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"

	"domicile/erasure"
)

// TestMain lets the test binary be the process that holds a leak: it keeps what it reads from stdin in memory.
func TestMain(m *testing.M) {
	if os.Getenv("ERASURE_TEST_HOLD") == "" {
		os.Exit(m.Run())
	}
	in := bufio.NewReader(os.Stdin)
	line, err := in.ReadString('\n')
	if err != nil {
		os.Exit(1)
	}
	held := strings.Repeat(line, 3)
	os.Stdout.WriteString("ready\n")
	_, _ = in.ReadString('\n') // until stdin is closed
	os.Stdout.WriteString(held[:0])
}

func TestProcessMemoryIsSearched(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "ERASURE_TEST_HOLD=1")
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	// The canary of the other tests is a constant of the binary itself; this one exists in no file.
	secret := "held-" + strings.Repeat("only", 2) + "-in-memory"
	_, err = in.Write([]byte(secret + "\n"))
	must(t, err)
	_, err = bufio.NewReader(out).ReadString('\n')
	must(t, err)

	r, err := erasure.ScanProcess(t.Context(), cmd.Process.Pid, patterns(secret))
	if errors.Is(err, fs.ErrPermission) {
		t.Skipf("SKIPPED: memory of other processes may not be read here: %v", err)
	}
	must(t, err)
	if got := forms(r)[erasure.FormMemory]; got < 3 {
		t.Fatalf("%d hits, want at least 3: %+v", got, r)
	}
	r, err = erasure.ScanProcess(t.Context(), cmd.Process.Pid, patterns("never-"+secret))
	must(t, err)
	if len(r.Findings) != 0 || r.Bytes == 0 {
		t.Fatalf("%+v", r)
	}
	t.Logf("%d mappings, %d bytes, not covered: %v", r.Files, r.Bytes, r.NotCovered)

	must(t, in.Close())
	must(t, cmd.Wait())
	if _, err := erasure.ScanProcess(t.Context(), cmd.Process.Pid, patterns(secret)); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("ended process: %v", err)
	}
}
