package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/syndtr/goleveldb/leveldb"

	"domicile/internal/cli"
)

// hookScript keeps a file for each running peer and notes what it is asked.
const hookScript = `#!/bin/sh
echo "$1 $2" >> "$(dirname "$0")/calls"
up="$(dirname "$0")/up-$2"
case "$1" in
  height) [ -e "$up" ] && echo 12 ;;
  stop)   rm -f "$up" ;;
  start)  touch "$up" ;;
esac
`

// hooked is an operator's machine: a hook, and peers with databases that hold a
// deleted value.
func hooked(t *testing.T, peers ...string) (dir string, args []string) {
	t.Helper()
	dir = t.TempDir()
	hook := filepath.Join(dir, "hook.sh")
	if err := os.WriteFile(hook, []byte(hookScript), 0o700); err != nil {
		t.Fatal(err)
	}
	args = []string{"purge", "scrub", "--region", "eu", "--org", "EuHospital", "--hook", hook, "--state", filepath.Join(dir, "scrub.json")}
	for _, p := range peers {
		if err := os.WriteFile(filepath.Join(dir, "up-"+p), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		data := filepath.Join(dir, p)
		for _, store := range []string{"ledgersData/pvtdataStore", "ledgersData/stateLeveldb", "transientstore"} {
			plant(t, filepath.Join(data, store))
		}
		args = append(args, "--peer", p+"="+data)
	}
	return dir, args
}

func plant(t *testing.T, dir string) {
	t.Helper()
	db, err := leveldb.OpenFile(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []func() error{
		func() error { return db.Put([]byte("k"), []byte("a-purged-value"), nil) },
		func() error { return db.Delete([]byte("k"), nil) },
		func() error { return db.Put([]byte("global\x00\x01"), []byte{11}, nil) }, // the last block of 12
		db.Close,
	} {
		if err := f(); err != nil {
			t.Fatal(err)
		}
	}
}

func scrubWith(t *testing.T, args ...string) (status int, words string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = cli.Run(t.Context(), args, strings.NewReader(""), &out, &errs)
	return status, out.String() + errs.String()
}

func TestAnOperatorsHookDrivesTheScrubWithoutALocalNetwork(t *testing.T) {
	t.Parallel()
	dir, args := hooked(t, "peer0", "peer1")
	if status, words := scrubWith(t, args...); status != 0 || !strings.Contains(words, "Nothing was stopped") {
		t.Fatalf("dry run: status %d\n%s", status, words)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "calls")); err != nil || strings.Contains(string(b), "stop") {
		t.Fatalf("the dry run called %q, %v", b, err)
	}
	status, words := scrubWith(t, append(args, "--execute")...)
	if status != 0 || strings.Count(words, "pvtdataStore") != 2 {
		t.Fatalf("status %d\n%s", status, words)
	}
	calls, err := os.ReadFile(filepath.Join(dir, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	want := "stop peer0\nstart peer0\n"
	if !strings.Contains(string(calls), want) || !strings.Contains(string(calls), strings.ReplaceAll(want, "peer0", "peer1")) {
		t.Errorf("calls\n%s", calls)
	}
	err = filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		if b, err := os.ReadFile(path); err != nil || bytes.Contains(b, []byte("a-purged-value")) {
			return fmt.Errorf("%s still holds the value (%v)", path, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// A hook that starts the peer in the background leaves it its own output.
func TestAHookThatLeavesAProcessInTheBackgroundIsNotWaitedForUntilThatEnds(t *testing.T) {
	t.Parallel()
	dir, args := hooked(t, "peer0", "peer1")
	script := strings.Replace(hookScript, `touch "$up"`, `touch "$up"; sleep 30 &`, 1)
	if err := os.WriteFile(filepath.Join(dir, "hook.sh"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	status, words := scrubWith(t, append(args, "--execute")...)
	if took := time.Since(began); status != 0 || took > 25*time.Second {
		t.Errorf("status %d after %s\n%s", status, took, words)
	}
}

func TestAPeerThatTheOperatorNamesWithoutDirectoryIsCountedAndNotStopped(t *testing.T) {
	t.Parallel()
	dir, args := hooked(t, "peer0", "peer1")
	args[len(args)-1] = "peer1"
	status, words := scrubWith(t, append(args, "--execute")...)
	if status != 0 || strings.Count(words, "pvtdataStore") != 1 || !strings.Contains(words, "no lock reaches other machines") {
		t.Fatalf("status %d\n%s", status, words)
	}
	if calls, err := os.ReadFile(filepath.Join(dir, "calls")); err != nil || strings.Contains(string(calls), "stop peer1") {
		t.Errorf("calls %q, %v", calls, err)
	}
}

func TestAnOperatorWithoutClientIsToldWhatToDoAboutPurgesThatAreNotSwept(t *testing.T) {
	t.Parallel()
	dir, args := hooked(t, "peer0", "peer1")
	db, err := leveldb.OpenFile(filepath.Join(dir, "peer0", "ledgersData", "pvtdataStore"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Put([]byte("global\x00ck"), nil, nil), db.Close()); err != nil {
		t.Fatal(err)
	}
	if status, words := scrubWith(t, args...); status != 0 || !strings.Contains(words, "1 purged keys wait for a sweep") {
		t.Errorf("dry run: status %d\n%s", status, words)
	}
	status, words := scrubWith(t, append(args, "--execute", "--patience", "100ms")...)
	if status != 1 || !strings.Contains(words, "not swept yet") || !strings.Contains(words, "--settings") {
		t.Errorf("status %d\n%s", status, words)
	}
	if calls, err := os.ReadFile(filepath.Join(dir, "calls")); err != nil || strings.Contains(string(calls), "stop") {
		t.Errorf("calls %q, %v", calls, err)
	}
}

func TestTheHookIsNotAskedToStopTheLastHealthyPeer(t *testing.T) {
	t.Parallel()
	dir, args := hooked(t, "peer0", "peer1")
	if err := os.Remove(filepath.Join(dir, "up-peer1")); err != nil {
		t.Fatal(err)
	}
	status, words := scrubWith(t, append(args, "--execute")...)
	if status != 1 || !strings.Contains(words, "no other healthy peer") {
		t.Errorf("status %d\n%s", status, words)
	}
	if calls, err := os.ReadFile(filepath.Join(dir, "calls")); err != nil || strings.Contains(string(calls), "stop") {
		t.Errorf("calls %q, %v", calls, err)
	}
}
